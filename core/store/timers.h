/* timers.h — timers that wait, and what became of those an event set (engine/timers.h).
 * Callers: engine/. Owns: rows handed to callbacks die with the callback.
 * Errors: as in store.h. Units: *_ms UTC. */
#ifndef CX_STORE_TIMERS_H
#define CX_STORE_TIMERS_H

#include "store/store.h"

struct timer_row {
	int64_t id, due_ms;
	const char *plugin, *name, *arg; /* arg: JSON, NULL none */
	bool past;
	int64_t seq; /* the event it goes back to, 0 none */
	int nth;     /* which of the plugin's reactions to that event set it, from 1; 0: a timer */
	int pos;     /* its place among those that one set, from 1 */
	int strikes;
	const char *every; /* of an interval, as declared; NULL: it fires once */
	int64_t since_ms;
};
int store_timer_add(struct store *s, struct timer_row *row, struct cx_err *e); /* sets row->id */
/* The earliest of a plugin: 1 found, 0 none. */
int store_timer_next(struct store *s, const char *plugin, bool past, int64_t *due_ms, int64_t *id,
	struct cx_err *e);
/* 1 found, texts copied to a; 0 not. */
int store_timer_get(
	struct store *s, int64_t id, struct timer_row *row, struct arena *a, struct cx_err *e);
int store_timer_drop(struct store *s, int64_t id, struct cx_err *e);
int store_timer_struck(struct store *s, int64_t id, struct cx_err *e);
int store_timer_count(struct store *s, int64_t *n, struct cx_err *e);

typedef int (*store_timer_f)(void *ctx, const struct timer_row *row); /* 0 go on, 1 stop, <0 */
struct timer_filter {
	const char *plugin, *unit; /* NULL: any */
	int64_t before_ms;         /* exclusive */
	int64_t after_ms, after;   /* due instant and id, exclusive */
	int limit;
};
int store_timers(struct store *s, const struct timer_filter *q, store_timer_f f, void *ctx,
	struct cx_err *e); /* by due instant and id */
int store_intervals(struct store *s, store_timer_f f, void *ctx, struct cx_err *e);

/* Of an event: those that wait, and those that fired. */
int store_timers_of(
	struct store *s, int64_t seq, int limit, store_timer_f f, void *ctx, struct cx_err *e);
struct timer_fired {
	int64_t id, due_ms, fired_ms, failed; /* failed: the row of `failed`, 0 none */
	const char *plugin, *name;
};
int store_timers_fired_of(struct store *s, int64_t seq, int limit,
	int (*f)(void *ctx, const struct timer_fired *t), void *ctx, struct cx_err *e);
/* Remembers that it fired; row->seq must not be 0. */
int store_timer_fired(struct store *s, const struct timer_row *row, int64_t fired_ms,
	int64_t failed, struct cx_err *e);
/* The event that a timer which fired goes back to: 1 found, 0 not. */
int store_timer_fired_seq(struct store *s, int64_t id, int64_t *seq, struct cx_err *e);
/* Has the timer that this event set at this place fired? 1 yes, 0 no. */
int store_timer_fired_is(
	struct store *s, int64_t seq, const struct timer_row *row, struct cx_err *e);
/* Drops those that a plugin's reaction to this event set, if they still wait; *n: how many. */
int store_timers_drop_of(
	struct store *s, int64_t seq, const char *plugin, int nth, int64_t *n, struct cx_err *e);

#endif
