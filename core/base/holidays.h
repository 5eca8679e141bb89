/* holidays.h — days nobody works: Brazil's national holidays by rule, and rules given as text.
 * A rule is one day, a day of every year, or a distance from Easter Sunday, with the days from and
 * until which it holds.
 * Callers: calendar.c. Days as in tz.h. Pure.
 * Errors: a sentence without place in *why; whoever read the text adds it. */
#ifndef CX_BASE_HOLIDAYS_H
#define CX_BASE_HOLIDAYS_H

#include <stdbool.h>

#include "base/arena.h"

struct date { /* of a day, worked out once for many rules */
	int32_t day;
	int year, month, month_day;
	int from_easter; /* days since Easter Sunday of that year */
};
struct date date_of(int32_t day);

const char *holiday_national(const struct date *d); /* its name, NULL: none */

enum holiday_kind { HOLIDAY_ONCE, HOLIDAY_YEARLY, HOLIDAY_EASTER };
struct holiday {
	enum holiday_kind kind;
	int month, n;        /* n: day of the month, or days since Easter Sunday */
	int32_t from, until; /* first and last day on which it holds; of ONCE both are the day */
};

/* date: "2026-07-09", "07-09" (every year), "easter+60"; from and until: days, empty: always. */
bool holiday_parse(struct holiday *h, struct str date, struct str from, struct str until, char *why,
	size_t cap);
bool holiday_is(const struct holiday *h, const struct date *d);

#endif
