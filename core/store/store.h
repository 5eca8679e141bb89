/* store.h — what is kept, and the only way to it. All SQL lives in this folder.
 * Flow:   store_open() runs the migrations; the writer works in batches
 *         (store_begin … store_commit), the readers in snapshots (the same calls on a read-only
 *         store). Behind it is a driver (driver.h); sqlite.c is the embedded one.
 * Callers: writer (STORE_WRITE, one process, holds the data folder's lock), every other engine role
 *         (STORE_READ).
 * Owns:   rows handed to callbacks point into the driver's memory and die with the callback.
 * Errors: CX_OK, CX_E_DISK_FULL, CX_E_STORE_FAILED; after any failure inside a batch look at
 *         store_in_batch(): if false the database rolled the whole batch back by itself. A batch
 *         that died either way is ended with store_rollback(), which makes the store forget it.
 * Units:  *_ms UTC, day as in base/tz.h. */
#ifndef CX_STORE_STORE_H
#define CX_STORE_STORE_H

#include "event/event.h"

struct store;
enum store_mode { STORE_READ, STORE_WRITE };

/* url: "sqlite:" (dir/cxd.db) or "sqlite:PATH". A newer schema than ours is refused. STORE_READ of
 * a folder that holds no store: CX_E_NOT_FOUND. */
int store_open(
	struct store **s, const char *url, const char *dir, enum store_mode mode, struct cx_err *e);
void store_close(struct store *s);

int store_begin(struct store *s, struct cx_err *e);
int store_commit(struct store *s, struct cx_err *e);
void store_rollback(struct store *s);
bool store_in_batch(struct store *s);
/* Savepoints nest: each mark is ended by exactly one release or rewind. */
int store_mark(struct store *s, struct cx_err *e);
int store_release(struct store *s, struct cx_err *e);
int store_rewind(struct store *s, struct cx_err *e);
/* Copies the log back into the database: passively when idle, forced = wait for readers, a second
 * at most, and once they took it not again before min_bytes more. No-op below min_bytes of log. */
int store_checkpoint(struct store *s, int64_t min_bytes, bool forced);

/* Named values ("dictionary_key", "company_zone", …): 0 absent, 1 found into out. */
int store_meta_get(struct store *s, const char *key, struct buf *out, struct cx_err *e);
int store_meta_set(struct store *s, const char *key, const void *p, size_t n, struct cx_err *e);

/* ---- events ---- */
/* 0 stored, 1 (source, id) is already there (nothing changed), <0 error. ev->seq is given: greater
 * than those before it. */
int store_event_add(struct store *s, const struct event *ev, struct cx_err *e);
/* 1 found: seq, digest, job, time, recorded_ms, clockahead and strings (copied to a); 0 not. */
int store_event_find(struct store *s, struct str source, struct str id, struct event *ev,
	struct arena *a, struct cx_err *e);
int store_last_seq(struct store *s, int64_t *seq, struct cx_err *e);

typedef int (*store_event_f)(void *ctx, struct event *ev); /* 0 go on, 1 stop, <0 error */
struct event_filter {
	const char *type, *subject, *unit; /* NULL = any */
	int64_t from_ms, to_ms;            /* [from, to); INT64_MIN/INT64_MAX = open */
	int64_t after;                     /* seq, exclusive */
	int64_t until_us;                  /* clock_mono_us to stop at; 0 = none */
};
/* In seq order until f stops it. *last: seq of the last row looked at (also one that did not match,
 * when until_us stopped it); *done: the end was reached. */
int store_events(struct store *s, const struct event_filter *q, store_event_f f, void *ctx,
	int64_t *last, bool *done, struct cx_err *e);
/* Events of a type placed in [from, to) by `time` (slot -1 or 0), or by a time field declared with
 * store_place_slot() (from 1); in order of that time, then seq. */
int store_events_placed(struct store *s, const char *type, int slot, int64_t from_ms, int64_t to_ms,
	store_event_f f, void *ctx, struct cx_err *e);
/* Events of a type placed in [from, to) by `time`, in the same order, but of each only seq,
 * type_name, time_ms, recorded_ms, root, subject and unit: half the time where there are many. */
