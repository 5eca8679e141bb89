#include <stdlib.h>
#include <string.h>

#include "store/impl.h"

/* ---- plugins ---- */

int store_source_put(struct store *s, const char *hash, const char *path, const char *text,
	size_t n, struct cx_err *e)
{
	struct str body = {text, (uint32_t)n};
	return st_run(s, ST_SOURCE_PUT,
		ARGS(ARG_TEXT("hash", hash), ARG_TEXT("path", path), ARG_STR("text", body)), e);
}

int store_source_get(
	struct store *s, const char *hash, struct source_file **files, int *n, struct cx_err *e)
{
	struct drv_stmt *st;
	*files = NULL;
	*n = 0;
	int rc = st_start(s, ST_SOURCE_GET, ARGS(ARG_TEXT("hash", hash)), &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		struct str path = drv_str(st, 0), text = drv_str(st, 1);
		*files = xrealloc(*files, sizeof **files * (size_t)(*n + 1));
		(*files)[(*n)++] = (struct source_file){
			xstrndup(path.p, path.n), xstrndup(text.p, text.n), text.n};
	}
	drv_end(st);
	return rc;
}

int store_plugin_put(struct store *s, const char *plugin, const char *hash, struct cx_err *e)
{
	return st_run(
		s, ST_PLUGIN_PUT, ARGS(ARG_TEXT("plugin", plugin), ARG_TEXT("hash", hash)), e);
}

int store_plugin_remove(struct store *s, const char *plugin, struct cx_err *e)
{
	return st_run(s, ST_PLUGIN_REMOVE, ARGS(ARG_TEXT("plugin", plugin)), e);
}

int store_plugins(struct store *s, bool before,
	int (*f)(void *ctx, const char *plugin, const char *hash), void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, before ? ST_BEFORE : ST_PLUGINS, NULL, 0, &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1)
		if ((rc = f(ctx, drv_str(st, 0).p, drv_str(st, 1).p)) != 0)
			break;
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_before_keep(struct store *s, struct cx_err *e)
{
	int64_t n;
	int rc = st_int(s, ST_BEFORE_ANY, NULL, 0, &n, e);
	if (rc == 0)
		rc = st_run(s, ST_BEFORE_CONF_FORGET, NULL, 0, e);
	else
		return rc < 0 ? rc : CX_OK;
	if (rc >= 0)
		rc = st_run(s, ST_BEFORE_CONF_KEEP, NULL, 0, e);
	return rc < 0 ? rc : st_run(s, ST_BEFORE_KEEP, NULL, 0, e);
}

int store_before_forget(struct store *s, struct cx_err *e)
{
	int rc = st_run(s, ST_BEFORE_CONF_FORGET, NULL, 0, e);
	return rc < 0 ? rc : st_run(s, ST_BEFORE_FORGET, NULL, 0, e);
}

/* ---- tokens ---- */

int store_token_put(struct store *s, const struct token_row *t, int64_t now_ms, struct cx_err *e)
{
	int rc = st_run(s, ST_TOKEN_ADD,
		ARGS(ARG_TEXT("name", t->name), ARG_INT("level", t->level),
			ARG_TEXT("unit", t->unit), ARG_TEXT("person", t->person),
			ARG_BLOB("sha256", t->sha256, sizeof t->sha256),
			ARG_INT("expires_ms", t->expires_ms), ARG_INT("made_ms", now_ms)),
		e);
	if (rc == CX_OK && drv_changes(s->d) == 0)
		return cx_fail(e, CX_E_CONFLICT, "name",
			CX_T("já existe um token com o nome %s",
				"there already is a token named %s"),
			t->name);
	return rc;
}

int store_token_remove(struct store *s, const char *name, struct cx_err *e)
{
	int rc = st_run(s, ST_TOKEN_REMOVE, ARGS(ARG_TEXT("name", name)), e);
	return rc != CX_OK ? rc : drv_changes(s->d) > 0;
}

static void copy_name(char out[NAME_MAX_BYTES], struct str v)
{
	size_t n = v.n < NAME_MAX_BYTES - 1 ? v.n : NAME_MAX_BYTES - 1;
	memcpy(out, v.p, n);
}

int store_tokens(struct store *s, int (*f)(void *ctx, const struct token_row *t, int64_t made_ms),
	void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_TOKENS, NULL, 0, &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		struct token_row t = {
			.level = (uint8_t)drv_int(st, 1), .expires_ms = drv_int(st, 5)};
		size_t n;
		copy_name(t.name, drv_str(st, 0));
		copy_name(t.unit, drv_str(st, 2));
		copy_name(t.person, drv_str(st, 3));
		const void *sha = drv_blob(st, 4, &n);
		memcpy(t.sha256, sha, n < sizeof t.sha256 ? n : sizeof t.sha256);
		if ((rc = f(ctx, &t, drv_int(st, 6))) != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

/* ---- jobs ---- */

int store_job_get(struct store *s, uint64_t key, int *status, struct buf *body, struct cx_err *e)
{
	struct drv_stmt *st;
	size_t n;
	int rc = st_start(s, ST_JOB_GET, ARGS(ARG_INT("key", key)), &st, e);
	if (rc != CX_OK)
		return rc;
	rc = drv_step(st, e);
	if (rc == 1) {
		*status = (int)drv_int(st, 0);
		const void *p = drv_blob(st, 1, &n);
		buf_clear(body);
		buf_add(body, p, n);
	}
	drv_end(st);
	return rc;
}

int store_job_put(
	struct store *s, uint64_t key, int status, const char *body, size_t n, struct cx_err *e)
{
	return st_run(s, ST_JOB_PUT,
		ARGS(ARG_INT("key", key), ARG_INT("batch", s->batch), ARG_INT("status", status),
			ARG_BLOB("body", body, n)),
		e);
}

int store_jobs_clear(struct store *s, struct cx_err *e)
{
	return st_run(s, ST_JOBS_CLEAR, ARGS(ARG_INT("batch", s->batch)), e);
}
