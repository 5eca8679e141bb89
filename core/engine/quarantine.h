/* quarantine.h — plugins whose code must not run: after two strikes in ten minutes (quarantined),
 * by an admin's word (disabled), because one that they depend on is off, or all (cxd serve --safe).
 * What they declared stays in force: their events are checked and stored, and wait.
 * Flow:   rows in the table plugin_state → quarantine_read() → quarantine_sources() before the set
 *         is loaded, so that nothing of theirs runs → quarantine_apply() sets plugin->state. The
 *         writer changes the rows (strikes, enable, disable) and with them the generation; readers
 *         see that at their next job (reader_refresh) and do the same.
 *         Enabled again, a plugin is BEHIND: between batches quarantine_work() has it deal with the
 *         events since then in their order; at the end of the log it runs. What arrives until then
 *         waits too, so that nothing is done out of order.
 * A new version of a quarantined plugin is enabled by being new.
 * Callers: every engine role; what writes rows: the writer.
 * Owns:   the rows read, in struct engine. Errors: of the store. */
#ifndef CX_ENGINE_QUARANTINE_H
#define CX_ENGINE_QUARANTINE_H

#include "engine/ingest.h"

struct plugin_out { /* a row of plugin_state */
	char *plugin, *state, *hash, *reason, *strikes;
	int64_t since_ms, pending;
};
struct plugin_outs {
	struct plugin_out *v;
	int n;
};

int quarantine_read(struct engine *eng, struct cx_err *e);
void quarantine_free(struct engine *eng);
int quarantine_sources(struct engine *eng, struct plugin_sources *v, int n, struct cx_err *e);
void quarantine_apply(struct engine *eng);

/* For /v1/plugins: "running", "failed", "quarantined", "disabled", "rebuilding"; appends strikes,
 * since, reason and pending of one that is not running to the open object. */
const char *quarantine_state(const struct engine *eng, const struct plugin *p);
void quarantine_json(const struct engine *eng, const struct plugin *p, struct buf *b);
/* CX_OK, or 503 with since when, why and what to do. */
int quarantine_refuse(struct engine *eng, const struct plugin *p, struct cx_err *e);
/* Appends the names of the plugins that have not dealt with an event of this type and seq. */
void quarantine_pending(struct engine *eng, struct str type, int64_t seq, struct buf *b);

/* ---- the writer ---- */
/* Strikes that the front told at start: before the set is loaded. */
int quarantine_strikes(struct engine *eng, struct cx_err *e);
/* After it is loaded, and after every change of rows: plugins that went off have the next event as
 * their first pending one; new versions are no longer quarantined. Inside a batch. */
int quarantine_settle(struct engine *eng, int64_t next_seq, struct cx_err *e);
/* POST /v1/plugins/{name}/enable, /disable; and the front's own ROUTE_STRIKE. Negative: the
 * transaction is lost. *changed: quarantine_push() before the answer. */
int quarantine_write(
	struct ingest *in, const struct frame *f, struct buf *reply, int *status, bool *changed);
void quarantine_push(struct engine *eng, struct buf *out); /* FRAME_PLUGINS */
/* It has dealt with all events before this one; 0: with all there are. */
int quarantine_reached(struct engine *eng, const char *plugin, int64_t pending, struct cx_err *e);
bool plan_has(const struct type_plan *plan, const struct plugin *p); /* has it a part in it? */
/* A slice for the plugins that are behind, in a transaction of its own. 1 it did something (and
 * *changed: some plugin runs again), 0 there is nothing to do, <0: it was undone. */
int quarantine_work(struct ingest *in, bool *changed, struct cx_err *e);

#endif
