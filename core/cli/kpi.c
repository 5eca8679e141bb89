#include <string.h>

#include "base/text.h"
#include "cli/figure.h"

enum { MEASURES_SHOWN = TABLE_COLUMNS - 12 }; /* dimensions, period, value and note take the rest */

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
