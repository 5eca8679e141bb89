#include "http/conn.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/tz.h"
#include "http/download.h"
#include "http/stream.h"
#include "http/upload.h"

enum { OUT_MAX = 1024 * 1024, KEEP = 64 * 1024, OWN_PLACES = 4, LINGER_MS = 1000 };

static void work(struct conn *c);

void conn_dirty(struct conn *c)
{
	if (c->dirty || c->closed)
		return;
	c->dirty = true;
	c->dirty_next = c->http->dirty;
	c->http->dirty = c;
}

static void on_closed(uv_handle_t *handle)
{
	struct conn *c = handle->data;
	msg_free(&c->msg);
	buf_free(&c->in);
	buf_free(&c->out);
	buf_free(&c->writing);
	buf_free(&c->meta);
	free(c);
}

void conn_close(struct conn *c)
{
	struct http *h = c->http;
	if (c->closed)
		return;
	c->closed = true;
	for (struct conn **at = &h->dirty; c->dirty && *at; at = &(*at)->dirty_next)
		if (*at == c) {
			*at = c->dirty_next;
			break;
		}
	while (c->first) {
		struct request *r = c->first;
		if (r->submitted && !r->done)
			h->host.forget(h->host.ctx, r);
		if (r->stream)
			stream_free(r->stream);
		request_let_go(r);
		h->outstanding -= !r->done;
		request_pop(c);
	}
	if (c->upload)
		upload_free(c->upload);
	c->upload = NULL;
	h->body_held -= c->held;
	h->nconns--;
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	uv_close(&c->u.handle, on_closed);
}

static bool blocked(const struct conn *c)
{
	return c->parked || c->closing || c->nrequests >= CONN_PIPELINE ||
	       c->out.len + c->writing.len > OUT_MAX || (c->upload && upload_busy(c->upload));
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *b)
{
	struct conn *c = handle->data;
	(void)hint;
	*b = uv_buf_init(c->http->read_buf, CONN_READ);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct conn *c = s->data;
	if (n == 0)
		return;
	if (n < 0) {
		c->eof = true;
		uv_read_stop(s);
		c->reading = false;
		if (n != UV_EOF || c->lingering)
			conn_close(c);
		else
			conn_dirty(c); /* half closed: what came before is answered first */
		return;
	}
	c->http->bytes_in += (uint64_t)n;
	if (c->lingering || c->closing)
		return;
	if (c->in.len == c->at && !c->msg.have_head)
		c->since = uv_now(c->http->loop);
	buf_add(&c->in, b->base, (size_t)n);
	work(c);
}

static void reading(struct conn *c, bool on)
{
	if (on == c->reading || c->eof)
		return;
	c->reading = on;
	if (!on)
		uv_read_stop(&c->u.stream);
	else if (uv_read_start(&c->u.stream, on_alloc, on_read) != 0)
		conn_close(c);
}

/* The head is in. Refuses early what is too large, asks for the body where the client waits. */
static int at_head(struct conn *c)
{
	struct msg *m = &c->msg;
	size_t n;
	c->since = uv_now(c->http->loop);
	request_plan(c);
	m->body_max = request_body_max(c, &m->drop_body);
	if (m->length > m->body_max) {
		if (c->plan == CX_OK)
			cx_fail(&c->err, CX_E_BODY_TOO_LARGE, NULL,
				CX_T("o corpo passa de %zu bytes", "the body is over %zu bytes"),
				m->body_max);
		return -1;
	}
	const char *expect = msg_field(m, "expect", &n);
	bool waits = expect && m->head.minor == 1 && (m->length || m->chunked) &&
		     c->at + m->text.len >= c->in.len && n == 12 &&
		     strncasecmp(expect, "100-continue", 12) == 0;
	if (waits && c->plan != CX_OK)
		return -1;
	c->want_continue = waits;
	if (c->plan == CX_OK && routes[c->route].body == BODY_EVIDENCE)
		c->upload = upload_open(c);
	return 0;
}

