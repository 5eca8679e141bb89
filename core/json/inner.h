/* inner.h — what the files of json/ share: the scanner's state and the reading of strings.
 * Flow:   scan.c and split.c drive one struct json_scanner; keys.c compares and sorts object keys
 *         for both the duplicate check and the canonical form.
 * Callers: json/ only. */
#ifndef CX_JSON_INNER_H
#define CX_JSON_INNER_H

#include "json/scan.h"

enum { JSON_FEW = 16 }; /* members of an object compared pairwise, without memory of their own */

struct json_scanner {
	struct json_doc *d;
	const unsigned char *src, *p, *end;
	struct cx_err *e;
	uint32_t max_nodes;
	int max_depth, depth;
	bool lean; /* forget what is inside a container once it is closed */
	uint32_t open[JSON_DEPTH];
};

void json_scanner_init(
	struct json_scanner *s, struct json_doc *d, const char *src, size_t len, struct cx_err *e);
int json_scan_value(struct json_scanner *s); /* one value at s->p; CX_OK or the error */
void json_skip_space(struct json_scanner *s);
int json_bad(struct json_scanner *s, const unsigned char *at, const char *pt, const char *en);

/* Bytes of a string one by one, unescaped. */
struct json_cursor {
	const char *p, *end;
	unsigned char more[4]; /* rest of an unescaped character */
	int n, i;
};
struct json_cursor json_cursor(const struct json_doc *d, uint32_t node);
int json_cursor_next(struct json_cursor *c); /* 0–255, or -1 at the end */

/* The object's keys in byte order. Few of them go into few, else the result is to be freed. */
uint32_t *json_keys_sorted(const struct json_doc *d, uint32_t obj, uint32_t few[JSON_FEW]);
/* A key that was there before, or 0. */
uint32_t json_key_twice(const struct json_doc *d, uint32_t obj);

#endif
