#include "json/inner.h"

#include <stdlib.h>
#include <string.h>

/* An item with more open members than this is over every limit an event can have. */
enum { ITEM_NODES = 1 << 20 };

static bool item_add(struct json_items *items, const unsigned char *p, size_t n, uint32_t max)
{
	if (items->n >= max) {
		items->more = true;
		return false;
	}
	if (items->n == items->cap) {
		items->cap = items->cap ? items->cap * 2 : 64;
		items->v = xrealloc(items->v, items->cap * sizeof *items->v);
	}
	items->v[items->n++] = (struct str){(const char *)p, (uint32_t)n};
	return true;
}

static int split(struct json_scanner *s, struct json_items *items, uint32_t max)
{
	json_skip_space(s);
	if (s->p == s->end || *s->p != '[')
		return json_bad(s, s->p, "um lote é uma lista: falta '['",
			"a batch is an array: '[' is missing");
	s->p++;
	json_skip_space(s);
	bool more = s->p == s->end || *s->p != ']';
	while (more) {
		json_skip_space(s);
		const unsigned char *from = s->p;
		s->d->n = 0;
		int rc = json_scan_value(s);
		if (rc != CX_OK)
			return rc;
		if (!item_add(items, from, (size_t)(s->p - from), max))
			return CX_OK;
		json_skip_space(s);
		if (s->p == s->end || (*s->p != ',' && *s->p != ']'))
			return json_bad(s, s->p, "falta ',' ou ']'", "',' or ']' is missing");
		more = *s->p == ',';
		s->p += more;
	}
	s->p++;
	json_skip_space(s);
	if (s->p != s->end)
		return json_bad(s, s->p, "há texto depois do fim", "there is text after the end");
	return CX_OK;
}

int json_split_array(
	struct json_items *items, const char *src, size_t len, uint32_t max, struct cx_err *e)
{
	struct json_doc d = {0};
	struct json_scanner s;
	items->n = 0;
	items->more = false;
	if (len > UINT32_MAX)
		return cx_fail(e, CX_E_BODY_TOO_LARGE, NULL, "%s",
			CX_T("o texto passa de 4 GiB", "the text is over 4 GiB"));
	json_scanner_init(&s, &d, src ? src : "", len, e);
	s.max_nodes = ITEM_NODES;
	s.lean = true;
	int rc = split(&s, items, max);
	json_doc_free(&d);
	return rc;
}

void json_split_lines(struct json_items *items, const char *src, size_t len, uint32_t max)
{
	const char *p = src, *end = src + len;
	items->n = 0;
	items->more = false;
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *to = nl ? nl : end;
		const char *next = nl ? nl + 1 : end;
		while (p < to && (*p == ' ' || *p == '\t' || *p == '\r'))
			p++;
		while (to > p && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r'))
			to--;
		if (to > p && !item_add(items, (const unsigned char *)p, (size_t)(to - p), max))
			return;
		p = next;
	}
}
