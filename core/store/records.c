/* Records: rows, versions, views and indexes. A field is looked for by one expression over the JSON
 * text, which the view's column and the index have too, so that all three meet. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/impl.h"

static void view_name(const char *kind, char *out, size_t cap)
{
	snprintf(out, cap, "rec_%s", kind);
	for (char *p = out; *p; p++)
		if (*p == '-')
			*p = '_';
}

/* ---- rows ---- */

static void keep(struct str *v, struct arena *a)
{
	if (v->p)
		*v = arena_str(a, v->p, v->n);
}

/* key, version, data, created_ms, changed_ms, deleted */
static struct record_row read_row(struct drv_stmt *st)
{
	return (struct record_row){.key = drv_str(st, 0),
		.version = drv_int(st, 1),
		.data = drv_str(st, 2),
		.created_ms = drv_int(st, 3),
		.changed_ms = drv_int(st, 4),
		.deleted = drv_int(st, 5) != 0};
}

int store_record_get(struct store *s, const char *kind, struct str key, struct record_row *r,
	struct arena *a, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(
		s, ST_RECORD_GET, ARGS(ARG_TEXT("kind", kind), ARG_STR("key", key)), &st, e);
	if (rc != CX_OK)
		return rc;
	rc = drv_step(st, e);
	if (rc == 1) {
		*r = read_row(st);
		keep(&r->key, a);
		keep(&r->data, a);
	}
	drv_end(st);
	return rc;
}

int store_record_put(
	struct store *s, const char *kind, const struct record_row *r, struct cx_err *e)
{
	struct str none = {0};
	int rc = st_run(s, ST_RECORD_PUT,
		ARGS(ARG_STR("key", r->key), ARG_TEXT("kind", kind), ARG_INT("version", r->version),
			ARG_STR("data", r->data), ARG_STR("subject", r->subject),
			ARG_STR("unit", r->unit), ARG_INT("created_ms", r->created_ms),
			ARG_INT("changed_ms", r->changed_ms), ARG_INT("deleted", r->deleted)),
		e);
	if (rc != CX_OK)
		return rc;
	return st_run(s, ST_RECORD_VERSION_ADD,
		ARGS(ARG_TEXT("kind", kind), ARG_STR("key", r->key), ARG_INT("version", r->version),
			ARG_STR("data", r->deleted ? none : r->data),
			ARG_INT("changed_ms", r->changed_ms), ARG_STR("by", r->by),
			r->seq ? ARG_INT("seq", r->seq) : ARG_STR("seq", none)),
		e);
}

