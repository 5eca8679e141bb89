#include <string.h>

#include "cli/cli.h"
#include "engine.h"

int main(int argc, char **argv)
{
	if (argc > 3 && strcmp(argv[1], "--engine") == 0)
		return engine_main(argc - 2, argv + 2);
	return cli_main(argc, argv);
}
