#include "engine/frictions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tz.h"
#include "engine/journeys.h"
#include "kpi/group.h"

static struct friction_stage *stage_of(struct frictions *f, struct str id)
{
	for (int i = 0; i < f->nstages; i++)
		if (str_same(f->stages[i].id, id))
			return &f->stages[i];
	f->stages = xrealloc(f->stages, sizeof *f->stages * (size_t)(f->nstages + 1));
	f->stages[f->nstages] = (struct friction_stage){arena_str(&f->a, id.p, id.n), {0}, -1};
	return &f->stages[f->nstages++];
}

/* ---- how long passes take ---- */

static int begin_times(void *ctx, const struct way_head *h)
{
	struct frictions *f = ctx;
	struct str group;
	int rc = journey_query_takes(f->q, h, &group, f->e);
	f->stage = (struct str){0};
	return rc < 0 ? rc : !rc;
}

static int step_times(void *ctx, const struct way_step *s)
{
	struct frictions *f = ctx;
	if (s->deviation.p && !s->target.p)
		return 0;
	if (f->stage.p)
		spread_add(&stage_of(f, f->stage)->times, s->time_ms - f->entered_ms);
	f->stage = s->target.p ? stage_of(f, s->target)->id : (struct str){0};
	f->entered_ms = s->time_ms;
	return 0;
}

static int end_times(void *ctx, const struct way_head *h)
{
	(void)ctx, (void)h;
	return 0;
}

static int read_times(struct frictions *f)
{
	static const struct ways ways = {begin_times, step_times, end_times};
	struct way_filter filter = journey_query_ways(f->q);
	filter.after_ms = INT64_MIN; /* whatever the page: of the whole window */
	filter.after = 0;
	int rc = store_ways(f->q->eng->store, &filter, &ways, f, f->e);
	for (int i = 0; i < f->nstages; i++) {
		struct friction_stage *s = &f->stages[i];
		if (s->times.n >= FRICTION_FEW)
			spread_quantile(&s->times, 0.95, &s->p95);
		spread_free(&s->times);
	}
	return rc;
}

/* ---- what was met ---- */

static int64_t since(const struct frictions *f, int64_t from_ms, int64_t till_ms)
{
	int64_t till = till_ms ? till_ms : f->q->now_ms;
	return till > from_ms ? till - from_ms : 0;
}

/* The pass at hand is over, or with till_ms 0 not yet. */
static int close_pass(struct frictions *f, int64_t till_ms)
{
	struct friction_met m = {.stage = f->stage, .severity = 1};
	double p95 = stage_of(f, f->stage)->p95;
	int64_t took = since(f, f->entered_ms, till_ms);
	int rc = CX_OK;
	if (f->late_ms) {
		m.kind = STR("wait");
		m.time_ms = f->late_ms;
		m.lost_ms = since(f, f->late_ms, till_ms);
		rc = f->met(f, &m);
	}
	m.time_ms = f->entered_ms;
	if (f->pass > 1 && rc >= 0) {
		m.kind = STR("rework");
		m.lost_ms = took;
		rc = f->met(f, &m);
	}
	if (till_ms && p95 >= 0 && (double)took > p95 && rc >= 0) {
		m.kind = STR("slow");
		m.lost_ms = (int64_t)((double)took - p95 + 0.5);
		rc = f->met(f, &m);
	}
	return rc;
}

static int begin(void *ctx, const struct way_head *h)
{
	struct frictions *f = ctx;
	int rc = begin_times(f, h);
	if (rc != 0)
		return rc;
	f->instances++;
	f->head = *h;
	f->passes = f->lost_ms = f->first_ms = 0;
	if (!f->list && h->subject.p)
		customers_met(f, h->subject, -1);
	return 0;
}

static int step(void *ctx, const struct way_step *s)
{
	struct frictions *f = ctx;
	int rc = CX_OK;
	if (s->deviation.p && str_same(s->deviation, STR("late")) && f->stage.p)
		f->late_ms = s->time_ms;
	if (s->deviation.p && !s->target.p)
		return CX_OK;
	if (f->stage.p)
		rc = close_pass(f, s->time_ms);
	if (f->stage.p && !s->target.p && f->head.lost && rc >= 0) {
		const struct friction_met m = {.kind = STR("abandonment"),
			.stage = f->stage,
			.time_ms = s->time_ms,
			.lost_ms = s->time_ms - f->head.begun_ms,
			.severity = 1};
		rc = f->met(f, &m);
	}
	f->stage = s->target.p ? stage_of(f, s->target)->id : (struct str){0};
	f->pass = s->pass;
	f->entered_ms = s->time_ms;
	f->late_ms = 0;
	return rc;
}

