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
};

struct dense {
	uint64_t *w; /* of level l (from 0), word i is w[i * levels + l]: levels side by side */
	uint32_t n;  /* words of each level, whole containers */
	int levels;
};

struct dense *dense_new(int levels, uint32_t words);
struct dense *dense_copy(const struct dense *d);
void dense_free(struct dense *d);
void dense_resize(struct dense *d, uint32_t words);     /* never smaller */
uint64_t dense_count(const struct dense *d, int level); /* from 0 */

void dense_add(struct dense *d, uint32_t id, enum adding how);
/* One level: bytes of the portable format, found sound before, or a bitmap. */
void dense_add_portable(struct dense *d, const void *p, size_t n, enum adding how);
void dense_add_roaring(struct dense *d, const roaring_bitmap_t *b, enum adding how);
void dense_add_dense(struct dense *d, const struct dense *from, enum adding how);
/* Sets of days, those of a day together: each id is seen once more on each day that has it. */
struct day_set {
	int32_t day;
	size_t at, n; /* its bytes among all of them */
};
void dense_add_days(struct dense *d, const char *bytes, const struct day_set *v, size_t n);
/* One level as a bitmap; NULL: no memory. */
roaring_bitmap_t *dense_roaring(const struct dense *d, int level);
struct dense *dense_level(const struct dense *d, int level); /* as a set of one level */

#endif
