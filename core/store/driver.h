/* driver.h — what a database must offer to hold the store; sqlite.c is the embedded one.
 * Flow:   drv_open() → drv_prepare() once per statement → per use: drv_start() binds by name,
 *         drv_step() until 0, drv_* read columns, drv_end() makes the statement ready again.
 *         Work is batch-shaped: drv_begin() … drv_commit(), with nested marks inside.
 * Callers: store/ only.
 * Owns:   what an argument points to must live until drv_end(); what a column returns dies with the
 *         next drv_step() or drv_end().
 * Errors: CX_OK, CX_E_DISK_FULL, CX_E_STORE_FAILED with the database's words and what was being
 *         done; drv_step also 1 = a row. */
#ifndef CX_STORE_DRIVER_H
#define CX_STORE_DRIVER_H

#include "base/arena.h"
#include "base/err.h"

struct drv;
struct drv_stmt;
enum drv_mode { DRV_READ, DRV_WRITE };

enum drv_type { DRV_NULL, DRV_INT, DRV_TEXT, DRV_BLOB };
struct drv_arg {
	const char *name; /* ":seq"; a literal: places are remembered by its address */
	enum drv_type type;
	int64_t i;
	const void *p;
	size_t n;
};
#define ARG_INT(name, v)     ((struct drv_arg){":" name, DRV_INT, (int64_t)(v), NULL, 0})
#define ARG_BLOB(name, v, n) ((struct drv_arg){":" name, DRV_BLOB, 0, v, n})
#define ARG_STR(name, v)     ((struct drv_arg){":" name, (v).p ? DRV_TEXT : DRV_NULL, 0, (v).p, (v).n})
#define ARG_TEXT(name, v)    drv_text_arg(":" name, v)
struct drv_arg drv_text_arg(const char *name, const char *v);

void drv_temp_folder(const char *tmp); /* of the process: where large sorts go */
/* tmp: folder for temporary files. DRV_READ of a missing file: CX_E_NOT_FOUND. */
int drv_open(
	struct drv **d, const char *path, const char *tmp, enum drv_mode mode, struct cx_err *e);
void drv_close(struct drv *d);
/* The version of the schema, kept in the database; 0 = empty. */
int drv_version(struct drv *d, int *version, struct cx_err *e);
int drv_set_version(struct drv *d, int version, struct cx_err *e);
int drv_exec(struct drv *d, const char *sql, const char *what, struct cx_err *e);

int drv_begin(struct drv *d, struct cx_err *e); /* a reader's sees one state from here on */
int drv_commit(struct drv *d, struct cx_err *e);
void drv_rollback(struct drv *d);
bool drv_in_batch(struct drv *d);
int drv_mark(struct drv *d, struct cx_err *e);
int drv_release(struct drv *d, struct cx_err *e);
int drv_rewind(struct drv *d, struct cx_err *e);

/* what: for messages, a literal. once: drv_end() drops the statement. */
int drv_prepare(struct drv *d, const char *sql, const char *what, bool once, struct drv_stmt **st,
	struct cx_err *e);
void drv_drop(struct drv_stmt *st);
bool drv_busy(const struct drv_stmt *st); /* between drv_start and drv_end */
/* Every parameter of the statement must be among the arguments. */
int drv_start(struct drv_stmt *st, const struct drv_arg *args, int n, struct cx_err *e);
int drv_step(struct drv_stmt *st, struct cx_err *e);
void drv_end(struct drv_stmt *st);
int64_t drv_changes(struct drv *d); /* rows changed by the last statement */
int64_t drv_made(struct drv *d);    /* the key it made */

int64_t drv_int(struct drv_stmt *st, int col);
struct str drv_str(struct drv_stmt *st, int col); /* NUL-terminated, or p NULL */
const void *drv_blob(struct drv_stmt *st, int col, size_t *n);

int drv_checkpoint(struct drv *d, int64_t min_bytes, bool forced);
int drv_check(struct drv *d, struct cx_err *e);

#endif
