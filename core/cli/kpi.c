#include <string.h>

#include "base/text.h"
#include "base/tz.h"
#include "cli/print.h"

enum {
	PERIOD_TEXT = 96,
	MEASURES_SHOWN = TABLE_COLUMNS - 12
}; /* dimensions, period, value and note take the rest */

/* ---- the parts of a reply as texts for people ---- */

static const struct {
	const char *note, *pt, *en;
} notes[] = {
	{"no_data", "sem dados", "no data"},
	{"few_answers", "poucas respostas", "few answers"},
	{"partial", "parcial", "partial"},
	{"rebuilding", "em recálculo", "rebuilding"},
	{"suppressed", "suprimido", "suppressed"},
};

static const char *figure_note(const json_t *o)
{
	const char *note = json_text_of(o, "note");
	for (size_t i = 0; note && i < sizeof notes / sizeof *notes; i++)
		if (strcmp(note, notes[i].note) == 0)
			return CX_T(notes[i].pt, notes[i].en);
	return note;
}

/* A title is a text or one per language. */
static const char *figure_title(const json_t *o, const char *otherwise)
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

static void figure_cell(struct table *t, const json_t *o)
{
	const char *text = json_text_of(o, "text");
	const json_t *v = json_object_get(o, "value");
	if (text || !json_is_number(v))
		table_cell(t, text ? text : "—");
	else
		table_cellf(t, "%.15g", json_number_value(v));
}

static void figure_dim_cell(struct table *t, const json_t *v)
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

/* A day where it may and does begin one, else with its time. */
static void instant_text(int64_t at, bool day_alone, char out[48])
{
	char day[32], text[TZ_TEXT];
	int32_t d = tz_day(at);
	date_text(d, day);
	tz_format(at, text);
	bool seconds = strncmp(text + 17, "00", 2) != 0;
	if (day_alone && tz_day_start(d) == at)
		snprintf(out, 48, "%s", day);
	else
		snprintf(out, 48, "%s %.*s", day, seconds ? 8 : 5, text + 11);
}

/* A window that is open at one end. */
static void open_period(const char *from, const char *to, char out[PERIOD_TEXT])
{
	const char *text = from ? from : to;
	int64_t at;
	char day[48];
	out[0] = 0;
	if (!text || !tz_parse_rfc3339(text, strlen(text), &at))
		return;
	int32_t d = tz_day(from ? at : at - 1);
	if (tz_day_start(from ? d : d + 1) == at)
		date_text(d, day);
	else
		instant_text(at, true, day);
	snprintf(out, PERIOD_TEXT, from ? CX_T("desde %s", "since %s") : CX_T("até %s", "up to %s"),
		day);
}

/* The instants from and to (exclusive) as people say them; "" where there is no window. */
static void figure_period(const json_t *o, char out[PERIOD_TEXT])
{
	const char *from = json_text_of(o, "from"), *to = json_text_of(o, "to");
	int64_t a, b;
	char first[48], last[48];
	if (!from || !to || !tz_parse_rfc3339(from, strlen(from), &a) ||
		!tz_parse_rfc3339(to, strlen(to), &b)) {
		open_period(from, to, out);
		return;
	}
	int32_t d1 = tz_day(a), d2 = tz_day(b - 1);
	if (tz_day_start(d1) != a || tz_day_start(d2 + 1) != b) {
		instant_text(a, true, first);
		instant_text(b, false, last);
		d1 = d2 + 1;
	} else {
		date_text(d1, first);
		date_text(d2, last);
	}
	if (d1 == d2)
		snprintf(out, PERIOD_TEXT, "%s", first);
	else
		snprintf(out, PERIOD_TEXT, CX_T("%s a %s", "%s – %s"), first, last);
}

static void figure_measures(const json_t *o, struct buf *b)
{
	json_t *all = json_object_get(o, "measures");
	buf_clear(b);
	for (void *m = json_object_iter(all); m; m = json_object_iter_next(all, m))
		if (json_is_integer(json_object_iter_value(m)))
			buf_printf(b, "%s%s=%lld", b->len ? " " : "", json_object_iter_key(m),
				(long long)json_integer_value(json_object_iter_value(m)));
}

/* ---- asking ---- */

static void query_add(struct buf *q, const char *name, const char *value)
{
	buf_printf(q, "%s%s=", q->len ? "&" : "", name);
	percent_encode(q, value);
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
	percent_encode(&path, id);
	int rc = cli_get(c, buf_cstr(&path), query, reply);
	buf_free(&path);
	return rc;
}

static void overview_row(struct table *t, const json_t *row, const json_t *o, struct buf *text)
{
	figure_measures(o, text);
	table_cell(t, json_text_of(row, "id"));
	table_cell(t, figure_title(row, ""));
	figure_cell(t, o);
	table_cell(t, figure_note(o));
	table_cell(t, buf_cstr(text));
}

