/* sops.h — versions of checklists, runs on them, and their answers (see schema/0003,
 * engine/sops.h). Owns:   rows that are got live in the arena given; those handed to callbacks die
 * with the callback. Errors: as store.h. Units: *_ms UTC. */
#ifndef CX_STORE_SOPS_H
#define CX_STORE_SOPS_H

#include "store/store.h"

struct sop_version_row {
	int64_t id, version;
	struct str sop, hash, plugin, source, definition;
};
int store_sop_version_add(struct store *s, struct sop_version_row *r, struct cx_err *e); /* r->id */
/* 1 found, 0 not. */
int store_sop_version_find(struct store *s, struct str sop, int64_t version,
	struct sop_version_row *r, struct arena *a, struct cx_err *e);
int store_sop_version_get(
	struct store *s, int64_t id, struct sop_version_row *r, struct arena *a, struct cx_err *e);
int store_sop_versions(struct store *s, int (*f)(void *ctx, const struct sop_version_row *r),
	void *ctx, struct cx_err *e);

struct sop_run_row {
	int64_t id, version; /* sop_version_row.id */
	struct str run, sop, state;
	int64_t begun_ms, ended_ms;                           /* 0: it has not ended */
	struct str unit, actor, subject, journey, key, stage; /* p NULL: none */
	int pass;
	bool required;
	struct str context, by, digest, reason, result;
	int64_t due_ms; /* written, not read back; 0: none */
};
int store_sop_run_add(struct store *s, struct sop_run_row *r, struct cx_err *e); /* r->id */
/* Keeps state, ended_ms, reason, result and due_ms. */
int store_sop_run_set(struct store *s, const struct sop_run_row *r, struct cx_err *e);
/* 1 found, 0 not. */
int store_sop_run_get(
	struct store *s, struct str run, struct sop_run_row *r, struct arena *a, struct cx_err *e);
int store_sop_run_of(struct store *s, struct str sop, struct str key, struct sop_run_row *r,
	struct arena *a, struct cx_err *e); /* the newest */
/* The one of a stage's pass; sop.p NULL: any. */
int store_sop_run_of_stage(struct store *s, struct str journey, struct str key, struct str stage,
	int pass, struct str sop, struct sop_run_row *r, struct arena *a, struct cx_err *e);
/* The earliest due_ms, and the run it is of: 1 found, 0 there is none. */
int store_sop_run_due(struct store *s, int64_t *due_ms, int64_t *id, struct cx_err *e);
int store_sop_run_at(
	struct store *s, int64_t id, struct sop_run_row *r, struct arena *a, struct cx_err *e);
int store_sop_run_told(struct store *s, int64_t id, struct cx_err *e);  /* not due any more */
int store_sop_run_last(struct store *s, int64_t *id, struct cx_err *e); /* 0: there is none */
enum sop_by {
	SOP_BY_SOP,
	SOP_BY_STATE,
	SOP_BY_UNIT,
	SOP_BY_ACTOR,
	SOP_BY_JOURNEY,
	SOP_BY_KEY,
	SOP_FILTERS
};
struct sop_filter {
	const char *is[SOP_FILTERS]; /* NULL: any */
	int64_t after;               /* id, exclusive */
};
typedef int (*store_sop_run_f)(void *ctx, const struct sop_run_row *r); /* 0 go on, 1 stop, <0 */
int store_sop_runs(struct store *s, const struct sop_filter *q, store_sop_run_f f, void *ctx,
	struct cx_err *e); /* by id */

struct sop_answer_row {
	struct str item, answer, evidence; /* JSON; answer.p NULL: taken back */
	int64_t time_ms, recorded_ms, sequence;
	struct str actor, device; /* p NULL: none */
};
int store_sop_answer_put(
	struct store *s, int64_t run, const struct sop_answer_row *r, struct cx_err *e);
typedef int (*store_sop_answer_f)(void *ctx, const struct sop_answer_row *r);
int store_sop_answers(
	struct store *s, int64_t run, store_sop_answer_f f, void *ctx, struct cx_err *e);
#endif
