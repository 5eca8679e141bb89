#include "kpi/set.h"

#include <roaring/roaring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { MAGIC = 0xB1, VERSION = 1, HEAD = 3, LEVELS_MAX = 64 };

struct kset {
	int levels;
	roaring_bitmap_t *at[]; /* at[i]: seen at least i + 1 times; NULL = empty */
};

static roaring_bitmap_t *must(roaring_bitmap_t *b)
{
	if (!b) {
		fputs("cxd: out of memory\n", stderr);
		abort();
	}
	return b;
}

static roaring_bitmap_t *level(struct kset *s, int i)
{
	if (!s->at[i])
		s->at[i] = must(roaring_bitmap_create());
	return s->at[i];
}

/* at[i] |= b */
static void add(struct kset *s, int i, const roaring_bitmap_t *b)
{
	if (s->at[i])
		roaring_bitmap_or_inplace(s->at[i], b);
	else
		s->at[i] = must(roaring_bitmap_copy(b));
}

struct kset *kset_new(int levels)
{
	struct kset *s = xcalloc(1, sizeof *s + (size_t)levels * sizeof *s->at);
	s->levels = levels;
	return s;
}

struct kset *kset_copy(const struct kset *s)
{
	struct kset *c = kset_new(s->levels);
	for (int i = 0; i < s->levels; i++)
		c->at[i] = s->at[i] ? must(roaring_bitmap_copy(s->at[i])) : NULL;
	return c;
}

void kset_free(struct kset *s)
{
	for (int i = 0; s && i < s->levels; i++)
		if (s->at[i])
			roaring_bitmap_free(s->at[i]);
	free(s);
}

void kset_see(struct kset *s, uint32_t id, uint32_t n)
{
	for (int i = 0; i < s->levels && n; i++)
		n -= roaring_bitmap_add_checked(level(s, i), id);
}

void kset_merge(struct kset *into, const struct kset *from)
{
	for (int i = into->levels; i >= 1;
		i--) { /* downwards: each needs the old levels below it */
		for (int j = 1; j < i; j++) {
			const roaring_bitmap_t *a = into->at[j - 1];
			const roaring_bitmap_t *b =
				i - j <= from->levels ? from->at[i - j - 1] : NULL;
			if (!a || !b || !roaring_bitmap_intersect(a, b))
				continue;
			roaring_bitmap_t *both = must(roaring_bitmap_and(a, b));
			add(into, i - 1, both);
			roaring_bitmap_free(both);
		}
		if (i <= from->levels && from->at[i - 1])
			add(into, i - 1, from->at[i - 1]);
	}
}

void kset_merge_same_day(struct kset *into, const struct kset *from)
{
	if (from->at[0])
		add(into, 0, from->at[0]);
}

uint64_t kset_count(const struct kset *s, int lv)
{
	if (lv < 1 || lv > s->levels || !s->at[lv - 1])
		return 0;
	return roaring_bitmap_get_cardinality(s->at[lv - 1]);
}

bool kset_equal(const struct kset *a, const struct kset *b, int levels)
{
	for (int i = 0; i < levels; i++) {
		uint64_t na = kset_count(a, i + 1), nb = kset_count(b, i + 1);
		if (na != nb || (na && !roaring_bitmap_equals(a->at[i], b->at[i])))
			return false;
	}
	return true;
}

struct kset *kset_top(const struct kset *s)
{
	struct kset *t = kset_new(1);
	const roaring_bitmap_t *b = s->at[s->levels - 1];
	t->at[0] = b ? must(roaring_bitmap_copy(b)) : NULL;
	return t;
}

struct kset *kset_combine(const struct kset *a, const struct kset *b, enum kset_op op)
{
	struct kset *t = kset_new(1);
	const roaring_bitmap_t *x = a->at[a->levels - 1], *y = b->at[b->levels - 1];
	if (op == KSET_AND) {
		t->at[0] = x && y ? must(roaring_bitmap_and(x, y)) : NULL;
	} else if (op == KSET_OR) {
		if (x && y)
			t->at[0] = must(roaring_bitmap_or(x, y));
		else if (x || y)
			t->at[0] = must(roaring_bitmap_copy(x ? x : y));
	} else if (x) {
		t->at[0] = must(y ? roaring_bitmap_andnot(x, y) : roaring_bitmap_copy(x));
	}
	return t;
}

static void add_u32(struct buf *b, uint32_t v)
{
	uint8_t p[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
	buf_add(b, p, 4);
}

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* magic, version, levels; per level its size and portable roaring; CRC-32 of all before. */
void kset_write(const struct kset *s, struct buf *out)
{
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
}

struct kset *kset_read(const void *data, size_t n)
{
	const uint8_t *p = data;
	if (n < HEAD + 4 || n > UINT32_MAX || p[0] != MAGIC || p[1] != VERSION || !p[2] ||
		p[2] > LEVELS_MAX || get_u32(p + n - 4) != crc32(0, p, (uInt)(n - 4)))
		return NULL;
	const uint8_t *end = p + n - 4;
	struct kset *s = kset_new(p[2]);
	p += HEAD;
	for (int i = 0; i < s->levels; i++) {
		uint32_t size = end - p >= 4 ? get_u32(p) : UINT32_MAX;
		p += 4;
		if (size > end - p) {
			kset_free(s);
			return NULL;
		}
		if (size)
			s->at[i] = roaring_bitmap_portable_deserialize_safe((const char *)p, size);
		if (size && !s->at[i]) {
			kset_free(s);
			return NULL;
		}
		p += size;
	}
	if (p == end)
		return s;
	kset_free(s);
	return NULL;
}
