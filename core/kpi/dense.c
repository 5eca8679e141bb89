#include "kpi/dense.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum { CHUNK = 256 };

struct dense *dense_new(int levels, uint32_t words, bool days)
{
	struct dense *d = xcalloc(1, sizeof *d);
	*d = (struct dense){.n = words, .levels = levels, .planes = levels + days};
	d->w = xcalloc((size_t)words * (size_t)d->planes, sizeof *d->w);
	return d;
}

struct dense *dense_copy(const struct dense *d)
{
	struct dense *c = dense_new(d->levels, d->n, d->planes > d->levels);
	memcpy(c->w, d->w, (size_t)d->n * (size_t)d->planes * sizeof *d->w);
	if (d->nday) {
		c->day = xcalloc(d->nday, sizeof *c->day);
		memcpy(c->day, d->day, d->nday * sizeof *c->day);
		c->nday = c->cap_day = d->nday;
	}
	return c;
}

void dense_free(struct dense *d)
{
	if (!d)
		return;
	free(d->w);
	free(d->day);
	free(d);
}

void dense_resize(struct dense *d, uint32_t words, bool days)
{
	struct dense old = *d;
	days = days || old.planes > old.levels;
	d->n = words;
	d->planes = d->levels + days;
	d->w = xcalloc((size_t)words * (size_t)d->planes, sizeof *d->w);
	for (size_t i = 0; i < old.n; i++)
		memcpy(d->w + i * (size_t)d->planes, old.w + i * (size_t)old.planes,
			(size_t)old.planes * sizeof *d->w);
	free(old.w);
}

void dense_close_day(struct dense *d)
{
	for (size_t i = 0; i < d->nday; i++)
		d->w[(size_t)d->day[i] * (size_t)d->planes + (size_t)d->levels] = 0;
	d->nday = 0;
}

uint64_t dense_count(const struct dense *d, int level)
{
	uint64_t n = 0;
	for (size_t i = 0; i < d->n; i++)
		n += (uint64_t)__builtin_popcountll(d->w[i * (size_t)d->planes + (size_t)level]);
	return n;
}

/* So many more words may hold ids of the open day. */
static void reserve_day(struct dense *d, size_t more)
{
	if (d->nday + more <= d->cap_day)
		return;
	d->cap_day = 2 * d->cap_day + more;
	d->day = xrealloc(d->day, d->cap_day * sizeof *d->day);
}

/* Ids of one word, each seen once more: what a level has already goes on to the next. Two levels
 * are the common case, and cheaper without looking whether anything is left. */
static inline void put(struct dense *d, uint32_t word, uint64_t ids, enum adding how)
{
	uint64_t *p = d->w + (size_t)word * (size_t)d->planes;
	int levels = how == ADD_UNION ? 1 : d->levels;
	if (how == ADD_DAY) {
		ids &= ~p[levels];
		p[levels] |= ids;
		d->day[d->nday] = word;
		d->nday += ids != 0;
	}
	for (int i = 0; i < levels && (i < 2 || ids); i++) {
		uint64_t had = p[i] & ids;
		p[i] |= ids;
		ids = had;
	}
}

void dense_add(struct dense *d, uint32_t id, enum adding how)
{
	reserve_day(d, how == ADD_DAY);
	put(d, id / 64, UINT64_C(1) << id % 64, how);
}

static void add_run(struct dense *d, uint32_t first, uint32_t last, enum adding how)
{
	for (uint32_t i = first / 64; i <= last / 64; i++) {
		uint64_t ids = UINT64_MAX;
		if (i == first / 64)
			ids &= UINT64_MAX << first % 64;
		if (i == last / 64)
			ids &= UINT64_MAX >> (63 - last % 64);
		put(d, i, ids, how);
	}
}

