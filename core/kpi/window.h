/* window.h — a query's window in days: which whole days cells answer, which pieces of edge days are
 * scanned, and the buckets of a series.
 * Callers: query.c, reply.c. Pure but for the zone.
 * Units:  days as in base/tz.h, both ends included; ms half open. */
#ifndef CX_KPI_WINDOW_H
#define CX_KPI_WINDOW_H

#include "kpi/query.h"

enum { SERIES_MAX = 100000 }; /* buckets × groups */

struct edge { /* a piece of one day */
	int64_t from_ms, to_ms;
};
struct window {
	int32_t first, last;  /* whole days; first > last: none */
	struct edge edges[2]; /* before and after the whole days */
	bool before, after;
};
void window_of(const struct kpi_query *q, struct window *w);

struct bucket {
	int32_t first; /* its first day; it ends where the next begins */
	int64_t from_ms, to_ms;
};
/* The calendar's pieces over the days lo…hi, cut by the window where it has an end. -1: more than
 * SERIES_MAX. */
int window_buckets(const struct kpi_query *q, int32_t lo, int32_t hi, struct bucket **v, int *n);
/* Index of the bucket of a day, -1 outside. */
int window_bucket(const struct bucket *v, int n, int32_t day);

#endif
