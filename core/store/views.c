#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/impl.h"

void store_view_name(const char *type, char *out, size_t cap)
{
	snprintf(out, cap, "ev_%s", type);
	for (char *p = out; *p; p++)
		if (!isalnum((unsigned char)*p))
			*p = '_';
}

/* A value between quotes of the kind q, doubled inside. */
void view_quoted(struct buf *b, char q, const char *p, size_t n)
{
	buf_add(b, &q, 1);
	for (size_t i = 0; i < n; i++) {
		if (p[i] == q)
			buf_add(b, &q, 1);
		buf_add(b, p + i, 1);
	}
	buf_add(b, &q, 1);
}

/* json_extract(data, '$."score"'), with a member of it if given. */
void view_extract(struct buf *b, const char *call, const struct field *f, const char *member)
{
	struct buf path = {0};
	buf_printf(&path, "$.\"%s\"%s%s", f->name, member ? "." : "", member ? member : "");
	buf_printf(b, "%s(%s, ", call, f->derived ? "derived" : "data");
	view_quoted(b, '\'', path.p, path.len);
	buf_puts(b, ")");
	buf_free(&path);
}

void view_fallback(struct buf *b, const struct field *f)
{
	const struct value *v = &f->fallback;
	if (v->kind == VALUE_TEXT)
		view_quoted(b, '\'', v->s.p, v->s.n);
	else if (f->kind == FIELD_DECIMAL && f->scale > 0)
		buf_printf(b, "%" PRId64 " / 1e%d", v->i, f->scale);
	else
		buf_printf(b, "%" PRId64, v->i);
}

/* Money is an object, or an integer in the field's or the company's currency. */
static void money_columns(struct buf *b, const struct field *f)
{
	struct buf name = {0};
	buf_puts(b, "CASE ");
	view_extract(b, "json_type", f, NULL);
	buf_puts(b, " WHEN 'object' THEN ");
	view_extract(b, "json_extract", f, "amount");
	buf_puts(b, " ELSE ");
	view_extract(b, "json_extract", f, NULL);
	buf_puts(b, " END AS ");
	view_quoted(b, '"', f->name, strlen(f->name));
	buf_puts(b, ", CASE ");
	view_extract(b, "json_type", f, NULL);
	buf_puts(b, " WHEN 'object' THEN ");
	view_extract(b, "json_extract", f, "currency");
	buf_puts(b, " WHEN 'integer' THEN ");
	if (*f->currency)
		view_quoted(b, '\'', f->currency, strlen(f->currency));
	else
		buf_puts(
			b, "(SELECT CAST(value AS TEXT) FROM meta WHERE key = 'company_currency')");
	buf_printf(&name, "%s_currency", f->name);
	buf_puts(b, " END AS ");
	view_quoted(b, '"', name.p, name.len);
	buf_free(&name);
}

/* What was sent may be a text ("45min", "12.50"); the column is a number, as figures count it. */
static void number_column(struct buf *b, const struct field *f)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000},
		{"w", 604800000}};
	if (f->kind == FIELD_DECIMAL) {
		buf_puts(b, "CAST(");
		view_extract(b, "json_extract", f, NULL);
		buf_puts(b, " AS REAL)");
		return;
	}
	buf_puts(b, "CASE ");
	view_extract(b, "json_type", f, NULL);
	buf_puts(b, " WHEN 'text' THEN CAST(");
	view_extract(b, "json_extract", f, NULL);
	buf_puts(b, " AS INTEGER) * CASE ltrim(");
	view_extract(b, "json_extract", f, NULL);
	buf_puts(b, ", '0123456789')");
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		buf_printf(b, " WHEN '%s' THEN %" PRId64, units[i].unit, units[i].ms);
	buf_puts(b, " END ELSE ");
	view_extract(b, "json_extract", f, NULL);
	buf_puts(b, " END");
}

/* Of an event and its corrections only the newest is there (kpi/standing.h). */
static const char stands[] =
	" AND NOT EXISTS (SELECT 1 FROM correction c WHERE c.root = coalesce(e.root, e.seq)"
	" AND (c.recorded_ms, c.seq) > (e.recorded_ms, e.seq))"
	" AND NOT EXISTS (SELECT 1 FROM event r WHERE r.seq = e.root"
	" AND (r.recorded_ms, r.seq) > (e.recorded_ms, e.seq))";

static void view_text(struct buf *b, const struct event_type *t, const char *name)
{
	buf_printf(b,
		"CREATE VIEW \"%s\" AS SELECT seq, id, source, time, time_ms, subject, unit,"
		" actor, recorded_ms, corrects",
		name);
	for (int i = 0; i < t->nfields; i++) {
		const struct field *f = &t->fields[i];
		bool filled = f->fallback.kind != VALUE_NULL;
		buf_puts(b, ", ");
		if (f->kind == FIELD_MONEY) {
			money_columns(b, f);
			continue;
		}
		if (filled)
			buf_puts(b, "coalesce(");
		if (f->kind == FIELD_DECIMAL || f->kind == FIELD_DURATION)
			number_column(b, f);
		else
			view_extract(b, "json_extract", f, NULL);
		if (filled) {
			buf_puts(b, ", ");
			view_fallback(b, f);
			buf_puts(b, ")");
		}
		buf_puts(b, " AS ");
		view_quoted(b, '"', f->name, strlen(f->name));
	}
	buf_puts(b, " FROM event e WHERE type = ");
	view_quoted(b, '\'', t->name, strlen(t->name));
	buf_puts(b, stands);
}

int view_make(
	struct store *s, const char *name, const char *drop, const char *sql, struct cx_err *e)
{
	int64_t same;
	int rc = st_int(
		s, ST_VIEW_GET, ARGS(ARG_TEXT("name", name), ARG_TEXT("text", sql)), &same, e);
	if (rc != 0)
		return rc < 0 ? rc : CX_OK;
	rc = drv_exec(s->d, drop, name, e);
	if (rc == CX_OK)
		rc = drv_exec(s->d, sql, name, e);
	if (rc == CX_OK)
		rc = st_run(s, ST_VIEW_SET, ARGS(ARG_TEXT("name", name), ARG_TEXT("text", sql)), e);
	return rc;
}

int store_type_view(struct store *s, const struct event_type *t, struct cx_err *e)
{
	char name[300], drop[340];
	struct buf b = {0};
	store_view_name(t->name, name, sizeof name);
	view_text(&b, t, name);
	snprintf(drop, sizeof drop, "DROP VIEW IF EXISTS \"%s\"", name);
	int rc = view_make(s, name, drop, buf_cstr(&b), e);
	buf_free(&b);
	return rc;
}
