#include "event/event.h"

#include <string.h>

#include "base/tz.h"

static struct json_doc doc; /* kept from event to event */

static void attribute(struct buf *b, const char *name, struct str v)
{
	if (!v.p)
		return;
	jw_key(b, name);
	jw_strn(b, v.p, v.n);
}

static bool has_personal(const struct event_type *t)
{
	for (int i = 0; i < t->nfields; i++)
		if (t->fields[i].personal)
			return true;
	return false;
}

/* The object without its personal members. */
static void without_personal(struct buf *b, const struct event_type *t, struct str json)
{
	jw_obj(b);
	if (json_scan(&doc, json.p, json.n, JSON_DEPTH, UINT32_MAX, NULL) == CX_OK &&
		doc.nodes[0].type == JSON_OBJECT) {
		struct arena a = {0};
		uint32_t key = 1;
		for (uint32_t i = 0; i < doc.nodes[0].count; i++, key = doc.nodes[key + 1].next) {
			struct str name = json_text(&doc, key, &a);
			int at = event_type_field(t, name.p, name.n);
			if (at >= 0 && t->fields[at].personal)
				continue;
			struct str raw = json_raw(&doc, key), v = json_raw(&doc, key + 1);
			jw_raw(b, raw.p, raw.n);
			buf_add(b, ":", 1);
			jw_raw(b, v.p, v.n);
		}
		arena_free(&a);
	}
	jw_obj_end(b);
}

/* Which fields of an unknown type are personal nobody can tell any more: then all of them are. */
static void object(
	struct buf *b, const char *name, const struct event *ev, struct str json, bool personal)
{
	if (!json.p || (!personal && !ev->type))
		return;
	jw_key(b, name);
	if (personal || !has_personal(ev->type))
		jw_raw(b, json.p, json.n);
	else
		without_personal(b, ev->type, json);
}

void event_json(struct buf *b, const struct event *ev, bool personal)
{
	char text[TZ_TEXT];
	jw_obj(b);
	jw_kstr(b, "specversion", "1.0");
	attribute(b, "id", ev->id);
	attribute(b, "source", ev->source);
	attribute(b, "type", ev->type_name);
	attribute(b, "time", ev->time);
	attribute(b, "subject", ev->subject);
	attribute(b, "unit", ev->unit);
	attribute(b, "actor", ev->actor);
	attribute(b, "sequence", ev->sequence);
	attribute(b, "corrects", ev->corrects);
	jw_kstr(b, "datacontenttype", "application/json");
	jw_kint(b, "seq", ev->seq);
	tz_format(ev->recorded_ms, text);
	jw_kstr(b, "recordedtime", text);
	if (ev->clockahead)
		jw_kbool(b, "clockahead", true);
	object(b, "data", ev, ev->data, personal);
	object(b, "derived", ev, ev->derived, personal);
	jw_obj_end(b);
}