static inline void add_container(struct dense *d, const struct container *c, enum adding how)
{
	uint32_t word = c->key * CONTAINER_WORDS, base = word * 64;
	if (how == ADD_DAY)
		reserve_day(d, c->ids + 1); /* one more: put() writes before it counts */
	switch (c->kind) {
	case CONTAINER_ARRAY:
		for (uint32_t i = 0; i < c->n; i++) {
			uint32_t low = portable_u16(c->p + 2 * (size_t)i);
			put(d, word + low / 64, UINT64_C(1) << low % 64, how);
		}
		break;
	case CONTAINER_RUNS:
		for (uint32_t i = 0; i < c->n; i++) {
			uint32_t first = base + portable_u16(c->p + 4 * (size_t)i);
			add_run(d, first, first + portable_u16(c->p + 4 * (size_t)i + 2), how);
		}
		break;
	case CONTAINER_BITS:
		for (uint32_t i = 0; i < c->n; i++) {
			uint64_t ids = portable_u64(c->p + 8 * (size_t)i);
			if (ids)
				put(d, word + i, ids, how);
		}
		break;
	}
}

void dense_add_portable(struct dense *d, const void *p, size_t n, enum adding how)
{
	struct portable o;
	struct container c;
	portable_open(&o, p, n);
	switch (how) { /* each a loop of its own: it is the hottest of a query */
	case ADD_TIMES:
		while (portable_next(&o, &c))
			add_container(d, &c, ADD_TIMES);
		break;
	case ADD_DAY:
		while (portable_next(&o, &c))
			add_container(d, &c, ADD_DAY);
		break;
	case ADD_UNION:
		while (portable_next(&o, &c))
			add_container(d, &c, ADD_UNION);
		break;
	}
}

static bool add_one(uint32_t id, void *d)
{
	dense_add(d, id, ADD_TIMES);
	return true;
}

static bool add_united(uint32_t id, void *d)
{
	dense_add(d, id, ADD_UNION);
	return true;
}

static bool add_of_day(uint32_t id, void *d)
{
	dense_add(d, id, ADD_DAY);
	return true;
}

void dense_add_roaring(struct dense *d, const roaring_bitmap_t *b, enum adding how)
{
	static const roaring_iterator add[] = {
		[ADD_TIMES] = add_one, [ADD_UNION] = add_united, [ADD_DAY] = add_of_day};
	roaring_iterate(b, add[how], d);
}

static bool of_day(uint32_t id, void *dense)
{
	struct dense *d = dense;
	uint64_t *p = &d->w[(size_t)(id / 64) * (size_t)d->planes + (size_t)d->levels];
	if (!*p) {
		reserve_day(d, 1);
		d->day[d->nday++] = id / 64;
	}
	*p |= UINT64_C(1) << id % 64;
	return true;
}

void dense_open_day(struct dense *d, const roaring_bitmap_t *ids)
{
	roaring_iterate(ids, of_day, d);
}

void dense_add_dense(struct dense *d, const struct dense *from, enum adding how)
{
	int levels = how == ADD_TIMES ? from->levels : 1;
	for (uint32_t i = 0; i < from->n; i++)
		for (int l = 0; l < levels; l++) {
			uint64_t ids = from->w[(size_t)i * (size_t)from->planes + (size_t)l];
			if (!ids)
				break;
			reserve_day(d, 1);
			put(d, i, ids, how);
		}
}

roaring_bitmap_t *dense_roaring(const struct dense *d, int level)
{
	uint32_t ids[CHUNK], n = 0;
	roaring_bitmap_t *b = roaring_bitmap_create();
	for (uint32_t i = 0; b && i < d->n; i++) {
		uint64_t left = d->w[(size_t)i * (size_t)d->planes + (size_t)level];
		for (; left; left &= left - 1) {
			ids[n++] = i * 64 + (uint32_t)__builtin_ctzll(left);
			if (n == CHUNK) {
				roaring_bitmap_add_many(b, n, ids);
				n = 0;
			}
		}
	}
	if (b && n)
		roaring_bitmap_add_many(b, n, ids);
	return b;
}

struct dense *dense_level(const struct dense *d, int level, uint32_t words)
{
	struct dense *one = dense_new(1, words > d->n ? words : d->n, false);
	for (size_t i = 0; i < d->n; i++)
		one->w[i] = d->w[i * (size_t)d->planes + (size_t)level];
	return one;
}
