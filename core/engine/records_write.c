/* PUT, PATCH and DELETE of a record: nobody overwrites what they have not seen (If-Match). */
#include <stdio.h>
#include <string.h>

#include "base/problem.h"
#include "base/text.h"
#include "engine/records.h"

enum { MAX_NODES = 65536 };

struct change {
	struct record_call c;
	struct record_state was;
	struct cx_errs errs;
	struct buf *headers, *reply;
};

static int refuse(struct change *w, int code, const char *field, const char *msg)
{
	w->errs.n = 0;
	return cx_errs_add(&w->errs, code, field, "%s", msg);
}

static const char *header(const struct change *w, const char *name)
{
	return meta_get(w->c.f->meta, w->c.f->head.meta_len, name);
}

/* ---- the body as a whole record */

static bool read_only(struct str name)
{
	static const char *const ours[] = {"version", "created", "changed"};
	for (int i = 0; i < 3; i++)
		if (name.n == strlen(ours[i]) && memcmp(name.p, ours[i], name.n) == 0)
			return true;
	return false;
}

static struct str name_at(const struct json_doc *d, uint32_t key, struct arena *a)
{
	struct str name = json_text(d, key, a);
	return arena_str(a, name.p, name.n);
}

static void member(struct buf *b, const char *name, const struct json_doc *d, uint32_t node)
{
	struct str raw = json_raw(d, node);
	jw_key(b, name);
	jw_raw(b, raw.p, raw.n);
}

static bool is(const struct json_doc *d, uint32_t node, enum json_type type)
{
	return d->nodes[node].type == type;
}

/* RFC 7396: the members of patch over those of target (NULL: none). */
static void merge(struct buf *b, const struct json_doc *target, uint32_t t,
	const struct json_doc *patch, uint32_t p, bool top, struct arena *a)
{
	uint32_t key = t + 1;
	for (uint32_t i = 0; target && i < target->nodes[t].count;
		i++, key = target->nodes[key + 1].next) {
		struct str name = name_at(target, key, a);
		if (!json_get(patch, p, name.p))
			member(b, name.p, target, key + 1);
	}
	key = p + 1;
	for (uint32_t i = 0; i < patch->nodes[p].count; i++, key = patch->nodes[key + 1].next) {
		struct str name = name_at(patch, key, a);
		uint32_t old = target ? json_get(target, t, name.p) : 0;
		if (is(patch, key + 1, JSON_NULL) || (top && read_only(name)))
			continue;
		if (!is(patch, key + 1, JSON_OBJECT)) {
			member(b, name.p, patch, key + 1);
			continue;
		}
		bool both = old && is(target, old, JSON_OBJECT);
		jw_key(b, name.p);
		jw_obj(b);
		merge(b, both ? target : NULL, old, patch, key + 1, false, a);
		jw_obj_end(b);
	}
}

static bool has(const struct json_doc *d, const char *name)
{
	uint32_t at = json_get(d, 0, name);
	return at && !is(d, at, JSON_NULL);
}

static void add_key(struct change *w, struct buf *b)
{
	const struct field *f = &w->c.k->type->fields[w->c.k->key];
	struct value v;
	jw_key(b, f->name);
	if (f->kind == FIELD_INTEGER && value_from_text(f, "", w->c.key, &v, w->c.a))
		value_json(b, v, f);
	else
		jw_strn(b, w->c.key.p, w->c.key.n);
}

/* What a PUT need not say: the key, the caller's unit, and what the caller cannot see. */
static void fill_in(struct change *w, const struct json_doc *d, struct buf *b)
{
	const struct plugin_record *k = w->c.k;
	const char *unit = w->c.f->head.caller.unit;
	if (!has(d, k->type->fields[k->key].name))
		add_key(w, b);
	if (*unit && k->unit >= 0 && !has(d, k->type->fields[k->unit].name))
		jw_kstr(b, k->type->fields[k->unit].name, unit);
	for (int i = 0; i < k->type->nfields && w->was.there && !w->c.personal; i++) {
		const struct field *f = &k->type->fields[i];
		if (!f->personal || json_get(d, 0, f->name))
			continue;
		jw_key(b, f->name);
		value_json(b, w->was.is.fields[i], f);
	}
}

