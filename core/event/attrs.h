/* attrs.h — the attributes of an envelope as they were sent, in whatever mode.
 * Flow:   envelope.c fills struct attrs from JSON or headers; attrs_take() checks them, fills in
 *         what is missing, and has digest.c make the digest.
 * Callers: event/ only. */
#ifndef CX_EVENT_ATTRS_H
#define CX_EVENT_ATTRS_H

#include "event/event.h"

/* In name order: the order of the digest. */
enum attr_id {
	A_ACTOR,
	A_CORRECTS,
	A_DATA,
	A_DATA_BASE64,
	A_DATACONTENTTYPE,
	A_DATASCHEMA,
	A_ID,
	A_RECORDEDTIME,
	A_SEQUENCE,
	A_SOURCE,
	A_SPECVERSION,
	A_SUBJECT,
	A_TIME,
	A_TYPE,
	A_UNIT,
	A_COUNT
};

struct attrs {
	struct str v[A_COUNT]; /* A_DATA is not here */
	bool sent[A_COUNT];    /* also when what was sent is wrong */
	bool wrong[A_COUNT];   /* reported already */
	const struct json_doc *doc;
	uint32_t data;   /* node of the data in doc, with sent[A_DATA] */
	bool structured; /* id and specversion must be there */
};

int attrs_find(const char *name, size_t n); /* enum attr_id or -1 */
const char *attrs_name(enum attr_id id);
void attrs_unknown(struct str name, struct cx_errs *errs);
void attrs_wrong(struct attrs *in, enum attr_id id, struct cx_errs *errs, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* errs->n was before when this event began; returns the first code since, or CX_OK. */
int attrs_take(struct event *ev, struct attrs *in, const struct event_origin *o, struct arena *a,
	struct cx_errs *errs, int before);
int attrs_first_code(const struct cx_errs *errs, int before);
void attrs_digest(struct event *ev, const struct attrs *in);

#endif
