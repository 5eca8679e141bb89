#include <stdlib.h>
#include <string.h>

#include "engine/openapi.h"

#define SCHEMAS      "#/components/schemas/"
#define ADD(b, text) jw_raw(b, text, sizeof(text) - 1)

/* A title is a text, or { lang = text }: the reader's language, else the first there is. */
static void write_title(struct buf *b, const char *json)
{
	struct json_doc d = {0};
	if (json && json_scan(&d, json, strlen(json), JSON_DEPTH, 256, NULL) == CX_OK) {
		uint32_t at = 0;
		if (d.nodes[0].type == JSON_OBJECT && d.nodes[0].count) {
			at = json_get(&d, 0, CX_T("pt-BR", "en"));
			at = at ? at : 2;
		}
		if (d.nodes[at].type == JSON_STRING) {
			jw_key(b, "title");
			json_compact(&d, at, b);
		}
	}
	json_doc_free(&d);
}

/* ---- fields */

/* A bound as a value of the field is sent. */
static void bound(struct buf *b, const char *key, bool has, int64_t v, const struct field *f)
{
	if (!has)
		return;
	jw_key(b, key);
	value_json(b, (struct value){.kind = VALUE_INT, .i = v}, f);
}

static void whole(struct buf *b, const struct field *f, bool always)
{
	jw_kstr(b, "type", "integer");
	jw_kstr(b, "format", "int64");
	bound(b, "minimum", f->has_min || always, f->has_min ? f->min : -EVENT_INT_MAX, f);
	bound(b, "maximum", f->has_max || always, f->has_max ? f->max : EVENT_INT_MAX, f);
}

static void either(struct buf *b)
{
	jw_key(b, "oneOf");
	jw_arr(b);
	jw_obj(b);
}

static void or (struct buf * b)
{
	jw_obj_end(b);
	jw_obj(b);
}

static void either_end(struct buf *b)
{
	jw_obj_end(b);
	jw_arr_end(b);
}

static void text(struct buf *b, const struct field *f)
{
	jw_kstr(b, "type", "string");
	if (f->has_min)
		jw_kint(b, "minLength", f->min);
	jw_kint(b, "maxLength", f->has_max ? f->max : EVENT_TEXT_MAX);
}

static void choice(struct buf *b, const struct field *f)
{
	jw_kstr(b, "type", "string");
	jw_key(b, "enum");
	jw_arr(b);
	for (int i = 0; i < f->nchoices; i++)
		jw_str(b, f->choices[i]);
	jw_arr_end(b);
}

static void decimal(struct buf *b, const struct field *f)
{
	either(b);
	jw_kstr(b, "type", "number");
	bound(b, "minimum", f->has_min, f->min, f);
	bound(b, "maximum", f->has_max, f->max, f);
	or (b);
	jw_kstr(b, "type", "string");
	jw_kstr(b, "format", "decimal");
	either_end(b);
	jw_kint(b, "x-scale", f->scale);
}

static void duration(struct buf *b, const struct field *f)
{
	either(b);
	whole(b, f, true);
	jw_kstr(b, "description", CX_T("milissegundos", "milliseconds"));
	or (b);
	jw_kstr(b, "type", "string");
	jw_kstr(b, "pattern", "^[0-9]+(ms|s|min|h|d|w)$");
	either_end(b);
}

static void money(struct buf *b, const struct field *f, const char *company_currency)
{
	const char *currency = f->currency[0] ? f->currency : company_currency;
	either(b);
	whole(b, f, true);
	or (b);
	jw_kstr(b, "type", "object");
	jw_key(b, "required");
	ADD(b, "[\"amount\",\"currency\"]");
	jw_kbool(b, "additionalProperties", false);
	jw_key(b, "properties");
	jw_obj(b);
	jw_key(b, "amount");
	jw_obj(b);
	whole(b, f, true);
	jw_obj_end(b);
	jw_key(b, "currency");
	jw_obj(b);
	jw_kstr(b, "type", "string");
	if (f->currency[0])
		jw_kstr(b, "const", currency);
	else
		jw_kstr(b, "pattern", "^[A-Z]{3}$");
	jw_obj_end(b);
	jw_obj_end(b);
	either_end(b);
	jw_kstr(b, "description",
		CX_T("na menor unidade da moeda", "in the currency's smallest unit"));
	jw_kstr(b, "x-currency", currency);
	jw_kint(b, "x-scale", f->scale);
}

