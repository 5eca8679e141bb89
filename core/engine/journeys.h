/* journeys.h — journeys in the writer: what an event, or an instant, does to their instances.
 * Flow:   ingest_store() → journeys_event() after the figures and before the reactions: the event
 * is filed under its key, then folded: one step where it comes after all that the instance has
 *         seen, else the whole key again, from its first event. What came of it is kept (rows of
 *         journey_instance, journey_move), and then what is to be done about it: SOP runs, on_late.
 *         Deadlines are a kind of due item (timers.h).
 * Pure:   an instance is a function of its definition's version, of the events filed under its key
 * by (time, seq), and of the instants that have passed; so a fold again changes nothing that an
 * earlier one has kept, unless there is something new to know. Owns:   nothing; what is read lives
 * in the ingest's arena. Errors: negative with in->store_failed: the transaction is lost. A fold
 * that fails is a row in `failed`; then the event is as if it had not come, until it is run again.
 */
#ifndef CX_ENGINE_JOURNEYS_H
#define CX_ENGINE_JOURNEYS_H

#include "engine/timers.h"
#include "lua/journey.h"
#include "store/journeys.h"

/* Does the event lack the key of a journey that it would begin? Then that is its refusal
 * (in->errs).
 */
int journeys_need_key(struct ingest *in, const struct event *ev);
/* All journeys that follow the type. wanted: of these plugins only, NULL: of those that run. */
int journeys_event(struct ingest *in, const struct type_plan *plan, struct event *ev,
	bool (*wanted)(void *ctx, const struct plugin *p), void *ctx);
/* What failed for this event ("journey ID", "journey ID: on_late") again: 1 done, 0 it failed (f),
 * <0 lost; CX_E_CONFLICT: the plugin no longer has it. */
int journeys_again(struct ingest *in, struct plugin *p, const struct type_plan *plan,
	struct event *ev, const struct failed_row *row, struct lua_fail *f);

/* What the instance of that name asks about has changed for an instant it has passed: its key is
 * folded again. */
int journeys_refold(struct ingest *in, struct str journey, struct str name);

/* The definitions of the set in force have a row each. */
int journeys_keep(struct engine *eng, struct cx_err *e);

/* due_kinds */
int journeys_next(struct ingest *in, bool past, struct due *d, struct cx_err *e);
int journeys_fire(struct ingest *in, const struct due *d, const struct firing *f);

/* Every instance again from its events, without writing; *checked: how many. */
int journeys_verify(struct engine *eng, void (*differs)(void *ctx, const char *what), void *ctx,
	int64_t *checked, struct cx_err *e);

/* tx:friction of a handler; at: its place among those the handler noted, from 1. */
int journeys_friction(struct ingest *in, const struct handler *h, int at,
	const struct friction_ask *ask, struct cx_err *e);
/* An instance as the API shows it (answer_journeys.c). */
int journey_instance_json(
	struct store *s, struct journey_row *row, struct arena *a, struct buf *b, struct cx_err *e);
struct json_doc;
/* The clocks of an instance, as a list, from its state and definition (clock_json.c). */
void clocks_json(struct buf *b, const struct json_doc *state, const struct json_doc *definition);
/* Those of a journey, as a list (friction.c). */
int frictions_json(struct store *s, const char *journey, struct buf *b, struct cx_err *e);

/* "v1#2": the key and which instance of it; of a key that ends so itself, the first. */
int journeys_find(struct store *s, const char *journey, struct str name, struct journey_row *r,
	struct arena *a, struct cx_err *e);
void journeys_name(struct buf *b, struct str key, int n);

#endif
