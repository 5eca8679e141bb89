#include <string.h>

#include "base/text.h"
#include "cli/kpi_print.h"

enum { SILENT_WIDTH = 96 };

static void query_add(struct buf *q, const char *name, const char *value)
{
	buf_printf(q, "%s%s=", q->len ? "&" : "", name);
	percent_encode(q, value);
}

static void make_query(const struct cli *c, struct buf *q)
{
	static const struct {
		const char *option, *name;
	} all[] = {{"from", "from"}, {"to", "to"}, {"last", "last"}, {"every", "every"},
		{"by", "by"}, {"where", "where"}, {"compare", "compare"}, {"as-known", "as_known"},
		{"pool", "pool"}, {"after", "after"}, {"limit", "limit"}, {"rules", "rules"},
		{"baseline", "baseline"}};
	const char *v;
	for (size_t k = 0; k < sizeof all / sizeof *all; k++)
		for (int i = 0; (v = cli_option(c, all[k].option, i)); i++)
			query_add(q, all[k].name, v);
	if (c->nargs == 0 && !cli_option(c, "from", 0) && !cli_option(c, "to", 0) &&
		!cli_option(c, "last", 0))
		query_add(q, "last", "12mo");
}

/* what: "" or "/explain" */
static int get_kpi(
	struct cli *c, const char *id, const char *what, const char *query, struct reply *reply)
{
	struct buf path = {0};
	buf_puts(&path, "/v1/kpis/");
	percent_encode(&path, id);
	buf_puts(&path, what);
	int rc = cli_get(c, buf_cstr(&path), query, reply);
	buf_free(&path);
	return rc;
}

/* Its plugin is off: that is said, and it is no mistake of who asks. */
static bool is_off(const json_t *row)
{
	const char *state = json_text_of(row, "plugin_state");
	if (!state || strcmp(state, "running") == 0)
		return false;
	fprintf(stderr,
		CX_T("%s: o plugin %s não responde (%s)\n", "%s: plugin %s does not answer (%s)\n"),
		json_text_of(row, "id"), json_text_of(row, "plugin"), state);
	return true;
}

/* Has it a value, or a note other than that there are no data? */
static bool says_something(const json_t *o)
{
	const char *note = json_text_of(o, "note");
	return json_is_number(json_object_get(o, "value")) || !note || strcmp(note, "no_data") != 0;
}

/* Those without data are named below the table, so that it shows what there is. */
static void name_silent(struct buf *line, const char *id, int n)
{
	const char *nl = strrchr(buf_cstr(line), '\n');
	size_t width = line->len - (nl ? (size_t)(nl - line->p) : 0);
	buf_printf(line, "%s%s",
		n == 0                              ? ""
		: width + strlen(id) > SILENT_WIDTH ? ",\n  "
						    : ", ",
		id);
}

/* All KPIs in one window. */
static int overview(struct cli *c, const char *query)
{
	struct reply list = {0};
	int rc = cli_get(c, "/v1/kpis", NULL, &list), shown = 0, known = 0, nsilent = 0;
	json_t *j = rc == EXIT_DONE ? reply_json(&list) : NULL;
	struct table t = {0};
	struct buf all = {0}, period = {0}, silent = {0};
	const json_t *kpis = json_object_get(j, "kpis");
	kpi_overview_columns(&t);
	for (size_t i = 0; i < json_array_size(kpis); i++) {
		const json_t *row = json_array_get(kpis, i);
		struct reply reply = {0};
		const char *id = json_text_of(row, "id");
		if (is_off(row))
			continue;
		int one = id ? get_kpi(c, id, "", query, &reply) : EXIT_REFUSED;
		json_t *o = one == EXIT_DONE ? reply_json(&reply) : NULL;
		if (o) {
			const char *text = json_text_of(o, "period_text");
			if (says_something(o))
				kpi_overview_row(&t, row, o);
			else
				name_silent(&silent, id, nsilent++);
			buf_clear(&period);
			buf_puts(&period, text ? text : "");
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
	else if (period.len)
		printf("%s\n", buf_cstr(&period));
	if (!c->json && j && json_array_size(kpis) == 0)
		fprintf(stderr, "%s\n",
			CX_T("nenhum indicador: os plugins em [plugins] enable não declaram nenhum",
				"no KPI: the plugins in [plugins] enable declare none"));
	if (!c->json && shown > nsilent)
		table_print(&t, stdout);
	if (!c->json && nsilent)
		printf(CX_T("%sSem dados neste período: %s\n", "%sNo data in this window: %s\n"),
			shown > nsilent ? "\n" : "", buf_cstr(&silent));
	if (shown > 0 && known == 0)
		fprintf(stderr, "%s\n",
			CX_T("outro período: cxd kpi --from 2017-01-01 --to 2018-01-01",
				"another window: cxd kpi --from 2017-01-01 --to 2018-01-01"));
	table_free(&t);
	json_decref(j);
	buf_free(&period);
	buf_free(&silent);
	buf_free(&all);
	reply_free(&list);
	return j ? rc : EXIT_REFUSED;
}

static int detail(struct cli *c, const char *query)
{
	struct reply reply = {0};
	const char *id = c->args[0];
	bool explain = cli_option(c, "explain", 0), control = cli_option(c, "control", 0);
	const char *what = explain ? "/explain" : control ? "/control" : "";
	int rc = get_kpi(c, id, what, query, &reply);
	json_t *j = rc == EXIT_DONE ? reply_json(&reply) : NULL;
	if (rc == EXIT_DONE && !j)
		rc = EXIT_REFUSED;
	else if (j && c->json)
		printf("%s\n", buf_cstr(&reply.body));
	else if (j && explain)
		kpi_explained(id, j);
	else if (j && control)
		kpi_charted(j);
	else if (j)
		kpi_detail(id, j);
	json_decref(j);
	reply_free(&reply);
	return rc;
}

/* An option that goes with another one; NULL: all are where they belong. */
static const char *stray_option(const struct cli *c)
{
	static const char *const belong[][2] = {{"after", "explain"}, {"limit", "explain"},
		{"rules", "control"}, {"baseline", "control"}};
	for (size_t i = 0; i < sizeof belong / sizeof *belong; i++)
		if (cli_option(c, belong[i][0], 0) && !cli_option(c, belong[i][1], 0))
			return belong[i][1];
	return NULL;
}

int cmd_kpi(struct cli *c)
{
	struct buf query = {0};
	if (c->nargs == 0 &&
		(cli_option(c, "every", 0) || cli_option(c, "by", 0) || cli_option(c, "pool", 0) ||
			cli_option(c, "explain", 0) || cli_option(c, "control", 0)))
		return cli_usage_fail(c,
			CX_T("--every, --by, --pool, --explain e --control pedem um ID: cxd kpi ID "
			     "--every month",
				"--every, --by, --pool, --explain and --control need an ID: cxd "
				"kpi ID --every month"));
	if (cli_option(c, "explain", 0) && cli_option(c, "control", 0))
		return cli_usage_fail(c, CX_T("--explain ou --control, um só",
						 "--explain or --control, one of them"));
	const char *needs = stray_option(c);
	if (needs)
		return cli_usage_fail(
			c, CX_T("essa opção vai com --%s", "this option goes with --%s"), needs);
	make_query(c, &query);
	int rc = c->nargs ? detail(c, buf_cstr(&query)) : overview(c, buf_cstr(&query));
	buf_free(&query);
	return rc;
}
