/* explain.h — where a figure comes from: the events of its window, what each adds to which measure,
 * and those that were left out, with the reason.
 * Flow:   kpi_explain() with the query of the figure and a cursor → one page of JSON, events in the
 *         order of the time by which the measures place them.
 * Callers: engine/answer_kpi.c, in a snapshot. An event shows up once for each placement
 *         (`time`, or a measure's `at`) by which it falls in the window.
 * Errors: CX_E_BAD_QUERY for a cursor that is none of ours. */
#ifndef CX_KPI_EXPLAIN_H
#define CX_KPI_EXPLAIN_H

#include "kpi/query.h"

struct explain_page {
	const char *after; /* cursor of the page before; NULL: the first */
	int limit;
	bool personal; /* show personal fields */
};
/* Appends "events":[{…,"placed","counts":{measure: amount},"excluded":{measure: reason}}] and
 * "next": cursor or null, as members of the object that is open in json. The amount is
 * what it adds to a count or sum, the value in a histogram, 1 for a set that it is seen in. */
int kpi_explain(struct store *s, const struct kpi *k, const struct kpi_query *q,
	const struct kpi_host *host, const struct kpi_meta *meta, const struct explain_page *page,
	struct buf *json, struct cx_err *e);

#endif
