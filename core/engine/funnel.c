#include "engine/funnel.h"

#include <stdlib.h>
#include <string.h>

/* ---- what there is ---- */

static int name_of(struct funnel *f, struct str s)
{
	for (int i = 0; i < f->nnames; i++)
		if (str_same(f->names[i], s))
			return i;
	f->names = xrealloc(f->names, sizeof *f->names * (size_t)(f->nnames + 1));
	f->names[f->nnames] = arena_str(&f->a, s.p, s.n);
	return f->nnames++;
}

static struct stage_sum *stage_of(struct funnel_group *g, int name)
{
	if (name >= g->nstages) {
		g->stages = xrealloc(g->stages, sizeof *g->stages * (size_t)(name + 1));
		memset(g->stages + g->nstages, 0,
			sizeof *g->stages * (size_t)(name + 1 - g->nstages));
		g->nstages = name + 1;
	}
	return &g->stages[name];
}

static int leg_of(struct stage_sum *s, int to, enum leg_end end)
{
	for (int i = 0; i < s->nlegs; i++)
		if (s->legs[i].to == to && s->legs[i].end == end)
			return i;
	s->legs = xrealloc(s->legs, sizeof *s->legs * (size_t)(s->nlegs + 1));
	s->legs[s->nlegs] = (struct leg){.to = to, .end = end};
	return s->nlegs++;
}

static struct outcome_sum *outcome_of(struct funnel_group *g, int name, bool lost)
{
	for (int i = 0; i < g->noutcomes; i++)
		if (g->outcomes[i].name == name && g->outcomes[i].lost == lost)
			return &g->outcomes[i];
	g->outcomes = xrealloc(g->outcomes, sizeof *g->outcomes * (size_t)(g->noutcomes + 1));
	g->outcomes[g->noutcomes] = (struct outcome_sum){.name = name, .lost = lost};
	return &g->outcomes[g->noutcomes++];
}

static bool is_group(const void *item, const void *key)
{
	return str_same(((const struct funnel_group *)item)->key, *(const struct str *)key);
}

static struct funnel_group *group_of(struct funnel *f, struct str key)
{
	uint32_t hash = hash_bytes(key.p, key.n, 0);
	struct funnel_group *g = pmap_find(&f->by_key, hash, is_group, &key);
	if (g)
		return g;
	if (f->q->nby && f->ngroups >= f->q->eng->conf->kpi_groups) {
		struct str rest = group_rest(f->q->nby, &f->q->row);
		if (!str_same(rest, key))
			return group_of(f, rest);
	}
	g = arena_alloc(&f->a, sizeof *g);
	*g = (struct funnel_group){.key = arena_str(&f->a, key.p, key.n)};
	f->groups = xrealloc(f->groups, sizeof *f->groups * (size_t)(f->ngroups + 1));
	f->groups[f->ngroups++] = g;
	pmap_add(&f->by_key, hash, g);
	return g;
}

/* ---- one instance ---- */

static int begin(void *ctx, const struct way_head *h)
{
	struct funnel *f = ctx;
	struct str key;
	int rc = journey_query_takes(f->q, h, &key, f->e);
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	f->group = group_of(f, key);
	f->group->instances++;
	f->head = *h;
	f->stage = -1;
	f->stages_seen = 0;
	return 0;
}

/* Its place among the stages that the instance has seen. */
static int place_of(struct funnel *f, int stage)
{
	int i = 0;
	while (i < f->stages_seen && f->seen[i].stage != stage)
		i++;
	if (i < f->stages_seen)
		return i;
	if (i == f->cap_seen) {
		f->cap_seen = 2 * f->cap_seen + 8;
		f->seen = xrealloc(f->seen, sizeof *f->seen * (size_t)f->cap_seen);
	}
	f->seen[i].stage = stage;
	f->stages_seen++;
	stage_of(f->group, stage)->instances++;
	return i;
}

static void leave(struct funnel *f, struct str to, enum leg_end end, int64_t at_ms)
{
	if (f->stage < 0)
		return;
	int name = name_of(f, to);
	struct stage_sum *s = stage_of(f->group, f->stage);
	int leg = leg_of(s, name, end);
	int at = place_of(f, f->stage);
	f->seen[at].leg = leg;
	spread_add(&s->legs[leg].times, at_ms - f->entered_ms);
	f->stage = -1;
}

static void enter(struct funnel *f, struct str stage, int64_t at_ms)
{
	f->stage = name_of(f, stage);
	f->entered_ms = at_ms;
	int at = place_of(f, f->stage); /* which may move f->seen */
	f->seen[at].leg = -1;
	stage_of(f->group, f->stage)->passes++;
}

static int step(void *ctx, const struct way_step *s)
{
	struct funnel *f = ctx;
	if (s->target.p) {
		leave(f, s->target, LEG_STAGE, s->time_ms);
		enter(f, s->target, s->time_ms);
	} else if (!s->deviation.p) {
		leave(f, f->head.outcome, f->head.lost ? LEG_LOST : LEG_DONE, s->time_ms);
	}
	return 0;
}

