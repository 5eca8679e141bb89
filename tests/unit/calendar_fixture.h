/* calendar_fixture.h — what the tests of the calendar begin with. */
#ifndef CX_TESTS_CALENDAR_FIXTURE_H
#define CX_TESTS_CALENDAR_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/calendar.h"
#include "base/hours.h"
#include "base/tz.h"

static inline struct str text(const char *s)
{
	return (struct str){s, s ? (uint32_t)strlen(s) : 0};
}

static inline int32_t day_of(const char *s)
{
	int32_t day;
	if (!tz_parse_day(s, strlen(s), &day))
		fail_msg("no day: %s", s);
	return day;
}

static inline int64_t at(const char *s)
{
	int64_t ms;
	if (!tz_parse_any(s, strlen(s), &ms))
		fail_msg("no time: %s", s);
	return ms;
}

static inline void add(struct calendar *c, const char *unit, const char *date, const char *name,
	const char *from, const char *until)
{
	char why[300] = "";
	if (!calendar_add(c, text(unit), text(date), text(name), text(from), text(until), why,
		    sizeof why))
		fail_msg("%s: %s", date, why);
}

#endif
