#include <string.h>

#include "base/text.h"
#include "cli/print.h"

static void row(struct table *t, const json_t *f)
{
	static const char *const numbers[] = {"id", "seq", "tries"};
	for (int i = 0; i < 3; i++)
		table_cellf(
			t, "%lld", (long long)json_integer_value(json_object_get(f, numbers[i])));
	table_cell(t, json_text_of(f, "plugin"));
	table_cell(t, json_text_of(f, "handler"));
	table_cellf(t, "%s:%lld", json_text_of(f, "file"),
		(long long)json_integer_value(json_object_get(f, "line")));
	table_cell(t, json_text_of(f, "message"));
}

/* One page of what failed; *next: the cursor of the next one, 0 none. */
static int page(struct cli *c, long long after, const char *plugin, json_t **j, long long *next)
{
	struct buf query = {0};
	struct reply reply = {0};
	buf_printf(&query, "after=%lld", after);
	if (plugin) {
		buf_puts(&query, "&plugin=");
		percent_encode(&query, plugin);
	}
	int rc = cli_get(c, "/v1/failed", buf_cstr(&query), &reply);
	*j = rc == EXIT_DONE ? reply_json(&reply) : NULL;
	*next = json_integer_value(json_object_get(*j, "next"));
	reply_free(&reply);
	buf_free(&query);
	return rc == EXIT_DONE && !*j ? EXIT_REFUSED : rc;
}

static int list(struct cli *c, const char *plugin)
{
	struct table t = {0};
	json_t *all = json_array(), *j;
	long long next = 0;
	int rc;
	do {
		rc = page(c, next, plugin, &j, &next);
		json_array_extend(all, json_object_get(j, "failed"));
		json_decref(j);
	} while (rc == EXIT_DONE && next);
	if (rc == EXIT_DONE && c->json) {
		json_dumpf(all, stdout, JSON_COMPACT);
		printf("\n");
	} else if (rc == EXIT_DONE) {
		table_column(&t, "id", true);
		table_column(&t, "seq", true);
		table_column(&t, CX_T("vezes", "tries"), true);
		table_column(&t, "plugin", false);
		table_column(&t, CX_T("o quê", "what"), false);
		table_column(&t, CX_T("onde", "where"), false);
		table_column(&t, CX_T("mensagem", "message"), false);
		for (size_t i = 0; i < json_array_size(all); i++)
			row(&t, json_array_get(all, i));
		table_print(&t, stdout);
	}
	json_decref(all);
	return rc;
}

/* quiet: several are run, and what each says is not printed as JSON. */
static int again(struct cli *c, const char *id, bool quiet)
{
	struct buf path = {0};
	struct reply reply = {0};
	buf_puts(&path, "/v1/failed/");
	percent_encode(&path, id);
	buf_puts(&path, "/retry");
	int rc = cli_request(
		c, &(struct request){.method = "POST", .path = buf_cstr(&path)}, &reply);
	if (rc == EXIT_DONE)
		rc = reply_refused(&reply);
	json_t *j = rc == EXIT_DONE ? reply_json(&reply) : NULL;
	if (rc == EXIT_DONE && c->json && !quiet)
		printf("%s\n", buf_cstr(&reply.body));
	if (j && json_is_true(json_object_get(j, "done")))
		fprintf(stderr, CX_T("%s: feito (%s)\n", "%s: done (%s)\n"), id,
			json_text_of(j, "handler"));
	else if (j)
		rc = cli_fail(
			CX_T("%s: falhou de novo, %s:%lld: %s", "%s: failed again, %s:%lld: %s"),
			id, json_text_of(j, "file"),
			(long long)json_integer_value(json_object_get(j, "line")),
			json_text_of(j, "message"));
	else if (rc == EXIT_DONE)
		rc = EXIT_REFUSED;
	json_decref(j);
	reply_free(&reply);
	buf_free(&path);
	return rc;
}

/* Each once: what fails again keeps its number, and is behind the cursor. */
static int all(struct cli *c, const char *plugin)
{
	long long next = 0;
	int rc, worst = EXIT_DONE;
	json_t *j;
	do {
		rc = page(c, next, plugin, &j, &next);
		const json_t *rows = json_object_get(j, "failed");
		for (size_t i = 0; i < json_array_size(rows); i++) {
			char id[24];
			snprintf(id, sizeof id, "%lld",
				(long long)json_integer_value(
					json_object_get(json_array_get(rows, i), "id")));
			int one = again(c, id, true);
			worst = one != EXIT_DONE ? one : worst;
		}
		json_decref(j);
	} while (rc == EXIT_DONE && next);
	return rc != EXIT_DONE ? rc : worst;
}

int cmd_retry(struct cli *c)
{
	const char *plugin = cli_option(c, "plugin", 0);
	bool whole = cli_option(c, "all", 0), listed = cli_option(c, "list", 0);
	if (whole + listed + c->nargs != 1 || (c->nargs && plugin))
		return cli_usage_fail(
			c, CX_T("assim: cxd retry ID, cxd retry --all [--plugin NOME] ou "
				"cxd retry --list",
				   "like this: cxd retry ID, cxd retry --all [--plugin NAME] or "
				   "cxd retry --list"));
	return listed ? list(c, plugin) : whole ? all(c, plugin) : again(c, c->args[0], false);
}
