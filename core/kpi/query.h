/* query.h — a KPI over a window: whole days from cells, edge days from their events, merged into
 * totals, series and groups, then handed to the formula.
 * Flow:   kpi_query_parse() from name/value pairs (the URL, Lua tables, the command line and tests
 *         all say the same) → kpi_query_run() in a snapshot → JSON of kpi.md.
 * Callers: readers; the writer for tx:kpi and tests.
 * Errors: CX_E_BAD_QUERY with field; CX_E_PLUGIN_FAILED when a formula raises. */
#ifndef CX_KPI_QUERY_H
#define CX_KPI_QUERY_H

#include "kpi/set.h"
#include "kpi/tally.h"
#include "store/store.h"

enum every { EVERY_NONE, EVERY_DAY, EVERY_WEEK, EVERY_MONTH, EVERY_QUARTER, EVERY_YEAR };

struct kpi_param {
	const char *name, *value; /* from, to, last, every, by, where (repeatable) */
};
struct kpi_query {
	bool has_from, has_to;
	int64_t from_ms, to_ms;
	enum every every;
	int by[KPI_DIMS], nby; /* indexes into kpi->by */
	struct {
		int dim;
		bool null;
		char text[260];
	} where[16];
	int nwhere;
};
/* now_ms: what "today" and `last` are counted from. */
int kpi_query_parse(struct kpi_query *q, const struct kpi *k, const struct kpi_param *params,
	int nparams, int64_t now_ms, struct cx_err *e);

struct kpi_measured { /* one merged measure, parallel to kpi->measures */
	int64_t i;
	struct kset *set; /* distinct: S_times as a set of one level; owned by the query */
};
struct kpi_host { /* what only Lua can do */
	void *ctx;
	int (*where)(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e);
	/* Value of the formula; *null with no data (nil, NaN, ±inf). */
	int (*formula)(void *ctx, const struct kpi *k, const struct kpi_measured *m, double *value,
		bool *null, struct cx_err *e);
	/* Confidence interval of KPIs that declare one; NULL: never asked. *method: its name or
	 * NULL, valid until the next call. */
	int (*interval)(void *ctx, const struct kpi *k, const struct kpi_measured *m, double *low,
		double *high, const char **method, bool *null, struct cx_err *e);
	const char *company_currency; /* for kpi_verify, which reads events back; NULL: "XXX" */
};
struct kpi_meta { /* what the reply says of the definition, and how numbers are written */
	const char *plugin_version, *company_currency;
};
int kpi_query_run(struct store *s, const struct kpi *k, const struct kpi_query *q,
	const struct kpi_host *host, const struct kpi_meta *meta, struct buf *json,
	struct cx_err *e);

/* Recomputes every cell of a cube from the log and compares; differences are reported one by one.
 * Returns their number or <0. */
int kpi_verify(struct store *s, const struct cube *c, const struct kpi_host *host,
	void (*differs)(void *ctx, const struct cube *c, const char *what), void *ctx,
	struct cx_err *e);

#endif
