/* conn.h — one connection: reads requests, keeps their answers in order, keeps the deadlines.
 * Flow:   bytes → msg.h → request_plan() at the head → request_take() when it is whole → answers
 *         are appended to out in the order of the requests → written once per turn. A body that is
 *         a file goes there as it comes (upload.h), an answer that is one is written piece by piece
 *         (download.h).
 *         READING ⇄ BLOCKED (too many unanswered, or parked: its job is for another engine than
 *         the outstanding ones) → CLOSING (no more requests) → LINGERING (half closed; what still
 *         comes is thrown away, so that the client can read its answer) → freed by uv's callback.
 * Callers: inside http/ only. */
#ifndef CX_HTTP_CONN_H
#define CX_HTTP_CONN_H

#include "base/route.h"
#include "http/answer.h"
#include "http/http.h"
#include "http/msg.h"

enum { CONN_PIPELINE = 64, CONN_READ = 64 * 1024 /* bytes at once */ };

struct conn {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_pipe_t pipe;
		uv_tcp_t tcp;
	} u;
	struct http *http;
	struct conn *next, **prev, *dirty_next;
	bool is_tcp, dirty, reading, eof, closing, lingering, closed, parked, want_continue;
	struct caller peer; /* what the socket alone says */
	struct auth_seen seen;
	/* reading */
	struct buf in;
	size_t at; /* of in: what is before was used */
	struct msg msg;
	size_t held;    /* its part of http->body_held */
	uint64_t since; /* uv_now() when the wait for what is missing began */
	/* the request that is being read: decided at its head */
	int plan; /* CX_OK, or the refusal in err */
	struct cx_err err;
	enum route route;
	char allow[ROUTE_ALLOW_MAX]; /* with a 405 */
	struct caller caller;
	struct buf meta;
	struct upload *upload; /* where its body goes */
	/* answering */
	struct request *first, **last;
	int nrequests, jobs; /* jobs: of them with an engine… */
	enum who jobs_who;   /* …this one */
	bool jobs_batch; /* a batch is under way: it takes several transactions, and seqs follow the
			  * order of the requests, so what comes after it waits */
	struct buf out, writing;
	uv_write_t write;
	bool write_pending;
	uint64_t moved; /* when the client last took bytes… */
	size_t left;    /* …and how many there were then */
};

void conn_open(struct http *h, uv_stream_t *listener, bool tcp);
void conn_close(struct conn *c);
void conn_flush(struct conn *c); /* http_flush() for one that is dirty */
void conn_tick(struct conn *c, uint64_t now);
void conn_dirty(struct conn *c);

/* request.c */
void request_pop(struct conn *c);       /* the first in line is done with */
void request_let_go(struct request *r); /* of its file */
void request_language(struct conn *c);  /* sets cx_lang */
int request_plan(struct conn *c);       /* at the head; fills plan, route, caller, meta */
size_t request_body_max(const struct conn *c, bool *drop);
bool request_must_wait(const struct conn *c); /* for the answers of another engine */
void request_take(struct conn *c);            /* the message is whole */
/* The answer; of one whose body follows only the head, and request_sent() when it was written. */
void request_finish(struct request *r, struct answer a);
void request_sent(struct request *r);
void request_end_stream(struct request *r);                /* the answer without end has ended */
void request_fail(struct conn *c, const struct cx_err *e); /* an answer, then the end */

#endif
