/* stream.h — server-sent events (HTML standard, "Server-sent events"): an answer without end.
 * Flow:   request_take() → stream_open(): asks the reader for what comes after a seq, page by page;
 *         each page is written as one chunk. With nothing new it waits for stream_wake(), which the
 *         front calls when a batch is committed. The client is never ahead of the store, and what a
 *         slow one has not taken is not asked for: it can be as slow as it likes.
 *         A reader that dies costs a page that is asked for again from the same seq; a front that
 *         dies costs the connection, and Last-Event-ID goes on where it stopped.
 * Callers: request.c, listen.c, conn.c; front.c for stream_wake().
 * Owns:   a stream belongs to its request, and ends with it. */
#ifndef CX_HTTP_STREAM_H
#define CX_HTTP_STREAM_H

#include "http/conn.h"

struct stream {
	struct stream *next, **prev;
	struct request *r;
	struct buf meta;  /* of the first job: the query, Last-Event-ID */
	int64_t after;    /* the reader's position; -1: not known yet */
	bool begun;       /* the head is written */
	bool asked;       /* a page is on its way */
	uint64_t written; /* uv_now() of the last byte */
	uint64_t not_before;
};

/* r is the request that c has just read; c->meta describes it. */
void stream_open(struct conn *c, struct request *r);
void stream_page(struct stream *s, int status, const char *body, size_t n);
/* A page that did not come: true if it is asked for again later. */
bool stream_refused(struct stream *s);
void stream_free(struct stream *s); /* its request is gone */

#endif
