#include <string.h>

#include "kpi/evaluate.h"
#include "kpi/lattice.h"
#include "kpi/pool.h"

enum { CELLS_MAX = 10 * SERIES_MAX };

static int add_figure(struct lattice *l, const struct kpi *k, const struct lattice_cell *at,
	int bucket, const struct shown *f, struct cx_err *e)
{
	struct lattice_cell c = *at;
	c.bucket = bucket;
	c.n = shown_n(k, f);
	lattice_add(l, &c);
	if (l->n <= CELLS_MAX)
		return CX_OK;
	return cx_fail(e, CX_E_BAD_QUERY, "every",
		CX_T("o KPI %s protege grupos pequenos e aqui há figuras demais para conferir: "
		     "use every maior ou janela menor",
			"KPI %s protects small groups and there are too many figures to check: use "
			"a longer every or a smaller window"),
		k->id);
}

/* The figures of the window under one subset of the dimensions. */
static int add_subset(struct lattice *l, struct evaluation *asked, const struct kpi_query *q)
{
	const struct answer *as = asked->a;
	struct answer a = {
		.s = as->s, .k = as->k, .q = q, .host = as->host, .meta = as->meta, .e = as->e};
	struct evaluation v = {.a = &a};
	int rc = answer_open(&a);
	if (rc >= 0)
		rc = evaluate(&v);
	for (int i = q->nby ? 0 : -1; i < v.ngroups && rc >= 0; i++) {
		struct lattice_cell at = {.bucket = -1};
		const struct shown_group *g = i < 0 ? NULL : v.groups[i];
		for (int j = 0; j < q->nby; j++)
			at.el[q->by[j]] = lattice_element(g->g->el[j], &l->arena);
		rc = add_figure(l, a.k, &at, -1, g ? &g->total : &v.total, a.e);
		for (int b = 0; b < a.nbuckets && rc >= 0; b++)
			rc = add_figure(l, a.k, &at, b, g ? &g->series[b] : &v.series[b], a.e);
	}
	evaluation_free(&v);
	answer_free(&a);
	return rc;
}

static int fill(struct lattice *l, struct evaluation *v)
{
	struct kpi_query q = *v->a->q;
	int ndims = v->a->k->nby, rc = CX_OK;
	q.nwhere = 0;
	q.pool = 0;
	q.compare = COMPARE_NONE;
	for (int subset = 0; subset < 1 << ndims && rc >= 0; subset++) {
		q.nby = 0;
		for (int i = 0; i < ndims; i++)
			if (subset & 1 << i)
				q.by[q.nby++] = i;
		rc = add_subset(l, v, &q);
	}
	return rc;
}

/* ---- what that means for the figures asked for */

struct asked {
	struct lattice l;
	struct evaluation *v;
	struct str where[KPI_DIMS]; /* what filters pin down */
};

static bool hidden(const struct asked *s, const struct str *el, int bucket, double *n)
{
	const struct kpi_query *q = s->v->a->q;
	struct str at[KPI_DIMS];
	struct arena a = {0};
	memcpy(at, s->where, sizeof at);
	for (int j = 0; el && j < q->nby; j++)
		at[q->by[j]] = lattice_element(el[j], &a);
	const struct lattice_cell *c = lattice_find(&s->l, at, bucket);
	arena_free(&a);
	*n = c ? c->n : 0;
	return c && c->hidden;
}

/* A pooled group can be shown where it is exactly what is hidden: that sum is known anyway. */
static bool pool_hidden(const struct asked *s, int bucket, int others)
{
	const struct pooling *p = s->v->a->pooling;
	int mine = 0, open = 0;
	for (int i = 0; i < p->n; i++) {
		struct str el[KPI_DIMS];
		double n;
		group_split(p->list[i], el);
		if (hidden(s, el, bucket, &n))
			mine++;
		else
			open += n > 0;
	}
	return mine > 0 && (others > 0 || open > 0);
}

/* One bucket, or the window: all groups and their sum. */
static void hide(struct asked *s, int bucket)
{
	struct evaluation *v = s->v;
	const struct kpi *k = v->a->k;
	const struct pooling *p = v->a->pooling;
	struct shown *pooled = NULL;
	int others = 0;
	for (int i = -1; i < v->ngroups; i++) {
		struct shown_group *g = i < 0 ? NULL : v->groups[i];
		struct shown *f = shown_at(v, g, bucket);
		double n, own = shown_n(k, f);
		f->hidden = own > 0 && own < (double)k->suppress;
		if (g && p && str_same(g->g->key, p->rest)) {
			pooled = f;
			continue;
		}
		f->hidden = hidden(s, g ? g->g->el : NULL, bucket, &n) || f->hidden;
		others += g && f->hidden;
	}
	if (pooled)
		pooled->hidden = pooled->hidden || pool_hidden(s, bucket, others);
}

int suppress(struct evaluation *v)
{
	const struct answer *a = v->a;
	struct asked s = {.v = v, .l = {.ndims = a->k->nby, .least = (double)a->k->suppress}};
	if (!a->k->suppress)
		return CX_OK;
	int rc = fill(&s.l, v);
	for (int i = 0; i < a->q->nwhere; i++) /* lives in the answer's arena */
		s.where[a->q->where[i].dim] = a->where[i][1];
	if (rc >= 0) {
		lattice_settle(&s.l);
		for (int b = -1; b < a->nbuckets; b++)
			hide(&s, b);
	}
	lattice_free(&s.l);
	return rc;
}
