/* cxd journey: the journeys there are, and of one its funnel, frictions, conformance or open
 * instances. Every number is a text of the reply, or a count. */
#include <string.h>

#include "base/text.h"
#include "cli/print.h"

struct view {
	const char *name, *path;
	void (*print)(const json_t *reply);
	const char *options[6]; /* of cxd journey that it takes */
};

static void count_cell(struct table *t, const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	if (json_is_integer(v))
		table_cellf(t, "%lld", (long long)json_integer_value(v));
	else
		table_cell(t, "—");
}

static void heading(const json_t *o)
{
	const char *title = json_text_of(o, "title"), *period = json_text_of(o, "period_text");
	printf("%s  %s%s%s  n=%lld\n", json_text_of(o, "journey"), title ? title : "",
		period && *period ? "  " : "", period ? period : "",
		(long long)json_integer_value(json_object_get(o, "instances")));
}

/* "close 102, left 14" */
static void counts_cell(struct table *t, json_t *of)
{
	struct buf b = {0};
	for (void *i = json_object_iter(of); i; i = json_object_iter_next(of, i))
		buf_printf(&b, "%s%s %lld", b.len ? ", " : "", json_object_iter_key(i),
			(long long)json_integer_value(json_object_iter_value(i)));
	table_cell(t, buf_cstr(&b));
	buf_free(&b);
}

/* Columns and cells of what a group is of. */
static void by_columns(struct table *t, json_t *by)
{
	for (void *i = json_object_iter(by); i; i = json_object_iter_next(by, i))
		table_column(t, json_object_iter_key(i), false);
}

static void by_cells(struct table *t, json_t *like, const json_t *by)
{
	for (void *i = json_object_iter(like); i; i = json_object_iter_next(like, i)) {
		const char *text = json_text_of(by, json_object_iter_key(i));
		table_cell(t, !by ? CX_T("todos", "all") : text ? text : "—");
	}
}

/* ---- funnel ---- */

static void stage_rows(struct table *t, json_t *like, const json_t *group)
{
	const json_t *stages = json_object_get(group, "stages");
	for (size_t i = 0; i < json_array_size(stages); i++) {
		const json_t *s = json_array_get(stages, i);
		by_cells(t, like, json_object_get(group, "by"));
		table_cell(t, json_text_of(s, "title"));
		count_cell(t, s, "instances");
		count_cell(t, s, "passes");
		count_cell(t, s, "open");
		count_cell(t, s, "immature");
		table_cell(t, json_text_of(s, "conversion_text"));
		table_cell(t, json_text_of(s, "median_text"));
		table_cell(t, json_text_of(s, "p90_text"));
		counts_cell(t, json_object_get(s, "left"));
	}
}

static void outcome_rows(struct table *t, json_t *like, const json_t *group)
{
	const json_t *all = json_object_get(group, "lead_times");
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *o = json_array_get(all, i);
		by_cells(t, like, json_object_get(group, "by"));
		table_cell(t, json_text_of(o, "outcome"));
		table_cell(t, json_is_true(json_object_get(o, "lost")) ? CX_T("sim", "yes") : NULL);
		count_cell(t, o, "instances");
		table_cell(t, json_text_of(o, "median_text"));
		table_cell(t, json_text_of(o, "p90_text"));
	}
}

static void each_group(struct table *t, const json_t *o,
	void (*rows)(struct table *t, json_t *like, const json_t *group))
{
	const json_t *groups = json_object_get(o, "groups");
	json_t *like = json_object_get(json_array_get(groups, 0), "by");
	for (size_t i = 0; i < json_array_size(groups); i++)
		rows(t, like, json_array_get(groups, i));
	rows(t, like, o);
	table_print(t, stdout);
}

static json_t *group_like(const json_t *o)
{
	return json_object_get(json_array_get(json_object_get(o, "groups"), 0), "by");
}

