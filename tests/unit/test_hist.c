#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <math.h>

#include <cmocka.h>
#include <jansson.h>

#include "kpi/hist.h"

enum { MANY = 400 };

static uint64_t state = 88172645463325252u;

static uint32_t rnd(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 33) % n;
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void close_to(double is, double should)
{
	if (fabs(is - should) > 1e-12 * (1 + fabs(should)))
		fail_msg("%.17g is not %.17g", is, should);
}

/* Type 7 as it is written: (n − 1)p from 0 on, and between the two values there. */
static double quantile(const int64_t *v, size_t n, double p)
{
	double rank = (double)(n - 1) * p;
	size_t i = (size_t)rank;
	size_t j = i + 1 < n ? i + 1 : i;
	return (double)v[i] + (rank - floor(rank)) * (double)(v[j] - v[i]);
}

static void check(const struct hist *h, int64_t *v, size_t n)
{
	double x, sum = 0, squares = 0;
	int64_t edge;
	assert_int_equal(h->total, (int64_t)n);
	qsort(v, n, sizeof *v, ascending);
	for (size_t i = 0; i < n; i++)
		sum += (double)v[i];
	for (size_t i = 0; i < n; i++)
		squares += ((double)v[i] - sum / (double)n) * ((double)v[i] - sum / (double)n);
	for (int i = 0; i <= 40; i++) {
		assert_true(hist_quantile(h, i / 40.0, &x));
		close_to(x, quantile(v, n, i / 40.0));
	}
	assert_true(hist_mean(h, &x));
	close_to(x, sum / (double)n);
	assert_int_equal(hist_variance(h, &x), n > 1);
	if (n > 1)
		close_to(x, squares / (double)(n - 1));
	assert_true(hist_min(h, &edge));
	assert_int_equal(edge, v[0]);
	assert_true(hist_max(h, &edge));
	assert_int_equal(edge, v[n - 1]);
	for (size_t i = 1; i < h->n; i++)
		assert_true(h->values[i - 1] < h->values[i]);
}

static void same(const struct hist *a, const struct hist *b)
{
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->total, b->total);
	for (size_t i = 0; i < a->n; i++) {
		assert_int_equal(a->values[i], b->values[i]);
		assert_int_equal(a->counts[i], b->counts[i]);
	}
}

static void agrees_with_all_the_values(void **unused)
{
	(void)unused;
	for (int round = 0; round < 60; round++) {
		struct hist h = {0};
		int64_t v[MANY];
		size_t n = 1 + rnd(MANY), kept = 0;
		for (size_t i = 0; i < n; i++) {
			v[i] = (int64_t)rnd(1 + (uint32_t)round * 7) - round * 2;
			assert_true(hist_add(&h, v[i], 1));
		}
		for (size_t i = 0; i < n; i++) { /* and takes some out again, but for the last */
			if (rnd(3) || (i + 1 == n && !kept))
				v[kept++] = v[i];
			else
				assert_true(hist_add(&h, v[i], -1));
		}
		check(&h, v, kept);
		hist_free(&h);
	}
}

static void merging_is_adding(void **unused)
{
	(void)unused;
	for (int round = 0; round < 60; round++) {
		struct hist a = {0}, b = {0}, all = {0};
		for (int i = 0; i < MANY; i++) {
			int64_t v = rnd(1 + (uint32_t)round * 9), times = 1 + rnd(3);
			assert_true(hist_add(rnd(4) ? &a : &b, v, times));
			assert_true(hist_add(&all, v, times));
		}
		assert_true(hist_merge(&a, &b));
		same(&a, &all);
		assert_true(hist_merge(&b, &(struct hist){0}));
		hist_free(&a);
		assert_true(hist_merge(&a, &all));
		same(&a, &all);
		hist_free(&a);
		hist_free(&b);
		hist_free(&all);
	}
}

static void nothing_is_no_number(void **unused)
{
	(void)unused;
	struct hist h = {0};
	double x;
	int64_t v;
	assert_false(hist_quantile(&h, 0.5, &x));
	assert_false(hist_mean(&h, &x));
	assert_false(hist_variance(&h, &x));
	assert_false(hist_min(&h, &v));
	assert_false(hist_max(&h, &v));
	assert_int_equal(hist_count(&h, 0), 0);
	assert_false(hist_add(&h, 3, -1)); /* less than nothing */
	assert_true(hist_add(&h, 3, 2));
	assert_false(hist_add(&h, 3, -3));
	assert_int_equal(hist_count(&h, 3), 2);
	assert_false(hist_add(&h, 3, INT64_MAX));
	assert_false(hist_quantile(&h, 1.5, &x));
	assert_false(hist_quantile(&h, NAN, &x));
	assert_true(hist_add(&h, 3, -2));
	assert_int_equal(h.n, 0);
	assert_int_equal(h.total, 0);
	assert_true(hist_add(&h, INT64_MAX, 1));
	assert_true(hist_add(&h, INT64_MIN, 1));
	assert_true(hist_quantile(&h, 0.5, &x));
	assert_true(hist_mean(&h, &x));
	close_to(x, -0.5);
	hist_free(&h);
}

static void buckets_are_named_by_their_lowest(void **unused)
{
	(void)unused;
	assert_int_equal(hist_bucket(7, 5), 5);
	assert_int_equal(hist_bucket(5, 5), 5);
	assert_int_equal(hist_bucket(0, 5), 0);
	assert_int_equal(hist_bucket(-1, 5), -5);
	assert_int_equal(hist_bucket(-5, 5), -5);
	assert_int_equal(hist_bucket(-6, 5), -10);
	assert_int_equal(hist_bucket(INT64_MIN, 1), INT64_MIN);
	assert_int_equal(hist_bucket(INT64_MIN, 1000), INT64_MIN); /* the lowest there is */
	assert_int_equal(hist_bucket(-8, INT64_MAX), -INT64_MAX);
}

