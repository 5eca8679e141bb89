/* request.h — one way to ask cxd something: through the running daemon, else through a private
 * writer and reader on the data folder, behind the same lock.
 * Flow:   cli_request() opens what it needs and keeps it; reach_close() ends it.
 * Owns:   struct reach belongs to struct cli; a reply to the caller (reply_free).
 * Errors: EXIT_REFUSED, said on stderr. An answer ≥ 400 is an answer: see reply_refused(). */
#ifndef CX_CLI_REQUEST_H
#define CX_CLI_REQUEST_H

#include "cli/cli.h"

struct request {
	const char *method, *path; /* path percent-encoded, may carry ?query */
	const char *type;          /* of the body; NULL: JSON */
	const char *body;          /* NULL: none */
	size_t size;
};
struct reply {
	int status;
	struct buf body;
};

/* call.c: to the daemon, over a connection that stays open until call_close(). */
int call_http(const char *socket, const struct request *r, struct reply *reply);
void call_close(void);

int cli_request(struct cli *c, const struct request *r, struct reply *reply);
/* GET path?query; EXIT_REFUSED also for answers ≥ 400, which it prints. */
int cli_get(struct cli *c, const char *path, const char *query, struct reply *reply);
void reply_free(struct reply *reply);

/* Daemon or lock and private writer; *lock_fd: what children of ours inherit, -1 with a daemon. */
int reach_open(struct cli *c, int *lock_fd);
void reach_close(struct cli *c);

#endif
