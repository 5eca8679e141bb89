#include "kpi/spread.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"

static void reserve(struct spread *s, size_t n)
{
	if (n <= s->cap)
		return;
	s->cap = s->cap ? s->cap * 2 : 8;
	s->cap = s->cap < n ? n : s->cap;
	s->v = xrealloc(s->v, s->cap * sizeof *s->v);
}

void spread_add(struct spread *s, int64_t value)
{
	reserve(s, s->n + 1);
	s->v[s->n++] = value;
}

void spread_join(struct spread *s, const struct spread *more)
{
	if (!more->n)
		return;
	reserve(s, s->n + more->n);
	memcpy(s->v + s->n, more->v, more->n * sizeof *s->v);
	s->n += more->n;
}

static void swap(int64_t *a, int64_t *b)
{
	int64_t t = *a;
	*a = *b;
	*b = t;
}

static int64_t middle(int64_t a, int64_t b, int64_t c)
{
	if (a > b)
		swap(&a, &b);
	return c < a ? a : c > b ? b : c;
}

/* Puts the k-th smallest in its place, with none greater before it and none smaller after it. */
static void select_nth(int64_t *v, size_t n, size_t k)
{
	size_t lo = 0, hi = n;
	while (hi - lo > 1) {
		int64_t pivot = middle(v[lo], v[lo + (hi - lo) / 2], v[hi - 1]);
		size_t less = lo, at = lo, more = hi; /* three parts: equal ones are many */
		while (at < more)
			if (v[at] < pivot)
				swap(&v[less++], &v[at++]);
			else if (v[at] > pivot)
				swap(&v[at], &v[--more]);
			else
				at++;
		if (k < less)
			hi = less;
		else if (k >= more)
			lo = more;
		else
			return;
	}
}

bool spread_quantile(struct spread *s, double p, double *out)
{
	if (!s->n)
		return false;
	double at = (double)(s->n - 1) * p, whole = floor(at);
	size_t k = (size_t)whole;
	select_nth(s->v, s->n, k);
	int64_t low = s->v[k], high = low;
	if (at > whole && k + 1 < s->n) {
		high = s->v[k + 1];
		for (size_t i = k + 2; i < s->n; i++)
			high = s->v[i] < high ? s->v[i] : high;
	}
	*out = (double)low + (at - whole) * ((double)high - (double)low);
	return true;
}

void spread_free(struct spread *s)
{
	free(s->v);
	*s = (struct spread){0};
}
