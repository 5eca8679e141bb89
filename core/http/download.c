#include "http/download.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/evidence.h"
#include "base/log.h"
#include "http/answer.h"

enum { PIECE = 64 * 1024 };

struct download {
	struct request *r; /* NULL: nobody wants it any more */
	uv_loop_t *loop;
	uv_work_t work;
	bool told, begun, working;
	int status;
	struct buf headers;
	char media[EVIDENCE_MEDIA_MAX];
	int64_t at, end; /* bytes of the file that are still to be read */
	char name[EVIDENCE_NAME + 1], path[EVIDENCE_PATH_MAX];
	/* the thread's while working */
	int fd, error;
	char piece[PIECE];
	size_t got;
};

struct download *download_open(struct request *r, const char *name)
{
	struct http *h = r->conn->http;
	struct download *d = xcalloc(1, sizeof *d);
	d->r = r;
	d->loop = h->loop;
	d->work.data = d;
	d->fd = -1;
	snprintf(d->name, sizeof d->name, "%s", name);
	evidence_path(d->path, h->conf->server_data, name);
	return d;
}

/* ---- in a thread of the pool */

static void get(uv_work_t *w)
{
	struct download *d = w->data;
	size_t want = d->end - d->at < PIECE ? (size_t)(d->end - d->at) : PIECE;
	ssize_t n;
	errno = 0;
	if (d->fd < 0)
		d->fd = open(d->path, O_RDONLY | O_CLOEXEC);
	d->got = 0;
	while (d->fd >= 0 && d->got < want) {
		n = pread(d->fd, d->piece + d->got, want - d->got, d->at + (int64_t)d->got);
		if (n > 0)
			d->got += (size_t)n;
		else if (n == 0 || errno != EINTR)
			break;
	}
	if (d->got < want)
		d->error = d->fd < 0 || errno ? errno : EIO;
}

static void let_go(uv_work_t *w)
{
	struct download *d = w->data;
	if (d->fd >= 0)
		close(d->fd);
}

/* ---- in the loop */

static void gone(uv_work_t *w, int status)
{
	struct download *d = w->data;
	(void)status;
	buf_free(&d->headers);
	free(d);
}

static void was_got(uv_work_t *w, int status)
{
	struct download *d = w->data;
	(void)status;
	d->working = false;
	if (d->r)
		conn_dirty(d->r->conn);
	else
		download_free(d);
}

void download_begin(struct download *d, int status, const char *headers, size_t nheaders,
	const char *what, size_t n)
{
	char text[EVIDENCE_MEDIA_MAX + 64], *p = text;
	snprintf(text, sizeof text, "%.*s", (int)n, what);
	d->at = strtoll(p, &p, 10);
	d->end = d->at + strtoll(p, &p, 10);
	snprintf(d->media, sizeof d->media, "%s", p + (*p == ' '));
	d->status = status;
	buf_add(&d->headers, headers, nheaders);
	d->told = true;
	conn_dirty(d->r->conn);
}

static void head(struct download *d)
{
	request_finish(d->r, (struct answer){.status = d->status,
				     .type = d->media,
				     .n = (size_t)(d->end - d->at),
				     .headers = d->headers.p,
				     .nheaders = d->headers.len,
				     .follows = !d->r->head_only && d->at < d->end});
}

/* True: the client gets nothing more of it. */
static bool broken(struct download *d)
{
	struct request *r = d->r;
	if (!d->error)
		return false;
	log_error("evidence %s cannot be read: %s", d->name, strerror(d->error));
	if (d->begun)
		conn_close(r->conn);
	else
		http_refuse(r, CX_E_STORE_FAILED, "o arquivo não pôde ser lido; rode cxd verify",
			"the file could not be read; run cxd verify");
	return true;
}

void download_go(struct download *d)
{
	struct request *r = d->r;
	struct conn *c = r->conn;
	if (!d->told || d->working || broken(d))
		return;
	if (r->head_only || d->at == d->end) {
		head(d);
		return;
	}
	if (d->got && c->out.len + c->writing.len < PIECE) {
		if (!d->begun)
			head(d);
		d->begun = true;
		buf_add(&c->out, d->piece, d->got);
		d->at += (int64_t)d->got;
		d->got = 0;
		conn_dirty(c);
		if (d->at == d->end) {
			request_sent(r);
			return;
		}
	}
	if (!d->got) {
		d->working = true;
		uv_queue_work(d->loop, &d->work, get, was_got);
	}
}

void download_free(struct download *d)
{
	d->r = NULL;
	if (!d->working)
		uv_queue_work(d->loop, &d->work, let_go, gone);
}
