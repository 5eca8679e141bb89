#include "kpi/number.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"
#include "base/err.h"

#define NBSP  "\u00a0"
#define MINUS "\u2212"
enum { LARGE = 21 }; /* from 10^21 on: 1,5e+21 */

struct decimal { /* 0.d1 d2 d3… × 10^point */
	char d[DIGITS_MAX];
	int n, point;
	bool negative;
};

/* The shortest digits: 1.005 is rounded as 1.005 and not as the 1.00499… beneath it. */
static void decimal_of(double v, struct decimal *x)
{
	struct digits shortest;
	digits_of(v, &shortest);
	x->negative = v < 0;
	x->point = shortest.point;
	x->n = shortest.n;
	memcpy(x->d, shortest.d, (size_t)x->n);
}

/* Keeps keep digits, half away from zero. */
static void cut(struct decimal *x, int keep)
{
	if (keep >= x->n)
		return;
	bool up = keep >= 0 && x->d[keep] >= '5';
	x->n = keep > 0 ? keep : 0;
	int i = x->n;
	while (up && i > 0 && x->d[i - 1] == '9')
		x->d[--i] = '0';
	if (up && i > 0) {
		x->d[i - 1]++;
	} else if (up) { /* 9.99 → 10.0 */
		memmove(x->d + 1, x->d, (size_t)x->n);
		x->d[0] = '1';
		x->n++;
		x->point++;
	}
}

static char digit(const struct decimal *x, int i) /* the i-th place from 0.d0… */
{
	return i >= 0 && i < x->n ? x->d[i] : '0';
}

/* Number without sign; true if it shows as zero. trim: no zeros at the end of the fraction. */
static bool plain(char *out, struct decimal *x, int decimals, bool trim)
{
	bool pt = cx_lang == CX_PT, zero = true;
	char *o = out;
	cut(x, x->point + decimals);
	while (trim && decimals > 0 && digit(x, x->point + decimals - 1) == '0')
		decimals--;
	for (int i = x->point > 0 ? 0 : x->point - 1; i < x->point; i++) {
		if (x->point <= 0 && i != x->point - 1)
			continue;
		*o++ = digit(x, i);
		int left = x->point - 1 - i;
		if (left && left % 3 == 0)
			*o++ = pt ? '.' : ',';
	}
	if (decimals > 0)
		*o++ = pt ? ',' : '.';
	for (int i = 0; i < decimals; i++)
		*o++ = digit(x, x->point + i);
	*o = 0;
	for (int i = 0; i < x->n; i++)
		zero = zero && x->d[i] == '0';
	return zero;
}

static void duration(char out[NUMBER_TEXT], double ms)
{
	const char *minus = ms <= -0.5 ? MINUS : "";
	double whole = floor(fabs(ms) + 0.5);
	if (whole >= 1e15) {
		snprintf(out, NUMBER_TEXT, "%s%.3g" NBSP "d", minus, whole / 864e5);
		return;
	}
	int64_t t = (int64_t)whole;
	if (t < 1000) {
		snprintf(out, NUMBER_TEXT, "%s%lld" NBSP "ms", minus, (long long)t);
		return;
	}
	t = (t + 500) / 1000;
	long long s = t % 60, min = t / 60 % 60, h = t / 3600 % 24, d = t / 86400;
	if (t < 60)
		snprintf(out, NUMBER_TEXT, "%s%lld" NBSP "s", minus, s);
	else if (t < 3600)
		snprintf(out, NUMBER_TEXT, "%s%lldmin%02lld", minus, min, s);
	else if (t < 86400)
		snprintf(out, NUMBER_TEXT, "%s%lldh%02lld", minus, h, min);
	else if (h)
		snprintf(out, NUMBER_TEXT, "%s%lldd" NBSP "%lldh", minus, d, h);
	else
		snprintf(out, NUMBER_TEXT, "%s%lldd", minus, d);
}

static const char *symbol(const char *currency)
{
	if (strcmp(currency, "BRL") == 0)
		return "R$";
	if (strcmp(currency, "USD") == 0)
		return CX_T("US$", "$");
	if (strcmp(currency, "EUR") == 0)
		return "€";
	if (strcmp(currency, "GBP") == 0)
		return "£";
	return NULL;
}

/* Appends at most so many bytes; a query makes hundreds of these texts, and printf is slow. */
static char *put(char *o, const char *text, size_t most)
{
	size_t n = strnlen(text, most);
	memcpy(o, text, n);
	o[n] = 0;
	return o + n;
}

/* What stands before and after the number. */
static void frame(const char *format, const char *currency, char before[8], char after[20])
{
	before[0] = after[0] = 0;
	if (strcmp(format, "money") == 0) {
		const char *s = symbol(currency ? currency : "");
		if (s)
			snprintf(before, 8, "%.5s%s", s, CX_T(NBSP, ""));
		else if (currency && *currency)
			snprintf(before, 8, "%.3s" NBSP, currency);
	} else if (strcmp(format, "points") != 0 && strcmp(format, "number") != 0 &&
		   strcmp(format, "integer") != 0) {
		snprintf(after, 20, NBSP "%.16s", format); /* % and other units */
	}
}

/* Without the no-break space at its end: a symbol that stands after the number. */
static const char *bare(char before[8])
{
	size_t n = strlen(before), space = strlen(NBSP);
	if (n >= space && strcmp(before + n - space, NBSP) == 0)
		before[n - space] = 0;
	return before;
}

static int own_decimals(const char *format, int scale)
{
	if (strcmp(format, "money") == 0)
		return scale;
	if (strcmp(format, "%") == 0)
		return 1;
	return strcmp(format, "points") == 0 || strcmp(format, "integer") == 0 ? 0 : 2;
}

