#include "kpi/query.h"

#include <stdlib.h>
#include <string.h>

#include "base/tz.h"
#include "kpi/answer.h"
#include "kpi/cellvalue.h"

struct reading {
	struct answer *a;
	int cube;
	const struct measure *m; /* of sets */
	int32_t day;             /* what targets were made for */
	struct buf group;
	bool fresh;
	struct targets t;
	struct cell_value value; /* a cell's */
};

static int read_cell(void *ctx, int32_t day, struct str group, const void *p, size_t n)
{
	struct reading *r = ctx;
	struct answer *a = r->a;
	const struct cube *c = a->k->cube;
	struct cell_at at = {r->cube, day, group};
	if (!cell_read(p, n, at, &r->value))
		return cell_damaged(c, at, a->e);
	bool have = false;
	for (int i = 0; i < a->k->nmeasures; i++) {
		const struct measure *m = &a->k->measures[i];
		if (m->slot < 0 || !cell_has(&r->value, m))
			continue;
		int rc = have ? CX_OK : answer_targets(a, day, group, &r->t);
		have = true;
		if (rc == CX_OK)
			rc = answer_add(a, &r->t, m, r->value.v[m->slot]);
		if (rc < 0)
			return rc;
	}
	return CX_OK;
}

static int read_set(void *ctx, int32_t day, struct str group, const void *blob, size_t n,
	uint32_t id, uint32_t count)
{
	struct reading *r = ctx;
	struct str was = {r->group.p, (uint32_t)r->group.len};
	if (!r->fresh || r->day != day || !str_same(was, group)) {
		int rc = answer_targets(r->a, day, group, &r->t);
		if (rc < 0)
			return rc;
		buf_clear(&r->group);
		buf_add(&r->group, group.p, group.n);
		r->day = day;
		r->fresh = true;
	}
	if (!blob) {
		answer_see(&r->t, r->m, day, id, count);
		return CX_OK;
	}
	struct kset *set = kset_read(blob, n);
	if (!set)
		return cell_damaged(r->a->k->cube, (struct cell_at){r->cube, day, group}, r->a->e);
	answer_merge(&r->t, r->m, day, set);
	kset_free(set);
	return CX_OK;
}

static int read_days(struct answer *a, int cube)
{
	if (cube < 0 || a->w.first > a->w.last)
		return CX_OK;
	struct reading r = {.a = a, .cube = cube};
	int rc = CX_OK;
	r.value.nslots = a->k->cube->nslots;
	r.value.nhists = a->k->cube->nhists;
	r.value.v = xcalloc((size_t)r.value.nslots, sizeof *r.value.v);
	if (a->k->cube->nslots)
		rc = store_cells(a->s, cube, a->w.first, a->w.last, read_cell, &r, a->e);
	for (int i = 0; i < a->k->nmeasures && rc >= 0; i++) {
		r.m = &a->k->measures[i];
		r.fresh = false;
		a->bucket = 0;
		if (r.m->set >= 0)
			rc = store_sets(
				a->s, cube, r.m->set, a->w.first, a->w.last, read_set, &r, a->e);
	}
	free(r.value.v);
	buf_free(&r.group);
	return rc;
}

/* The days a series goes over; false: none. */
static int series_days(struct answer *a, int cube, int32_t *lo, int32_t *hi)
{
	const struct kpi_query *q = a->q;
	int32_t first = 0, last = 0;
	int rc = 1;
	if (!q->has_from || !q->has_to)
		rc = cube < 0 ? 0 : store_cell_days(a->s, cube, &first, &last, a->e);
	if (rc <= 0)
		return rc;
	*lo = q->has_from ? tz_day(q->from_ms) : first;
	*hi = q->has_to ? tz_day(q->to_ms - 1) : last;
	return *lo <= *hi;
}

static int too_many(struct answer *a)
{
	return cx_fail(a->e, CX_E_BAD_QUERY, "every",
		CX_T("mais de %d períodos × grupos: use um every maior ou uma janela menor",
			"more than %d buckets × groups: use a longer every or a smaller window"),
		SERIES_MAX);
}

static int begin(struct answer *a, int cube)
{
	int32_t lo, hi;
	size_t nm = (size_t)a->k->nmeasures;
	window_of(a->q, &a->w);
	a->total = xcalloc(nm, sizeof *a->total);
	if (a->q->every != EVERY_NONE) {
		int rc = series_days(a, cube, &lo, &hi);
		if (rc < 0)
			return rc;
		if (rc && window_buckets(a->q, lo, hi, &a->buckets, &a->nbuckets) < 0)
			return too_many(a);
		a->series = xcalloc((size_t)a->nbuckets * nm, sizeof *a->series);
	}
	for (int i = 0; i < a->q->nwhere; i++) {
		struct str text = {a->q->where[i].text, (uint32_t)strlen(a->q->where[i].text)};
		a->where[i][0] = a->q->where[i].null ? STR("null") : text;
		a->where[i][1] = a->q->where[i].null ? STR("null") : group_quote(text, &a->arena);
	}
	return CX_OK;
}

static void figures_free(struct figure *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++) {
		kset_free(v[i].set);
		kset_free(v[i].day);
	}
	free(v);
}

void answer_free(struct answer *a)
{
	size_t nm = (size_t)a->k->nmeasures, nb = (size_t)a->nbuckets;
	figures_free(a->total, nm);
	figures_free(a->series, nb * nm);
	for (int i = 0; i < a->ngroups; i++) {
		figures_free(a->groups[i]->total, nm);
		figures_free(a->groups[i]->series, nb * nm);
	}
	free(a->groups);
	free(a->buckets);
	pmap_free(&a->memo);
	pmap_free(&a->map);
	arena_free(&a->arena);
}

int answer_open(struct answer *a)
{
	int cube = a->k->cube->id;
	int rc = cube >= 0 ? CX_OK
			   : store_cube_id(a->s, a->k->plugin, a->k->cube->dims, &cube, a->e);
	if (rc >= 0)
		rc = begin(a, cube);
	if (rc >= 0 && a->w.before)
		rc = edge_scan(a, &a->w.edges[0]);
	if (rc >= 0)
		rc = read_days(a, cube);
	if (rc >= 0 && a->w.after)
		rc = edge_scan(a, &a->w.edges[1]);
	return rc < 0 ? rc : answer_close(a);
}

int kpi_query_run(struct store *s, const struct kpi *k, const struct kpi_query *q,
	const struct kpi_host *host, const struct kpi_meta *meta, struct buf *json,
	struct cx_err *e)
{
	struct cx_err own = {0};
	struct answer a = {.s = s, .k = k, .q = q, .host = host, .meta = meta, .e = e ? e : &own};
	size_t start = json->len;
	int rc = answer_open(&a);
	if (rc >= 0)
		rc = answer_json(&a, json);
	if (rc < 0)
		json->len = start;
	answer_free(&a);
	return rc < 0 ? rc : CX_OK;
}
