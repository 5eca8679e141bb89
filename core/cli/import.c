#include <string.h>

#include "base/text.h"
#include "cli/print.h"
#include "cli/relay.h"

/* "started", "finished" or "" of an import, as the store remembers it. */
static int import_state(struct cli *c, const char *name, char state[16])
{
	struct reply reply = {0};
	int rc = cli_get(c, "/v1/imports", NULL, &reply);
	json_t *j = rc == EXIT_DONE ? reply_json(&reply) : NULL, *each;
	size_t i;
	state[0] = 0;
	json_array_foreach(json_object_get(j, "imports"), i, each)
	{
		const char *text = json_text_of(each, "state");
		if (strcmp(json_text_of(each, "name"), name) == 0 && text)
			snprintf(state, 16, "%s", text);
	}
	rc = j ? EXIT_DONE : EXIT_REFUSED;
	json_decref(j);
	reply_free(&reply);
	return rc;
}

/* With --if-empty: into a store without events, or on with what an interrupted run began. */
static int wanted(struct cli *c, const char *name, bool *go_on)
{
	struct reply reply = {0};
	char state[16];
	*go_on = true;
	int rc = import_state(c, name, state);
	if (rc != EXIT_DONE || strcmp(state, "started") == 0)
		return rc;
	rc = cli_get(c, "/v1/events", "limit=1", &reply);
	json_t *j = rc == EXIT_DONE ? reply_json(&reply) : NULL;
	*go_on = j && json_array_size(json_object_get(j, "events")) == 0;
	if (j && !*go_on)
		fprintf(stderr,
			CX_T("já há eventos; %s não foi importado\n",
				"there are events already; %s was not imported\n"),
			name);
	rc = j ? EXIT_DONE : EXIT_REFUSED;
	json_decref(j);
	reply_free(&reply);
	return rc;
}

static int finish(struct cli *c, const char *name)
{
	struct buf path = {0};
	struct reply reply = {0};
	buf_puts(&path, "/v1/imports/");
	percent_encode(&path, name);
	buf_puts(&path, "?finished=1");
	struct request r = {.method = "POST",
		.path = buf_cstr(&path),
		.type = "application/x-ndjson",
		.body = "\n",
		.size = 1};
	int rc = cli_request(c, &r, &reply);
	buf_free(&path);
	reply_free(&reply);
	return rc;
}

int cmd_import(struct cli *c)
{
	const char *args[8] = {c->args[0]};
	int n = 1;
	if (c->nargs > 1)
		args[n++] = c->args[1];
	if (cli_option(c, "live", 0))
		args[n++] = "--live";
	if (cli_option(c, "update", 0))
		args[n++] = "--update";
	if (c->json)
		args[n++] = "--json";
	bool go_on = true;
	int rc = cli_option(c, "if-empty", 0) ? wanted(c, c->args[0], &go_on) : EXIT_DONE;
	if (rc != EXIT_DONE || !go_on)
		return rc;
	rc = cli_relay(c, "import", args, true);
	return rc == EXIT_DONE ? finish(c, c->args[0]) : rc;
}
