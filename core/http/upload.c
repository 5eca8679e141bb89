#include "http/upload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/evidence.h"
#include "base/ids.h"

struct upload {
	struct conn *conn; /* NULL: given up */
	uv_loop_t *loop;
	uv_work_t work;
	uint64_t late, bytes; /* late: uv_now() by which it should be there */
	bool whole;           /* nothing more comes */
	struct buf next;      /* what comes meanwhile */
	bool working;
	/* the thread's while working */
	struct buf now;
	bool last, done;
	int fd, error;
	EVP_MD_CTX *hash;
	char number[24], path[EVIDENCE_PATH_MAX], name[EVIDENCE_NAME + 1];
};

int uploads_open(const struct conf *c, struct cx_err *e)
{
	char path[EVIDENCE_PATH_MAX];
	struct dirent *f;
	evidence_drop_path(path, c->server_data, "");
	DIR *d = mkdir(path, 0700) == 0 || errno == EEXIST ? opendir(path) : NULL;
	if (!d)
		return cx_fail(e, CX_E_STORE_FAILED, "data", "%s: %s", path, strerror(errno));
	while ((f = readdir(d)) != NULL)
		if (f->d_name[0] != '.')
			unlinkat(dirfd(d), f->d_name, 0);
	closedir(d);
	return CX_OK;
}

struct upload *upload_open(struct conn *c)
{
	struct http *h = c->http;
	struct upload *u = xcalloc(1, sizeof *u);
	u->conn = c;
	u->loop = h->loop;
	u->work.data = u;
	u->fd = -1;
	u->late = uv_now(h->loop) + (uint64_t)h->conf->limits_evidence_within;
	u->hash = EVP_MD_CTX_new();
	if (!u->hash || EVP_DigestInit_ex(u->hash, EVP_sha256(), NULL) != 1)
		u->error = ENOMEM;
	snprintf(u->number, sizeof u->number, "%llu", (unsigned long long)++h->uploads);
	evidence_drop_path(u->path, h->conf->server_data, u->number);
	return u;
}

/* ---- in a thread of the pool */

static bool write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t out = write(fd, p, n);
		if (out < 0 && errno != EINTR)
			return false;
		if (out > 0) {
			p += out;
			n -= (size_t)out;
		}
	}
	return true;
}

static bool finish(struct upload *u)
{
	unsigned char sum[EVIDENCE_NAME / 2];
	if (fsync(u->fd) != 0)
		return false;
	int rc = close(u->fd);
	u->fd = -1;
	EVP_DigestFinal_ex(u->hash, sum, NULL);
	hex_text(sum, sizeof sum, u->name);
	return rc == 0;
}

static void put(uv_work_t *w)
{
	struct upload *u = w->data;
	if (u->fd < 0)
		u->fd = open(u->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (u->fd < 0 || !write_all(u->fd, u->now.p, u->now.len)) {
		u->error = errno;
		return;
	}
	EVP_DigestUpdate(u->hash, u->now.p, u->now.len);
	u->bytes += u->now.len;
	if (u->last && !finish(u))
		u->error = errno;
}

static void take_away(uv_work_t *w)
{
	struct upload *u = w->data;
	if (u->fd >= 0)
		close(u->fd);
	unlink(u->path);
}

/* ---- in the loop */

static void gone(uv_work_t *w, int status)
{
	struct upload *u = w->data;
	(void)status;
	EVP_MD_CTX_free(u->hash);
	buf_free(&u->now);
	buf_free(&u->next);
	free(u);
}

static void go_on(struct upload *u);

static void was_put(uv_work_t *w, int status)
{
	struct upload *u = w->data;
	(void)status;
	u->working = false;
	buf_clear(&u->now);
	if (!u->conn) {
		upload_free(u);
		return;
	}
	u->done = u->last && !u->error;
	go_on(u);
	conn_dirty(u->conn);
}

static void go_on(struct upload *u)
{
	if (u->working || u->error || u->done || !(u->next.len || u->whole))
		return;
	struct buf empty = u->now;
	u->now = u->next;
	u->next = empty;
	u->last = u->whole;
	u->working = true;
	uv_queue_work(u->loop, &u->work, put, was_put);
}

void upload_take(struct upload *u, struct buf *body)
{
	buf_add(&u->next, body->p, body->len);
	buf_clear(body);
	go_on(u);
}

bool upload_end(struct upload *u)
{
	u->whole = true;
	go_on(u);
	return u->done;
}

bool upload_busy(const struct upload *u)
{
	return u->working && (u->whole || u->next.len >= CONN_READ);
}

size_t upload_held(const struct upload *u)
{
	return u->now.cap + u->next.cap;
}

bool upload_late(const struct upload *u, uint64_t now)
{
	return !u->whole && now > u->late;
}

int upload_failed(const struct upload *u, struct cx_err *e)
{
	if (u->working || !u->error)
		return CX_OK;
	if (u->error == ENOSPC || u->error == EDQUOT)
		return cx_fail(e, CX_E_DISK_FULL, NULL, "%s",
			CX_T("o disco está cheio; o arquivo não foi guardado",
				"the disk is full; the file was not kept"));
	return cx_fail(e, CX_E_STORE_FAILED, NULL,
		CX_T("o arquivo não foi guardado: %s", "the file was not kept: %s"),
		strerror(u->error));
}

int upload_check(const struct upload *u, const char *name, struct cx_err *e)
{
	if (strcmp(u->name, name) == 0)
		return CX_OK;
	return cx_fail(e, CX_E_WRONG_HASH, "sha256",
		CX_T("o endereço diz %s, o conteúdo tem sha256 %s",
			"the address says %s, the content's sha256 is %s"),
		name, u->name);
}

void upload_describe(const struct upload *u, struct buf *meta)
{
	buf_add(meta, "drop", sizeof "drop");
	buf_add(meta, u->number, strlen(u->number) + 1);
	buf_add(meta, "bytes", sizeof "bytes");
	buf_printf(meta, "%llu", (unsigned long long)u->bytes);
	buf_add(meta, "", 1);
}

void upload_free(struct upload *u)
{
	u->conn = NULL;
	if (!u->working)
		uv_queue_work(u->loop, &u->work, take_away, gone);
}
