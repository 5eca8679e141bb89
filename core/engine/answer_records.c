/* What readers answer about records, and what they share with the writer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tz.h"
#include "engine/records.h"

enum { LIMIT = 100, LIMIT_MAX = 1000, VALUE = 1024 };
enum { PAGE_BYTES = 32 << 20 }; /* a page ends early rather than fill a frame (ipc/frame.h) */

/* ---- shared ---- */

static struct str meta_str(const struct frame *f, const char *name)
{
	const char *v = meta_get(f->meta, f->head.meta_len, name);
	return (struct str){v, v ? (uint32_t)strlen(v) : 0};
}

int record_call(struct record_call *c, struct engine *eng, const struct frame *f, bool write,
	struct arena *a, struct cx_err *e)
{
	struct str kind = meta_str(f, "kind");
	*c = (struct record_call){.eng = eng,
		.f = f,
		.key = meta_str(f, "key"),
		.personal = f->head.caller.level >= LEVEL_ADMIN,
		.a = a};
	c->k = kind.p ? plugin_set_record(&eng->set, kind, &c->owner) : NULL;
	if (!c->k)
		return cx_fail(e, CX_E_NOT_FOUND, NULL,
			CX_T("nenhum plugin declara registros \"%.*s\"",
				"no plugin declares records \"%.*s\""),
			(int)kind.n, kind.p);
	enum level least = write ? c->k->write : c->k->read;
	if (f->head.caller.level < least)
		return cx_fail(e, CX_E_FORBIDDEN, NULL,
			CX_T("isto exige o nível %s; o seu é %s",
				"this needs the level %s; yours is %s"),
			level_name(least), level_name(f->head.caller.level));
	return CX_OK;
}

bool record_seen(const struct record_call *c, const struct value *fields)
{
	const char *unit = c->f->head.caller.unit;
	if (!*unit)
		return true;
	if (c->k->unit < 0 || fields[c->k->unit].kind != VALUE_TEXT)
		return false;
	struct str is = fields[c->k->unit].s;
	return is.n == strlen(unit) && memcmp(is.p, unit, is.n) == 0;
}

int record_none(const struct record_call *c, struct cx_err *e)
{
	return cx_fail(e, CX_E_NOT_FOUND, NULL,
		CX_T("não há registro %s \"%.*s\"", "there is no record %s \"%.*s\""),
		c->k->type->name, (int)c->key.n, c->key.p);
}

static void fields_json(struct buf *b, const struct record_call *c, const struct value *fields)
{
	const struct event_type *t = c->k->type;
	for (int i = 0; i < t->nfields; i++) {
		if (t->fields[i].personal && !c->personal)
			continue;
		jw_key(b, t->fields[i].name);
		value_json(b, fields[i], &t->fields[i]);
	}
}

static void time_json(struct buf *b, const char *name, int64_t ms)
{
	char text[TZ_TEXT];
	tz_format(ms, text);
	jw_kstr(b, name, text);
}

void record_json(struct buf *b, const struct record_call *c, const struct record *r)
{
	jw_obj(b);
	fields_json(b, c, r->fields);
	jw_kint(b, "version", r->version);
	time_json(b, "created", r->created_ms);
	time_json(b, "changed", r->changed_ms);
	jw_obj_end(b);
}

void record_etag(struct buf *headers, int64_t version)
{
	buf_add(headers, "ETag", sizeof "ETag");
	buf_printf(headers, "\"%lld\"", (long long)version);
	buf_add(headers, "", 1);
}

bool etag_among(const char *header, int64_t version, bool strong)
{
	char want[32];
	int n = snprintf(want, sizeof want, "\"%lld\"", (long long)version);
	for (const char *p = header; *p; p += strcspn(p, ","), p += *p == ',') {
		p += strspn(p, " \t");
		if (*p == '*')
			return true;
		bool weak = p[0] == 'W' && p[1] == '/';
		if (weak && strong)
			continue;
		p += weak ? 2 : 0;
		if (strncmp(p, want, (size_t)n) == 0 && (!p[n] || strchr(", \t", p[n])))
			return true;
	}
	return false;
}

/* ---- kinds ---- */

