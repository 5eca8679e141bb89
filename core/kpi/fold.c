#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "kpi/cells_own.h"
#include "kpi/set.h"

enum { RIPE = 4 }; /* a blob takes less room than so many rows */

struct folded {
	struct str group;
	struct kset *set;
	int rows;
};
struct folding {
	struct arena a;
	struct folded *v;
	size_t n, cap;
	struct cell_at at;
	struct cx_err *e;
};

static struct folded *fold_group(struct folding *f, struct str group)
{
	if (f->n && str_same(f->v[f->n - 1].group, group))
		return &f->v[f->n - 1];
	if (f->n == f->cap) {
		f->cap = f->cap ? f->cap * 2 : 16;
		f->v = xrealloc(f->v, f->cap * sizeof *f->v);
	}
	/* All levels are kept, whatever a measure asks for today: empty ones cost nothing. */
	f->v[f->n] = (struct folded){arena_str(&f->a, group.p, group.n), kset_new(KPI_TIMES), 0};
	return &f->v[f->n++];
}

static int fold_row(void *ctx, int32_t day, struct str group, const void *blob, size_t n,
	uint32_t id, uint32_t count)
{
	struct folding *f = ctx;
	(void)day;
	struct folded *g = fold_group(f, group);
	if (!blob) {
		kset_see(g->set, id, count);
		g->rows++;
		return CX_OK;
	}
	struct kset *old = kset_read(blob, n);
	f->at.group = group;
	if (!old)
		return cell_damaged(NULL, f->at, f->e);
	kset_merge(g->set, old);
	kset_free(old);
	return CX_OK;
}

static int write_folded(struct store *s, struct folding *f, int set, struct cx_err *e)
{
	struct buf blob = {0};
	int rc = CX_OK;
	for (size_t i = 0; i < f->n && rc >= 0; i++) {
		if (f->v[i].rows < RIPE)
			continue;
		buf_clear(&blob);
		kset_write(f->v[i].set, &blob);
		rc = store_set_fold(
			s, f->at.cube, set, f->at.day, f->v[i].group, blob.p, blob.len, e);
	}
	buf_free(&blob);
	return rc;
}

int cells_fold_one(struct cells *c, int32_t today, struct cx_err *e)
{
	struct folding f = {.e = e};
	int set;
	int rc = store_set_ripe(
		c->s, RIPE, today, &f.at.cube, &set, &f.at.day, &f.at.group, &f.a, e);
	if (rc == 1) { /* all groups of that day: the day is read once */
		rc = store_sets(c->s, f.at.cube, set, f.at.day, f.at.day, fold_row, &f, e);
		if (rc >= 0)
			rc = write_folded(c->s, &f, set, e);
		if (rc >= 0)
			rc = 1;
	}
	for (size_t i = 0; i < f.n; i++)
		kset_free(f.v[i].set);
	free(f.v);
	arena_free(&f.a);
	return rc;
}
