#include "store/driver.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"

enum { ARGS_MAX = 24, BUSY_MS = 10000, CHECKPOINT_MS = 1000, PAGE = 4096 };

enum fixed { F_BEGIN, F_COMMIT, F_MARK, F_RELEASE, F_BACK, F_FIRST_READ, F_COUNT };

struct drv {
	sqlite3 *db;
	enum drv_mode mode;
	int64_t wal_pages;  /* in the log and not yet copied back */
	int64_t not_before; /* pages: a reader held a forced checkpoint up */
	sqlite3_stmt *fixed[F_COUNT];
};

struct drv_stmt {
	struct drv *d;
	sqlite3_stmt *st;
	const char *what;
	bool busy, once;
	int nargs;
	const char *names[ARGS_MAX]; /* the literals seen last, and where each goes */
	int place[ARGS_MAX];
};

static int failed(struct drv *d, const char *what, struct cx_err *e)
{
	int code = sqlite3_errcode(d->db) & 0xff, sys = sqlite3_system_errno(d->db);
	bool full =
		code == SQLITE_FULL || (code == SQLITE_IOERR && (sys == ENOSPC || sys == EDQUOT));
	return cx_fail(e, full ? CX_E_DISK_FULL : CX_E_STORE_FAILED, NULL,
		CX_T("armazenamento, %s: %s", "store, %s: %s"), what, sqlite3_errmsg(d->db));
}

struct drv_arg drv_text_arg(const char *name, const char *v)
{
	return (struct drv_arg){name, v ? DRV_TEXT : DRV_NULL, 0, v, v ? strlen(v) : 0};
}

int drv_exec(struct drv *d, const char *sql, const char *what, struct cx_err *e)
{
	return sqlite3_exec(d->db, sql, NULL, NULL, NULL) == SQLITE_OK ? CX_OK : failed(d, what, e);
}

/* ---- opening ---- */

static int log_grew(void *ctx, sqlite3 *db, const char *name, int pages)
{
	struct drv *d = ctx;
	(void)db, (void)name;
	d->wal_pages = pages;
	return SQLITE_OK;
}

/* The engine may write nowhere but in the data folder, so large sorts must go there too. */
void drv_temp_folder(const char *tmp)
{
	if (sqlite3_temp_directory && !strcmp(sqlite3_temp_directory, tmp))
		return;
	sqlite3_free(sqlite3_temp_directory);
	sqlite3_temp_directory = sqlite3_mprintf("%s", tmp);
}