static void bound(struct buf *b, const char *name, const struct field *f, bool given, int64_t v)
{
	const struct value value = {.kind = VALUE_INT, .i = v};
	if (!given)
		return;
	jw_key(b, name);
	value_json(b, value, f); /* a text's is a number of characters */
}

static void title_json(struct buf *b, const char *title)
{
	jw_key(b, "title");
	if (title)
		jw_raw(b, title, strlen(title));
	else
		jw_null(b);
}

static void field_json(struct buf *b, const struct field *f, const char *currency)
{
	jw_obj(b);
	jw_kstr(b, "name", f->name);
	jw_kstr(b, "kind", field_kind_name(f->kind));
	title_json(b, f->title);
	jw_kbool(b, "required", f->required);
	jw_kbool(b, "personal", f->personal);
	if (f->fallback.kind != VALUE_NULL) {
		jw_key(b, "default");
		value_json(b, f->fallback, f);
	}
	bound(b, "min", f, f->has_min, f->min);
	bound(b, "max", f, f->has_max, f->max);
	if (f->kind == FIELD_DECIMAL)
		jw_kint(b, "scale", f->scale);
	if (f->kind == FIELD_MONEY)
		jw_kstr(b, "currency", f->currency[0] ? f->currency : currency);
	if (f->kind == FIELD_CHOICE) {
		jw_key(b, "choices");
		jw_arr(b);
		for (int i = 0; i < f->nchoices; i++)
			jw_str(b, f->choices[i]);
		jw_arr_end(b);
	}
	jw_obj_end(b);
}

static void part_json(struct buf *b, const char *name, const struct event_type *t, int field)
{
	jw_kstr(b, name, field < 0 ? NULL : t->fields[field].name);
}

static void kind_json(
	struct buf *b, const struct plugin *p, const struct plugin_record *k, const char *currency)
{
	const struct event_type *t = k->type;
	jw_obj(b);
	jw_kstr(b, "kind", t->name);
	title_json(b, t->title);
	jw_kstr(b, "plugin", p->name);
	part_json(b, "key", t, k->key);
	part_json(b, "subject", t, k->subject);
	part_json(b, "unit", t, k->unit);
	jw_kstr(b, "read", level_name(k->read));
	jw_kstr(b, "write", level_name(k->write));
	jw_key(b, "index");
	jw_arr(b);
	for (int i = 0; i < k->nindex; i++)
		jw_str(b, t->fields[k->index[i]].name);
	jw_arr_end(b);
	jw_key(b, "fields");
	jw_arr(b);
	for (int i = 0; i < t->nfields; i++)
		field_json(b, &t->fields[i], currency);
	jw_arr_end(b);
	jw_obj_end(b);
}

int answer_record_kinds(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e)
{
	(void)e;
	jw_obj(b);
	jw_key(b, "records");
	jw_arr(b);
	for (int i = 0; i < eng->set.n; i++) {
		const struct plugin *p = eng->set.v[i];
		for (int k = 0; k < p->nrecords; k++)
			if (f->head.caller.level >= p->records[k].read)
				kind_json(b, p, &p->records[k], eng->conf->company_currency);
	}
	jw_arr_end(b);
	jw_knull(b, "next");
	jw_obj_end(b);
	return CX_OK;
}

/* ---- lists ---- */

struct page {
	struct record_call *c;
	struct buf *b;
	int n, limit;
	bool more;
	struct str last; /* key of the last one shown */
	int64_t version; /* and in a list of versions */
	struct arena arena;
	struct record_filter filters[RECORD_FILTERS];
	int nfilters;
	struct str after;
};

static int wrong(const char *name, struct cx_err *e, const char *what)
{
	return cx_fail(e, CX_E_BAD_QUERY, name, "%s: %s", name, what);
}

static int number(
	const char *name, const char *text, int64_t min, int64_t max, int64_t *v, struct cx_err *e)
{
	char *end;
	errno = 0;
	*v = strtoll(text, &end, 10);
	if (*text && !*end && !errno && *v >= min && *v <= max)
		return CX_OK;
	return cx_fail(e, CX_E_BAD_QUERY, name,
		CX_T("%s é um número de %lld a %lld", "%s is a number from %lld to %lld"), name,
		(long long)min, (long long)max);
}

