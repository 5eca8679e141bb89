/* hours.h — the opening hours of a week: "Mon-Fri 09:00-12:00 13:00-18:00, Sat 09:00-13:00".
 * Groups are separated by commas; each has its days (Mon Wed Fri, Mon-Fri, Fri-Mon; Hol is any
 * holiday) and then its hours, 00:00 to 24:00. A day that is not named is closed, and so is a
 * holiday unless Hol is named. Callers: calendar.c and conf/. Pure. Units: minutes of the local
 * day. Errors: a sentence without place in *why; whoever read the text adds it. */
#ifndef CX_BASE_HOURS_H
#define CX_BASE_HOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HOURS_HOLIDAY = 7, HOURS_DAYS, HOURS_SPANS = 6, HOURS_END = 24 * 60 };

struct week { /* Monday is 0; spans ascend and do not touch each other's inside */
	struct day_hours {
		int n;
		struct span {
			int16_t open, close;
		} v[HOURS_SPANS];
	} day[HOURS_DAYS];
};

bool hours_parse(struct week *w, const char *text, char *why, size_t cap);

#endif
