#include "event/event.h"

#include <string.h>

#include "base/text.h"
#include "base/nearest.h"
#include "event/attrs.h"
#include "event/read.h"

static struct json_doc doc; /* kept from event to event; nothing in here calls back */

static void unknown_field(
	const struct event_type *t, struct str name, bool derived, struct cx_errs *errs)
{
	char path[PATH_MAX_BYTES];
	struct nearest near = {.word = read_path(path, name)};
	for (int i = 0; i < t->nfields - t->nderived; i++)
		nearest_try(&near, t->fields[i].name);
	cx_errs_add(errs, CX_E_UNKNOWN_FIELD, path,
		derived ? CX_T("%s: o campo \"%s\" é calculado na chegada e não pode ser enviado%s",
				  "%s: the field \"%s\" is computed on arrival and cannot be "
				  "sent%s")
			: CX_T("%s não tem o campo \"%s\"%s", "%s has no field \"%s\"%s"),
		t->name, near.word, derived ? "" : nearest_hint(&near, "\"", "\""));
}

/* The members of a JSON object into ev->fields; only fields in [from, to) are taken. */
static void read_members(struct event *ev, struct reader *r, int from, int to, bool *seen)
{
	const struct event_type *t = ev->type;
	const struct json_doc *d = r->d;
	uint32_t key = 1;
	for (uint32_t i = 0; i < d->nodes[0].count; i++, key = d->nodes[key + 1].next) {
		struct str name = json_text(d, key, r->a);
		int at = event_type_field(t, name.p, name.n);
		if (at >= from && at < to) {
			r->f = &t->fields[at];
			seen[at] = d->nodes[key + 1].type != JSON_NULL || r->f->derived;
			read_value(r, key + 1, &ev->fields[at]);
		} else if (r->errs && d->nodes[key + 1].type != JSON_NULL &&
			   (at >= 0 || !t->open)) {
			unknown_field(t, name, at >= 0, r->errs);
		}
	}
}

static void read_declared(struct event *ev, struct reader *r)
{
	const struct event_type *t = ev->type;
	int n = t->nfields - t->nderived;
	size_t room = (size_t)t->nfields;
	bool *seen = memset(arena_alloc(r->a, room + 1), 0, room + 1);
	ev->fields = memset(
		arena_alloc(r->a, (room + 1) * sizeof *ev->fields), 0, room * sizeof *ev->fields);
	if (ev->data.p &&
		json_scan(&doc, ev->data.p, ev->data.n, JSON_DEPTH, UINT32_MAX, NULL) == CX_OK &&
		doc.nodes[0].type == JSON_OBJECT)
		read_members(ev, r, 0, n, seen);
	for (int i = 0; i < n; i++) {
		const struct field *f = &t->fields[i];
		if (seen[i])
			continue;
		ev->fields[i] = f->fallback;
		if (f->fallback.kind != VALUE_NULL || !f->required || !r->errs)
			continue;
		char path[PATH_MAX_BYTES];
		const char *shown =
			read_path(path, (struct str){f->name, (uint32_t)strlen(f->name)});
		cx_errs_add(r->errs, CX_E_MISSING_FIELD, path,
			CX_T("falta o campo \"%s\" de %s", "the field \"%s\" of %s is missing"),
			shown, t->name);
	}
}

int event_fields(
	struct event *ev, const char *company_currency, struct arena *a, struct cx_errs *errs)
{
	struct reader r = {&doc, company_currency, a, errs, NULL};
	int before = errs->n;
	read_declared(ev, &r);
	return attrs_first_code(errs, before);
}

void event_reload(struct event *ev, const char *company_currency, struct arena *a, bool *missing)
{
	const struct event_type *t = ev->type;
	struct reader r = {&doc, company_currency, a, NULL, NULL};
	int n = t->nfields - t->nderived;
	read_declared(ev, &r);
	*missing = false;
	if (!t->nderived)
		return;
	bool *seen = memset(arena_alloc(a, (size_t)t->nfields), 0, (size_t)t->nfields);
	if (ev->derived.p &&
		json_scan(&doc, ev->derived.p, ev->derived.n, JSON_DEPTH, UINT32_MAX, NULL) ==
			CX_OK &&
		doc.nodes[0].type == JSON_OBJECT)
		read_members(ev, &r, n, t->nfields, seen);
	for (int i = n; i < t->nfields; i++)
		*missing |= !seen[i];
}

struct str event_derived_json(const struct event *ev, struct arena *a)
{
	const struct event_type *t = ev->type;
	if (!t || !t->nderived)
		return (struct str){0};
	static struct buf b; /* kept from event to event */
	buf_clear(&b);
	jw_obj(&b);
	for (int i = t->nfields - t->nderived; i < t->nfields; i++) {
		jw_key(&b, t->fields[i].name);
		value_json(&b, ev->fields[i], &t->fields[i]);
	}
	jw_obj_end(&b);
	return arena_str(a, b.p, b.len);
}

bool field_read(const struct field *f, const char *company_currency, const struct json_doc *d,
	uint32_t node, struct value *v, struct arena *a, struct cx_errs *errs)
{
	struct reader r = {d, company_currency, a, errs, f};
	return read_value(&r, node, v);
}

struct value event_get(const struct event *ev, struct field_ref ref)
{
	struct str s = {0};
	switch (ref.attr) {
	case ATTR_FIELD: return ev->fields ? ev->fields[ref.field] : (struct value){0};
	case ATTR_TIME: return (struct value){.kind = VALUE_INT, .i = ev->time_ms};
	case ATTR_ID: s = ev->id; break;
	case ATTR_SOURCE: s = ev->source; break;
	case ATTR_TYPE: s = ev->type_name; break;
	case ATTR_SUBJECT: s = ev->subject; break;
	case ATTR_UNIT: s = ev->unit; break;
	case ATTR_ACTOR: s = ev->actor; break;
	case ATTR_NONE: break;
	}
	return (struct value){.kind = s.p ? VALUE_TEXT : VALUE_NULL, .s = s};
}
