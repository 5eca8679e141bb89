/* front.h — the daemon: holds every client connection, starts and watches the engine processes.
 * Flow:   lock the data folder → sockets → writer → (READY) → readers → serve until a signal →
 *         drain → FRAME_STOP → exit.
 * Callers: cli/serve.c. Units: exit code of the process. */
#ifndef CX_FRONT_H
#define CX_FRONT_H

#include "conf/conf.h"

int front_main(struct conf *c, const char *conf_file, int quiet, int safe);

#endif
