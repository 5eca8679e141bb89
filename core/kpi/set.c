#include "kpi/set.h"

#include <roaring/roaring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "kpi/dense.h"
#include "kpi/portable.h"

enum { MAGIC = 0xB1, VERSION = 1, HEAD = 3, LEVELS_MAX = 64 };
enum { KEEP_DENSE = 4 }; /* plain bits may get so much thinner before they are given up */
enum {
	DAYS_MAX = 1 << 16
}; /* bytes of days that wait: with the bits of a container, near at hand */

struct kset { /* packed, or dense, or neither */
	int levels;
	uint8_t *packed; /* as read: found sound */
	struct dense *dense;
	struct days *days;      /* the last ones, not yet in what follows; NULL = none */
	roaring_bitmap_t *at[]; /* at[i]: seen at least i + 1 times; NULL = empty */
};

struct days { /* sets to be united day by day: many at once cost less */
	int32_t open;
	struct buf bytes; /* each in the portable format */
	struct day_set *v;
	size_t n, cap;
	roaring_bitmap_t *ids; /* seen one by one on the open day; NULL = none */
	uint64_t nids;         /* of all sets, as often as they have them */
	uint32_t words;        /* how far they reach */
};

static roaring_bitmap_t *must(roaring_bitmap_t *b)
{
	if (!b) {
		fputs("cxd: out of memory\n", stderr);
		abort();
	}
	return b;
}

static roaring_bitmap_t *bitmap(roaring_bitmap_t **b)
{
	if (!*b)
		*b = must(roaring_bitmap_create());
	return *b;
}

static void drop(roaring_bitmap_t **b)
{
	if (*b)
		roaring_bitmap_free(*b);
	*b = NULL;
}

static roaring_bitmap_t *copy_of(const roaring_bitmap_t *b)
{
	return b ? must(roaring_bitmap_copy(b)) : NULL;
}

struct kset *kset_new(int levels)
{
	struct kset *s = xcalloc(1, sizeof *s + (size_t)levels * sizeof *s->at);
	s->levels = levels;
	return s;
}

static void days_free(struct days *d)
{
	if (!d)
		return;
	buf_free(&d->bytes);
	free(d->v);
	drop(&d->ids);
	free(d);
}

void kset_free(struct kset *s)
{
	if (!s)
		return;
	days_free(s->days);
	for (int i = 0; i < s->levels; i++)
		drop(&s->at[i]);
	dense_free(s->dense);
	free(s->packed);
	free(s);
}

/* ---- as read: magic, version, levels; per level its size and portable roaring; CRC-32 */

static const uint8_t *packed_level(const uint8_t *packed, int level, uint32_t *size)
{
	const uint8_t *p = packed + HEAD;
	for (*size = portable_u32(p); level > 0; level--) {
		p += 4 + *size;
		*size = portable_u32(p);
	}
	return p + 4;
}

/* Each level on its own is a bitmap, and together they are all there is. */
static bool sound(const uint8_t *p, const uint8_t *end)
{
	struct portable o;
	struct container c;
	int levels = p[2];
	for (p += HEAD; levels-- > 0; p += portable_u32(p) + 4) {
		if (end - p < 4 || portable_u32(p) > end - p - 4)
			return false;
		if (!portable_u32(p))
			continue;
		if (!portable_open(&o, p + 4, portable_u32(p)))
			return false;
		while (portable_next(&o, &c)) {
		}
		if (!portable_done(&o))
			return false;
	}
	return p == end;
}

struct kset *kset_read(const void *data, size_t n)
{
	const uint8_t *p = data;
	if (n < HEAD + 4 || n > UINT32_MAX || p[0] != MAGIC || p[1] != VERSION || !p[2] ||
		p[2] > LEVELS_MAX || portable_u32(p + n - 4) != crc32(0, p, (uInt)(n - 4)) ||
		!sound(p, p + n - 4))
		return NULL;
	struct kset *s = kset_new(p[2]);
	s->packed = xrealloc(NULL, n);
	memcpy(s->packed, p, n);
	return s;
}

/* ---- from one form to another */

static void close_days(struct kset *s);

/* Its days ended, which changes nothing that anybody could see. */
static const struct kset *closed(const struct kset *s)
{
	if (s->days)
		close_days((struct kset *)(uintptr_t)s);
	return s;
}