void number_text(char out[NUMBER_TEXT], double value, bool null, const char *format, int decimals,
	int scale, const char *currency)
{
	char before[8], after[20], number[LARGE * 2 + 24];
	struct decimal x;
	if (null || !isfinite(value)) {
		snprintf(out, NUMBER_TEXT, "—");
		return;
	}
	if (!format)
		format = "number";
	if (strcmp(format, "duration") == 0) {
		duration(out, value);
		return;
	}
	frame(format, currency, before, after);
	bool trim =
		decimals < 0 && own_decimals(format, scale) == 2 && strcmp(format, "money") != 0;
	decimals = decimals < 0 ? own_decimals(format, scale) : decimals > 6 ? 6 : decimals;
	decimal_of(value, &x);
	if (strcmp(format, "money") == 0)
		x.point -= scale; /* exact: minor units to whole ones */
	if (x.point > LARGE) {
		snprintf(number, sizeof number, "%.3g", fabs(value));
		char *dot = strchr(number, '.');
		if (dot && cx_lang == CX_PT)
			*dot = ',';
	} else if (plain(number, &x, decimals, trim)) {
		x.negative = false;
	}
	char *o = put(out, x.negative ? MINUS : "", 3);
	o = put(o, before, sizeof before);
	o = put(o, number, 32);
	put(o, after, sizeof after);
}

void number_compact(char out[NUMBER_TEXT], double value, bool null, const char *format, int scale,
	const char *currency)
{
	static const struct {
		int power;
		const char *pt, *en;
	} steps[] = {{6, NBSP "mi", "M"}, {9, NBSP "bi", "B"}, {12, NBSP "tri", "T"}};
	char before[8], after[20], number[LARGE * 2 + 24];
	struct decimal x;
	bool money = format && strcmp(format, "money") == 0;
	bool other = format && (strcmp(format, "duration") == 0 || strcmp(format, "%") == 0);
	int i = 2;
	decimal_of(null || !isfinite(value) ? 0 : value, &x);
	x.point -= money ? scale : 0;
	if (x.point <= 6 || x.point > LARGE || other) {
		number_text(out, value, null, format, -1, scale, currency);
		return;
	}
	frame(format ? format : "number", currency, before, after);
	while (i > 0 && x.point <= steps[i].power)
		i--;
	cut(&x, x.point - steps[i].power + 2);
	if (i < 2 && x.point > steps[i + 1].power) /* 999,999 mi is 1,00 bi */
		i++;
	x.point -= steps[i].power;
	plain(number, &x, 2, false);
	snprintf(out, NUMBER_TEXT, "%s%s%.32s%s%s%s%s", x.negative ? MINUS : "",
		cx_lang == CX_PT ? "" : before, number, CX_T(steps[i].pt, steps[i].en),
		cx_lang == CX_PT && before[0] ? NBSP : "", cx_lang == CX_PT ? bare(before) : "",
		after);
}

/* Puts a plus before a number that is neither negative nor shown as zero. */
static void signed_text(char out[NUMBER_TEXT], const char *text)
{
	bool zero = strpbrk(text, "123456789") == NULL;
	bool minus = strncmp(text, MINUS, strlen(MINUS)) == 0;
	snprintf(out, NUMBER_TEXT, "%s%.60s", zero || minus ? "" : "+", text);
}

void number_change_text(char out[NUMBER_TEXT], double now, double before, const char *format,
	int scale, const char *currency)
{
	char text[NUMBER_TEXT];
	double change = now - before;
	bool points = format && (strcmp(format, "%") == 0 || strcmp(format, "points") == 0);
	if (!isfinite(change)) {
		snprintf(out, NUMBER_TEXT, "—");
		return;
	}
	if (points) {
		number_text(text, change, false, "points", 1, 0, NULL);
		struct decimal x;
		decimal_of(change, &x);
		cut(&x, x.point + 1);
		bool one = x.point < 1 || (x.point == 1 && digit(&x, 0) < '2');
		strcat(text, one ? NBSP "pt" : NBSP "pts");
	} else if (format && strcmp(format, "money") == 0 && before > 0) {
		number_text(text, change / before * 100, false, "%", 1, 0, NULL);
	} else {
		number_text(text, change, false, format, -1, scale, currency);
	}
	signed_text(out, text);
}

void number_count_text(char out[NUMBER_TEXT], double n)
{
	char text[NUMBER_TEXT];
	number_text(text, n, false, "integer", -1, 0, NULL);
	put(put(out, "n=", 2), text, 60);
}

void number_p_text(char out[NUMBER_TEXT], double p)
{
	char text[NUMBER_TEXT];
	bool least = p < 0.001;
	number_text(text, least ? 0.001 : p, false, "number", 3, 0, NULL);
	snprintf(out, NUMBER_TEXT, "p%s%.60s", least ? "<" : "=", text);
}

static const char *ordinal(int64_t n)
{
	if (cx_lang == CX_PT)
		return "º";
	if (n % 100 >= 11 && n % 100 <= 13)
		return "th";
	return n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
}

void number_rank_text(char out[NUMBER_TEXT], int64_t best, int64_t worst)
{
	char a[NUMBER_TEXT], b[NUMBER_TEXT];
	number_text(a, (double)best, false, "integer", -1, 0, NULL);
	number_text(b, (double)worst, false, "integer", -1, 0, NULL);
	char *o = put(put(out, a, 24), ordinal(best), 2);
	if (best == worst)
		return;
	o = put(o, CX_T(" a ", " to "), 4);
	put(put(o, b, 24), ordinal(worst), 2);
}
