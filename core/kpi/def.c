#include "kpi/def.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "store/store.h"

void kpi_free(struct kpi *k)
{
	if (!k)
		return;
	for (int i = 0; i < k->nmeasures; i++) {
		free(k->measures[i].name);
		free(k->measures[i].type_name);
		free(k->measures[i].field_name);
		free(k->measures[i].at_name);
		free(k->measures[i].key_name);
		free(k->measures[i].rank_name);
	}
	for (int i = 0; i < k->nby; i++)
		free(k->by[i]);
	free(k->measures);
	free(k->id);
	free(k->plugin);
	free(k->file);
	free(k->title);
	free(k->format);
	free(k->better);
	free(k->tier);
	free(k->owner);
	free(k);
}

int kpi_dim(const struct kpi *k, const char *name)
{
	for (int i = 0; i < k->nby; i++)
		if (strcmp(k->by[i], name) == 0)
			return i;
	return -1;
}

static int by_id(const void *a, const void *b)
{
	return strcmp((*(struct kpi *const *)a)->id, (*(struct kpi *const *)b)->id);
}

static char *joined_dims(const struct kpi *k)
{
	struct buf b = {0};
	for (int i = 0; i < k->nby; i++) {
		if (i)
			buf_puts(&b, ",");
		buf_puts(&b, k->by[i]);
	}
	return buf_cstr(&b); /* the caller's to free */
}

static struct cube *cube_for(const struct kpi *k, struct cube ***cubes, int *n)
{
	char *dims = joined_dims(k);
	for (int i = 0; i < *n; i++) {
		if (strcmp((*cubes)[i]->dims, dims) == 0) {
			free(dims);
			return (*cubes)[i];
		}
	}
	struct cube *c = xcalloc(1, sizeof *c);
	c->id = -1;
	c->upto = STORE_LIVE;
	c->plugin = xstrdup(k->plugin);
	c->dims = dims;
	c->ndims = k->nby;
	*cubes = xrealloc(*cubes, (size_t)(*n + 1) * sizeof **cubes);
	(*cubes)[(*n)++] = c;
	return c;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Do both measures of a cube keep the same? Where-functions cannot be compared; `times` and `days`
 * only say how a set is read. */
static bool keeps_the_same(const struct measure *a, const struct measure *b)
{
	return a->kind == b->kind && !a->where && !b->where &&
	       same_text(a->type_name, b->type_name) && same_text(a->field_name, b->field_name) &&
	       same_text(a->at_name, b->at_name) && a->field.attr == b->field.attr &&
	       a->field.field == b->field.field && a->at == b->at && a->bucket == b->bucket &&
	       a->choose == b->choose && same_text(a->key_name, b->key_name) &&
	       same_text(a->rank_name, b->rank_name);
}

static void place(struct cube *c, struct measure *m)
{
	m->slot = m->hist = m->set = -1;
	m->shared = false;
	for (int i = 0; i < c->nmeasures && !m->shared; i++) {
		if (!keeps_the_same(c->measures[i], m))
			continue;
		m->shared = true;
		m->slot = c->measures[i]->slot;
		m->hist = c->measures[i]->hist;
		m->set = c->measures[i]->set;
	}
	if (m->shared)
		return;
	switch (m->kind) {
	case MEASURE_COUNT: m->slot = c->nslots++; break;
	case MEASURE_SUM:
		m->slot = c->nslots;
		c->nslots += 2;
		break;
	case MEASURE_HISTOGRAM: m->hist = c->nhists++; break;
	case MEASURE_DISTINCT: m->set = c->nsets++; break;
	}
}

static void take_measures(struct cube *c, struct kpi *k)
{
	c->measures =
		xrealloc(c->measures, (size_t)(c->nmeasures + k->nmeasures) * sizeof *c->measures);
	for (int i = 0; i < k->nmeasures; i++) {
		struct measure *m = &k->measures[i];
		m->kpi = k;
		place(c, m);
		c->measures[c->nmeasures++] = m;
	}
	k->cube = c;
}

void kpi_cubes_build(struct kpi **kpis, int nkpis, struct cube ***cubes, int *ncubes)
{
	struct kpi **sorted = xmalloc((size_t)nkpis * sizeof(struct kpi *));
	if (nkpis)
		memcpy(sorted, kpis, (size_t)nkpis * sizeof(struct kpi *));
	qsort(sorted, (size_t)nkpis, sizeof(struct kpi *), by_id);
	*cubes = NULL;
	*ncubes = 0;
	for (int i = 0; i < nkpis; i++)
		take_measures(cube_for(sorted[i], cubes, ncubes), sorted[i]);
	free(sorted);
}

int kpi_cubes_bind(struct store *s, struct cube **cubes, int ncubes, int64_t upto, struct cx_err *e)
{
	for (int i = 0; i < ncubes; i++) {
		struct cube *c = cubes[i];
		struct cube_row r = {.plugin = c->plugin,
			.dims = c->dims,
			.identity = c->identity[0] ? c->identity : NULL,
			.upto = upto};
		int rc = store_cube(s, &r, e);
		if (rc < 0)
			return rc;
		c->id = r.id;
		c->upto = r.id < 0 ? 0 : r.upto;
	}
	return CX_OK;
}

void kpi_cubes_free(struct cube **cubes, int ncubes)
{
	for (int i = 0; i < ncubes; i++) {
		free(cubes[i]->plugin);
		free(cubes[i]->dims);
		free(cubes[i]->measures);
		free(cubes[i]);
	}
	free(cubes);
}
