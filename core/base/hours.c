#include "base/hours.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"

static const char names[HOURS_DAYS][4] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Hol"};
static const char blank[] = " \t";

static int day_named(const char *s)
{
	for (int i = 0; i < HOURS_DAYS; i++)
		if (strncasecmp(s, names[i], 3) == 0)
			return i;
	return -1;
}

/* "Mon" or "Mon-Fri" as bits of days; 0: it is none. */
static unsigned days_of(const char *s, size_t n)
{
	int first = n == 3 || n == 7 ? day_named(s) : -1;
	int last = n == 7 ? day_named(s + 4) : first;
	unsigned days = 0;
	if (first < 0 || last < 0 || (n == 7 && s[3] != '-'))
		return 0;
	if (first == last || first == HOURS_HOLIDAY || last == HOURS_HOLIDAY)
		return first == last ? 1u << first : 0;
	for (int d = first;; d = (d + 1) % HOURS_HOLIDAY) {
		days |= 1u << d;
		if (d == last)
			return days;
	}
}

/* "09:00" as minutes; -1: it is none. */
static int clock_of(const char *s)
{
	for (int i = 0; i < 5; i++)
		if (i == 2 ? s[i] != ':' : s[i] < '0' || s[i] > '9')
			return -1;
	int h = (s[0] - '0') * 10 + s[1] - '0', m = (s[3] - '0') * 10 + s[4] - '0';
	return m > 59 || h * 60 + m > HOURS_END ? -1 : h * 60 + m;
}

static bool span_of(const char *s, size_t n, struct span *span)
{
	int open = n == 11 ? clock_of(s) : -1, close = n == 11 ? clock_of(s + 6) : -1;
	if (open < 0 || close <= open || s[5] != '-')
		return false;
	*span = (struct span){(int16_t)open, (int16_t)close};
	return true;
}

/* Into its place among the day's; false: there is no room, or it overlaps another. */
static bool add_span(struct day_hours *d, struct span span)
{
	int at = 0;
	while (at < d->n && d->v[at].open < span.open)
		at++;
	if (d->n == HOURS_SPANS || (at > 0 && d->v[at - 1].close > span.open) ||
		(at < d->n && d->v[at].open < span.close))
		return false;
	memmove(d->v + at + 1, d->v + at, (size_t)(d->n - at) * sizeof *d->v);
	d->v[at] = span;
	d->n++;
	return true;
}

struct group {
	unsigned days;
	bool hours; /* it has some */
};

static bool take_word(
	struct week *w, struct group *g, const char *s, size_t n, char *why, size_t cap)
{
	char shown[SHOWN_MAX];
	struct span span;
	unsigned days = g->hours ? 0 : days_of(s, n);
	words_show(shown, (struct str){s, (uint32_t)n});
	if (days) {
		g->days |= days;
		return true;
	}
	if (!g->days || !span_of(s, n, &span)) {
		snprintf(why, cap,
			CX_T("\"%s\" não serve aqui: escreva dias e depois horas, como Mon-Fri "
			     "09:00-12:00 13:00-18:00, Sat 09:00-13:00 (até 24:00; a noite são "
			     "dois "
			     "dias)",
				"\"%s\" does not fit here: write days and then hours, such as "
				"Mon-Fri 09:00-12:00 13:00-18:00, Sat 09:00-13:00 (up to 24:00; a "
				"night is two days)"),
			shown);
		return false;
	}
	g->hours = true;
	for (int d = 0; d < HOURS_DAYS; d++)
		if ((g->days >> d & 1) && !add_span(&w->day[d], span)) {
			snprintf(why, cap,
				CX_T("%s %s cruza outro horário desse dia, ou passa de %d no dia",
					"%s %s overlaps other hours of that day, or is over %d a "
					"day"),
				names[d], shown, HOURS_SPANS);
			return false;
		}
	return true;
}

bool hours_parse(struct week *w, const char *text, char *why, size_t cap)
{
	*w = (struct week){0};
	for (const char *s = text;;) {
		struct group g = {0};
		for (s += strspn(s, blank); *s && *s != ','; s += strspn(s, blank)) {
			size_t n = strcspn(s, " \t,");
			if (!take_word(w, &g, s, n, why, cap))
				return false;
			s += n;
		}
		if (!g.hours) {
			snprintf(why, cap,
				CX_T("faltam dias e horas, como Mon-Fri 09:00-18:00",
					"days and hours are missing, such as Mon-Fri 09:00-18:00"));
			return false;
		}
		if (!*s++)
			return true;
	}
}
