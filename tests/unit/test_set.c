#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kpi/set.h"

enum { IDS = 200, LEVELS = 4 };

static uint64_t state = 88172645463325252u;

static uint32_t rnd(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 33) % n;
}

/* How often each id was seen, in both. */
static void fill(struct kset *s, int seen[IDS])
{
	for (int i = 0; i < 150; i++) {
		uint32_t id = rnd(IDS), n = 1 + rnd(3);
		kset_see(s, id, n);
		seen[id] += (int)n;
	}
}

static uint64_t at_least(const int seen[IDS], int level)
{
	uint64_t n = 0;
	for (int i = 0; i < IDS; i++)
		n += seen[i] >= level;
	return n;
}

static void levels_count_how_often(void **unused)
{
	(void)unused;
	for (int round = 0; round < 50; round++) {
		int a[IDS] = {0}, b[IDS] = {0};
		struct kset *x = kset_new(LEVELS), *y = kset_new(LEVELS);
		fill(x, a);
		fill(y, b);
		kset_merge(x, y);
		for (int i = 0; i < IDS; i++)
			a[i] += b[i];
		for (int level = 1; level <= LEVELS; level++)
			assert_int_equal(kset_count(x, level), at_least(a, level));
		assert_int_equal(kset_count(x, LEVELS + 1), 0);
		kset_free(x);
		kset_free(y);
	}
}

static void one_level_into_many(void **unused)
{
	(void)unused;
	struct kset *days = kset_new(3);
	for (int day = 0; day < 3; day++) {
		struct kset *one = kset_new(1), *other = kset_new(1);
		kset_see(one, 7, 5);
		if (day < 2)
			kset_see(other, 7, 1);
		kset_see(other, (uint32_t)(100 + day), 1);
		kset_merge_same_day(one, other);
		kset_merge(days, one);
		kset_free(one);
		kset_free(other);
	}
	assert_int_equal(kset_count(days, 1), 4);
	assert_int_equal(kset_count(days, 2), 1);
	assert_int_equal(kset_count(days, 3), 1);
	kset_free(days);
}

static void operators(void **unused)
{
	(void)unused;
	struct kset *a = kset_new(2), *b = kset_new(1), *none = kset_new(1);
	for (uint32_t i = 0; i < 10; i++)
		kset_see(a, i, i < 6 ? 2 : 1); /* top: 0…5 */
	for (uint32_t i = 4; i < 12; i++)
		kset_see(b, i, 1);
	struct {
		const struct kset *x, *y;
		enum kset_op op;
		uint64_t n;
	} cases[] = {{a, b, KSET_AND, 2}, {a, b, KSET_OR, 12}, {a, b, KSET_MINUS, 4},
		{b, a, KSET_MINUS, 6}, {a, none, KSET_AND, 0}, {a, none, KSET_OR, 6},
		{none, a, KSET_OR, 6}, {a, none, KSET_MINUS, 6}, {none, a, KSET_MINUS, 0}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct kset *r = kset_combine(cases[i].x, cases[i].y, cases[i].op);
		assert_int_equal(kset_count(r, 1), cases[i].n);
		kset_free(r);
	}
	struct kset *top = kset_top(a), *copy = kset_copy(a);
	assert_int_equal(kset_count(top, 1), 6);
	assert_true(kset_equal(a, copy, 2));
	kset_see(copy, 9, 1);
	assert_false(kset_equal(a, copy, 2));
	kset_free(top);
	kset_free(copy);
	kset_free(a);
	kset_free(b);
	kset_free(none);
}

static void written_and_read(void **unused)
{
	(void)unused;
	int seen[IDS] = {0};
	struct kset *s = kset_new(LEVELS), *empty = kset_new(LEVELS);
	struct buf b = {0};
	fill(s, seen);
	kset_write(s, &b);
	struct kset *r = kset_read(b.p, b.len);
	assert_non_null(r);
	assert_true(kset_equal(s, r, LEVELS));
	kset_free(r);
	for (size_t i = 0; i < b.len; i++) { /* every flipped bit is found */
		b.p[i] ^= (char)(1 << i % 8);
		assert_null(kset_read(b.p, b.len));
		b.p[i] ^= (char)(1 << i % 8);
	}
	for (size_t n = 0; n < b.len; n++) /* and every cut */
		assert_null(kset_read(b.p, n));
	buf_clear(&b);
	kset_write(empty, &b);
	r = kset_read(b.p, b.len);
	assert_non_null(r);
	assert_int_equal(kset_count(r, 1), 0);
	kset_free(r);
	kset_free(s);
	kset_free(empty);
	buf_free(&b);
}