static int settle(struct drv *d, struct cx_err *e)
{
	sqlite3_busy_timeout(d->db, BUSY_MS);
	sqlite3_db_config(d->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	/* A page that is mapped is looked at anew by each query that touches it: checking all its
	 * cells each time was a fifth of a query. The map is the largest SQLite allows. */
	if (d->mode == DRV_READ) {
		sqlite3_db_config(d->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		return drv_exec(d,
			"PRAGMA query_only = on; PRAGMA mmap_size = 2147418112;"
			"PRAGMA cache_size = -8000;",
			"open", e);
	}
	int rc = drv_exec(d, "PRAGMA cell_size_check = on", "open", e);
	if (rc != CX_OK)
		return rc;
	/* A large cache is walked through at every COMMIT: 2 MB was faster than 64 MB. The log is
	 * copied back by drv_checkpoint() alone, never inside a COMMIT. */
	rc = drv_exec(d,
		"PRAGMA journal_mode = wal; PRAGMA synchronous = full;"
		"PRAGMA cache_size = -2000; PRAGMA wal_autocheckpoint = 0;",
		"open", e);
	sqlite3_wal_hook(d->db, log_grew, d);
	return rc;
}

int drv_open(
	struct drv **out, const char *path, const char *tmp, enum drv_mode mode, struct cx_err *e)
{
	struct stat st;
	*out = NULL;
	if (mode == DRV_READ && stat(path, &st) != 0)
		return cx_fail(e, CX_E_NOT_FOUND, NULL,
			CX_T("não há armazenamento em %s", "there is no store at %s"), path);
	struct drv *d = xcalloc(1, sizeof *d);
	d->mode = mode;
	drv_temp_folder(tmp);
	mode_t old = umask(0077);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
		    (mode == DRV_WRITE ? SQLITE_OPEN_CREATE : 0);
	int rc = sqlite3_open_v2(path, &d->db, flags, NULL) == SQLITE_OK ? settle(d, e)
									 : failed(d, path, e);
	umask(old);
	if (rc != CX_OK) {
		drv_close(d);
		return rc;
	}
	char wal[4200];
	snprintf(wal, sizeof wal, "%s-wal", path);
	if (stat(wal, &st) == 0)
		d->wal_pages = st.st_size / PAGE;
	*out = d;
	return CX_OK;
}

void drv_close(struct drv *d)
{
	if (!d)
		return;
	for (int i = 0; i < F_COUNT; i++)
		sqlite3_finalize(d->fixed[i]);
	sqlite3_close(d->db);
	free(d);
}

int drv_version(struct drv *d, int *version, struct cx_err *e)
{
	sqlite3_stmt *st;
	*version = 0;
	if (sqlite3_prepare_v2(d->db, "PRAGMA user_version", -1, &st, NULL) != SQLITE_OK)
		return failed(d, "version", e);
	int rc = CX_OK;
	if (sqlite3_step(st) == SQLITE_ROW)
		*version = sqlite3_column_int(st, 0);
	else
		rc = failed(d, "version", e);
	sqlite3_finalize(st);
	return rc;
}

int drv_set_version(struct drv *d, int version, struct cx_err *e)
{
	char sql[64];
	snprintf(sql, sizeof sql, "PRAGMA user_version = %d", version);
	return drv_exec(d, sql, "version", e);
}

/* ---- batches ---- */

static int fixed(struct drv *d, enum fixed which, struct cx_err *e)
{
	static const char *const sql[F_COUNT] = {[F_COMMIT] = "COMMIT",
		[F_MARK] = "SAVEPOINT m",
		[F_RELEASE] = "RELEASE m",
		[F_BACK] = "ROLLBACK TO m",
		[F_FIRST_READ] = "SELECT count(*) FROM meta WHERE key = ''"};
	static const char *const what[F_COUNT] = {
		"BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK TO", "BEGIN"};
	const char *text = which != F_BEGIN       ? sql[which]
			   : d->mode == DRV_WRITE ? "BEGIN IMMEDIATE"
						  : "BEGIN";
	sqlite3_stmt **st = &d->fixed[which];
	if (!*st && sqlite3_prepare_v3(d->db, text, -1, SQLITE_PREPARE_PERSISTENT, st, NULL))
		return failed(d, what[which], e);
	int rc = sqlite3_step(*st);
	int back = rc == SQLITE_DONE || rc == SQLITE_ROW ? CX_OK : failed(d, what[which], e);
	sqlite3_reset(*st);
	return back;
}

int drv_begin(struct drv *d, struct cx_err *e)
{
	int rc = fixed(d, F_BEGIN, e);
	if (rc != CX_OK || d->mode == DRV_WRITE)
		return rc;
	rc = fixed(d, F_FIRST_READ, e); /* a snapshot begins with the first read, not with BEGIN */
	if (rc != CX_OK)
		drv_rollback(d);
	return rc;
}

int drv_commit(struct drv *d, struct cx_err *e)
{
	int rc = fixed(d, F_COMMIT, e);
	if (rc != CX_OK)
		drv_rollback(d);
	return rc;
}

void drv_rollback(struct drv *d)
{
	if (drv_in_batch(d))
		sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
}

bool drv_in_batch(struct drv *d)
{
	return !sqlite3_get_autocommit(d->db);
}

int drv_mark(struct drv *d, struct cx_err *e)
{
	return fixed(d, F_MARK, e);
}

int drv_release(struct drv *d, struct cx_err *e)
{
	return fixed(d, F_RELEASE, e);
}

int drv_rewind(struct drv *d, struct cx_err *e)
{
	int rc = fixed(d, F_BACK, e);
	return rc == CX_OK ? fixed(d, F_RELEASE, e) : rc;
}

/* ---- statements ---- */

int drv_prepare(struct drv *d, const char *sql, const char *what, bool once, struct drv_stmt **out,
	struct cx_err *e)
{
	sqlite3_stmt *st;
	*out = NULL;
	if (sqlite3_prepare_v3(d->db, sql, -1, once ? 0 : SQLITE_PREPARE_PERSISTENT, &st, NULL))
		return failed(d, what, e);
	*out = xcalloc(1, sizeof **out);
	**out = (struct drv_stmt){.d = d, .st = st, .what = what, .once = once};
	return CX_OK;
}

void drv_drop(struct drv_stmt *st)
{
	if (!st)
		return;
	sqlite3_finalize(st->st);
	free(st);
}

bool drv_busy(const struct drv_stmt *st)
{
	return st->busy;
}

/* Looking names up costs a string comparison per parameter, so their places are kept. */
static int find_places(struct drv_stmt *st, const struct drv_arg *args, int n, struct cx_err *e)
{
	int found = 0;
	for (int i = 0; i < n && i < ARGS_MAX; i++) {
		st->names[i] = args[i].name;
		st->place[i] = sqlite3_bind_parameter_index(st->st, args[i].name);
		found += st->place[i] > 0;
	}
	st->nargs = n;
	if (n > ARGS_MAX || found != n || sqlite3_bind_parameter_count(st->st) != n) {
		st->nargs = -1;
		return cx_fail(e, CX_E_INTERNAL, NULL, "%s: %d arguments for %d parameters",
			st->what, n, sqlite3_bind_parameter_count(st->st));
	}
	return CX_OK;
}

static int bind(sqlite3_stmt *st, int place, const struct drv_arg *a)
{
	switch (a->type) {
	case DRV_INT: return sqlite3_bind_int64(st, place, a->i);
	case DRV_TEXT: return sqlite3_bind_text(st, place, a->p, (int)a->n, SQLITE_STATIC);
	case DRV_BLOB: return sqlite3_bind_blob64(st, place, a->p ? a->p : "", a->n, SQLITE_STATIC);
	case DRV_NULL: break;
	}
	return sqlite3_bind_null(st, place);
}

int drv_start(struct drv_stmt *st, const struct drv_arg *args, int n, struct cx_err *e)
{
	bool known = st->nargs == n;
	for (int i = 0; known && i < n; i++)
		known = st->names[i] == args[i].name;
	int rc = known ? CX_OK : find_places(st, args, n, e);
	for (int i = 0; i < n && rc == CX_OK; i++)
		if (bind(st->st, st->place[i], &args[i]) != SQLITE_OK)
			rc = failed(st->d, st->what, e);
	st->busy = true;
	return rc;
}

int drv_step(struct drv_stmt *st, struct cx_err *e)
{
	int rc = sqlite3_step(st->st);
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : failed(st->d, st->what, e);
}

void drv_end(struct drv_stmt *st)
{
	if (st->once) {
		drv_drop(st);
		return;
	}
	sqlite3_reset(st->st);
	st->busy = false;
}

int64_t drv_changes(struct drv *d)
{
	return sqlite3_changes64(d->db);
}

int64_t drv_made(struct drv *d)
{
	return sqlite3_last_insert_rowid(d->db);
}

int64_t drv_int(struct drv_stmt *st, int col)
{
	return sqlite3_column_int64(st->st, col);
}

/* Asking the value twice costs less than the column twice. */
struct str drv_str(struct drv_stmt *st, int col)
{
	sqlite3_value *v = sqlite3_column_value(st->st, col);
	const char *p = (const char *)sqlite3_value_text(v);
	return (struct str){p, (uint32_t)sqlite3_value_bytes(v)};
}

const void *drv_blob(struct drv_stmt *st, int col, size_t *n)
{
	sqlite3_value *v = sqlite3_column_value(st->st, col);
	const void *p = sqlite3_value_blob(v);
	*n = (size_t)sqlite3_value_bytes(v);
	return p || sqlite3_value_type(v) == SQLITE_NULL ? p : "";
}

/* ---- upkeep ---- */

int drv_checkpoint(struct drv *d, int64_t min_bytes, bool forced)
{
	int in_log = 0, copied = 0;
	if (d->wal_pages == 0 || d->wal_pages * PAGE < min_bytes)
		return CX_OK;
	if (forced && d->wal_pages < d->not_before)
		forced = false;
	sqlite3_busy_timeout(d->db, CHECKPOINT_MS);
	int rc = sqlite3_wal_checkpoint_v2(d->db, NULL,
		forced ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE, &in_log, &copied);
	sqlite3_busy_timeout(d->db, BUSY_MS);
	if (forced)
		d->not_before = (rc & 0xff) == SQLITE_BUSY ? d->wal_pages + min_bytes / PAGE : 0;
	if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
		return failed(d, "checkpoint", NULL);
	if (rc == SQLITE_OK && in_log == copied)
		d->wal_pages = 0; /* the next commit starts the log over */
	return CX_OK;
}

int drv_check(struct drv *d, struct cx_err *e)
{
	sqlite3_stmt *st;
	if (sqlite3_prepare_v2(d->db, "PRAGMA quick_check(1)", -1, &st, NULL) != SQLITE_OK)
		return failed(d, "quick_check", e);
	int rc = CX_OK;
	if (sqlite3_step(st) != SQLITE_ROW)
		rc = failed(d, "quick_check", e);
	else if (strcmp((const char *)sqlite3_column_text(st, 0), "ok"))
		rc = cx_fail(e, CX_E_STORE_FAILED, NULL,
			CX_T("o arquivo está danificado: %s", "the file is damaged: %s"),
			(const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	return rc;
}