static void say_continue(struct conn *c)
{
	if (!c->want_continue || c->first)
		return; /* not before the answers that come first */
	c->want_continue = false;
	buf_puts(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
	conn_dirty(c);
}

static int account(struct conn *c)
{
	struct http *h = c->http;
	size_t held = c->msg.body.cap > MSG_KEEP ? c->msg.body.cap : 0;
	if (c->upload)
		held += upload_held(c->upload);
	h->body_held += held - c->held;
	c->held = held;
	if (h->body_held > (size_t)(h->conf->limits_queue + 2 * h->conf->limits_batch))
		return cx_fail(&c->err, CX_E_QUEUE_FULL, NULL, "%s",
			CX_T("há pedidos grandes demais chegando ao mesmo tempo",
				"too much is being sent at the same time"));
	return CX_OK;
}

/* The message is in; one whose body is a file is taken when that is on disk. */
static void whole(struct conn *c)
{
	if (c->upload && !upload_end(c->upload))
		return;
	if (request_must_wait(c))
		c->parked = true;
	else
		request_take(c);
}

/* Takes one step of the message; false: nothing more to do now. */
static bool step(struct conn *c)
{
	size_t used;
	struct cx_err e;
	if (c->at == c->in.len && !c->msg.have_head)
		return false;
	if (!c->msg.have_head || c->upload)
		request_language(c);
	if (c->upload && upload_failed(c->upload, &c->err) != CX_OK) {
		request_fail(c, &c->err);
		return false;
	}
	int rc = msg_feed(&c->msg, c->in.p + c->at, c->in.len - c->at, &used, &e);
	if (rc < 0) {
		request_language(c);
		request_fail(c, &e);
		return false;
	}
	if (rc == FEED_HEAD && at_head(c) != 0) {
		request_fail(c, &c->err);
		return false;
	}
	c->at += used;
	if (c->upload && c->msg.body.len)
		upload_take(c->upload, &c->msg.body);
	if (account(c) != CX_OK) {
		request_fail(c, &c->err);
		return false;
	}
	if (rc == FEED_WHOLE) {
		c->want_continue = false;
		c->since = uv_now(c->http->loop);
		whole(c);
	}
	return rc != FEED_MORE && c->at <= c->in.len;
}

static void work(struct conn *c)
{
	if (!c->reading) /* blocked time is not the client's */
		c->since = uv_now(c->http->loop);
	if (c->parked && !request_must_wait(c)) {
		c->parked = false;
		request_take(c);
	}
	while (!blocked(c) && step(c))
		;
	say_continue(c);
	if (c->at == c->in.len || c->closing) {
		buf_clear(&c->in);
		c->at = 0;
		if (c->in.cap > 2 * KEEP)
			buf_free(&c->in);
	} else if (c->at > KEEP / 2) {
		buf_drop(&c->in, c->at);
		c->at = 0;
	}
	account(c);
	if (c->eof && !blocked(c))
		c->closing = true;
	/* while closing what still comes is read and thrown away */
	reading(c, c->closing || !blocked(c));
}

/* ---- writing ---- */

static void on_written(uv_write_t *w, int status)
{
	struct conn *c = w->data;
	c->write_pending = false;
	buf_free(&c->writing);
	c->moved = uv_now(c->http->loop);
	if (c->closed)
		return;
	if (status < 0)
		conn_close(c);
	else
		conn_dirty(c);
}

static void send_out(struct conn *c)
{
	uv_buf_t b = uv_buf_init(c->out.p, (unsigned)c->out.len);
	int n = uv_try_write(&c->u.stream, &b, 1);
	if (n < 0 && n != UV_EAGAIN) {
		conn_close(c);
		return;
	}
	size_t sent = n > 0 ? (size_t)n : 0;
	c->http->bytes_out += c->out.len;
	c->moved = uv_now(c->http->loop);
	if (sent < c->out.len) {
		buf_drop(&c->out, sent);
		c->writing = c->out;
		c->out = (struct buf){0};
		b = uv_buf_init(c->writing.p, (unsigned)c->writing.len);
		c->write.data = c;
		if (uv_write(&c->write, &c->u.stream, &b, 1, on_written) != 0)
			conn_close(c);
		else
			c->write_pending = true;
		return;
	}
	buf_clear(&c->out);
	if (c->out.cap > KEEP)
		buf_free(&c->out);
}

/* Everything is answered and nothing more is taken: half close, let the client read. */
static void end(struct conn *c)
{
	int fd;
	if (c->eof || c->lingering || uv_fileno(&c->u.handle, &fd) != 0) {
		if (!c->lingering)
			conn_close(c);
		return;
	}
	shutdown(fd, SHUT_WR);
	c->lingering = true;
	c->since = uv_now(c->http->loop);
	reading(c, true);
}

void conn_flush(struct conn *c)
{
	if (c->closed)
		return;
	if (!c->closing)
		work(c);
	bool was = blocked(c);
	if (!c->closed && c->out.len && !c->write_pending)
		send_out(c);
	if (!c->closed && c->first && c->first->download)
		download_go(c->first->download);
	if (was && !blocked(c))
		conn_dirty(c);
	if (!c->closed && c->closing && !c->first && !c->parked && !c->out.len && !c->write_pending)
		end(c);
}

/* ---- deadlines ---- */

static void too_slow(struct conn *c)
{
	struct cx_err e;
	request_language(c);
	cx_fail(&e, CX_E_SLOW_REQUEST, NULL, "%s",
		CX_T("o pedido não chegou inteiro no prazo", "the request did not arrive in time"));
	request_fail(c, &e);
	reading(c, true);
}

void conn_tick(struct conn *c, uint64_t now)
{
	const struct conf *f = c->http->conf;
	uint64_t waited = now > c->since ? now - c->since : 0;
	if (c->lingering) {
		if (waited > LINGER_MS)
			conn_close(c);
	} else if (c->write_pending) {
		size_t left = uv_stream_get_write_queue_size(&c->u.stream);
		if (left != c->left)
			c->moved = now;
		c->left = left;
		if (now > c->moved + (uint64_t)f->limits_idle)
			conn_close(c);
	} else if (c->upload) {
		if (upload_late(c->upload, now))
			too_slow(c);
	} else if (blocked(c)) {
		return;
	} else if (c->msg.have_head) {
		if (waited > (uint64_t)f->limits_body_within)
			too_slow(c);
	} else if (c->in.len > c->at) {
		if (waited > (uint64_t)f->limits_head_within)
			too_slow(c);
	} else if (!c->first && (waited > (uint64_t)f->limits_idle || c->http->stopping)) {
		conn_close(c);
	}
}

/* ---- a new one ---- */

static void over_limit(struct conn *c)
{
	struct cx_err e;
	request_language(c);
	cx_fail(&e, CX_E_TOO_MANY_CONNECTIONS, NULL,
		CX_T("mais de %lld conexões ao mesmo tempo",
			"more than %lld connections at the same time"),
		(long long)c->http->conf->limits_connections);
	c->http->over_limit++;
	request_fail(c, &e);
}

static bool admit(struct conn *c)
{
	int64_t most = c->http->conf->limits_connections;
	if (!c->is_tcp && c->peer.uid == getuid())
		return c->http->nconns <= most;
	return c->http->nconns <= most - OWN_PLACES;
}

void conn_open(struct http *h, uv_stream_t *listener, bool tcp)
{
	struct conn *c = xcalloc(1, sizeof *c);
	int fd;
	c->http = h;
	c->is_tcp = tcp;
	c->last = &c->first;
	c->peer.uid = UINT32_MAX;
	c->since = uv_now(h->loop);
	if (tcp)
		uv_tcp_init(h->loop, &c->u.tcp);
	else
		uv_pipe_init(h->loop, &c->u.pipe, 0);
	c->u.handle.data = c;
	msg_init(&c->msg, (size_t)h->conf->limits_head);
	c->next = h->conns;
	c->prev = &h->conns;
	if (c->next)
		c->next->prev = &c->next;
	h->conns = c;
	h->nconns++;
	h->accepted++;
	if (uv_accept(listener, &c->u.stream) != 0) {
		conn_close(c);
		return;
	}
	if (tcp)
		uv_tcp_nodelay(&c->u.tcp, 1);
	else if (uv_fileno(&c->u.handle, &fd) == 0)
		auth_peer(&h->auth, fd, &c->peer);
	if (h->nconns > h->conf->limits_connections + 64)
		conn_close(c); /* not even a place to say no */
	else if (!admit(c))
		over_limit(c);
	reading(c, true);
}