/* ---- against plain counters, in worlds of ids that take every form inside */

enum { WORLD = 24000, CHUNK_MAX = 5000, STEPS = 15 };

static uint32_t close_by(int k)
{
	return (uint32_t)k;
}

static uint32_t spread(int k)
{
	return (uint32_t)k * 11 + 70000;
}

static uint32_t thin(int k)
{
	return (uint32_t)k * 170003u;
}

static uint32_t some_far(int k) /* plain bits until one of the last comes */
{
	return k < WORLD - 40 ? (uint32_t)k * 3 : UINT32_MAX - (uint32_t)(WORLD - 1 - k);
}

typedef uint32_t (*world_f)(int k);

/* Picks some of the world: single ones, stretches, or most of it. */
static struct kset *some(world_f id, int levels, int mine[WORLD])
{
	struct kset *s = kset_new(levels);
	uint32_t kind = rnd(4), n = 1 + rnd(CHUNK_MAX), from = rnd(WORLD);
	if (id == some_far)
		from = rnd(rnd(4) ? WORLD - 6000 : WORLD);
	memset(mine, 0, WORLD * sizeof *mine);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = kind == 0 ? rnd(WORLD) : kind == 1 ? from + i : from + i * (1 + kind);
		k %= id == some_far && from < WORLD - 6000 ? WORLD - 40 : WORLD;
		uint32_t times = 1 + rnd((uint32_t)levels);
		mine[k] += (int)times;
		kset_see(s, id((int)k), times);
	}
	for (int k = 0; k < WORLD; k++)
		if (mine[k] > levels)
			mine[k] = levels;
	return s;
}

/* Another form of the same set: read from bytes, or merged and so perhaps plain bits. */
static struct kset *changed(struct kset *s, int levels)
{
	struct kset *r;
	struct buf b = {0};
	switch (rnd(4)) {
	case 0: return s;
	case 1:
		kset_write(s, &b);
		r = kset_read(b.p, b.len);
		buf_free(&b);
		break;
	case 2:
		r = kset_new(levels);
		kset_merge(r, s);
		break;
	default: r = kset_copy(s);
	}
	assert_non_null(r);
	kset_free(s);
	return r;
}

static void same_as(const struct kset *s, world_f id, int levels, const int seen[WORLD])
{
	struct kset *expected = kset_new(levels);
	for (int k = 0; k < WORLD; k++)
		if (seen[k])
			kset_see(expected, id(k), (uint32_t)seen[k]);
	for (int level = 1; level <= levels; level++) {
		uint64_t n = 0;
		for (int k = 0; k < WORLD; k++)
			n += seen[k] >= level;
		assert_int_equal(kset_count(s, level), n);
	}
	assert_true(kset_equal(s, expected, levels));
	kset_free(expected);
}

static int capped(int n, int levels)
{
	return n < levels ? n : levels;
}

static void step(struct kset *s, world_f id, int levels, int seen[WORLD], bool today[WORLD],
	int32_t day, bool by_days)
{
	static int mine[WORLD];
	int its = 1 + (int)rnd((uint32_t)levels);
	struct kset *from = changed(some(id, its, mine), its);
	uint32_t how = by_days ? 3 : rnd(3);
	for (int k = 0; k < WORLD; k++) {
		if (!mine[k])
			continue;
		if (how == 3) {
			seen[k] = capped(seen[k] + !today[k], levels);
			today[k] = true;
		} else {
			seen[k] = how == 0 && !seen[k]
					  ? 1
					  : capped(seen[k] + (how ? mine[k] : 0), levels);
		}
	}
	if (how == 3)
		kset_merge_day(s, day, from);
	else if (how == 0)
		kset_merge_same_day(s, from);
	else
		kset_merge(s, from);
	kset_free(from);
	for (int i = 0; i < 20; i++) {
		int k = (int)rnd(id == some_far ? WORLD - 40 : WORLD);
		if (by_days && !today[k])
			seen[k] = capped(seen[k] + 1, levels);
		else if (!by_days)
			seen[k] = capped(seen[k] + 2, levels);
		today[k] = today[k] || by_days;
		if (by_days)
			kset_see_day(s, day, id(k));
		else
			kset_see(s, id(k), 2);
	}
}

