/* Days, zones, times and durations, at the places where clocks and calendars are odd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/duration.h"
#include "base/tz.h"

static int64_t at(const char *rfc3339)
{
	int64_t ms;
	if (!tz_parse_rfc3339(rfc3339, strlen(rfc3339), &ms))
		fail_msg("does not parse: %s", rfc3339);
	return ms;
}

static int64_t wall(const char *text)
{
	int64_t ms;
	if (!tz_parse_wall(text, strlen(text), &ms))
		fail_msg("does not parse: %s", text);
	return ms;
}

static const char *shown(int64_t ms)
{
	static char text[TZ_TEXT];
	tz_format(ms, text);
	return text;
}

static void instants(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "2026-11-20", "2026-11-20T12:00:00",
		"2026-11-20T12:00Z", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
		"2026-11-20T24:00:00Z", "2026-11-20T12:60:00Z", "2026-11-20T12:00:61Z",
		"2026-11-20T12:00:00.Z", "2026-11-20T12:00:00+0300", "2026-11-20T12:00:00+03",
		"2026-11-20T12:00:00+24:00", "2026-11-20T12:00:00Z ", "0000-01-01T00:00:00Z",
		"0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "26-11-20T12:00:00Z",
		"2026-11-20_12:00:00Z", "+026-11-20T12:00:00Z", "1900-02-29T00:00:00Z"};
	int64_t ms;
	assert_int_equal(at("1970-01-01T00:00:00Z"), 0);
	assert_int_equal(at("1969-12-31T23:59:59.999Z"), -1);
	assert_int_equal(at("2026-11-20T12:00:00-03:00"), at("2026-11-20T15:00:00Z"));
	assert_int_equal(at("2026-11-20t12:00:00.1239z"), at("2026-11-20 12:00:00.123+00:00"));
	assert_int_equal(at("2016-12-31T23:59:60Z"), at("2017-01-01T00:00:00Z"));
	assert_int_equal(at("0001-01-01T00:00:00Z"), TZ_MS_MIN);
	assert_int_equal(at("9999-12-31T23:59:59.999Z"), TZ_MS_MAX);
	assert_int_equal(at("2000-02-29T00:00:00Z"), 951782400000);
	assert_true(tz_setup("America/Sao_Paulo"));
	assert_int_equal(at(shown(TZ_MS_MIN)), TZ_MS_MIN);
	assert_true(tz_setup("Asia/Tokyo"));
	assert_int_equal(at(shown(TZ_MS_MAX)), TZ_MS_MAX);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (tz_parse_rfc3339(bad[i], strlen(bad[i]), &ms))
			fail_msg("accepted: %s", bad[i]);
}

/* São Paulo moved its clocks at midnight: a day of 23 hours that begins at 01:00, and a midnight
 * hour that happens twice. */
static void midnight_changes(void **state)
{
	(void)state;
	int32_t day;
	assert_true(tz_setup("America/Sao_Paulo"));
	assert_true(tz_parse_day("2018-11-04", 10, &day));
	assert_int_equal(tz_day_start(day), at("2018-11-04T03:00:00Z"));
	assert_int_equal(tz_day_start(day + 1) - tz_day_start(day), 23 * 3600000);
	assert_int_equal(tz_day(at("2018-11-04T02:59:59.999Z")), day - 1);
	assert_int_equal(tz_day(at("2018-11-04T03:00:00Z")), day);
	assert_int_equal(wall("2018-11-04"), at("2018-11-04T01:00:00-02:00"));
	assert_int_equal(wall("2018-11-04 00:30"), at("2018-11-04T01:30:00-02:00"));
	assert_string_equal(shown(wall("2018-11-04T00:30:15.25")), "2018-11-04T01:30:15.250-02:00");
	assert_true(tz_parse_day("2018-02-18", 10, &day));
	assert_int_equal(tz_day_start(day), at("2018-02-18T00:00:00-03:00"));
	assert_int_equal(tz_day_start(day) - tz_day_start(day - 1), 25 * 3600000);
	assert_int_equal(wall("2018-02-17 23:30"), at("2018-02-17T23:30:00-02:00"));
	assert_string_equal(shown(at("2018-02-18T02:30:00Z")), "2018-02-17T23:30:00-03:00");
	assert_int_equal(tz_day(at("2018-02-18T02:30:00Z")), day - 1);
}

/* At one minute past midnight (St John's until 2011), and a day that never was (Samoa). */
static void odd_zones(void **state)
{
	(void)state;
	int32_t day;
	assert_true(tz_setup("America/St_Johns"));
	assert_true(tz_parse_day("2010-11-07", 10, &day));
	assert_int_equal(tz_day_start(day), at("2010-11-07T00:00:00-02:30"));
	assert_int_equal(tz_day(at("2010-11-06T23:30:00-03:30")), day); /* the hour after 00:01 */
	assert_true(tz_setup("Pacific/Apia"));
	assert_true(tz_parse_day("2011-12-30", 10, &day));
	assert_int_equal(tz_day_start(day), tz_day_start(day + 1));
	assert_int_equal(tz_day(tz_day_start(day)), day + 1);
	assert_int_equal(tz_day(tz_day_start(day) - 1), day - 1);
	assert_true(tz_setup("America/Santiago"));
	assert_true(tz_parse_day("2024-09-08", 10, &day));
	assert_int_equal(tz_day_start(day), at("2024-09-08T01:00:00-03:00"));
	assert_false(tz_setup("Mars/Olympus"));
	assert_false(tz_setup("../etc/passwd"));
	assert_false(tz_setup(""));
	assert_false(tz_setup("America"));
}

