/* A run of a checklist as it is kept, and what its answers come to. */
#include <stdio.h>
#include <string.h>

#include "base/tz.h"
#include "engine/old.h"
#include "engine/sop_run.h"

bool sop_same(struct str a, struct str b)
{
	return a.n == b.n && !a.p == !b.p && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

struct str sop_member(const struct json_doc *d, uint32_t at, const char *key, struct arena *a)
{
	uint32_t i = json_get(d, at, key);
	if (!i || d->nodes[i].type != JSON_STRING)
		return (struct str){0};
	struct str s = json_text(d, i, a);
	return arena_str(a, s.p, s.n);
}

/* ---- loading ---- */

static enum sop_kind kind_of(struct str s)
{
	static const char *const names[SOP_KINDS] = {"yes-no", "choice", "number", "text", "photo",
		"file", "signature", "time", "count"};
	int k = 0;
	while (k < SOP_KINDS - 1 &&
		!sop_same(s, (struct str){names[k], (uint32_t)strlen(names[k])}))
		k++;
	return (enum sop_kind)k;
}

static void read_item(const struct json_doc *d, uint32_t at, struct sop_item *item, struct arena *a)
{
	uint32_t na = json_get(d, at, "na"), choices = json_get(d, at, "choices");
	*item = (struct sop_item){.item = sop_member(d, at, "item", a),
		.section = sop_member(d, at, "section", a),
		.kind = kind_of(sop_member(d, at, "kind", a)),
		.na = !na || d->nodes[na].type != JSON_FALSE};
	if (choices)
		item->choices =
			arena_alloc(a, (d->nodes[choices].count + 1) * sizeof *item->choices);
	SOP_EACH(d, choices, i)
	item->choices[item->nchoices++] = sop_member(d, i, "choice", a);
}

static int read_definition(struct sop_run *r, struct arena *a, struct cx_err *e)
{
	struct json_doc d = {0};
	int rc = json_scan(&d, r->v.definition.p, r->v.definition.n, JSON_DEPTH, UINT32_MAX, e);
	if (rc >= 0) {
		uint32_t items = json_get(&d, 0, "items"), title = json_get(&d, 0, "title");
		uint32_t embargo = json_get(&d, 0, "embargo_ms");
		r->items = arena_alloc(a, (d.nodes[items].count + 1) * sizeof *r->items);
		r->n = 0;
		SOP_EACH(&d, items, i) read_item(&d, i, &r->items[r->n++], a);
		struct str raw = title ? json_raw(&d, title) : (struct str){0};
		r->title = title ? arena_str(a, raw.p, raw.n) : raw;
		r->embargo_ms = 0;
		if (embargo)
			json_int64(&d, embargo, &r->embargo_ms);
	}
	json_doc_free(&d);
	return rc;
}

struct sop_item *sop_item_of(const struct sop_run *r, struct str item)
{
	for (int i = 0; i < r->n; i++)
		if (sop_same(r->items[i].item, item))
			return &r->items[i];
	return NULL;
}

struct taking {
	struct sop_run *r;
	struct arena *a;
};

static void keep(struct str *v, struct arena *a)
{
	if (v->p)
		*v = arena_str(a, v->p, v->n);
}

static int take_answer(void *ctx, const struct sop_answer_row *row)
{
	struct taking *t = ctx;
	struct sop_item *item = sop_item_of(t->r, row->item);
	if (!item)
		return 0;
	item->given = *row;
	item->given.item = item->item;
	keep(&item->given.answer, t->a);
	keep(&item->given.evidence, t->a);
	keep(&item->given.actor, t->a);
	keep(&item->given.device, t->a);
	return 0;
}

int sop_run_load(struct engine *eng, struct sop_run *r, struct arena *a, struct cx_err *e)
{
	struct taking t = {r, a};
	int rc = store_sop_version_get(eng->store, r->row.version, &r->v, a, e);
	if (rc == 0)
		rc = cx_fail(e, CX_E_STORE_FAILED, NULL, "sop_version %lld is not there",
			(long long)r->row.version);
	if (rc >= 0)
		rc = read_definition(r, a, e);
	return rc < 0 ? rc : store_sop_answers(eng->store, r->row.id, take_answer, &t, e);
}

int sop_run_find(
	struct engine *eng, struct str run, struct sop_run *r, struct arena *a, struct cx_err *e)
{
	int rc = store_sop_run_get(eng->store, run, &r->row, a, e);
	if (rc <= 0)
		return rc;
	rc = sop_run_load(eng, r, a, e);
	return rc < 0 ? rc : 1;
}

bool sop_run_is(const struct sop_run *r, const char *state)
{
	return r->row.state.n == strlen(state) &&
	       memcmp(r->row.state.p, state, r->row.state.n) == 0;
}

/* ---- what the answers come to ---- */

bool sop_is_given(const struct sop_item *item)
{
	const struct sop_answer_row *g = &item->given;
	return g->item.p && (g->answer.p || g->evidence.n > 2); /* [] */
}

static int count_list(struct str json)
{
	int n = json.n > 2;
	for (uint32_t i = 0; i < json.n; i++)
		n += json.p[i] == ',';
	return n;
}

static void write_answer(struct buf *b, const struct sop_item *item)
{
	struct str answer = item->given.answer;
	int64_t ms;
	jw_key(b, "answer");
	if (!answer.p)
		jw_null(b);
	else if (item->kind == SOP_TIME && tz_parse_rfc3339(answer.p + 1, answer.n - 2, &ms))
		jw_int(b, ms);
	else
		jw_raw(b, answer.p, answer.n);
}

static void write_optional(struct buf *b, const char *key, struct str v)
{
	if (!v.p)
		return;
	jw_key(b, key);
	jw_strn(b, v.p, v.n);
}

static void for_judge(struct buf *b, const struct sop_run *r)
{
	jw_obj(b);
	write_optional(b, "state", r->row.state);
	write_optional(b, "unit", r->row.unit);
	write_optional(b, "actor", r->row.actor);
	write_optional(b, "subject", r->row.subject);
	jw_key(b, "context");
	jw_raw(b, r->row.context.p, r->row.context.n);
	jw_key(b, "answers");
	jw_obj(b);
	for (int i = 0; i < r->n; i++) {
		const struct sop_item *item = &r->items[i];
		if (!sop_is_given(item))
			continue;
		jw_key(b, item->item.p);
		jw_obj(b);
		write_answer(b, item);
		jw_kint(b, "evidence", count_list(item->given.evidence));
		jw_obj_end(b);
	}
	jw_obj_end(b);
	jw_obj_end(b);
}

/* Where the functions of the run's version are. */
static struct plugin *judges(struct ingest *in, const struct sop_run *r,
	const struct plugin_sop **sop, struct lua_fail *f)
{
	struct plugin *p = NULL;
	*sop = plugin_set_sop(&in->eng->set, r->row.sop, &p);
	if (!*sop || (*sop)->version != r->v.version) {
		p = old_plugin(in->eng, r->v.plugin, r->v.source, f);
		*sop = p ? plugin_sop_find(p, r->row.sop) : NULL;
	}
	if (p && *sop && !ingest_left_out(in, p->name))
		return p;
	if (p)
		*f = (struct lua_fail){.msg = "the plugin crashed on this run"};
	return NULL;
}

int sop_run_judge(struct ingest *in, struct sop_run *r, struct arena *a)
{
	struct lua_fail f = {0};
	const struct plugin_sop *sop;
	struct buf run = {0}, result = {0};
	struct plugin *p = judges(in, r, &sop, &f);
	for_judge(&run, r);
	int rc = p ? plugin_judge(p, sop, (struct str){run.p, (uint32_t)run.len}, &result, &f) : -1;
	if (rc < 0) {
		buf_clear(&result);
		jw_obj(&result);
		jw_key(&result, "warnings");
		jw_arr(&result);
		jw_obj(&result);
		jw_knull(&result, "item");
		jw_kstr(&result, "message", f.msg);
		jw_obj_end(&result);
		jw_arr_end(&result);
		jw_obj_end(&result);
	}
	r->row.result = arena_str(a, result.p, result.len);
	buf_free(&run);
	buf_free(&result);
	return rc >= 0;
}
