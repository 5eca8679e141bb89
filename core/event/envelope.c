#include "event/attrs.h"

#include <string.h>

#include "base/text.h"

static int too_large(const struct event_origin *o, uint32_t n, struct cx_errs *errs)
{
	return cx_errs_add(errs, CX_E_EVENT_TOO_LARGE, NULL,
		CX_T("o evento tem %u bytes; o limite é %u",
			"the event is %u bytes; the limit is %u"),
		n, o->max_bytes);
}

static void attribute(
	struct attrs *in, enum attr_id id, uint32_t node, struct arena *a, struct cx_errs *errs)
{
	const struct json_doc *d = in->doc;
	const struct json_node *n = &d->nodes[node];
	if (n->type == JSON_NULL)
		return;
	in->sent[id] = true;
	if (id == A_DATA) {
		in->data = node;
	} else if (n->type == JSON_STRING && n->escaped != JSON_ESCAPED_NUL) {
		in->v[id] = json_text(d, node, a);
	} else if (n->type == JSON_STRING) {
		attrs_wrong(in, id, errs, "%s", CX_T("texto com U+0000", "text with U+0000"));
	} else if (id == A_SEQUENCE && n->type == JSON_INTEGER) {
		in->v[id] = json_raw(d, node);
	} else if (id != A_DATA_BASE64) { /* refused whatever it is */
		attrs_wrong(in, id, errs, "%s", CX_T("deve ser um texto", "must be a string"));
	}
}

int event_envelope(struct event *ev, const struct json_doc *d, uint32_t node,
	const struct event_origin *o, struct arena *a, struct cx_errs *errs)
{
	const struct json_node *n = &d->nodes[node];
	struct attrs in = {.doc = d, .structured = o->structured};
	int before = errs->n;
	memset(ev, 0, sizeof *ev);
	if (n->type != JSON_OBJECT)
		return cx_errs_add(errs, CX_E_NOT_AN_EVENT, NULL, "%s",
			CX_T("um evento é um objeto JSON com pelo menos \"type\"",
				"an event is a JSON object with at least \"type\""));
	if (o->max_bytes && n->len > o->max_bytes)
		return too_large(o, n->len, errs);
	uint32_t key = node + 1;
	for (uint32_t i = 0; i < n->count; i++, key = d->nodes[key + 1].next) {
		struct str name = json_text(d, key, a);
		int id = attrs_find(name.p, name.n);
		if (id >= 0)
			attribute(&in, (enum attr_id)id, key + 1, a, errs);
		else if (d->nodes[key + 1].type != JSON_NULL)
			attrs_unknown(name, errs);
	}
	return attrs_take(ev, &in, o, a, errs, before);
}

/* A header's value as the CloudEvents HTTP binding reads it: double quotes with backslashes undone
 * (for senders of its older versions), then percent-decoded once. */
static bool header_text(const char *v, struct str *out, struct arena *a)
{
	size_t n = strlen(v), len = 0;
	char *o = arena_alloc(a, n + 1);
	if (n >= 2 && v[0] == '"' && v[n - 1] == '"') {
		for (size_t i = 1; i < n - 1; i++) {
			if (v[i] == '\\' && i + 1 < n - 1)
				i++;
			o[len++] = v[i];
		}
	} else {
		memcpy(o, v, n);
		len = n;
	}
	int to = percent_decode(o, len, false, o, len);
	if (to < 0)
		return false;
	o[to] = 0;
	*out = (struct str){o, (uint32_t)to};
	return utf8_ok(o, (size_t)to);
}

static void header(
	struct attrs *in, const char *name, const char *v, struct arena *a, struct cx_errs *errs)
{
	size_t n = strlen(name);
	int id = attrs_find(name, n);
	if (id < 0 || id == A_DATA || id == A_DATA_BASE64) {
		attrs_unknown((struct str){name, (uint32_t)n}, errs);
		return;
	}
	in->sent[id] = true;
	if (!header_text(v, &in->v[id], a))
		attrs_wrong(in, (enum attr_id)id, errs, "%s",
			CX_T("o cabeçalho não está em UTF-8 com % como %25",
				"the header is not UTF-8 with % as %25"));
}

int event_envelope_binary(struct event *ev, const char *meta, uint32_t meta_len,
	const struct json_doc *d, const struct event_origin *o, struct arena *a,
	struct cx_errs *errs)
{
	struct attrs in = {.doc = d, .structured = true};
	int before = errs->n;
	memset(ev, 0, sizeof *ev);
	const char *name = meta, *end = meta + meta_len;
	while (name < end) {
		const char *mid = memchr(name, 0, (size_t)(end - name)), *v = mid ? mid + 1 : end;
		const char *last = v < end ? memchr(v, 0, (size_t)(end - v)) : NULL;
		if (!last)
			break;
		if (strncmp(name, "ce-", 3) == 0)
			header(&in, name + 3, v, a, errs);
		name = last + 1;
	}
	if (d && d->n) {
		uint32_t n = d->nodes[0].len;
		if (o->max_bytes && n > o->max_bytes)
			return too_large(o, n, errs);
		in.sent[A_DATA] = d->nodes[0].type != JSON_NULL;
	}
	return attrs_take(ev, &in, o, a, errs, before);
}
