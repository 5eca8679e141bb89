#include "http/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tz.h"
#include "http/answer.h"

enum {
	GATHER_MS = 10, /* commits of so long are told together */
	PING_MS = 15000,
	AGAIN_MS = 500,         /* after a page that did not come */
	BEHIND_MAX = 256 * 1024 /* bytes that the client has not taken: no page is asked for */
};

void stream_free(struct stream *s)
{
	*s->prev = s->next;
	if (s->next)
		s->next->prev = s->prev;
	s->r->stream = NULL;
	s->r->conn->http->nstreams--;
	buf_free(&s->meta);
	free(s);
}

static void chunk(struct stream *s, const char *p, size_t n)
{
	struct conn *c = s->r->conn;
	if (!s->r->http10)
		buf_printf(&c->out, "%zx\r\n", n);
	buf_add(&c->out, p, n);
	if (!s->r->http10)
		buf_puts(&c->out, "\r\n");
	s->written = uv_now(c->http->loop);
	conn_dirty(c);
}

static void begin(struct stream *s)
{
	static const char hello[] = "retry: 1000\n\n";
	struct answer a = {.status = 200,
		.type = "text/event-stream; charset=utf-8",
		.stream = true,
		.keep_alive = false,
		.http10 = s->r->http10};
	answer_write(&s->r->conn->out, &a);
	s->begun = true;
	chunk(s, hello, sizeof hello - 1);
}

static void end(struct stream *s)
{
	struct conn *c = s->r->conn;
	if (s->begun && !s->r->http10)
		buf_puts(&c->out, "0\r\n\r\n");
	c->http->host.forget(c->http->host.ctx, s->r);
	request_end_stream(s->r);
}

/* The next page, unless one is on its way, the client is behind, or it is too early. */
static void ask(struct stream *s)
{
	struct request *r = s->r;
	struct conn *c = r->conn;
	struct http *h = c->http;
	struct cx_err e;
	if (s->asked || r != c->first || c->closed || c->out.len + c->writing.len > BEHIND_MAX ||
		uv_now(h->loop) < s->not_before)
		return;
	if (!auth_still(&h->auth, &r->caller, clock_now_ms())) {
		end(s);
		return;
	}
	struct buf meta = {0};
	buf_add(&meta, s->meta.p, s->meta.len);
	if (s->after >= 0) {
		buf_add(&meta, "position", sizeof "position");
		buf_printf(&meta, "%lld", (long long)s->after);
		buf_add(&meta, "", 1);
	}
	struct job_head head = {
		.meta_len = (uint32_t)meta.len, .route = (uint16_t)r->route, .caller = r->caller};
	s->asked = true;
	if (h->host.submit(h->host.ctx, r, &head, meta.p ? meta.p : "", "", &e) != CX_OK)
		s->asked = false; /* the queue is full: the tick comes back */
	buf_free(&meta);
}

void stream_open(struct conn *c, struct request *r)
{
	struct http *h = c->http;
	struct stream *s = xcalloc(1, sizeof *s);
	s->r = r;
	s->after = -1;
	s->next = h->streams;
	s->prev = &h->streams;
	if (s->next)
		s->next->prev = &s->next;
	h->streams = s;
	h->nstreams++;
	r->stream = s;
	buf_add(&s->meta, c->meta.p, c->meta.len);
	ask(s);
}

/* "SEQ\n", then the text of the events up to SEQ. */
void stream_page(struct stream *s, int status, const char *body, size_t n)
{
	struct http *h = s->r->conn->http;
	const char *text = memchr(body, '\n', n);
	s->asked = false;
	if (status != 200 || !text) { /* only once begun: request.c answers the first */
		s->not_before = uv_now(h->loop) + AGAIN_MS;
		return;
	}
	text++;
	s->after = strtoll(body, NULL, 10);
	if (!s->begun)
		begin(s);
	if (text < body + n)
		chunk(s, text, (size_t)(body + n - text));
	if (h->stopping)
		end(s);
	else if (s->after < h->last_seq)
		stream_wake(h, h->last_seq);
}

bool stream_refused(struct stream *s)
{
	struct http *h = s->r->conn->http;
	s->asked = false;
	s->not_before = uv_now(h->loop) + AGAIN_MS;
	return s->begun && !h->stopping;
}

static void gathered(uv_timer_t *t)
{
	struct http *h = t->data;
	for (struct stream *s = h->streams, *next; s; s = next) {
		next = s->next;
		if (s->after < h->last_seq)
			ask(s);
	}
}

void stream_wake(struct http *h, int64_t last_seq)
{
	h->last_seq = last_seq;
	if (h->streams && !uv_is_active((uv_handle_t *)&h->gather))
		uv_timer_start(&h->gather, gathered, GATHER_MS, 0);
}

void stream_tick(struct http *h)
{
	static const char ping[] = ": ping\n\n";
	uint64_t now = uv_now(h->loop);
	for (struct stream *s = h->streams, *next; s; s = next) {
		next = s->next;
		if (s->begun && now - s->written >= PING_MS)
			chunk(s, ping, sizeof ping - 1);
		if (s->after < h->last_seq || !auth_still(&h->auth, &s->r->caller, clock_now_ms()))
			ask(s);
	}
}

void stream_stop(struct http *h)
{
	for (struct stream *s = h->streams, *next; s; s = next) {
		next = s->next;
		if (s->begun && s->r == s->r->conn->first)
			end(s);
	}
}
