/* Fuzz target: a raw query string → parameters → a KPI query. What is accepted says a window of
 * whole order, known dimensions, and no more than there is room for. */
#include <stdlib.h>
#include <string.h>

#include "base/job.h"
#include "base/tz.h"
#include "kpi/window.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARAMS = 24, VALUE = 300 };

static void compared(const struct kpi_query *q)
{
	struct kpi_query before;
	if (!kpi_query_before(q, &before) || before.compare || before.from_ms > before.to_ms ||
		before.from_ms >= q->from_ms || before.to_ms > q->to_ms)
		abort();
}

/* The window as a formula moves it, and in its buckets. */
static void moved(const struct kpi_query *q, int how)
{
	struct span s = {.has_from = q->has_from,
		.has_to = q->has_to,
		.from_ms = q->from_ms,
		.to_ms = q->to_ms};
	const struct move m = {.before = how & 1,
		.d = {.days = how & 2 ? how * 400 : 0, .months = how & 4 ? how * 400 : 0},
		.sign = how & 8 ? 1 : -1};
	struct bucket *v;
	int n;
	for (int i = 0; i < 3 && span_move(&s, &m); i++)
		if (s.has_from && s.has_to && s.from_ms > s.to_ms)
			abort();
	if (!q->every || !q->has_from || !q->has_to)
		return;
	int32_t first = tz_day(q->from_ms), last = tz_day(q->to_ms - 1);
	if (last - first < 5000 && window_buckets(q, first, last, &v, &n) == 0) {
		if (v[0].from_ms != q->from_ms || v[n - 1].to_ms != q->to_ms)
			abort();
		free(v);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	static char names[PARAMS][32], values[PARAMS][VALUE];
	struct kpi kpi = {
		.id = "nps", .by = {"unit", "channel", "seller"}, .nby = 3, .interval = 1};
	struct kpi_param params[PARAMS];
	struct kpi_query q;
	int n = 0, bad = 0;
	if (!ready)
		ready = tz_setup("America/Sao_Paulo");
	char *query = xstrndup((const char *)data, size);
	while (n < PARAMS && query_name(query, n, names[n], sizeof names[n])) {
		const char *v = query_get(query, names[n], n % 3, values[n], VALUE, &bad);
		params[n] = (struct kpi_param){names[n], v ? v : ""};
		n++;
	}
	if (kpi_query_parse(&q, &kpi, params, n, 1795183200000LL, NULL) == CX_OK) {
		if (q.nby > 3 || q.nwhere > 16 || (q.has_from && q.has_to && q.from_ms > q.to_ms))
			abort();
		for (int i = 0; i < q.nby; i++)
			if (q.by[i] < 0 || q.by[i] > 2)
				abort();
		if (q.compare)
			compared(&q);
		if (q.pool < 0 || (q.pool && !q.nby))
			abort();
		moved(&q, size ? data[size - 1] : 0);
	}
	free(query);
	return 0;
}
