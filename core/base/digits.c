#include "base/digits.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST = 15, MANTISSA = 53 };

__extension__ typedef unsigned __int128 wide;

/* decimal × 10^(point − tried); one that was rounded up may have a digit more. */
static void take(struct digits *x, uint64_t decimal, int point)
{
	char t[DIGITS_MAX + 3], *p = t + sizeof t;
	while (decimal && decimal % 10 == 0)
		decimal /= 10, point++;
	for (; decimal; decimal /= 10)
		*--p = (char)('0' + decimal % 10);
	x->n = (int)(t + sizeof t - p);
	x->point = x->n ? x->n + point - x->tried : 1;
	memcpy(x->d, p, (size_t)x->n);
}

/* Numbers of everyday size, exactly: v is m / 2^s, and m × 10^20 still has room. Printing and
 * reading back three times was a sixth of a query. */
static bool everyday(double v, struct digits *x)
{
	int e, point = 0;
	if (!(v >= 1e-4 && v < 1e15))
		return false;
	uint64_t m = (uint64_t)ldexp(frexp(v, &e), MANTISSA);
	int s = MANTISSA - e;
	for (uint64_t whole = (uint64_t)v; whole; whole /= 10)
		point++;
	for (wide t = (wide)m * 10; t >> s == 0; t *= 10)
		point--;
	wide ten = 1, unit = (wide)1 << s;
	for (int i = point; i < LEAST; i++)
		ten *= 10;
	for (x->tried = LEAST; x->tried <= DIGITS_MAX; x->tried++, ten *= 10) {
		wide exact = m * ten, rest = exact & (unit - 1);
		uint64_t down = (uint64_t)(exact >> s);
		bool up = rest > unit / 2 || (rest == unit / 2 && down % 2);
		/* It reads back as v if it is nearer to it than half a step of doubles; the one
		 * below a power of two is nearer than the one above. */
		int half = !up && m == UINT64_C(1) << (MANTISSA - 1) ? 4 : 2;
		if ((up ? unit - rest : rest) * (wide)half < ten) {
			take(x, down + up, point);
			return true;
		}
	}
	return false;
}

void digits_of(double v, struct digits *x)
{
	char t[40], *e;
	v = fabs(v);
	if (everyday(v, x))
		return;
	for (x->tried = LEAST; x->tried <= DIGITS_MAX; x->tried++) {
		snprintf(t, sizeof t, "%.*e", x->tried - 1, v);
		if (strtod(t, NULL) == v)
			break;
	}
	e = strchr(t, 'e');
	t[1] = t[0]; /* over the point */
	*e = 0;
	take(x, strtoull(t + 1, NULL, 10), atoi(e + 1) + 1);
}
