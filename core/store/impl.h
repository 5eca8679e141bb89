/* impl.h — what the parts of the store share: the open store and its prepared statements.
 * Flow:   st_start() binds a statement of statements.def (prepared at its first use), then
 *         drv_step(); drv_end(). st_run() does all of it where no rows are expected.
 * Callers: store/ only. */
#ifndef CX_STORE_IMPL_H
#define CX_STORE_IMPL_H

#include "store/driver.h"
#include "store/store.h"

#define X(sym, sql) ST_##sym,
enum st_id {
#include "store/statements.def"
	ST_COUNT
};
#undef X

struct store {
	struct drv *d;
	enum store_mode mode;
	struct drv_stmt *st[ST_COUNT];
	int64_t batch;         /* differs from batch to batch, also across restarts */
	struct idents *idents; /* writer: ident.c */
	struct sets *sets;     /* writer: sets.c */
	struct known *known;   /* known.c */
};

int st_start(struct store *s, enum st_id id, const struct drv_arg *args, int n,
	struct drv_stmt **st, struct cx_err *e);
int st_run(struct store *s, enum st_id id, const struct drv_arg *args, int n, struct cx_err *e);
/* The first column of the first row: 1 found, 0 no row (or null). */
int st_int(struct store *s, enum st_id id, const struct drv_arg *args, int n, int64_t *v,
	struct cx_err *e);

/* The same into out, its bytes. */
int st_bytes(struct store *s, enum st_id id, const struct drv_arg *args, int n, struct buf *out,
	struct cx_err *e);

#define ARGS(...)                                                                                  \
	(struct drv_arg[]){__VA_ARGS__},                                                           \
		(int)(sizeof((struct drv_arg[]){__VA_ARGS__}) / sizeof(struct drv_arg))

/* Each part keeps some of the store in memory: _keep() before COMMIT, _done() after it, _undone()
 * after a rollback to a savepoint or of everything. */
int store_ident_keep(struct store *s, struct cx_err *e);
void store_ident_done(struct store *s);
void store_ident_undone(struct store *s, bool everything);
void store_ident_free(struct store *s);
/* 1 found, 0 not; what was looked for in vain can be added. */
int store_known_find(
	struct store *s, struct str source, struct str id, int64_t *seq, struct cx_err *e);
void store_known_add(struct store *s, struct str source, struct str id, int64_t seq);
int store_known_keep(struct store *s, struct cx_err *e);
void store_known_done(struct store *s);
void store_known_undone(struct store *s, bool everything);
void store_known_free(struct store *s);
void store_sets_done(struct store *s);
void store_sets_undone(struct store *s, bool everything);
void store_sets_free(struct store *s);
int store_set_strays_drop(struct store *s, struct cx_err *e); /* spans.c: of cubes that are not */
int32_t span_of(int32_t day);                                 /* spans.c */
/* views.c: pieces of the SQL of a view. member: of a field that is an object. */
void view_quoted(struct buf *b, char q, const char *p, size_t n);
void view_extract(struct buf *b, const char *call, const struct field *f, const char *member);
void view_fallback(struct buf *b, const struct field *f);
/* Makes what name and sql say unless it is there just so; drop undoes an older one. */
int view_make(
	struct store *s, const char *name, const char *drop, const char *sql, struct cx_err *e);
int store_migrate(struct drv *d, enum store_mode mode, struct cx_err *e);

#endif
