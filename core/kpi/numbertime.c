#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/tz.h"
#include "kpi/number.h"

void number_day_text(char out[NUMBER_TEXT], int32_t day)
{
	static const char *const months[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	int y, m, d;
	civil_from_day(day, &y, &m, &d);
	if (cx_lang == CX_PT)
		snprintf(out, NUMBER_TEXT, "%02d/%02d/%04d", d, m, y);
	else
		snprintf(out, NUMBER_TEXT, "%d %s %04d", d, months[m - 1], y);
}

void number_time_text(char out[NUMBER_TEXT], int64_t ms)
{
	char day[NUMBER_TEXT], text[TZ_TEXT];
	number_day_text(day, tz_day(ms));
	tz_format(ms, text);
	bool seconds = strncmp(text + 17, "00", 2) != 0;
	snprintf(out, NUMBER_TEXT, "%.40s %.*s", day, seconds ? 8 : 5, text + 11);
}

static bool begins_day(int64_t ms)
{
	return tz_day_start(tz_day(ms)) == ms;
}

/* A beginning: a day where it begins one. */
static void from_text(char out[NUMBER_TEXT], int64_t ms)
{
	if (begins_day(ms))
		number_day_text(out, tz_day(ms));
	else
		number_time_text(out, ms);
}

void number_period_text(
	char out[PERIOD_TEXT], bool has_from, int64_t from_ms, bool has_to, int64_t to_ms)
{
	char first[NUMBER_TEXT] = "", last[NUMBER_TEXT] = "";
	bool days = has_to && begins_day(to_ms);
	out[0] = 0;
	if (has_from)
		from_text(first, from_ms);
	if (days && (!has_from || (begins_day(from_ms) && from_ms < to_ms)))
		number_day_text(last, tz_day(to_ms - 1));
	else if (has_to)
		number_time_text(last, to_ms);
	if (has_from && has_to && strcmp(first, last) != 0)
		snprintf(out, PERIOD_TEXT, CX_T("%.40s a %.40s", "%.40s – %.40s"), first, last);
	else if (has_from && has_to)
		snprintf(out, PERIOD_TEXT, "%s", first);
	else if (has_from)
		snprintf(out, PERIOD_TEXT, CX_T("desde %s", "since %s"), first);
	else if (has_to)
		snprintf(out, PERIOD_TEXT, CX_T("até %s", "up to %s"), last);
}
