#include "base/calendar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/holidays.h"
#include "base/hours.h"
#include "base/tz.h"

enum { NEVER_DAYS = 3660, FRIDAY = 4 };

struct named_holiday {
	struct holiday rule;
	char *name;
};

struct place { /* the company ("") or a unit */
	char *name;
	bool has_hours;
	struct week week;
	struct named_holiday *holidays;
	int n;
};

struct calendar {
	bool national;
	struct place *places; /* by name, so the company is the first */
	int nplaces;
	struct buf text; /* with its NUL */
};

/* ---- made */

/* The place of this name, or where it belongs. */
static int place_at(const struct calendar *c, struct str name, bool *there)
{
	int lo = 0, hi = c->nplaces;
	*there = false;
	while (lo < hi) {
		int mid = (lo + hi) / 2;
		const char *have = c->places[mid].name;
		size_t n = strlen(have), both = n < name.n ? n : name.n;
		int order = both ? memcmp(have, name.p, both) : 0;
		order = order ? order : (n > name.n) - (n < name.n);
		*there = order == 0;
		if (order == 0)
			return mid;
		if (order < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct place *place_for(struct calendar *c, struct str name)
{
	bool there;
	int at = place_at(c, name, &there);
	if (there)
		return &c->places[at];
	c->places = xrealloc(c->places, (size_t)(c->nplaces + 1) * sizeof *c->places);
	memmove(c->places + at + 1, c->places + at, (size_t)(c->nplaces - at) * sizeof *c->places);
	c->nplaces++;
	c->places[at] = (struct place){.name = xstrndup(name.n ? name.p : "", name.n)};
	return &c->places[at];
}

struct calendar *calendar_new(bool national)
{
	struct calendar *c = xcalloc(1, sizeof *c);
	c->national = national;
	buf_printf(&c->text, "holidays=%s\n", national ? "br" : "none");
	calendar_set_hours(c, STR(""), CALENDAR_HOURS, NULL, 0);
	return c;
}

void calendar_free(struct calendar *c)
{
	for (int i = 0; c && i < c->nplaces; i++) {
		for (int k = 0; k < c->places[i].n; k++)
			free(c->places[i].holidays[k].name);
		free(c->places[i].holidays);
		free(c->places[i].name);
	}
	if (c) {
		free(c->places);
		buf_free(&c->text);
	}
	free(c);
}

bool calendar_set_hours(
	struct calendar *c, struct str unit, const char *text, char *why, size_t cap)
{
	struct week week;
	if (!hours_parse(&week, text, why, cap))
		return false;
	struct place *p = place_for(c, unit);
	p->week = week;
	p->has_hours = true;
	buf_printf(&c->text, "%s=%s\n", p->name, text);
	buf_cstr(&c->text);
	return true;
}

bool calendar_add(struct calendar *c, struct str unit, struct str date, struct str name,
	struct str from, struct str until, char *why, size_t cap)
{
	struct holiday rule;
	if (!holiday_parse(&rule, date, from, until, why, cap))
		return false;
	struct place *p = place_for(c, unit);
	p->holidays = xrealloc(p->holidays, (size_t)(p->n + 1) * sizeof *p->holidays);
	p->holidays[p->n++] = (struct named_holiday){rule, xstrndup(name.p, name.n)};
	buf_printf(&c->text, "%s,%d,%d,%d,%d,%d,%.*s\n", p->name, (int)rule.kind, rule.month,
		rule.n, (int)rule.from, (int)rule.until, (int)name.n, name.p);
	buf_cstr(&c->text);
	return true;
}

/* ---- asked */

static const struct calendar *known(const struct calendar *c)
{
	static struct calendar *standard;
	if (!c && !standard)
		standard = calendar_new(true);
	return c ? c : standard;
}

const char *calendar_text(const struct calendar *c)
{
	return known(c)->text.p;
}

struct asked { /* a calendar as one unit sees it */
	bool national;
	const struct place *all, *unit; /* unit may be NULL */
	const struct week *week;
};

static struct asked ask(const struct calendar *c, struct str unit)
{
	bool there;
	c = known(c);
	int at = place_at(c, unit, &there);
	const struct place *p = there && at > 0 ? &c->places[at] : NULL;
	return (struct asked){
		c->national, &c->places[0], p, p && p->has_hours ? &p->week : &c->places[0].week};
}

static const char *named(const struct place *p, const struct date *d)
{
	for (int i = 0; p && i < p->n; i++)
		if (holiday_is(&p->holidays[i].rule, d))
			return p->holidays[i].name;
	return NULL;
}

static const char *holiday(const struct asked *a, int32_t day)
{
	struct date d = date_of(day);
	const char *name = a->national ? holiday_national(&d) : NULL;
	if (!name)
		name = named(a->all, &d);
	return name ? name : named(a->unit, &d);
}

static int weekday(int32_t day) /* Monday is 0 */
{
	return ((day + 3) % 7 + 7) % 7;
}

static const struct day_hours *hours_of(const struct asked *a, int32_t day)
{
	return &a->week->day[holiday(a, day) ? HOURS_HOLIDAY : weekday(day)];
}

static bool business(const struct asked *a, int32_t day, bool law)
{
	if (law)
		return weekday(day) <= FRIDAY && !holiday(a, day);
	return hours_of(a, day)->n > 0;
}

static bool step(const struct asked *a, int32_t day, int n, bool law, int32_t *to)
{
	int by = n < 0 ? -1 : 1, left = n < 0 ? -n : n;
	if (n == 0) {
		day--;
		left = 1;
	}
	for (int closed = 0; left > 0 && closed < NEVER_DAYS;) {
		day += by;
		bool is = business(a, day, law);
		left -= is;
		closed = is ? 0 : closed + 1;
	}
	*to = day;
	return left == 0;
}

const char *calendar_holiday(const struct calendar *c, struct str unit, int32_t day)
{
	struct asked a = ask(c, unit);
	return holiday(&a, day);
}

bool calendar_business(const struct calendar *c, struct str unit, int32_t day, bool law)
{
	struct asked a = ask(c, unit);
	return business(&a, day, law);
}

bool calendar_step(
	const struct calendar *c, struct str unit, int32_t day, int n, bool law, int32_t *to)
{
	struct asked a = ask(c, unit);
	return step(&a, day, n, law, to);
}

/* A minute of a day as instant; the day's ends are those of tz_day_start(), so that midnight is one
 * instant also where the clock changes then. */
static int64_t minute_at(int32_t day, int minute)
{
	if (minute == 0 || minute == HOURS_END)
		return tz_day_start(day + (minute == HOURS_END));
	return tz_instant(day * TZ_DAY_MS + minute * 60000LL);
}

/* The k-th span of a day, as instants after *open ≤ *close. A gap may move a span into the next
 * one, and no time is opened twice. */
static void span_at(const struct day_hours *h, int32_t day, int k, int64_t *open, int64_t *close)
{
	int64_t end = tz_day_start(day + 1), before = k ? *close : tz_day_start(day);
	*open = minute_at(day, h->v[k].open);
	*close = minute_at(day, h->v[k].close);
	*open = *open < before ? before : *open;
	*close = *close > end ? end : *close;
	*close = *close < *open ? *open : *close;
}

static bool open_for(const struct asked *a, int64_t from, int64_t ms, int64_t *due)
{
	int32_t day = tz_day(from);
	for (int closed = 0; closed < NEVER_DAYS; day++) {
		const struct day_hours *h = hours_of(a, day);
		int64_t open = 0, close = 0;
		closed = h->n ? 0 : closed + 1;
		for (int k = 0; k < h->n; k++) {
			span_at(h, day, k, &open, &close);
			int64_t begin = open > from ? open : from;
			if (begin >= close)
				continue;
			*due = begin + ms;
			if (*due <= close)
				return true;
			ms -= close - begin;
		}
	}
	return false;
}

int64_t calendar_open_between(const struct calendar *c, struct str unit, int64_t from, int64_t to)
{
	struct asked a = ask(c, unit);
	int64_t sum = 0;
	if (to < from)
		return -calendar_open_between(c, unit, to, from);
	for (int32_t day = tz_day(from), last = tz_day(to); day <= last; day++) {
		const struct day_hours *h = hours_of(&a, day);
		int64_t open = 0, close = 0;
		for (int k = 0; k < h->n; k++) {
			span_at(h, day, k, &open, &close);
			int64_t begin = open > from ? open : from, end = close < to ? close : to;
			sum += end > begin ? end - begin : 0;
		}
	}
	return sum;
}

/* The day of the same number some months on, or the first after it where there is none. */
static int32_t months_by_law(int32_t day, int months)
{
	int y, m, d, y2, m2, d2;
	int32_t to = civil_add_months(day, months);
	civil_from_day(day, &y, &m, &d);
	civil_from_day(to, &y2, &m2, &d2);
	return d2 < d ? to + 1 : to;
}

bool calendar_due(const struct calendar *c, struct str unit, int64_t from, struct duration d,
	bool law, int64_t *due)
{
	struct asked a = ask(c, unit);
	int32_t day = tz_day(from);
	if (d.business && d.ms)
		return open_for(&a, from, d.ms, due) && *due <= TZ_MS_MAX;
	if (d.business || (law && (d.days || d.months))) {
		bool there =
			d.business ? step(&a, day, d.days, law, &day)
				   : step(&a, months_by_law(day, d.months) + d.days, 0, law, &day);
		*due = there ? tz_day_start(day + 1) : 0;
		return there && *due <= TZ_MS_MAX;
	}
	*due = duration_add(from, d, 1);
	return *due <= TZ_MS_MAX;
}
