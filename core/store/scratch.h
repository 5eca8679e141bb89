/* scratch.h — CSV files as tables of a throw-away SQLite file, for cx.import.
 * Flow:   scratch_open → scratch_load per table → scratch_rows per query → scratch_close.
 * All columns are text, an empty field is NULL, headers as written, rowid is the line's number
 * (header = 1). Files ending in .gz are unpacked while reading; encoding goes through iconv.
 * Errors: CX_E_BAD_REQUEST naming file and line; a record alone is refused, not an error. */
#ifndef CX_STORE_SCRATCH_H
#define CX_STORE_SCRATCH_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct scratch;
int scratch_open(struct scratch **s, const char *dir, struct cx_err *e); /* file in dir, removed */
void scratch_close(struct scratch *s);
/* A record that cannot be read is told to refused() (<0: stop) and left out, the others go in: it
 * begins in line. What is wrong with the file itself or its header is an error. */
struct scratch_bad {
	int (*refused)(void *ctx, int64_t line, const char *why);
	void *ctx;
};
int scratch_load(struct scratch *s, const char *table, const char *file, char delimiter,
	const char *encoding, const struct scratch_bad *bad, int64_t *rows, struct cx_err *e);
struct scratch_row {
	int ncols;
	const char *const *names;
	const struct str *values; /* p NULL = null */
};
int scratch_rows(struct scratch *s, const char *sql,
	int (*f)(void *ctx, const struct scratch_row *), void *ctx, struct cx_err *e);

/* Mapped events wait here to be sent in time order: (time, part, row, place in the list), a
 * correction after what it corrects. */
int scratch_event_add(struct scratch *s, int64_t time_ms, int part, int64_t row, int place,
	const char *json, size_t n, struct cx_err *e);
/* Of those with the same source and id but different content only the first added stays, as nobody
 * can tell which is right: f (<0: stop) is told of each of the others, and where that one was. */
struct scratch_place {
	int part;
	int64_t row;
};
int scratch_conflicts(struct scratch *s,
	int (*f)(void *ctx, struct scratch_place of, struct scratch_place first, const char *id),
	void *ctx, struct cx_err *e);
int scratch_events(struct scratch *s,
	int (*f)(void *ctx, int part, int64_t row, const char *json, size_t n), void *ctx,
	int64_t *total, struct cx_err *e);

#endif
