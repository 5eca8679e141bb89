/* scan.h — what a request's bytes must look like, line by line, stricter than any parser: whatever
 * two programs could read differently is refused here (RFC 9112; request smuggling).
 * Flow:   head_scan() is called again with the same bytes and more until it says 1; it finds faults
 *         as early as they can be seen. chunk_scan() walks a chunked body the same way.
 * Callers: msg.c. Pure: no state outside the structs.
 * Owns:   nothing; fields are offsets into the scanned bytes, so these may move.
 * Errors: CX_E_* with the reason; 0 more bytes needed. */
#ifndef CX_HTTP_SCAN_H
#define CX_HTTP_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { HEAD_FIELDS = 100 };

struct span {
	uint32_t at, n;
};
struct head_field {
	struct span name, value; /* value without blanks around it */
};
struct head {
	uint32_t line;    /* where the line that is not complete yet begins */
	uint32_t checked; /* bytes of it that were looked at */
	bool started;     /* the request line is in */
	uint8_t minor, blank_lines;
	uint16_t n;
	struct span method, target;
	struct head_field f[HEAD_FIELDS];
};

/* 1: complete; *size is all of it with the empty line. p is always the first byte of the head. */
int head_scan(
	struct head *h, const char *p, size_t n, size_t limit, size_t *size, struct cx_err *e);
/* The i-th field of that name (given in lower case); NULL past the last. */
const struct head_field *head_find(const struct head *h, const char *p, const char *name, int i);
bool span_is(const char *p, struct span s, const char *lower); /* case-insensitive */

struct chunk {
	uint8_t state; /* enum in scan.c */
	uint8_t digits;
	uint32_t extra; /* bytes of extensions and trailers so far */
	uint64_t left;
};
/* 1: the body ends after *used bytes; 0: all n used; negative: no valid chunked body. */
int chunk_scan(struct chunk *c, const char *p, size_t n, size_t *used, struct cx_err *e);

#endif
