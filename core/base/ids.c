#include "base/ids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void random_bytes(void *p, size_t n)
{
	uint8_t *at = p;
	while (n) {
		ssize_t got = getrandom(at, n < 256 ? n : 256, 0);
		if (got < 0 && errno != EINTR)
			abort();
		if (got > 0) {
			at += got;
			n -= (size_t)got;
		}
	}
}

void ulid_make(int64_t now_ms, uint8_t out[ULID_BYTES])
{
	static uint8_t pool[512]; /* one system call for many ids */
	static size_t left;
	if (left < 10) {
		random_bytes(pool, sizeof pool);
		left = sizeof pool;
	}
	for (int i = 0; i < 6; i++)
		out[i] = (uint8_t)((uint64_t)now_ms >> (40 - 8 * i));
	left -= 10;
	memcpy(out + 6, pool + left, 10);
}

void ulid_text(const uint8_t id[ULID_BYTES], char out[ULID_TEXT])
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	for (int i = 0; i < 26; i++) { /* 130 bits: two leading zero bits, then the 128 */
		int bit = i * 5 - 2, v = 0;
		for (int k = 0; k < 5; k++) {
			int at = bit + k;
			v = v << 1 | (at < 0 ? 0 : id[at / 8] >> (7 - at % 8) & 1);
		}
		out[i] = digits[v];
	}
	out[26] = 0;
}

void hex_text(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < n; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = 0;
}
