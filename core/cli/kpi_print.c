#include "cli/kpi_print.h"

#include <string.h>

enum { MEASURES_SHOWN = TABLE_COLUMNS - 17 }; /* eight dimensions and nine others take the rest */

/* ---- parts of a figure, as texts; NULL: there is none ---- */

static bool suppressed(const json_t *o)
{
	const char *note = json_text_of(o, "note");
	return note && strcmp(note, "suppressed") == 0;
}

static const char *note(const json_t *o) /* a suppressed one says so where its value would be */
{
	return suppressed(o) ? NULL : json_text_of(o, "note_text");
}

static const char *interval(const json_t *o, struct buf *b)
{
	const char *low = json_text_of(o, "low_text"), *high = json_text_of(o, "high_text");
	buf_clear(b);
	if (!low || !high)
		return NULL;
	buf_printf(b, CX_T("%s a %s", "%s – %s"), low, high);
	return buf_cstr(b);
}

static const char *verdict(const json_t *o, struct buf *b)
{
	const char *word = json_text_of(o, "verdict_text"), *p = json_text_of(o, "p_text");
	buf_clear(b);
	buf_puts(b, word ? word : "");
	if (b->len && p)
		buf_printf(b, " (%s)", p);
	return b->len ? buf_cstr(b) : NULL;
}

static const char *measures(const json_t *o, struct buf *b)
{
	json_t *all = json_object_get(o, "measures_text");
	buf_clear(b);
	for (void *m = json_object_iter(all); m; m = json_object_iter_next(all, m))
		if (json_is_string(json_object_iter_value(m)))
			buf_printf(b, "%s%s=%s", b->len ? " " : "", json_object_iter_key(m),
				json_string_value(json_object_iter_value(m)));
	return b->len ? buf_cstr(b) : NULL;
}

static void plain_cell(struct table *t, const json_t *v)
{
	if (json_is_string(v))
		table_cell(t, json_string_value(v));
	else if (json_is_integer(v))
		table_cellf(t, "%lld", (long long)json_integer_value(v));
	else if (json_is_number(v))
		table_cellf(t, "%.15g", json_number_value(v));
	else
		table_cell(t, json_is_true(v)    ? CX_T("sim", "yes")
			      : json_is_false(v) ? CX_T("não", "no")
						 : "—");
}

/* ---- all KPIs ---- */

void kpi_overview_columns(struct table *t)
{
	table_column(t, "KPI", false);
	table_column(t, CX_T("título", "title"), false);
	table_column(t, CX_T("valor", "value"), true);
	table_column(t, CX_T("unidade", "unit"), false);
	table_spare(t, 1);
	table_column(t, CX_T("mudança", "change"), true);
	table_column(t, CX_T("veredito", "verdict"), false);
	table_column(t, CX_T("nota", "note"), false);
	table_column(t, CX_T("eventos", "events"), false);
	table_spare(t, 2);
}

static const char *unit(const json_t *o)
{
	const char *format = json_text_of(o, "format"), *currency = json_text_of(o, "currency");
	if (currency)
		return currency;
	if (!format || strcmp(format, "number") == 0 || strcmp(format, "integer") == 0)
		return CX_T("número", "number");
	if (strcmp(format, "points") == 0)
		return CX_T("pontos", "points");
	return strcmp(format, "duration") == 0 ? CX_T("tempo", "time") : format;
}

void kpi_overview_row(struct table *t, const json_t *list, const json_t *o)
{
	struct buf b = {0}, events = {0};
	const json_t *all = json_object_get(list, "events");
	for (size_t i = 0; i < json_array_size(all); i++) {
		const char *name = json_string_value(json_array_get(all, i));
		buf_printf(&events, "%s%s", i ? " " : "", name ? name : "");
	}
	table_cell(t, json_text_of(o, "id"));
	table_cell(t, json_text_of(o, "title"));
	table_cell(t, json_text_of(o, "text"));
	table_cell(t, unit(o));
	table_cell(t, json_text_of(o, "change_text"));
	table_cell(t, verdict(o, &b));
	table_cell(t, note(o));
	table_cell(t, buf_cstr(&events));
	buf_free(&b);
	buf_free(&events);
}

/* ---- one KPI ---- */

static void add(struct buf *line, const char *text)
{
	if (text && *text)
		buf_printf(line, "%s%s", line->len ? "  " : "", text);
}

static void add_figure(struct buf *line, const json_t *o)
{
	struct buf b = {0};
	add(line, json_text_of(o, "text"));
	if (interval(o, &b))
		buf_printf(line, "  (%s)", b.p);
	add(line, json_text_of(o, "n_text"));
	add(line, note(o));
	buf_free(&b);
}

static void headline(const char *id, const json_t *o)
{
	const char *known = json_text_of(o, "as_known_text"),
		   *target = json_text_of(o, "target_text");
	const char *title = json_text_of(o, "title");
	struct buf line = {0}, b = {0};
	add(&line, id);
	if (title && strcmp(title, id) != 0)
		add(&line, title);
	add(&line, json_text_of(o, "period_text"));
	if (known)
		buf_printf(&line, CX_T("  como se sabia em %s", "  as known at %s"), known);
	add_figure(&line, o);
	if (target)
		buf_printf(&line, CX_T("  meta %s", "  target %s"), target);
	add(&line, measures(o, &b));
	printf("%s\n", buf_cstr(&line));
	buf_free(&line);
	buf_free(&b);
}

