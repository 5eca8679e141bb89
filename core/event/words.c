#include "event/words.h"

#include <string.h>

enum { NEAR_MAX = 40 };

const char *words_show(char out[SHOWN_MAX], struct str s)
{
	static const char dots[] = "…";
	size_t n = s.n;
	bool cut = n >= SHOWN_MAX;
	if (cut)
		for (n = SHOWN_MAX - sizeof dots; n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80;)
			n--;
	if (n)
		memcpy(out, s.p, n);
	memcpy(out + n, dots, cut ? sizeof dots : 0);
	if (!cut)
		out[n] = 0;
	return out;
}

/* Optimal string alignment: insertions, deletions, changes and swaps of neighbours. */
static int distance(const char *a, size_t n, const char *b, size_t m)
{
	int rows[3][NEAR_MAX + 1];
	int *before = rows[0], *last = rows[1], *now = rows[2];
	for (size_t k = 0; k <= m; k++)
		last[k] = (int)k;
	for (size_t i = 1; i <= n; i++) {
		now[0] = (int)i;
		for (size_t k = 1; k <= m; k++) {
			int v = last[k - 1] + (a[i - 1] != b[k - 1]);
			if (last[k] + 1 < v)
				v = last[k] + 1;
			if (now[k - 1] + 1 < v)
				v = now[k - 1] + 1;
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
				before[k - 2] + 1 < v)
				v = before[k - 2] + 1;
			now[k] = v;
		}
		int *free_row = before;
		before = last;
		last = now;
		now = free_row;
	}
	return last[m];
}

const char *words_near(
	struct str name, const char *(*candidate)(const void *ctx, int i), const void *ctx)
{
	const char *best = NULL, *c;
	int least = name.n <= 4 ? 2 : 3; /* to be undercut */
	if (!name.n || name.n > NEAR_MAX)
		return NULL;
	for (int i = 0; (c = candidate(ctx, i)); i++) {
		size_t n = strlen(c);
		if (n > NEAR_MAX)
			continue;
		int d = distance(name.p, name.n, c, n);
		if (d < least && (size_t)d < n) {
			least = d;
			best = c;
		}
	}
	return best;
}
