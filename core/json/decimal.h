/* decimal.h — a decimal number read from its text: exact, whatever its size.
 * Value = the first n digits found from digits on (a '.' among them is skipped), as an integer,
 * times ten to the power exp, negated if neg. n is 0 for zero; the last digit is not 0. */
#ifndef CX_JSON_DECIMAL_H
#define CX_JSON_DECIMAL_H

#include <stdbool.h>

#include "base/arena.h"

struct json_decimal {
	const char *digits;
	uint32_t n;
	bool neg;
	int64_t exp;
};

/* -12.5e3, also with leading zeros. False: no number, or an exponent beyond ±10^15. */
bool json_decimal(struct str text, struct json_decimal *d);

enum decimal_fit { DECIMAL_FITS, DECIMAL_TOO_FINE, DECIMAL_TOO_BIG };
/* The value in units of 10^-scale, exactly and within ±max (max ≤ 10^18). */
enum decimal_fit json_decimal_units(
	const struct json_decimal *d, int scale, int64_t max, int64_t *v);

#endif