static void before_line(const json_t *o)
{
	const json_t *was = json_object_get(o, "previous");
	const char *change = json_text_of(o, "change_text");
	struct buf line = {0}, b = {0};
	if (!was)
		return;
	buf_puts(&line, CX_T("antes:", "before:"));
	add(&line, json_text_of(was, "period_text"));
	add_figure(&line, was);
	if (change)
		buf_printf(&line, CX_T("  mudança %s", "  change %s"), change);
	add(&line, verdict(o, &b));
	printf("%s\n", buf_cstr(&line));
	buf_free(&line);
	buf_free(&b);
}

struct detail {
	struct table t;
	json_t *dims, *measures; /* objects whose keys are columns */
	struct buf b;
};

static void columns(struct detail *d)
{
	struct table *t = &d->t;
	for (void *i = json_object_iter(d->dims); i; i = json_object_iter_next(d->dims, i))
		table_column(t, json_object_iter_key(i), false);
	table_column(t, CX_T("período", "period"), false);
	table_column(t, CX_T("valor", "value"), true);
	table_column(t, CX_T("intervalo", "interval"), true);
	table_spare(t, 2);
	table_column(t, "n", true);
	table_spare(t, 1);
	table_column(t, CX_T("antes", "before"), true);
	table_spare(t, 1);
	table_column(t, CX_T("mudança", "change"), true);
	table_column(t, CX_T("veredito", "verdict"), false);
	table_column(t, CX_T("lugar", "place"), true);
	void *m = json_object_iter(d->measures);
	for (int i = 0; m && i < MEASURES_SHOWN; i++, m = json_object_iter_next(d->measures, m)) {
		table_column(t, json_object_iter_key(m), true);
		table_spare(t, 3);
	}
	table_column(t, CX_T("nota", "note"), false);
}

static void row(struct detail *d, const json_t *by, const char *period, const json_t *o)
{
	struct table *t = &d->t;
	const char *n = json_text_of(o, "n_text");
	json_t *own = json_object_get(o, "measures_text");
	for (void *i = json_object_iter(d->dims); i; i = json_object_iter_next(d->dims, i))
		if (by)
			plain_cell(t, json_object_get(by, json_object_iter_key(i)));
		else
			table_cell(t, CX_T("todos", "all"));
	table_cell(t, period);
	table_cell(t, json_text_of(o, "text"));
	table_cell(t, interval(o, &d->b));
	table_cell(t, n && strncmp(n, "n=", 2) == 0 ? n + 2 : n);
	table_cell(t, json_text_of(json_object_get(o, "previous"), "text"));
	table_cell(t, json_text_of(o, "change_text"));
	table_cell(t, verdict(o, &d->b));
	table_cell(t, json_text_of(json_object_get(o, "rank"), "text"));
	void *m = json_object_iter(d->measures);
	for (int i = 0; m && i < MEASURES_SHOWN; i++, m = json_object_iter_next(d->measures, m)) {
		json_t *v = json_object_get(own, json_object_iter_key(m));
		if (v)
			plain_cell(t, v);
		else
			table_cell(t, NULL);
	}
	table_cell(t, note(o));
}

/* A group, or its pieces and then itself. */
static void group_rows(struct detail *d, const json_t *g)
{
	const json_t *by = json_object_get(g, "by"), *series = json_object_get(g, "series");
	for (size_t i = 0; i < json_array_size(series); i++) {
		const json_t *o = json_array_get(series, i);
		row(d, by, json_text_of(o, "period_text"), o);
	}
	row(d, by, series ? CX_T("total", "total") : NULL, g);
}

static void pooled_line(const json_t *g)
{
	const json_t *all = json_object_get(g, "pooled");
	struct buf line = {0};
	for (size_t i = 0; i < json_array_size(all); i++) {
		json_t *by = json_object_get(json_array_get(all, i), "by");
		buf_puts(&line, i ? ", " : "");
		for (void *v = json_object_iter(by); v; v = json_object_iter_next(by, v)) {
			char *text = json_dumps(json_object_iter_value(v),
				JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
			const char *own = json_string_value(json_object_iter_value(v));
			buf_printf(&line, "%s%s", v == json_object_iter(by) ? "" : "/",
				own                                       ? own
				: json_is_null(json_object_iter_value(v)) ? "—"
									  : text);
			free(text);
		}
	}
	if (line.len)
		printf(CX_T("… junta: %s\n", "… pools: %s\n"), buf_cstr(&line));
	buf_free(&line);
}

/* The measures of the total; where it is suppressed, those of the first that is not. */
static json_t *measures_of(const json_t *o, const json_t *rows)
{
	json_t *m = json_object_get(o, "measures_text");
	for (size_t i = 0; !m && i < json_array_size(rows); i++)
		m = json_object_get(json_array_get(rows, i), "measures_text");
	return m;
}

void kpi_detail(const char *id, const json_t *o)
{
	const json_t *groups = json_object_get(o, "groups"), *series = json_object_get(o, "series");
	const json_t *rows = groups ? groups : series;
	struct detail d = {.dims = json_object_get(json_array_get(groups, 0), "by"),
		.measures = measures_of(o, rows)};
	headline(id, o);
	before_line(o);
	if (json_array_size(rows) == 0)
		return;
	columns(&d);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *r = json_array_get(rows, i);
		if (groups)
			group_rows(&d, r);
		else
			row(&d, NULL, json_text_of(r, "period_text"), r);
	}
	for (size_t i = 0; groups && i < json_array_size(series); i++) { /* all groups together */
		const json_t *r = json_array_get(series, i);
		row(&d, NULL, json_text_of(r, "period_text"), r);
	}
	putchar('\n');
	table_print(&d.t, stdout);
	for (size_t i = 0; i < json_array_size(groups); i++)
		pooled_line(json_array_get(groups, i));
	buf_free(&d.b);
}