static void field(struct buf *b, const struct field *f, const char *company_currency)
{
	jw_key(b, f->name);
	jw_obj(b);
	write_title(b, f->title);
	switch (f->kind) {
	case FIELD_INTEGER: whole(b, f, true); break;
	case FIELD_DECIMAL: decimal(b, f); break;
	case FIELD_BOOLEAN: jw_kstr(b, "type", "boolean"); break;
	case FIELD_TEXT: text(b, f); break;
	case FIELD_CHOICE: choice(b, f); break;
	case FIELD_TIME:
		jw_kstr(b, "type", "string");
		jw_kstr(b, "format", "date-time");
		bound(b, "x-minimum", f->has_min, f->min, f);
		bound(b, "x-maximum", f->has_max, f->max, f);
		break;
	case FIELD_DURATION: duration(b, f); break;
	case FIELD_MONEY: money(b, f, company_currency); break;
	}
	if (f->fallback.kind !=
		VALUE_NULL) { /* `default` would make generators require or send it */
		jw_key(b, "x-default");
		value_json(b, f->fallback, f);
	}
	if (f->personal)
		jw_kbool(b, "x-personal", true);
	jw_kstr(b, "x-kind", field_kind_name(f->kind));
	jw_obj_end(b);
}

/* ---- types */

static bool must_be_sent(const struct field *f)
{
	return f->required && f->fallback.kind == VALUE_NULL;
}

/* The names of the fields that have to be sent; returns how many. */
static int required(struct buf *b, const struct event_type *t)
{
	int n = 0;
	for (int i = 0; i < t->nfields - t->nderived; i++) {
		if (!must_be_sent(&t->fields[i]))
			continue;
		if (n++ == 0) {
			jw_key(b, "required");
			jw_arr(b);
		}
		jw_str(b, t->fields[i].name);
	}
	if (n)
		jw_arr_end(b);
	return n;
}

static void name_schema(struct buf *b, const char *prefix, const struct event_type *t)
{
	struct buf name = {0};
	buf_printf(&name, "%s.%s", prefix, t->name);
	jw_key(b, buf_cstr(&name));
	buf_free(&name);
}

static void write_ref(struct buf *b, const char *prefix, const struct event_type *t)
{
	buf_printf(b, "\"" SCHEMAS "%s.%s\"", prefix, t->name);
}

static int data_schema(struct buf *b, const struct event_type *t, const char *company_currency)
{
	name_schema(b, "data", t);
	jw_obj(b);
	write_title(b, t->title);
	jw_kstr(b, "type", "object");
	int n = required(b, t);
	jw_kbool(b, "additionalProperties", t->open);
	jw_key(b, "properties");
	jw_obj(b);
	for (int i = 0; i < t->nfields - t->nderived; i++)
		field(b, &t->fields[i], company_currency);
	jw_obj_end(b);
	jw_obj_end(b);
	return n;
}

static void event_schema(struct buf *b, const struct event_type *t, bool with_data,
	const struct json_doc *d, uint32_t envelope)
{
	name_schema(b, "event", t);
	jw_obj(b);
	write_title(b, t->title);
	jw_kstr(b, "type", "object");
	jw_key(b, "required");
	jw_arr(b);
	jw_str(b, "type");
	if (with_data)
		jw_str(b, "data");
	jw_arr_end(b);
	jw_kbool(b, "additionalProperties", false);
	jw_key(b, "properties");
	jw_obj(b);
	openapi_members(b, d, envelope);
	jw_key(b, "type");
	jw_obj(b);
	jw_kstr(b, "type", "string");
	jw_kstr(b, "const", t->name);
	jw_obj_end(b);
	jw_key(b, "data");
	jw_obj(b);
	jw_key(b, "$ref");
	write_ref(b, "data", t);
	jw_obj_end(b);
	jw_obj_end(b);
	jw_kstr(b, "x-plugin", t->plugin);
	jw_obj_end(b);
}

