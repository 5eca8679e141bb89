/* digits.h — the shortest decimal digits that read back as the same number: what a person would
 * call it. 15 significant ones are tried first, then 16 and 17, which always do.
 * Callers: the JSON writer, texts of figures. Pure. */
#ifndef CX_BASE_DIGITS_H
#define CX_BASE_DIGITS_H

enum { DIGITS_MAX = 17 };
struct digits { /* 0.d1 d2 d3… × 10^point */
	char d[DIGITS_MAX];
	int n, point; /* n: without zeros at the end; 0 for zero */
	int tried;    /* significant digits that were enough */
};
void digits_of(double v, struct digits *x); /* v finite; its sign is left out */

#endif
