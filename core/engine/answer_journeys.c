/* What is told of journeys: definitions, open instances, one instance with its history. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tz.h"
#include "engine/answers.h"
#include "engine/journeys.h"

enum { LIMIT = 100, LIMIT_MAX = 1000, VALUE = 1024 };

#define EACH(d, list, i)                                                                           \
	for (uint32_t i = (list) + 1; (list) && i < (d)->nodes[list].next; i = (d)->nodes[i].next)

static void key_str(struct buf *b, const char *key, struct str s)
{
	jw_key(b, key);
	if (s.p)
		jw_strn(b, s.p, s.n);
	else
		jw_null(b);
}

static void key_time(struct buf *b, const char *key, int64_t ms)
{
	char text[TZ_TEXT];
	if (ms)
		tz_format(ms, text);
	jw_kstr(b, key, ms ? text : NULL);
}

/* ---- one instance ---- */

struct shown {
	struct store *store;
	struct journey_row *row;
	struct json_doc state, definition;
	struct arena *a;
	struct buf *b;
};

static bool text_is(const struct shown *x, const struct json_doc *d, uint32_t at, struct str s)
{
	struct str is = at ? json_text(d, at, x->a) : (struct str){0};
	return is.p && s.p && is.n == s.n && memcmp(is.p, s.p, s.n) == 0;
}

/* The stage in the definition; 0: none. */
static uint32_t stage_of(const struct shown *x)
{
	EACH(&x->definition, json_get(&x->definition, 0, "stages"), i)
	if (text_is(x, &x->definition, json_get(&x->definition, i, "id"), x->row->stage))
		return i;
	return 0;
}

static int64_t number(const struct json_doc *d, uint32_t at)
{
	int64_t v = 0;
	return at && json_int64(d, at, &v) ? v : 0;
}

static void seen_json(const struct shown *x)
{
	uint32_t seen = json_get(&x->state, 0, "seen");
	jw_key(x->b, "seen");
	jw_arr(x->b);
	for (uint32_t k = seen + 1; seen && k < x->state.nodes[seen].next;
		k = x->state.nodes[k + 1].next) {
		struct str s = json_text(&x->state, k, x->a);
		jw_strn(x->b, s.p, s.n);
	}
	jw_arr_end(x->b);
}

static bool has_seen(const struct shown *x, struct str type, bool fresh)
{
	const char *name = arena_str(x->a, type.p, type.n).p;
	uint32_t counts = json_get(&x->state, 0, fresh ? "fresh" : "seen");
	return counts && x->state.nodes[counts].type == JSON_OBJECT &&
	       json_get(&x->state, counts, name) != 0;
}

/* How near it is to the ideal way, where its journey has one. */
static void fit_json(const struct shown *x)
{
	uint32_t fit = json_get(&x->state, 0, "fit");
	struct str raw = fit ? json_raw(&x->state, fit) : (struct str){0};
	jw_key(x->b, "conformance");
	if (raw.p)
		jw_raw(x->b, raw.p, raw.n);
	else
		jw_null(x->b);
}

/* Event types that lead on from where it is. */
static void waits_json(const struct shown *x)
{
	const struct json_doc *d = &x->definition;
	uint32_t stage = x->row->stage.p ? stage_of(x) : 0;
	uint32_t ways = stage ? json_get(d, stage, "leave") : 0;
	if (x->row->stage.p && json_get(d, 0, "named"))
		ways = json_get(d, 0, "start");
	jw_key(x->b, "waits_for");
	jw_arr(x->b);
	EACH(d, ways, way)
	{
		uint32_t type = json_get(d, way, "type"), all = json_get(d, way, "all");
		uint32_t fresh = json_get(d, way, "fresh");
		if (type) {
			struct str s = json_text(d, type, x->a);
			jw_strn(x->b, s.p, s.n);
		}
		EACH(d, all, i)
		{
			struct str s = json_text(d, i, x->a);
			if (!has_seen(x, s, fresh && d->nodes[fresh].type == JSON_TRUE))
				jw_strn(x->b, s.p, s.n);
		}
	}
	jw_arr_end(x->b);
}

static int move_json(void *ctx, const struct journey_move_row *m)
{
	struct buf *b = ctx;
	jw_obj(b);
	jw_key(b, "seq");
	if (m->seq)
		jw_int(b, m->seq);
	else
		jw_null(b);
	key_time(b, "time", m->time_ms);
	key_str(b, "type", m->type);
	key_str(b, "from", m->source);
	key_str(b, "to", m->target);
	key_str(b, "deviation", m->deviation);
	jw_obj_end(b);
	return 0;
}

