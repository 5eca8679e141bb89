#include <string.h>

#include "cli/kpi_print.h"

static void source(const char *label, const json_t *f)
{
	const char *text = json_text_of(f, "source"), *file = json_text_of(f, "file");
	if (!text || !file)
		return;
	printf("\n%s  %s:%lld\n", label, file,
		(long long)json_integer_value(json_object_get(f, "line")));
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "\n");
		printf("  %.*s\n", (int)n, p);
		p += n + (p[n] == '\n');
	}
}

/* "latest of order by answered" */
static void choice(
	const json_t *m, const char *which, const char *pt, const char *en, struct buf *b)
{
	const json_t *o = json_object_get(m, which);
	const char *key = json_text_of(o, "key"), *by = json_text_of(o, "by");
	if (key && by)
		buf_printf(b, CX_T("%s de %s por %s", "%s of %s by %s"), CX_T(pt, en), key, by);
}

static void measures(const json_t *list)
{
	struct table t = {0};
	struct buf more = {0};
	table_column(&t, CX_T("medida", "measure"), false);
	table_column(&t, CX_T("conta", "counts"), false);
	table_column(&t, CX_T("evento", "event"), false);
	table_column(&t, CX_T("campo", "field"), false);
	table_column(&t, CX_T("no dia de", "on the day of"), false);
	table_column(&t, "", false);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *m = json_array_get(list, i);
		long long times = json_integer_value(json_object_get(m, "times"));
		buf_clear(&more);
		choice(m, "latest", "o último", "the latest", &more);
		choice(m, "first", "o primeiro", "the first", &more);
		if (times > 1)
			buf_printf(
				&more, CX_T("ao menos %lld vezes", "at least %lld times"), times);
		if (json_is_true(json_object_get(m, "days")))
			buf_puts(&more, CX_T(", em dias diferentes", ", on different days"));
		table_cell(&t, json_text_of(m, "name"));
		table_cell(&t, json_text_of(m, "kind"));
		table_cell(&t, json_text_of(m, "type"));
		table_cell(&t, json_text_of(m, "field"));
		table_cell(&t, json_text_of(m, "at"));
		table_cell(&t, buf_cstr(&more));
	}
	printf("\n");
	table_print(&t, stdout);
	buf_free(&more);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *m = json_array_get(list, i);
		source(json_text_of(m, "name"), json_object_get(m, "where"));
	}
}

/* {"a":1,"b":"why"} → "a=1 b: why" */
static void pairs(const json_t *o, struct buf *b)
{
	const char *key;
	json_t *v;
	json_object_foreach((json_t *)(uintptr_t)o, key, v)
	{
		buf_puts(b, b->len ? " " : "");
		if (json_is_integer(v))
			buf_printf(b, "%s=%lld", key, (long long)json_integer_value(v));
		else if (json_is_string(v))
			buf_printf(b, "%s: %s", key, json_string_value(v));
	}
}

static void events(const json_t *o)
{
	static const char *const texts[] = {"id", "type", "subject", "unit"};
	const json_t *list = json_object_get(o, "events");
	const char *next = json_text_of(o, "next");
	struct table t = {0};
	struct buf b = {0};
	table_column(&t, "seq", true);
	table_column(&t, CX_T("instante", "time"), false);
	table_column(&t, "id", false);
	table_column(&t, CX_T("evento", "event"), false);
	table_column(&t, CX_T("cliente", "subject"), false);
	table_column(&t, CX_T("unidade", "unit"), false);
	table_column(&t, CX_T("conta em", "counts in"), false);
	table_column(&t, CX_T("fora da conta", "left out"), false);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *ev = json_array_get(list, i);
		table_cellf(&t, "%lld", (long long)json_integer_value(json_object_get(ev, "seq")));
		table_cell(&t, json_text_of(ev, "placed_text"));
		for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
			table_cell(&t, json_text_of(ev, texts[k]));
		buf_clear(&b);
		pairs(json_object_get(ev, "counts"), &b);
		table_cell(&t, buf_cstr(&b));
		buf_clear(&b);
		pairs(json_object_get(ev, "excluded"), &b);
		table_cell(&t, buf_cstr(&b));
	}
	printf("\n");
	if (json_array_size(list))
		table_print(&t, stdout);
	else
		printf("%s\n", CX_T("nenhum evento", "no event"));
	table_free(&t);
	if (next)
		printf(CX_T("mais: --after %s\n", "more: --after %s\n"), next);
	buf_free(&b);
}

void kpi_explained(const char *id, const json_t *o)
{
	const json_t *d = json_object_get(o, "definition");
	const char *hash = json_text_of(d, "hash"), *plugin = json_text_of(d, "plugin"),
		   *version = json_text_of(d, "version");
	kpi_detail(id, json_object_get(o, "figure"));
	if (plugin && version && hash)
		printf("%s %s  %.12s\n", plugin, version, hash);
	source(CX_T("fórmula", "formula"), json_object_get(d, "formula"));
	source(CX_T("intervalo", "interval"), json_object_get(d, "interval"));
	measures(json_object_get(d, "measures"));
	events(o);
}

void kpi_charted(const json_t *o)
{
	const json_t *points = json_object_get(o, "points");
	const char *title = json_text_of(o, "title"), *center = json_text_of(o, "center_text"),
		   *lower = json_text_of(o, "lower_text"), *upper = json_text_of(o, "upper_text"),
		   *note = json_text_of(o, "note_text");
	struct table t = {0};
	printf("%s\n\n", title ? title : "");
	table_column(&t, CX_T("período", "period"), false);
	table_column(&t, CX_T("valor", "value"), true);
	table_column(&t, CX_T("sinal", "signal"), false);
	table_column(&t, CX_T("nota", "note"), false);
	for (size_t i = 0; i < json_array_size(points); i++) {
		const json_t *p = json_array_get(points, i);
		const char *text = json_text_of(p, "text"), *said = json_text_of(p, "signal_text");
		bool cut = json_is_true(json_object_get(p, "cut"));
		table_cell(&t, json_text_of(p, "period_text"));
		table_cell(&t, text ? text : json_text_of(p, "note_text"));
		table_cell(&t, cut ? CX_T("período incompleto", "incomplete period") : said);
		table_cell(&t, text ? json_text_of(p, "note_text") : NULL);
	}
	if (json_array_size(points))
		table_print(&t, stdout);
	table_free(&t);
	if (center)
		printf(CX_T("\ncentro %s, limites %s a %s (XmR)\n",
			       "\ncenter %s, limits %s to %s (XmR)\n"),
			center, lower, upper);
	if (note)
		printf("%s\n", note);
}
