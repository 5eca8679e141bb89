/* group.h — group keys (a JSON array of the values of an event's dimensions), taken apart again,
 * and the small hash map that cells, groups and memos are found by.
 * Callers: kpi/ only. kpi_group() itself is in def.h. Pure.
 * A value is written as the API shows it: numbers and booleans bare, everything else as a string of
 * value_text(), so that a filter's text is compared with its element and nothing else. */
#ifndef CX_KPI_GROUP_H
#define CX_KPI_GROUP_H

#include "kpi/def.h"

/* The text as a JSON string. */
struct str group_quote(struct str text, struct arena *a);
/* Elements of a group key, raw JSON; their number, or -1 if it is not such a key. */
int group_split(struct str key, struct str el[KPI_DIMS]);
/* ["…","…"]: where values beyond [kpi] groups are counted. */
struct str group_rest(int ndims, struct arena *a);
bool group_is_rest(const struct str *el, int n);
int group_compare(const struct str *a, const struct str *b, int n); /* order of groups; null last */
static inline bool str_same(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || __builtin_memcmp(a.p, b.p, a.n) == 0);
}

static inline int str_compare(struct str a, struct str b) /* by bytes, a shorter one first */
{
	int c = __builtin_memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
	return c ? c : (a.n > b.n) - (a.n < b.n);
}

/* Also the checksum of cells on disk: not to be changed. */
uint32_t hash_bytes(const void *p, size_t n, uint64_t seed);

/* Pointers by hash; equality is the caller's. The map owns nothing but its table. */
struct pmap {
	void **v;
	uint32_t *h;
	size_t n, cap;
};
void *pmap_find(const struct pmap *m, uint32_t hash,
	bool (*same)(const void *item, const void *key), const void *key);
void pmap_add(struct pmap *m, uint32_t hash, void *item); /* not there yet */
void pmap_free(struct pmap *m);

#endif