/* Makes it roaring bitmaps. */
static void loosen(struct kset *s)
{
	struct dense *d = s->dense;
	for (int i = 0; s->packed && i < s->levels; i++) {
		uint32_t size;
		const char *p = (const char *)packed_level(s->packed, i, &size);
		if (size)
			s->at[i] = must(roaring_bitmap_portable_deserialize_safe(p, size));
	}
	for (int i = 0; d && i < s->levels; i++)
		s->at[i] = must(dense_roaring(d, i));
	dense_free(d);
	free(s->packed);
	s->dense = NULL;
	s->packed = NULL;
}

struct kset *kset_copy(const struct kset *s)
{
	closed(s);
	struct kset *c = kset_new(s->levels);
	for (int i = 0; i < s->levels; i++)
		c->at[i] = copy_of(s->at[i]);
	c->dense = s->dense ? dense_copy(s->dense) : NULL;
	if (s->packed) {
		uint32_t size;
		const uint8_t *last = packed_level(s->packed, s->levels - 1, &size);
		size_t n = (size_t)(last + size - s->packed);
		c->packed = xrealloc(NULL, n);
		memcpy(c->packed, s->packed, n);
	}
	return c;
}

/* s as roaring bitmaps; *own: what to free then. */
static const struct kset *loose(const struct kset *s, struct kset **own)
{
	*own = NULL;
	closed(s);
	if (!s->packed && !s->dense)
		return s;
	*own = kset_copy(s);
	loosen(*own);
	return *own;
}

/* How far level 1 reaches, in words of whole containers, and how many ids it has. */
static void extent(const struct kset *s, uint32_t *words, uint64_t *ids)
{
	*words = 0;
	*ids = kset_count(s, 1);
	if (s->dense) {
		*words = s->dense->n;
	} else if (s->packed && *ids) {
		uint32_t size;
		struct portable o;
		const uint8_t *p = packed_level(s->packed, 0, &size);
		portable_open(&o, p, size);
		*words = (portable_u16(o.heads + 4 * (size_t)(o.n - 1)) + 1) * CONTAINER_WORDS;
	} else if (*ids) {
		*words = ((roaring_bitmap_maximum(s->at[0]) >> 16) + 1) * CONTAINER_WORDS;
	}
}

static void make_dense(struct kset *s, uint32_t words)
{
	struct dense *d = dense_new(s->levels, words);
	for (int i = 0; i < s->levels; i++)
		if (s->at[i])
			dense_add_roaring(d, s->at[i], ADD_TIMES);
	for (int i = 0; i < s->levels; i++)
		drop(&s->at[i]);
	s->dense = d;
}

/* Before so many ids come that reach so far: true, s is plain bits with room for them; false, it is
 * roaring bitmaps, because bits would lie too thin. */
static bool make_room(struct kset *s, uint32_t words, uint64_t ids)
{
	uint32_t have;
	uint64_t mine;
	if (s->dense && words <= s->dense->n)
		return true;
	extent(s, &have, &mine);
	have = have > words ? have : words;
	mine += ids; /* at most */
	if (have > mine * (s->dense ? KEEP_DENSE : 1)) {
		loosen(s);
		return false;
	}
	have += have / 4 / CONTAINER_WORDS * CONTAINER_WORDS; /* ids grow with time */
	if (s->dense)
		dense_resize(s->dense, have);
	else
		make_dense(s, have);
	return true;
}

/* ---- seeing and merging */

/* at[0] |= b, what was there already goes on to at[1], and so on. */
static void carry(struct kset *s, const roaring_bitmap_t *b)
{
	roaring_bitmap_t *own = NULL;
	for (int i = 0; i < s->levels && b; i++) {
		roaring_bitmap_t *had = NULL;
		if (!s->at[i]) {
			s->at[i] = copy_of(b);
		} else {
			if (i + 1 < s->levels && roaring_bitmap_intersect(s->at[i], b))
				had = must(roaring_bitmap_and(s->at[i], b));
			roaring_bitmap_or_inplace(s->at[i], b);
		}
		drop(&own);
		b = own = had;
	}
	drop(&own);
}

void kset_see(struct kset *s, uint32_t id, uint32_t n)
{
	closed(s);
	if (s->packed)
		loosen(s);
	if (s->dense && make_room(s, ((id >> 16) + 1) * CONTAINER_WORDS, 1)) {
		for (uint32_t i = 0; i < n && i < (uint32_t)s->levels; i++)
			dense_add(s->dense, id, ADD_TIMES);
		return;
	}
	for (int i = 0; i < s->levels && n; i++)
		n -= roaring_bitmap_add_checked(bitmap(&s->at[i]), id);
}