int store_record_versions(struct store *s, const char *kind, struct str key, int64_t after,
	store_record_f f, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_RECORD_VERSIONS,
		ARGS(ARG_TEXT("kind", kind), ARG_STR("key", key), ARG_INT("after", after)), &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		struct record_row r = {.key = key,
			.version = drv_int(st, 0),
			.data = drv_str(st, 1),
			.changed_ms = drv_int(st, 2),
			.by = drv_str(st, 3),
			.seq = drv_int(st, 4)};
		r.deleted = !r.data.p;
		if ((rc = f(ctx, &r)) != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_records_of(struct store *s, int64_t seq,
	int (*f)(void *ctx, struct str kind, const struct record_row *r), void *ctx,
	struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_RECORDS_OF, ARGS(ARG_INT("seq", seq)), &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		const struct record_row r = {.key = drv_str(st, 5),
			.version = drv_int(st, 0),
			.deleted = drv_int(st, 1) != 0,
			.changed_ms = drv_int(st, 2),
			.by = drv_str(st, 3),
			.seq = seq};
		if ((rc = f(ctx, drv_str(st, 4), &r)) != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

/* ---- fields as SQL ---- */

static bool filled(const struct field *f)
{
	return f->fallback.kind != VALUE_NULL;
}

/* What the field is compared by: its JSON value as SQL sees it, or its default. */
static void field_sql(struct buf *b, const struct field *f)
{
	if (filled(f))
		buf_puts(b, "coalesce(");
	view_extract(b, "json_extract", f, NULL);
	if (!filled(f))
		return;
	buf_puts(b, ", ");
	if (f->kind == FIELD_MONEY || f->kind == FIELD_TIME) {
		struct buf json = {0};
		value_kept(&json, f->fallback, f);
		size_t quotes = f->kind == FIELD_TIME;
		view_quoted(b, '\'', json.p + quotes, json.len - 2 * quotes);
		buf_free(&json);
	} else {
		view_fallback(b, f);
	}
	buf_puts(b, ")");
}

/* A member of the money object, or of the default, as a column. */
static void money_sql(struct buf *b, const struct field *f, const char *member, const char *suffix)
{
	struct buf name = {0};
	buf_printf(&name, "%s%s", f->name, suffix);
	buf_puts(b, filled(f) ? "coalesce(" : "");
	view_extract(b, "json_extract", f, member);
	if (filled(f) && *suffix)
		buf_printf(b, ", '%s')", f->fallback.currency);
	else if (filled(f))
		buf_printf(b, ", %" PRId64 ")", f->fallback.i);
	buf_puts(b, " AS ");
	view_quoted(b, '"', name.p, name.len);
	buf_free(&name);
}

/* Kinds are lower-kebab: nothing in them needs quoting. The condition must be the same, literally,
 * where an index is made and where it is to be found. */
static void of_kind(struct buf *b, const char *kind)
{
	buf_printf(b, " WHERE kind = '%s' AND deleted = 0", kind);
}

/* ---- finding ---- */

int store_records(struct store *s, const char *kind, const struct record_filter *v, int n,
	struct str after, store_record_f f, void *ctx, struct cx_err *e)
{
	static const char *const names[RECORD_FILTERS] = {":v0", ":v1", ":v2", ":v3", ":v4", ":v5",
		":v6", ":v7", ":v8", ":v9", ":v10", ":v11", ":v12", ":v13", ":v14", ":v15"};
	struct drv_arg args[RECORD_FILTERS + 1] = {ARG_STR("after", after)};
	struct drv_stmt *st;
	struct buf sql = {0};
	int nargs = 1;
	if (!after.p)
		args[0] = drv_text_arg(":after", "");
	buf_puts(&sql, "SELECT key, version, data, created_ms, changed_ms, deleted FROM record");
	of_kind(&sql, kind);
	buf_puts(&sql, " AND key > :after");
	for (int i = 0; i < n && i < RECORD_FILTERS; i++) {
		buf_puts(&sql, " AND ");
		field_sql(&sql, v[i].field);
		if (!v[i].json.p) {
			buf_puts(&sql, " IS NULL");
			continue;
		}
		buf_printf(&sql, " = json_extract(%s, '$')", names[i]);
		args[nargs++] = (struct drv_arg){names[i], DRV_TEXT, 0, v[i].json.p, v[i].json.n};
	}
	buf_puts(&sql, " ORDER BY key");
	int rc = drv_prepare(s->d, buf_cstr(&sql), "records", true, &st, e);
	buf_free(&sql);
	if (rc != CX_OK)
		return rc;
	rc = drv_start(st, args, nargs, e);
	while (rc == CX_OK && (rc = drv_step(st, e)) == 1) {
		struct record_row r = read_row(st);
		if ((rc = f(ctx, &r)) != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

/* ---- views and indexes ---- */

static void view_sql(struct buf *b, const struct event_type *t, const char *name)
{
	buf_printf(b, "CREATE VIEW \"%s\" AS SELECT ", name);
	for (int i = 0; i < t->nfields; i++) {
		const struct field *f = &t->fields[i];
		if (f->kind == FIELD_MONEY) {
			money_sql(b, f, "amount", "");
			buf_puts(b, ", ");
			money_sql(b, f, "currency", "_currency");
		} else {
			field_sql(b, f);
			buf_puts(b, " AS ");
			view_quoted(b, '"', f->name, strlen(f->name));
		}
		buf_puts(b, ", ");
	}
	buf_puts(b, "version, strftime('%Y-%m-%dT%H:%M:%fZ', created_ms / 1000.0, 'unixepoch')"
		    " AS created, created_ms,"
		    " strftime('%Y-%m-%dT%H:%M:%fZ', changed_ms / 1000.0, 'unixepoch')"
		    " AS changed, changed_ms FROM record");
	of_kind(b, t->name);
}

/* By a field and then the key; f NULL: by the key alone. */
static int make_index(struct store *s, const struct event_type *t, const struct field *f,
	struct buf *names, struct cx_err *e)
{
	char view[200], name[300], drop[340];
	struct buf sql = {0};
	view_name(t->name, view, sizeof view);
	snprintf(name, sizeof name, "%s.%s", view, f ? f->name : "(key)");
	snprintf(drop, sizeof drop, "DROP INDEX IF EXISTS \"%s\"", name);
	buf_printf(&sql, "CREATE INDEX \"%s\" ON record (", name);
	if (f) {
		field_sql(&sql, f);
		buf_puts(&sql, ", ");
	}
	buf_puts(&sql, "key)");
	of_kind(&sql, t->name);
	int rc = view_make(s, name, drop, buf_cstr(&sql), e);
	buf_add(names, name, strlen(name) + 1);
	buf_free(&sql);
	return rc;
}

static bool among(const struct buf *names, const char *name)
{
	for (size_t i = 0; i < names->len; i += strlen(names->p + i) + 1)
		if (strcmp(names->p + i, name) == 0)
			return true;
	return false;
}

/* Drops views and indexes whose name begins with prefix and is not among these. */
static int drop_others(
	struct store *s, const char *prefix, const struct buf *names, struct cx_err *e)
{
	struct drv_stmt *st;
	struct buf gone = {0};
	int rc = st_start(s, ST_VIEWS, ARGS(ARG_TEXT("prefix", prefix)), &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		struct str name = drv_str(st, 0);
		if (!among(names, name.p))
			buf_add(&gone, name.p, name.n + 1);
	}
	drv_end(st);
	for (size_t i = 0; i < gone.len && rc == CX_OK; i += strlen(gone.p + i) + 1) {
		char sql[340];
		const char *name = gone.p + i;
		snprintf(sql, sizeof sql, "DROP %s IF EXISTS \"%s\"",
			strchr(name, '.') ? "INDEX" : "VIEW", name);
		rc = drv_exec(s->d, sql, name, e);
		if (rc == CX_OK)
			rc = st_run(s, ST_VIEW_FORGET, ARGS(ARG_TEXT("name", name)), e);
	}
	buf_free(&gone);
	return rc;
}

int store_record_view(
	struct store *s, const struct event_type *t, const int *index, int nindex, struct cx_err *e)
{
	char name[200], drop[240], prefix[210];
	struct buf sql = {0}, indexes = {0};
	view_name(t->name, name, sizeof name);
	view_sql(&sql, t, name);
	snprintf(drop, sizeof drop, "DROP VIEW IF EXISTS \"%s\"", name);
	int rc = view_make(s, name, drop, buf_cstr(&sql), e);
	if (rc == CX_OK)
		rc = make_index(s, t, NULL, &indexes, e);
	for (int i = 0; i < nindex && rc == CX_OK; i++)
		rc = make_index(s, t, &t->fields[index[i]], &indexes, e);
	snprintf(prefix, sizeof prefix, "%s.", name);
	if (rc == CX_OK)
		rc = drop_others(s, prefix, &indexes, e);
	buf_free(&sql);
	buf_free(&indexes);
	return rc;
}

static int add_names(struct store *s, const char *view, struct buf *names, struct cx_err *e)
{
	struct drv_stmt *st;
	char prefix[210];
	snprintf(prefix, sizeof prefix, "%s.", view);
	buf_add(names, view, strlen(view) + 1);
	int rc = st_start(s, ST_VIEWS, ARGS(ARG_TEXT("prefix", prefix)), &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		struct str name = drv_str(st, 0);
		buf_add(names, name.p, name.n + 1);
	}
	drv_end(st);
	return rc;
}

int store_record_views_keep(
	struct store *s, const struct event_type *const *kinds, int n, struct cx_err *e)
{
	struct buf names = {0};
	char view[200];
	int rc = CX_OK;
	for (int i = 0; i < n && rc == CX_OK; i++) {
		view_name(kinds[i]->name, view, sizeof view);
		rc = add_names(s, view, &names, e);
	}
	if (rc == CX_OK)
		rc = drop_others(s, "rec_", &names, e);
	buf_free(&names);
	return rc;
}