static int media_type(struct change *w, bool patch)
{
	const char *type = header(w, "content-type");
	if (type && strcmp(type, "application/json") == 0)
		return CX_OK;
	if (type && patch && strcmp(type, "application/merge-patch+json") == 0)
		return CX_OK;
	return refuse(w, CX_E_UNSUPPORTED_MEDIA_TYPE, "content-type",
		patch ? CX_T("mande application/merge-patch+json",
				"send application/merge-patch+json")
		      : CX_T("mande application/json", "send application/json"));
}

/* U+0000 ends a text in what reads it back. */
static int no_nul(const struct json_doc *d, struct cx_err *e)
{
	for (uint32_t i = 0; i < d->n; i++)
		if (d->nodes[i].type == JSON_STRING && d->nodes[i].escaped == JSON_ESCAPED_NUL)
			return cx_fail(e, CX_E_INVALID_FIELD, NULL,
				CX_T("texto com U+0000", "text with U+0000"));
	return CX_OK;
}

/* The body, or what the patch makes of the record, as JSON of its fields. */
static int whole(struct change *w, bool patch, struct str *json)
{
	const struct frame *f = w->c.f;
	struct json_doc d = {0}, was = {0};
	struct buf b = {0};
	struct cx_err e;
	int depth = (int)w->c.eng->conf->limits_depth;
	int rc = json_scan(&d, f->body, f->head.body_len, depth, MAX_NODES, &e);
	if (rc >= 0 && !is(&d, 0, JSON_OBJECT))
		rc = cx_fail(&e, CX_E_BAD_REQUEST, NULL,
			CX_T("mande um objeto JSON com os campos", "send a JSON object of fields"));
	if (rc >= 0)
		rc = no_nul(&d, &e);
	if (rc >= 0 && patch) {
		struct str now = record_data(w->c.k, w->was.is.fields, w->c.a);
		rc = json_scan(&was, now.p, now.n, JSON_DEPTH, MAX_NODES, &e);
	}
	if (rc < 0) {
		w->errs.n = 1;
		w->errs.v[0] = e;
	} else {
		jw_obj(&b);
		merge(&b, patch ? &was : NULL, 0, &d, 0, true, w->c.a);
		if (!patch)
			fill_in(w, &d, &b);
		jw_obj_end(&b);
		*json = arena_str(w->c.a, b.p, b.len);
	}
	buf_free(&b);
	json_doc_free(&d);
	json_doc_free(&was);
	return rc;
}

/* ---- preconditions (RFC 9110, 13) */

static int changed_meanwhile(struct change *w)
{
	if (w->was.there)
		record_etag(w->headers, w->was.version);
	return refuse(w, CX_E_PRECONDITION_FAILED, "if-match",
		w->was.there ? CX_T("o registro já tem outra versão; leia-o de novo (ETag)",
				       "the record has another version by now; read it again "
				       "(ETag)")
			     : CX_T("o registro não existe", "there is no such record"));
}

static int conditions(struct change *w)
{
	const char *match = header(w, "if-match"), *none = header(w, "if-none-match");
	if (match && !(w->was.there && etag_among(match, w->was.version, true)))
		return changed_meanwhile(w);
	if (none && w->was.there && etag_among(none, w->was.version, false)) {
		record_etag(w->headers, w->was.version);
		return refuse(w, CX_E_PRECONDITION_FAILED, "if-none-match",
			CX_T("o registro já existe", "the record is already there"));
	}
	if (w->was.there && !match)
		return refuse(w, CX_E_PRECONDITION_REQUIRED, "if-match",
			CX_T("mande If-Match com o ETag da versão que você leu",
				"send If-Match with the ETag of the version that you read"));
	return CX_OK;
}

/* ---- the write */