/* Of a type that no plugin declares: where such events are stored, or there is no type at all. */
static void undeclared(struct buf *b, const struct event_type **types, int n,
	const struct json_doc *d, uint32_t envelope)
{
	jw_key(b, "UndeclaredEvent");
	jw_obj(b);
	jw_kstr(b, "type", "object");
	jw_key(b, "required");
	ADD(b, "[\"type\"]");
	jw_kbool(b, "additionalProperties", false);
	jw_key(b, "properties");
	jw_obj(b);
	openapi_members(b, d, envelope);
	jw_key(b, "type");
	jw_obj(b);
	jw_kstr(b, "type", "string");
	jw_kint(b, "minLength", 1);
	jw_kint(b, "maxLength", EVENT_NAME_MAX);
	if (n) {
		jw_key(b, "not");
		jw_obj(b);
		jw_key(b, "enum");
		jw_arr(b);
		for (int i = 0; i < n; i++)
			jw_str(b, types[i]->name);
		jw_arr_end(b);
		jw_obj_end(b);
	}
	jw_obj_end(b);
	jw_key(b, "data");
	ADD(b, "{\"type\":\"object\",\"additionalProperties\":true}");
	jw_obj_end(b);
	jw_obj_end(b);
}

/* One schema of the choice; structured: with what CloudEvents' own media types ask for. */
static void alternative(struct buf *b, const char *name, bool structured)
{
	jw_obj(b);
	if (structured) {
		jw_key(b, "allOf");
		jw_arr(b);
		jw_obj(b);
	}
	jw_key(b, "$ref");
	buf_printf(b, "\"" SCHEMAS "%s\"", name);
	if (structured) {
		jw_obj_end(b);
		ADD(b, "{\"$ref\":\"" SCHEMAS "Structured\"}");
		jw_arr_end(b);
	}
	jw_obj_end(b);
}

/* An event is one of the types, told apart by `type`. */
static void one_of(struct buf *b, const struct event_type **types, int n, bool any, bool structured)
{
	struct buf name = {0};
	jw_key(b, "oneOf");
	jw_arr(b);
	for (int i = 0; i < n; i++) {
		buf_clear(&name);
		buf_printf(&name, "event.%s", types[i]->name);
		alternative(b, buf_cstr(&name), structured);
	}
	if (any)
		alternative(b, "UndeclaredEvent", structured);
	jw_arr_end(b);
	buf_free(&name);
}

static void event_of_types(struct buf *b, const struct event_type **types, int n, bool any)
{
	jw_key(b, "Event");
	jw_obj(b);
	jw_kstr(b, "description",
		CX_T("Um evento como se envia; null vale como ausente.",
			"An event as it is sent; null counts as absent."));
	one_of(b, types, n, any, false);
	if (!any) { /* a discriminator needs a schema for every value of `type` */
		jw_key(b, "discriminator");
		jw_obj(b);
		jw_kstr(b, "propertyName", "type");
		jw_key(b, "mapping");
		jw_obj(b);
		for (int i = 0; i < n; i++) {
			jw_key(b, types[i]->name);
			write_ref(b, "event", types[i]);
		}
		jw_obj_end(b);
		jw_obj_end(b);
	}
	jw_obj_end(b);
	jw_key(b, "StructuredEvent");
	jw_obj(b);
	one_of(b, types, n, any, true);
	jw_obj_end(b);
}

static int by_name(const void *x, const void *y)
{
	return strcmp(
		(*(struct event_type *const *)x)->name, (*(struct event_type *const *)y)->name);
}

void openapi_types(
	struct buf *b, const struct engine *eng, const struct json_doc *d, uint32_t envelope)
{
	int n = eng->set.nplans;
	const struct event_type **types = xcalloc((size_t)n + 1, sizeof *types);
	for (int i = 0; i < n; i++)
		types[i] = eng->set.plans[i].type;
	qsort(types, (size_t)n, sizeof *types, by_name);
	bool any = n == 0 || strcmp(eng->conf->events_unknown, "store") == 0;
	event_of_types(b, types, n, any);
	if (any)
		undeclared(b, types, n, d, envelope);
	for (int i = 0; i < n; i++) {
		int must = data_schema(b, types[i], eng->conf->company_currency);
		event_schema(b, types[i], must > 0, d, envelope);
	}
	free(types);
}
