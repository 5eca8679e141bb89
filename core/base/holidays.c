#include "base/holidays.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "base/tz.h"

/* The anonymous Gregorian algorithm (Nature, 20 April 1876). */
static int32_t easter(int year)
{
	int a = year % 19, b = year / 100, c = year % 100;
	int h = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
	int l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
	int m = (a + 11 * h + 22 * l) / 451, n = h + l - 7 * m + 114;
	return civil_day(year, n / 31, n % 31 + 1);
}

struct date date_of(int32_t day)
{
	struct date d = {.day = day};
	civil_from_day(day, &d.year, &d.month, &d.month_day);
	d.from_easter = day - easter(d.year);
	return d;
}

const char *holiday_national(const struct date *d)
{
	static const struct {
		int month, day, first;
		const char *name;
	} rules[] = {
#define X(month, day, first, name) {month, day, first, name},
#include "base/holidays.def"
#undef X
	};
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (d->year >= rules[i].first &&
			(rules[i].month ? rules[i].month == d->month && rules[i].day == d->month_day
					: rules[i].day == d->from_easter))
			return rules[i].name;
	return NULL;
}

/* "07-09", in a leap year, so that 29 February is one. */
static bool yearly(struct holiday *h, struct str s)
{
	char text[16];
	int32_t day;
	int y;
	if (s.n != 5)
		return false;
	snprintf(text, sizeof text, "2000-%.5s", s.p);
	if (!tz_parse_day(text, 10, &day))
		return false;
	h->kind = HOLIDAY_YEARLY;
	civil_from_day(day, &y, &h->month, &h->n);
	return true;
}

/* "easter", "easter-47", "easter+60" */
static bool movable(struct holiday *h, struct str s)
{
	const uint32_t word = 6;
	if (s.n < word || s.n > word + 4 || memcmp(s.p, "easter", word) != 0)
		return false;
	h->kind = HOLIDAY_EASTER;
	h->n = 0;
	for (uint32_t i = word + 1; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		h->n = 10 * h->n + (s.p[i] - '0');
	}
	if (s.n == word)
		return true;
	if (s.n == word + 1 || (s.p[word] != '+' && s.p[word] != '-'))
		return false;
	h->n = s.p[word] == '-' ? -h->n : h->n;
	return true;
}

static bool bound(int32_t *day, struct str s, const char *what, char *why, size_t cap)
{
	char shown[SHOWN_MAX];
	if (!s.n || tz_parse_day(s.p, s.n, day))
		return true;
	snprintf(why, cap,
		CX_T("%s: \"%s\" não é um dia como 2026-07-09",
			"%s: \"%s\" is no day such as 2026-07-09"),
		what, words_show(shown, s));
	return false;
}

bool holiday_parse(struct holiday *h, struct str date, struct str from, struct str until, char *why,
	size_t cap)
{
	char shown[SHOWN_MAX];
	int32_t day;
	*h = (struct holiday){.from = INT32_MIN, .until = INT32_MAX};
	if (tz_parse_day(date.p, date.n, &day)) {
		*h = (struct holiday){HOLIDAY_ONCE, 0, 0, day, day};
		if (!from.n && !until.n)
			return true;
		snprintf(why, cap, "%s",
			CX_T("from e until são de um feriado de todo ano, não de um dia só",
				"from and until are for a holiday of every year, not for one day"));
		return false;
	}
	if (!yearly(h, date) && !movable(h, date)) {
		snprintf(why, cap,
			CX_T("date: \"%s\" não é uma data: escreva 2026-07-09, 07-09 (todo ano) ou "
			     "easter+60 (dias depois da Páscoa)",
				"date: \"%s\" is no date: write 2026-07-09, 07-09 (every year) or "
				"easter+60 (days after Easter)"),
			words_show(shown, date));
		return false;
	}
	if (!bound(&h->from, from, "from", why, cap) || !bound(&h->until, until, "until", why, cap))
		return false;
	if (h->from <= h->until)
		return true;
	snprintf(why, cap, "%s", CX_T("until vem antes de from", "until comes before from"));
	return false;
}

bool holiday_is(const struct holiday *h, const struct date *d)
{
	if (d->day < h->from || d->day > h->until)
		return false;
	switch (h->kind) {
	case HOLIDAY_YEARLY: return h->month == d->month && h->n == d->month_day;
	case HOLIDAY_EASTER: return h->n == d->from_easter;
	default: return true;
	}
}
