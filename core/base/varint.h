/* varint.h — unsigned integers of 1 to 10 bytes, low bits first; zigzag for signed ones. Pure. */
#ifndef CX_BASE_VARINT_H
#define CX_BASE_VARINT_H

#include <stddef.h>
#include <stdint.h>

enum { VARINT_MAX = 10 };

static inline size_t varint_put(uint8_t *p, uint64_t v)
{
	size_t n = 0;
	for (; v >= 0x80; v >>= 7)
		p[n++] = (uint8_t)(v | 0x80);
	p[n++] = (uint8_t)v;
	return n;
}

/* Bytes used, 0: it does not end. */
static inline size_t varint_get(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
	size_t n = 0;
	*v = 0;
	for (unsigned shift = 0; p + n < end && shift < 64; shift += 7) {
		uint8_t c = p[n++];
		*v |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80)
			return n;
	}
	return 0;
}

static inline uint64_t zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0);
}

static inline int64_t unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1 ^ (0 - (v & 1)));
}

#endif
