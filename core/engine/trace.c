/* GET /v1/trace/{id}: everything that happened to one event. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kpi/group.h"
#include "base/tz.h"
#include "engine/answers.h"
#include "engine/failed.h"
#include "engine/quarantine.h"
#include "engine/records.h"
#include "engine/tracefigures.h"
#include "store/timers.h"

enum { SOURCE = 1024, FAILED_MOST = 1000, CAUSED_MOST = 500, CAUSED_DEPTH = 16, POSITION_GAP = 16 };

struct trace {
	struct engine *eng;
	struct buf *b;
	struct cx_err *e;
	struct arena a;
	const char *unit; /* the caller's, "" = any */
	bool personal;
	struct event ev;
	int caused; /* events told so far */
};

static bool may_see(const struct trace *t, const struct event *ev)
{
	size_t n = strlen(t->unit);
	return !n || (ev->unit.p && ev->unit.n == n && memcmp(ev->unit.p, t->unit, n) == 0);
}

/* ---- which event is meant */

struct search {
	struct trace *t;
	struct str id;
	int64_t seq; /* of the one found */
	int found;
	struct buf sources; /* that have it, for the refusal */
};

static int try_source(struct search *x, struct str source)
{
	struct event ev = {0};
	int rc = store_event_find(x->t->eng->store, source, x->id, &ev, &x->t->a, x->t->e);
	if (rc != 1 || !may_see(x->t, &ev))
		return rc < 0 ? rc : 0;
	x->seq = ev.seq;
	if (x->found++)
		buf_puts(&x->sources, ", ");
	buf_add(&x->sources, source.p, source.n);
	return 0;
}

static int each_feed(void *ctx, const struct feed_row *r)
{
	return try_source(ctx, r->source);
}

/* What came after the sources were last folded. */
static int each_new(void *ctx, int64_t seq, struct str source, struct str sequence, int64_t time_ms)
{
	struct search *x = ctx;
	struct event ev = {0};
	(void)sequence, (void)time_ms;
	int rc = store_event_get(x->t->eng->store, seq, &ev, &x->t->a, x->t->e);
	if (rc == 1 && str_same(ev.id, x->id) && x->seq != seq)
		rc = try_source(x, source);
	return rc < 0 ? rc : 0;
}

/* (source, id) is the key; with the id alone every source that there is is tried. */
static int search_sources(struct search *x)
{
	struct store *s = x->t->eng->store;
	struct buf folded = {0};
	int64_t last;
	int rc = store_meta_get(s, "feeds", &folded, x->t->e);
	int64_t from = rc == 1 ? strtoll(buf_cstr(&folded), NULL, 10) : 0;
	if (rc >= 0)
		rc = store_last_seq(s, &last, x->t->e);
	if (rc >= 0)
		rc = store_feeds(s, "", each_feed, x, x->t->e);
	if (rc >= 0)
		rc = store_sequences(s, from, last, each_new, x, x->t->e);
	buf_free(&folded);
	if (rc >= 0 && x->found > 1)
		return cx_fail(x->t->e, CX_E_BAD_QUERY, "source",
			CX_T("várias fontes têm esse id (%.200s): diga source",
				"several sources have that id (%.200s): give source"),
			buf_cstr(&x->sources));
	return rc < 0 ? rc : x->found;
}

static int failed_seq(struct trace *t, const char *number, int64_t *seq)
{
	struct failed_row row;
	int rc = store_failed_get(t->eng->store, failed_number(number), &row, &t->a, t->e);
	if (rc == 1)
		*seq = row.seq;
	return rc;
}

static int take(struct trace *t, int64_t seq)
{
	bool missing;
	t->ev = (struct event){0};
	int rc = seq ? store_event_get(t->eng->store, seq, &t->ev, &t->a, t->e) : 0;
	if (rc != 1 || !may_see(t, &t->ev))
		return rc < 0 ? rc : 0;
	const struct type_plan *plan = plugin_set_type(&t->eng->set, t->ev.type_name);
	if (plan) {
		t->ev.type = plan->type;
		event_reload(&t->ev, t->eng->conf->company_currency, &t->a, &missing);
	}
	return 1;
}