static int right_unit(struct change *w, const struct value *fields)
{
	const char *unit = w->c.f->head.caller.unit;
	char msg[200];
	if (!fields || record_seen(&w->c, fields))
		return CX_OK;
	snprintf(msg, sizeof msg,
		CX_T("esta credencial só escreve registros da unidade %s",
			"this token writes records of unit %s only"),
		unit);
	return refuse(w, CX_E_WRONG_UNIT,
		w->c.k->unit < 0 ? NULL : w->c.k->type->fields[w->c.k->unit].name, msg);
}

static int right_key(struct change *w, const struct value *fields)
{
	struct str key = record_key(w->c.k, fields, w->c.a);
	char msg[300];
	if (key.n == w->c.key.n && memcmp(key.p, w->c.key.p, key.n) == 0)
		return CX_OK;
	const char *name = w->c.k->type->fields[w->c.k->key].name;
	snprintf(msg, sizeof msg,
		CX_T("%s: o endereço diz \"%.*s\"", "%s: the address says \"%.*s\""), name,
		(int)w->c.key.n, w->c.key.p);
	return refuse(w, CX_E_INVALID_FIELD, name, msg);
}

static void locate(struct change *w)
{
	buf_add(w->headers, "Location", sizeof "Location");
	buf_printf(w->headers, "/v1/records/%s/", w->c.k->type->name);
	percent_encode(w->headers, w->c.key.p);
	buf_add(w->headers, "", 1);
}

/* The HTTP status, or a refusal in errs. */
static int write_one(struct change *w)
{
	struct cx_err e;
	char by[NAME_MAX_BYTES + 16];
	const struct job_head *h = &w->c.f->head;
	bool put = h->route == ROUTE_RECORD_PUT, erase = h->route == ROUTE_RECORD_DELETE;
	struct value *fields = NULL;
	struct str json;
	int rc = record_load(w->c.eng, w->c.k, w->c.key, &w->was, w->c.a, &e);
	if (rc < 0)
		return refuse(w, rc, NULL, e.msg);
	bool seen = w->was.there && record_seen(&w->c, w->was.is.fields);
	if (!put && !seen)
		return record_none(&w->c, &w->errs.v[w->errs.n++]);
	if (w->was.there && (rc = right_unit(w, w->was.is.fields)) < 0)
		return rc;
	if ((rc = conditions(w)) < 0 || (!erase && (rc = media_type(w, !put)) < 0))
		return rc;
	if (!erase && ((rc = whole(w, !put, &json)) < 0 ||
			      (rc = record_check(
				       w->c.eng, w->c.k, json, &fields, w->c.a, &w->errs)) < 0 ||
			      (rc = right_key(w, fields)) < 0 || (rc = right_unit(w, fields)) < 0))
		return rc;
	caller_text(&h->caller, by, sizeof by);
	const struct record_who who = {by, 0, h->now_ms};
	bool made = !w->was.there;
	rc = record_save(w->c.eng, w->c.k, w->c.key, &w->was, fields, &who, w->c.a, &e);
	if (rc < 0)
		return refuse(w, rc, NULL, e.msg);
	if (erase)
		return 204;
	record_etag(w->headers, w->was.version);
	if (made)
		locate(w);
	record_json(w->reply, &w->c, &w->was.is);
	return made ? 201 : 200;
}

static bool lost(int rc)
{
	return rc == CX_E_STORE_FAILED || rc == CX_E_DISK_FULL;
}

int records_write(struct ingest *in, const struct frame *f, struct buf *headers, struct buf *reply,
	int *status)
{
	struct change w = {.headers = headers, .reply = reply};
	ingest_job_begin(in, &f->head, false, in->next_seq);
	arena_reset(&in->arena);
	int rc = record_call(&w.c, in->eng, f, true, &in->arena, &w.errs.v[0]);
	w.errs.n = rc < 0;
	if (rc >= 0)
		rc = write_one(&w);
	if (lost(rc))
		return ingest_lost(in, &w.errs.v[0]);
	if (rc < 0)
		*status = w.errs.n > 1 ? problem_write_list(reply, &w.errs)
				       : problem_write(reply, &w.errs.v[0]);
	else
		*status = rc;
	return CX_OK;
}
