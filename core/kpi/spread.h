/* spread.h — values as they came, and the quantiles of them: for spans of time too various to be
 * counted value by value (hist.h).
 * Flow:   spread_add() or spread_join(), then spread_quantile(), which puts them in another order.
 * Owns:   its array, eight bytes a value.
 * Source: quantile: type 7 of Hyndman and Fan 1996, Am. Stat. 50; selection: Hoare 1961, CACM 4.
 * Pure. */
#ifndef CX_KPI_SPREAD_H
#define CX_KPI_SPREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spread {
	int64_t *v;
	size_t n, cap;
};
void spread_add(struct spread *s, int64_t value);
void spread_join(struct spread *s, const struct spread *more);
bool spread_quantile(struct spread *s, double p, double *out); /* false: it is empty */
void spread_free(struct spread *s);

#endif
