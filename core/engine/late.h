/* late.h — a plugin's part in an event that is in the log already: run again after it failed
 * (failed.c), or for the first time after the plugin was off (quarantine.c).
 * Flow:   late_open() → late_derive(), late_figures(), ingest_react_one() as needed, all inside the
 *         caller's batch.
 * Callers: the writer. Errors: negative with in->store_failed: the batch is lost. */
#ifndef CX_ENGINE_LATE_H
#define CX_ENGINE_LATE_H

#include "engine/ingest.h"

/* Makes the event with this seq the one at hand, with its fields: 1, or 0 where it is gone or its
 * type is no longer declared. *missing: some derived field was never computed. */
int late_open(struct ingest *in, const struct job_head *head, int64_t seq, bool past,
	struct event *ev, const struct type_plan **plan, bool *missing);
/* Computes the derived fields that are null, or only this one, and stores them. counted: the event
 * is in the figures already. Failures are told one by one. */
int late_derive(struct ingest *in, const struct type_plan *plan, struct event *ev,
	const char *field, bool counted,
	void (*failed)(void *ctx, const char *handler, const struct lua_fail *f), void *ctx);
/* Brings it into the figures of the plugins that wanted() says, NULL: of all. */
int late_figures(struct ingest *in, const struct type_plan *plan, struct event *ev,
	bool (*wanted)(void *ctx, const struct plugin *p), void *ctx);

#endif
