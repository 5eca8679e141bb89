/* ingest.h — one event, from its bytes to its rows: the writer's core, also under tests and
 * imports. Flow:   ingest_item(): scan → envelope → fields → derives → insert → figures →
 * reactions; the caller has opened the batch and commits it. What it says is told only after the
 * commit. Facts first: only the declared schema refuses an event. A derive, measure or reaction
 * that fails costs a warning and a row in `failed`, never the fact. Errors: ingest_item() returns
 * CX_OK or the event's refusal in in->errs; a negative value with in->store_failed set means that
 * the batch is lost (engine/batch.h). Owns:   an ingest owns its arena and scratch buffers; results
 * point into them until the next ingest_job_begin(). */
#ifndef CX_ENGINE_INGEST_H
#define CX_ENGINE_INGEST_H

#include "engine/engine.h"
#include "kpi/cells.h"

enum { INGEST_DEPTH = 16 };

enum outcome {
	INGEST_STORED, /* new, or stored by an earlier run of this very job */
	INGEST_KNOWN,  /* (source, id) and content were there */
};

struct ingest_counts {
	uint64_t events, duplicates, rejected, reactions_failed;
	uint64_t timers_fired, timers_late;
	int64_t timers_waiting;
};

struct ingest {
	struct engine *eng;
	struct cells *cells;
	struct arena arena;
	struct json_doc doc;
	int64_t next_seq;
	struct ingest_counts counts;

	/* of the job that runs */
	const struct job_head *head;
	bool past;     /* imported history: tx.past */
	bool late;     /* it deals with events that are in the log already: engine/late.h */
	bool update;   /* an event that is there with other content becomes a correction */
	int64_t began; /* the next seq when this run of the job began: what the same job stored
			* before it came from a run that died */
	uint32_t item;
	uint64_t random;     /* state of tx:random */
	struct cx_errs errs; /* why an event was refused */
	bool corrected;      /* the event at hand became one */
	bool store_failed;   /* errs.v[0] is the store's: the batch is lost */
	struct buf warnings; /* JSON objects of the event at hand, comma separated */

	/* of the event at hand, outermost first */
	struct event *path[INGEST_DEPTH + 1];
	int emitted[INGEST_DEPTH + 1]; /* how many events each has caused */
	int depth;
	int marks;           /* open savepoints */
	bool measure_failed; /* a where-function raised: */
	struct lua_fail measure_fail;
	struct {                    /* timers.h */
		int64_t next_ms[2]; /* nothing is due sooner; [1]: of imported history */
		int64_t least_ms;   /* what a firing sets is due no sooner */
		uint32_t turned;    /* eng->turned when that was found */
		int64_t import_us;  /* when the last part of an import came */
		int64_t pause_us;   /* nothing fires sooner: clock_mono_us() */
		int64_t late, late_ms,
			told_us; /* fired late and not yet told; the latest of them */
	} due;
	bool loop; /* events were emitted too deep: the whole chain is being undone */
	struct cx_err loop_why;
};

void ingest_init(struct ingest *in, struct engine *eng);
void ingest_free(struct ingest *in);
int ingest_open(struct ingest *in, struct cx_err *e); /* reads the last seq */

/* began: in->next_seq, or for the later steps of a batch what it was at the first. */
void ingest_job_begin(struct ingest *in, const struct job_head *head, bool past, int64_t began);
/* How an event came: its bytes, and in binary mode its ce-* meta. */
struct ingest_source {
	const char *body, *meta;
	uint32_t body_len, meta_len;
	bool structured, binary;
};
/* ev becomes the event at hand, emptied. */
void ingest_item_begin(struct ingest *in, uint32_t item, struct event *ev);
int ingest_item(struct ingest *in, const struct ingest_source *src, uint32_t item, struct event *ev,
	enum outcome *out);
/* When the event happened, and nothing else of it: 1, or 0 where that cannot be read. */
int ingest_time(
	struct ingest *in, const struct ingest_source *src, uint32_t item, int64_t *time_ms);
/* {"id","source","seq","time","recordedtime"} and what else the receipt says of ev. */
void ingest_receipt(struct ingest *in, const struct event *ev, struct buf *json);