int store_events_outlined(struct store *s, const char *type, int64_t from_ms, int64_t to_ms,
	store_event_f f, void *ctx, struct cx_err *e);
/* Number of (type, time field), made on first use by the writer; -1 when a reader finds none. */
int store_place_slot(
	struct store *s, const char *type, const char *field, int *slot, struct cx_err *e);
int store_place_add(struct store *s, int slot, int64_t ms, int64_t seq, struct cx_err *e);
/* All of a slot, by time and seq. */
typedef int (*store_place_f)(void *ctx, int64_t ms, int64_t seq); /* 0 go on, 1 stop, <0 error */
int store_places(struct store *s, int slot, store_place_f f, void *ctx, struct cx_err *e);
/* Writes derived fields computed later (a new derive over old events). */
int store_event_set_derived(struct store *s, int64_t seq, struct str derived, struct cx_err *e);

/* One event by its seq, texts copied to a: 1 found, 0 not. */
int store_event_get(
	struct store *s, int64_t seq, struct event *ev, struct arena *a, struct cx_err *e);

/* Corrections (kpi/standing.h): ev->root is the seq of the event its whole family stands for. */
int store_correction_add(struct store *s, const struct event *ev, struct cx_err *e);
int store_corrected(struct store *s, struct cx_err *e); /* 1: there is any correction at all */
/* The newest of a family among those recorded before known_ms (0: not even the root was), and how
 * many corrections it has in all. */
struct family {
	int64_t newest, newest_ms; /* seq, recorded_ms */
	int64_t corrections;
};
int store_family(
	struct store *s, int64_t root, int64_t known_ms, struct family *f, struct cx_err *e);
/* The corrections of a family, by recorded_ms and seq. */
typedef int (*store_member_f)(void *ctx, int64_t seq, int64_t recorded_ms); /* 0, 1, <0 as above */
int store_members(struct store *s, int64_t root, store_member_f f, void *ctx, struct cx_err *e);

/* latest/first. A rule's candidates are those of the events up to `upto` (STORE_LIVE: all). Made on
 * first use by the writer, with the upto that r has, unless that is STORE_GONE; rule -1 when there
 * is none. */
struct choice_rule {
	const char *type, *key, *rank, *identity;
	bool latest;
	int rule;
	int64_t upto;
};
int store_choice_rule(struct store *s, struct choice_rule *r, struct cx_err *e);
int store_rule_upto(struct store *s, int rule, int64_t upto, struct cx_err *e); /* or STORE_GONE */
int store_rules(struct store *s, int (*f)(void *ctx, int rule), void *ctx, struct cx_err *e);
struct candidate {
	int64_t rank, seq, recorded_ms;
	int64_t root; /* 0: the event corrects none */
	struct str id, source;
};
int store_candidate_add(struct store *s, int rule, uint32_t ident, int64_t rank, int64_t seq,
	struct cx_err *e);                                              /* also if it is there */
typedef int (*store_candidate_f)(void *ctx, const struct candidate *c); /* 0 go on, 1 stop, <0 */
int store_candidate_drop(
	struct store *s, int rule, uint32_t ident, int64_t rank, int64_t seq, struct cx_err *e);
/* Those of one key, by rank and seq: greatest first if latest, else least first. */
int store_candidates(struct store *s, int rule, uint32_t ident, bool latest, store_candidate_f f,
	void *ctx, struct cx_err *e);
/* All of a rule, by ident, rank and seq. */
typedef int (*store_rule_f)(void *ctx, uint32_t ident, int64_t rank, int64_t seq);
int store_rule_candidates(struct store *s, int rule, store_rule_f f, void *ctx, struct cx_err *e);

/* What each CloudEvents source has sent (engine/feeds.h). */
typedef int (*store_sequence_f)(
	void *ctx, int64_t seq, struct str source, struct str sequence, int64_t time_ms);
int store_sequences(struct store *s, int64_t after, int64_t upto, store_sequence_f f, void *ctx,
	struct cx_err *e); /* of the log, in order */
