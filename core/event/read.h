/* read.h — one JSON value under a declared field: checked and turned into struct value.
 * Callers: event/ only.
 * Errors:  appended to errs as invalid_field (missing_field inside a money object) with the path
 *          "data.NAME"; errs NULL: only false. */
#ifndef CX_EVENT_READ_H
#define CX_EVENT_READ_H

#include "base/text.h"
#include "event/event.h"

struct reader {
	const struct json_doc *d;
	const char *company_currency;
	struct arena *a;
	struct cx_errs *errs;
	const struct field *f;
};

enum { PATH_MAX_BYTES = SHOWN_MAX + 8 };
/* "data.NAME" into out; returns where NAME begins in it. */
const char *read_path(char out[PATH_MAX_BYTES], struct str name);
bool read_value(struct reader *r, uint32_t node, struct value *v); /* null gives VALUE_NULL */
/* Adds an invalid_field for r->f; always false. */
bool read_wrong(const struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Declared currency of a field, else the company's. */
const char *read_currency(const struct field *f, const char *company_currency);
/* Integer ms, or "90min", "3d": a calendar unit of fixed length counts as whole days. */
bool read_duration(struct str text, int64_t *ms, bool *months);

#endif
