/* sops.h — runs of the checklists that cx.sop declares: begun by hand or by a journey's stage,
 * answered item by item, ended once.
 * Flow:   a run is pinned to a row of sop_version (store/sops.h). Every write keeps the answer,
 * then asks runtime/sop.lua — in the plugin that runs, or in one of the version's own sources —
 *         what applies, what is missing and the score, and keeps that too: readers only show it.
 *         Handlers and tests come through sops_ask() (tx:sop), the API through sops_write().
 * Callers: batch.c, reader.c, ingest_react.c, testrun.c, journeys.c. Inside: sop_run.h.
 * Errors: CX_E_RUN_ENDED, CX_E_RUN_INCOMPLETE, mistakes by the field's name; those of the store.
 * Units:  *_ms UTC. */
#ifndef CX_ENGINE_SOPS_H
#define CX_ENGINE_SOPS_H

#include "engine/ingest.h"

struct sop_start {
	struct str sop;                  /* its id: the version in force is taken */
	struct str run;                  /* its name; p NULL: one is made */
	struct str journey, key, stage;  /* of the stage that is entered; p NULL: none */
	int pass;                        /* of that stage, from 1 */
	bool required;                   /* the stage is not left before it is finished */
	struct str unit, actor, subject; /* p NULL: none */
	struct str context;              /* JSON object; p NULL: {} */
	struct str by, digest;           /* who begins it; of what was sent. p NULL: see sop_run */
	int64_t time_ms;
};
/* The run of a stage that is entered (of imported history: one that is set aside at once, and holds
 * nothing up); nothing where (sop, journey, key, stage, pass) has one. In
 * the caller's savepoint. cause: the event at hand; NULL: a deadline. CX_E_NOT_FOUND: no plugin
 * declares it. */
int sops_open(
	struct ingest *in, struct event *cause, const struct sop_start *start, struct cx_err *e);
/* Is the run of this stage's pass finished, by then? 1 yes; 0 no: open, abandoned, or there is
 * none.
 */
int sops_finished(struct ingest *in, struct str journey, struct str key, struct str stage, int pass,
	int64_t by_ms, struct cx_err *e);

/* tx:sop: of a handler, in its savepoint, cause: what its events inherit from; or of a test, which
 * has no files of evidence (cause NULL, trusted). The answer lives in a. */
int sops_ask(struct ingest *in, struct event *cause, const char *by, bool trusted,
	struct sop_ask *ask, struct arena *a, struct cx_err *e);

/* ---- over HTTP */

int sops_write(struct ingest *in, const struct frame *f, struct buf *headers, struct buf *reply,
	int *status); /* writer: begin, answer, finish, abandon */
int answer_sops(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);
int answer_sop_runs(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);
int answer_sop_run(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);

/* ---- versions */

/* What the store has, for plugins that are to be loaded from these sources. */
int sops_known(struct store *s, struct plugin_sources *v, int n, struct sops_known *known,
	struct cx_err *e);
void sops_known_free(struct sops_known *known);
/* After plugins are loaded, inside the writer's batch: those in force are kept. */
int sops_keep(struct engine *eng, struct cx_err *e);

#endif