/* A seq, "failed/NUMBER", or an event's id, in this order: 1 found. */
static int find(struct trace *t, const char *id, const char *source)
{
	struct search x = {.t = t, .id = {id, (uint32_t)strlen(id)}};
	int64_t seq = 0;
	int rc = 0;
	if (*source) {
		rc = try_source(&x, (struct str){source, (uint32_t)strlen(source)});
		seq = x.seq;
	} else if (strncmp(id, "failed/", 7) == 0) {
		rc = failed_seq(t, id + 7, &seq);
	} else {
		seq = failed_number(id);
	}
	if (rc >= 0)
		rc = take(t, seq);
	if (rc == 0 && !*source) {
		rc = search_sources(&x);
		if (rc > 0)
			rc = take(t, x.seq);
	}
	buf_free(&x.sources);
	if (rc != 0)
		return rc;
	return cx_fail(t->e, CX_E_NOT_FOUND, "id",
		CX_T("não há evento com esse id nem esse seq: \"%.200s\"",
			"there is no event with that id or seq: \"%.200s\""),
		id);
}

/* ---- its family, its cause, what it caused */

static void outline(struct trace *t, const struct event *ev)
{
	char when[TZ_TEXT];
	jw_obj(t->b);
	jw_kint(t->b, "seq", ev->seq);
	jw_key(t->b, "id");
	jw_strn(t->b, ev->id.p, ev->id.n);
	jw_key(t->b, "type");
	jw_strn(t->b, ev->type_name.p, ev->type_name.n);
	tz_format(ev->recorded_ms, when);
	jw_kstr(t->b, "recordedtime", when);
}

struct members {
	int64_t v[FAILED_MOST];
	int n;
};

static int note(void *ctx, int64_t seq, int64_t recorded_ms)
{
	struct members *m = ctx;
	(void)recorded_ms;
	m->v[m->n++] = seq;
	return m->n == FAILED_MOST;
}

static int family(struct trace *t)
{
	int64_t root = t->ev.root ? t->ev.root : t->ev.seq;
	struct members m = {.v = {root}, .n = 1};
	struct family f;
	int rc = store_members(t->eng->store, root, note, &m, t->e);
	if (rc >= 0)
		rc = store_family(t->eng->store, root, INT64_MAX, &f, t->e);
	jw_key(t->b, "family");
	jw_arr(t->b);
	for (int i = 0; i < m.n && rc >= 0 && m.n > 1; i++) {
		struct event ev = {0};
		rc = store_event_get(t->eng->store, m.v[i], &ev, &t->a, t->e);
		if (rc != 1)
			continue;
		outline(t, &ev);
		if (ev.corrects.p) {
			jw_key(t->b, "corrects");
			jw_strn(t->b, ev.corrects.p, ev.corrects.n);
		}
		jw_kbool(t->b, "stands", ev.seq == f.newest);
		jw_obj_end(t->b);
	}
	jw_arr_end(t->b);
	return rc < 0 ? rc : CX_OK;
}

/* The event that led to the timer that emitted this one: 1 there is one. */
static int timer_cause(struct trace *t, const struct event *ev, uint32_t n, int64_t *seq)
{
	struct str id = arena_str(&t->a, ev->id.p, n);
	if (ev->source.n < 11 || memcmp(ev->source.p, "/cxd/timer/", 11) != 0)
		return 0;
	return store_timer_fired_seq(t->eng->store, failed_number(id.p), seq, t->e);
}

/* An emitted event's id is its cause's and "/n": 1 there is a cause. */
static int cause_of(struct trace *t, const struct event *ev, struct event *cause)
{
	uint32_t n = ev->id.n;
	while (n > 0 && ev->id.p[n - 1] >= '0' && ev->id.p[n - 1] <= '9')
		n--;
	if (n < 2 || n == ev->id.n || ev->id.p[n - 1] != '/')
		return 0;
	*cause = (struct event){0};
	int rc = store_event_find(
		t->eng->store, ev->source, (struct str){ev->id.p, n - 1}, cause, &t->a, t->e);
	if (rc == 0)
		rc = timer_cause(t, ev, n - 1, &cause->seq);
	if (rc == 1)
		rc = store_event_get(t->eng->store, cause->seq, cause, &t->a, t->e);
	return rc == 1 ? cause->seq < ev->seq && may_see(t, cause) : rc;
}