static void print_funnel(const json_t *o)
{
	struct table stages = {0}, outcomes = {0};
	heading(o);
	putchar('\n');
	by_columns(&stages, group_like(o));
	table_column(&stages, CX_T("etapa", "stage"), false);
	table_column(&stages, CX_T("instâncias", "instances"), true);
	table_column(&stages, CX_T("passagens", "passes"), true);
	table_spare(&stages, 3);
	table_column(&stages, CX_T("abertas", "open"), true);
	table_column(&stages, CX_T("imaturas", "immature"), true);
	table_spare(&stages, 2);
	table_column(&stages, CX_T("conversão", "conversion"), true);
	table_column(&stages, CX_T("mediana", "median"), true);
	table_column(&stages, "p90", true);
	table_column(&stages, CX_T("saíram para", "left for"), false);
	table_spare(&stages, 1);
	each_group(&stages, o, stage_rows);
	if (!json_array_size(json_object_get(o, "lead_times")))
		return;
	putchar('\n');
	by_columns(&outcomes, group_like(o));
	table_column(&outcomes, CX_T("desfecho", "outcome"), false);
	table_column(&outcomes, CX_T("perda", "lost"), false);
	table_column(&outcomes, CX_T("instâncias", "instances"), true);
	table_column(&outcomes, CX_T("mediana", "median"), true);
	table_column(&outcomes, "p90", true);
	each_group(&outcomes, o, outcome_rows);
}

/* ---- frictions ---- */

static void nps_cell(struct table *t, const json_t *o, const char *side)
{
	const json_t *nps = json_object_get(json_object_get(o, "nps"), side);
	if (json_text_of(nps, "value_text"))
		table_cellf(t, "%s (n=%lld)", json_text_of(nps, "value_text"),
			(long long)json_integer_value(json_object_get(nps, "n")));
	else
		table_cell(t, NULL);
}

static void print_frictions(const json_t *o)
{
	const json_t *all = json_object_get(o, "frictions");
	struct table t = {0};
	heading(o);
	putchar('\n');
	table_column(&t, CX_T("atrito", "friction"), false);
	table_column(&t, CX_T("etapa", "stage"), false);
	table_column(&t, CX_T("índice", "index"), true);
	table_column(&t, CX_T("vezes", "times"), true);
	table_column(&t, CX_T("tempo perdido", "time lost"), true);
	table_column(&t, CX_T("clientes", "customers"), true);
	table_column(&t, CX_T("NPS com", "NPS with"), true);
	table_column(&t, CX_T("NPS sem", "NPS without"), true);
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *f = json_array_get(all, i);
		table_cell(&t, json_text_of(f, "kind"));
		table_cell(&t, json_text_of(f, "title"));
		table_cell(&t, json_text_of(f, "index_text"));
		count_cell(&t, f, "passes");
		table_cell(&t, json_text_of(f, "lost_text"));
		count_cell(&t, f, "customers");
		nps_cell(&t, f, "with");
		nps_cell(&t, f, "without");
	}
	table_print(&t, stdout);
}

/* ---- conformance ---- */

static void fitness_row(struct table *t, json_t *like, const json_t *by, const json_t *o)
{
	const char *period = json_text_of(o, "period");
	by_cells(t, like, by);
	table_cell(t, period ? period : CX_T("tudo", "all"));
	count_cell(t, o, "instances");
	table_cell(t, json_text_of(o, "fitness_text"));
	count_cell(t, o, "as_ideal");
}

static void fitness_rows(struct table *t, json_t *like, const json_t *group)
{
	const json_t *series = json_object_get(group, "series");
	for (size_t i = 0; i < json_array_size(series); i++)
		fitness_row(t, like, json_object_get(group, "by"), json_array_get(series, i));
	fitness_row(t, like, json_object_get(group, "by"), group);
}

static void print_conformance(const json_t *o)
{
	const json_t *all = json_object_get(o, "deviations");
	struct table fitness = {0}, deviations = {0};
	heading(o);
	putchar('\n');
	by_columns(&fitness, group_like(o));
	table_column(&fitness, CX_T("período", "period"), false);
	table_column(&fitness, CX_T("instâncias", "instances"), true);
	table_column(&fitness, CX_T("aderência", "fitness"), true);
	table_column(&fitness, CX_T("como o ideal", "as ideal"), true);
	each_group(&fitness, o, fitness_rows);
	if (!json_array_size(all))
		return;
	putchar('\n');
	table_column(&deviations, CX_T("desvio", "deviation"), false);
	table_column(&deviations, CX_T("etapa", "stage"), false);
	table_column(&deviations, CX_T("vezes", "times"), true);
	table_column(&deviations, CX_T("instâncias", "instances"), true);
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *d = json_array_get(all, i);
		table_cell(&deviations, json_text_of(d, "kind"));
		table_cell(&deviations, json_text_of(d, "stage"));
		count_cell(&deviations, d, "count");
		count_cell(&deviations, d, "instances");
	}
	table_print(&deviations, stdout);
}

/* ---- instances ---- */

