#include <string.h>

#include "base/tz.h"
#include "cli/print.h"

static const struct {
	const char *note, *pt, *en;
} notes[] = {
	{"no_data", "sem dados", "no data"},
	{"few_answers", "poucas respostas", "few answers"},
	{"partial", "parcial", "partial"},
	{"rebuilding", "em recálculo", "rebuilding"},
	{"suppressed", "suprimido", "suppressed"},
};

static const char *note_of(const json_t *o)
{
	const char *note = json_text_of(o, "note");
	for (size_t i = 0; note && i < sizeof notes / sizeof *notes; i++)
		if (strcmp(note, notes[i].note) == 0)
			return CX_T(notes[i].pt, notes[i].en);
	return note;
}

/* A title is a text or one per language. */
static const char *title_of(const json_t *o, const char *otherwise)
{
	const json_t *t = json_object_get(o, "title");
	const char *s = json_string_value(t);
	if (!s)
		s = json_text_of(t, CX_T("pt-BR", "en"));
	if (!s && cx_lang == CX_PT)
		s = json_text_of(t, "pt");
	if (!s && json_is_object(t))
		s = json_string_value(json_object_iter_value(json_object_iter((json_t *)t)));
	return s ? s : otherwise;
}

static void value_cell(struct table *t, const json_t *o)
{
	const char *text = json_text_of(o, "text");
	const json_t *v = json_object_get(o, "value");
	if (text || !json_is_number(v))
		table_cell(t, text ? text : "—");
	else
		table_cellf(t, "%.15g", json_number_value(v));
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

static void date_text(int32_t day, char out[32])
{
	static const char *const months[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	int y, m, d;
	civil_from_day(day, &y, &m, &d);
	if (cx_lang == CX_PT)
		snprintf(out, 32, "%02d/%02d/%04d", d, m, y);
	else
		snprintf(out, 32, "%d %s %04d", d, months[m - 1], y);
}

/* The instants from and to (exclusive) as people say them; "" where there is no window. */
static void period_text(const json_t *o, char out[96])
{
	const char *from = json_text_of(o, "from"), *to = json_text_of(o, "to");
	int64_t a, b;
	char first[32], last[32];
	out[0] = 0;
	if (!from || !to || !tz_parse_rfc3339(from, strlen(from), &a) ||
		!tz_parse_rfc3339(to, strlen(to), &b)) {
		if (from || to)
			snprintf(out, 96, "%s … %s", from ? from : "", to ? to : "");
		return;
	}
	int32_t d1 = tz_day(a), d2 = tz_day(b - 1);
	if (tz_day_start(d1) != a || tz_day_start(d2 + 1) != b) {
		snprintf(out, 96, "%.16s … %.16s", from, to);
		return;
	}
	date_text(d1, first);
	date_text(d2, last);
	if (d1 == d2)
		snprintf(out, 96, "%s", first);
	else
		snprintf(out, 96, CX_T("%s a %s", "%s – %s"), first, last);
}

static void measures_text(const json_t *o, struct buf *b)
{
	const char *name;
	json_t *v;
	buf_clear(b);
	json_object_foreach(json_object_get(o, "measures"), name, v) if (json_is_integer(v))
		buf_printf(
			b, "%s%s=%lld", b->len ? " " : "", name, (long long)json_integer_value(v));
}

static void query_add(struct buf *q, const char *name, const char *value)
{
	buf_printf(q, "%s%s=", q->len ? "&" : "", name);
	url_encode(q, value);
}

static void make_query(const struct cli *c, struct buf *q)
{
	static const char *const names[] = {"from", "to", "last", "every", "by", "where"};
	const char *v;
	for (int k = 0; k < 6; k++)
		for (int i = 0; (v = cli_option(c, names[k], i)); i++)
			query_add(q, names[k], v);
	if (c->nargs == 0 && !cli_option(c, "from", 0) && !cli_option(c, "to", 0) &&
		!cli_option(c, "last", 0))
		query_add(q, "last", "12mo");
}

static int get_kpi(struct cli *c, const char *id, const char *query, struct reply *reply)
{
	struct buf path = {0};
	buf_puts(&path, "/v1/kpis/");
	url_encode(&path, id);
	int rc = cli_get(c, buf_cstr(&path), query, reply);
	buf_free(&path);
	return rc;
}

static void overview_row(struct table *t, const json_t *row, const json_t *o, struct buf *text)
{
	measures_text(o, text);
	table_cell(t, json_text_of(row, "id"));
	table_cell(t, title_of(row, ""));
	value_cell(t, o);
	table_cell(t, note_of(o));
	table_cell(t, buf_cstr(text));
}

/* All KPIs in one window. */
static int overview(struct cli *c, const char *query)
{
	struct reply list = {0};
	int rc = cli_get(c, "/v1/kpis", NULL, &list), shown = 0, known = 0;
	json_t *j = rc == EXIT_DONE ? reply_json(&list) : NULL, *row;
	struct table t = {0};
	struct buf text = {0}, all = {0};
	char period[96] = "";
	size_t i;
	table_column(&t, "KPI", false);
	table_column(&t, CX_T("título", "title"), false);
	table_column(&t, CX_T("valor", "value"), true);
	table_column(&t, CX_T("nota", "note"), false);
	table_column(&t, CX_T("de onde vem", "made of"), false);
	json_array_foreach(json_object_get(j, "kpis"), i, row)
	{
		struct reply reply = {0};
		const char *id = json_text_of(row, "id");
		int one = id ? get_kpi(c, id, query, &reply) : EXIT_REFUSED;
		json_t *o = one == EXIT_DONE ? reply_json(&reply) : NULL;
		if (o) {
			overview_row(&t, row, o, &text);
			period_text(o, period);
			buf_puts(&all, all.len ? "," : "");
			buf_add(&all, reply.body.p, reply.body.len);
			shown++;
			known += json_is_number(json_object_get(o, "value"));
		}
		rc = o ? rc : EXIT_REFUSED;
		json_decref(o);
		reply_free(&reply);
	}
	if (c->json && j)
		printf("{\"kpis\":[%s]}\n", buf_cstr(&all));
	else if (period[0])
		printf("%s\n", period);
	if (!c->json && shown == 0 && rc == EXIT_DONE)
		fprintf(stderr, "%s\n",
			CX_T("nenhum indicador: os plugins em [plugins] enable não declaram nenhum",
				"no KPI: the plugins in [plugins] enable declare none"));
	if (!c->json && shown > 0)
		table_print(&t, stdout);
	if (shown > 0 && known == 0)
		fprintf(stderr, "%s\n",
			CX_T("sem dados neste período; outro: cxd kpi --from 2017-01-01 --to "
			     "2018-01-01",
				"no data in this window; another: cxd kpi --from 2017-01-01 --to "
				"2018-01-01"));
	table_free(&t);
	json_decref(j);
	buf_free(&text);
	buf_free(&all);
	reply_free(&list);
	return j ? rc : EXIT_REFUSED;
}

static void detail_row(struct table *t, const json_t *dims, const json_t *by, const json_t *o,
	const json_t *measures, bool periods)
{
	const char *name;
	json_t *v;
	char period[96];
	json_object_foreach((json_t *)dims, name, v) plain_cell(t, json_object_get(by, name));
	period_text(o, period);
	if (periods)
		table_cell(t, period);
	value_cell(t, o);
	json_object_foreach((json_t *)measures, name, v)
		plain_cell(t, json_object_get(json_object_get(o, "measures"), name));
	table_cell(t, note_of(o));
}

/* Series and groups, one row each. */
static void detail_table(const json_t *j)
{
	struct table t = {0};
	const json_t *groups = json_object_get(j, "groups"), *series = json_object_get(j, "series");
	const json_t *first = json_array_get(groups, 0);
	const json_t *dims = json_object_get(first, "by"),
		     *measures = json_object_get(j, "measures");
	bool periods = json_array_size(series) > 0 ||
		       json_array_size(json_object_get(first, "series")) > 0;
	const char *name;
	json_t *row, *part, *v;
	size_t i, k;
	if (json_array_size(groups) == 0 && json_array_size(series) == 0)
		return;
	json_object_foreach((json_t *)dims, name, v) table_column(&t, name, false);
	if (periods)
		table_column(&t, CX_T("período", "period"), false);
	table_column(&t, CX_T("valor", "value"), true);
	json_object_foreach((json_t *)measures, name, v) if (t.columns < TABLE_COLUMNS - 1)
		table_column(&t, name, true);
	table_column(&t, CX_T("nota", "note"), false);
	if (!dims)
		json_array_foreach((json_t *)series, i, row)
			detail_row(&t, NULL, NULL, row, measures, true);
	json_array_foreach((json_t *)groups, i, row)
	{
		const json_t *by = json_object_get(row, "by"),
			     *own = json_object_get(row, "series");
		if (!periods)
			detail_row(&t, dims, by, row, measures, false);
		json_array_foreach((json_t *)own, k, part)
			detail_row(&t, dims, by, part, measures, true);
	}
	putchar('\n');
	table_print(&t, stdout);
}

static int detail(struct cli *c, const char *query)
{
	struct reply reply = {0};
	struct table t = {0};
	struct buf text = {0};
	char period[96];
	int rc = get_kpi(c, c->args[0], query, &reply);
	if (rc == EXIT_DONE && c->json) {
		printf("%s\n", buf_cstr(&reply.body));
	} else if (rc == EXIT_DONE) {
		json_t *j = reply_json(&reply);
		const char *cells[5] = {c->args[0], NULL, NULL, note_of(j), NULL};
		period_text(j, period);
		measures_text(j, &text);
		cells[1] = period;
		cells[4] = buf_cstr(&text);
		for (int i = 0; i < 5; i++) { /* one row, no header: what is there, in this order */
			if (i == 2 || (cells[i] && *cells[i]))
				t.columns++;
			if (i == 2)
				value_cell(&t, j);
			else if (cells[i] && *cells[i])
				table_cell(&t, cells[i]);
		}
		table_print(&t, stdout);
		detail_table(j);
		rc = j ? EXIT_DONE : EXIT_REFUSED;
		json_decref(j);
	}
	buf_free(&text);
	reply_free(&reply);
	return rc;
}

int cmd_kpi(struct cli *c)
{
	struct buf query = {0};
	if (c->nargs == 0 && (cli_option(c, "every", 0) || cli_option(c, "by", 0)))
		return cli_usage_fail(
			c, CX_T("--every e --by pedem um ID: cxd kpi ID --every month",
				   "--every and --by need an ID: cxd kpi ID --every month"));
	make_query(c, &query);
	int rc = c->nargs ? detail(c, buf_cstr(&query)) : overview(c, buf_cstr(&query));
	buf_free(&query);
	return rc;
}
