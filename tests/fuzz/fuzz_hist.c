/* Fuzz target: bytes → a packed histogram. What is accepted ascends, has no count below one, says
 * its total, is written as it was read, and can be merged, counted down and asked anything. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "kpi/hist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void sound(const struct hist *h)
{
	int64_t total = 0;
	for (size_t i = 0; i < h->n; i++) {
		check(h->counts[i] > 0 && (!i || h->values[i] > h->values[i - 1]));
		check(!__builtin_add_overflow(total, h->counts[i], &total));
		check(hist_count(h, h->values[i]) == h->counts[i]);
	}
	check(total == h->total);
}

static void asked(const struct hist *h)
{
	double v;
	int64_t least, most;
	check(hist_mean(h, &v) == (h->n > 0));
	check(hist_variance(h, &v) == (h->total > 1));
	if (!hist_min(h, &least) || !hist_max(h, &most))
		return;
	for (double p = 0; p <= 1; p += 0.25) {
		check(hist_quantile(h, p, &v));
		check(v >= (double)least && v <= (double)most);
	}
}

static void merged(const struct hist *h)
{
	struct hist sum = {0};
	check(hist_merge(&sum, h) && sum.n == h->n && sum.total == h->total);
	if (h->total < INT64_MAX / 2) {
		check(hist_merge(&sum, h) && sum.n == h->n && sum.total == 2 * h->total);
		for (size_t i = 0; i < h->n && i < 100; i++)
			check(hist_add(&sum, h->values[i], -h->counts[i]));
		sound(&sum);
	}
	hist_free(&sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hist h = {0}, again = {0};
	struct buf out = {0};
	size_t used = hist_read(&h, data, data + size);
	check(used <= size);
	if (used) {
		sound(&h);
		asked(&h);
		merged(&h);
		hist_write(&h, &out);
		const uint8_t *p = (const uint8_t *)out.p;
		check(hist_read(&again, p, p + out.len) == out.len);
		check(again.n == h.n && again.total == h.total);
		check(!h.n || !memcmp(again.values, h.values, h.n * sizeof *h.values));
		check(!h.n || !memcmp(again.counts, h.counts, h.n * sizeof *h.counts));
	}
	buf_free(&out);
	hist_free(&h);
	hist_free(&again);
	return 0;
}
