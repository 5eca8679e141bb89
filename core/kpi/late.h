/* late.h — an event's part in the figures that is worked out after it was stored: a derived field
 * computed later, or a plugin that was off when it came. Nothing is added up here: every day that
 * it may change is spoilt, so that readers scan it and the idle writer counts it again.
 * Flow:   late_leave() with the fields as they were, where they are about to change;
 *         late_come() with those that it has now.
 * Callers: the writer, between events (engine/late.h). */
#ifndef CX_KPI_LATE_H
#define CX_KPI_LATE_H

#include "kpi/cells.h"

struct late {
	struct cells *c;
	struct store *s;
	const struct measure **v; /* of ev's type */
	int n;
	const char *company_currency; /* to read events back */
	int64_t known_ms;             /* when this became known */
};
/* Spoils ev's days and takes its candidates away, with the days of whoever stands instead. */
int late_leave(const struct late *l, struct event *ev, struct cx_err *e);
/* Adds its candidates, and spoils the days of all whose standing may change with it: its family,
 * and who stands of its keys with it or without any event as new. */
int late_come(const struct late *l, struct event *ev, struct cx_err *e);

#endif
