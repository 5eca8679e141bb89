/* cellvalue.h — the packed, checksummed value of one cell: which of its integers were ever added to
 * (a sum of 0 is not no event), and the integers.
 * Layout: version, number of slots, bits of touched slots, zigzag varints of the touched ones,
 *         CRC-32 over all this and the cell's place, so that a value in a wrong row is found too.
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
size_t cell_bits(int nslots); /* bytes of the touched bits */
static inline bool cell_touched(const uint8_t *bits, int slot)
{
	return bits[slot / 8] >> slot % 8 & 1;
}
void cell_write(
	struct buf *out, struct cell_at at, int nslots, const uint8_t *touched, const int64_t *v);
/* false: damaged, or of another number of slots. *touched points into p; untouched v are 0. */
bool cell_read(const void *p, size_t n, struct cell_at at, int nslots, const uint8_t **touched,
	int64_t *v);
/* The error for a damaged cell or set. */
int cell_damaged(const struct cube *c, struct cell_at at, struct cx_err *e);

#endif
