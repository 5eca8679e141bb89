/* Fuzz target: a raw query string → parameters → a KPI query. What is accepted says a window of
 * whole order, known dimensions, and no more than there is room for. */
#include <stdlib.h>
#include <string.h>

#include "base/job.h"
#include "base/tz.h"
#include "kpi/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARAMS = 24, VALUE = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	static char names[PARAMS][32], values[PARAMS][VALUE];
	struct kpi kpi = {.id = "nps", .by = {"unit", "channel", "seller"}, .nby = 3};
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
	}
	free(query);
	return 0;
}
