#include "engine/records.h"

#include <stdlib.h>
#include <string.h>

struct value *record_fields(
	const struct engine *eng, const struct plugin_record *k, struct str data, struct arena *a)
{
	struct event ev = {.type = k->type, .data = data};
	bool missing;
	event_reload(&ev, eng->conf->company_currency, a, &missing);
	return ev.fields;
}

int record_load(struct engine *eng, const struct plugin_record *k, struct str key,
	struct record_state *s, struct arena *a, struct cx_err *e)
{
	struct record_row row;
	*s = (struct record_state){0};
	int rc = store_record_get(eng->store, k->type->name, key, &row, a, e);
	if (rc <= 0)
		return rc;
	s->version = row.version;
	s->data = row.data;
	s->is = (struct record){
		record_fields(eng, k, row.data, a), row.version, row.created_ms, row.changed_ms};
	s->there = !row.deleted;
	return CX_OK;
}

struct str record_key(const struct plugin_record *k, const struct value *fields, struct arena *a)
{
	const struct field *f = &k->type->fields[k->key];
	return value_text(fields[k->key], f->kind, f->scale, a);
}

static int wrong_key(const struct plugin_record *k, struct str key, struct cx_errs *errs)
{
	const char *name = k->type->fields[k->key].name;
	if (!key.p)
		return cx_errs_add(errs, CX_E_MISSING_FIELD, name,
			CX_T("falta o campo \"%s\", que dá nome ao registro de %s",
				"the field \"%s\", which names the record of %s, is missing"),
			name, k->type->name);
	if (key.n && key.n <= RECORD_KEY_MAX)
		return CX_OK;
	return cx_errs_add(errs, CX_E_INVALID_FIELD, name,
		CX_T("%s: uma chave tem de 1 a %d bytes; esta tem %u",
			"%s: a key has 1 to %d bytes; this one has %u"),
		name, RECORD_KEY_MAX, key.n);
}

int record_check(const struct engine *eng, const struct plugin_record *k, struct str json,
	struct value **fields, struct arena *a, struct cx_errs *errs)
{
	struct event ev = {.type = k->type, .data = json};
	int rc = event_fields(&ev, eng->conf->company_currency, a, errs);
	for (int i = 0; i < errs->n && i < CX_ERRS_MAX; i++) { /* a record has no "data" */
		char *field = errs->v[i].field;
		if (strncmp(field, "data.", 5) == 0)
			memmove(field, field + 5, strlen(field + 5) + 1);
	}
	*fields = ev.fields;
	return rc < 0 ? rc : wrong_key(k, record_key(k, ev.fields, a), errs);
}

struct str record_data(const struct plugin_record *k, const struct value *fields, struct arena *a)
{
	struct buf b = {0};
	jw_obj(&b);
	for (int i = 0; i < k->type->nfields; i++) {
		if (fields[i].kind == VALUE_NULL)
			continue;
		jw_key(&b, k->type->fields[i].name);
		value_kept(&b, fields[i], &k->type->fields[i]);
	}
	jw_obj_end(&b);
	struct str out = arena_str(a, b.p, b.len);
	buf_free(&b);
	return out;
}

static struct str part(
	const struct plugin_record *k, int field, const struct value *fields, struct arena *a)
{
	if (field < 0)
		return (struct str){0};
	const struct field *f = &k->type->fields[field];
	return value_text(fields[field], f->kind, f->scale, a);
}

int record_save(struct engine *eng, const struct plugin_record *k, struct str key,
	struct record_state *s, struct value *fields, const struct record_who *who, struct arena *a,
	struct cx_err *e)
{
	const struct value *shown = fields ? fields : s->is.fields;
	struct record_row row = {.key = key,
		.data = fields ? record_data(k, fields, a) : s->data,
		.subject = part(k, k->subject, shown, a),
		.unit = part(k, k->unit, shown, a),
		.version = s->version + 1,
		.created_ms = s->there ? s->is.created_ms : who->now_ms,
		.changed_ms = who->now_ms > s->is.changed_ms ? who->now_ms : s->is.changed_ms,
		.deleted = !fields,
		.by = {who->by, (uint32_t)strlen(who->by)},
		.seq = who->seq};
	uint32_t max = (uint32_t)eng->conf->limits_event;
	if (row.data.n > max && fields)
		return cx_fail(e, CX_E_BODY_TOO_LARGE, NULL,
			CX_T("o registro tem %u bytes; o limite é %u",
				"the record has %u bytes; the limit is %u"),
			row.data.n, max);
	int rc = store_record_put(eng->store, k->type->name, &row, e);
	if (rc < 0)
		return rc;
	s->there = fields != NULL;
	s->version = row.version;
	s->data = row.data;
	if (fields)
		s->is.fields = fields;
	s->is.version = row.version;
	s->is.created_ms = row.created_ms;
	s->is.changed_ms = row.changed_ms;
	return CX_OK;
}

/* ---- what handlers and tests ask for */

static int still(const struct record_ask *ask, const struct record_state *s, struct cx_err *e)
{
	int64_t now = s->there ? s->version : 0;
	if (ask->version < 0 || ask->version == now)
		return CX_OK;
	return cx_fail(e, CX_E_CONFLICT, NULL,
		CX_T("conflito: a versão atual é %lld, não %lld",
			"conflict: version %lld is current, not %lld"),
		(long long)now, (long long)ask->version);
}

static void give(struct record_ask *ask, const struct record_state *s, struct arena *a)
{
	ask->found = arena_alloc(a, sizeof *ask->found);
	*ask->found = s->is;
	ask->n = 1;
}