/* A wait that on_late noted is the one that the deadline tells of; it may weigh more. */
static int note(void *ctx, const struct friction_row *r)
{
	struct frictions *f = ctx;
	struct friction_met m = {.kind = r->kind,
		.stage = r->stage,
		.time_ms = r->time_ms,
		.lost_ms = r->lost_ms,
		.severity = r->severity > 0 ? (int)r->severity : 1,
		.noted = true};
	if (!r->pass || !str_same(r->kind, STR("wait")))
		return f->met(f, &m);
	m.time_ms = 0; /* no other one */
	m.severity--;
	return f->met(f, &m);
}

static int end(void *ctx, const struct way_head *h)
{
	struct frictions *f = ctx;
	int rc = f->stage.p ? close_pass(f, 0) : CX_OK;
	if (rc >= 0 && f->noted)
		rc = store_frictions_of(f->q->eng->store, h->id, note, f, f->e);
	return rc;
}

static int read_frictions(struct frictions *f, const struct ways *ways)
{
	struct way_filter filter = journey_query_ways(f->q);
	int rc = read_times(f);
	if (rc >= 0)
		rc = store_frictions_any(f->q->eng->store, f->q->journey->id, f->e);
	f->noted = rc == 1;
	f->stage = (struct str){0};
	return rc < 0 ? rc : store_ways(f->q->eng->store, &filter, ways, f, f->e);
}

static void frictions_free(struct frictions *f)
{
	for (int i = 0; i < f->nstages; i++)
		spread_free(&f->stages[i].times);
	free(f->stages);
	free(f->v);
	free(f->customers.v);
	free(f->customers.links);
	arena_free(&f->a);
}

/* ---- GET /v1/journeys/{id}/frictions ---- */

static int sum_of(struct frictions *f, struct str kind, struct str stage)
{
	for (int i = 0; i < f->n; i++)
		if (str_same(f->v[i].kind, kind) && str_same(f->v[i].stage, stage))
			return i;
	f->v = xrealloc(f->v, sizeof *f->v * (size_t)(f->n + 1));
	f->v[f->n] = (struct friction_sum){.kind = arena_str(&f->a, kind.p, kind.n),
		.stage = arena_str(&f->a, stage.p, stage.n)};
	return f->n++;
}

static int count(struct frictions *f, const struct friction_met *m)
{
	int at = sum_of(f, m->kind, m->stage);
	struct friction_sum *s = &f->v[at];
	s->noted |= m->noted;
	s->severity += m->severity;
	if (!m->time_ms)
		return CX_OK;
	s->passes++;
	s->lost_ms += m->lost_ms > 0 ? m->lost_ms : 0;
	if (f->head.subject.p)
		customers_met(f, f->head.subject, at);
	return CX_OK;
}

static int ranked(const void *x, const void *y)
{
	const struct friction_sum *a = x, *b = y;
	if (a->severity != b->severity)
		return a->severity < b->severity ? 1 : -1;
	if (a->lost_ms != b->lost_ms)
		return a->lost_ms < b->lost_ms ? 1 : -1;
	int c = str_compare(a->stage, b->stage);
	return c ? c : str_compare(a->kind, b->kind);
}

static void text(struct buf *b, const char *key, struct str s)
{
	jw_key(b, key);
	if (s.p)
		jw_strn(b, s.p, s.n);
	else
		jw_null(b);
}

static int sum_json(struct frictions *f, const struct friction_sum *s, struct buf *b)
{
	const struct journey_stage *stage = journey_def_stage(f->q->def, s->stage);
	jw_obj(b);
	text(b, "kind", s->kind);
	text(b, "stage", s->stage);
	journey_title_json(b, stage ? stage->title : (struct str){0}, s->stage);
	jw_kbool(b, "noted", s->noted);
	jw_kint(b, "passes", s->passes);
	journey_number_json(
		b, "index", 1000.0 * (double)s->severity / (double)f->instances, "number");
	journey_span_json(b, "lost", (double)s->lost_ms, false);
	jw_kint(b, "customers", s->customers);
	int rc = frictions_nps_json(f, s, b);
	jw_obj_end(b);
	return rc;
}

