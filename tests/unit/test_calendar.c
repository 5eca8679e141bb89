/* What is due when: holidays, opening hours, business days, legal counting; the cases of others
 * where they are at hand (oracles/calendar of CXD_SHARED). */
#include <unistd.h>

#include "base/err.h"
#include "base/holidays.h"
#include "calendar_fixture.h"
#include "conf/conf.h"

/* When d from t is due, as text of the zone; "never". */
static const char *due_of(
	const struct calendar *c, const char *unit, const char *t, const char *d, bool law)
{
	static char out[TZ_TEXT];
	struct duration span;
	int64_t due;
	if (!deadline_parse(d, strlen(d), &span))
		return "no duration";
	if (!calendar_due(c, text(unit), at(t), span, law, &due))
		return "never";
	tz_format(due, out);
	return out;
}

#define due(c, unit, t, d, law, wanted) assert_string_equal(due_of(c, unit, t, d, law), wanted)

static struct calendar *with_hours(const char *hours)
{
	struct calendar *c = calendar_new(true);
	char why[300] = "";
	if (!calendar_set_hours(c, text(""), hours, why, sizeof why))
		fail_msg("%s: %s", hours, why);
	return c;
}

/* ---- texts */

static void spans_of_time(void **state)
{
	(void)state;
	struct duration d;
	assert_true(deadline_parse("3bd", 3, &d) && d.business && d.days == 3 && !d.ms);
	assert_true(deadline_parse("8bh", 3, &d) && d.business && d.ms == 8 * 3600000 && !d.days);
	assert_true(deadline_parse("30bmin", 6, &d) && d.business && d.ms == 1800000);
	assert_true(deadline_parse("2w", 2, &d) && !d.business && d.days == 14);
	static const char *const bad[] = {"", "bd", "3", "3m", "0bd", "0bh", "-1bd", "1.5bh",
		"3 bd", "3BD", "3bw", "10001bd", "10001bh", "99999999999999999999bd", "3bds"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (deadline_parse(bad[i], strlen(bad[i]), &d))
			fail_msg("accepted: %s", bad[i]);
}

static void hours_as_text(void **state)
{
	(void)state;
	struct week w;
	char why[300];
	static const char *const good[] = {"Mon-Fri 09:00-18:00", "mon 09:00-12:00",
		"Mon-Fri 13:00-18:00 09:00-12:00, Sat 09:00-13:00", "Mon-Sun 00:00-24:00",
		"Fri-Mon 10:00-22:00, Hol 12:00-20:00", "  Mon Wed Fri\t08:00-17:00  ",
		"Mon-Fri 09:00-12:00,Mon 12:00-15:00", "Sun 23:59-24:00"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!hours_parse(&w, good[i], why, sizeof why))
			fail_msg("refused: %s: %s", good[i], why);
	static const char *const bad[] = {"", " ", ",", "Mon-Fri", "09:00-18:00", "Mon 9-18",
		"Mon 09:00-24:01", "Mon 18:00-09:00", "Mon 09:00-09:00", "Mon 22:00-06:00",
		"Mon 09:60-10:00", "Mon-Fri 09:00-18:00,", "Mon 09:00-12:00 Tue",
		"Mon, Tue 09:00-10:00", "Mond 09:00-10:00", "Mon-Hol 09:00-10:00",
		"Mon+Tue 09:00-10:00", "Mon 09:00 - 18:00", "Mon 09:00-12:00 11:00-13:00",
		"Mon-Fri 09:00-18:00, Wed 10:00-11:00",
		"Mon 01:00-02:00 03:00-04:00 05:00-06:00 07:00-08:00 09:00-10:00 11:00-12:00 "
		"13:00-14:00",
		"Seg 09:00-18:00", "Mon 25:00-26:00", "Mon 09:00-18:00 x"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		*why = 0;
		if (hours_parse(&w, bad[i], why, sizeof why) || !*why)
			fail_msg("accepted, or refused without a reason: %s", bad[i]);
	}
	assert_true(hours_parse(&w, "Fri-Mon 10:00-22:00, Hol 12:00-20:00", why, sizeof why));
	for (int d = 0; d < HOURS_DAYS; d++)
		assert_int_equal(w.day[d].n, !(d >= 1 && d <= 3));
	assert_int_equal(w.day[HOURS_HOLIDAY].v[0].open, 720);
}

static void holidays_as_text(void **state)
{
	(void)state;
	struct holiday h;
	char why[300];
	static const char *const bad[][3] = {{"", "", ""}, {"2026-02-29", "", ""},
		{"02-30", "", ""}, {"13-01", "", ""}, {"7-9", "", ""}, {"09/07/2026", "", ""},
		{"easter+", "", ""}, {"easter 60", "", ""}, {"easter+x", "", ""},
		{"easter+1000", "", ""}, {"eastern", "", ""}, {"2026-07-09", "2020-01-01", ""},
		{"07-09", "2020", ""}, {"07-09", "2020-01-01", "2019-12-31"}, {"07-09", "", "x"}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		*why = 0;
		if (holiday_parse(&h, text(bad[i][0]), text(bad[i][1]), text(bad[i][2]), why,
			    sizeof why) ||
			!*why)
			fail_msg("accepted, or refused without a reason: %s %s %s", bad[i][0],
				bad[i][1], bad[i][2]);
	}
	struct date leap = date_of(day_of("2028-02-29")), none = date_of(day_of("2027-03-01"));
	assert_true(holiday_parse(&h, text("02-29"), text(""), text(""), why, sizeof why));
	assert_true(holiday_is(&h, &leap) && !holiday_is(&h, &none));
	assert_true(holiday_parse(&h, text("easter"), text(""), text(""), why, sizeof why));
	struct date easter = date_of(day_of("2026-04-05"));
	assert_true(holiday_is(&h, &easter));
}

/* ---- Brazil */

static void laws_hold_from_their_year(void **state)
{
	(void)state;
	struct str all = {0};
	assert_true(tz_setup("America/Sao_Paulo"));
	assert_null(calendar_holiday(NULL, all, day_of("2023-11-20")));
	assert_non_null(calendar_holiday(NULL, all, day_of("2024-11-20")));
	assert_null(calendar_holiday(NULL, all, day_of("2002-11-02")));
	assert_string_equal(calendar_holiday(NULL, all, day_of("2003-11-02")), "Finados");
	assert_null(calendar_holiday(NULL, all, day_of("1979-10-12")));
	assert_non_null(calendar_holiday(NULL, all, day_of("1980-10-12")));
	assert_string_equal(calendar_holiday(NULL, all, day_of("2018-03-30")), "Paixão de Cristo");
	assert_null(calendar_holiday(NULL, all, day_of("2026-02-17"))); /* Carnival */
	struct calendar *none = calendar_new(false);
	assert_null(calendar_holiday(none, all, day_of("2026-12-25")));
	calendar_free(none);
}

/* methodology.md, V16 */
static void ten_business_days(void **state)
{
	(void)state;
	int32_t day;
	assert_true(tz_setup("America/Sao_Paulo"));
	assert_true(calendar_step(NULL, text(NULL), day_of("2026-10-30"), 10, true, &day));
	assert_int_equal(day, day_of("2026-11-16"));
	due(NULL, NULL, "2026-10-30 11:00", "10bd", false, "2026-11-17T00:00:00-03:00");
	due(NULL, NULL, "2026-10-30 11:00", "10bd", true, "2026-11-17T00:00:00-03:00");
	due(NULL, NULL, "2026-10-30 00:00", "1bd", false, "2026-11-04T00:00:00-03:00");
	due(NULL, NULL, "2026-11-01 15:00", "1bd", false, "2026-11-04T00:00:00-03:00");
}

static FILE *oracle(const char *name)
{
	const char *shared = getenv("CXD_SHARED");
	char path[400];
	snprintf(path, sizeof path, "%s/oracles/calendar/%s", shared ? shared : "../shared", name);
	FILE *f = fopen(path, "r");
	if (!f) {
		print_message("no %s (set CXD_SHARED)\n", path);
		skip();
	}
	assert_true(tz_setup("America/Sao_Paulo"));
	return f;
}

static void published_holidays(void **state)
{
	(void)state;
	FILE *f = oracle("br_holidays_2024_2027.json");
	char line[400], date[16], key[16];
	int holidays = 0, easters = 0, wrong = 0, optional = 0;
	bool national = true;
	static bool listed[4 * 366 + 10];
	int32_t first = day_of("2024-01-01"), last = day_of("2027-12-31");
	while (fgets(line, sizeof line, f)) {
		if (strstr(line, "\"optional\""))
			national = false;
		if (sscanf(line, " \"%4[0-9]\": \"%10[0-9-]\"", key, date) == 2) {
			easters++;
			wrong += date_of(day_of(date)).from_easter != 0;
		} else if (sscanf(line, " \"date\": \"%10[0-9-]\"", date) == 1 && national) {
			holidays++;
			listed[day_of(date) - first] = true;
		} else if (strstr(line, "\"date\"")) {
			optional++;
		}
	}
	fclose(f);
	for (int32_t day = first; day <= last; day++)
		wrong += listed[day - first] != (calendar_holiday(NULL, text(NULL), day) != NULL);
	assert_int_equal(wrong, 0);
	assert_true(holidays == 40 && easters > 40 && optional > 10);
}

static void published_business_days(void **state)
{
	(void)state;
	FILE *f = oracle("add_business_days_sample.jsonl");
	char line[400], from[16], to[16];
	int n, cases = 0;
	while (fgets(line, sizeof line, f)) {
		int32_t day;
		assert_int_equal(sscanf(line,
					 "{\"from\": \"%10[0-9-]\", \"add_business_days\": %d, "
					 "\"expect\": \"%10[0-9-]\"}",
					 from, &n, to),
			3);
		assert_true(calendar_step(NULL, text(NULL), day_of(from), n, true, &day));
		assert_int_equal(day, day_of(to));
		assert_true(calendar_step(NULL, text(NULL), day_of(from), n, false, &day));
		assert_int_equal(day, day_of(to));
		cases++;
	}
	fclose(f);
	assert_true(cases >= 18);
}

static void published_business_hours(void **state)
{
	(void)state;
	FILE *f = oracle("sla_business_hours.jsonl");
	char line[400], start[40];
	long long minutes, epoch;
	int cases = 0;
	while (fgets(line, sizeof line, f)) {
		const char *p = strstr(line, "\"due_epoch\":");
		int64_t when = 0;
		assert_non_null(p);
		assert_int_equal(
			sscanf(line, "{\"start\": \"%39[^\"]\", \"sla_business_minutes\": %lld",
				start, &minutes),
			2);
		assert_int_equal(sscanf(p, "\"due_epoch\": %lld", &epoch), 1);
		struct duration d = {.ms = minutes * 60000, .business = true};
		assert_true(calendar_due(NULL, text(NULL), at(start), d, false, &when));
		assert_int_equal(when, epoch * 1000);
		assert_int_equal(
			calendar_open_between(NULL, text(NULL), at(start), when), minutes * 60000);
		cases++;
	}
	fclose(f);
	assert_true(cases > 30);
}

/* ---- hours */

static void split_shifts(void **state)
{
	(void)state;
	assert_true(tz_setup("America/Sao_Paulo"));
	struct calendar *c = with_hours("Mon-Fri 09:00-12:00 13:00-18:00, Sat 09:00-13:00");
	due(c, NULL, "2026-11-23 09:00", "3bh", false, "2026-11-23T12:00:00-03:00");
	due(c, NULL, "2026-11-23 11:59:30", "1bmin", false, "2026-11-23T13:00:30-03:00");
	due(c, NULL, "2026-11-23 12:00", "5bh", false, "2026-11-23T18:00:00-03:00");
	due(c, NULL, "2026-11-23 12:30", "8bh", false, "2026-11-24T12:00:00-03:00");
	due(c, NULL, "2026-11-27 17:00", "5bh", false, "2026-11-28T13:00:00-03:00");
	due(c, NULL, "2026-11-28 13:00", "1bh", false, "2026-11-30T10:00:00-03:00");
	/* a day on which it opens is a business day of its own, by law Saturday is none */
	due(c, NULL, "2026-11-27 17:00", "1bd", false, "2026-11-29T00:00:00-03:00");
	due(c, NULL, "2026-11-27 17:00", "1bd", true, "2026-12-01T00:00:00-03:00");
	assert_true(calendar_business(c, text(NULL), day_of("2026-11-28"), false));
	assert_false(calendar_business(c, text(NULL), day_of("2026-11-28"), true));
	assert_int_equal(calendar_open_between(
				 c, text(NULL), at("2026-11-23 11:00"), at("2026-11-23 14:00")),
		2 * 3600000);
	assert_int_equal(calendar_open_between(
				 c, text(NULL), at("2026-11-23 14:00"), at("2026-11-23 11:00")),
		-2 * 3600000);
	calendar_free(c);
}

static void always_open(void **state)
{
	(void)state;
	assert_true(tz_setup("America/Sao_Paulo"));
	struct calendar *c = with_hours("Mon-Sun 00:00-24:00, Hol 00:00-24:00");
	due(c, NULL, "2026-12-24 23:30", "24bh", false, "2026-12-25T23:30:00-03:00");
	due(c, NULL, "2026-12-24 23:30", "2bd", false, "2026-12-27T00:00:00-03:00");
	due(c, NULL, "2026-12-24 23:30", "1bd", true, "2026-12-29T00:00:00-03:00");
	due(c, NULL, "2026-12-25 00:00", "24bh", false, "2026-12-26T00:00:00-03:00");
	calendar_free(c);
	c = with_hours("Mon-Sun 00:00-24:00");
	due(c, NULL, "2026-12-24 23:30", "1bh", false, "2026-12-26T00:30:00-03:00");
	calendar_free(c);
}

static void units(void **state)
{
	(void)state;
	char why[300];
	assert_true(tz_setup("America/Sao_Paulo"));
	struct calendar *c = with_hours("Mon-Fri 09:00-18:00");
	assert_true(calendar_set_hours(c, text("b07"), "Mon-Sat 10:00-22:00", why, sizeof why));
	add(c, "sp-01", "07-09", "Revolução Constitucionalista", "1997-03-05", "");
	add(c, "b07", "2026-11-21", "Aniversário", "", "");
	add(c, "", "easter-47", "Carnaval", "", "");
	due(c, "b07", "2026-11-19 21:00", "2bh", false, "2026-11-23T11:00:00-03:00");
	due(c, "b0", "2026-11-19 17:00", "2bh", false, "2026-11-23T10:00:00-03:00");
	due(c, "b077", "2026-11-19 17:00", "2bh", false, "2026-11-23T10:00:00-03:00");
	due(c, "sp-01", "2026-07-08 17:00", "2bh", false, "2026-07-10T10:00:00-03:00");
	due(c, "b07", "2026-07-08 21:00", "2bh", false, "2026-07-09T11:00:00-03:00");
	due(c, "b07", "2026-02-16 21:00", "2bh", false, "2026-02-18T11:00:00-03:00");
	due(c, NULL, "2026-02-16 17:00", "2bh", false, "2026-02-18T10:00:00-03:00");
	assert_null(calendar_holiday(c, text("sp-01"), day_of("1996-07-09")));
	assert_non_null(calendar_holiday(c, text("sp-01"), day_of("1997-07-09")));
	assert_null(calendar_holiday(c, text("rj-01"), day_of("1997-07-09")));
	const char *before = strdup(calendar_text(c));
	add(c, "b07", "12-24", "Véspera", "2020-01-01", "2020-12-31");
	assert_string_not_equal(before, calendar_text(c));
	free((void *)before);
	assert_non_null(calendar_holiday(c, text("b07"), day_of("2020-12-24")));
	assert_null(calendar_holiday(c, text("b07"), day_of("2021-12-24")));
	calendar_free(c);
	c = with_hours("Hol 09:00-10:00");
	due(c, NULL, "2026-12-24 10:00", "1bh", false, "2026-12-25T10:00:00-03:00");
	calendar_free(c);
	c = calendar_new(false);
	assert_true(calendar_set_hours(c, text(""), "Hol 09:00-10:00", why, sizeof why));
	due(c, NULL, "2026-12-24 10:00", "1bh", false, "never");
	due(c, NULL, "2026-12-24 10:00", "1bd", false, "never");
	due(c, NULL, "2026-12-24 10:00", "1bd", true, "2026-12-26T00:00:00-03:00");
	calendar_free(c);
}

/* ---- calendar units, and the law's */

static void whole_days(void **state)
{
	(void)state;
	assert_true(tz_setup("America/Sao_Paulo"));
	due(NULL, NULL, "2026-11-13 15:00", "7d", false, "2026-11-20T15:00:00-03:00");
	due(NULL, NULL, "2024-02-29 10:00", "1y", false, "2025-02-28T10:00:00-03:00");
	due(NULL, NULL, "2024-01-31 10:00", "1mo", false, "2024-02-29T10:00:00-03:00");
	due(NULL, NULL, "2026-11-20 10:00", "90min", false, "2026-11-20T11:30:00-03:00");
	/* the first day not, the last one whole, and then on to a business day */
	due(NULL, NULL, "2026-11-10 15:00", "7d", true, "2026-11-18T00:00:00-03:00");
	due(NULL, NULL, "2026-11-13 15:00", "7d", true, "2026-11-24T00:00:00-03:00");
	due(NULL, NULL, "2026-11-14 15:00", "7d", true, "2026-11-24T00:00:00-03:00");
	due(NULL, NULL, "2026-10-26 15:00", "1w", true, "2026-11-04T00:00:00-03:00");
	due(NULL, NULL, "2026-03-31 15:00", "1mo", true, "2026-05-05T00:00:00-03:00");
	due(NULL, NULL, "2025-01-31 15:00", "1mo", true, "2025-03-04T00:00:00-03:00");
	due(NULL, NULL, "2024-02-29 15:00", "1y", true, "2025-03-04T00:00:00-03:00");
	due(NULL, NULL, "2026-11-20 10:00", "24h", true, "2026-11-21T10:00:00-03:00");
	due(NULL, NULL, "2026-11-20 10:00", "1bh", true, "2026-11-23T10:00:00-03:00");
	due(NULL, NULL, "9999-12-31 10:00", "1d", false, "never");
	due(NULL, NULL, "9999-12-31 10:00", "1bd", false, "never");
	due(NULL, NULL, "0001-01-02 10:00", "1bd", false, "0001-01-04T00:00:28-03:06");
}

static void clock_changes(void **state)
{
	(void)state;
	struct calendar *day = with_hours("Mon-Sun 09:00-18:00"), *night, *all;
	night = with_hours("Mon-Sun 00:00-06:00 22:00-24:00, Hol 00:00-24:00");
	all = with_hours("Mon-Sun 00:00-24:00, Hol 00:00-24:00");
	assert_true(tz_setup("Europe/Lisbon")); /* 29 March 2026, 01:00 → 02:00 */
	due(day, NULL, "2026-03-28 17:00", "2bh", false, "2026-03-29T10:00:00+01:00");
	due(day, NULL, "2026-03-28 17:00", "1d", false, "2026-03-29T17:00:00+01:00");
	due(night, NULL, "2026-03-29 00:00", "3bh", false, "2026-03-29T04:00:00+01:00");
	due(all, NULL, "2026-03-28 12:00", "24bh", false, "2026-03-29T13:00:00+01:00");
	due(night, NULL, "2026-10-24 23:00", "3bh", false, "2026-10-25T01:00:00+00:00");
	due(NULL, NULL, "2026-03-27 12:00", "1bd", false, "2026-03-31T00:00:00+01:00");
	assert_true(tz_setup("America/New_York")); /* 8 March 2026, 02:00 → 03:00 */
	struct calendar *gap = with_hours("Mon-Sun 02:00-02:30 03:00-04:00");
	due(gap, NULL, "2026-03-08 00:00", "30bmin", false, "2026-03-08T03:30:00-04:00");
	due(gap, NULL, "2026-03-08 00:00", "1bh", false, "2026-03-08T04:00:00-04:00");
	due(gap, NULL, "2026-03-08 00:00", "61bmin", false, "2026-03-09T02:01:00-04:00");
	due(all, NULL, "2026-11-01 00:00", "25bh", false, "2026-11-02T00:00:00-05:00");
	calendar_free(gap);
	assert_true(tz_setup("America/Sao_Paulo")); /* at midnight */
	due(all, NULL, "2018-11-03 23:00", "2bh", false, "2018-11-04T02:00:00-02:00");
	due(all, NULL, "2018-02-17 22:00", "3bh", false, "2018-02-18T00:00:00-03:00");
	due(night, NULL, "2018-11-03 23:00", "2bh", false, "2018-11-04T02:00:00-02:00");
	due(NULL, NULL, "2018-11-01 12:00", "1bd", false, "2018-11-06T00:00:00-02:00");
	due(NULL, NULL, "2018-11-01 12:00", "3d", true, "2018-11-06T00:00:00-02:00");
	calendar_free(day);
	calendar_free(night);
	calendar_free(all);
}

/* ---- conf */

static struct conf load(const char *ini, const char *csv, struct cx_errs *errs)
{
	char dir[] = "/tmp/cxd-calendar-XXXXXX", file[64], table[64];
	struct conf c;
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof file, "%s/c.ini", dir);
	snprintf(table, sizeof table, "%s/holidays.csv", dir);
	FILE *f = fopen(file, "w");
	fputs(ini, f);
	fclose(f);
	f = fopen(table, "w");
	fputs(csv, f);
	fclose(f);
	cx_lang = CX_EN;
	*errs = (struct cx_errs){0};
	conf_load(&c, file, errs);
	unlink(file);
	unlink(table);
	rmdir(dir);
	return c;
}