/* Members that lists show too. */
static void outline(const struct shown *x, int version)
{
	struct journey_row *r = x->row;
	struct buf name = {0};
	const char *stage = r->stage.p ? arena_str(x->a, r->stage.p, r->stage.n).p : NULL;
	uint32_t pass = stage ? json_get(&x->state, 0, "pass") : 0;
	journeys_name(&name, r->key, r->n);
	key_str(x->b, "journey", r->journey);
	jw_key(x->b, "key");
	jw_strn(x->b, name.p, name.len);
	buf_free(&name);
	key_str(x->b, "stage", r->stage);
	if (pass)
		jw_kint(x->b, "pass", number(&x->state, json_get(&x->state, pass, stage)));
	else
		jw_knull(x->b, "pass");
	key_time(x->b, "due", number(&x->state, json_get(&x->state, 0, "due")));
	jw_kbool(x->b, "late", r->late);
	key_str(x->b, "outcome", r->outcome);
	if (r->stage.p)
		jw_knull(x->b, "lost");
	else
		jw_kbool(x->b, "lost", r->lost);
	jw_kint(x->b, "version", version);
	key_str(x->b, "unit", r->unit);
	key_str(x->b, "subject", r->subject);
	key_time(x->b, "begun", r->begun_ms);
	key_time(x->b, "ended", r->ended_ms);
}

static int open_shown(struct shown *x, int *version, struct cx_err *e)
{
	struct str definition = {0};
	int rc = store_journey_definition(x->store, x->row->version, version, &definition, x->a, e);
	if (rc < 0)
		return rc;
	if (!definition.p)
		definition = STR("{}");
	rc = json_scan(&x->state, x->row->state.p, x->row->state.n, JSON_DEPTH, UINT32_MAX, e);
	if (rc >= 0)
		rc = json_scan(
			&x->definition, definition.p, definition.n, JSON_DEPTH, UINT32_MAX, e);
	return rc;
}

static void close_shown(struct shown *x)
{
	json_doc_free(&x->state);
	json_doc_free(&x->definition);
}

int journey_instance_json(
	struct store *s, struct journey_row *row, struct arena *a, struct buf *b, struct cx_err *e)
{
	struct shown x = {.store = s, .row = row, .a = a, .b = b};
	int version = 0, rc = open_shown(&x, &version, e);
	if (rc >= 0) {
		jw_obj(b);
		outline(&x, version);
		seen_json(&x);
		waits_json(&x);
		jw_key(b, "clocks");
		clocks_json(b, &x.state, &x.definition);
		fit_json(&x);
		jw_key(b, "history");
		jw_arr(b);
		rc = store_journey_moves(s, row->id, move_json, b, e);
		jw_arr_end(b);
		jw_obj_end(b);
	}
	close_shown(&x);
	return rc < 0 ? rc : CX_OK;
}

/* ---- routes ---- */

static const struct plugin_journey *find(const struct engine *eng, const char *id)
{
	struct str name = {id, (uint32_t)strlen(id)};
	for (int i = 0; i < eng->set.n; i++) {
		const struct plugin_journey *j = plugin_journey_find(eng->set.v[i], name);
		if (j)
			return j;
	}
	return NULL;
}

static int no_journey(const char *id, struct cx_err *e)
{
	return cx_fail(e, CX_E_NOT_FOUND, "id",
		CX_T("nenhum plugin declara a jornada \"%s\"",
			"no plugin declares the journey \"%s\""),
		id);
}

int answer_journey_instance(
	struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e)
{
	const char *id = meta_get(f->meta, f->head.meta_len, "id");
	const char *key = meta_get(f->meta, f->head.meta_len, "key");
	const char *unit = f->head.caller.unit;
	struct arena a = {0};
	struct journey_row row;
	int rc = journeys_find(
		eng->store, id, (struct str){key, (uint32_t)strlen(key)}, &row, &a, e);
	bool theirs = rc == 1 && (!*unit || (row.unit.p && row.unit.n == strlen(unit) &&
						    memcmp(row.unit.p, unit, row.unit.n) == 0));
	if (rc >= 0 && !theirs)
		rc = find(eng, id) ? cx_fail(e, CX_E_NOT_FOUND, "key",
					     CX_T("a jornada \"%s\" não tem a instância \"%s\"",
						     "the journey \"%s\" has no instance \"%s\""),
					     id, key)
				   : no_journey(id, e);
	if (rc >= 0)
		rc = journey_instance_json(eng->store, &row, &a, b, e);
	arena_free(&a);
	return rc;
}

