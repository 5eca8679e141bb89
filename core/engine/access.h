/* access.h — tokens: made, listed, revoked by an admin; checked by the front, which gets the whole
 * table before the answer of the call that changed it.
 * A token is "cxd_" and 43 base64url characters (256 bits); only its SHA-256 is kept. */
#ifndef CX_ENGINE_ACCESS_H
#define CX_ENGINE_ACCESS_H

#include "engine/ingest.h"

/* Writer: POST /v1/tokens, DELETE /v1/tokens/{name}. Negative: the transaction is lost. */
int access_write(
	struct ingest *in, const struct frame *f, struct buf *reply, int *status, bool *changed);
void access_push(struct engine *eng, struct buf *out); /* FRAME_TOKENS */
/* Reader: GET /v1/tokens. */
int access_list(struct engine *eng, struct buf *reply, struct cx_err *e);

#endif
