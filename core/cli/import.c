#include "cli/print.h"
#include "cli/relay.h"

/* EXIT_DONE and *empty, or EXIT_REFUSED. */
static int store_empty(struct cli *c, bool *empty)
{
	struct reply reply = {0};
	int rc = cli_get(c, "/v1/events", "limit=1", &reply);
	json_t *j = rc == EXIT_DONE ? reply_json(&reply) : NULL;
	*empty = j && json_array_size(json_object_get(j, "events")) == 0;
	json_decref(j);
	reply_free(&reply);
	return j ? EXIT_DONE : EXIT_REFUSED;
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
	if (cli_option(c, "if-empty", 0)) {
		bool empty;
		int rc = store_empty(c, &empty);
		if (rc != EXIT_DONE)
			return rc;
		if (!empty) {
			fprintf(stderr,
				CX_T("já há eventos; %s não foi importado\n",
					"there are events already; %s was not imported\n"),
				c->args[0]);
			return EXIT_DONE;
		}
	}
	return cli_relay(c, "import", args, true);
}
