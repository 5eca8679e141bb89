/* event.h — one event: the CloudEvents envelope, its fields under a declared type, and the way from
 * bytes to both.
 * Flow:   json_scan → event_envelope (attributes, digest) → [is (source, id) known?] →
 *         event_fields (data against the declared type) → lua fills derived fields → store.
 *         Back from the store: attributes are set by store/, event_reload() fills fields.
 * Owns:   nothing: strings point into the job's bytes, the store's row or the arena.
 * Errors: all mistakes of an event are collected in cx_errs; the return value is the first's code.
 * Pure: no clock, no randomness; what is filled in comes from struct event_origin. */
#ifndef CX_EVENT_EVENT_H
#define CX_EVENT_EVENT_H

#include "base/job.h"
#include "event/type.h"
#include "json/scan.h"

enum { EVENT_DIGEST = 16, EVENT_NAME_MAX = 256, EVENT_TEXT_MAX = 4096 };
#define EVENT_AHEAD_MS (5 * 60 * 1000)
#define EVENT_INT_MAX  9007199254740991LL

struct event {
	int64_t seq, time_ms, recorded_ms;
	int64_t root; /* of a correction: seq of the event it comes down to; else 0 */
	uint64_t job; /* key of the job that stored it */
	struct str id, source, type_name, time;              /* time: as sent, or as filled in */
	struct str subject, unit, actor, sequence, corrects; /* p NULL = absent */
	struct str data;    /* JSON object, compact, values as sent; p NULL = none */
	struct str derived; /* JSON object of the derived fields; p NULL = none declared */
	uint8_t digest[EVENT_DIGEST]; /* of what was sent: see event_envelope */
	bool clockahead;
	bool id_made; /* no id was sent: not safe to retry */
	const struct event_type *type;
	struct value *fields; /* type->nfields values; the derived ones last; NULL: not read */
};

struct event_origin { /* what the front knew of the request; see job.h */
	int64_t now_ms;
	const struct caller *caller;
	const uint8_t *ulid; /* for the item-th event of the job: its id where it has none */
	uint32_t item;
	bool structured;    /* application/cloudevents(-batch)+json: specversion and id needed */
	bool import;        /* cxd import: recordedtime allowed, never later than now */
	uint32_t max_bytes; /* [limits] event */
};

/* One event object (structured or plain JSON) at node. Fills attributes, data (compacted) and
 * digest; checks everything but the fields. The digest covers attributes and data as sent,
 * compared as JSON values, without specversion, datacontenttype and what was filled in. */
int event_envelope(struct event *ev, const struct json_doc *d, uint32_t node,
	const struct event_origin *o, struct arena *a, struct cx_errs *errs);
/* Binary mode: attributes from ce-* entries of meta, data is the whole document (d NULL: none). */
int event_envelope_binary(struct event *ev, const char *meta, uint32_t meta_len,
	const struct json_doc *d, const struct event_origin *o, struct arena *a,
	struct cx_errs *errs);
/* Reads ev->data under ev->type into ev->fields (allocated in a); company: default currency.
 * Derived fields are set to null. */
int event_fields(
	struct event *ev, const char *company_currency, struct arena *a, struct cx_errs *errs);
/* The same for an event read back from the store, derived fields from ev->derived. Mistakes (an
 * old event under a stricter type) leave the field null and are not reported. *missing: some
 * derived field of the type was never computed for this event. */
void event_reload(struct event *ev, const char *company_currency, struct arena *a, bool *missing);
/* {"name":value,…} of the derived fields, for ev->derived. */
struct str event_derived_json(const struct event *ev, struct arena *a);

/* One value of a JSON document under a field; false: what is wrong is in errs. */
bool field_read(const struct field *f, const char *company_currency, const struct json_doc *d,
	uint32_t node, struct value *v, struct arena *a, struct cx_errs *errs);

struct value event_get(const struct event *ev, struct field_ref ref);
/* A value as the text that names a group, a `where` or an id: "b07", "true", "-3", RFC 3339. */
struct str value_text(struct value v, enum field_kind kind, int scale, struct arena *a);
/* A value as JSON (in the shape the API takes in). */
void value_json(struct buf *b, struct value v, const struct field *f);
/* The same in the one form that stored values are compared by: a time is UTC, with ms. */
void value_kept(struct buf *b, struct value v, const struct field *f);

/* The event as GET /v1/events shows it: CloudEvents JSON with seq and recordedtime; personal
 * fields left out unless personal. ev->type may be NULL (unknown type). */
void event_json(struct buf *b, const struct event *ev, bool personal);

/* Type-by-type readers of single values, for import mapping and defaults: text in the declared
 * kind ("12.34", "2018-01-02 10:00" as wall clock, "true") → value; false = does not parse. */
bool value_from_text(const struct field *f, const char *company_currency, struct str text,
	struct value *v, struct arena *a);
bool money_from_text(struct str text, const char *currency, int64_t *minor);

#endif