static void no_more_values_than_allowed(void **unused)
{
	(void)unused;
	struct hist h = {0}, one = {0}, two = {0};
	for (int64_t i = 0; i < HIST_VALUES_MAX; i++)
		assert_true(hist_add(&h, i * 3, 1));
	assert_false(hist_add(&h, 1, 1));
	assert_true(hist_add(&h, 3, 1));
	hist_add(&one, 4, 1);
	hist_add(&two, 6, 5);
	assert_false(hist_merge(&h, &one));
	assert_int_equal(h.n, HIST_VALUES_MAX);
	assert_int_equal(h.total, HIST_VALUES_MAX + 1);
	assert_true(hist_merge(&h, &two));
	assert_int_equal(hist_count(&h, 6), 6);
	hist_free(&h);
	hist_free(&one);
	hist_free(&two);
}

static void packed_and_read_again(void **unused)
{
	(void)unused;
	struct buf b = {0};
	struct hist back = {0};
	for (int round = 0; round < 40; round++) {
		struct hist h = {0};
		for (uint32_t i = 0, n = rnd(50); i < n; i++)
			hist_add(&h, (int64_t)rnd(1u << (round % 30)) - 40, 1 + rnd(300));
		if (round > 30) {
			hist_add(&h, INT64_MIN, 1);
			hist_add(&h, INT64_MAX, INT64_C(1) << 50);
		}
		buf_clear(&b);
		hist_write(&h, &b);
		const uint8_t *p = (const uint8_t *)b.p;
		assert_int_equal(hist_read(&back, p, p + b.len), b.len);
		same(&h, &back);
		for (size_t cut = 0; cut < b.len; cut++)
			assert_int_equal(hist_read(&back, p, p + cut), 0);
		assert_int_equal(back.n, 0);
		hist_free(&h);
	}
	static const uint8_t twice[] = {2, 4, 0, 1, 1}, none[] = {1, 4, 0},
			     huge[] = {0xff, 0xff, 0xff, 0xff, 0x0f, 1, 1};
	/* one value 2⁶³ − 1 times: no double tells its ranks apart */
	static const uint8_t countless[] = {
		1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
	assert_int_equal(hist_read(&back, twice, twice + sizeof twice), 0);
	assert_int_equal(hist_read(&back, none, none + sizeof none), 0);
	assert_int_equal(hist_read(&back, huge, huge + sizeof huge), 0);
	assert_int_equal(hist_read(&back, countless, countless + sizeof countless), 0);
	hist_free(&back);
	buf_free(&b);
}

static void take(struct hist *h, const json_t *v, double unit)
{
	assert_true(hist_add(h, (int64_t)llround(json_number_value(v) * unit), 1));
}

/* Values of a published case, in units that make them integers. */
static void published(const json_t *c, double unit)
{
	const json_t *in = json_object_get(c, "input"), *v;
	const json_t *two = json_object_get(in, "then_alternating");
	size_t n = (size_t)json_integer_value(json_object_get(in, "n"));
	json_t *expected = json_object_get(c, "expected");
	double within = json_number_value(json_object_get(c, "tolerance")), is;
	struct hist h = {0};
	const char *key;
	size_t i;
	json_array_foreach(json_object_get(in, "x"), i, v) take(&h, v, unit);
	if (two)
		take(&h, json_object_get(in, "first"), unit);
	for (i = 1; i < n; i++)
		take(&h, json_array_get(two, (i - 1) % 2), unit);
	json_object_foreach(expected, key, v)
	{
		const json_t *type7 = json_object_get(v, "type7_linear");
		double should = json_number_value(type7 ? type7 : v);
		if (type7)
			assert_true(hist_quantile(&h, atof(key), &is));
		else if (strcmp(key, "mean") == 0)
			assert_true(hist_mean(&h, &is));
		else if (strcmp(key, "sd") == 0 && hist_variance(&h, &is))
			is = sqrt(is);
		else
			continue;
		if (fabs(is / unit - should) > within + 1e-12 * fabs(should))
			fail_msg("%s %s: %.17g is not %.17g",
				json_string_value(json_object_get(c, "id")), key, is / unit,
				should);
	}
	hist_free(&h);
}

static void oracle(void **unused)
{
	(void)unused;
	char path[512], line[65536];
	const char *shared = getenv("CXD_SHARED");
	int n = 0;
	snprintf(path, sizeof path, "%s/oracles/stats/cases.jsonl", shared ? shared : "../shared");
	FILE *f = fopen(path, "r");
	if (!f) {
		print_message("no %s: skipped\n", path);
		skip();
	}
	while (fgets(line, sizeof line, f)) {
		json_t *c = json_loads(line, 0, NULL);
		const char *kind = json_string_value(json_object_get(c, "kind"));
		if (kind && (strcmp(kind, "quantile") == 0 || strcmp(kind, "mean_sd") == 0)) {
			published(c, 1e4);
			n++;
		}
		json_decref(c);
	}
	fclose(f);
	assert_true(n > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_all_the_values),
		cmocka_unit_test(merging_is_adding), cmocka_unit_test(nothing_is_no_number),
		cmocka_unit_test(buckets_are_named_by_their_lowest),
		cmocka_unit_test(no_more_values_than_allowed),
		cmocka_unit_test(packed_and_read_again), cmocka_unit_test(oracle)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
