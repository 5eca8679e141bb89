/* portable.h — walks a roaring bitmap in its portable format without making one: a window reads
 * thousands of small ones, and each is needed only once.
 * Source of the format: https://github.com/RoaringBitmap/RoaringFormatSpec
 * Flow:   portable_open() → portable_next() until false → portable_done() says if all was sound.
 * Callers: set.c only. Owns: nothing; points into the bytes it was given. */
#ifndef CX_KPI_PORTABLE_H
#define CX_KPI_PORTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONTAINER_WORDS = 1024 }; /* of 64 bits: ids of one container */

struct portable {
	const uint8_t *heads, *runs, *data, *end; /* runs: a bit per container; NULL = none is */
	uint32_t n, at;
	int32_t key; /* the last one's; −1 before the first */
	bool bad;
};
enum container_kind { CONTAINER_ARRAY, CONTAINER_RUNS, CONTAINER_BITS };
struct container {
	enum container_kind kind;
	uint32_t key; /* the upper 16 bits of its ids */
	uint32_t ids; /* number of them */
	uint32_t n;   /* pieces: ids, runs (first, length − 1) or words, little-endian */
	const uint8_t *p;
};

bool portable_open(struct portable *o, const void *p, size_t n);
bool portable_next(struct portable *o, struct container *c);
uint64_t portable_ids(const struct portable *o); /* in all containers, as their heads say */
bool portable_done(const struct portable *o);

static inline uint32_t portable_u16(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static inline uint32_t portable_u32(const uint8_t *p)
{
	return portable_u16(p) | portable_u16(p + 2) << 16;
}

static inline uint64_t portable_u64(const uint8_t *p)
{
	return portable_u32(p) | (uint64_t)portable_u32(p + 4) << 32;
}

#endif
