/* hist.h — a histogram: how many events had which value (or bucket), exact.
 * Flow:   one per cell and measure (cells.h), merged over days and groups by queries, read by
 *         formulas. Values are int64 in the field's unit; a bucket is named by its lowest value.
 * Owns:   its arrays. Counts are never negative; a value whose count came to 0 is gone.
 * Source: quantile: type 7 of Hyndman and Fan 1996, Am. Stat. 50; variance: n − 1. */
#ifndef CX_KPI_HIST_H
#define CX_KPI_HIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { HIST_VALUES_MAX = 100000 }; /* different values a window, or a cell, may have */

struct hist {
	int64_t *values, *counts; /* ascending values */
	size_t n, cap;            /* different values */
	int64_t total;            /* of the counts */
};

void hist_free(struct hist *h); /* and empties it */
/* The bucket a value falls in: the greatest multiple of width ≤ value. */
int64_t hist_bucket(int64_t value, int64_t width);
/* times may be negative (an event that no longer counts). false: HIST_VALUES_MAX are there already,
 * or less than nothing would be left; h is unchanged. */
bool hist_add(struct hist *h, int64_t value, int64_t times);
bool hist_merge(struct hist *into, const struct hist *from); /* false: more than HIST_VALUES_MAX */
int64_t hist_count(const struct hist *h, int64_t value);
/* All of these: false when h is empty (variance: of fewer than two). */
bool hist_quantile(const struct hist *h, double p, double *out);
bool hist_mean(const struct hist *h, double *out);
bool hist_variance(const struct hist *h, double *out);
bool hist_min(const struct hist *h, int64_t *out);
bool hist_max(const struct hist *h, int64_t *out);

/* Packed: number of values, the first value and the distances to the next ones, the counts, as
 * varints. hist_read: bytes used, 0 = damaged. */
void hist_write(const struct hist *h, struct buf *out);
size_t hist_read(struct hist *h, const uint8_t *p, const uint8_t *end);

#endif
