#include "kpi/answer.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "kpi/pool.h"

struct memo { /* what a group of cells means to this query */
	struct str key;
	bool counted;
	bool rest; /* not counted for being "…": what is in there may well pass the filters */
	struct answer_group *group; /* NULL: no groups asked for */
	struct memo *next;          /* that was asked for after this one */
};

static bool same_memo(const void *item, const void *key)
{
	return str_same(((const struct memo *)item)->key, *(const struct str *)key);
}

static bool same_group(const void *item, const void *key)
{
	return str_same(((const struct answer_group *)item)->key, *(const struct str *)key);
}

struct answer_group *answer_group_find(const struct answer *a, struct str key)
{
	return pmap_find(&a->map, hash_bytes(key.p, key.n, 0), same_group, &key);
}

int answer_too_many(struct answer *a)
{
	return cx_fail(a->e, CX_E_BAD_QUERY, a->nbuckets ? "every" : "by",
		CX_T("mais de %d períodos × grupos: use every maior, menos by ou janela menor",
			"more than %d buckets × groups: use a longer every or fewer by"),
		SERIES_MAX);
}

int answer_group_of(struct answer *a, struct str key, struct answer_group **out)
{
	*out = answer_group_find(a, key);
	if (*out)
		return CX_OK;
	size_t nm = (size_t)a->k->nmeasures;
	struct answer_group *g = arena_alloc(&a->arena, sizeof *g);
	memset(g, 0, sizeof *g);
	g->key = arena_str(&a->arena, key.p, key.n);
	group_split(g->key, g->el);
	g->total = xcalloc(nm, sizeof *g->total);
	g->series = xcalloc((size_t)a->nbuckets * nm, sizeof *g->series);
	if (a->ngroups == a->cap_groups) {
		a->cap_groups = a->cap_groups ? a->cap_groups * 2 : 64;
		a->groups =
			xrealloc(a->groups, (size_t)a->cap_groups * sizeof(struct answer_group *));
	}
	a->groups[a->ngroups++] = g;
	pmap_add(&a->map, hash_bytes(key.p, key.n, 0), g);
	*out = g;
	if ((int64_t)a->ngroups * (a->nbuckets ? a->nbuckets : 1) <= SERIES_MAX)
		return CX_OK;
	return answer_too_many(a);
}

static int group_for(struct answer *a, const struct str el[KPI_DIMS], struct answer_group **out)
{
	const struct kpi_query *q = a->q;
	struct buf key = {0};
	for (int i = 0; i < q->nby; i++) {
		buf_add(&key, i ? "," : "[", 1);
		buf_add(&key, el[q->by[i]].p, el[q->by[i]].n);
	}
	buf_add(&key, "]", 1);
	struct str text = {key.p, (uint32_t)key.len};
	int rc = answer_group_of(a, a->pooling ? pool_key(a->pooling, text) : text, out);
	buf_free(&key);
	return rc;
}

static int memo_new(struct answer *a, struct str group, struct memo **out)
{
	const struct kpi_query *q = a->q;
	struct str el[KPI_DIMS];
	struct memo *m = arena_alloc(&a->arena, sizeof *m);
	*m = (struct memo){arena_str(&a->arena, group.p, group.n), true, false, NULL, NULL};
	if (group_split(m->key, el) != a->k->nby)
		return cx_fail(a->e, CX_E_STORE_FAILED, NULL,
			CX_T("chave de grupo danificada: %.*s", "damaged group key: %.*s"),
			group.n > 200 ? 200 : (int)group.n, group.p);
	for (int i = 0; i < q->nwhere && m->counted; i++) {
		struct str x = el[q->where[i].dim];
		bool null = str_same(x, STR("null"));
		m->counted = null == q->where[i].null && str_same(x, a->where[i][x.p[0] == '"']);
	}
	m->rest = !m->counted && group_is_rest(el, a->k->nby);
	if (m->counted && q->nby) {
		int rc = group_for(a, el, &m->group);
		if (rc < 0)
			return rc;
	}
	pmap_add(&a->memo, hash_bytes(group.p, group.n, 0), m);
	*out = m;
	return CX_OK;
}

