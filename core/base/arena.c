#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum { BLOCK = 64 * 1024 };

struct arena_block {
	struct arena_block *next;
	size_t cap;
	_Alignas(16) char p[];
};

static struct arena_block *block_new(size_t n)
{
	size_t cap = n > BLOCK ? n : BLOCK;
	struct arena_block *b = xmalloc(sizeof *b + cap);
	b->next = NULL;
	b->cap = cap;
	return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
	n = (n + 15) & ~(size_t)15;
	if (!a->now) {
		a->first = a->now = block_new(n);
		a->used = 0;
	}
	if (a->now->cap - a->used < n) {
		a->now->next = block_new(n);
		a->now = a->now->next;
		a->used = 0;
	}
	void *p = a->now->p + a->used;
	a->used += n;
	return p;
}

struct str arena_str(struct arena *a, const char *p, size_t n)
{
	char *s = arena_alloc(a, n + 1);
	memcpy(s, p, n);
	s[n] = 0;
	return (struct str){s, (uint32_t)n};
}

static void free_chain(struct arena_block *b)
{
	while (b) {
		struct arena_block *next = b->next;
		free(b);
		b = next;
	}
}

void arena_reset(struct arena *a)
{
	if (!a->first)
		return;
	free_chain(a->first->next);
	a->first->next = NULL;
	a->now = a->first;
	a->used = 0;
}

void arena_free(struct arena *a)
{
	free_chain(a->first);
	*a = (struct arena){0};
}