static int causes(struct trace *t)
{
	struct event ev = t->ev, cause;
	int rc = 1;
	jw_key(t->b, "caused_by");
	jw_arr(t->b);
	for (int i = 0; i < CAUSED_DEPTH && rc == 1; i++) {
		rc = cause_of(t, &ev, &cause);
		if (rc == 1) {
			outline(t, &cause);
			jw_obj_end(t->b);
			ev = cause;
		}
	}
	jw_arr_end(t->b);
	return rc < 0 ? rc : CX_OK;
}

static int caused(struct trace *t, const struct event *cause, int depth)
{
	int rc = CX_OK;
	jw_key(t->b, "caused");
	jw_arr(t->b);
	for (int n = 1, missed = 0;
		missed < POSITION_GAP && depth < CAUSED_DEPTH && t->caused < CAUSED_MOST && rc >= 0;
		n++) {
		struct event ev = {0};
		struct buf id = {0};
		buf_add(&id, cause->id.p, cause->id.n);
		buf_printf(&id, "/%d", n);
		rc = store_event_find(t->eng->store, cause->source,
			(struct str){id.p, (uint32_t)id.len}, &ev, &t->a, t->e);
		buf_free(&id);
		missed = rc == 1 ? 0 : missed + 1;
		if (rc == 1)
			rc = store_event_get(t->eng->store, ev.seq, &ev, &t->a, t->e);
		if (rc != 1 || ev.seq < cause->seq || !may_see(t, &ev))
			continue;
		t->caused++;
		outline(t, &ev);
		rc = caused(t, &ev, depth + 1);
		jw_obj_end(t->b);
	}
	jw_arr_end(t->b);
	return rc < 0 ? rc : CX_OK;
}

/* ---- timers */

/* As timer.c says what a timer emits. */
static int timer(struct trace *t, const struct timer_fired *row, bool fired)
{
	char when[TZ_TEXT];
	struct buf source = {0}, id = {0};
	tz_format(row->due_ms, when);
	jw_obj(t->b);
	jw_kint(t->b, "id", row->id);
	jw_kstr(t->b, "plugin", row->plugin);
	jw_kstr(t->b, "name", row->name);
	jw_kstr(t->b, "due", when);
	tz_format(row->fired_ms, when);
	jw_kstr(t->b, "fired", fired ? when : NULL);
	if (row->failed)
		jw_kint(t->b, "failed", row->failed);
	else
		jw_knull(t->b, "failed");
	buf_printf(&source, "/cxd/timer/%s/%s", row->plugin, row->name);
	buf_printf(&id, "%lld", (long long)row->id);
	struct event cause = {.id = arena_str(&t->a, id.p, id.len),
		.source = arena_str(&t->a, source.p, source.len),
		.seq = t->ev.seq};
	int rc = caused(t, &cause, 0);
	jw_obj_end(t->b);
	buf_free(&source);
	buf_free(&id);
	return rc;
}

static int each_fired(void *ctx, const struct timer_fired *row)
{
	return timer(ctx, row, true);
}

static int each_waiting(void *ctx, const struct timer_row *row)
{
	const struct timer_fired one = {
		.id = row->id, .due_ms = row->due_ms, .plugin = row->plugin, .name = row->name};
	return timer(ctx, &one, false);
}

static int timers(struct trace *t)
{
	struct store *s = t->eng->store;
	jw_key(t->b, "timers");
	jw_arr(t->b);
	int rc = store_timers_fired_of(s, t->ev.seq, CAUSED_MOST, each_fired, t, t->e);
	if (rc >= 0)
		rc = store_timers_of(s, t->ev.seq, CAUSED_MOST, each_waiting, t, t->e);
	jw_arr_end(t->b);
	return rc;
}

/* ---- what failed */

static int each_failed(void *ctx, const struct failed_row *row)
{
	struct trace *t = ctx;
	char when[TZ_TEXT];
	failed_json(t->b, row);
	jw_kbool(t->b, "done", row->done_ms != 0);
	if (row->done_ms) {
		tz_format(row->done_ms, when);
		jw_kstr(t->b, "done_time", when);
	}
	jw_obj_end(t->b);
	return 0;
}