/* Days mostly have the same groups, in the same order. */
static int memo_for(struct answer *a, struct str group, struct memo **out)
{
	struct memo *last = a->memo_last;
	if (last && last->next && str_same(last->next->key, group)) {
		*out = a->memo_last = last->next;
		return CX_OK;
	}
	*out = pmap_find(&a->memo, hash_bytes(group.p, group.n, 0), same_memo, &group);
	int rc = *out ? CX_OK : memo_new(a, group, out);
	if (rc < 0)
		return rc;
	a->memo_last = *out;
	if (last)
		last->next = *out;
	return CX_OK;
}

int answer_bucket(struct answer *a, int32_t day)
{
	const struct bucket *v = a->buckets;
	int b = a->bucket, n = a->nbuckets;
	if (b < n && v[b].first <= day && (b + 1 == n || day < v[b + 1].first))
		return b;
	b = window_bucket(v, n, day);
	if (b >= 0)
		a->bucket = b;
	return b;
}

int answer_targets(struct answer *a, int32_t day, struct str group, struct targets *t)
{
	struct memo *m = NULL;
	*t = (struct targets){0};
	if (!a->seen || day < a->seen_first)
		a->seen_first = day;
	if (!a->seen || day > a->seen_last)
		a->seen_last = day;
	a->seen = true;
	if (a->q->nwhere || a->q->nby) {
		int rc = memo_for(a, group, &m);
		if (rc >= 0 && m->rest && a->sees_rest)
			window_scan(&a->rest, day, day);
		else if (rc >= 0 && m->rest)
			answer_left_out(a, day);
		if (rc < 0 || !m->counted)
			return rc;
	}
	struct answer_group *g = m ? m->group : NULL;
	if (!a->nbuckets) {
		*t = (struct targets){a->total, g ? g->total : NULL};
		return CX_OK;
	}
	int b = answer_bucket(a, day);
	if (b < 0)
		return cx_fail(
			a->e, CX_E_INTERNAL, NULL, "kpi %s: day %d has no bucket", a->k->id, day);
	ptrdiff_t at = (ptrdiff_t)b * a->k->nmeasures;
	*t = (struct targets){a->series + at, g ? g->series + at : NULL};
	return CX_OK;
}

static int add(struct answer *a, struct figure *f, const struct measure *m, int64_t delta)
{
	if (!__builtin_add_overflow(f->i, delta, &f->i))
		return CX_OK;
	return cx_fail(a->e, CX_E_NUMBER_RANGE, m->name,
		CX_T("KPI %s: a soma %s passou de 64 bits; use uma janela menor",
			"KPI %s: the sum %s exceeded 64 bits; use a smaller window"),
		a->k->id, m->name);
}

/* The smallest accumulator of a measure, NULL if the filters leave it out. */
static struct figure *smallest(
	const struct answer *a, const struct targets *t, const struct measure *m)
{
	struct figure *v = t->group ? t->group : t->all;
	return v ? v + (m - a->k->measures) : NULL;
}

int answer_add(struct answer *a, const struct targets *t, const struct measure *m, int64_t delta)
{
	struct figure *f = smallest(a, t, m);
	return f ? add(a, f, m, delta) : CX_OK;
}

static struct hist *hist_of(struct figure *f)
{
	if (!f->hist)
		f->hist = xcalloc(1, sizeof *f->hist);
	return f->hist;
}

static int too_many_values(struct answer *a, const struct measure *m)
{
	return cx_fail(a->e, CX_E_NUMBER_RANGE, m->name,
		CX_T("KPI %s: o histograma %s tem mais de %d valores diferentes; declare bucket",
			"KPI %s: the histogram %s has more than %d different values; declare a "
			"bucket"),
		a->k->id, m->name, HIST_VALUES_MAX);
}

int answer_put(struct answer *a, const struct targets *t, const struct measure *m, int64_t value)
{
	struct figure *f = smallest(a, t, m);
	return !f || hist_add(hist_of(f), value, 1) ? CX_OK : too_many_values(a, m);
}

int answer_spread(
	struct answer *a, const struct targets *t, const struct measure *m, const struct hist *h)
{
	struct figure *f = smallest(a, t, m);
	return !f || hist_merge(hist_of(f), h) ? CX_OK : too_many_values(a, m);
}

void answer_leads(struct answer *a)
{
	const struct kpi *k = a->k;
	a->lead = arena_alloc(&a->arena, (size_t)k->nmeasures * sizeof *a->lead + 1);
	for (int i = 0; i < k->nmeasures; i++) {
		const struct measure *m = &k->measures[i];
		a->lead[i] = i;
		for (int j = 0; j < k->nmeasures && m->set >= 0; j++) {
			const struct measure *o = &k->measures[j];
			bool alike = m->times == 1 || measure_by_days(o) == measure_by_days(m);
			if (o->set == m->set && alike && o->times > k->measures[a->lead[i]].times)
				a->lead[i] = j;
		}
	}
}

