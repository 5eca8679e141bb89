/* call.h — HTTP to the running daemon over its Unix socket (libcurl).
 * Callers: request.c. The connection stays open between calls, until call_close(). */
#ifndef CX_CLI_CALL_H
#define CX_CLI_CALL_H

#include "cli/request.h"

int call_http(const char *socket, const struct request *r, struct reply *reply);
void call_close(void);

#endif