static void from_conf(void **state)
{
	(void)state;
	struct cx_errs errs;
	static const char *const tables[] = {
		"unit,date,name,from,until\r\nb07,07-09,\"Nove de Julho, SP\",1997-03-05,\r\n\r\n"
		",easter+60,Corpus Christi\r\n, 2026-11-23 , \"O \"\"dia\"\"\"",
		"\xef\xbb\xbf"
		"b07;07-09;Nove de Julho, SP;1997-03-05;\n;easter+60;Corpus Christi\n"
		";2026-11-23;\"O \"\"dia\"\"\"\n"};
	for (int i = 0; i < 2; i++) {
		struct conf c = load("[company]\ntimezone = America/Sao_Paulo\n[calendar]\n"
				     "file = holidays.csv\nhours = Mon-Fri 08:00-12:00\n"
				     "[calendar:b07]\nhours = Mon-Sat 10:00-22:00\n",
			tables[i], &errs);
		if (errs.n)
			fail_msg("%s", errs.v[0].msg);
		const struct calendar *k = c.calendar;
		assert_string_equal(calendar_holiday(k, text("b07"), day_of("2026-07-09")),
			"Nove de Julho, SP");
		assert_null(calendar_holiday(k, text("b08"), day_of("2026-07-09")));
		assert_null(calendar_holiday(k, text("b07"), day_of("1996-07-09")));
		assert_string_equal(
			calendar_holiday(k, text("b08"), day_of("2026-06-04")), "Corpus Christi");
		assert_string_equal(
			calendar_holiday(k, text(NULL), day_of("2026-11-23")), "O \"dia\"");
		due(k, "b07", "2026-11-21 21:00", "2bh", false, "2026-11-24T11:00:00-03:00");
		due(k, "b08", "2026-11-21 21:00", "2bh", false, "2026-11-24T10:00:00-03:00");
		conf_free(&c);
	}
	struct conf c = load("", "", &errs);
	due(c.calendar, NULL, "2026-11-19 17:30", "1bh", false, "2026-11-23T09:30:00-03:00");
	conf_free(&c);
	c = load("[calendar]\nholidays = none\n", "", &errs);
	due(c.calendar, NULL, "2026-11-19 17:30", "1bh", false, "2026-11-20T09:30:00-03:00");
	conf_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(spans_of_time),
		cmocka_unit_test(hours_as_text), cmocka_unit_test(holidays_as_text),
		cmocka_unit_test(laws_hold_from_their_year), cmocka_unit_test(ten_business_days),
		cmocka_unit_test(published_holidays), cmocka_unit_test(published_business_days),
		cmocka_unit_test(published_business_hours), cmocka_unit_test(split_shifts),
		cmocka_unit_test(always_open), cmocka_unit_test(units),
		cmocka_unit_test(whole_days), cmocka_unit_test(clock_changes),
		cmocka_unit_test(from_conf)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
