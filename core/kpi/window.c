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

void window_free(struct window *w)
{
	free(w->scanned);
	free(w->pieces);
	*w = (struct window){0};
}

void window_scan(struct window *w, int32_t first, int32_t last)
{
	struct days *end = w->scanned + w->nscanned;
	if (w->nscanned && end[-1].last < first && end[-1].last + 1 == first) {
		end[-1].last = last;
		return;
	}
	if (w->nscanned == w->cap_scanned) {
		w->cap_scanned = w->cap_scanned ? w->cap_scanned * 2 : 16;
		w->scanned = xrealloc(w->scanned, (size_t)w->cap_scanned * sizeof *w->scanned);
	}
	w->scanned[w->nscanned++] = (struct days){first, last};
}

static int by_first(const void *x, const void *y)
{
	const struct days *a = x, *b = y;
	return (a->first > b->first) - (a->first < b->first);
}

static void add_piece(struct window *w, int64_t from_ms, int64_t to_ms)
{
	if (w->npieces && w->pieces[w->npieces - 1].to_ms == from_ms)
		w->pieces[w->npieces - 1].to_ms = to_ms;
	else
		w->pieces[w->npieces++] = (struct edge){from_ms, to_ms};
}

void window_settle(struct window *w)
{
	int n = 0;
	if (w->nscanned)
		qsort(w->scanned, (size_t)w->nscanned, sizeof *w->scanned, by_first);
	for (int i = 0; i < w->nscanned; i++) {
		struct days d = w->scanned[i];
		if (n && d.first <= (int64_t)w->scanned[n - 1].last + 1) {
			if (d.last > w->scanned[n - 1].last)
				w->scanned[n - 1].last = d.last;
		} else {
			w->scanned[n++] = d;
		}
	}
	w->nscanned = n;
	free(w->pieces);
	w->pieces = xcalloc((size_t)n + 2, sizeof *w->pieces);
	w->npieces = 0;
	if (w->before)
		add_piece(w, w->edges[0].from_ms, w->edges[0].to_ms);
	for (int i = 0; i < n; i++) {
		struct days d = w->scanned[i];
		add_piece(w, d.first == INT32_MIN ? INT64_MIN : tz_day_start(d.first),
			d.last == INT32_MAX ? INT64_MAX : tz_day_start(d.last + 1));
	}
	if (w->after)
		add_piece(w, w->edges[1].from_ms, w->edges[1].to_ms);
}

bool window_scanned(const struct window *w, int32_t day)
{
	int lo = 0, hi = w->nscanned; /* the first one that ends at day or later */
	while (lo < hi) {
		int mid = lo + (hi - lo) / 2;
		if (w->scanned[mid].last < day)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < w->nscanned && w->scanned[lo].first <= day;
}

static bool day_start(int64_t ms)
{
	return tz_day_start(tz_day(ms)) == ms;
}

/* The first instant of a day, which is not midnight where the clock skips it, stays one. */
static int64_t moved(int64_t ms, struct duration d, int sign)
{
	if (d.ms || !day_start(ms))
		return duration_add(ms, d, sign);
	return tz_day_start(civil_add_months(tz_day(ms), sign * d.months) + sign * d.days);
}

/* The same, kept within the calendar. */
static int64_t kept(int64_t ms, const struct move *m)
{
	int64_t out = moved(ms, m->d, m->sign);
	return out < TZ_MS_MIN ? TZ_MS_MIN : out > TZ_MS_MAX ? TZ_MS_MAX : out;
}

bool span_move(struct span *s, const struct move *m)
{
	if (m->before) {
		*s = (struct span){
			.has_to = true, .ended = true, .empty = !s->has_from, .to_ms = s->from_ms};
		return true;
	}
	if (!s->has_from && !s->ended)
		return false;
	if (s->has_from)
		s->from_ms = kept(s->from_ms, m);
	if (s->has_to && !s->empty)
		s->to_ms = kept(s->to_ms, m);
	return true;
}

/* What goes from one first instant of a day to another: months where both begin one, else days. */
static struct duration between(int64_t from, int64_t to)
{
	int y1, m1, d1, y2, m2, d2;
	int32_t first = tz_day(from), last = tz_day(to);
	civil_from_day(first, &y1, &m1, &d1);
	civil_from_day(last, &y2, &m2, &d2);
	if (d1 == 1 && d2 == 1)
		return (struct duration){.months = (y2 - y1) * 12 + m2 - m1};
	return (struct duration){.days = last - first};
}

bool kpi_query_before(const struct kpi_query *q, struct kpi_query *b)
{
	const struct duration year = {.months = 12};
	struct duration d = {.months = q->last_months, .days = q->last_days};
	*b = *q;
	b->compare = COMPARE_NONE;
	b->every = EVERY_NONE;
	b->pool = 0;
	if (!d.months && !d.days && day_start(q->from_ms) && day_start(q->to_ms))
		d = between(q->from_ms, q->to_ms);
	if (q->compare == COMPARE_YEAR) {
		b->from_ms = moved(q->from_ms, year, -1);
		b->to_ms = moved(q->to_ms, year, -1);
	} else {
		b->to_ms = q->from_ms;
		b->from_ms = d.months || d.days ? moved(q->from_ms, d, -1)
						: q->from_ms - (q->to_ms - q->from_ms);
	}
	return b->from_ms >= TZ_MS_MIN;
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
		struct bucket b = {day, tz_day_start(day), tz_day_start(next), false};
		b.cut = (q->has_from && b.from_ms < q->from_ms) ||
			(q->has_to && b.to_ms > q->to_ms) || b.to_ms > q->now_ms;
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
