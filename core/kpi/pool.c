#include "kpi/pool.h"

#include <stdlib.h>

#include "base/buf.h"

static bool same(const void *item, const void *key)
{
	return str_same(*(const struct str *)item, *(const struct str *)key);
}

static bool has(const struct pmap *m, struct str key)
{
	return pmap_find(m, hash_bytes(key.p, key.n, 0), same, &key);
}

static struct str *put(struct pooling *p, struct pmap *m, struct str key)
{
	struct str *own = arena_alloc(&p->arena, sizeof *own);
	*own = arena_str(&p->arena, key.p, key.n);
	pmap_add(m, hash_bytes(own->p, own->n, 0), own);
	return own;
}

void pool_init(struct pooling *p, int ndims)
{
	*p = (struct pooling){0};
	p->rest = group_rest(ndims, &p->arena);
}

void pool_keep(struct pooling *p, struct str key)
{
	if (!has(&p->kept, key))
		put(p, &p->kept, key);
}

void pool_add(struct pooling *p, struct str key)
{
	if (has(&p->members, key))
		return;
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 16;
		p->list = xrealloc(p->list, (size_t)p->cap * sizeof *p->list);
	}
	p->list[p->n++] = *put(p, &p->members, key);
}

struct str pool_key(struct pooling *p, struct str key)
{
	if (has(&p->kept, key))
		return key;
	if (!str_same(key, p->rest)) /* met as the pooled group itself */
		pool_add(p, key);
	return p->rest;
}

void pool_free(struct pooling *p)
{
	pmap_free(&p->kept);
	pmap_free(&p->members);
	free(p->list);
	arena_free(&p->arena);
}
