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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_count_how_often),
		cmocka_unit_test(one_level_into_many),
		cmocka_unit_test(operators),
		cmocka_unit_test(written_and_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
