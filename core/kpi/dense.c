#include "kpi/dense.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum { CHUNK = 256 };

struct dense *dense_new(int levels, uint32_t words)
{
	struct dense *d = xcalloc(1, sizeof *d);
	*d = (struct dense){.n = words, .levels = levels};
	d->w = xcalloc((size_t)words * (size_t)levels, sizeof *d->w);
	return d;
}

struct dense *dense_copy(const struct dense *d)
{
	struct dense *c = dense_new(d->levels, d->n);
	memcpy(c->w, d->w, (size_t)d->n * (size_t)d->levels * sizeof *d->w);
	return c;
}

void dense_free(struct dense *d)
{
	if (!d)
		return;
	free(d->w);
	free(d);
}

void dense_resize(struct dense *d, uint32_t words)
{
	size_t had = (size_t)d->n * (size_t)d->levels, has = (size_t)words * (size_t)d->levels;
	d->w = xrealloc(d->w, has * sizeof *d->w);
	memset(d->w + had, 0, (has - had) * sizeof *d->w);
	d->n = words;
}

uint64_t dense_count(const struct dense *d, int level)
{
	uint64_t n = 0;
	for (size_t i = 0; i < d->n; i++)
		n += (uint64_t)__builtin_popcountll(d->w[i * (size_t)d->levels + (size_t)level]);
	return n;
}

/* Ids of one word, each seen once more: what a level has already goes on to the next. */
static inline void put(uint64_t *p, int levels, uint64_t ids, enum adding how)
{
	uint64_t had = p[0];
	p[0] = had | ids;
	if (how == ADD_UNION)
		return;
	ids &= had;
	for (int i = 1; i < levels && (i == 1 || ids); i++) {
		had = p[i];
		p[i] = had | ids;
		ids &= had;
	}
}

static uint64_t *word_of(const struct dense *d, uint32_t word)
{
	return d->w + word * (size_t)d->levels;
}

void dense_add(struct dense *d, uint32_t id, enum adding how)
{
	put(word_of(d, id / 64), d->levels, UINT64_C(1) << id % 64, how);
}

/* What a container is added to: its words of a dense set, and what its day had before. */
struct place {
	uint64_t *w;
	size_t levels;
	uint64_t *day; /* NULL: days do not matter */
};

static inline void put_at(const struct place *to, uint32_t word, uint64_t ids, enum adding how)
{
	if (to->day) {
		uint64_t had = to->day[word];
		to->day[word] = had | ids;
		ids &= ~had;
	}
	put(to->w + word * to->levels, (int)to->levels, ids, how);
}

/* Ids first to last of a container. */
static inline void put_run(const struct place *to, uint32_t first, uint32_t last, enum adding how)
{
	for (uint32_t i = first / 64; i <= last / 64; i++) {
		uint64_t ids = UINT64_MAX;
		if (i == first / 64)
			ids &= UINT64_MAX << first % 64;
		if (i == last / 64)
			ids &= UINT64_MAX >> (63 - last % 64);
		put_at(to, i, ids, how);
	}
}

/* The hottest loop of a query: `how`, and whether there is a day, are constants in each copy. */
static inline __attribute__((always_inline)) void put_container(
	const struct place *to, const struct container *c, enum adding how)
{
	switch (c->kind) {
	case CONTAINER_ARRAY:
		for (uint32_t i = 0; i < c->n; i++) {
			uint32_t low = portable_u16(c->p + 2 * (size_t)i);
			put_at(to, low / 64, UINT64_C(1) << low % 64, how);
		}
		break;
	case CONTAINER_RUNS:
		for (uint32_t i = 0; i < c->n; i++) {
			uint32_t first = portable_u16(c->p + 4 * (size_t)i);
			put_run(to, first, first + portable_u16(c->p + 4 * (size_t)i + 2), how);
		}
		break;
	case CONTAINER_BITS:
		for (uint32_t i = 0; i < c->n; i++) {
			uint64_t ids = portable_u64(c->p + 8 * (size_t)i);
			if (ids)
				put_at(to, i, ids, how);
		}
		break;
	}
}

static struct place place_of(const struct dense *d, uint32_t key, uint64_t *day)
{
	return (struct place){word_of(d, key * CONTAINER_WORDS), (size_t)d->levels, day};
}

void dense_add_portable(struct dense *d, const void *p, size_t n, enum adding how)
{
	struct portable o;
	struct container c;
	portable_open(&o, p, n);
	while (portable_next(&o, &c)) {
		struct place to = place_of(d, c.key, NULL);
		if (how == ADD_UNION)
			put_container(&to, &c, ADD_UNION);
		else
			put_container(&to, &c, ADD_TIMES);
	}
}

struct walk { /* one of the sets, at its next container */
	struct portable o;
	struct container c;
	bool more;
};

/* A container of all the sets whose next it is. → the least of what is next then */
static uint32_t add_key(
	struct dense *d, uint32_t key, struct walk *w, const struct day_set *v, size_t n)
{
	uint64_t day[CONTAINER_WORDS];
	struct place to = place_of(d, key, day);
	uint32_t next = UINT32_MAX;
	const struct day_set *last = NULL;
	for (size_t i = 0; i < n; i++) {
		if (w[i].more && w[i].c.key == key) {
			if (!last || last->day != v[i].day)
				memset(day, 0, sizeof day);
			last = &v[i];
			put_container(&to, &w[i].c, ADD_TIMES);
			w[i].more = portable_next(&w[i].o, &w[i].c);
		}
		if (w[i].more && w[i].c.key < next)
			next = w[i].c.key;
	}
	return next;
}

/* Container by container through all of them at once: its words stay in the nearest cache. */
void dense_add_days(struct dense *d, const char *bytes, const struct day_set *v, size_t n)
{
	struct walk *w = xcalloc(n, sizeof *w);
	uint32_t key = UINT32_MAX;
	for (size_t i = 0; i < n; i++) {
		portable_open(&w[i].o, bytes + v[i].at, v[i].n);
		w[i].more = portable_next(&w[i].o, &w[i].c);
		if (w[i].more && w[i].c.key < key)
			key = w[i].c.key;
	}
	while (key != UINT32_MAX)
		key = add_key(d, key, w, v, n);
	free(w);
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

void dense_add_roaring(struct dense *d, const roaring_bitmap_t *b, enum adding how)
{
	roaring_iterate(b, how == ADD_UNION ? add_united : add_one, d);
}

void dense_add_dense(struct dense *d, const struct dense *from, enum adding how)
{
	int levels = how == ADD_TIMES ? from->levels : 1;
	for (uint32_t i = 0; i < from->n; i++) {
		const uint64_t *ids = word_of(from, i);
		for (int l = 0; l < levels && ids[l]; l++)
			put(word_of(d, i), d->levels, ids[l], how);
	}
}

roaring_bitmap_t *dense_roaring(const struct dense *d, int level)
{
	uint32_t ids[CHUNK], n = 0;
	roaring_bitmap_t *b = roaring_bitmap_create();
	for (uint32_t i = 0; b && i < d->n; i++) {
		uint64_t left = word_of(d, i)[level];
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
	struct dense *one = dense_new(1, d->n);
	for (size_t i = 0; i < d->n; i++)
		one->w[i] = d->w[i * (size_t)d->levels + (size_t)level];
	return one;
}
