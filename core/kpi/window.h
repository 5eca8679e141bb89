/* window.h — a query's window in days: which whole days cells answer, which pieces of it are
 * scanned, the buckets of a series, and windows moved.
 * Callers: kpi/ only. Pure but for the zone.
 * Units:  days as in base/tz.h, both ends included; ms half open. */
#ifndef CX_KPI_WINDOW_H
#define CX_KPI_WINDOW_H

#include "kpi/query.h"

enum { SERIES_MAX = 100000 }; /* buckets × groups */

struct edge { /* a piece of time */
	int64_t from_ms, to_ms;
};
struct days { /* both included */
	int32_t first, last;
};
struct window {
	int32_t first, last;  /* whole days; first > last: none */
	struct edge edges[2]; /* before and after the whole days */
	bool before, after;
	struct days *scanned; /* whole days that are scanned, ascending, not touching */
	int nscanned, cap_scanned;
	struct edge *pieces; /* all that is scanned, ascending, touching ones joined */
	int npieces;
};
void window_of(const struct kpi_query *q, struct window *w);
void window_free(struct window *w);
void window_scan(struct window *w, int32_t first, int32_t last); /* adds such days, in any order */
void window_settle(struct window *w); /* all are there: puts them in order, and the pieces */
bool window_scanned(const struct window *w, int32_t day);

/* A window as formulas move it. */
struct span {
	bool has_from, has_to;
	bool ended; /* of before(): moved by its end */
	bool empty;
	int64_t from_ms, to_ms;
};
struct move { /* shift by sign × d, or before() */
	bool before;
	struct duration d;
	int sign;
};
bool span_move(struct span *s, const struct move *m); /* false: there is no `from` to be moved */
/* The window that q is compared with (?compare), without series; false: it would begin before the
 * year 1. */
bool kpi_query_before(const struct kpi_query *q, struct kpi_query *before);

struct bucket {
	int32_t first; /* its first day; it ends where the next begins */
	int64_t from_ms, to_ms;
	bool cut; /* by the window, or because it is not over yet */
};
/* The calendar's pieces over the days lo…hi, cut by the window where it has an end. -1: more than
 * SERIES_MAX. */
int window_buckets(const struct kpi_query *q, int32_t lo, int32_t hi, struct bucket **v, int *n);
/* Index of the bucket of a day, -1 outside. */
int window_bucket(const struct bucket *v, int n, int32_t day);

#endif
