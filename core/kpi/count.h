/* count.h — what a new event changes in the figures: its own measures, and those of the events that
 * it corrects, or that no longer are the latest (first) of their key.
 * Flow:   the event is stored with its root → count_event() with every measure of its type.
 * Callers: the writer's ingest; tests. For a rebuild, which walks the log once all of it is there:
 *         count_again(), which counts ev if it stands. */
#ifndef CX_KPI_COUNT_H
#define CX_KPI_COUNT_H

#include "kpi/cells.h"
#include "kpi/standing.h"

struct counted {
	const struct measure *m;
	bool blind; /* its plugin's code must not run: ev is excluded as STORE_CRASHED, and days
		     * that lose an event for it, or get one back, are spoilt */
};
struct count_host {
	void *ctx;
	const char *company_currency; /* to read events back */
	/* Asked after each tally: did m's where-function raise on ev (perhaps one that is taken
	 * out)? 1 yes, 0 no, or what went wrong with telling it. NULL: nobody knows. */
	int (*failed)(void *ctx, const struct measure *m, const struct event *ev);
};
/* All measures of ev's type, shared ones too; n 0: none. Also writes the family
 * (store_correction_add) and the candidates of every choice among them. */
int count_event(struct cells *c, const struct counted *v, int n, struct event *ev,
	const struct count_host *host, struct cx_err *e);
/* Rebuild, first walk (only if some choice has to be made up for): the candidates of ev. Second:
 * count it. */
int count_candidates(
	struct cells *c, const struct counted *v, int n, struct event *ev, struct cx_err *e);
int count_again(struct cells *c, struct standing *now, const struct counted *v, int n,
	struct event *ev, struct cx_err *e);

#endif
