#include "kpi/window.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/tz.h"

void window_of(const struct kpi_query *q, struct window *w)
{
	*w = (struct window){.first = INT32_MIN, .last = INT32_MAX};
	int32_t d1 = q->has_from ? tz_day(q->from_ms) : INT32_MIN;
	int32_t d2 = q->has_to ? tz_day(q->to_ms) : INT32_MAX;
	bool cut = q->has_from && q->from_ms > tz_day_start(d1);
	if (q->has_from && q->has_to && d1 == d2) { /* inside one day: no whole one */
		w->first = d1;
		w->last = d1 - 1;
		w->before = true;
		w->edges[0] = (struct edge){q->from_ms, q->to_ms};
		return;
	}
	if (q->has_from) {
		w->first = cut ? d1 + 1 : d1;
		w->before = cut;
		w->edges[0] = (struct edge){q->from_ms, tz_day_start(d1 + 1)};
	}
	if (q->has_to) {
		w->last = d2 - 1;
		w->after = q->to_ms > tz_day_start(d2);
		w->edges[1] = (struct edge){tz_day_start(d2), q->to_ms};
	}
}

static int32_t bucket_start(enum every every, int32_t day)
{
	int y, m, d;
	if (every == EVERY_DAY)
		return day;
	if (every == EVERY_WEEK) { /* 1970-01-01 was a Thursday; ISO weeks begin on Monday */
		int since = (int)(((int64_t)day + 3) % 7);
		return day - (since < 0 ? since + 7 : since);
	}
	civil_from_day(day, &y, &m, &d);
	if (every == EVERY_QUARTER)
		m = (m - 1) / 3 * 3 + 1;
	else if (every == EVERY_YEAR)
		m = 1;
	return civil_day(y, m, 1);
}

static int32_t bucket_next(enum every every, int32_t start)
{
	switch (every) {
	case EVERY_WEEK: return start + 7;
	case EVERY_MONTH: return civil_add_months(start, 1);
	case EVERY_QUARTER: return civil_add_months(start, 3);
	case EVERY_YEAR: return civil_add_months(start, 12);
	default: return start + 1;
	}
}

int window_buckets(const struct kpi_query *q, int32_t lo, int32_t hi, struct bucket **v, int *n)
{
	int cap = 0;
	*v = NULL;
	*n = 0;
	for (int32_t next, day = bucket_start(q->every, lo); day <= hi; day = next) {
		next = bucket_next(q->every, day);
		struct bucket b = {day, tz_day_start(day), tz_day_start(next)};
		if (q->has_from && b.from_ms < q->from_ms)
			b.from_ms = q->from_ms;
		if (q->has_to && b.to_ms > q->to_ms)
			b.to_ms = q->to_ms;
		if (b.from_ms >= b.to_ms) /* a day that the zone left out */
			continue;
		if (*n == SERIES_MAX)
			return -1;
		if (*n == cap) {
			cap = cap ? cap * 2 : 64;
			*v = xrealloc(*v, (size_t)cap * sizeof **v);
		}
		(*v)[(*n)++] = b;
	}
	return 0;
}

int window_bucket(const struct bucket *v, int n, int32_t day)
{
	int lo = 0, hi = n; /* the last one that begins at day or before */
	while (lo < hi) {
		int mid = lo + (hi - lo) / 2;
		if (v[mid].first <= day)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo - 1;
}
