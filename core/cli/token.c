#include <string.h>

#include "base/text.h"
#include "cli/print.h"

static int add(struct cli *c, const char *name)
{
	static const char *const fields[] = {"level", "unit", "person", "expires"};
	struct buf body = {0};
	struct reply reply = {0};
	if (!cli_option(c, "level", 0))
		return cli_usage_fail(c, CX_T("falta --level", "--level is missing"));
	jw_obj(&body);
	jw_kstr(&body, "name", name);
	for (int i = 0; i < 4; i++)
		if (cli_option(c, fields[i], 0))
			jw_kstr(&body, fields[i], cli_option(c, fields[i], 0));
	jw_obj_end(&body);
	int rc = cli_request(c,
		&(struct request){
			.method = "POST", .path = "/v1/tokens", .body = body.p, .size = body.len},
		&reply);
	if (rc == EXIT_DONE)
		rc = reply_refused(&reply);
	json_t *j = rc == EXIT_DONE ? reply_json(&reply) : NULL;
	const char *token = json_text_of(j, "token");
	if (rc == EXIT_DONE && c->json)
		printf("%s\n", buf_cstr(&reply.body));
	else if (token)
		printf("%s\n", token);
	else if (rc == EXIT_DONE)
		rc = EXIT_REFUSED;
	if (rc == EXIT_DONE)
		fprintf(stderr, "%s\n",
			CX_T("guarde agora: este token não aparece outra vez",
				"keep it now: this token is not shown again"));
	json_decref(j);
	reply_free(&reply);
	buf_free(&body);
	return rc;
}

static int list(struct cli *c)
{
	static const char *const keys[] = {"name", "level", "unit", "person", "made", "expires"};
	struct reply reply = {0};
	struct table t = {0};
	int rc = cli_get(c, "/v1/tokens", NULL, &reply);
	if (rc == EXIT_DONE && c->json)
		printf("%s\n", buf_cstr(&reply.body));
	json_t *j = rc == EXIT_DONE && !c->json ? reply_json(&reply) : NULL;
	const json_t *rows = json_object_get(j, "tokens");
	if (j) {
		table_column(&t, CX_T("nome", "name"), false);
		table_column(&t, CX_T("nível", "level"), false);
		table_column(&t, CX_T("unidade", "unit"), false);
		table_column(&t, CX_T("pessoa", "person"), false);
		table_column(&t, CX_T("feito em", "made"), false);
		table_column(&t, CX_T("vale até", "expires"), false);
		for (size_t i = 0; i < json_array_size(rows); i++)
			for (int k = 0; k < 6; k++)
				table_cell(&t, json_text_of(json_array_get(rows, i), keys[k]));
		table_print(&t, stdout);
	}
	rc = rc == EXIT_DONE && !c->json && !j ? EXIT_REFUSED : rc;
	json_decref(j);
	reply_free(&reply);
	return rc;
}

static int revoke(struct cli *c, const char *name)
{
	struct buf path = {0};
	struct reply reply = {0};
	buf_puts(&path, "/v1/tokens/");
	percent_encode(&path, name);
	int rc = cli_request(
		c, &(struct request){.method = "DELETE", .path = buf_cstr(&path)}, &reply);
	if (rc == EXIT_DONE)
		rc = reply_refused(&reply);
	if (rc == EXIT_DONE && c->json)
		printf("%s\n", buf_cstr(&reply.body));
	else if (rc == EXIT_DONE)
		fprintf(stderr, CX_T("%s não vale mais\n", "%s is no longer good\n"), name);
	reply_free(&reply);
	buf_free(&path);
	return rc;
}

int cmd_token(struct cli *c)
{
	const char *verb = c->args[0];
	if (strcmp(verb, "list") == 0 && c->nargs == 1)
		return list(c);
	if (strcmp(verb, "add") == 0 && c->nargs == 2)
		return add(c, c->args[1]);
	if (strcmp(verb, "revoke") == 0 && c->nargs == 2)
		return revoke(c, c->args[1]);
	return cli_usage_fail(
		c, CX_T("assim: cxd token %s", "like this: cxd token %s"), c->command->args);
}
