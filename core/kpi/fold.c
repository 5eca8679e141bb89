#include "base/buf.h"
#include "kpi/cells_own.h"
#include "kpi/set.h"
#include "kpi/times.h"

static int fold_place(struct cells *c, const struct set_due *d, struct cx_err *e)
{
	/* All levels are kept, whatever a measure asks for today: empty ones cost nothing. */
	struct kset *set = kset_new(KPI_TIMES), *old = NULL;
	buf_clear(&c->value);
	int rc = store_set_blob(c->s, d, &c->value, e);
	if (rc == 1)
		old = kset_read(c->value.p, c->value.len);
	if (rc == 1 && !old) {
		rc = cells_damaged(c, (struct cell_at){d->cube, d->day, d->group}, e);
	} else {
		if (old)
			kset_merge(set, old);
		for (size_t i = 0; i < d->n; i++)
			kset_see(set, d->v[i].id, d->v[i].n);
		buf_clear(&c->value);
		kset_write(set, &c->value);
	}
	if (rc >= 0)
		rc = store_set_fold(c->s, d, c->value.p, c->value.len, e);
	kset_free(old);
	kset_free(set);
	return rc;
}

int cells_fold(struct cells *c, size_t many, size_t most, struct cx_err *e)
{
	struct set_due due;
	size_t n = 0;
	int rc = 0;
	while (n < most && (rc = store_set_due(c->s, many, &due, e)) == 1) {
		rc = fold_place(c, &due, e);
		if (rc < 0)
			break;
		n += due.n;
	}
	if (rc >= 0 && n)
		rc = store_sets_settle(c->s, e);
	return rc < 0 ? rc : n > 0;
}

/* ---- spans */

struct uniting {
	struct kset *all;
	bool days, damaged;
};

/* Entries of the log count when they are folded; while they wait, nobody asks for this span. */
static int unite(void *ctx, int32_t day, struct str group, const void *blob, size_t n, uint32_t id,
	uint32_t count)
{
	struct uniting *u = ctx;
	(void)group, (void)id, (void)count;
	struct kset *one = blob ? kset_read(blob, n) : NULL;
	u->damaged |= blob && !one;
	if (one && u->days)
		kset_merge_day(u->all, day, one);
	else if (one)
		kset_merge(u->all, one);
	kset_free(one);
	return 0;
}

static int make_span(struct cells *c, const struct measure *m, int32_t first, struct cx_err *e)
{
	struct uniting u = {kset_new(KPI_TIMES), measure_by_days(m), false};
	int cube = m->kpi->cube->id;
	int rc = store_sets(c->s, cube, m->set, first, first + SET_SPAN - 1, NULL, unite, &u, e);
	buf_clear(&c->value);
	if (!u.damaged) /* else none that can be read: its days are, which say so */
		kset_write(u.all, &c->value);
	if (rc >= 0)
		rc = store_span_put(c->s, cube, m->set, u.days, first, c->value.p, c->value.len, e);
	kset_free(u.all);
	return rc;
}

/* Is it read by itself, and not out of another of its KPI (answer_leads)? */
static bool read_itself(const struct measure *m)
{
	for (int i = 0; m->times == 1 && i < m->kpi->nmeasures; i++)
		if (m->kpi->measures[i].set == m->set && m->kpi->measures[i].times > 1)
			return false;
	return m->set >= 0;
}

/* 1 made one of the cube. */
static int make_times(struct cells *c, const struct cube *cube, int32_t before,
	const char *company_currency, struct cx_err *e)
{
	int rc = 0;
	int32_t day;
	for (int i = 0; i < cube->nmeasures && rc == 0; i++) {
		const struct measure *m = cube->measures[i];
		if (m->set < 0 || m->shared)
			continue;
		rc = store_times_due(c->s, cube->id, m->set, before, &day, e);
		if (rc != 1)
			continue;
		buf_clear(&c->value);
		rc = times_make(c, m, day, company_currency, &c->value, e);
		if (rc >= 0)
			rc = store_times_put(
				c->s, cube->id, m->set, day, c->value.p, c->value.len, e);
		return rc < 0 ? rc : 1;
	}
	return rc;
}

int cells_unite(struct cells *c, struct cube *const *cubes, int ncubes, int32_t before,
	const char *company_currency, struct cx_err *e)
{
	int rc = 0;
	int32_t first;
	for (int i = 0; i < ncubes && rc == 0; i++) {
		for (int j = 0; j < cubes[i]->nmeasures && rc == 0; j++) {
			const struct measure *m = cubes[i]->measures[j];
			if (!read_itself(m))
				continue;
			rc = store_span_missing(
				c->s, cubes[i]->id, m->set, measure_by_days(m), before, &first, e);
			if (rc == 1 && (rc = make_span(c, m, first, e)) == CX_OK)
				return 1;
		}
	}
	for (int i = 0; i < ncubes && rc == 0; i++)
		rc = make_times(c, cubes[i], before, company_currency, e);
	return rc;
}
