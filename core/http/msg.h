/* msg.h — one request message: head, then body, out of a stream of bytes.
 * Flow:   msg_feed() until it says FEED_HEAD; the caller looks at the head, sets body_max or
 *         drop_body, feeds on until FEED_WHOLE; msg_reset() for the next one. scan.h refuses what
 *         http-parser lets through; http-parser then reads what is left.
 * Callers: conn.c; tests and the fuzzer.
 * Owns:   text (the head, spans of m->head point into it) and body.
 * Errors: CX_E_*; afterwards the stream cannot be read any further. */
#ifndef CX_HTTP_MSG_H
#define CX_HTTP_MSG_H

#include <http_parser.h>

#include "base/buf.h"
#include "http/scan.h"

enum { FEED_MORE = 0, FEED_HEAD = 1, FEED_WHOLE = 2 };
enum { MSG_KEEP = 8 * 1024 }; /* memory of a body that is kept for the next one */

struct msg {
	struct head head;
	struct chunk chunk;
	http_parser parser;
	struct buf text, body;
	size_t body_max, body_got; /* got: with what was dropped */
	bool have_head, drop_body, chunked;
	bool keep_alive;
	const char *method;
	uint64_t length; /* of the body, when not chunked */
};

void msg_init(struct msg *m, size_t head_max); /* head_max: the same for all messages */
void msg_reset(struct msg *m);
void msg_free(struct msg *m);

/* p is what arrived and was not used before; *used bytes of it are done with. */
int msg_feed(struct msg *m, const char *p, size_t n, size_t *used, struct cx_err *e);

/* Text of a head field into m->text; *n its length; NULL if absent. Not NUL-terminated. */
const char *msg_field(const struct msg *m, const char *name, size_t *n);

#endif
