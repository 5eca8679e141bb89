#include "cli/cli.h"
#include "front.h"

int cmd_serve(struct cli *c)
{
	return front_main(&c->conf, c->conf.file, cli_option(c, "quiet", 0) != NULL,
		cli_option(c, "safe", 0) != NULL);
}
