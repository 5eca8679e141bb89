/* dense.h — a set with levels (set.h) as plain bits: what many small sets are merged into. Adding
 * an id costs a few nanoseconds, whatever is there already; an empty stretch costs as much as a
 * full one, so set.c uses it only where ids lie close. Callers: set.c only. Owns its memory.
 * Errors: none; ids beyond `n` words are the caller's to make room for. */
#ifndef CX_KPI_DENSE_H
#define CX_KPI_DENSE_H

#include <roaring/roaring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kpi/portable.h"

enum adding {
	ADD_TIMES, /* seen once more */
	ADD_UNION, /* seen at least once */
	ADD_DAY,   /* seen once more, unless already on the open day */
};

struct dense {
	uint64_t *w; /* of level l (from 0), word i is w[i * planes + l]: levels side by side */
	uint32_t n;  /* words of each level, whole containers */
	int levels;
	int planes;    /* levels, and one more once days are asked for: ids of the open day */
	uint32_t *day; /* words with such ids */
	size_t nday, cap_day;
};

struct dense *dense_new(int levels, uint32_t words, bool days);
struct dense *dense_copy(const struct dense *d);
void dense_free(struct dense *d);
void dense_resize(struct dense *d, uint32_t words, bool days);     /* never smaller */
void dense_open_day(struct dense *d, const roaring_bitmap_t *ids); /* made with days */
void dense_close_day(struct dense *d);
uint64_t dense_count(const struct dense *d, int level); /* from 0 */

void dense_add(struct dense *d, uint32_t id, enum adding how);
/* One level: bytes of the portable format, found sound before, or a bitmap. */
void dense_add_portable(struct dense *d, const void *p, size_t n, enum adding how);
void dense_add_roaring(struct dense *d, const roaring_bitmap_t *b, enum adding how);
void dense_add_dense(struct dense *d, const struct dense *from, enum adding how);
/* One level as a bitmap; levels: the open day. NULL: no memory. */
roaring_bitmap_t *dense_roaring(const struct dense *d, int level);
struct dense *dense_level(const struct dense *d, int level); /* as a set of one level */

#endif
