/* Fuzz target: bytes → scanner, canonical form, batches, envelope, fields.
 * clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Icore tests/fuzz/fuzz_json.c \
 *   core/base/[a-z]*.c core/json/[a-z]*.c core/event/[a-z]*.c -lcrypto -lm
 * Besides not crashing: the compact and the canonical form of what was accepted are accepted again
 * and have the same canonical form, and a split batch is an array of its items. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/tz.h"
#include "event/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static char *choices[] = {"app", "loja"};
static struct field fields[] = {{.name = "a", .kind = FIELD_INTEGER, .required = true},
	{.name = "b", .kind = FIELD_DECIMAL, .scale = 2, .has_max = true, .max = 5},
	{.name = "c", .kind = FIELD_CHOICE, .choices = choices, .nchoices = 2},
	{.name = "d", .kind = FIELD_DURATION}, {.name = "e", .kind = FIELD_BOOLEAN},
	{.name = "m", .kind = FIELD_MONEY}, {.name = "p", .kind = FIELD_TEXT, .personal = true},
	{.name = "t", .kind = FIELD_TIME}, {.name = "z", .kind = FIELD_TEXT, .derived = true}};
static struct event_type type = {.name = "x.y", .fields = fields, .nfields = 9, .nderived = 1};

static void forms(const struct json_doc *d)
{
	struct json_doc again = {0};
	struct buf canonical = {0}, compact = {0}, twice = {0};
	json_canonical(d, 0, &canonical);
	json_compact(d, 0, &compact);
	check(utf8_ok(canonical.p, canonical.len));
	check(json_scan(&again, compact.p, compact.len, 32, UINT32_MAX, NULL) == CX_OK);
	check(again.n == d->n);
	json_canonical(&again, 0, &twice);
	check(twice.len == canonical.len && !memcmp(twice.p, canonical.p, twice.len));
	check(json_scan(&again, canonical.p, canonical.len, 32, UINT32_MAX, NULL) == CX_OK);
	buf_clear(&twice);
	json_canonical(&again, 0, &twice);
	check(twice.len == canonical.len && !memcmp(twice.p, canonical.p, twice.len));
	json_doc_free(&again);
	buf_free(&canonical);
	buf_free(&compact);
	buf_free(&twice);
}

static void split(const char *text, size_t n, bool is_array, uint32_t count)
{
	struct json_items items = {0};
	struct json_doc d = {0};
	int rc = json_split_array(&items, text, n, UINT32_MAX, NULL);
	if (is_array)
		check(rc == CX_OK && items.n == count);
	for (uint32_t i = 0; rc == CX_OK && i < items.n; i++)
		check(json_scan(&d, items.v[i].p, items.v[i].n, 32, UINT32_MAX, NULL) == CX_OK);
	json_split_lines(&items, text, n, 5);
	json_doc_free(&d);
	free(items.v);
}

static void utf8_messages(const struct cx_errs *l)
{
	for (int i = 0; i < l->n && i < CX_ERRS_MAX; i++)
		check(utf8_ok(l->v[i].msg, strlen(l->v[i].msg)) &&
			utf8_ok(l->v[i].field, strlen(l->v[i].field)));
}

/* The same event as headers and a body: the digest must be the same. */
static void binary(const struct json_doc *d, const struct event *ev, const struct event_origin *o,
	struct arena *a, bool accepted)
{
	struct buf meta = {0};
	struct json_doc body = {0};
	struct cx_errs errs = {0};
	struct event other;
	if (d->nodes[0].type != JSON_OBJECT || json_get(d, 0, "id") == 0)
		return;
	buf_add(&meta,
		"ce-specversion\0"
		"1.0",
		sizeof "ce-specversion\0"
		       "1.0");
	uint32_t key = 1;
	for (uint32_t i = 0; i < d->nodes[0].count; i++, key = d->nodes[key + 1].next) {
		struct str name = json_text(d, key, a), v = json_raw(d, key + 1);
		uint8_t kind = d->nodes[key + 1].type;
		if (kind == JSON_STRING)
			v = json_text(d, key + 1, a);
		if (kind == JSON_NULL || memchr(name.p, 0, name.n) ||
			(name.n == 11 && !memcmp(name.p, "specversion", 11)))
			continue;
		if (name.n == 4 && !memcmp(name.p, "data", 4)) {
			struct str raw = json_raw(d, key + 1);
			json_scan(&body, raw.p, raw.n, 32, UINT32_MAX, NULL);
			continue;
		}
		buf_puts(&meta, "ce-");
		buf_add(&meta, name.p, name.n);
		buf_add(&meta, "", 1);
		for (uint32_t k = 0; k < v.n; k++)
			buf_printf(&meta,
				(k + v.n) % 2 || v.p[k] == '"' || v.p[k] == '%' || !v.p[k]
					? "%%%02x"
					: "%c",
				(unsigned char)v.p[k]);
		buf_add(&meta, "", 1);
	}
	int rc = event_envelope_binary(
		&other, meta.p, (uint32_t)meta.len, body.n ? &body : NULL, o, a, &errs);
	if (accepted && ev->digest[0] + ev->digest[1] + ev->digest[2])
		check(rc == CX_OK && !memcmp(ev->digest, other.digest, EVENT_DIGEST));
	/* a list cut anywhere is read to its last whole pair */
	char *cut = xstrndup(meta.p, meta.len / 2);
	errs.n = 0;
	event_envelope_binary(&other, cut, (uint32_t)meta.len / 2, NULL, o, a, &errs);
	free(cut);
	buf_free(&meta);
	json_doc_free(&body);
}

