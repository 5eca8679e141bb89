/* scan.h — the one JSON parser on the way in: bytes → a flat tape of nodes, no tree, no copies.
 * Flow:   json_scan() checks the whole text (RFC 8259, UTF-8, depth, nodes, duplicate keys) and
 *         fills doc->nodes in document order; json_* read from it. The escape \u0000 is JSON; who
 *         cannot keep it looks for JSON_ESCAPED_NUL.
 *         json_split_array()/json_split_lines() find the items of a batch without keeping nodes.
 * Owns:   a doc owns its node array (reused from scan to scan) and points into the caller's bytes.
 * Errors: CX_E_BAD_JSON, CX_E_TOO_DEEP, CX_E_NUMBER_RANGE (a number no double can hold),
 *         CX_E_BODY_TOO_LARGE (more than max_nodes), with the byte offset in the message. Pure. */
#ifndef CX_JSON_SCAN_H
#define CX_JSON_SCAN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum { JSON_DEPTH = 32 };

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_INTEGER,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};
/* JSON_INTEGER: no fraction, no exponent, not "-0"; any size. JSON_NUMBER: every other number. */

enum { JSON_ESCAPED = 1, JSON_ESCAPED_NUL = 2 };

struct json_node {
	uint8_t type;
	uint8_t escaped;  /* string with backslashes; JSON_ESCAPED_NUL: with \u0000 among them */
	uint32_t at, len; /* the bytes of the value; of a string without its quotes */
	uint32_t next;    /* index of the node after this whole value */
	uint32_t count;   /* members of an object, items of an array */
};
/* An object's members are key node (JSON_STRING), value, key, value… from index + 1. */

struct json_doc {
	const char *src;
	struct json_node *nodes;
	uint32_t n, cap;
};

int json_scan(struct json_doc *d, const char *src, size_t len, int depth, uint32_t max_nodes,
	struct cx_err *e);
void json_doc_free(struct json_doc *d);

/* Index of the value under key in the object at node obj, 0 if absent (0 is always the root). */
uint32_t json_get(const struct json_doc *d, uint32_t obj, const char *key);
struct str json_text(const struct json_doc *d, uint32_t node, struct arena *a); /* unescaped */
bool json_int64(const struct json_doc *d, uint32_t node, int64_t *v); /* JSON_INTEGER that fits */
struct str json_raw(const struct json_doc *d, uint32_t node);         /* a string with its quotes */

/* Appends the value without white space, numbers and strings as sent. */
void json_compact(const struct json_doc *d, uint32_t node, struct buf *out);
/* Appends a form that is equal exactly when two values are the same JSON value: keys sorted,
 * strings unescaped, numbers by value (1, 1.0 and 10e-1 are one). */
void json_canonical(const struct json_doc *d, uint32_t node, struct buf *out);
void json_canonical_text(struct str s, struct buf *out); /* of a string that is not JSON yet */

struct json_items {
	struct str *v;
	uint32_t n, cap;
	bool more; /* there were more than max */
};
/* Items of the top-level array, each scanned (JSON_DEPTH levels of its own) and without the white
 * space around it; anything else is CX_E_BAD_JSON. Stops after max items. */
int json_split_array(
	struct json_items *items, const char *src, size_t len, uint32_t max, struct cx_err *e);
/* Non-blank lines, not scanned. */
void json_split_lines(struct json_items *items, const char *src, size_t len, uint32_t max);

#endif
