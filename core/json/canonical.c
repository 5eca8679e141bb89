#include "json/inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/decimal.h"

void json_compact(const struct json_doc *d, uint32_t node, struct buf *out)
{
	struct str raw = json_raw(d, node);
	const char *p = raw.p, *end = p + raw.n;
	buf_reserve(out, raw.n);
	char *o = out->p + out->len;
	while (p < end) {
		char c = *p++;
		if (c == ' ' || c == '\n' || c == '\r' || c == '\t')
			continue;
		*o++ = c;
		if (c != '"')
			continue;
		do {
			c = *o++ = *p++;
			if (c == '\\')
				*o++ = *p++;
		} while (c != '"');
	}
	out->len = (size_t)(o - out->p);
}

void json_canonical_text(struct str s, struct buf *b)
{
	buf_reserve(b, 2 + 6 * (size_t)s.n);
	char *o = b->p + b->len;
	*o++ = '"';
	for (uint32_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c < 0x20) {
			o += sprintf(o, "\\u%04x", c);
			continue;
		}
		if (c == '"' || c == '\\')
			*o++ = '\\';
		*o++ = (char)c;
	}
	*o++ = '"';
	b->len = (size_t)(o - b->p);
}

/* What the scanner lets through unescaped is written as it is; the rest in one way only. */
static void canonical_string(const struct json_doc *d, uint32_t node, struct buf *out)
{
	const struct json_node *n = &d->nodes[node];
	if (!n->escaped) {
		buf_add(out, d->src + n->at - 1, n->len + 2);
		return;
	}
	static struct buf text; /* kept from string to string */
	struct json_cursor c = json_cursor(d, node);
	buf_clear(&text);
	for (int b; (b = json_cursor_next(&c)) >= 0;)
		buf_add(&text, &(char){(char)b}, 1);
	json_canonical_text((struct str){text.p, (uint32_t)text.len}, out);
}

static void canonical_number(const struct json_doc *d, uint32_t node, struct buf *out)
{
	struct json_decimal v;
	json_decimal(json_raw(d, node), &v);
	if (!v.n) {
		buf_add(out, "0", 1);
		return;
	}
	buf_reserve(out, v.n + 1);
	char *o = out->p + out->len;
	if (v.neg)
		*o++ = '-';
	for (uint32_t i = 0; i < v.n; v.digits++)
		if (*v.digits != '.') {
			*o++ = *v.digits;
			i++;
		}
	out->len = (size_t)(o - out->p);
	if (v.exp)
		buf_printf(out, "e%lld", (long long)v.exp);
}

static void canonical_object(const struct json_doc *d, uint32_t node, struct buf *out)
{
	uint32_t few[JSON_FEW], *keys = json_keys_sorted(d, node, few);
	for (uint32_t i = 0; i < d->nodes[node].count; i++) {
		buf_add(out, i ? "," : "{", 1);
		canonical_string(d, keys[i], out);
		buf_add(out, ":", 1);
		json_canonical(d, keys[i] + 1, out);
	}
	if (keys != few)
		free(keys);
	buf_puts(out, d->nodes[node].count ? "}" : "{}");
}

void json_canonical(const struct json_doc *d, uint32_t node, struct buf *out)
{
	const struct json_node *n = &d->nodes[node];
	uint32_t at = node + 1;
	switch (n->type) {
	case JSON_OBJECT: canonical_object(d, node, out); break;
	case JSON_ARRAY:
		buf_add(out, "[", 1);
		for (uint32_t i = 0; i < n->count; i++, at = d->nodes[at].next) {
			if (i)
				buf_add(out, ",", 1);
			json_canonical(d, at, out);
		}
		buf_add(out, "]", 1);
		break;
	case JSON_STRING: canonical_string(d, node, out); break;
	case JSON_INTEGER:
	case JSON_NUMBER: canonical_number(d, node, out); break;
	default: buf_add(out, d->src + n->at, n->len);
	}
}
