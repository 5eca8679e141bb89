#include "kpi/hist.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/varint.h"

#define TOTAL_MAX (INT64_C(1) << 53) /* that a rank can be exact */

void hist_free(struct hist *h)
{
	free(h->values);
	free(h->counts);
	*h = (struct hist){0};
}

int64_t hist_bucket(int64_t value, int64_t width)
{
	int64_t rest = value % width, low;
	if (rest < 0)
		rest += width;
	return __builtin_sub_overflow(value, rest, &low) ? INT64_MIN : low;
}

/* The first place at or after `from` whose value is not less. */
static size_t place(const struct hist *h, size_t from, int64_t value)
{
	size_t end = h->n;
	if (from < end && h->values[end - 1] < value)
		return end; /* times mostly come in order */
	while (from < end) {
		size_t mid = from + (end - from) / 2;
		if (h->values[mid] < value)
			from = mid + 1;
		else
			end = mid;
	}
	return from;
}

static void reserve(struct hist *h, size_t n)
{
	if (n <= h->cap)
		return;
	size_t cap = h->cap ? h->cap * 2 : 8;
	h->cap = cap < n ? n : cap;
	h->values = xrealloc(h->values, h->cap * sizeof *h->values);
	h->counts = xrealloc(h->counts, h->cap * sizeof *h->counts);
}

/* Moves all from place i on to another place. */
static void move(struct hist *h, size_t i, size_t to)
{
	size_t bytes = (h->n - i) * sizeof *h->values;
	memmove(h->values + to, h->values + i, bytes);
	memmove(h->counts + to, h->counts + i, bytes);
}

bool hist_add(struct hist *h, int64_t value, int64_t times)
{
	size_t i = place(h, 0, value);
	bool there = i < h->n && h->values[i] == value;
	int64_t count = there ? h->counts[i] : 0, total;
	if (__builtin_add_overflow(count, times, &count) || count < 0 ||
		__builtin_add_overflow(h->total, times, &total))
		return false;
	if (!there && count) {
		if (h->n == HIST_VALUES_MAX)
			return false;
		reserve(h, h->n + 1);
		move(h, i, i + 1);
		h->values[i] = value;
		h->n++;
	} else if (there && !count) {
		move(h, i + 1, i);
		h->n--;
	}
	if (count)
		h->counts[i] = count;
	h->total = total;
	return true;
}

bool hist_merge(struct hist *into, const struct hist *from)
{
	size_t n = into->n, at = 0;
	for (size_t i = 0; i < from->n; i++) {
		at = place(into, at, from->values[i]);
		n += at == into->n || into->values[at] != from->values[i];
	}
	if (n > HIST_VALUES_MAX)
		return false;
	reserve(into, n);
	/* From the greatest down, so that nothing is overwritten before it has moved. */
	size_t a = into->n, b = from->n, to = n;
	while (b > 0) {
		bool mine = a > 0 && into->values[a - 1] >= from->values[b - 1];
		bool both = mine && into->values[a - 1] == from->values[b - 1];
		int64_t count = (mine ? into->counts[a - 1] : 0) +
				(mine && !both ? 0 : from->counts[b - 1]);
		into->values[to - 1] = mine ? into->values[a - 1] : from->values[b - 1];
		into->counts[--to] = count;
		a -= mine;
		b -= !mine || both;
	}
	into->n = n;
	into->total += from->total;
	return true;
}

int64_t hist_count(const struct hist *h, int64_t value)
{
	size_t i = place(h, 0, value);
	return i < h->n && h->values[i] == value ? h->counts[i] : 0;
}

/* The value at a rank from 0 on, and the next one. */
static void ranked(const struct hist *h, int64_t rank, int64_t *value, int64_t *next)
{
	size_t i = 0;
	int64_t upto = h->counts[0];
	while (upto <= rank && i + 1 < h->n)
		upto += h->counts[++i];
	*value = h->values[i];
	*next = rank + 1 < upto || i + 1 == h->n ? h->values[i] : h->values[i + 1];
}

bool hist_quantile(const struct hist *h, double p, double *out)
{
	int64_t low, high;
	if (!h->n || !(p >= 0 && p <= 1))
		return false;
	double rank = (double)(h->total - 1) * p, whole = floor(rank);
	ranked(h, (int64_t)whole, &low, &high);
	*out = (double)low + (rank - whole) * ((double)high - (double)low);
	return true;
}

static long double mean(const struct hist *h)
{
	__int128 sum = 0;
	for (size_t i = 0; i < h->n; i++)
		sum += (__int128)h->values[i] * h->counts[i];
	return (long double)sum / (long double)h->total;
}

bool hist_mean(const struct hist *h, double *out)
{
	if (h->n)
		*out = (double)mean(h);
	return h->n > 0;
}

bool hist_variance(const struct hist *h, double *out)
{
	if (h->total < 2)
		return false;
	long double m = mean(h), squares = 0;
	for (size_t i = 0; i < h->n; i++) {
		long double d = (long double)h->values[i] - m;
		squares += d * d * (long double)h->counts[i];
	}
	*out = (double)(squares / (long double)(h->total - 1));
	return true;
}

bool hist_min(const struct hist *h, int64_t *out)
{
	if (h->n)
		*out = h->values[0];
	return h->n > 0;
}

bool hist_max(const struct hist *h, int64_t *out)
{
	if (h->n)
		*out = h->values[h->n - 1];
	return h->n > 0;
}

static void put(struct buf *b, uint64_t v)
{
	b->len += varint_put((uint8_t *)b->p + b->len, v);
}

void hist_write(const struct hist *h, struct buf *out)
{
	buf_reserve(out, (2 * h->n + 1) * VARINT_MAX);
	put(out, h->n);
	for (size_t i = 0; i < h->n; i++)
		put(out, i ? (uint64_t)h->values[i] - (uint64_t)h->values[i - 1]
			   : zigzag(h->values[i]));
	for (size_t i = 0; i < h->n; i++)
		put(out, (uint64_t)h->counts[i]);
}

static bool read_values(struct hist *h, const uint8_t **p, const uint8_t *end, size_t n)
{
	uint64_t x;
	for (size_t i = 0; i < n; i++) {
		size_t used = varint_get(*p, end, &x);
		if (!used)
			return false;
		*p += used;
		int64_t value = i ? (int64_t)((uint64_t)h->values[i - 1] + x) : unzigzag(x);
		if (i && value <= h->values[i - 1])
			return false;
		h->values[i] = value;
	}
	return true;
}

static bool read_counts(struct hist *h, const uint8_t **p, const uint8_t *end, size_t n)
{
	uint64_t x;
	h->total = 0;
	for (size_t i = 0; i < n; i++) {
		size_t used = varint_get(*p, end, &x);
		if (!used || !x || x > TOTAL_MAX || h->total + (int64_t)x > TOTAL_MAX)
			return false;
		h->total += (int64_t)x;
		*p += used;
		h->counts[i] = (int64_t)x;
	}
	return true;
}

size_t hist_read(struct hist *h, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *start = p;
	uint64_t n;
	size_t used = varint_get(p, end, &n);
	h->n = 0;
	h->total = 0;
	p += used;
	if (!used || n > HIST_VALUES_MAX || n > (uint64_t)(end - p))
		return 0;
	reserve(h, n);
	if (!read_values(h, &p, end, n) || !read_counts(h, &p, end, n)) {
		h->total = 0;
		return 0;
	}
	h->n = n;
	return (size_t)(p - start);
}