/* The sets that ids of a measure are fed to; their number. */
static int set_targets(
	struct answer *a, const struct targets *t, const struct measure *m, struct kset *into[2])
{
	ptrdiff_t at = m - a->k->measures;
	struct figure *f[2] = {t->group, t->all};
	int n = 0;
	if (a->lead[at] != at)
		return 0;
	for (int i = 0; i < 2; i++) {
		if (!f[i] || (i == 1 && t->group && !measure_by_days(m)))
			continue;
		if (!f[i][at].set)
			f[i][at].set = kset_new(m->times);
		into[n++] = f[i][at].set;
	}
	return n;
}

void answer_see(struct answer *a, const struct targets *t, const struct measure *m, int32_t day,
	uint32_t id, uint32_t n)
{
	struct kset *into[2];
	for (int i = set_targets(a, t, m, into); i-- > 0;) {
		if (measure_by_days(m))
			kset_see_day(into[i], day, id);
		else
			kset_see(into[i], id, n);
	}
}

void answer_merge(struct answer *a, const struct targets *t, const struct measure *m, int32_t day,
	const struct kset *set, bool span)
{
	struct kset *into[2];
	for (int i = set_targets(a, t, m, into); i-- > 0;) {
		if (measure_by_days(m) && !span)
			kset_merge_day(into[i], day, set);
		else
			kset_merge(into[i], set);
	}
}

/* into += from */
static int take_one(
	struct answer *a, const struct measure *m, struct figure *into, const struct figure *from)
{
	int rc = add(a, into, m, from->i);
	if (rc == CX_OK && from->hist && !hist_merge(hist_of(into), from->hist))
		rc = too_many_values(a, m);
	if (from->set && into->set)
		kset_merge(into->set, from->set);
	else if (from->set)
		into->set = kset_copy(from->set);
	return rc;
}

/* into += from, all measures or those that are not by days. */
static int take(struct answer *a, struct figure *into, const struct figure *from, bool days_too)
{
	int rc = CX_OK;
	for (int i = 0; i < a->k->nmeasures && rc == CX_OK; i++) {
		const struct measure *m = &a->k->measures[i];
		if (measure_by_days(m) && !days_too)
			continue;
		rc = take_one(a, m, &into[i], &from[i]);
	}
	return rc;
}

int answer_take(struct answer *a, struct figure *into, const struct figure *from)
{
	return take(a, into, from, true);
}

int answer_carry(struct answer *a, const struct answer *from)
{
	struct answer_group *g;
	int rc = CX_OK;
	for (int i = 0; i < from->ngroups && rc >= 0; i++) {
		rc = answer_group_of(a, from->groups[i]->key, &g);
		if (rc >= 0)
			rc = take(a, g->total, from->groups[i]->total, true);
	}
	for (int i = 0; i < a->k->nmeasures && rc >= 0; i++) {
		const struct measure *m = &a->k->measures[i];
		if (measure_by_days(m) || !a->q->nby) /* others come from the groups */
			rc = take_one(a, m, &a->total[i], &from->total[i]);
	}
	return rc;
}

void answer_left_out(struct answer *a, int32_t day)
{
	int b = answer_bucket(a, day);
	a->partial = true;
	if (b >= 0)
		a->partial_in[b] = true;
}

int answer_close(struct answer *a)
{
	int nm = a->k->nmeasures, rc = CX_OK;
	for (int g = 0; g < a->ngroups && rc == CX_OK; g++) {
		struct answer_group *group = a->groups[g];
		for (int b = 0; b < a->nbuckets && rc == CX_OK; b++) {
			ptrdiff_t at = (ptrdiff_t)b * nm;
			rc = take(a, group->total, group->series + at, true);
			if (rc == CX_OK)
				rc = take(a, a->series + at, group->series + at, false);
		}
		if (!a->nbuckets) {
			rc = take(a, a->total, group->total, false);
		}
	}
	for (int b = 0; b < a->nbuckets && rc == CX_OK; b++)
		rc = take(a, a->total, a->series + (ptrdiff_t)b * nm, true);
	return rc;
}
