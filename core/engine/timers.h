/* timers.h — what happens by itself when its instant comes: timers, and what journeys have due.
 * Flow:   each kind of it is a row of due_kinds (timers.c): next() names its earliest item, fire()
 *         deals with one. timers_run() fires what is due, of all kinds together, in order of
 *         instant, kind and id; between batches (the writer's loop), before an imported event, and
 *         when a test's clock moves. Each firing and the end of its item are in one transaction, so
 *         that it happens once, also when the process dies at any instant.
 *         What belongs to a plugin that does not run waits until it does.
 * Callers: writer.c, post.c, testrun.c; a new item: timers_due(). Owns: nothing.
 * Errors: negative with in->store_failed: the transaction is lost. Units: ms UTC. */
#ifndef CX_ENGINE_TIMERS_H
#define CX_ENGINE_TIMERS_H

#include "engine/ingest.h"
#include "store/timers.h"

enum {
	TIMERS_EACH = 1000,        /* that one run of a handler may set */
	TIMER_ARG_MAX = 64 * 1024, /* bytes of JSON */
	TIMER_STRIKES = 2          /* after which it is given up: it ended the engine so often */
};

struct due { /* one item */
	int64_t ms, id;
	const char *of; /* what else its kind knows it by */
};
struct firing {          /* the instant at which an item fires */
	int64_t now_ms;  /* tx.now */
	int64_t late_ms; /* tx.late: after it was due */
	bool past;       /* tx.past: it belongs to imported history */
};
struct due_kind {
	const char *name; /* for logs */
	/* The earliest item of a plugin that runs; past: of those that belong to imported history,
	 * else of the others. 1 found, 0 there is none. */
	int (*next)(struct ingest *in, bool past, struct due *d, struct cx_err *e);
	/* Ends the item, and does what it is there for. The job and the item (ingest_job_begin,
	 * ingest_item_begin) are those of the firing; plugin code that fails is a row in `failed`.
	 * 1: nothing was due after all. */
	int (*fire)(struct ingest *in, const struct due *d, const struct firing *f);
	/* The engine ended by a strike while the item fired: notes that. */
	int (*struck)(struct store *s, int64_t id, struct cx_err *e);
};
extern const struct due_kind due_kinds[];
extern const int due_nkinds;

/* In a batch: an item of that kind is there that may be due at this instant; whoever stores one
 * says so. */
void timers_due(struct ingest *in, int64_t ms, bool past);

struct timers_run {
	int64_t until_ms; /* what is due up to then fires */
	int64_t now_ms;   /* the clock; with on_time it goes on from firing to firing */
	bool present, past;
	bool on_time;               /* as if the clock went through each item's instant; imported
				     * history is always dealt with so */
	int64_t stop_us;            /* clock_mono_us() to stop at after an item; 0: none */
	const struct job_head *job; /* that is under way, with its item; NULL: none */
	uint32_t item;
	struct buf *warnings; /* of what failed, comma separated; may be NULL */
};
/* Inside a batch: 1 it stopped and there is more, 0 nothing is due any more. */
int timers_run(struct ingest *in, struct timers_run *r, struct cx_err *e);

/* ---- imports ---- */
/* Is something of history due before the job that is under way came? */
bool timers_history(struct ingest *in);
/* It fires, up to an instant: before the event that happened then. 1 it stopped and there is more,
 * 0 nothing is due any more. */
int timers_import(struct ingest *in, uint32_t item, int64_t until_ms, struct cx_err *e);
void timers_imported(struct ingest *in); /* no more of this import comes */

/* ---- the writer between batches ---- */
/* How long until something is due, at most max_ms; 0: something is. */
int timers_wait(struct ingest *in, int64_t now_ms, int max_ms);
/* Fires for a while, in a transaction of its own. 1 it fired something, 0 not, <0 it was undone. */
int timers_work(struct ingest *in, struct cx_err *e);

/* ---- timers ---- */
/* In a batch, after the plugins in force changed: the intervals they declare, and no others. */
int timers_declare(struct ingest *in, int64_t now_ms, struct cx_err *e);
/* tx:after of a handler; at: its place among those the handler set, from 1. */
int timers_after(struct ingest *in, const struct handler *h, int at, const struct timer_ask *ask,
	struct cx_err *e);
/* A correction's reaction h ran: what earlier versions had set by it and still waits is dropped. */
int timers_supersede(struct ingest *in, const struct handler *h, const struct event *ev);
/* A timer that failed fires again: 1 done, 0 it failed (f), <0 lost. CX_E_CONFLICT: the plugin no
 * longer declares it. */
int timers_again(struct ingest *in, struct plugin *p, const struct failed_row *row,
	struct lua_fail *f, struct cx_err *e);

#endif
