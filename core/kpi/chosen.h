/* chosen.h — who stands of a key, remembered, so that the next event of the key need not ask the
 * candidates in the store.
 * Flow:   count.h asks before it looks at the candidates, and says who stands afterwards. What else
 *         changes candidates or families forgets everything.
 * Callers: kpi/count.c; cells.c owns it. Of limited size: two keys may share a place. Pure. */
#ifndef CX_KPI_CHOSEN_H
#define CX_KPI_CHOSEN_H

#include "store/store.h"

struct chosen;
struct chosen *chosen_new(void);
void chosen_free(struct chosen *ch);
/* rank, seq and recorded_ms of the one that stands; false: not known here. */
bool chosen_get(const struct chosen *ch, int rule, uint32_t ident, struct candidate *c);
/* c stands, and no candidate of its rank or a better one has ceased to. */
void chosen_put(struct chosen *ch, int rule, uint32_t ident, const struct candidate *c);
void chosen_forget(struct chosen *ch);

#endif
