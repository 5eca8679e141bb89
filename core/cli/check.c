#include "cli/relay.h"

int cmd_check(struct cli *c)
{
	const char *args[] = {c->json ? "--json" : NULL, NULL};
	return cli_relay(c, "check", args, false);
}
