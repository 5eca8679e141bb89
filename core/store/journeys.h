/* store/journeys.h — journeys: events by key, pinned definitions, instances, their ways, frictions.
 * Flow:   engine/journeys.c writes them in the ingest's transaction; readers list them.
 * Owns:   rows point into the driver's memory and die with the callback; what is said to be copied
 *         lives in the arena.
 * Errors: as store.h. Units: *_ms UTC. */
#ifndef CX_STORE_JOURNEYS_H
#define CX_STORE_JOURNEYS_H

#include "store/store.h"

/* ---- events by key ---- */
int store_journey_event_add(struct store *s, const char *journey, struct str key, int64_t time_ms,
	int64_t seq, struct cx_err *e); /* also if it is there */
int store_journey_event_drop(struct store *s, const char *journey, struct str key, int64_t time_ms,
	int64_t seq, struct cx_err *e);
/* Those of the key up to a seq (whatever their time), by time and seq. */
typedef int (*store_journey_event_f)(void *ctx, int64_t time_ms, int64_t seq); /* 0, 1, <0 */
int store_journey_events(struct store *s, const char *journey, struct str key, int64_t upto,
	store_journey_event_f f, void *ctx, struct cx_err *e);
/* Is there one up to that seq which comes after (time, seq)? 1 yes, 0 no. */
int store_journey_event_after(struct store *s, const char *journey, struct str key, int64_t time_ms,
	int64_t seq, int64_t upto, struct cx_err *e);

/* The keys that events are filed under, or instances have. */
int store_journey_keys(struct store *s, const char *journey, int (*f)(void *ctx, struct str key),
	void *ctx, struct cx_err *e);

/* ---- definitions ---- */
struct journey_version_row {
	int64_t id, since_ms;
	int number;
	struct str journey, identity, plugin, hash, definition;
};
/* The version of this identity: id and number are filled in; made where there is none. */
int store_journey_version(struct store *s, struct journey_version_row *r, struct cx_err *e);
/* The same, but none is made: 1 there is one, 0 not. */
int store_journey_version_find(struct store *s, struct journey_version_row *r, struct cx_err *e);
typedef int (*store_journey_version_f)(void *ctx, const struct journey_version_row *r);
int store_journey_versions(
	struct store *s, store_journey_version_f f, void *ctx, struct cx_err *e); /* by id */
int store_journey_definition(struct store *s, int64_t version, int *number, struct str *definition,
	struct arena *a, struct cx_err *e); /* 1 found, 0 not */
int store_journey_version_get(struct store *s, int64_t id, struct journey_version_row *r,
	struct arena *a, struct cx_err *e); /* 1 found, 0 not; without the definition */
int store_journey_pinned(struct store *s, int64_t version, struct cx_err *e); /* 1: one is open */

/* ---- instances ---- */
struct journey_row {
	int64_t id, version, outer; /* outer 0: none */
	struct str journey, key;
	int n;
	struct str stage, outcome, unit, subject, by, state;
	bool lost, late;
	int64_t start_seq, begun_ms, ended_ms, due_ms, past_ms; /* 0: none */
	int64_t last_ms, last_seq, upto_ms;
	int strikes;       /* the engine ended so often while its deadline fired */
	int64_t queued_ms; /* the store's own: */
	bool queued_past;
};
/* The n-th of a key (0: the last), copied to a: 1 found, 0 not. */
int store_journey_get(struct store *s, const char *journey, struct str key, int n,
	struct journey_row *r, struct arena *a, struct cx_err *e);
int store_journey_by_id(
	struct store *s, int64_t id, struct journey_row *r, struct arena *a, struct cx_err *e);
int store_journey_add(struct store *s, struct journey_row *r, struct cx_err *e); /* r->id */
int store_journey_set(struct store *s, struct journey_row *r, struct cx_err *e);
int store_journey_struck(struct store *s, int64_t id, struct cx_err *e);
int store_journey_drop(struct store *s, int64_t id, struct cx_err *e); /* with its moves */
/* What may be due first of a journey: 1 found, 0 nothing is. past: of what is history. */
int store_journey_due(struct store *s, const char *journey, bool past, int64_t *id, int64_t *due_ms,
	struct cx_err *e);
/* Its time has come: 1 it is due, with the instance copied to a; 0 not then, or not any more. */
int store_journey_take_due(struct store *s, int64_t id, const char *journey, bool past,
	int64_t due_ms, struct journey_row *r, struct arena *a, struct cx_err *e);
typedef int (*store_journey_f)(void *ctx, const struct journey_row *r); /* 0, 1, <0 */
/* The open ones of a journey, by id. */
struct journey_filter {
	const char *journey, *stage, *unit; /* NULL: any */
	bool late;                          /* only those that are */
	int64_t after;                      /* id, exclusive */
};
int store_journeys(struct store *s, const struct journey_filter *q, store_journey_f f, void *ctx,
	struct cx_err *e);
/* All of a key, by n. */
int store_journeys_of(struct store *s, const char *journey, struct str key, store_journey_f f,
	void *ctx, struct cx_err *e);

/* ---- cases: open ones with clocks ---- */
int store_case_set(
	struct store *s, int64_t instance, int64_t due_ms, struct str state, struct cx_err *e);
int store_case_drop(struct store *s, int64_t instance, struct cx_err *e);
struct case_filter {
	const char *unit, *state; /* NULL: any */
	int64_t after_ms, after;  /* due and instance, exclusive */
};
/* What is due first first. */
typedef int (*store_case_f)(void *ctx, int64_t instance, int64_t due_ms, struct str state);
int store_cases(
	struct store *s, const struct case_filter *q, store_case_f f, void *ctx, struct cx_err *e);

/* ---- moves ---- */
struct journey_move_row {
	int pos, pass;
	int64_t seq, time_ms, left_ms; /* 0: none */
	struct str type, source, target, deviation;
};
int store_journey_move_add(
	struct store *s, int64_t instance, const struct journey_move_row *r, struct cx_err *e);
int store_journey_left(
	struct store *s, int64_t instance, int pos, int64_t left_ms, struct cx_err *e);
int store_journey_moves_drop(struct store *s, int64_t instance, struct cx_err *e);
typedef int (*store_journey_move_f)(void *ctx, const struct journey_move_row *r);
int store_journey_moves(
	struct store *s, int64_t instance, store_journey_move_f f, void *ctx, struct cx_err *e);

/* on_late is told of this deadline: 1 for the first time, 0 it has been. */
int store_journey_told(
	struct store *s, const struct journey_row *r, struct str stage, int pass, struct cx_err *e);

/* ---- frictions ---- */
struct friction_row {
	int64_t id, instance, time_ms, lost_ms, severity, seq; /* -1: none of the last three */
	int pass;                                              /* 0: of no deadline */
	struct str journey, key, stage, kind, subject, unit, once;
	int n;
	bool stands;
};
int store_friction_add(struct store *s, const struct friction_row *r, struct cx_err *e);
/* Those of an instance whose deadline is in its moves stand, the others do not. */
int store_frictions_stand(struct store *s, int64_t instance, struct cx_err *e);
typedef int (*store_friction_f)(void *ctx, const struct friction_row *r);
int store_frictions(struct store *s, const char *journey, store_friction_f f, void *ctx,
	struct cx_err *e); /* that stand, by time and id */

#endif
