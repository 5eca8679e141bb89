/* calendar.h — when a unit works: its holidays and opening hours, and what is due when.
 * Flow:   conf/ builds one from [calendar] (calendar_new, calendar_set_hours, calendar_add); from
 * then on it is only asked. A business day of a unit is a day on which it opens; under a law it is
 * Monday to Friday and no holiday, whatever the shop's hours. A unit has the company's holidays and
 * its own, and the company's hours unless it has its own. NULL is the calendar of a company that
 * says nothing: Brazil's holidays, Monday to Friday 09:00 to 18:00. DST gaps and overlaps are as
 * tz_instant() has them. Callers: everyone. Owns: all it was given, copied; calendar_free().
 * Errors: a sentence without place in *why; "there is none" is false or NULL.
 * Units:  instants in ms, days as in tz.h, in the company's zone. A unit is text, p NULL: none. */
#ifndef CX_BASE_CALENDAR_H
#define CX_BASE_CALENDAR_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/duration.h"

#define CALENDAR_HOURS "Mon-Fri 09:00-18:00"

struct calendar;
struct calendar *calendar_new(bool national); /* with Brazil's national holidays? */
void calendar_free(struct calendar *c);
/* unit "": the company. text as in hours.h. */
bool calendar_set_hours(
	struct calendar *c, struct str unit, const char *text, char *why, size_t cap);
/* A holiday of a unit, or of all (unit ""). date, from and until as in holidays.h. */
bool calendar_add(struct calendar *c, struct str unit, struct str date, struct str name,
	struct str from, struct str until, char *why, size_t cap);
/* All that it was made of, as text: the same text, the same answers. */
const char *calendar_text(const struct calendar *c);

const char *calendar_holiday(const struct calendar *c, struct str unit, int32_t day);
bool calendar_business(const struct calendar *c, struct str unit, int32_t day, bool law);
/* n > 0: the n-th business day after day; n < 0: before it; 0: day itself or the next one. */
bool calendar_step(
	const struct calendar *c, struct str unit, int32_t day, int n, bool law, int32_t *to);

/* When what begins at from and may take d is due. Business days end with the last of them: due is
 * the first instant of the day after. Opening time counts from the next opening and may end at
 * closing. By law (Código Civil, art. 132) days, weeks, months and years are counted in whole days,
 * without the first and with the last, which moves to the next business day if it is none; the day
 * of a month that has no such day is the first of the next; hours and less count minute by minute.
 * false: never (nothing opens for years, or past the year 9999). */
bool calendar_due(const struct calendar *c, struct str unit, int64_t from, struct duration d,
	bool law, int64_t *due);
/* For how long it was open between the two, in ms; below 0 where to comes before from. */
int64_t calendar_open_between(const struct calendar *c, struct str unit, int64_t from, int64_t to);

#endif
