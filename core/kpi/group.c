#include "kpi/group.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

struct str group_quote(struct str text, struct arena *a)
{
	static const char hex[] = "0123456789abcdef";
	char *out = arena_alloc(a, (size_t)text.n * 6 + 3), *o = out;
	*o++ = '"';
	for (uint32_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (c == '"' || c == '\\') {
			*o++ = '\\';
			*o++ = (char)c;
		} else if (c < 0x20 || c == 0x7f) {
			memcpy(o, "\\u00", 4);
			o[4] = hex[c >> 4];
			o[5] = hex[c & 15];
			o += 6;
		} else {
			*o++ = (char)c;
		}
	}
	*o++ = '"';
	*o = 0;
	return (struct str){out, (uint32_t)(o - out)};
}

static struct str element(
	const struct measure *m, struct field_ref ref, const struct event *ev, struct arena *a)
{
	struct value v = event_get(ev, ref);
	if (v.kind == VALUE_NULL)
		return STR("null");
	enum field_kind kind = ref.attr == ATTR_TIME ? FIELD_TIME : FIELD_TEXT;
	int scale = 0;
	if (ref.attr == ATTR_FIELD) {
		kind = m->type->fields[ref.field].kind;
		scale = m->type->fields[ref.field].scale;
	}
	if (v.kind == VALUE_TEXT)
		return group_quote(v.s, a);
	struct str text = value_text(v, kind, scale, a);
	bool bare = kind == FIELD_INTEGER || kind == FIELD_DECIMAL || kind == FIELD_BOOLEAN ||
		    kind == FIELD_DURATION;
	return bare ? text : group_quote(text, a);
}

struct str kpi_group(const struct measure *m, int ndims, const struct event *ev, struct arena *a)
{
	struct str el[KPI_DIMS];
	size_t n = 2;
	for (int i = 0; i < ndims; i++) {
		el[i] = element(m, m->dims[i], ev, a);
		n += el[i].n + 1;
	}
	char *out = arena_alloc(a, n + 1), *o = out;
	*o++ = '[';
	for (int i = 0; i < ndims; i++) {
		if (i)
			*o++ = ',';
		memcpy(o, el[i].p, el[i].n);
		o += el[i].n;
	}
	*o++ = ']';
	*o = 0;
	return (struct str){out, (uint32_t)(o - out)};
}

struct str group_rest(int ndims, struct arena *a)
{
	struct buf b = {0};
	jw_arr(&b);
	for (int i = 0; i < ndims; i++)
		jw_str(&b, "…");
	jw_arr_end(&b);
	struct str s = arena_str(a, b.p, b.len);
	buf_free(&b);
	return s;
}

bool group_is_rest(const struct str *el, int n)
{
	int i = 0;
	while (i < n && str_same(el[i], STR("\"…\"")))
		i++;
	return n > 0 && i == n;
}

int group_split(struct str key, struct str el[KPI_DIMS])
{
	if (key.n < 2 || key.p[0] != '[' || key.p[key.n - 1] != ']')
		return -1;
	const char *p = key.p + 1, *end = key.p + key.n - 1;
	int n = 0;
	while (p < end) {
		const char *from = p;
		bool quoted = *p == '"';
		if (quoted)
			for (p++; p < end && *p != '"'; p++)
				p += *p == '\\';
		while (p < end && *p != ',')
			p++;
		if (n == KPI_DIMS || p == from || p > end)
			return -1;
		el[n++] = (struct str){from, (uint32_t)(p - from)};
		if (p < end)
			p++;
	}
	return n;
}

static int rank(struct str s)
{
	if (s.p[0] == 'n')
		return 3;
	if (s.p[0] == '"')
		return 2;
	return s.p[0] == 't' || s.p[0] == 'f' ? 0 : 1;
}

static int compare_one(struct str a, struct str b)
{
	if (rank(a) != rank(b))
		return rank(a) < rank(b) ? -1 : 1;
	if (rank(a) == 1) { /* both end before a ',' or ']' */
		double x = strtod(a.p, NULL), y = strtod(b.p, NULL);
		if (x != y)
			return x < y ? -1 : 1;
	}
	return str_compare(a, b);
}

int group_compare(const struct str *a, const struct str *b, int n)
{
	for (int i = 0; i < n; i++) {
		int c = compare_one(a[i], b[i]);
		if (c)
			return c;
	}
	return 0;
}

uint32_t hash_bytes(const void *data, size_t n, uint64_t seed)
{
	const uint64_t k = 0x9E3779B97F4A7C15u;
	const char *p = data;
	uint64_t h = seed * k + n;
	for (; n >= 8; n -= 8, p += 8) {
		uint64_t w;
		memcpy(&w, p, 8);
		h = (h ^ w) * k;
		h ^= h >> 29;
	}
	/* fixed lengths, which are no calls */
	uint32_t four = 0;
	uint16_t two = 0;
	uint64_t w = 0;
	size_t at = n & 6;
	if (n & 1)
		w = (uint64_t)(uint8_t)p[at] << at * 8;
	if (n & 2)
		memcpy(&two, p + (n & 4), 2);
	if (n & 4)
		memcpy(&four, p, 4);
	w |= four | (uint64_t)two << (n & 4) * 8;
	h = (h ^ w) * k;
	h ^= h >> 32;
	h *= 0xD6E8FEB86659FD93u;
	return (uint32_t)(h ^ h >> 32);
}

void *pmap_find(const struct pmap *m, uint32_t hash,
	bool (*same)(const void *item, const void *key), const void *key)
{
	if (!m->cap)
		return NULL;
	for (size_t i = hash & (m->cap - 1); m->v[i]; i = (i + 1) & (m->cap - 1))
		if (m->h[i] == hash && same(m->v[i], key))
			return m->v[i];
	return NULL;
}

static void put(struct pmap *m, uint32_t hash, void *item)
{
	size_t i = hash & (m->cap - 1);
	while (m->v[i])
		i = (i + 1) & (m->cap - 1);
	m->v[i] = item;
	m->h[i] = hash;
}

void pmap_add(struct pmap *m, uint32_t hash, void *item)
{
	if ((m->n + 1) * 2 > m->cap) {
		struct pmap old = *m;
		m->cap = old.cap ? old.cap * 2 : 64;
		m->v = xcalloc(m->cap, sizeof *m->v);
		m->h = xcalloc(m->cap, sizeof *m->h);
		for (size_t i = 0; i < old.cap; i++)
			if (old.v[i])
				put(m, old.h[i], old.v[i]);
		free(old.v);
		free(old.h);
	}
	put(m, hash, item);
	m->n++;
}

void pmap_free(struct pmap *m)
{
	free(m->v);
	free(m->h);
	*m = (struct pmap){0};
}
