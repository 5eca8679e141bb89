#include "cli/relay.h"

int cmd_test(struct cli *c)
{
	const char *args[CLI_GIVEN_MAX + 1] = {NULL};
	for (int i = 0; i < c->nargs; i++)
		args[i] = c->args[i];
	return cli_relay(c, "test", args, false);
}
