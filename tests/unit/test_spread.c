/* Quantiles of a spread, against those of the values in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kpi/spread.h"

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static double of_sorted(const int64_t *v, size_t n, double p)
{
	double at = (double)(n - 1) * p;
	size_t low = (size_t)at, high = low + 1 < n ? low + 1 : low;
	return (double)v[low] + (at - (double)low) * (double)(v[high] - v[low]);
}

static void test_as_sorted(void **state)
{
	static const double ps[] = {0, 0.1, 0.25, 0.5, 0.9, 0.95, 1};
	(void)state;
	srand(20261122);
	for (int round = 0; round < 2000; round++) {
		struct spread s = {0};
		size_t n = 1 + (size_t)(rand() % 60);
		int64_t sorted[60], range = 1 + rand() % (round % 2 ? 5 : 100000);
		for (size_t i = 0; i < n; i++)
			spread_add(&s, sorted[i] = rand() % range - range / 2);
		qsort(sorted, n, sizeof *sorted, ascending);
		for (size_t i = 0; i < sizeof ps / sizeof *ps; i++) {
			double got;
			assert_true(spread_quantile(&s, ps[i], &got));
			assert_true(got == of_sorted(sorted, n, ps[i]));
		}
		spread_free(&s);
	}
}

static void test_joined(void **state)
{
	struct spread a = {0}, b = {0};
	double got;
	(void)state;
	assert_false(spread_quantile(&a, 0.5, &got));
	spread_join(&a, &b);
	assert_int_equal(a.n, 0);
	for (int i = 1; i <= 5; i++)
		spread_add(i % 2 ? &a : &b, i * 10);
	spread_join(&a, &b);
	assert_int_equal(a.n, 5);
	assert_true(spread_quantile(&a, 0.5, &got) && got == 30);
	assert_true(spread_quantile(&a, 0.9, &got) && got == 46);
	spread_free(&a);
	spread_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_sorted),
		cmocka_unit_test(test_joined),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