static void event(const struct json_doc *d, size_t n, struct arena *a)
{
	static const uint8_t ulid[ULID_BYTES];
	struct caller caller = {.uid = 1, .unit = "b07"};
	struct event_origin o = {.now_ms = 1795183200000LL,
		.caller = &caller,
		.ulid = ulid,
		.item = 3,
		.max_bytes = 4096,
		.import = n % 2};
	struct cx_errs errs = {0}, fields_errs = {0};
	struct event ev;
	struct buf shown = {0};
	bool missing;
	if (event_envelope(&ev, d, 0, &o, a, &errs) == CX_OK) {
		ev.type = &type;
		event_fields(&ev, "BRL", a, &fields_errs);
		ev.derived = event_derived_json(&ev, a);
		event_reload(&ev, "BRL", a, &missing);
		check(!missing);
		event_json(&shown, &ev, n % 3 == 0);
		struct json_doc again = {0};
		check(json_scan(&again, shown.p, shown.len, 32, UINT32_MAX, NULL) == CX_OK);
		json_doc_free(&again);
	}
	utf8_messages(&errs);
	utf8_messages(&fields_errs);
	binary(d, &ev, &o, a, errs.n == 0);
	buf_free(&shown);
}

static void texts(const char *text, size_t n, struct arena *a)
{
	struct value v, back;
	for (int i = 0; i < type.nfields; i++) {
		const struct field *f = &fields[i];
		if (!value_from_text(f, "BRL", (struct str){text, (uint32_t)n}, &v, a))
			continue;
		struct str s = value_text(v, f->kind, f->scale, a);
		check(value_from_text(f, "BRL", s, &back, a));
		check(v.kind == back.kind && v.i == back.i && v.s.n == back.s.n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json_doc d;
	static struct arena a;
	static bool ready;
	const char *text = (const char *)data;
	if (!ready)
		ready = tz_setup("America/Sao_Paulo");
	arena_reset(&a);
	int rc = json_scan(&d, text, size, 32, UINT32_MAX, NULL);
	if (rc == CX_OK)
		forms(&d);
	split(text, size, rc == CX_OK && d.nodes[0].type == JSON_ARRAY,
		rc == CX_OK ? d.nodes[0].count : 0);
	if (rc == CX_OK)
		event(&d, size, &a);
	texts(text, size, &a);
	return 0;
}
