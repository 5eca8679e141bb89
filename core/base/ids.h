/* ids.h — identifiers and random numbers.
 * ULID: https://github.com/ulid/spec (48 bits of ms, 80 random bits, Crockford base 32). */
#ifndef CX_BASE_IDS_H
#define CX_BASE_IDS_H

#include <stddef.h>
#include <stdint.h>

enum { ULID_BYTES = 16, ULID_TEXT = 27 };

void random_bytes(void *p, size_t n); /* from the kernel; never fails */
void ulid_make(int64_t now_ms, uint8_t out[ULID_BYTES]);
void ulid_text(const uint8_t id[ULID_BYTES], char out[ULID_TEXT]);
void hex_text(const uint8_t *p, size_t n, char *out); /* 2n characters and NUL */

#endif