static int end(void *ctx, const struct way_head *h)
{
	struct funnel *f = ctx;
	for (int i = 0; i < f->stages_seen; i++) {
		struct stage_sum *s = stage_of(f->group, f->seen[i].stage);
		if (f->seen[i].leg >= 0) {
			s->legs[f->seen[i].leg].left++;
			continue;
		}
		s->open++;
		s->immature += journey_query_immature(f->q, h, h->stage, f->entered_ms);
	}
	f->group->open += h->stage.p != NULL;
	if (h->outcome.p)
		spread_add(&outcome_of(f->group, name_of(f, h->outcome), h->lost)->times,
			h->ended_ms - h->begun_ms);
	return 0;
}

int funnel_run(struct funnel *f, struct journey_query *q, struct cx_err *e)
{
	static const struct ways ways = {begin, step, end};
	const struct way_filter filter = journey_query_ways(q);
	*f = (struct funnel){.q = q, .e = e};
	for (int i = 0; i < q->def->nstages; i++)
		name_of(f, q->def->stages[i].id);
	return store_ways(q->eng->store, &filter, &ways, f, e);
}

static void group_free(struct funnel_group *g)
{
	for (int i = 0; i < g->nstages; i++) {
		for (int k = 0; k < g->stages[i].nlegs; k++)
			spread_free(&g->stages[i].legs[k].times);
		free(g->stages[i].legs);
	}
	for (int i = 0; i < g->noutcomes; i++)
		spread_free(&g->outcomes[i].times);
	free(g->stages);
	free(g->outcomes);
}

void funnel_free(struct funnel *f)
{
	for (int i = 0; i < f->ngroups; i++)
		group_free(f->groups[i]);
	pmap_free(&f->by_key);
	free(f->groups);
	free(f->names);
	free(f->seen);
	arena_free(&f->a);
}

/* ---- all groups as one ---- */

static void merge(struct funnel_group *into, const struct funnel_group *g)
{
	into->instances += g->instances;
	into->open += g->open;
	for (int i = 0; i < g->nstages; i++) {
		const struct stage_sum *from = &g->stages[i];
		struct stage_sum *s = stage_of(into, i);
		s->instances += from->instances;
		s->passes += from->passes;
		s->open += from->open;
		s->immature += from->immature;
		for (int k = 0; k < from->nlegs; k++) {
			int at = leg_of(s, from->legs[k].to, from->legs[k].end);
			struct leg *leg = &s->legs[at];
			leg->left += from->legs[k].left;
			spread_join(&leg->times, &from->legs[k].times);
		}
	}
	for (int i = 0; i < g->noutcomes; i++)
		spread_join(&outcome_of(into, g->outcomes[i].name, g->outcomes[i].lost)->times,
			&g->outcomes[i].times);
}

/* ---- answer ---- */

static void times_json(struct buf *b, struct spread *times)
{
	double median = 0, p90 = 0;
	bool any = spread_quantile(times, 0.5, &median) && spread_quantile(times, 0.9, &p90);
	journey_span_json(b, "median", median, !any);
	journey_span_json(b, "p90", p90, !any);
}

static void jw_name(struct buf *b, const char *key, struct str s)
{
	jw_key(b, key);
	jw_strn(b, s.p, s.n);
}

/* A stage and an outcome may have one name. */
static void left_json(const struct funnel *f, const struct stage_sum *s, struct buf *b)
{
	jw_key(b, "left");
	jw_obj(b);
	for (int i = 0; i < s->nlegs; i++) {
		int64_t n = 0;
		bool told = false;
		for (int k = 0; k < s->nlegs; k++) {
			told |= k < i && s->legs[k].to == s->legs[i].to;
			n += s->legs[k].to == s->legs[i].to ? s->legs[k].left : 0;
		}
		if (n && !told)
			jw_kint(b, f->names[s->legs[i].to].p, n);
	}
	jw_obj_end(b);
}

static void conversion_json(int name, const struct stage_sum *s, struct buf *b)
{
	int64_t n = 0, of = s->instances - s->immature;
	for (int i = 0; i < s->nlegs; i++)
		if (s->legs[i].end == LEG_DONE ||
			(s->legs[i].end == LEG_STAGE && s->legs[i].to != name))
			n += s->legs[i].left;
	journey_share_json(b, "conversion", n, of);
}

static void legs_json(const struct funnel *f, struct stage_sum *s, struct buf *b)
{
	jw_key(b, "legs");
	jw_arr(b);
	for (int i = 0; i < s->nlegs; i++) {
		static const char *const ends[] = {"stage", "done", "lost"};
		struct leg *leg = &s->legs[i];
		jw_obj(b);
		jw_name(b, "to", f->names[leg->to]);
		jw_kstr(b, "end", ends[leg->end]);
		jw_kint(b, "passes", (int64_t)leg->times.n);
		times_json(b, &leg->times);
		jw_obj_end(b);
	}
	jw_arr_end(b);
}

