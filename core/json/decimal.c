#include "json/decimal.h"

static const int64_t EXP_MAX = 1000000000000000LL;

static bool exponent(const char *p, const char *end, int64_t *exp)
{
	bool neg = false;
	int64_t v = 0;
	if (p < end && (*p == '+' || *p == '-'))
		neg = *p++ == '-';
	if (p == end)
		return false;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return false;
		v = v * 10 + (*p - '0');
		if (v > EXP_MAX)
			return false;
	}
	*exp = neg ? -v : v;
	return true;
}

bool json_decimal(struct str text, struct json_decimal *d)
{
	const char *p = text.p, *end = p + text.n;
	uint32_t seen = 0, n = 0, sig = 0; /* digits; from the first that counts; to the last */
	int64_t fraction = 0, exp = 0;
	bool point = false;
	*d = (struct json_decimal){.neg = p < end && *p == '-'};
	p += d->neg;
	for (; p < end; p++) {
		if (*p == '.') {
			if (point || !seen || p + 1 == end || p[1] < '0' || p[1] > '9')
				return false;
			point = true;
			continue;
		}
		if (*p < '0' || *p > '9')
			break;
		seen++;
		fraction += point;
		if (*p == '0' && !n)
			continue;
		if (!n)
			d->digits = p;
		n++;
		if (*p != '0')
			sig = n;
	}
	if (!seen)
		return false;
	bool ok = p == end || ((*p == 'e' || *p == 'E') && exponent(p + 1, end, &exp));
	d->n = sig;
	d->exp = sig ? exp - fraction + (n - sig) : 0;
	d->neg = d->neg && sig;
	/* Zero is zero whatever its exponent. */
	return ok;
}

enum decimal_fit json_decimal_units(
	const struct json_decimal *d, int scale, int64_t max, int64_t *v)
{
	*v = 0;
	if (!d->n)
		return DECIMAL_FITS;
	int64_t zeros = d->exp + scale;
	if (zeros < 0)
		return DECIMAL_TOO_FINE;
	if (zeros > 18 || d->n + zeros > 18)
		return DECIMAL_TOO_BIG;
	int64_t u = 0;
	const char *p = d->digits;
	for (uint32_t i = 0; i < d->n; p++) {
		if (*p == '.')
			continue;
		u = u * 10 + (*p - '0');
		i++;
	}
	for (; zeros > 0; zeros--)
		u *= 10;
	if (u > max)
		return DECIMAL_TOO_BIG;
	*v = d->neg ? -u : u;
	return DECIMAL_FITS;
}
