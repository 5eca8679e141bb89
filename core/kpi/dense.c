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

/* What adding needs of a dense set, apart from it so that a loop keeps it in registers. */
struct pen {
	uint64_t *w;
	size_t planes;
	int levels;
	uint32_t
		*day; /* where the next word of the open day goes; there is room for one too many */
};

/* For at most so many ids. */
static struct pen pen_take(struct dense *d, uint64_t ids, enum adding how)
{
	if (how == ADD_DAY)
		reserve_day(d, ids + 1);
	return (struct pen){.w = d->w,
		.planes = (size_t)d->planes,
		.levels = d->levels,
		.day = d->day + (how == ADD_DAY ? d->nday : 0)};
}

static void pen_drop(struct dense *d, const struct pen *pen, enum adding how)
{
	if (how == ADD_DAY)
		d->nday = (size_t)(pen->day - d->day);
}

/* Ids of one word, each seen once more: what a level has already goes on to the next. */
static inline void put(struct pen *pen, uint32_t word, uint64_t ids, enum adding how)
{
	uint64_t *p = pen->w + word * pen->planes, had;
	if (how == ADD_UNION) {
		p[0] |= ids;
		return;
	}
	if (how == ADD_DAY) {
		uint64_t today = p[pen->levels];
		ids &= ~today;
		p[pen->levels] = today | ids;
		*pen->day = word;
		pen->day += ids != 0;
	}
	had = p[0];
	p[0] = had | ids;
	ids &= had;
	for (int i = 1; i < pen->levels && (i == 1 || ids); i++) {
		had = p[i];
		p[i] = had | ids;
		ids &= had;
	}
}

void dense_add(struct dense *d, uint32_t id, enum adding how)
{
	struct pen pen = pen_take(d, 1, how);
	put(&pen, id / 64, UINT64_C(1) << id % 64, how);
	pen_drop(d, &pen, how);
}

static inline void put_run(struct pen *pen, uint32_t first, uint32_t last, enum adding how)
{
	for (uint32_t i = first / 64; i <= last / 64; i++) {
		uint64_t ids = UINT64_MAX;
		if (i == first / 64)
			ids &= UINT64_MAX << first % 64;
		if (i == last / 64)
			ids &= UINT64_MAX >> (63 - last % 64);
		put(pen, i, ids, how);
	}
}

static inline void put_container(struct pen *pen, const struct container *c, enum adding how)
{
	uint32_t word = c->key * CONTAINER_WORDS, base = word * 64;
	switch (c->kind) {
	case CONTAINER_ARRAY:
		for (uint32_t i = 0; i < c->n; i++) {
			uint32_t low = portable_u16(c->p + 2 * (size_t)i);
			put(pen, word + low / 64, UINT64_C(1) << low % 64, how);
		}
		break;
	case CONTAINER_RUNS:
		for (uint32_t i = 0; i < c->n; i++) {
			uint32_t first = base + portable_u16(c->p + 4 * (size_t)i);
			put_run(pen, first, first + portable_u16(c->p + 4 * (size_t)i + 2), how);
		}
		break;
	case CONTAINER_BITS:
		for (uint32_t i = 0; i < c->n; i++) {
			uint64_t ids = portable_u64(c->p + 8 * (size_t)i);
			if (ids)
				put(pen, word + i, ids, how);
		}
		break;
	}
}

/* The hottest loop of a query: `how` is a constant in each copy of it. */
static inline void add_portable(struct dense *d, struct portable *o, enum adding how)
{
	struct container c;
	struct pen pen = pen_take(d, portable_ids(o), how);
	while (portable_next(o, &c))
		put_container(&pen, &c, how);
	pen_drop(d, &pen, how);
}

void dense_add_portable(struct dense *d, const void *p, size_t n, enum adding how)
{
	struct portable o;
	portable_open(&o, p, n);
	switch (how) {
	case ADD_TIMES: add_portable(d, &o, ADD_TIMES); break;
	case ADD_UNION: add_portable(d, &o, ADD_UNION); break;
	case ADD_DAY: add_portable(d, &o, ADD_DAY); break;
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
	struct pen pen = pen_take(d, from->n, how);
	for (uint32_t i = 0; i < from->n; i++)
		for (int l = 0; l < levels; l++) {
			uint64_t ids = from->w[i * (size_t)from->planes + (size_t)l];
			if (!ids)
				break;
			put(&pen, i, ids, how);
		}
	pen_drop(d, &pen, how);
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

struct dense *dense_level(const struct dense *d, int level)
{
	struct dense *one = dense_new(1, d->n, false);
	for (size_t i = 0; i < d->n; i++)
		one->w[i] = d->w[i * (size_t)d->planes + (size_t)level];
	return one;
}
