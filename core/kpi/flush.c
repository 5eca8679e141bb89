/* What a batch added to the cells, written before its COMMIT in the order of the keys. */
#include <stdlib.h>

#include "base/buf.h"
#include "kpi/cells_own.h"

enum { FOLD_MANY = 16384, FOLD_STEP = 64 };

static int by_place(const void *x, const void *y)
{
	const struct cell *a = *(struct cell *const *)x, *b = *(struct cell *const *)y;
	if (a->at.cube != b->at.cube)
		return a->at.cube < b->at.cube ? -1 : 1;
	if (a->at.day != b->at.day)
		return a->at.day < b->at.day ? -1 : 1;
	return str_compare(a->at.group, b->at.group);
}

static int write_cells(struct cells *c, struct cx_err *e)
{
	if (c->ndirty)
		qsort(c->dirty, c->ndirty, sizeof(struct cell *), by_place);
	for (size_t i = 0; i < c->ndirty; i++) {
		struct cell *cell = c->dirty[i];
		if (!cell->exists)
			continue;
		buf_clear(&c->value);
		cell_write(&c->value, cell->at, &cell->value);
		int rc = store_cell_put(c->s, cell->at.cube, cell->at.day, cell->at.group,
			c->value.p, c->value.len, e);
		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < c->ndirty; i++)
		c->dirty[i]->dirty = false;
	c->ndirty = 0;
	return CX_OK;
}

static int by_entry(const void *x, const void *y)
{
	const struct set_seen *a = x, *b = y;
	if (a->cube != b->cube)
		return a->cube < b->cube ? -1 : 1;
	if (a->day != b->day)
		return a->day < b->day ? -1 : 1;
	int c = str_compare(a->group, b->group);
	if (c)
		return c;
	if (a->set != b->set)
		return a->set < b->set ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

/* An id once for each cell and set. */
static int write_sets(struct cells *c, struct cx_err *e)
{
	size_t n = 0, kept = 0;
	for (size_t i = 0; i < c->nchanges; i++) {
		const struct change *ch = &c->changes[i];
		if (ch->kind != CHANGE_SEE)
			continue;
		if (n == c->cap_seen) {
			c->cap_seen = c->cap_seen ? c->cap_seen * 2 : 1024;
			c->seen = xrealloc(c->seen, c->cap_seen * sizeof *c->seen);
		}
		c->seen[n++] = (struct set_seen){ch->cell->at.cube, (int)ch->n, ch->cell->at.day,
			ch->cell->at.group, (uint32_t)ch->delta, 1};
	}
	if (n)
		qsort(c->seen, n, sizeof *c->seen, by_entry);
	for (size_t i = 0; i < n; i++) {
		if (kept && by_entry(&c->seen[kept - 1], &c->seen[i]) == 0)
			c->seen[kept - 1].n++;
		else
			c->seen[kept++] = c->seen[i];
	}
	c->nseen = kept;
	return store_sets_add(c->s, c->seen, kept, e);
}

int cells_flush(struct cells *c, struct cx_err *e)
{
	int rc = write_sets(c, e);
	if (rc >= 0)
		rc = write_cells(c, e);
	if (rc >= 0)
		rc = cells_write_marks(c, e);
	if (rc >= 0) /* faster than they come in */
		rc = cells_fold(c, FOLD_MANY, FOLD_STEP + 2 * c->nseen, e);
	if (rc < 0)
		return rc;
	c->nchanges = c->nseen = 0;
	dictionary_settle(c->dictionary);
	cells_sweep(c);
	return CX_OK;
}
