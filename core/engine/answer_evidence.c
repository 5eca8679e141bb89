/* What a file of evidence is, to who asks for it and to who checks it. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/ids.h"
#include "base/problem.h"
#include "engine/evidence.h"
#include "store/evidence.h"

/* Digits, INT64_MAX where there are too many; NULL: none. */
static const char *digits(const char *s, int64_t *v)
{
	const char *from = s;
	for (*v = 0; *s >= '0' && *s <= '9'; s++)
		*v = *v > (INT64_MAX - 9) / 10 ? INT64_MAX : *v * 10 + (*s - '0');
	return s == from ? NULL : s;
}

int evidence_range(const char *header, int64_t bytes, int64_t *first, int64_t *n)
{
	int64_t from = 0, to = INT64_MAX;
	if (strncasecmp(header, "bytes=", 6) != 0)
		return 200;
	const char *s = header + 6, *begin = digits(s, &from);
	if (begin)
		s = begin;
	if (*s++ != '-')
		return 200;
	const char *end = digits(s, &to);
	if (end)
		s = end;
	if (*s || (!begin && !end) || (begin && end && to < from))
		return 200;
	if (!begin) { /* the last so many */
		if (to == 0)
			return 416;
		if (bytes == 0)
			return 200;
		*first = to < bytes ? bytes - to : 0;
		*n = bytes - *first;
		return 206;
	}
	if (from >= bytes)
		return 416;
	*first = from;
	*n = (end && to < bytes ? to + 1 : bytes) - from;
	return 206;
}

static void add(struct buf *headers, const char *name, const char *value)
{
	buf_add(headers, name, strlen(name) + 1);
	buf_add(headers, value, strlen(value) + 1);
}

/* What a browser may show in the place of a page: nothing that could run there. */
static bool shown_inline(const char *media)
{
	static const char *const safe[] = {"image/png", "image/jpeg", "image/gif", "image/webp",
		"image/avif", "image/bmp", "application/pdf"};
	size_t n = strcspn(media, ";");
	for (size_t i = 0; i < sizeof safe / sizeof *safe; i++)
		if (strlen(safe[i]) == n && memcmp(media, safe[i], n) == 0)
			return true;
	return false;
}

int answer_evidence(struct engine *eng, const struct frame *f, struct buf *headers, struct buf *b,
	int *status, struct cx_err *e)
{
	struct evidence_row r;
	char etag[EVIDENCE_NAME + 3], text[64];
	const char *name = meta_get(f->meta, f->head.meta_len, "sha256");
	const char *none = meta_get(f->meta, f->head.meta_len, "if-none-match");
	const char *range = meta_get(f->meta, f->head.meta_len, "range");
	const char *only = meta_get(f->meta, f->head.meta_len, "if-range");
	int rc = store_evidence_get(eng->store, name ? name : "", &r, e);
	if (rc == 0)
		return cx_fail(e, CX_E_NOT_FOUND, "sha256", "%s",
			CX_T("não há evidência com este sha256",
				"there is no evidence with this sha256"));
	if (rc < 0)
		return rc;
	int64_t first = 0, n = r.bytes;
	snprintf(etag, sizeof etag, "\"%s\"", r.name);
	add(headers, "ETag", etag);
	add(headers, "Cache-Control", "private, max-age=31536000, immutable");
	if (none && (strcmp(none, "*") == 0 || strstr(none, etag))) {
		*status = 304;
		return CX_OK;
	}
	add(headers, "Accept-Ranges", "bytes");
	if (range && (!only || strcmp(only, etag) == 0))
		*status = evidence_range(range, r.bytes, &first, &n);
	if (*status == 416) {
		snprintf(text, sizeof text, "bytes */%lld", (long long)r.bytes);
		add(headers, "Content-Range", text);
		cx_fail(e, CX_E_RANGE, "range",
			CX_T("o arquivo tem %lld bytes", "the file has %lld bytes"),
			(long long)r.bytes);
		problem_write(b, e);
		return CX_OK;
	}
	if (*status == 206) {
		snprintf(text, sizeof text, "bytes %lld-%lld/%lld", (long long)first,
			(long long)(first + n - 1), (long long)r.bytes);
		add(headers, "Content-Range", text);
	}
	if (!shown_inline(r.media))
		add(headers, "Content-Disposition", "attachment");
	buf_printf(b, "%lld %lld %s", (long long)first, (long long)n, r.media);
	return CX_OK;
}

/* ---- verify */

struct check {
	struct engine *eng;
	void (*differs)(void *ctx, const char *what);
	void *ctx;
	int64_t n;
};

/* Its size and SHA-256; an errno. */
static int look(const char *path, int64_t *bytes, char sum[EVIDENCE_NAME + 1])
{
	unsigned char raw[EVIDENCE_NAME / 2];
	static char piece[256 * 1024];
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	int fd = open(path, O_RDONLY | O_CLOEXEC), why = fd < 0 ? errno : 0;
	ssize_t got = 0;
	*bytes = 0;
	if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
		why = why ? why : ENOMEM;
	while (!why && (got = read(fd, piece, sizeof piece)) > 0) {
		EVP_DigestUpdate(hash, piece, (size_t)got);
		*bytes += got;
	}
	if (!why && got < 0)
		why = errno;
	if (!why && EVP_DigestFinal_ex(hash, raw, NULL) == 1)
		hex_text(raw, sizeof raw, sum);
	if (fd >= 0)
		close(fd);
	EVP_MD_CTX_free(hash);
	return why;
}

static int check_one(void *ctx, const struct evidence_row *r)
{
	struct check *c = ctx;
	char path[EVIDENCE_PATH_MAX], sum[EVIDENCE_NAME + 1] = "", what[400] = "";
	int64_t bytes;
	evidence_path(path, c->eng->conf->server_data, r->name);
	int why = look(path, &bytes, sum);
	c->n++;
	if (why)
		snprintf(what, sizeof what,
			CX_T("evidência %s: o arquivo não pode ser lido: %s",
				"evidence %s: the file cannot be read: %s"),
			r->name, strerror(why));
	else if (bytes != r->bytes)
		snprintf(what, sizeof what,
			CX_T("evidência %s: o arquivo tem %lld bytes, devia ter %lld",
				"evidence %s: the file has %lld bytes, it should have %lld"),
			r->name, (long long)bytes, (long long)r->bytes);
	else if (strcmp(sum, r->name) != 0)
		snprintf(what, sizeof what,
			CX_T("evidência %s: o conteúdo do arquivo tem sha256 %s",
				"evidence %s: the file's content has sha256 %s"),
			r->name, sum);
	if (*what)
		c->differs(c->ctx, what);
	return 0;
}

int evidence_verify(struct engine *eng, void (*differs)(void *ctx, const char *what), void *ctx,
	int64_t *checked, struct cx_err *e)
{
	struct check c = {.eng = eng, .differs = differs, .ctx = ctx};
	int rc = store_evidence(eng->store, check_one, &c, e);
	*checked = c.n;
	return rc;
}
