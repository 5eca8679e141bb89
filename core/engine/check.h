/* check.h — `cxd check`: every mistake of conf, plugins and scripts with file:line, without a
 * store. Exit 0 when there is none, else 1. Prints to stdout; --json prints {"errors":[…]}. */
#ifndef CX_ENGINE_CHECK_H
#define CX_ENGINE_CHECK_H

#include "engine/engine.h"

int check_main(struct engine *eng, int argc, char **argv);

#endif