static int put(struct engine *eng, struct record_ask *ask, const struct record_who *who,
	struct arena *a, struct cx_err *e)
{
	struct cx_errs errs = {0};
	struct record_state s;
	struct value *fields;
	int rc = record_check(eng, ask->kind, ask->json, &fields, a, &errs);
	if (rc < 0) {
		*e = errs.v[0];
		return rc;
	}
	struct str key = record_key(ask->kind, fields, a);
	rc = record_load(eng, ask->kind, key, &s, a, e);
	if (rc >= 0)
		rc = still(ask, &s, e);
	if (rc >= 0)
		rc = record_save(eng, ask->kind, key, &s, fields, who, a, e);
	if (rc >= 0)
		give(ask, &s, a);
	return rc;
}

struct finding {
	struct engine *eng;
	struct record_ask *ask;
	struct arena *a;
	int cap;
	struct str last; /* key */
};

static int found(void *ctx, const struct record_row *row)
{
	struct finding *f = ctx;
	struct record_ask *ask = f->ask;
	if (ask->n == ask->limit) {
		ask->next = f->last;
		return 1;
	}
	if (ask->n == f->cap) {
		f->cap = f->cap ? f->cap * 2 : 16;
		struct record *more = arena_alloc(f->a, (size_t)f->cap * sizeof *more);
		if (ask->n)
			memcpy(more, ask->found, (size_t)ask->n * sizeof *more);
		ask->found = more;
	}
	struct str data = arena_str(f->a, row->data.p, row->data.n);
	f->last = arena_str(f->a, row->key.p, row->key.n);
	ask->found[ask->n++] = (struct record){record_fields(f->eng, ask->kind, data, f->a),
		row->version, row->created_ms, row->changed_ms};
	return 0;
}

void record_filter(struct record_filter *to, const struct field *f, struct value v, struct arena *a)
{
	struct buf json = {0};
	*to = (struct record_filter){.field = f};
	if (v.kind == VALUE_NULL)
		return;
	value_kept(&json, v, f);
	to->json = arena_str(a, json.p, json.len);
	buf_free(&json);
}

static int read_filter(const struct engine *eng, const struct event_type *t,
	const struct json_doc *d, uint32_t key, struct record_filter *to, struct arena *a,
	struct cx_err *e)
{
	struct cx_errs errs = {0};
	struct value v;
	struct str name = json_text(d, key, a);
	int at = event_type_field(t, name.p, name.n);
	if (at < 0)
		return cx_fail(e, CX_E_UNKNOWN_FIELD, NULL,
			CX_T("%s não tem o campo \"%.*s\"", "%s has no field \"%.*s\""), t->name,
			(int)name.n, name.p);
	const char *currency = eng->conf->company_currency;
	if (!field_read(&t->fields[at], currency, d, key + 1, &v, a, &errs)) {
		*e = errs.v[0];
		return e->code;
	}
	record_filter(to, &t->fields[at], v, a);
	return CX_OK;
}

/* ask->json: the fields and what they must be. */
static int find(struct engine *eng, struct record_ask *ask, struct arena *a, struct cx_err *e)
{
	const struct event_type *t = ask->kind->type;
	struct record_filter filters[RECORD_FILTERS];
	struct finding f = {.eng = eng, .ask = ask, .a = a};
	struct json_doc d = {0};
	int n = 0, rc = json_scan(&d, ask->json.p, ask->json.n, JSON_DEPTH, 4096, e);
	if (rc >= 0 && d.nodes[0].count > RECORD_FILTERS)
		rc = cx_fail(e, CX_E_BAD_QUERY, NULL,
			CX_T("no máximo %d campos de uma vez", "at most %d fields at a time"),
			RECORD_FILTERS);
	uint32_t count = rc >= 0 ? d.nodes[0].count : 0;
	for (uint32_t i = 0, key = 1; i < count && rc >= 0; i++, key = d.nodes[key + 1].next)
		rc = read_filter(eng, t, &d, key, &filters[n++], a, e);
	json_doc_free(&d);
	if (rc < 0)
		return rc;
	return store_records(eng->store, t->name, filters, n, ask->after, found, &f, e);
}

int records_ask(struct engine *eng, struct record_ask *ask, const struct record_who *who,
	struct arena *a, struct cx_err *e)
{
	struct record_state s;
	if (ask->op == RECORD_PUT)
		return put(eng, ask, who, a, e);
	if (ask->op == RECORD_FIND)
		return find(eng, ask, a, e);
	int rc = record_load(eng, ask->kind, ask->key, &s, a, e);
	if (rc < 0 || !s.there)
		return rc;
	if (ask->op == RECORD_DELETE)
		rc = record_save(eng, ask->kind, ask->key, &s, NULL, who, a, e);
	if (rc >= 0)
		give(ask, &s, a);
	return rc;
}

/* ---- views */

int records_keep(struct engine *eng, struct cx_err *e)
{
	const struct plugin_set *set = &eng->set;
	const struct event_type **kinds = NULL;
	int n = 0, rc = CX_OK;
	bool all = true; /* what a plugin declares that does not run now is not known here */
	for (int i = 0; i < set->n; i++) {
		const struct plugin *p = set->v[i];
		all &= p->state == PLUGIN_RUNNING;
		for (int k = 0; k < p->nrecords && rc >= 0; k++) {
			const struct plugin_record *r = &p->records[k];
			kinds = xrealloc(kinds, (size_t)(n + 1) * sizeof *kinds);
			kinds[n++] = r->type;
			rc = store_record_view(eng->store, r->type, r->index, r->nindex, e);
		}
	}
	if (rc >= 0 && all)
		rc = store_record_views_keep(eng->store, kinds, n, e);
	free(kinds);
	return rc;
}
