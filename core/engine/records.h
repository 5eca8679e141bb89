/* records.h — what cx.record declares, kept: the current row of each (kind, key) and every version.
 * Flow:   a put is a whole record: JSON of its fields → record_check() → record_save(), which
 *         writes the row and its version. Handlers and tests come through records_ask(), the API
 *         through records_write() (writer) and answer_records.c (readers).
 *         Rows are read under today's declaration: a field that came later has its default, one
 *         that went is not shown, a value that does not fit any more is null.
 * Owns:   what is read lives in the arena given.
 * Errors: mistakes of fields in cx_errs, by the field's name; negative CX_E_* of the store.
 * Units:  *_ms UTC; changed_ms of a record never goes back. */
#ifndef CX_ENGINE_RECORDS_H
#define CX_ENGINE_RECORDS_H

#include "engine/ingest.h"

enum { RECORD_KEY_MAX = 256 };

struct record_state {
	bool there;       /* and not deleted */
	int64_t version;  /* of the last row there was, 0 = never one */
	struct str data;  /* of it */
	struct record is; /* if it is there */
};
struct record_who {
	const char *by; /* see schema record_version.by */
	int64_t seq;    /* the event that a handler reacts to, 0 = none */
	int64_t now_ms;
};

struct value *record_fields(
	const struct engine *eng, const struct plugin_record *k, struct str data, struct arena *a);
/* There may be none: *s says. */
int record_load(struct engine *eng, const struct plugin_record *k, struct str key,
	struct record_state *s, struct arena *a, struct cx_err *e);
/* Fields from a JSON object, all of them checked. */
int record_check(const struct engine *eng, const struct plugin_record *k, struct str json,
	struct value **fields, struct arena *a, struct cx_errs *errs);
/* The next version of what *s says; fields NULL: deleted. *s is brought up to date. */
int record_save(struct engine *eng, const struct plugin_record *k, struct str key,
	struct record_state *s, struct value *fields, const struct record_who *who, struct arena *a,
	struct cx_err *e);
/* {"field":value,…} of those that have one, as they are kept. */
struct str record_data(const struct plugin_record *k, const struct value *fields, struct arena *a);
struct str record_key(const struct plugin_record *k, const struct value *fields, struct arena *a);
void record_filter(/* f has this value, or none */
	struct record_filter *to, const struct field *f, struct value v, struct arena *a);
int records_ask(struct engine *eng, struct record_ask *ask, const struct record_who *who,
	struct arena *a, struct cx_err *e);

/* ---- over HTTP */

struct record_call { /* a request about one kind, and maybe one record */
	struct engine *eng;
	const struct frame *f;
	const struct plugin_record *k;
	struct plugin *owner;
	struct str key; /* p NULL: none in the path */
	bool personal;  /* personal fields are shown */
	struct arena *a;
};
/* CX_E_NOT_FOUND: no such kind; CX_E_FORBIDDEN: below its level. */
int record_call(struct record_call *c, struct engine *eng, const struct frame *f, bool write,
	struct arena *a, struct cx_err *e);
/* May this caller see it? Others' records do not exist for who is bound to a unit. */
bool record_seen(const struct record_call *c, const struct value *fields);
int record_none(const struct record_call *c, struct cx_err *e); /* 404 */
/* The fields, version, created, changed, into b. */
void record_json(struct buf *b, const struct record_call *c, const struct record *r);
void record_etag(struct buf *headers, int64_t version);
/* Is the version among those a header names? strong: weak ones are not. */
bool etag_among(const char *header, int64_t version, bool strong);

/* Writer: PUT, PATCH, DELETE of one record. Headers as in base/job.h. */
int records_write(struct ingest *in, const struct frame *f, struct buf *headers, struct buf *reply,
	int *status);
/* Readers. *status stays 200 or becomes 304. */
int answer_record_kinds(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);
int answer_records(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);
int answer_record(struct engine *eng, const struct frame *f, struct buf *headers, struct buf *b,
	int *status, struct cx_err *e);
int answer_record_versions(
	struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);
/* After plugins are loaded, inside the writer's batch: views and indexes of the kinds in force. */
int records_keep(struct engine *eng, struct cx_err *e);

#endif