static void print_instances(const json_t *o)
{
	static const char *const keys[] = {"key", "stage", "begun", "due", "unit", "subject"};
	const json_t *all = json_object_get(o, "instances"), *next = json_object_get(o, "next");
	struct table t = {0};
	table_column(&t, CX_T("instância", "instance"), false);
	table_column(&t, CX_T("etapa", "stage"), false);
	table_column(&t, CX_T("começo", "begun"), false);
	table_column(&t, CX_T("prazo", "due"), false);
	table_column(&t, CX_T("unidade", "unit"), false);
	table_column(&t, CX_T("cliente", "customer"), false);
	table_column(&t, CX_T("atrasada", "late"), false);
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *r = json_array_get(all, i);
		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
			table_cell(&t, json_text_of(r, keys[k]));
		table_cell(
			&t, json_is_true(json_object_get(r, "late")) ? CX_T("sim", "yes") : NULL);
	}
	table_print(&t, stdout);
	if (json_is_integer(next))
		fprintf(stderr, CX_T("há mais: --after %lld\n", "there are more: --after %lld\n"),
			(long long)json_integer_value(next));
}

/* ---- the command ---- */

static const struct view views[] = {
	{"funnel", "/funnel", print_funnel, {"from", "to", "by", "where", "version"}},
	{"frictions", "/frictions", print_frictions, {"from", "to", "where", "version", "limit"}},
	{"conformance", "/conformance", print_conformance,
		{"from", "to", "by", "where", "version", "every"}},
	{"instances", "/instances", print_instances, {"stage", "after", "limit"}},
};

static const struct view *view_of(const char *name)
{
	for (size_t i = 0; i < sizeof views / sizeof *views; i++)
		if (strcmp(views[i].name, name) == 0)
			return &views[i];
	return NULL;
}

/* false: an option that this view does not take, which is told. */
static bool make_query(const struct cli *c, const struct view *v, struct buf *q)
{
	for (int i = 0; i < c->ngiven; i++) {
		const char *name = c->given[i].option->name;
		bool takes = false;
		if (strcmp(name, "json") == 0 || strcmp(name, "conf") == 0)
			continue;
		for (size_t k = 0; k < sizeof v->options / sizeof *v->options; k++)
			takes |= v->options[k] && strcmp(v->options[k], name) == 0;
		if (!takes) {
			cli_usage_fail(c, CX_T("%s não tem --%s", "%s has no --%s"), v->name, name);
			return false;
		}
		buf_printf(q, "%s%s=", q->len ? "&" : "", name);
		percent_encode(q, c->given[i].value);
	}
	return true;
}

static int show(struct cli *c, const char *path, const char *query, void (*print)(const json_t *o))
{
	struct reply reply = {0};
	int rc = cli_get(c, path, query, &reply);
	json_t *j = rc == EXIT_DONE ? reply_json(&reply) : NULL;
	if (rc == EXIT_DONE && !j)
		rc = EXIT_REFUSED;
	else if (j && c->json)
		printf("%s\n", buf_cstr(&reply.body));
	else if (j)
		print(j);
	json_decref(j);
	reply_free(&reply);
	return rc;
}

static void print_journeys(const json_t *o)
{
	const json_t *all = json_object_get(o, "journeys");
	struct table t = {0};
	table_column(&t, CX_T("jornada", "journey"), false);
	table_column(&t, "plugin", false);
	table_column(&t, CX_T("etapas", "stages"), true);
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *d = json_object_get(json_array_get(all, i), "definition");
		table_cell(&t, json_text_of(d, "id"));
		table_cell(&t, json_text_of(json_array_get(all, i), "plugin"));
		table_cellf(&t, "%zu", json_array_size(json_object_get(d, "stages")));
	}
	table_print(&t, stdout);
}

int cmd_journey(struct cli *c)
{
	struct buf path = {0}, query = {0};
	const struct view *v = view_of(c->nargs > 1 ? c->args[1] : "funnel");
	if (c->nargs == 0)
		return show(c, "/v1/journeys", NULL, print_journeys);
	if (!v)
		return cli_usage_fail(c,
			CX_T("\"%s\": use funnel, frictions, conformance ou instances",
				"\"%s\": use funnel, frictions, conformance or instances"),
			c->args[1]);
	int rc = EXIT_USAGE;
	buf_puts(&path, "/v1/journeys/");
	percent_encode(&path, c->args[0]);
	buf_puts(&path, v->path);
	if (make_query(c, v, &query))
		rc = show(c, buf_cstr(&path), query.len ? buf_cstr(&query) : NULL, v->print);
	buf_free(&path);
	buf_free(&query);
	return rc;
}