struct feed_row {
	struct str source;
	int64_t count, last, last_ms; /* last: greatest sequence number, -1 none */
	const void *gaps;             /* packed by engine/feeds.c */
	size_t ngaps;
};
int store_feed_put(struct store *s, const struct feed_row *r, struct cx_err *e);
typedef int (*store_feed_f)(void *ctx, const struct feed_row *r); /* 0 go on, 1 stop, <0 error */
int store_feed_get(struct store *s, struct str source, store_feed_f f, void *ctx, struct cx_err *e);
int store_feeds(struct store *s, const char *after, store_feed_f f, void *ctx, struct cx_err *e);

/* Makes (or remakes, where changed) the view ev_<type> with a column per field. */
int store_type_view(struct store *s, const struct event_type *t, struct cx_err *e);
void store_view_name(const char *type, char *out, size_t cap); /* "ev_nps_answered" */

/* ---- records (cx.record) ---- */
struct record_row {
	struct str key, data;     /* JSON object; in a version: p NULL = deleted */
	struct str subject, unit; /* written, not read back */
	int64_t version, created_ms, changed_ms;
	bool deleted;
	struct str by; /* of the version: who… */
	int64_t seq;   /* …and because of which event, 0 = none */
};
/* 1 found, also deleted (strings copied to a), 0 there never was one. */
int store_record_get(struct store *s, const char *kind, struct str key, struct record_row *r,
	struct arena *a, struct cx_err *e);
/* The row becomes what stands, and a version of its own. */
int store_record_put(
	struct store *s, const char *kind, const struct record_row *r, struct cx_err *e);
struct record_filter {
	const struct field *field;
	struct str json; /* the value it has; p NULL = none */
};
enum { RECORD_FILTERS = 16 };
typedef int (*store_record_f)(void *ctx, const struct record_row *r); /* 0 go on, 1 stop, <0 */
/* Those that are not deleted and pass all filters, by key, after a key. */
int store_records(struct store *s, const char *kind, const struct record_filter *v, int n,
	struct str after, store_record_f f, void *ctx, struct cx_err *e);
int store_record_versions(struct store *s, const char *kind, struct str key, int64_t after,
	store_record_f f, void *ctx, struct cx_err *e); /* oldest first */
/* Those that handlers wrote because of this event; of each key, version, deleted, changed_ms, by.
 */
int store_records_of(struct store *s, int64_t seq,
	int (*f)(void *ctx, struct str kind, const struct record_row *r), void *ctx,
	struct cx_err *e);
/* Makes (or remakes, where changed) the view rec_<kind> with a column per field, and an index for
 * each of these fields; drops indexes the kind has no more. */
int store_record_view(struct store *s, const struct event_type *t, const int *index, int nindex,
	struct cx_err *e);
/* Drops the views and indexes of kinds that are not among these. */
int store_record_views_keep(
	struct store *s, const struct event_type *const *kinds, int n, struct cx_err *e);

/* ---- figures (see kpi/) ---- */
enum { STORE_GONE = -1 };
#define STORE_LIVE INT64_MAX /* an upto: all of the log is in it, and what comes is added to it */
struct cube_row {
	int id;
	const char *plugin, *dims, *identity;
	int64_t upto; /* the events up to this seq are in it */
};
/* The cube of this (plugin, dims, identity; identity NULL: the newest): r->id, r->upto. Made on
 * first use, with the upto that r has, unless that is STORE_GONE; id -1 when there is none. */
int store_cube(struct store *s, struct cube_row *r, struct cx_err *e);
int store_cube_upto(struct store *s, int cube, int64_t upto,
	struct cx_err *e); /* STORE_GONE: it is nothing now */
int store_cube_spoil(struct store *s, int cube, struct cx_err *e); /* of no identity from now on */
int store_cubes(struct store *s, int (*f)(void *ctx, const struct cube_row *r), void *ctx,
	struct cx_err *e); /* those that are not gone */
/* Removes some rows, at most so many per table, of a cube or rule that is gone. 1 it did something,
 * 0 there is none. */
int store_sweep(struct store *s, int rows, struct cx_err *e);

/* 1 found (value copied to out), 0 not. */
int store_cell_get(struct store *s, int cube, int32_t day, struct str group, struct buf *out,
	struct cx_err *e);