static void filter(struct page *p, const struct field *f, struct value v)
{
	record_filter(&p->filters[p->nfilters++], f, v, p->c->a);
}

/* "1999" or "USD:1999": minor units, as amounts are in JSON (19.99: as in an import). */
static bool money_filter(
	const struct field *f, const char *company, const char *text, struct value *v)
{
	const char *colon = strchr(text, ':'), *amount = colon ? colon + 1 : text;
	const char *currency = f->currency[0] ? f->currency : company;
	char *end;
	if (colon && colon - text != 3)
		return false;
	errno = 0;
	*v = (struct value){.kind = VALUE_MONEY, .i = strtoll(amount, &end, 10)};
	memcpy(v->currency, colon ? text : currency, 3);
	return *amount && !*end && !errno;
}

static bool filter_value(struct page *p, const struct field *f, const char *text, struct value *v)
{
	const char *company = p->c->eng->conf->company_currency;
	if (f->kind == FIELD_MONEY && !strchr(text, '.'))
		return money_filter(f, company, text, v);
	return value_from_text(f, company, (struct str){text, (uint32_t)strlen(text)}, v, p->c->a);
}

static int by_field(struct page *p, const char *name, const char *text, struct cx_err *e)
{
	const struct event_type *t = p->c->k->type;
	int at = event_type_field(t, name, strlen(name));
	const struct field *f = at >= 0 ? &t->fields[at] : NULL;
	struct value v;
	if (!f)
		return cx_fail(e, CX_E_BAD_QUERY, name,
			CX_T("%s não tem o campo \"%s\"", "%s has no field \"%s\""), t->name, name);
	if (f->personal && !p->c->personal)
		return cx_fail(e, CX_E_FORBIDDEN, name,
			CX_T("%s é um dado pessoal: só admin procura por ele",
				"%s is personal: only admin looks for it"),
			name);
	if (p->nfilters == RECORD_FILTERS - 1) /* one is kept for the caller's unit */
		return wrong(name, e, CX_T("campos demais", "too many fields"));
	if (!*text) {
		filter(p, f, (struct value){0});
		return CX_OK;
	}
	if (!filter_value(p, f, text, &v))
		return cx_fail(e, CX_E_BAD_QUERY, name,
			CX_T("%s: não é um valor de %s", "%s: not a value of %s"), name,
			field_kind_name(f->kind));
	filter(p, f, v);
	return CX_OK;
}

/* limit, after, and with fields the filters. */
static int read_params(struct page *p, bool fields, struct cx_err *e)
{
	const struct frame *f = p->c->f;
	const char *query = meta_get(f->meta, f->head.meta_len, "query");
	char name[64], value[VALUE], again[VALUE];
	int64_t limit = LIMIT;
	int rc = CX_OK;
	for (int i = 0; rc >= 0 && query_name(query, i, name, sizeof name); i++) {
		int bad = 0;
		const char *v = query_get(query, name, 0, value, sizeof value, &bad);
		if (bad || !v)
			return wrong(name, e,
				CX_T("valor longo demais ou mal codificado",
					"value too long or badly encoded"));
		if (query_get(query, name, 1, again, sizeof again, &bad) || bad)
			return wrong(name, e, CX_T("dado duas vezes", "given twice"));
		if (strcmp(name, "limit") == 0)
			rc = number(name, v, 1, LIMIT_MAX, &limit, e);
		else if (strcmp(name, "after") == 0 && fields)
			p->after = arena_str(p->c->a, v, strlen(v));
		else if (!fields)
			rc = number(name, v, 0, INT64_MAX, &p->version, e);
		else
			rc = by_field(p, name, v, e);
	}
	p->limit = (int)limit;
	return rc;
}

static int each(void *ctx, const struct record_row *row)
{
	struct page *p = ctx;
	p->more = p->n == p->limit || p->b->len > PAGE_BYTES;
	if (p->more)
		return 1;
	arena_reset(&p->arena);
	struct record r = {record_fields(p->c->eng, p->c->k, row->data, &p->arena), row->version,
		row->created_ms, row->changed_ms};
	record_json(p->b, p->c, &r);
	p->last = arena_str(p->c->a, row->key.p, row->key.n);
	p->n++;
	return 0;
}

