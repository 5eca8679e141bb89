#include "json/inner.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct json_cursor json_cursor(const struct json_doc *d, uint32_t node)
{
	const char *p = d->src + d->nodes[node].at;
	return (struct json_cursor){.p = p, .end = p + d->nodes[node].len};
}

static unsigned hex4(const char *p)
{
	unsigned v = 0;
	for (int i = 0; i < 4; i++)
		v = v << 4 | (unsigned)hex_digit(p[i]);
	return v;
}

static void encode(struct json_cursor *c, unsigned u)
{
	unsigned char *o = c->more;
	c->i = 0;
	if (u < 0x80) {
		o[0] = (unsigned char)u;
		c->n = 1;
	} else if (u < 0x800) {
		o[0] = (unsigned char)(0xc0 | u >> 6);
		c->n = 2;
	} else if (u < 0x10000) {
		o[0] = (unsigned char)(0xe0 | u >> 12);
		c->n = 3;
	} else {
		o[0] = (unsigned char)(0xf0 | u >> 18);
		c->n = 4;
	}
	for (int k = 1; k < c->n; k++)
		o[k] = (unsigned char)(0x80 | (u >> 6 * (c->n - 1 - k) & 0x3f));
}

/* The text was checked by the scanner: every escape is whole. */
int json_cursor_next(struct json_cursor *c)
{
	static const char short_from[] = "bfnrt", short_to[] = "\b\f\n\r\t";
	if (c->i < c->n)
		return c->more[c->i++];
	if (c->p == c->end)
		return -1;
	unsigned char b = (unsigned char)*c->p++;
	if (b != '\\')
		return b;
	char e = *c->p++;
	if (e != 'u') {
		const char *at = strchr(short_from, e);
		return at ? short_to[at - short_from] : e;
	}
	unsigned u = hex4(c->p);
	c->p += 4;
	if (u >= 0xd800 && u < 0xdc00) {
		u = 0x10000 + ((u & 0x3ff) << 10) + (hex4(c->p + 2) & 0x3ff);
		c->p += 6;
	}
	encode(c, u);
	return c->more[c->i++];
}

static int key_cmp(const struct json_doc *d, uint32_t a, uint32_t b)
{
	const struct json_node *x = &d->nodes[a], *y = &d->nodes[b];
	if (!x->escaped && !y->escaped) {
		uint32_t n = x->len < y->len ? x->len : y->len;
		int c = memcmp(d->src + x->at, d->src + y->at, n);
		return c ? c : (x->len > y->len) - (x->len < y->len);
	}
	struct json_cursor i = json_cursor(d, a), k = json_cursor(d, b);
	int p, q;
	do {
		p = json_cursor_next(&i);
		q = json_cursor_next(&k);
	} while (p == q && p >= 0);
	return p - q;
}

static int key_order(const void *a, const void *b, void *d)
{
	return key_cmp(d, *(const uint32_t *)a, *(const uint32_t *)b);
}

static void list_keys(const struct json_doc *d, uint32_t obj, uint32_t *keys)
{
	uint32_t at = obj + 1;
	for (uint32_t i = 0; i < d->nodes[obj].count; i++) {
		keys[i] = at;
		at = d->nodes[at + 1].next;
	}
}

uint32_t *json_keys_sorted(const struct json_doc *d, uint32_t obj, uint32_t few[JSON_FEW])
{
	uint32_t n = d->nodes[obj].count;
	uint32_t *keys = n <= JSON_FEW ? few : xmalloc(n * sizeof *keys);
	list_keys(d, obj, keys);
	if (n > JSON_FEW) {
		qsort_r(keys, n, sizeof *keys, key_order, (void *)(uintptr_t)d);
		return keys;
	}
	for (uint32_t i = 1; i < n; i++) {
		uint32_t key = keys[i], k = i;
		for (; k > 0 && key_cmp(d, keys[k - 1], key) > 0; k--)
			keys[k] = keys[k - 1];
		keys[k] = key;
	}
	return keys;
}

static bool same_key(const struct json_doc *d, uint32_t a, uint32_t b)
{
	const struct json_node *x = &d->nodes[a], *y = &d->nodes[b];
	if (x->len != y->len && !x->escaped && !y->escaped)
		return false;
	return key_cmp(d, a, b) == 0;
}

uint32_t json_key_twice(const struct json_doc *d, uint32_t obj)
{
	uint32_t few[JSON_FEW], n = d->nodes[obj].count, found = 0;
	if (n > JSON_FEW) {
		uint32_t *keys = json_keys_sorted(d, obj, few);
		for (uint32_t i = 1; i < n && !found; i++)
			if (same_key(d, keys[i - 1], keys[i]))
				found = keys[i] > keys[i - 1] ? keys[i] : keys[i - 1];
		free(keys);
		return found;
	}
	list_keys(d, obj, few);
	for (uint32_t i = 1; i < n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (same_key(d, few[k], few[i]))
				return few[i];
	return 0;
}

uint32_t json_get(const struct json_doc *d, uint32_t obj, const char *key)
{
	if (d->nodes[obj].type != JSON_OBJECT)
		return 0;
	size_t len = strlen(key);
	uint32_t at = obj + 1;
	for (uint32_t i = 0; i < d->nodes[obj].count; i++, at = d->nodes[at + 1].next) {
		const struct json_node *k = &d->nodes[at];
		if (!k->escaped) {
			if (k->len == len && memcmp(d->src + k->at, key, len) == 0)
				return at + 1;
			continue;
		}
		struct json_cursor c = json_cursor(d, at);
		size_t n = 0;
		while (n < len && json_cursor_next(&c) == (unsigned char)key[n])
			n++;
		if (n == len && json_cursor_next(&c) < 0)
			return at + 1;
	}
	return 0;
}

struct str json_text(const struct json_doc *d, uint32_t node, struct arena *a)
{
	const struct json_node *n = &d->nodes[node];
	if (!n->escaped)
		return (struct str){d->src + n->at, n->len};
	char *out = arena_alloc(a, n->len + 1); /* an escape is never shorter than its character */
	struct json_cursor c = json_cursor(d, node);
	uint32_t len = 0;
	for (int b; (b = json_cursor_next(&c)) >= 0;)
		out[len++] = (char)b;
	out[len] = 0;
	return (struct str){out, len};
}

struct str json_raw(const struct json_doc *d, uint32_t node)
{
	const struct json_node *n = &d->nodes[node];
	if (n->type == JSON_STRING)
		return (struct str){d->src + n->at - 1, n->len + 2};
	return (struct str){d->src + n->at, n->len};
}

bool json_int64(const struct json_doc *d, uint32_t node, int64_t *v)
{
	const struct json_node *n = &d->nodes[node];
	const char *p = d->src + n->at, *end = p + n->len;
	if (n->type != JSON_INTEGER || n->len > 20)
		return false;
	bool neg = *p == '-';
	uint64_t u = 0;
	for (p += neg; p < end; p++) {
		unsigned digit = (unsigned)(*p - '0');
		if (u > (UINT64_MAX - digit) / 10)
			return false;
		u = u * 10 + digit;
	}
	if (u > (uint64_t)INT64_MAX + neg)
		return false;
	*v = neg ? (int64_t)(0 - u) : (int64_t)u;
	return true;
}