static void add_dense(struct kset *into, const struct kset *from, enum adding how)
{
	int levels = how == ADD_TIMES ? from->levels : 1;
	if (from->dense) {
		dense_add_dense(into->dense, from->dense, how);
		return;
	}
	for (int i = 0; i < levels; i++) {
		uint32_t size;
		const uint8_t *p = from->packed ? packed_level(from->packed, i, &size) : NULL;
		if (p && size)
			dense_add_portable(into->dense, p, size, how);
		else if (from->at[i])
			dense_add_roaring(into->dense, from->at[i], how);
	}
}

static void add_loose(struct kset *into, const struct kset *from, enum adding how)
{
	if (how == ADD_UNION)
		roaring_bitmap_or_inplace(bitmap(&into->at[0]), from->at[0]);
	else
		for (int i = 0; i < from->levels; i++)
			carry(into, from->at[i]);
}

static void merge(struct kset *into, const struct kset *from, enum adding how)
{
	uint32_t words;
	uint64_t ids;
	closed(into);
	extent(closed(from), &words, &ids);
	if (!ids)
		return;
	if (into->packed)
		loosen(into);
	if (make_room(into, words, ids)) {
		add_dense(into, from, how);
	} else {
		struct kset *own;
		add_loose(into, loose(from, &own), how);
		kset_free(own);
	}
}

void kset_merge(struct kset *into, const struct kset *from)
{
	merge(into, from, ADD_TIMES);
}

void kset_merge_same_day(struct kset *into, const struct kset *from)
{
	merge(into, from, ADD_UNION);
}

/* ---- days */

static void day_add(struct days *d, const void *p, size_t n, uint32_t words, uint64_t ids)
{
	if (d->n == d->cap) {
		d->cap = d->cap ? 2 * d->cap : 32;
		d->v = xrealloc(d->v, d->cap * sizeof *d->v);
	}
	d->v[d->n++] = (struct day_set){d->open, d->bytes.len, n};
	buf_add(&d->bytes, p, n);
	d->nids += ids;
	d->words = d->words > words ? d->words : words;
}

static void day_add_roaring(struct days *d, const roaring_bitmap_t *b)
{
	struct buf bytes = {0};
	buf_reserve(&bytes, roaring_bitmap_portable_size_in_bytes(b));
	size_t n = roaring_bitmap_portable_serialize(b, bytes.p);
	uint32_t words = ((roaring_bitmap_maximum(b) >> 16) + 1) * CONTAINER_WORDS;
	day_add(d, bytes.p, n, words, roaring_bitmap_get_cardinality(b));
	buf_free(&bytes);
}

static void end_day(struct days *d)
{
	if (d->ids)
		day_add_roaring(d, d->ids);
	drop(&d->ids);
}

static void close_loose(struct kset *s, const struct days *d)
{
	for (size_t i = 0, next; i < d->n; i = next) {
		roaring_bitmap_t *all = must(roaring_bitmap_create());
		for (next = i; next < d->n && d->v[next].day == d->v[i].day; next++) {
			roaring_bitmap_t *one = must(roaring_bitmap_portable_deserialize_safe(
				d->bytes.p + d->v[next].at, d->v[next].n));
			roaring_bitmap_or_inplace(all, one);
			roaring_bitmap_free(one);
		}
		carry(s, all);
		roaring_bitmap_free(all);
	}
}

static void close_days(struct kset *s)
{
	struct days *d = s->days;
	s->days = NULL;
	end_day(d);
	if (s->packed)
		loosen(s);
	if (d->n && make_room(s, d->words, d->nids))
		dense_add_days(s->dense, d->bytes.p, d->v, d->n);
	else
		close_loose(s, d);
	days_free(d);
}

static struct days *open_day(struct kset *s, int32_t day)
{
	if (s->days && s->days->open != day) {
		end_day(s->days);
		if (s->days->bytes.len > DAYS_MAX)
			close_days(s);
	}
	if (!s->days)
		s->days = xcalloc(1, sizeof *s->days);
	s->days->open = day;
	return s->days;
}

void kset_merge_day(struct kset *into, int32_t day, const struct kset *from)
{
	struct days *d = open_day(into, day);
	uint32_t words, size;
	uint64_t ids;
	extent(closed(from), &words, &ids);
	if (!ids)
		return;
	if (from->packed) {
		const uint8_t *p = packed_level(from->packed, 0, &size);
		day_add(d, p, size, words, ids);
	} else {
		struct kset *own;
		day_add_roaring(d, loose(from, &own)->at[0]);
		kset_free(own);
	}
}