int answer_records(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e)
{
	struct arena a = {0};
	struct record_call c;
	struct page p = {.c = &c, .b = b};
	const char *unit = f->head.caller.unit;
	int rc = record_call(&c, eng, f, false, &a, e);
	if (rc >= 0)
		rc = read_params(&p, true, e);
	jw_obj(b);
	jw_key(b, "records");
	jw_arr(b);
	bool none = *unit && rc >= 0 && c.k->unit < 0;
	if (*unit && rc >= 0 && !none) {
		struct value own = {.kind = VALUE_TEXT, .s = {unit, (uint32_t)strlen(unit)}};
		filter(&p, &c.k->type->fields[c.k->unit], own);
	}
	if (rc >= 0 && !none)
		rc = store_records(
			eng->store, c.k->type->name, p.filters, p.nfilters, p.after, each, &p, e);
	jw_arr_end(b);
	jw_key(b, "next");
	if (p.more)
		jw_strn(b, p.last.p, p.last.n);
	else
		jw_null(b);
	jw_obj_end(b);
	arena_free(&p.arena);
	arena_free(&a);
	return rc < 0 ? rc : CX_OK;
}

/* ---- one ---- */

int answer_record(struct engine *eng, const struct frame *f, struct buf *headers, struct buf *b,
	int *status, struct cx_err *e)
{
	struct arena a = {0};
	struct record_call c;
	struct record_state s = {0};
	const char *none = meta_get(f->meta, f->head.meta_len, "if-none-match");
	int rc = record_call(&c, eng, f, false, &a, e);
	if (rc >= 0)
		rc = record_load(eng, c.k, c.key, &s, &a, e);
	if (rc >= 0 && (!s.there || !record_seen(&c, s.is.fields)))
		rc = record_none(&c, e);
	if (rc >= 0) {
		record_etag(headers, s.version);
		if (none && etag_among(none, s.version, false))
			*status = 304;
		else
			record_json(b, &c, &s.is);
	}
	arena_free(&a);
	return rc;
}

static int each_version(void *ctx, const struct record_row *row)
{
	struct page *p = ctx;
	struct buf *b = p->b;
	arena_reset(&p->arena);
	struct value *fields =
		row->deleted ? NULL : record_fields(p->c->eng, p->c->k, row->data, &p->arena);
	if (fields && !record_seen(p->c, fields))
		return 0; /* it was another unit's then */
	p->more = p->n == p->limit || b->len > PAGE_BYTES;
	if (p->more)
		return 1;
	jw_obj(b);
	jw_kint(b, "version", row->version);
	time_json(b, "changed", row->changed_ms);
	jw_key(b, "by");
	jw_strn(b, row->by.p, row->by.n);
	if (row->seq)
		jw_kint(b, "seq", row->seq);
	else
		jw_knull(b, "seq");
	jw_kbool(b, "deleted", row->deleted);
	jw_key(b, "record");
	if (fields) {
		jw_obj(b);
		fields_json(b, p->c, fields);
		jw_obj_end(b);
	} else {
		jw_null(b);
	}
	jw_obj_end(b);
	p->version = row->version;
	p->n++;
	return 0;
}

int answer_record_versions(
	struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e)
{
	struct arena a = {0};
	struct record_call c;
	struct record_state s;
	struct page p = {.c = &c, .b = b};
	int rc = record_call(&c, eng, f, false, &a, e);
	if (rc >= 0)
		rc = read_params(&p, false, e);
	if (rc >= 0)
		rc = record_load(eng, c.k, c.key, &s, &a, e);
	if (rc >= 0 && (!s.version || !record_seen(&c, s.is.fields)))
		rc = record_none(&c, e);
	jw_obj(b);
	jw_key(b, "versions");
	jw_arr(b);
	if (rc >= 0)
		rc = store_record_versions(
			eng->store, c.k->type->name, c.key, p.version, each_version, &p, e);
	jw_arr_end(b);
	jw_key(b, "next");
	if (p.more)
		jw_int(b, p.version);
	else
		jw_null(b);
	jw_obj_end(b);
	arena_free(&p.arena);
	arena_free(&a);
	return rc < 0 ? rc : CX_OK;
}