int store_cell_put(struct store *s, int cube, int32_t day, struct str group, const void *value,
	size_t n, struct cx_err *e);
int store_cell_count(struct store *s, int cube, int32_t day, int64_t *n, struct cx_err *e);
typedef int (*store_cell_f)(void *ctx, int32_t day, struct str group, const void *p, size_t n);
/* Cells with first ≤ day ≤ last, by day, then group. */
int store_cells(struct store *s, int cube, int32_t first, int32_t last, store_cell_f f, void *ctx,
	struct cx_err *e);
int store_cell_days(struct store *s, int cube, int32_t *first, int32_t *last,
	struct cx_err *e); /* 1 there are cells, 0 none */

/* When a day of a cube last learned something, where that was after the day's end: keeps the
 * greatest. store_known_days: those that learned something at known_ms or later. */
int store_known_put(struct store *s, int cube, int32_t day, int64_t known_ms, struct cx_err *e);
typedef int (*store_day_f)(void *ctx, int32_t day);
int store_known_days(struct store *s, int cube, int32_t first, int32_t last, int64_t known_ms,
	store_day_f f, void *ctx, struct cx_err *e); /* ascending */
/* Days that are to be counted again from the log, ascending. cube -1: any; first call of f ends it
 * with 1. */
int store_spoil(struct store *s, int cube, int32_t day, struct cx_err *e);
int store_spoilt_days(struct store *s, int cube, int32_t first, int32_t last, store_day_f f,
	void *ctx, struct cx_err *e);
int store_spoilt_any(struct store *s, int *cube, int32_t *day, struct cx_err *e); /* 1 there is */
/* Removes the cells and blobs of the cube's day and its mark; sets must be folded. */
int store_day_drop(struct store *s, int cube, int32_t day, struct cx_err *e);

/* Sets: what a batch saw is one row of a log until it is folded into a blob per place (kpi/set.h).
 */
struct set_seen {
	int cube, set;
	int32_t day;
	struct str group;
	uint32_t id, n; /* how often */
};
/* Those of the batch, entries of one (cube, day, group) side by side. */
int store_sets_add(struct store *s, const struct set_seen *v, size_t n, struct cx_err *e);
typedef int (*store_set_f)(void *ctx, int32_t day, struct str group, const void *blob, size_t n,
	uint32_t id, uint32_t count); /* a folded blob (blob != NULL), or one entry of the log */
/* SET_SPAN days of a set, whatever their groups, as one blob: seen on so many days, or so many
 * times. It is gone as soon as a blob of its days changes. */
enum { SET_SPAN = 16 };
struct set_spans { /* which of them will do instead of their days */
	bool days;
	bool (*wanted)(void *ctx, int32_t first, int32_t last);
};
/* By day, then group; within a group the blob first. A span comes with its first day, without
 * group; if f gives back 1, its days come instead. spans NULL: none. */
int store_sets(struct store *s, int cube, int set, int32_t first, int32_t last,
	const struct set_spans *spans, store_set_f f, void *ctx, struct cx_err *e);
/* The first day of one that is not there though it has blobs, all of it before a day: 1, else 0. */
int store_span_missing(struct store *s, int cube, int set, bool days, int32_t before,
	int32_t *first, struct cx_err *e);
int store_span_put(struct store *s, int cube, int set, bool days, int32_t first, const void *blob,
	size_t n, struct cx_err *e);
/* Who was seen when on a day (kpi/times.h); gone as soon as a blob of it changes. store_times_due:
 * the first day before another that it is to be made for, 1 or 0; store_times_put: made, n 0: it
 * cannot be. store_times_get: 1 found (added to out), 0 there is none, or some entries wait. */
int store_times_due(
	struct store *s, int cube, int set, int32_t before, int32_t *day, struct cx_err *e);
int store_times_put(
	struct store *s, int cube, int set, int32_t day, const void *p, size_t n, struct cx_err *e);
int store_times_get(
	struct store *s, int cube, int set, int32_t day, struct buf *out, struct cx_err *e);
/* 1 entries of a set's day wait in the log, 0 none. */
int store_sets_wait(struct store *s, int cube, int set, int32_t day, struct cx_err *e);
/* What is kept of a cube's sets for reading, whatever it is worth: spans by set, days and day,
 * without bytes (store_span_get: 1, 0); times by set and day; and what names no cube. */
