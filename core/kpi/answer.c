#include "kpi/answer.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

struct memo { /* what a group of cells means to this query */
	struct str key;
	bool counted;
	struct answer_group *group; /* NULL: no groups asked for */
};

static bool same_memo(const void *item, const void *key)
{
	return str_same(((const struct memo *)item)->key, *(const struct str *)key);
}

static bool same_group(const void *item, const void *key)
{
	return str_same(((const struct answer_group *)item)->key, *(const struct str *)key);
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
	uint32_t h = hash_bytes(key.p, key.len, 0);
	*out = pmap_find(&a->map, h, same_group, &text);
	if (!*out) {
		size_t nm = (size_t)a->k->nmeasures;
		struct answer_group *g = arena_alloc(&a->arena, sizeof *g);
		memset(g, 0, sizeof *g);
		g->key = arena_str(&a->arena, key.p, key.len);
		group_split(g->key, g->el);
		g->total = xcalloc(nm, sizeof *g->total);
		g->series = xcalloc((size_t)a->nbuckets * nm, sizeof *g->series);
		if (a->ngroups == a->cap_groups) {
			a->cap_groups = a->cap_groups ? a->cap_groups * 2 : 64;
			a->groups = xrealloc(a->groups,
				(size_t)a->cap_groups * sizeof(struct answer_group *));
		}
		a->groups[a->ngroups++] = g;
		pmap_add(&a->map, h, g);
		*out = g;
	}
	buf_free(&key);
	if ((int64_t)a->ngroups * (a->nbuckets ? a->nbuckets : 1) <= SERIES_MAX)
		return CX_OK;
	return cx_fail(a->e, CX_E_BAD_QUERY, a->nbuckets ? "every" : "by",
		CX_T("mais de %d períodos × grupos: use um every maior, menos by ou uma janela menor",
			"more than %d buckets × groups: use a longer every, fewer by or a smaller window"),
		SERIES_MAX);
}

static int memo_for(struct answer *a, struct str group, struct memo **out)
{
	const struct kpi_query *q = a->q;
	struct str el[KPI_DIMS];
	uint32_t h = hash_bytes(group.p, group.n, 0);
	*out = pmap_find(&a->memo, h, same_memo, &group);
	if (*out)
		return CX_OK;
	struct memo *m = arena_alloc(&a->arena, sizeof *m);
	*m = (struct memo){arena_str(&a->arena, group.p, group.n), true, NULL};
	if (group_split(m->key, el) != a->k->nby)
		return cx_fail(a->e, CX_E_STORE_FAILED, NULL,
			CX_T("chave de grupo danificada: %.*s", "damaged group key: %.*s"),
			group.n > 200 ? 200 : (int)group.n, group.p);
	for (int i = 0; i < q->nwhere && m->counted; i++) {
		struct str x = el[q->where[i].dim];
		bool null = str_same(x, STR("null"));
		m->counted = null == q->where[i].null &&
			str_same(x, a->where[i][x.p[0] == '"']);
	}
	if (m->counted && q->nby) {
		int rc = group_for(a, el, &m->group);
		if (rc < 0)
			return rc;
	}
	pmap_add(&a->memo, h, m);
	*out = m;
	return CX_OK;
}

static int bucket_of(struct answer *a, int32_t day)
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
	t->n = 0;
	if (!a->seen || day < a->seen_first)
		a->seen_first = day;
	if (!a->seen || day > a->seen_last)
		a->seen_last = day;
	a->seen = true;
	if (a->q->nwhere || a->q->nby) {
		int rc = memo_for(a, group, &m);
		if (rc < 0 || !m->counted)
			return rc;
	}
	int b = a->nbuckets ? bucket_of(a, day) : -1, nm = a->k->nmeasures;
	t->v[t->n++] = a->total;
	if (b >= 0)
		t->v[t->n++] = a->series + (ptrdiff_t)b * nm;
	if (m && m->group) {
		t->v[t->n++] = m->group->total;
		if (b >= 0)
			t->v[t->n++] = m->group->series + (ptrdiff_t)b * nm;
	}
	return CX_OK;
}

int answer_add(struct answer *a, const struct targets *t, const struct measure *m, int64_t delta)
{
	ptrdiff_t at = m - a->k->measures;
	for (int i = 0; i < t->n; i++)
		if (__builtin_add_overflow(t->v[i][at].i, delta, &t->v[i][at].i))
			return cx_fail(a->e, CX_E_NUMBER_RANGE, m->name,
				CX_T("KPI %s: a soma %s passou de 64 bits; use uma janela menor",
					"KPI %s: the sum %s exceeded 64 bits; use a smaller window"),
				a->k->id, m->name);
	return CX_OK;
}

static void close_day(struct figure *f, const struct measure *m)
{
	if (!f->day)
		return;
	if (!f->set)
		f->set = kset_new(m->times);
	kset_merge(f->set, f->day);
	kset_free(f->day);
	f->day = NULL;
}

/* The set that ids of a day go to. */
static struct kset *open_set(struct figure *f, const struct measure *m, int32_t day)
{
	if (!m->days || m->times < 2) {
		if (!f->set)
			f->set = kset_new(m->times);
		return f->set;
	}
	if (f->day && f->dayno != day)
		close_day(f, m);
	if (!f->day)
		f->day = kset_new(1);
	f->dayno = day;
	return f->day;
}

void answer_see(const struct targets *t, const struct measure *m, int32_t day, uint32_t id,
	uint32_t n)
{
	ptrdiff_t at = m - m->kpi->measures;
	for (int i = 0; i < t->n; i++)
		kset_see(open_set(&t->v[i][at], m, day), id, n);
}

void answer_merge(const struct targets *t, const struct measure *m, int32_t day,
	const struct kset *set)
{
	ptrdiff_t at = m - m->kpi->measures;
	for (int i = 0; i < t->n; i++) {
		struct kset *into = open_set(&t->v[i][at], m, day);
		if (m->days)
			kset_merge_same_day(into, set);
		else
			kset_merge(into, set);
	}
}

static void close_all(const struct kpi *k, struct figure *v, int times)
{
	for (int i = 0; i < times; i++)
		for (int j = 0; j < k->nmeasures; j++)
			close_day(&v[i * k->nmeasures + j], &k->measures[j]);
}

void answer_close(struct answer *a)
{
	close_all(a->k, a->total, 1);
	close_all(a->k, a->series, a->nbuckets);
	for (int i = 0; i < a->ngroups; i++) {
		close_all(a->k, a->groups[i]->total, 1);
		close_all(a->k, a->groups[i]->series, a->nbuckets);
	}
}
