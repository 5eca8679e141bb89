/* relay.h — a role that works by itself and asks for what it wants written: its stdout and stderr
 * are ours, its jobs go on through request.h, its exit code is ours.
 * Errors: the exit code, said on stderr. */
#ifndef CX_CLI_RELAY_H
#define CX_CLI_RELAY_H

#include "cli/cli.h"

/* store: it reads or writes the store (daemon, or lock and private writer, come first). */
int cli_relay(struct cli *c, const char *role, const char *const *args, bool store);

#endif