/* All KPIs in one window. */
static int overview(struct cli *c, const char *query)
{
	struct reply list = {0};
	int rc = cli_get(c, "/v1/kpis", NULL, &list), shown = 0, known = 0;
	json_t *j = rc == EXIT_DONE ? reply_json(&list) : NULL;
	struct table t = {0};
	struct buf text = {0}, all = {0};
	char period[PERIOD_TEXT] = "";
	const json_t *kpis = json_object_get(j, "kpis");
	table_column(&t, "KPI", false);
	table_column(&t, CX_T("título", "title"), false);
	table_column(&t, CX_T("valor", "value"), true);
	table_column(&t, CX_T("nota", "note"), false);
	table_column(&t, CX_T("de onde vem", "made of"), false);
	for (size_t i = 0; i < json_array_size(kpis); i++) {
		const json_t *row = json_array_get(kpis, i);
		struct reply reply = {0};
		const char *id = json_text_of(row, "id");
		int one = id ? get_kpi(c, id, query, &reply) : EXIT_REFUSED;
		json_t *o = one == EXIT_DONE ? reply_json(&reply) : NULL;
		if (o) {
			overview_row(&t, row, o, &text);
			figure_period(o, period);
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

static void detail_row(struct table *t, json_t *dims, const json_t *by, const json_t *o,
	json_t *measures, bool periods)
{
	char period[PERIOD_TEXT];
	json_t *own = json_object_get(o, "measures");
	for (void *d = json_object_iter(dims); d; d = json_object_iter_next(dims, d))
		figure_dim_cell(t, json_object_get(by, json_object_iter_key(d)));
	figure_period(o, period);
	if (periods)
		table_cell(t, period);
	figure_cell(t, o);
	void *m = json_object_iter(measures);
	for (int i = 0; m && i < MEASURES_SHOWN; i++, m = json_object_iter_next(measures, m))
		figure_dim_cell(t, json_object_get(own, json_object_iter_key(m)));
	table_cell(t, figure_note(o));
}

static void detail_columns(struct table *t, json_t *dims, json_t *measures, bool periods)
{
	for (void *d = json_object_iter(dims); d; d = json_object_iter_next(dims, d))
		table_column(t, json_object_iter_key(d), false);
	if (periods)
		table_column(t, CX_T("período", "period"), false);
	table_column(t, CX_T("valor", "value"), true);
	void *m = json_object_iter(measures);
	for (int i = 0; m && i < MEASURES_SHOWN; i++, m = json_object_iter_next(measures, m))
		table_column(t, json_object_iter_key(m), true);
	table_column(t, CX_T("nota", "note"), false);
}

/* Series and groups, one row each. */
static void detail_table(const json_t *j)
{
	struct table t = {0};
	const json_t *groups = json_object_get(j, "groups"), *series = json_object_get(j, "series");
	const json_t *first = json_array_get(groups, 0);
	json_t *dims = json_object_get(first, "by"), *measures = json_object_get(j, "measures");
	bool periods = json_is_array(first ? json_object_get(first, "series") : series);
	if (json_array_size(groups) == 0 && json_array_size(series) == 0)
		return;
	detail_columns(&t, dims, measures, periods);
	for (size_t i = 0; !first && i < json_array_size(series); i++)
		detail_row(&t, NULL, NULL, json_array_get(series, i), measures, true);
	for (size_t i = 0; i < json_array_size(groups); i++) {
		const json_t *row = json_array_get(groups, i);
		const json_t *by = json_object_get(row, "by"),
			     *own = json_object_get(row, "series");
		if (!periods)
			detail_row(&t, dims, by, row, measures, false);
		for (size_t k = 0; k < json_array_size(own); k++)
			detail_row(&t, dims, by, json_array_get(own, k), measures, true);
	}
	putchar('\n');
	table_print(&t, stdout);
}

static int detail(struct cli *c, const char *query)
{
	struct reply reply = {0};
	struct table t = {0};
	struct buf text = {0};
	char period[PERIOD_TEXT];
	int rc = get_kpi(c, c->args[0], query, &reply);
	if (rc == EXIT_DONE && c->json) {
		printf("%s\n", buf_cstr(&reply.body));
	} else if (rc == EXIT_DONE) {
		json_t *j = reply_json(&reply);
		const char *cells[5] = {c->args[0], NULL, NULL, figure_note(j), NULL};
		figure_period(j, period);
		figure_measures(j, &text);
		cells[1] = period;
		cells[4] = buf_cstr(&text);
		for (int i = 0; i < 5; i++) { /* one row, no header: what is there, in this order */
			if (i == 2 || (cells[i] && *cells[i]))
				t.columns++;
			if (i == 2)
				figure_cell(&t, j);
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