static void stage_json(const struct funnel *f, struct funnel_group *g, int name, struct buf *b)
{
	struct stage_sum *s = stage_of(g, name);
	const struct journey_stage *known = journey_def_stage(f->q->def, f->names[name]);
	struct spread all = {0};
	for (int i = 0; i < s->nlegs; i++)
		spread_join(&all, &s->legs[i].times);
	jw_obj(b);
	jw_name(b, "stage", f->names[name]);
	journey_title_json(b, known ? known->title : (struct str){0}, f->names[name]);
	jw_kint(b, "instances", s->instances);
	jw_kint(b, "passes", s->passes);
	jw_kint(b, "open", s->open);
	jw_kint(b, "immature", s->immature);
	left_json(f, s, b);
	conversion_json(name, s, b);
	times_json(b, &all);
	legs_json(f, s, b);
	jw_obj_end(b);
	spread_free(&all);
}

static void outcomes_json(const struct funnel *f, struct funnel_group *g, struct buf *b)
{
	jw_key(b, "outcomes");
	jw_obj(b);
	for (int i = 0; i < g->noutcomes; i++) {
		size_t n = 0;
		bool told = false;
		for (int k = 0; k < g->noutcomes; k++) {
			bool same = g->outcomes[k].name == g->outcomes[i].name;
			told |= k < i && same;
			n += same ? g->outcomes[k].times.n : 0;
		}
		if (!told)
			jw_kint(b, f->names[g->outcomes[i].name].p, (int64_t)n);
	}
	jw_obj_end(b);
	jw_key(b, "lead_times");
	jw_arr(b);
	for (int i = 0; i < g->noutcomes; i++) {
		struct outcome_sum *o = &g->outcomes[i];
		jw_obj(b);
		jw_name(b, "outcome", f->names[o->name]);
		jw_kbool(b, "lost", o->lost);
		jw_kint(b, "instances", (int64_t)o->times.n);
		times_json(b, &o->times);
		jw_obj_end(b);
	}
	jw_arr_end(b);
}

/* Stages in the definition's order; those of other versions after them. */
static void group_json(struct funnel *f, struct funnel_group *g, struct buf *b)
{
	jw_kint(b, "instances", g->instances);
	jw_kint(b, "open", g->open);
	jw_key(b, "stages");
	jw_arr(b);
	for (int i = 0; i < f->nnames; i++)
		if (i < f->q->def->nstages || (i < g->nstages && g->stages[i].instances))
			stage_json(f, g, i, b);
	jw_arr_end(b);
	outcomes_json(f, g, b);
}

static int by_outcome(const void *x, const void *y)
{
	const struct outcome_sum *a = x, *b = y;
	if (a->times.n != b->times.n)
		return a->times.n < b->times.n ? 1 : -1;
	return a->name != b->name ? a->name - b->name : a->lost - b->lost;
}

static int by_values(const void *x, const void *y)
{
	struct str a[KPI_DIMS], b[KPI_DIMS];
	int n = group_split((*(struct funnel_group *const *)x)->key, a);
	group_split((*(struct funnel_group *const *)y)->key, b);
	return group_compare(a, b, n);
}

static void groups_json(struct funnel *f, struct buf *b)
{
	jw_key(b, "groups");
	jw_arr(b);
	qsort(f->groups, (size_t)f->ngroups, sizeof *f->groups, by_values);
	for (int i = 0; i < f->ngroups; i++) {
		jw_obj(b);
		journey_by_json(b, f->q, f->groups[i]->key);
		group_json(f, f->groups[i], b);
		jw_obj_end(b);
	}
	jw_arr_end(b);
}

void funnel_json(struct funnel *f, struct buf *b)
{
	struct funnel_group all = {0};
	bool one = f->ngroups == 1 && !f->q->nby;
	struct funnel_group *total = one ? f->groups[0] : &all;
	for (int i = 0; i < f->ngroups; i++) {
		struct funnel_group *g = f->groups[i];
		if (!one)
			merge(&all, g);
		if (g->noutcomes)
			qsort(g->outcomes, (size_t)g->noutcomes, sizeof *g->outcomes, by_outcome);
	}
	if (all.noutcomes)
		qsort(all.outcomes, (size_t)all.noutcomes, sizeof *all.outcomes, by_outcome);
	jw_obj(b);
	journey_query_json(b, f->q);
	group_json(f, total, b);
	if (f->q->nby)
		groups_json(f, b);
	jw_obj_end(b);
	group_free(&all);
}

int answer_funnel(struct engine *eng, const struct frame *frame, struct buf *b, struct cx_err *e)
{
	struct journey_query q = {0};
	struct funnel f = {0};
	int rc = journey_query_read(&q, eng, frame, e);
	if (rc >= 0)
		rc = funnel_run(&f, &q, e);
	if (rc >= 0)
		funnel_json(&f, b);
	funnel_free(&f);
	journey_query_free(&q);
	return rc;
}