void kset_see_day(struct kset *s, int32_t day, uint32_t id)
{
	roaring_bitmap_add(bitmap(&open_day(s, day)->ids), id);
}

/* ---- asking */

uint64_t kset_count(const struct kset *s, int lv)
{
	uint32_t size;
	struct portable o;
	if (lv < 1 || lv > s->levels)
		return 0;
	closed(s);
	if (s->dense)
		return dense_count(s->dense, lv - 1);
	if (!s->packed)
		return s->at[lv - 1] ? roaring_bitmap_get_cardinality(s->at[lv - 1]) : 0;
	const uint8_t *p = packed_level(s->packed, lv - 1, &size);
	if (!size)
		return 0;
	portable_open(&o, p, size);
	return portable_ids(&o);
}

bool kset_equal(const struct kset *a, const struct kset *b, int levels)
{
	struct kset *own_a, *own_b;
	bool same = true;
	a = loose(a, &own_a);
	b = loose(b, &own_b);
	for (int i = 0; i < levels && same; i++) {
		uint64_t na = kset_count(a, i + 1), nb = kset_count(b, i + 1);
		same = na == nb && (!na || roaring_bitmap_equals(a->at[i], b->at[i]));
	}
	kset_free(own_a);
	kset_free(own_b);
	return same;
}

struct kset *kset_level(const struct kset *s, int level)
{
	struct kset *t = kset_new(1), *own;
	if (level < 1 || level > s->levels)
		return t;
	closed(s);
	if (s->dense) {
		t->dense = dense_level(s->dense, level - 1);
		return t;
	}
	s = loose(s, &own);
	t->at[0] = copy_of(s->at[level - 1]);
	kset_free(own);
	return t;
}

struct kset *kset_top(const struct kset *s)
{
	return kset_level(s, s->levels);
}

/* Into a: both of one level, and of their own. */
static void combine_dense(struct kset *a, const struct kset *b, enum kset_op op)
{
	uint64_t *x = a->dense->w;
	const uint64_t *y = b->dense->w;
	uint32_t n = a->dense->n, m = b->dense->n;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t v = i < m ? y[i] : 0;
		x[i] = op == KSET_AND ? x[i] & v : op == KSET_OR ? x[i] | v : x[i] & ~v;
	}
}

static void combine_loose(struct kset *a, const struct kset *b, enum kset_op op)
{
	const roaring_bitmap_t *y = b->at[0];
	roaring_bitmap_t *x = bitmap(&a->at[0]);
	if (op == KSET_OR && y)
		roaring_bitmap_or_inplace(x, y);
	else if (op == KSET_MINUS && y)
		roaring_bitmap_andnot_inplace(x, y);
	else if (op == KSET_AND && y)
		roaring_bitmap_and_inplace(x, y);
	else if (op == KSET_AND)
		roaring_bitmap_clear(x);
}

struct kset *kset_combine(const struct kset *a, const struct kset *b, enum kset_op op)
{
	struct kset *x = kset_top(a), *y = kset_top(b);
	uint32_t words, more_words;
	uint64_t ids, more_ids;
	extent(x, &words, &ids);
	extent(y, &more_words, &more_ids);
	words = words > more_words ? words : more_words;
	ids += more_ids;
	if ((x->dense || y->dense) && make_room(x, words, ids) && make_room(y, words, ids)) {
		combine_dense(x, y, op);
	} else {
		loosen(x);
		loosen(y);
		combine_loose(x, y, op);
	}
	kset_free(y);
	return x;
}

static void add_u32(struct buf *b, uint32_t v)
{
	uint8_t p[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
	buf_add(b, p, 4);
}

void kset_write(const struct kset *set, struct buf *out)
{
	struct kset *own;
	const struct kset *s = loose(set, &own);
	int n = s->levels;
	while (n > 1 && !kset_count(s, n))
		n--;
	size_t start = out->len;
	uint8_t head[HEAD] = {MAGIC, VERSION, (uint8_t)n};
	buf_add(out, head, HEAD);
	for (int i = 0; i < n; i++) {
		if (!s->at[i]) {
			add_u32(out, 0);
			continue;
		}
		roaring_bitmap_run_optimize(s->at[i]);
		size_t size = roaring_bitmap_portable_size_in_bytes(s->at[i]);
		add_u32(out, (uint32_t)size);
		buf_reserve(out, size);
		out->len += roaring_bitmap_portable_serialize(s->at[i], out->p + out->len);
	}
	add_u32(out, (uint32_t)crc32(0, (const uint8_t *)out->p + start, (uInt)(out->len - start)));
	kset_free(own);
}
