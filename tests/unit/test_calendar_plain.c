/* Opening hours and business days against a plain counter of minutes and days, in zones that change
 * their clocks. */
#include "calendar_fixture.h"

static uint32_t seed = 2026;
static int rnd(int n)
{
	seed = seed * 1664525 + 1013904223;
	return (int)((seed >> 8) % (uint32_t)n);
}

struct plain {
	bool open[HOURS_DAYS][24 * 4]; /* by quarters */
	int32_t off[40];
	int noff;
};

static bool is_off(const struct plain *p, int32_t day)
{
	for (int i = 0; i < p->noff; i++)
		if (p->off[i] == day)
			return true;
	return false;
}

/* Random shifts between 04:00 and 23:00, where no clock changes, or all day. */
static struct calendar *random_calendar(struct plain *p, int32_t around)
{
	static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Hol"};
	struct calendar *c = calendar_new(false);
	char hours[2000] = "", why[300], date[16];
	*p = (struct plain){0};
	for (int d = 0; d < HOURS_DAYS; d++) {
		int shifts = d == HOURS_HOLIDAY ? rnd(2) : rnd(4), q = d == 0 ? 20 : 16;
		if (d == 0 && !shifts)
			shifts = 1;
		bool whole = rnd(8) == 0;
		for (int s = 0; s < (whole ? 1 : shifts); s++) {
			int from = whole ? 0 : q + rnd(10), to = whole ? 96 : from + 1 + rnd(20);
			if (to > 92 && !whole)
				break;
			snprintf(hours + strlen(hours), 40, "%s%s %02d:%02d-%02d:%02d",
				*hours ? ", " : "", days[d], from / 4, from % 4 * 15, to / 4,
				to % 4 * 15);
			for (int k = from; k < to; k++)
				p->open[d][k] = true;
			q = to;
		}
	}
	if (!calendar_set_hours(c, text(""), hours, why, sizeof why))
		fail_msg("%s: %s", hours, why);
	for (p->noff = 0; p->noff < 10; p->noff++) {
		p->off[p->noff] = around + rnd(60);
		tz_day_text(p->off[p->noff], date);
		add(c, "", date, "x", "", "");
	}
	return c;
}

static const bool *quarters(const struct plain *p, int32_t day)
{
	return p->open[is_off(p, day) ? HOURS_HOLIDAY : (day + 3) % 7];
}

static bool is_open(const struct plain *p, int64_t ms)
{
	int64_t wall = tz_wall(ms);
	int32_t day = (int32_t)(wall / TZ_DAY_MS);
	return quarters(p, day)[wall % TZ_DAY_MS / 900000];
}

static bool opens(const struct plain *p, int32_t day)
{
	for (int k = 0; k < 96; k++)
		if (quarters(p, day)[k])
			return true;
	return false;
}

static void like_a_counter_of_minutes(void **state)
{
	(void)state;
	static const char *const zones[] = {
		"America/Sao_Paulo", "Europe/Lisbon", "America/New_York", "UTC"};
	static const char *const around[] = {
		"2018-10-20", "2018-02-01", "2026-03-01", "2026-10-12"};
	for (int round = 0; round < 400; round++) {
		struct plain p;
		assert_true(tz_setup(zones[round % 4]));
		int32_t day = day_of(around[round / 4 % 4]), to;
		struct calendar *c = random_calendar(&p, day);
		int64_t from = tz_day_start(day) + rnd(20 * 1440) * 60000LL + rnd(2) * 30000, got;
		int want = 1 + rnd(3000);
		struct duration d = {.ms = want * 60000LL, .business = true};
		assert_true(calendar_due(c, text(NULL), from, d, false, &got));
		int64_t t = from / 60000 * 60000, due = 0;
		/* of a begun minute only what is left of it counts */
		int64_t need = want * 60000LL;
		for (int64_t m = t; need > 0; m += 60000) {
			int64_t begin = m == t ? from : m, room = m + 60000 - begin;
			if (!is_open(&p, m))
				continue;
			due = begin + (need < room ? need : room);
			need -= room;
		}
		if (got != due || calendar_open_between(c, text(NULL), from, got) != d.ms)
			fail_msg("round %d, %s: %d minutes from %lld: %lld, not %lld", round,
				zones[round % 4], want, (long long)from, (long long)got,
				(long long)due);
		int n = 1 + rnd(20), seen = 0;
		int32_t last = tz_day(from);
		while (seen < n)
			seen += opens(&p, ++last);
		assert_true(calendar_step(c, text(NULL), tz_day(from), n, false, &to));
		assert_int_equal(to, last);
		assert_true(calendar_step(c, text(NULL), to + 1, -1, false, &to));
		assert_int_equal(to, last);
		calendar_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(like_a_counter_of_minutes)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
