#include "base/nearest.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

enum { LONGEST = 64 };

static int least(int a, int b)
{
	return a < b ? a : b;
}

/* Optimal string alignment, three rows at a time. */
int nearest_distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	if (na > LONGEST || nb > LONGEST)
		return LONGEST;
	int rows[3][LONGEST + 1];
	for (size_t j = 0; j <= nb; j++)
		rows[0][j] = (int)j;
	for (size_t i = 1; i <= na; i++) {
		int *now = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
		now[0] = (int)i;
		for (size_t j = 1; j <= nb; j++) {
			now[j] = least(least(up[j] + 1, now[j - 1] + 1),
				up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], up2[j - 2] + 1);
		}
	}
	return rows[na % 3][nb];
}

void nearest_try(struct nearest *n, const char *candidate)
{
	size_t len = strlen(n->word);
	int far = len <= 2   ? 1
		  : len <= 7 ? 2
			     : 3; /* one slip in a short word, three in a long one */
	int d = nearest_distance(n->word, candidate);
	if (d <= far && d < (int)strlen(candidate) && (!n->best || d < n->distance)) {
		n->best = candidate;
		n->distance = d;
	}
}

const char *nearest_hint(const struct nearest *n, const char *before, const char *after)
{
	static char hint[160];
	hint[0] = 0;
	if (n->best)
		snprintf(hint, sizeof hint, CX_T("; seria %s%s%s?", "; did you mean %s%s%s?"),
			before, n->best, after);
	return hint;
}