static int frictions_body(struct frictions *f, struct buf *b)
{
	static const struct ways ways = {begin, step, end};
	f->met = count;
	int rc = read_frictions(f, &ways);
	if (rc >= 0)
		rc = frictions_answers(f);
	if (rc < 0)
		return rc;
	if (f->n)
		qsort(f->v, (size_t)f->n, sizeof *f->v, ranked);
	jw_obj(b);
	journey_query_json(b, f->q);
	jw_kint(b, "instances", f->instances);
	jw_key(b, "frictions");
	jw_arr(b);
	for (int i = 0; i < f->n && i < f->q->limit && rc >= 0; i++)
		rc = sum_json(f, &f->v[i], b);
	jw_arr_end(b);
	jw_kint(b, "all", f->n);
	jw_obj_end(b);
	return rc;
}

int answer_frictions(struct engine *eng, const struct frame *frame, struct buf *b, struct cx_err *e)
{
	struct journey_query q = {0};
	int rc = journey_query_read(&q, eng, frame, e);
	struct frictions f = {.q = &q, .e = e};
	if (rc >= 0)
		rc = frictions_body(&f, b);
	frictions_free(&f);
	journey_query_free(&q);
	return rc;
}

/* ---- GET /v1/journeys/{id}/frictions/instances ---- */

static int gather(struct frictions *f, const struct friction_met *m)
{
	if (!m->time_ms || strlen(f->q->kind) != m->kind.n || strlen(f->q->stage) != m->stage.n ||
		memcmp(f->q->kind, m->kind.p, m->kind.n) != 0 ||
		memcmp(f->q->stage, m->stage.p, m->stage.n) != 0)
		return CX_OK;
	f->passes++;
	f->lost_ms += m->lost_ms > 0 ? m->lost_ms : 0;
	if (!f->first_ms || m->time_ms < f->first_ms)
		f->first_ms = m->time_ms;
	return CX_OK;
}

static int end_listed(void *ctx, const struct way_head *h)
{
	struct frictions *f = ctx;
	struct buf name = {0};
	char when[TZ_TEXT];
	int rc = end(f, h);
	if (rc < 0 || !f->passes)
		return rc;
	f->more = f->listed == f->q->limit;
	if (f->more)
		return 1;
	journeys_name(&name, h->key, h->n);
	tz_format(f->first_ms, when);
	jw_obj(f->list);
	text(f->list, "key", (struct str){name.p, (uint32_t)name.len});
	text(f->list, "unit", h->unit);
	text(f->list, "subject", h->subject);
	jw_kstr(f->list, "time", when);
	jw_kint(f->list, "passes", f->passes);
	journey_span_json(f->list, "lost", (double)f->lost_ms, false);
	jw_obj_end(f->list);
	buf_free(&name);
	f->listed++;
	f->last_ms = h->begun_ms;
	f->last = h->id;
	return 0;
}

int answer_friction_instances(
	struct engine *eng, const struct frame *frame, struct buf *b, struct cx_err *e)
{
	static const struct ways ways = {begin, step, end_listed};
	struct journey_query q = {0};
	char next[48];
	int rc = journey_query_read(&q, eng, frame, e);
	struct frictions f = {.q = &q, .e = e, .list = b, .met = gather};
	if (rc >= 0 && (!q.kind[0] || !q.stage[0]))
		rc = cx_fail(e, CX_E_BAD_QUERY, q.kind[0] ? "stage" : "kind",
			CX_T("diga de que atrito: kind=wait&stage=…",
				"say which friction: kind=wait&stage=…"));
	if (rc >= 0) {
		jw_obj(b);
		jw_key(b, "instances");
		jw_arr(b);
		rc = read_frictions(&f, &ways);
		jw_arr_end(b);
		snprintf(next, sizeof next, "%lld:%lld", (long long)f.last_ms, (long long)f.last);
		jw_kstr(b, "next", f.more ? next : NULL);
		jw_obj_end(b);
	}
	frictions_free(&f);
	journey_query_free(&q);
	return rc;
}
