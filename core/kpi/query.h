/* query.h — a KPI over a window: whole days from cells, edge days from their events, merged into
 * totals, series and groups, then handed to the formula.
 * Flow:   kpi_query_parse() from name/value pairs (the URL, Lua tables, the command line and tests
 *         all say the same) → kpi_query_run() in a snapshot → JSON of kpi.md.
 * Callers: readers; the writer for tx:kpi and tests.
 * Errors: CX_E_BAD_QUERY with field; CX_E_PLUGIN_FAILED when a formula raises. */
#ifndef CX_KPI_QUERY_H
#define CX_KPI_QUERY_H

#include "base/duration.h"
#include "kpi/hist.h"
#include "kpi/set.h"
#include "kpi/tally.h"
#include "store/store.h"

enum every { EVERY_NONE, EVERY_DAY, EVERY_WEEK, EVERY_MONTH, EVERY_QUARTER, EVERY_YEAR };

struct kpi_param {
	/* from, to, last, every, by, where (repeatable), compare, as_known, pool */
	const char *name, *value;
};
enum compare { COMPARE_NONE, COMPARE_PREVIOUS, COMPARE_YEAR };
struct kpi_query {
	bool has_from, has_to;
	int64_t from_ms, to_ms;
	int last_months, last_days; /* of `last`, 0 = not given: what "previous" goes back */
	enum every every;
	enum compare compare;
	int64_t known_ms;      /* as_known; INT64_MAX = now */
	int64_t now_ms;        /* as kpi_query_parse() was told */
	int64_t pool;          /* groups of fewer answers are pooled; 0 = no */
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

bool kpi_param_known(const char *name);
/* own: parameters that the caller has besides, NULL where there is none. */
int kpi_param_unknown(const char *name, const char *const own[2], struct cx_err *e);

struct kpi_measured {      /* one merged measure, parallel to kpi->measures */
	int64_t i;         /* histogram: number of events; distinct: size of the set */
	struct kset *set;  /* distinct: S_times as a set of one level; owned by the query */
	struct hist *hist; /* histogram; owned by the query */
};

/* What a formula sees: the measures over one window, for one group or all, and the way to the same
 * measures over other windows. Views live until the formula, interval or compare call ends. */
struct kpi_view;
const struct kpi_measured *kpi_view_measured(const struct kpi_view *v);
/* Over the window moved by sign × d (calendar units keep the wall clock, and the first instant of a
 * day; both ends clamped at month end; an open end stays open), or all time before it. 1: *out; 0
 * no data: the window has no `from` to be moved (a view of before() moves by its end); before() of
 * such a window is empty. */
int kpi_view_shift(
	struct kpi_view *v, struct duration d, int sign, struct kpi_view **out, struct cx_err *e);
int kpi_view_before(struct kpi_view *v, struct kpi_view **out, struct cx_err *e);

struct kpi_interval { /* what a KPI's interval function returned */
	bool none, has_n;
	double low, high, n; /* n: answers it rests on */
	char method[16];     /* "" = not said */
};
struct kpi_change { /* is the difference of two windows proven? runtime/compare.lua */
	bool has_p;
	double p;
	char test[24];
};
struct kpi_host { /* what only Lua can do */
	void *ctx;
	int (*where)(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e);
	/* Value of the formula; *null with no data (nil, NaN, ±inf). */
	int (*formula)(void *ctx, const struct kpi *k, struct kpi_view *v, double *value,
		bool *null, struct cx_err *e);
	/* Confidence interval of KPIs that declare one; NULL: never asked. */
	int (*interval)(void *ctx, const struct kpi *k, struct kpi_view *v,
		struct kpi_interval *out, struct cx_err *e);
	/* Two windows of a KPI that declares an interval; NULL: never asked. */
	int (*compare)(void *ctx, const struct kpi *k, struct kpi_view *now,
		struct kpi_view *before, struct kpi_change *out, struct cx_err *e);
	/* For kpi_verify, which reads events back; NULL: CURRENCY_NONE. */
	const char *company_currency;
	/* Kept from query to query, by who sees nothing but what was committed: it then forgets no
	 * id. NULL: each query makes its own. */
	struct dictionary *dictionary;
};
struct kpi_counting { /* of a KPI whose figures are being counted from the log */
	bool yes;
	bool empty; /* for the first time: there are none yet */
	int64_t done, total;
};
struct kpi_meta { /* what the reply says of the definition, and how numbers are written */
	const char *plugin_version, *company_currency;
	int64_t min_n; /* [kpi] min_n */
	struct kpi_counting counting;
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