static int failed(struct trace *t)
{
	struct failed_filter q = {.seq = t->ev.seq, .limit = FAILED_MOST};
	jw_key(t->b, "failed");
	jw_arr(t->b);
	int rc = store_failed(t->eng->store, &q, each_failed, t, t->e);
	jw_arr_end(t->b);
	return rc;
}

static int each_record(void *ctx, struct str kind, const struct record_row *r)
{
	struct trace *t = ctx;
	char when[TZ_TEXT];
	tz_format(r->changed_ms, when);
	jw_obj(t->b);
	jw_key(t->b, "kind");
	jw_strn(t->b, kind.p, kind.n);
	jw_key(t->b, "key");
	jw_strn(t->b, r->key.p, r->key.n);
	jw_kint(t->b, "version", r->version);
	jw_kstr(t->b, "changed", when);
	jw_key(t->b, "by");
	jw_strn(t->b, r->by.p, r->by.n);
	jw_kbool(t->b, "deleted", r->deleted);
	jw_obj_end(t->b);
	return 0;
}

/* Whoever is bound to a unit is not told: whose they are is not known from here. */
static int records(struct trace *t)
{
	jw_key(t->b, "records");
	jw_arr(t->b);
	int rc =
		*t->unit ? CX_OK : store_records_of(t->eng->store, t->ev.seq, each_record, t, t->e);
	jw_arr_end(t->b);
	return rc;
}

static int tell(struct trace *t)
{
	int rc;
	jw_obj(t->b);
	jw_key(t->b, "event");
	event_json(t->b, &t->ev, t->personal);
	quarantine_pending(t->eng, t->ev.type_name, t->ev.seq, t->b);
	rc = family(t);
	if (rc >= 0)
		rc = causes(t);
	if (rc >= 0)
		rc = caused(t, &t->ev, 0);
	if (rc >= 0)
		rc = timers(t);
	if (rc >= 0)
		rc = failed(t);
	if (rc >= 0)
		rc = records(t);
	if (rc >= 0)
		rc = trace_figures(t->eng, &t->ev, t->b, t->e);
	jw_obj_end(t->b);
	return rc;
}

/* "KIND/KEY": all versions of a record, as they are at its own address. */
static int record(struct trace *t, const struct frame *f, const char *id)
{
	struct buf meta = {0};
	const char *slash = strchr(id, '/');
	struct frame at = *f;
	if (!slash ||
		!plugin_set_record(&t->eng->set, (struct str){id, (uint32_t)(slash - id)}, NULL))
		return CX_E_NOT_FOUND;
	buf_add(&meta, "kind", 5);
	buf_add(&meta, id, (size_t)(slash - id));
	buf_add(&meta, "", 1);
	buf_add(&meta, "key", 4);
	buf_add(&meta, slash + 1, strlen(slash + 1) + 1);
	at.meta = meta.p;
	at.head.meta_len = (uint32_t)meta.len;
	int rc = answer_record_versions(t->eng, &at, t->b, t->e);
	buf_free(&meta);
	return rc;
}

int answer_trace(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e)
{
	const char *query = meta_get(f->meta, f->head.meta_len, "query");
	const char *id = meta_get(f->meta, f->head.meta_len, "id");
	char source[SOURCE] = "";
	int wrong = 0;
	query_get(query, "source", 0, source, sizeof source, &wrong);
	if (wrong)
		return cx_fail(e, CX_E_BAD_QUERY, "source",
			CX_T("valor longo demais ou mal codificado",
				"value too long or badly encoded"));
	struct trace t = {.eng = eng,
		.b = b,
		.e = e,
		.unit = f->head.caller.unit,
		.personal = f->head.caller.level >= LEVEL_ADMIN};
	int rc = find(&t, id ? id : "", source);
	if (rc == CX_E_NOT_FOUND && !*source) {
		struct cx_err none = *e;
		rc = record(&t, f, id ? id : "");
		if (rc == CX_E_NOT_FOUND)
			*e = none;
	} else if (rc >= 0) {
		rc = tell(&t);
	}
	arena_free(&t.a);
	return rc < 0 ? rc : CX_OK;
}