/* Undo for a batch that did not commit. */
struct ingest_mark {
	int64_t next_seq;
	struct ingest_counts counts;
};
struct ingest_mark ingest_mark(const struct ingest *in);
void ingest_rewind(struct ingest *in, struct ingest_mark m); /* also forgets the cells */

/* ingest_react.c: plugin code with a tx, in a savepoint that its first write begins. */
struct handler {
	struct plugin *plugin;
	struct ingest *in; /* for call(); filled in where it needs it */
	const char *what;  /* "on order.placed", "timer sweep" */
	const char *file;  /* where it is declared */
	int line;
	struct event *cause;             /* of what it emits, sets and writes */
	int64_t now_ms, late_ms;         /* tx.now, tx.late */
	const struct journey_late *late; /* of on_late: its deadline */
	int nth; /* which of the plugin's reactions to the cause, from 1; 0: none */
	int (*call)(const struct handler *h, struct tx *tx, struct lua_fail *f);
	const void *ctx; /* call()'s own */
};
/* 1 done, 0 it failed (f) and is undone, <0 the batch is lost, or the event that is at hand is part
 * of a loop. */
int ingest_handle(struct ingest *in, const struct handler *h, struct lua_fail *f);
/* The reactions of one stored event. */
int ingest_react(struct ingest *in, const struct type_plan *plan, struct event *ev);
/* One of them, the nth of the plugin's; gives back what ingest_handle() does. */
int ingest_react_one(struct ingest *in, struct plugin *p, const struct plugin_on *on, int nth,
	struct event *ev, struct lua_fail *f);
/* All of them for the i-th of the plan's, with its row if it fails. */
int ingest_react_nth(struct ingest *in, const struct type_plan *plan, int i, struct event *ev);
/* Measures of a plugin that crashed on the event leave it out, until they are run again. */
int ingest_say_blind(struct ingest *in, const struct type_plan *plan, const struct event *ev);
/* What a plugin has to do with the event at hand. */
enum part {
	PART_RUNS,    /* its code runs */
	PART_CRASHED, /* its code is left out: JOB_NO_PLUGIN */
	PART_LATE,    /* it is behind, and this event is its doing: its code runs, its figures are
		       * counted again later */
	PART_WAITS    /* it deals with it later */
};
enum part ingest_part(const struct ingest *in, const struct plugin *p);
/* Its place among the plugin's reactions to the type, from 1. */
int ingest_nth(const struct type_plan *plan, int on);
/* By other times than `time`, for measures. */
int ingest_place(struct ingest *in, const struct type_plan *plan, const struct event *ev);
/* Stores an event that is complete but for its seq; also for emitted ones. */
int ingest_store(struct ingest *in, struct event *ev, enum outcome *out);
struct event_origin ingest_origin(const struct ingest *in, const struct ingest_source *src);
/* emit.c: an event that a reaction to cause emits. */
int ingest_emit(struct ingest *in, struct event *cause, struct str json, struct cx_err *e);
/* update.c: with in->update, turns ev into the next correction of what is there of it, or into the
 * one that is there already. The job's document is scanned anew. */
int ingest_update(struct ingest *in, const struct ingest_source *src, struct event *ev);
/* Appends the row and its warning; fills in what is of the job and the failure, and row->id. */
int ingest_failed_row(struct ingest *in, struct failed_row *row, const struct lua_fail *f);
/* A failed derive, measure or reaction (the nth of the plugin to the type): a row, and a warning in
 * the receipt. */
int ingest_failed(struct ingest *in, const struct event *ev, const char *plugin,
	const char *handler, int nth, const struct lua_fail *f);
/* The warnings of an event that was stored before, as its first receipt had them. */
int ingest_warn_again(struct ingest *in, const struct event *ev);
/* Is this plugin's code left out of this event (JOB_NO_PLUGIN)? */
bool ingest_left_out(const struct ingest *in, const char *plugin);
/* What is told of code that is: of this file (NULL: its plugin.lua) and line. */
struct lua_fail ingest_crashed(const char *plugin, const char *file, int line);
int ingest_lost(struct ingest *in, const struct cx_err *e); /* notes a store failure */

#endif