static void like_plain_counters(void **unused)
{
	(void)unused;
	static const world_f worlds[] = {close_by, spread, thin, some_far};
	static const int depths[] = {1, 2, 3, 16};
	static int seen[WORLD];
	static bool today[WORLD];
	for (int round = 0; round < 32; round++) {
		world_f id = worlds[round % 4];
		int levels = depths[round / 4 % 4];
		bool by_days = round >= 16;
		struct kset *s = kset_new(levels);
		memset(seen, 0, sizeof seen);
		for (int32_t i = 0; i < STEPS; i++) {
			if (i % 3 == 0)
				memset(today, 0, sizeof today);
			step(s, id, levels, seen, today, i / 3, by_days);
			if (by_days && i % 3 != 2) /* asking ends a day */
				continue;
			if (rnd(4) == 0)
				s = changed(s, levels);
			same_as(s, id, levels, seen);
		}
		kset_free(s);
	}
}

static void combined_like_plain_sets(void **unused)
{
	(void)unused;
	static const world_f worlds[] = {close_by, spread, thin, some_far};
	static int x[WORLD], y[WORLD], z[WORLD];
	for (int round = 0; round < 40; round++) {
		world_f id = worlds[round % 4];
		int lx = 1 + (int)rnd(2), ly = 1 + (int)rnd(2);
		struct kset *a = changed(some(id, lx, x), lx), *b = changed(some(id, ly, y), ly);
		for (enum kset_op op = KSET_AND; op <= KSET_MINUS; op++) {
			for (int k = 0; k < WORLD; k++) {
				bool p = x[k] >= lx, q = y[k] >= ly;
				z[k] = op == KSET_AND ? p && q : op == KSET_OR ? p || q : p && !q;
			}
			struct kset *r = kset_combine(a, b, op);
			same_as(r, id, 1, z);
			kset_free(r);
		}
		for (int level = 1; level <= lx + 1; level++) {
			struct kset *one = level == lx ? kset_top(a) : kset_level(a, level);
			for (int k = 0; k < WORLD; k++)
				z[k] = x[k] >= level;
			same_as(one, id, 1, z);
			kset_free(one);
		}
		kset_free(a);
		kset_free(b);
	}
}

/* One id near the end costs no plain bits for all before it. */
static void far_ids_are_cheap(void **unused)
{
	(void)unused;
	struct kset *s = kset_new(2), *near = kset_new(1), *far = kset_new(1);
	for (uint32_t i = 0; i < 100000; i++)
		kset_see(near, i, 1);
	kset_see(far, UINT32_MAX, 1);
	kset_merge_day(s, 1, near);
	kset_merge_day(s, 1, far);
	kset_merge_day(s, 2, near);
	kset_see_day(s, 2, UINT32_MAX);
	kset_see_day(s, 2, UINT32_MAX);
	kset_merge_day(s, 2, near);
	struct kset *both = kset_combine(s, far, KSET_AND),
		    *less = kset_combine(near, far, KSET_MINUS);
	assert_int_equal(kset_count(s, 1), 100001);
	assert_int_equal(kset_count(s, 2), 100001);
	assert_int_equal(kset_count(both, 1), 1);
	assert_int_equal(kset_count(less, 1), 100000);
	assert_true(mallinfo2().uordblks + mallinfo2().hblkhd < 32u << 20);
	kset_free(s);
	kset_free(near);
	kset_free(far);
	kset_free(both);
	kset_free(less);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_count_how_often),
		cmocka_unit_test(one_level_into_many),
		cmocka_unit_test(operators),
		cmocka_unit_test(written_and_read),
		cmocka_unit_test(like_plain_counters),
		cmocka_unit_test(combined_like_plain_sets),
		cmocka_unit_test(far_ids_are_cheap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
