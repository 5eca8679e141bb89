/* answer.h — the bytes of a response.
 * Callers: conn.c. Pure. */
#ifndef CX_HTTP_ANSWER_H
#define CX_HTTP_ANSWER_H

#include "base/buf.h"

struct answer {
	int status;
	const char *type; /* NULL: JSON, problem+json from 400 on */
	const char *body;
	size_t n;
	const char *headers; /* more of them, as in base/job.h */
	size_t nheaders;
	const char *allow; /* with 405 */
	int retry_after;   /* seconds; 0: none */
	bool head_only, keep_alive, http10;
	bool stream;  /* a body without end follows, in chunks from HTTP/1.1 on */
	bool follows; /* the body is written by who calls */
};
void answer_write(struct buf *out, const struct answer *a);

#endif