struct page {
	struct engine *eng;
	struct buf *b;
	struct arena a;
	int n, limit;
	int64_t last;
	bool more;
	struct cx_err *e;
};

static int each(void *ctx, const struct journey_row *row)
{
	struct page *p = ctx;
	struct journey_row copy = *row;
	struct shown x = {.store = p->eng->store, .row = &copy, .a = &p->a, .b = p->b};
	int version = 0;
	p->more = p->n == p->limit;
	if (p->more)
		return 1;
	int rc = open_shown(&x, &version, p->e);
	if (rc >= 0) {
		jw_obj(p->b);
		outline(&x, version);
		jw_obj_end(p->b);
	}
	close_shown(&x);
	arena_reset(&p->a);
	p->last = row->id;
	p->n++;
	return rc < 0 ? rc : 0;
}

static bool take_number(const char *text, int64_t min, int64_t max, int64_t *v)
{
	char *end;
	errno = 0;
	*v = strtoll(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *v >= min && *v <= max;
}

static int read_query(const struct frame *f, struct journey_filter *q, char stage[VALUE],
	char unit[VALUE], int *limit, struct cx_err *e)
{
	const char *query = meta_get(f->meta, f->head.meta_len, "query");
	char name[32], value[VALUE];
	for (int i = 0; query_name(query, i, name, sizeof name); i++) {
		int wrong = 0;
		int64_t n = 0;
		const char *v = query_get(query, name, 0, value, sizeof value, &wrong);
		bool ok = v && !wrong;
		if (ok && strcmp(name, "stage") == 0) {
			q->stage = strcpy(stage, v);
		} else if (ok && strcmp(name, "unit") == 0) {
			q->unit = strcpy(unit, v);
		} else if (ok && strcmp(name, "late") == 0) {
			q->late = strcmp(v, "1") == 0 || strcmp(v, "true") == 0;
			ok = q->late || strcmp(v, "0") == 0 || strcmp(v, "false") == 0;
		} else if (ok && strcmp(name, "after") == 0) {
			ok = take_number(v, 0, INT64_MAX, &q->after);
		} else if (ok && strcmp(name, "limit") == 0) {
			ok = take_number(v, 1, LIMIT_MAX, &n);
			*limit = (int)n;
		}
		if (!ok)
			return cx_fail(e, CX_E_BAD_QUERY, name,
				CX_T("%s: este valor não serve", "%s: not a value for it"), name);
	}
	return CX_OK;
}

int answer_journey_instances(
	struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e)
{
	const char *id = meta_get(f->meta, f->head.meta_len, "id");
	const char *own = f->head.caller.unit;
	char stage[VALUE], unit[VALUE];
	struct journey_filter q = {.journey = id};
	struct page p = {.eng = eng, .b = b, .limit = LIMIT, .e = e};
	int rc = read_query(f, &q, stage, unit, &p.limit, e);
	if (rc >= 0 && !find(eng, id))
		rc = no_journey(id, e);
	if (rc < 0)
		return rc;
	bool none = *own && q.unit && strcmp(own, q.unit) != 0;
	if (*own)
		q.unit = own;
	jw_obj(b);
	jw_key(b, "instances");
	jw_arr(b);
	if (!none)
		rc = store_journeys(eng->store, &q, each, &p, e);
	jw_arr_end(b);
	jw_key(b, "next");
	if (p.more)
		jw_int(b, p.last);
	else
		jw_null(b);
	jw_obj_end(b);
	arena_free(&p.a);
	return rc < 0 ? rc : CX_OK;
}

static void journey_json(struct buf *b, const struct plugin *p, const struct plugin_journey *j)
{
	jw_obj(b);
	jw_kstr(b, "plugin", p->name);
	jw_kstr(b, "identity", j->identity);
	jw_kbool(b, "inside", j->inside);
	jw_key(b, "definition");
	jw_raw(b, j->definition, strlen(j->definition));
	jw_obj_end(b);
}

int answer_journeys(struct engine *eng, struct buf *b, struct cx_err *e)
{
	(void)e;
	jw_obj(b);
	jw_key(b, "journeys");
	jw_arr(b);
	for (int i = 0; i < eng->set.n; i++)
		for (int k = 0; k < eng->set.v[i]->njourneys; k++)
			journey_json(b, eng->set.v[i], &eng->set.v[i]->journeys[k]);
	jw_arr_end(b);
	jw_knull(b, "next");
	jw_obj_end(b);
	return CX_OK;
}
