#include <string.h>

#include "base/text.h"
#include "cli/print.h"

static void row(struct table *t, const json_t *p)
{
	const json_t *errors = json_object_get(p, "errors"), *first = json_array_get(errors, 0);
	long long strikes = (long long)json_integer_value(json_object_get(p, "strikes"));
	long long pending = (long long)json_integer_value(json_object_get(p, "pending"));
	table_cell(t, json_text_of(p, "name"));
	table_cell(t, json_text_of(p, "version"));
	table_cell(t, json_text_of(p, "state"));
	table_cell(t, json_text_of(p, "since"));
	if (strikes)
		table_cellf(t, "%lld", strikes);
	else
		table_cell(t, NULL);
	if (pending)
		table_cellf(t, "seq %lld", pending);
	else
		table_cell(t, NULL);
	if (first)
		table_cellf(t, "%s:%lld: %s", json_text_of(first, "file"),
			(long long)json_integer_value(json_object_get(first, "line")),
			json_text_of(first, "message"));
	else
		table_cell(t, json_text_of(p, "reason"));
}

static int list(struct cli *c)
{
	struct reply reply = {0};
	struct table t = {0};
	int rc = cli_get(c, "/v1/plugins", NULL, &reply);
	if (rc == EXIT_DONE && c->json)
		printf("%s\n", buf_cstr(&reply.body));
	json_t *j = rc == EXIT_DONE && !c->json ? reply_json(&reply) : NULL;
	const json_t *rows = json_object_get(j, "plugins");
	if (j) {
		table_column(&t, CX_T("nome", "name"), false);
		table_column(&t, CX_T("versão", "version"), false);
		table_column(&t, CX_T("estado", "state"), false);
		table_column(&t, CX_T("desde", "since"), false);
		table_column(&t, CX_T("quedas", "strikes"), true);
		table_column(&t, CX_T("espera desde", "waits since"), false);
		table_column(&t, CX_T("por quê", "why"), false);
		for (size_t i = 0; i < json_array_size(rows); i++)
			row(&t, json_array_get(rows, i));
		table_print(&t, stdout);
	}
	rc = rc == EXIT_DONE && !c->json && !j ? EXIT_REFUSED : rc;
	json_decref(j);
	reply_free(&reply);
	return rc;
}

static int turn(struct cli *c, const char *name, const char *how)
{
	struct buf path = {0};
	struct reply reply = {0};
	buf_puts(&path, "/v1/plugins/");
	percent_encode(&path, name);
	buf_printf(&path, "/%s", how);
	int rc = cli_request(
		c, &(struct request){.method = "POST", .path = buf_cstr(&path)}, &reply);
	if (rc == EXIT_DONE)
		rc = reply_refused(&reply);
	json_t *j = rc == EXIT_DONE && !c->json ? reply_json(&reply) : NULL;
	if (rc == EXIT_DONE && c->json)
		printf("%s\n", buf_cstr(&reply.body));
	else if (j) {
		const char *why = json_text_of(j, "reason");
		fprintf(stderr, "%s: %s%s%s\n", name, json_text_of(j, "state"), why ? ", " : "",
			why ? why : "");
	} else if (rc == EXIT_DONE) {
		rc = EXIT_REFUSED;
	}
	json_decref(j);
	reply_free(&reply);
	buf_free(&path);
	return rc;
}

static void print_places(const json_t *list) /* [{file, line, message}] */
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *x = json_array_get(list, i);
		fprintf(stderr, "%s:%lld: %s\n", json_text_of(x, "file"),
			(long long)json_integer_value(json_object_get(x, "line")),
			json_text_of(x, "message"));
	}
}

static int reload(struct cli *c)
{
	struct reply reply = {0};
	int rc = cli_request(
		c, &(struct request){.method = "POST", .path = "/v1/plugins/reload"}, &reply);
	json_t *j = rc == EXIT_DONE ? reply_json(&reply) : NULL;
	if (!c->json) {
		print_places(json_object_get(j, "plugin_errors"));
		print_places(json_object_get(j, "notes"));
	}
	if (rc == EXIT_DONE)
		rc = reply_refused(&reply);
	const json_t *changed = json_object_get(j, "changed");
	if (rc == EXIT_DONE && c->json)
		printf("%s\n", buf_cstr(&reply.body));
	else if (rc == EXIT_DONE && !json_array_size(changed))
		fprintf(stderr, "%s\n", CX_T("nada mudou", "nothing has changed"));
	for (size_t i = 0; rc == EXIT_DONE && !c->json && i < json_array_size(changed); i++)
		fprintf(stderr, "%s\n", json_string_value(json_array_get(changed, i)));
	json_decref(j);
	reply_free(&reply);
	return rc;
}

int cmd_plugin(struct cli *c)
{
	const char *verb = c->args[0];
	if (strcmp(verb, "list") == 0 && c->nargs == 1)
		return list(c);
	if (strcmp(verb, "reload") == 0 && c->nargs == 1)
		return reload(c);
	if ((strcmp(verb, "enable") == 0 || strcmp(verb, "disable") == 0) && c->nargs == 2)
		return turn(c, c->args[1], verb);
	return cli_usage_fail(
		c, CX_T("assim: cxd plugin %s", "like this: cxd plugin %s"), c->command->args);
}