struct set_row {
	int cube, set;
	bool days;
	int64_t day; /* the first of a span */
	const char *table;
	const void *p;
	size_t n;
};
typedef int (*store_set_row_f)(void *ctx, const struct set_row *r);
int store_span_rows(struct store *s, int cube, store_set_row_f f, void *ctx, struct cx_err *e);
int store_span_get(struct store *s, int cube, int set, bool days, int32_t first, struct buf *out,
	struct cx_err *e);
int store_times_rows(struct store *s, int cube, store_set_row_f f, void *ctx, struct cx_err *e);
int store_set_strays(struct store *s, store_set_row_f f, void *ctx, struct cx_err *e);
/* Folding goes on place by place: store_set_due() says what is to go into which blob,
 * store_set_fold() puts the new blob; after some of them, in the same transaction,
 * store_sets_settle(). A round begins when the log holds `many` entries, and once begun goes on
 * with any number. 1: *d is due, its entries in order of id; 0: nothing. */
struct set_due {
	int cube, set;
	int32_t day;
	struct str group;
	const struct set_seen *v;
	size_t n;
};
int store_set_due(struct store *s, size_t many, struct set_due *d, struct cx_err *e);
int store_set_blob(struct store *s, const struct set_due *d, struct buf *out, struct cx_err *e);
int store_set_fold(
	struct store *s, const struct set_due *d, const void *blob, size_t n, struct cx_err *e);
int store_sets_settle(struct store *s, struct cx_err *e);

/* Company-wide dictionary: keyed hash of a value's text → 32-bit id. */
int store_ident_find(struct store *s, const uint8_t hash[16], uint32_t *id,
	struct cx_err *e); /* 1 found, 0 not */
int store_ident_add(struct store *s, const uint8_t hash[16], uint32_t *id, struct cx_err *e);

/* An event that a measure had to leave out, and why. */
int store_exclude(struct store *s, int cube, const char *kpi, const char *measure, int32_t day,
	int64_t seq, const char *reason, struct cx_err *e);
/* Takes one back: 1 it was there, 0 not. */
int store_readmit(struct store *s, int cube, const char *kpi, const char *measure, int64_t seq,
	struct cx_err *e);
/* The reason of those left out because the plugin's code killed the engine. Only these have to be
 * looked up when figures are counted again: a measure that raises does so again. measure NULL: is
 * there any at all? 1 yes, 0 no. */
#define STORE_CRASHED "the plugin crashed on this event"
int store_crashed(struct store *s, int cube, const char *kpi, const char *measure, int64_t seq,
	struct cx_err *e);
/* With store_day_drop(), for each KPI of the cube: takes back all of the day but STORE_CRASHED. */
int store_exclusions_drop(
	struct store *s, int cube, const char *kpi, int32_t day, struct cx_err *e);
/* 1 the measure left the event out, why in out (not ended by NUL); 0 not. */
int store_reason(struct store *s, int cube, const char *kpi, const char *measure, int64_t seq,
	struct buf *out, struct cx_err *e);
struct excluded {
	const char *kpi, *measure, *reason;
	int32_t day;
	int64_t seq;
};
int store_exclusions(struct store *s, int cube, const char *kpi,
	int (*f)(void *ctx, const struct excluded *x), void *ctx, struct cx_err *e);
int store_excluded(struct store *s, int cube, const char *kpi, int32_t first, int32_t last,
	int64_t *n, struct cx_err *e);

/* ---- plugins ---- */
struct source_file {
	char *path, *text; /* path within the plugin's folder */
	size_t len;
};
int store_source_put(struct store *s, const char *hash, const char *path, const char *text,
	size_t n, struct cx_err *e);
int store_source_get(
	struct store *s, const char *hash, struct source_file **files, int *n, struct cx_err *e);
/* The set in force: plugin → hash of its sources; and while figures are being counted, the one
 * whose figures answer until then ("before"; none: those of the set in force do). */
