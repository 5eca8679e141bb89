/* A run as everybody sees it. */
#include <string.h>

#include "base/tz.h"
#include "engine/sop_run.h"

int64_t sop_run_embargo(const struct sop_run *r)
{
	if (!r->embargo_ms)
		return 0;
	return r->row.ended_ms ? r->row.ended_ms + r->embargo_ms : INT64_MAX;
}

static void text(struct buf *b, const char *key, struct str v)
{
	jw_key(b, key);
	if (v.p)
		jw_strn(b, v.p, v.n);
	else
		jw_null(b);
}

static void raw(struct buf *b, const char *key, struct str json, const char *none)
{
	jw_key(b, key);
	if (json.p)
		jw_raw(b, json.p, json.n);
	else
		jw_raw(b, none, strlen(none));
}

static void instant(struct buf *b, const char *key, int64_t ms)
{
	char out[TZ_TEXT];
	if (ms)
		tz_format(ms, out);
	jw_kstr(b, key, ms ? out : NULL);
}

static void member(struct buf *b, const struct json_doc *d, const char *key, const char *none)
{
	uint32_t at = d->n ? json_get(d, 0, key) : 0;
	raw(b, key, at ? json_raw(d, at) : (struct str){0}, none);
}

/* judged: its node among what the answers come to; 0: they came to nothing. */
static void item_json(
	struct buf *b, const struct sop_item *item, const struct json_doc *d, uint32_t judged)
{
	const struct sop_answer_row *g = &item->given;
	uint32_t score = judged ? json_get(d, judged, "score") : 0;
	uint32_t applies = judged ? json_get(d, judged, "applies") : 0;
	jw_obj(b);
	text(b, "item", item->item);
	raw(b, "answer", g->answer, "null");
	raw(b, "score", score ? json_raw(d, score) : (struct str){0}, "null");
	jw_kbool(b, "applies", !applies || d->nodes[applies].type == JSON_TRUE);
	raw(b, "evidence", g->item.p ? g->evidence : (struct str){0}, "[]");
	instant(b, "time", g->time_ms);
	text(b, "actor", g->actor);
	text(b, "device", g->device);
	jw_obj_end(b);
}

static void items_json(struct buf *b, const struct sop_run *r, const struct json_doc *d)
{
	uint32_t list = d->n ? json_get(d, 0, "items") : 0, at = list + 1;
	jw_key(b, "items");
	jw_arr(b);
	for (int i = 0; i < r->n; i++) {
		bool there = list && at < d->nodes[list].next;
		item_json(b, &r->items[i], d, there ? at : 0);
		at = there ? d->nodes[at].next : at;
	}
	jw_arr_end(b);
}

static void who_json(struct buf *b, const struct sop_run *r)
{
	const struct sop_run_row *row = &r->row;
	text(b, "unit", row->unit);
	text(b, "actor", row->actor);
	text(b, "subject", row->subject);
	text(b, "journey", row->journey);
	text(b, "key", row->key);
	text(b, "stage", row->stage);
	jw_kint(b, "pass", row->pass);
	jw_kbool(b, "required", row->required);
	text(b, "by", row->by);
	instant(b, "begun", row->begun_ms);
	instant(b, "ended", row->ended_ms);
}

void sop_run_json(struct buf *b, const struct sop_run *r, bool hidden)
{
	struct json_doc d = {0};
	const struct str none = {0};
	int64_t until = sop_run_embargo(r);
	bool judged = !hidden && json_scan(&d, r->row.result.p, r->row.result.n, JSON_DEPTH,
					 UINT32_MAX, NULL) >= 0;
	if (!judged)
		d.n = 0;
	jw_obj(b);
	text(b, "run", r->row.run);
	text(b, "sop", r->row.sop);
	jw_kint(b, "version", r->v.version);
	text(b, "hash", r->v.hash);
	raw(b, "title", r->title, "null");
	text(b, "state", r->row.state);
	member(b, &d, "score", "null");
	member(b, &d, "passed", "null");
	member(b, &d, "missing", "[]");
	if (hidden)
		raw(b, "items", STR("[]"), "");
	else
		items_json(b, r, &d);
	member(b, &d, "sections", "[]");
	member(b, &d, "exposure", "null");
	who_json(b, r);
	raw(b, "context", hidden ? STR("{}") : r->row.context, "{}");
	text(b, "reason", hidden ? none : r->row.reason);
	instant(b, "embargo_until", until == INT64_MAX ? 0 : until);
	jw_kbool(b, "hidden", hidden);
	jw_key(b, "warnings");
	jw_arr(b);
	uint32_t said = d.n ? json_get(&d, 0, "warnings") : 0;
	SOP_EACH(&d, said, i) jw_raw(b, json_raw(&d, i).p, json_raw(&d, i).n);
	jw_arr_end(b);
	jw_obj_end(b);
	json_doc_free(&d);
}