/* Days partition time, and what is formatted parses back to the same instant, in any zone. */
static void partition(void **state)
{
	(void)state;
	static const char *const zones[] = {"America/Sao_Paulo", "America/St_Johns", "Pacific/Apia",
		"Europe/Lisbon", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC",
		"Africa/Casablanca", "America/Noronha", "Asia/Pyongyang"};
	for (size_t z = 0; z < sizeof zones / sizeof *zones; z++) {
		assert_true(tz_setup(zones[z]));
		int64_t last = tz_day_start(-25600); /* 1899, before standard time */
		for (int32_t day = -25600; day < 22000; day += day < 0 ? 7 : 1) {
			int64_t from = tz_day_start(day), to = tz_day_start(day + 1), back;
			if (from < last || to < from)
				fail_msg("%s: day %d begins before it may", zones[z], day);
			last = from;
			if (to > from && (tz_day(from) != day || tz_day(to - 1) != day))
				fail_msg("%s: day %d is not its own", zones[z], day);
			const char *text = shown(from + 1);
			if (!tz_parse_rfc3339(text, strlen(text), &back) || back != from + 1)
				fail_msg("%s: %s is not %lld", zones[z], text, (long long)from + 1);
		}
	}
}

static void civil(void **state)
{
	(void)state;
	int y, m, d;
	char text[16];
	for (int32_t day = -719162; day < 2932896; day += 13) {
		civil_from_day(day, &y, &m, &d);
		assert_int_equal(civil_day(y, m, d), day);
	}
	assert_int_equal(civil_day(1970, 1, 1), 0);
	assert_int_equal(civil_add_months(civil_day(2024, 1, 31), 1), civil_day(2024, 2, 29));
	assert_int_equal(civil_add_months(civil_day(2024, 3, 31), -1), civil_day(2024, 2, 29));
	assert_int_equal(civil_add_months(civil_day(2024, 1, 15), -13), civil_day(2022, 12, 15));
	assert_int_equal(civil_add_months(civil_day(2024, 12, 31), 12), civil_day(2025, 12, 31));
	tz_day_text(civil_day(2026, 11, 20), text);
	assert_string_equal(text, "2026-11-20");
	int32_t day;
	assert_false(tz_parse_day("2026-11-31", 10, &day));
	assert_false(tz_parse_day("2026-1-1", 8, &day));
	assert_false(tz_parse_day("2026-11-20 ", 11, &day));
}

static void walls(void **state)
{
	(void)state;
	int64_t ms;
	assert_true(tz_setup("America/New_York"));
	assert_int_equal(wall("2024-03-10 02:30"), at("2024-03-10T03:30:00-04:00"));
	assert_int_equal(wall("2024-11-03 01:30"), at("2024-11-03T01:30:00-04:00"));
	assert_int_equal(wall("2024-03-10 03:00"), at("2024-03-10T03:00:00-04:00"));
	assert_int_equal(wall("2024-03-10T01:59:59"), at("2024-03-10T01:59:59-05:00"));
	assert_int_equal(wall("1969-07-20 16:17:40"), at("1969-07-20T20:17:40Z"));
	assert_true(tz_parse_any("2024-03-10T02:30:00Z", 20, &ms));
	assert_int_equal(ms, at("2024-03-10T02:30:00Z"));
	assert_true(tz_parse_any("2024-03-10 02:30", 16, &ms));
	static const char *const bad[] = {"", "2024-03-10 ", "2024-03-10 2:30", "2024-03-10 02:30Z",
		"2024-03-10x02:30", "2024-03-10 25:00", "10/03/2024"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(tz_parse_wall(bad[i], strlen(bad[i]), &ms));
}

static void durations(void **state)
{
	(void)state;
	struct duration d;
	assert_true(tz_setup("America/Sao_Paulo"));
	assert_true(duration_parse("90min", 5, &d) && d.ms == 5400000 && !d.days && !d.months);
	assert_true(duration_parse("250ms", 5, &d) && d.ms == 250);
	assert_true(duration_parse("2w", 2, &d) && d.days == 14 && !d.ms);
	assert_true(duration_parse("1y", 2, &d) && d.months == 12);
	assert_true(duration_parse("0h", 2, &d) && d.ms == 0);
	static const char *const bad[] = {"", "3", "d", "3m", "3bd", "3bh", "-3d", "1.5h", "3 d",
		"3D", "99999999999999999999d", "100001d"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(duration_parse(bad[i], strlen(bad[i]), &d));
	/* a calendar day keeps the wall clock over a clock change; 24 hours do not */
	assert_true(duration_parse("1d", 2, &d));
	assert_int_equal(duration_add(at("2018-11-03T12:00:00-03:00"), d, 1),
		at("2018-11-04T12:00:00-02:00"));
	assert_int_equal(duration_add(at("2018-11-04T12:00:00-02:00"), d, -1),
		at("2018-11-03T12:00:00-03:00"));
	assert_true(duration_parse("24h", 3, &d));
	assert_int_equal(duration_add(at("2018-11-03T12:00:00-03:00"), d, 1),
		at("2018-11-04T13:00:00-02:00"));
	assert_true(duration_parse("1mo", 3, &d));
	assert_int_equal(duration_add(at("2026-01-31T08:00:00.5-03:00"), d, 1),
		at("2026-02-28T08:00:00.5-03:00"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(instants),
		cmocka_unit_test(midnight_changes), cmocka_unit_test(odd_zones),
		cmocka_unit_test(partition), cmocka_unit_test(civil), cmocka_unit_test(walls),
		cmocka_unit_test(durations)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