int store_plugin_put(struct store *s, const char *plugin, const char *hash, struct cx_err *e);
int store_plugin_remove(struct store *s, const char *plugin, struct cx_err *e);
int store_plugins(struct store *s, bool before,
	int (*f)(void *ctx, const char *plugin, const char *hash), void *ctx, struct cx_err *e);
int store_before_keep(
	struct store *s, struct cx_err *e); /* that in force now, where none is kept */
int store_before_forget(struct store *s, struct cx_err *e);

struct failed_row {
	int64_t id, seq, at_ms;
	const char *plugin, *handler, *file, *message, *traceback;
	int line, tries;
	int nth;               /* which of the plugin's reactions to the type, from 1 */
	bool past;             /* it ran as imported history */
	int64_t done_ms;       /* when it ran again without failing; 0 = not yet */
	int64_t timer, due_ms; /* of a timer: its id (0: it is none), and when it was due */
	const char *arg;       /* JSON; NULL: none */
};
int store_failed_add(struct store *s, struct failed_row *row, struct cx_err *e); /* sets row->id */
/* Keeps what running it again has changed: at_ms, file, line, message, traceback, tries, done_ms.
 */
int store_failed_set(struct store *s, const struct failed_row *row, struct cx_err *e);
int store_failed_get(struct store *s, int64_t id, struct failed_row *row, struct arena *a,
	struct cx_err *e); /* 1 found, texts copied to a */
struct failed_filter {
	int64_t seq;               /* of this event, done ones too; 0 = any that is not done */
	const char *plugin, *unit; /* NULL = any; with seq 0 */
	int64_t after;             /* id, exclusive */
	int limit;
};
/* Oldest first. */
int store_failed(struct store *s, const struct failed_filter *q,
	int (*f)(void *ctx, const struct failed_row *row), void *ctx, struct cx_err *e);

/* What failed at once when ev, found in the store, was stored: of it and of what it emitted. */
int store_failed_first(struct store *s, const struct event *ev, int limit,
	int (*f)(void *ctx, const struct failed_row *row), void *ctx, struct cx_err *e);

/* Plugins whose code does not run, or that have not dealt with all events (engine/quarantine.h). */
struct state_row {
	const char *plugin, *state, *hash, *reason;
	const char *strikes; /* JSON list of instants */
	int64_t since_ms, pending;
};
int store_state_put(struct store *s, const struct state_row *row, struct cx_err *e);
int store_state_drop(struct store *s, const char *plugin, struct cx_err *e);
int store_states(struct store *s, int (*f)(void *ctx, const struct state_row *row), void *ctx,
	struct cx_err *e);
/* What sources declare, as JSON: 1 found. */
int store_declared_put(struct store *s, const char *hash, struct str text, struct cx_err *e);
int store_declared_get(struct store *s, const char *hash, struct buf *text, struct cx_err *e);
/* Notes on events that some plugin has not dealt with. */
int store_note_add(
	struct store *s, int64_t seq, const char *plugin, const char *note, struct cx_err *e);
int store_note_is(struct store *s, int64_t seq, const char *plugin, const char *note,
	struct cx_err *e);                                               /* 1 yes, 0 no */
int store_notes_drop(struct store *s, int64_t before, struct cx_err *e); /* seq, exclusive */

/* ---- access, jobs ---- */
int store_token_put(struct store *s, const struct token_row *t, int64_t now_ms,
	struct cx_err *e); /* CX_E_CONFLICT if the name is taken */
int store_token_remove(struct store *s, const char *name, struct cx_err *e); /* 1 removed, 0 none */
int store_tokens(struct store *s, int (*f)(void *ctx, const struct token_row *t, int64_t made_ms),
	void *ctx, struct cx_err *e);
/* Answers of writes that are not events, kept for a replay: 1 found. */
int store_job_get(struct store *s, uint64_t key, int *status, struct buf *body, struct cx_err *e);
int store_job_put(
	struct store *s, uint64_t key, int status, const char *body, size_t n, struct cx_err *e);
int store_jobs_clear(struct store *s, struct cx_err *e); /* of earlier batches */

/* sqlite3_quick_check and the like, for verify: CX_OK or the first thing found. */
int store_check(struct store *s, struct cx_err *e);

#endif
