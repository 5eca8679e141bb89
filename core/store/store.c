#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/tz.h"
#include "store/impl.h"

static const struct {
	const char *sql, *what;
} statements[ST_COUNT] = {
#define X(sym, sql) {sql, #sym},
#include "store/statements.def"
#undef X
};

/* ---- statements ---- */

int st_start(struct store *s, enum st_id id, const struct drv_arg *args, int n,
	struct drv_stmt **out, struct cx_err *e)
{
	int rc = CX_OK;
	struct drv_stmt *st = s->st[id];
	if (!st) {
		rc = drv_prepare(
			s->d, statements[id].sql, statements[id].what, false, &s->st[id], e);
		st = s->st[id];
	} else if (drv_busy(st)) { /* a callback uses what its caller is still stepping through */
		rc = drv_prepare(s->d, statements[id].sql, statements[id].what, true, &st, e);
	}
	if (rc != CX_OK)
		return rc;
	rc = drv_start(st, args, n, e);
	if (rc != CX_OK)
		drv_end(st);
	else
		*out = st;
	return rc;
}

int st_run(struct store *s, enum st_id id, const struct drv_arg *args, int n, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, id, args, n, &st, e);
	if (rc != CX_OK)
		return rc;
	rc = drv_step(st, e);
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int st_int(struct store *s, enum st_id id, const struct drv_arg *args, int n, int64_t *v,
	struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, id, args, n, &st, e);
	if (rc != CX_OK)
		return rc;
	rc = drv_step(st, e);
	if (rc == 1) {
		*v = drv_int(st, 0);
		rc = drv_str(st, 0).p != NULL;
	}
	drv_end(st);
	return rc;
}

int st_bytes(struct store *s, enum st_id id, const struct drv_arg *args, int n, struct buf *out,
	struct cx_err *e)
{
	struct drv_stmt *st;
	size_t len;
	int rc = st_start(s, id, args, n, &st, e);
	if (rc != CX_OK)
		return rc;
	rc = drv_step(st, e);
	if (rc == 1) {
		const void *p = drv_blob(st, 0, &len);
		buf_clear(out);
		buf_add(out, p, len);
	}
	drv_end(st);
	return rc;
}

/* ---- opening ---- */

static int path_of(const char *url, const char *dir, char *out, size_t cap, struct cx_err *e)
{
	if (strncmp(url, "sqlite:", 7) != 0)
		return cx_fail(e, CX_E_STORE_FAILED, "store.url",
			CX_T("[store] url = %s: só sqlite: existe nesta versão",
				"[store] url = %s: only sqlite: is available in this version"),
			url);
	const char *name = url[7] ? url + 7 : "cxd.db";
	int n = *name == '/' ? snprintf(out, cap, "%s", name)
			     : snprintf(out, cap, "%s/%s", dir, name);
	if (n < 0 || (size_t)n >= cap)
		return cx_fail(e, CX_E_STORE_FAILED, "store.url",
			CX_T("caminho longo demais: %s", "path too long: %s"), name);
	return CX_OK;
}

int store_open(struct store **out, const char *url, const char *dir, enum store_mode mode,
	struct cx_err *e)
{
	char path[4096];
	*out = NULL;
	int rc = path_of(url, dir, path, sizeof path, e);
	if (rc != CX_OK)
		return rc;
	if (mode == STORE_WRITE && mkdir(dir, 0700) != 0 && errno != EEXIST)
		return cx_fail(e, CX_E_STORE_FAILED, "server.data", "%s: %s", dir, strerror(errno));
	struct store *s = xcalloc(1, sizeof *s);
	s->mode = mode;
	s->batch = clock_now_ms() << 20;
	rc = drv_open(&s->d, path, dir, mode == STORE_WRITE ? DRV_WRITE : DRV_READ, e);
	if (rc == CX_OK)
		rc = store_migrate(s->d, mode, e);
	if (rc != CX_OK) {
		store_close(s);
		return rc;
	}
	*out = s;
	return CX_OK;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	for (int i = 0; i < ST_COUNT; i++)
		drv_drop(s->st[i]);
	drv_close(s->d);
	store_ident_free(s);
	store_sets_free(s);
	store_known_free(s);
	free(s);
}

/* ---- batches ---- */

int store_begin(struct store *s, struct cx_err *e)
{
	s->batch++;
	return drv_begin(s->d, e);
}

int store_commit(struct store *s, struct cx_err *e)
{
	int rc = store_ident_keep(s, e);
	if (rc == CX_OK)
		rc = store_known_keep(s, e);
	if (rc == CX_OK)
		rc = drv_commit(s->d, e);
	if (rc != CX_OK) {
		store_rollback(s);
		return rc;
	}
	store_ident_done(s);
	store_sets_done(s);
	store_known_done(s);
	return CX_OK;
}

static void undone(struct store *s, bool everything)
{
	store_ident_undone(s, everything);
	store_sets_undone(s, everything);
	store_known_undone(s, everything);
}

void store_rollback(struct store *s)
{
	drv_rollback(s->d);
	undone(s, true);
}

bool store_in_batch(struct store *s)
{
	return drv_in_batch(s->d);
}

int store_mark(struct store *s, struct cx_err *e)
{
	return drv_mark(s->d, e);
}

int store_release(struct store *s, struct cx_err *e)
{
	return drv_release(s->d, e);
}

int store_rewind(struct store *s, struct cx_err *e)
{
	int rc = drv_rewind(s->d, e);
	undone(s, false);
	return rc;
}

int store_checkpoint(struct store *s, int64_t min_bytes, bool forced)
{
	return drv_checkpoint(s->d, min_bytes, forced);
}

int store_check(struct store *s, struct cx_err *e)
{
	return drv_check(s->d, e);
}

/* ---- meta ---- */

int store_meta_get(struct store *s, const char *key, struct buf *out, struct cx_err *e)
{
	return st_bytes(s, ST_META_GET, ARGS(ARG_TEXT("key", key)), out, e);
}

int store_meta_set(struct store *s, const char *key, const void *p, size_t n, struct cx_err *e)
{
	return st_run(s, ST_META_SET, ARGS(ARG_TEXT("key", key), ARG_BLOB("value", p, n)), e);
}
