/* buf.h — a growable byte buffer, and JSON written straight into it.
 * Flow:   buf_add/…  append; jw_* append JSON with commas where they belong, so that an answer is
 *         one pass over the data. (jansson builds a tree first and cannot carry stored JSON text
 *         through unchanged; it is used where JSON is read back, in the command line.)
 * Owns:   p; buf_free() releases it; a zeroed struct is an empty buffer.
 * Errors: none; running out of memory ends the process (its jobs are replayed). */
#ifndef CX_BASE_BUF_H
#define CX_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *p;
	size_t len, cap;
};

void buf_reserve(struct buf *b, size_t more); /* room for more bytes and a NUL */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_drop(struct buf *b, size_t n); /* removes n bytes from the front */
char *buf_cstr(struct buf *b);          /* NUL-terminated; valid until the next change */
void buf_clear(struct buf *b);          /* keeps the memory */
void buf_free(struct buf *b);

/* Allocation that cannot fail (it ends the process), so that callers stay readable. */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);

/* JSON. A comma is written where the last byte shows that one is due. */
void jw_obj(struct buf *b);     /* { */
void jw_obj_end(struct buf *b); /* } */
void jw_arr(struct buf *b);     /* [ */
void jw_arr_end(struct buf *b); /* ] */
void jw_key(struct buf *b, const char *key);
void jw_str(struct buf *b, const char *s);            /* NULL is null */
void jw_strn(struct buf *b, const char *s, size_t n); /* s must be UTF-8 */
void jw_int(struct buf *b, int64_t v);
void jw_double(struct buf *b, double v); /* shortest text that reads back the same; NaN/inf null */
void jw_bool(struct buf *b, bool v);
void jw_null(struct buf *b);
void jw_raw(struct buf *b, const char *json, size_t n); /* JSON text as it is */
/* key and value at once */
void jw_kstr(struct buf *b, const char *key, const char *s);
void jw_kint(struct buf *b, const char *key, int64_t v);
void jw_kbool(struct buf *b, const char *key, bool v);
void jw_kdouble(struct buf *b, const char *key, double v);
void jw_knull(struct buf *b, const char *key);

#endif
