#include "kpi/compare.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"

static const double proven = 0.05; /* methodology: p below it */

/* Every group in both windows, with figures of nothing where it was not met. */
static int same_groups(struct evaluation *v, struct evaluation *w)
{
	int rc = CX_OK, done = 0;
	struct answer_group *unused;
	do {
		for (int i = 0; i < w->a->ngroups && rc >= 0; i++)
			rc = answer_group_of(v->a, w->a->groups[i]->key, &unused);
		if (rc >= 0)
			rc = evaluate(v);
		for (; done < v->a->ngroups && rc >= 0; done++)
			rc = answer_group_of(w->a, v->a->groups[done]->key, &unused);
		if (rc >= 0)
			rc = evaluate(w);
	} while (rc >= 0 && w->a->ngroups != v->a->ngroups);
	return rc;
}

static const char *direction(const struct kpi *k, double change)
{
	bool lower = k->better && strcmp(k->better, "lower") == 0;
	return change == 0 ? "not_proven" : (change > 0) != lower ? "better" : "worse";
}

static int judge(struct comparison *c, struct evaluation *v, struct answer_group *now_g,
	struct answer_group *was_g, const struct shown *now, struct compared *out)
{
	struct answer *a = v->a;
	const struct shown *was = &out->was;
	struct kpi_change change = {0};
	if (now->hidden || was->hidden)
		return CX_OK;
	out->change = now->value - was->value;
	out->has_change = !now->null && !was->null && isfinite(out->change);
	if (!a->k->interval || !a->host->interval)
		return CX_OK;
	if (!out->has_change || now->few || was->few) {
		out->verdict = "few_data";
		return CX_OK;
	}
	if (!a->host->compare)
		return CX_OK;
	struct kpi_view *here = view_open(a, now_g, -1), *there = view_open(&c->a, was_g, -1);
	int rc = a->host->compare(a->host->ctx, a->k, here, there, &change, a->e);
	view_close(here);
	view_close(there);
	if (rc < 0)
		return rc;
	out->has_p = change.has_p && isfinite(change.p);
	out->p = change.p;
	memcpy(out->test, change.test, sizeof out->test);
	out->verdict = out->has_p && out->p < proven ? direction(a->k, out->change) : "not_proven";
	return CX_OK;
}

static int one(
	struct comparison *c, struct evaluation *v, struct shown_group *g, struct shown_group *was)
{
	struct compared *out = arena_alloc(&v->arena, sizeof *out);
	*out = (struct compared){.was = was ? was->total : c->v.total};
	if (g)
		g->compared = out;
	else
		v->compared = out;
	return judge(c, v, g ? g->g : NULL, was ? was->g : NULL, g ? &g->total : &v->total, out);
}

int compare_windows(struct evaluation *v, struct comparison *c)
{
	const struct answer *a = v->a;
	c->a = (struct answer){.s = a->s,
		.k = a->k,
		.q = &c->q,
		.host = a->host,
		.meta = a->meta,
		.e = a->e,
		.pooling = a->pooling};
	c->v = (struct evaluation){.a = &c->a};
	kpi_query_before(a->q, &c->q);
	int rc = answer_open(&c->a);
	if (rc >= 0)
		rc = evaluate(&c->v);
	if (rc >= 0)
		rc = same_groups(v, &c->v);
	if (rc < 0)
		return rc;
	rc = evaluation_finish(v);
	if (rc >= 0)
		rc = evaluation_finish(&c->v);
	if (rc >= 0)
		rc = suppress(v);
	if (rc >= 0)
		rc = suppress(&c->v);
	if (rc >= 0)
		rc = one(c, v, NULL, NULL);
	for (int i = 0; i < v->ngroups && rc >= 0; i++)
		rc = one(c, v, v->groups[i], c->v.groups[i]);
	return rc;
}

void comparison_free(struct comparison *c)
{
	evaluation_free(&c->v);
	if (c->a.k)
		answer_free(&c->a);
}
