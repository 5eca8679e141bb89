/* cellvalue.h — the packed, checksummed value of one cell.
 * Layout: version, number of integers, bits of those that are not 0, their zigzag varints, the
 *         packed histograms, a checksum (hash_bytes) over all this and the cell's place, so that a
 * value in a wrong row is found too. Callers: kpi/ only. Pure. */
#ifndef CX_KPI_CELLVALUE_H
#define CX_KPI_CELLVALUE_H

#include "kpi/def.h"
#include "kpi/hist.h"

struct cell_at { /* the cell's place */
	int cube;
	int32_t day;
	struct str group;
};

struct cell_value { /* of a cube: so many of each; the arrays are the caller's */
	int nslots, nhists;
	int64_t *v;
	struct hist *h; /* reading: NULL leaves them unread */
};

void cell_write(struct buf *out, struct cell_at at, const struct cell_value *v);
/* false: damaged, or of another number of integers or histograms. */
bool cell_read(const void *p, size_t n, struct cell_at at, struct cell_value *v);
/* Is there any event of the measure in the cell? (not of a distinct) */
static inline bool cell_has(const struct cell_value *v, const struct measure *m)
{
	if (m->kind == MEASURE_HISTOGRAM)
		return v->h[m->hist].total != 0;
	return v->v[m->kind == MEASURE_SUM ? m->slot + 1 : m->slot] != 0;
}
/* No event at all: what was counted was taken out again. Sets are not looked at. */
bool cell_empty(const struct cell_value *v);
/* The error for a damaged cell or set. */
int cell_damaged(const struct cube *c, struct cell_at at, struct cx_err *e);

#endif
