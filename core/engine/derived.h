/* derived.h — of which event types do all events of the log have all their derived fields? A derive
 * is computed once and stored with its event, so one that is new has to be made up for.
 * Flow:   derived_bind() says of each type of the set in force up to where it is done
 *         (type_plan.derived_upto); the projector walks the rest; derived_keep() remembers.
 * Callers: generation.c, projector.c. Errors: what the store says. */
#ifndef CX_ENGINE_DERIVED_H
#define CX_ENGINE_DERIVED_H

#include "engine/engine.h"

int derived_bind(struct engine *eng, bool empty_log, struct cx_err *e);
/* Those of plugins that run are done up to `least` at the least; in memory derived_moved() says it.
 */
int derived_keep(struct engine *eng, int64_t least, struct cx_err *e);
void derived_moved(struct engine *eng, int64_t least);

#endif
