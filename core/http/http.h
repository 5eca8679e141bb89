/* http.h — the HTTP side of the front: sockets, connections, who may call, answers in order.
 * Flow:   http_open(); a request that belongs to an engine goes out through host.submit and comes
 *         back through http_answer() or http_refuse(), exactly once, unless host.forget was called
 *         for it. Answers are collected and written once per turn of the loop: http_flush().
 * Callers: front.c.
 * Owns:   connections and requests; conf and the loop must outlive it.
 * Errors: CX_E_* of http_open(); afterwards everything becomes an answer. */
#ifndef CX_HTTP_HTTP_H
#define CX_HTTP_HTTP_H

#include <uv.h>

#include "http/auth.h"

struct conn;
struct stream;
struct upload;
struct download;

struct request { /* a place in its connection's line of answers */
	struct request *next;
	struct conn *conn;
	enum route route; /* ROUTE_COUNT: none was found */
	struct caller caller;
	uint64_t job; /* for host: its number, */
	int lane;     /* and where it went */
	bool submitted, done, head_only, keep_alive, http10;
	struct buf answer;         /* while an earlier one is missing */
	struct stream *stream;     /* of a route that never ends */
	struct upload *upload;     /* its body is a file… */
	struct download *download; /* …or its answer is */
};

struct http_host {
	void *ctx;
	/* A job for an engine. CX_OK: it will be answered later. h->kind, job and now are filled in
	 * by the host; r is known by r->job and r->lane from then on. */
	int (*submit)(void *ctx, struct request *r, struct job_head *h, const char *meta,
		const char *body, struct cx_err *e);
	void (*forget)(void *ctx, struct request *r); /* nobody waits for it any more */
	/* A route the front answers itself; returns the status; *type may be changed. */
	int (*own)(void *ctx, const struct request *r, struct buf *out, const char **type);
};

struct http {
	uv_loop_t *loop;
	const struct conf *conf;
	struct auth auth;
	struct http_host host;
	uv_pipe_t local;
	uv_tcp_t tcp;
	bool has_local, has_tcp, stopping;
	uint64_t local_inode;
	char tcp_name[80]; /* "127.0.0.1:7878", "" = off */
	struct conn *conns, *dirty;
	int nconns, outstanding; /* outstanding: requests without an answer yet */
	size_t body_held;        /* bytes of bodies that are still arriving */
	struct request *spare;
	struct stream *streams;
	uv_timer_t gather; /* commits, before streams are told of them */
	int64_t last_seq;  /* committed */
	int nstreams;
	uint64_t uploads; /* files of the drop folder, by number */
	char *read_buf;
	/* counters */
	uint64_t answers[ROUTE_COUNT + 1][6], accepted, over_limit, bytes_in, bytes_out;
};

int http_open(struct http *h, uv_loop_t *loop, const struct conf *c, struct http_host host,
	struct cx_err *e);
void http_stop(struct http *h); /* no new connections or requests; idle ones end at the next tick */
bool http_busy(const struct http *h); /* is an answer missing, or still on its way out? */
void http_close(struct http *h);      /* drops all connections; the loop must run once more */
void http_free(struct http *h);       /* after the loop has ended */

void http_flush(struct http *h); /* once per turn: goes on reading where possible, writes */
void http_tick(struct http *h);  /* deadlines; every 100 ms or so */

/* stream.c: a batch was committed; deadlines; the end (what is open is ended in order). */
void stream_wake(struct http *h, int64_t last_seq);
void stream_tick(struct http *h);
void stream_stop(struct http *h);

/* What is given belongs to the caller; headers as in base/job.h; status ≥ 400 is problem+json. */
void http_answer(struct request *r, int status, const char *headers, size_t nheaders,
	const char *json, size_t n);
void http_refuse(struct request *r, int code, const char *pt, const char *en);

#endif
