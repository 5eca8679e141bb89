/* duration.h — spans of time as people write them: one parser for fields, queries and deadlines.
 * "90min", "2h", "3d", "1mo" and, for deadlines, "3bd", "8bh", "30bmin": ms s min h are fixed, d w
 * mo y are calendar units in the company's zone, bd bh bmin are business days and opening time of a
 * unit's calendar (calendar.h). `m` alone is none: it might be a minute or a month.
 * Pure but for the zone (tz.h); no errors but "is no duration" (false). */
#ifndef CX_BASE_DURATION_H
#define CX_BASE_DURATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct duration { /* one of the three numbers */
	int64_t ms;
	int days, months;
	bool business; /* days are business days, ms is opening time */
};

bool duration_parse(const char *s, size_t n, struct duration *d); /* bd and bh are refused */
bool deadline_parse(const char *s, size_t n, struct duration *d); /* all of them */
/* Calendar units keep the wall clock, at a month's end they are clamped. d is no business one. */
int64_t duration_add(int64_t ms, struct duration d, int sign);

#endif
