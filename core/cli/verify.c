#include "cli/relay.h"

/* A process of its own, whatever the daemon does: recomputing a long log takes its time. */
int cmd_verify(struct cli *c)
{
	const char *args[] = {c->json ? "--json" : NULL, NULL};
	return cli_relay(c, "verify", args, true);
}
