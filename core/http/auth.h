/* auth.h — who calls, and whether from a place that may.
 * Flow:   the unix socket says who connected (auth_peer, once per connection); a Bearer token beats
 *         it (auth_token). On TCP the Host and Origin are looked at before anything else.
 * Callers: conn.c, request.c. The token table is pushed whole by the writer.
 * Owns:   struct auth: the table; conf must outlive it.
 * Errors: CX_E_MISDIRECTED, CX_E_CROSS_ORIGIN, CX_E_UNAUTHENTICATED. */
#ifndef CX_HTTP_AUTH_H
#define CX_HTTP_AUTH_H

#include "conf/conf.h"

struct msg;

struct auth {
	const struct conf *conf;
	struct token_row *tokens;     /* sorted by sha256 */
	uint32_t ntokens, generation; /* 0: the writer has not told yet */
	char tcp_port[8];
};

void auth_init(struct auth *a, const struct conf *c);
void auth_free(struct auth *a);
void auth_tokens(struct auth *a, const void *rows, uint32_t n); /* struct token_row, unaligned */

/* Fills c from the peer of a unix socket; level LEVEL_NONE if nothing is known of it. */
void auth_peer(const struct auth *a, int fd, struct caller *c);

/* A token seen on a connection, so that it is hashed once. */
struct auth_seen {
	uint32_t generation;
	int32_t row;
	char text[100];
};
/* With an Authorization header: fills c or fails; without: leaves c as it is. */
int auth_token(const struct auth *a, const struct msg *m, int64_t now_ms, struct auth_seen *seen,
	struct caller *c, struct cx_err *e);

/* Is the token the caller came with still one? (by uid: true) */
bool auth_still(const struct auth *a, const struct caller *c, int64_t now_ms);

int auth_host(const struct auth *a, const struct msg *m, struct cx_err *e); /* TCP only */
int auth_origin(const struct msg *m, struct cx_err *e);

#endif
