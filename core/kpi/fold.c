#include "base/buf.h"
#include "kpi/cells_own.h"
#include "kpi/set.h"

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
