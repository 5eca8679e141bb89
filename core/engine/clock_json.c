/* Clocks of an instance as the API shows them: GET /v1/cases, instances, tx:journey. */
#include <string.h>

#include "base/tz.h"
#include "engine/journeys.h"

#define EACH(d, list, i)                                                                           \
	for (uint32_t i = (list) + 1; (list) && i < (d)->nodes[list].next; i = (d)->nodes[i].next)

static void key_raw(struct buf *b, const char *key, const struct json_doc *d, uint32_t at)
{
	struct str s = at ? json_raw(d, at) : STR("null");
	jw_key(b, key);
	jw_raw(b, s.p, s.n);
}

/* A title: a text, or one in the caller's language, else any. */
static void key_title(struct buf *b, const char *key, const struct json_doc *d, uint32_t at)
{
	if (at && d->nodes[at].type == JSON_OBJECT) {
		uint32_t wanted = json_get(d, at, CX_T("pt-BR", "en"));
		at = wanted ? wanted : at + 2; /* after the first key */
	}
	key_raw(b, key, d, at);
}

static void key_time(struct buf *b, const char *key, const struct json_doc *d, uint32_t at)
{
	char text[TZ_TEXT];
	int64_t ms = 0;
	bool is = at && json_int64(d, at, &ms);
	if (is)
		tz_format(ms, text);
	jw_kstr(b, key, is ? text : NULL);
}

static void pauses(struct buf *b, const struct json_doc *d, uint32_t clock)
{
	jw_key(b, "pauses");
	jw_arr(b);
	EACH(d, json_get(d, clock, "pauses"), i)
	{
		jw_obj(b);
		key_time(b, "from", d, json_get(d, i, "from"));
		key_time(b, "to", d, json_get(d, i, "to"));
		key_raw(b, "reason", d, json_get(d, i, "reason"));
		jw_obj_end(b);
	}
	jw_arr_end(b);
}

static void extensions(struct buf *b, const struct json_doc *d, uint32_t clock)
{
	jw_key(b, "extensions");
	jw_arr(b);
	EACH(d, json_get(d, clock, "extensions"), i)
	{
		jw_obj(b);
		key_time(b, "time", d, json_get(d, i, "time"));
		key_raw(b, "reason", d, json_get(d, i, "reason"));
		jw_obj_end(b);
	}
	jw_arr_end(b);
	jw_key(b, "refused");
	jw_arr(b);
	EACH(d, json_get(d, clock, "refused"), i)
	{
		jw_obj(b);
		key_time(b, "time", d, json_get(d, i, "time"));
		key_raw(b, "what", d, json_get(d, i, "what"));
		key_raw(b, "why", d, json_get(d, i, "why"));
		jw_obj_end(b);
	}
	jw_arr_end(b);
}

static void one(struct buf *b, const struct json_doc *d, uint32_t clock,
	const struct json_doc *definition, uint32_t rule)
{
	uint32_t late = json_get(d, clock, "late"), paused = json_get(d, clock, "paused");
	uint32_t stopped = json_get(d, clock, "stopped");
	jw_obj(b);
	key_raw(b, "rule", definition, json_get(definition, rule, "id"));
	key_title(b, "text", definition, json_get(definition, rule, "title"));
	key_title(b, "article", definition, json_get(definition, rule, "article"));
	jw_kstr(b, "state", stopped ? "stopped" : late ? "overdue" : paused ? "paused" : "running");
	key_time(b, "begun", d, json_get(d, clock, "begun"));
	key_time(b, "due", d, paused ? 0 : json_get(d, clock, "due"));
	key_time(b, "stopped", d, stopped);
	jw_kbool(b, "late", late != 0);
	jw_key(b, "paused");
	if (paused) {
		jw_obj(b);
		key_time(b, "since", d, paused);
		key_raw(b, "reason", d, json_get(d, clock, "reason"));
		jw_obj_end(b);
	} else {
		jw_null(b);
	}
	pauses(b, d, clock);
	extensions(b, d, clock);
	jw_obj_end(b);
}

void clocks_json(struct buf *b, const struct json_doc *state, const struct json_doc *definition)
{
	struct arena a = {0};
	uint32_t clocks = json_get(state, 0, "clocks");
	jw_arr(b);
	EACH(definition, clocks ? json_get(definition, 0, "clocks") : 0, rule)
	{
		struct str id = json_text(definition, json_get(definition, rule, "id"), &a);
		uint32_t clock = json_get(state, clocks, arena_str(&a, id.p, id.n).p);
		if (clock)
			one(b, state, clock, definition, rule);
	}
	jw_arr_end(b);
	arena_free(&a);
}
