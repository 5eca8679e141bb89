/* text.h — what every reader of text from outside needs: UTF-8, hexadecimal, percent-encoding.
 * Callers: everyone. Pure. Units: bytes. */
#ifndef CX_BASE_TEXT_H
#define CX_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct buf;

/* Length of the character at p of n bytes, 0 if it is not well-formed UTF-8 (RFC 3629). */
size_t utf8_len(const char *p, size_t n);
bool utf8_ok(const char *s, size_t n); /* well-formed, without U+0000 */
int hex_digit(char c);                 /* 0–15, or -1 */

/* Undoes %xx (and, with plus, + for a blank) into out, which may be s itself; the length, or -1
 * where an escape is broken or more than cap bytes would be needed. */
int percent_decode(const char *s, size_t n, bool plus, char *out, size_t cap);
void percent_encode(struct buf *b, const char *text); /* all but unreserved characters */

enum { SHOWN_MAX = 64 };
/* For messages: at most SHOWN_MAX - 1 bytes of s, whole characters, with "…" where it was cut. */
const char *words_show(char out[SHOWN_MAX], struct str s);

#endif
