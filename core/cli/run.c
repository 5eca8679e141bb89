#include "cli/relay.h"

int cmd_run(struct cli *c)
{
	const char *as_of = cli_option(c, "as-of", 0), *out = cli_option(c, "out", 0);
	const char *args[8] = {c->args[0]};
	int n = 1;
	if (as_of) {
		args[n++] = "--as-of";
		args[n++] = as_of;
	}
	if (c->json)
		args[n++] = "--json";
	if (out) {
		args[n++] = "--out";
		args[n++] = out;
	}
	return cli_relay(c, "script", args, true);
}
