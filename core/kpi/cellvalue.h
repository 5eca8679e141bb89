/* cellvalue.h — the packed, checksummed value of one cell.
 * Layout: version, number of slots, bits of those that are not 0, their zigzag varints, CRC-32 over
 *         all this and the cell's place, so that a value in a wrong row is found too.
 * Callers: kpi/ only. Pure. */
#ifndef CX_KPI_CELLVALUE_H
#define CX_KPI_CELLVALUE_H

#include "kpi/def.h"

struct cell_at { /* the cell's place */
	int cube;
	int32_t day;
	struct str group;
};

struct buf;
void cell_write(struct buf *out, struct cell_at at, int nslots, const int64_t *v);
/* false: damaged, or of another number of slots. */
bool cell_read(const void *p, size_t n, struct cell_at at, int nslots, int64_t *v);
/* Is there any event of the measure in the cell? (of a count or a sum) */
static inline bool cell_has(const int64_t *v, const struct measure *m)
{
	return v[m->kind == MEASURE_SUM ? m->slot + 1 : m->slot] != 0;
}
/* The error for a damaged cell or set. */
int cell_damaged(const struct cube *c, struct cell_at at, struct cx_err *e);

#endif
