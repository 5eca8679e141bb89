/* type.h — a declared event type: its fields and their kinds (cx.event in plugins.md).
 * Flow:   lua/ makes these from a plugin's declarations; event/decode checks events against them;
 *         store/ makes a view from each; kpi/ resolves fields and dimensions by name.
 * Owns:   whoever made it frees it with event_type_free(); events only point at it. */
#ifndef CX_EVENT_TYPE_H
#define CX_EVENT_TYPE_H

#include "base/arena.h"
#include "base/err.h"

enum field_kind {
	FIELD_INTEGER,
	FIELD_DECIMAL,
	FIELD_BOOLEAN,
	FIELD_TEXT,
	FIELD_CHOICE,
	FIELD_TIME,
	FIELD_DURATION,
	FIELD_MONEY
};

enum value_kind { VALUE_NULL, VALUE_INT, VALUE_BOOL, VALUE_TEXT, VALUE_MONEY };
struct value {
	enum value_kind kind;
	int64_t i;        /* integer; decimal in units of its scale; ms; minor units; 0 or 1 */
	struct str s;     /* text, choice */
	char currency[4]; /* money */
};

struct field {
	char *name, *title; /* title: JSON text, string or {lang: string}; NULL = none */
	enum field_kind kind;
	bool required, personal, derived;
	bool has_min, has_max;
	int64_t min, max;      /* in the unit of struct value.i; of a text, characters */
	struct value fallback; /* `default`; VALUE_NULL = none */
	int scale;             /* decimal: digits after the point; money: of the currency */
	char currency[4];      /* money: "" = the company's */
	char **choices;
	int nchoices;
};

struct event_type {
	char *name, *plugin, *title, *file;
	int line;
	bool open;            /* undeclared fields are kept */
	struct field *fields; /* declared ones in name order (strcmp), then nderived derived ones */
	int nfields, nderived; /* nfields counts all of them */
};

void event_type_free(struct event_type *t);
int event_type_field(const struct event_type *t, const char *name, size_t n); /* index or -1 */
const char *field_kind_name(enum field_kind k);                               /* "integer" */
#define CURRENCY_NONE "XXX"               /* ISO 4217: no currency */
int currency_scale(const char *currency); /* ISO 4217 digits: BRL 2, JPY 0, KWD 3 */

/* What a measure or dimension reads: a field or an attribute of the envelope. */
enum attr {
	ATTR_NONE,
	ATTR_FIELD,
	ATTR_ID,
	ATTR_SOURCE,
	ATTR_TYPE,
	ATTR_TIME,
	ATTR_SUBJECT,
	ATTR_UNIT,
	ATTR_ACTOR
};
struct field_ref {
	enum attr attr;
	int field; /* with ATTR_FIELD */
};
bool field_ref_resolve(const struct event_type *t, const char *name, struct field_ref *ref);
bool event_is_attribute(const char *name); /* names a field may not have */

#endif
