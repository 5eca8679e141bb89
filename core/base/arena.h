/* arena.h — memory that lives as long as one job: taken in pieces, given back all at once.
 * Owns: its blocks; arena_reset() keeps the first for reuse. Never fails (see buf.h). */
#ifndef CX_BASE_ARENA_H
#define CX_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct str { /* a slice, not NUL-terminated unless said; p NULL = null */
	const char *p;
	uint32_t n;
};
#define STR(lit) ((struct str){"" lit, sizeof(lit) - 1})

struct arena {
	struct arena_block *first, *now;
	size_t used; /* of now */
};

void *arena_alloc(struct arena *a, size_t n);                   /* 16-byte aligned, not cleared */
struct str arena_str(struct arena *a, const char *p, size_t n); /* a copy, NUL-terminated too */
void arena_reset(struct arena *a);
void arena_free(struct arena *a);

#endif
