#include "kpi/cells.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "kpi/cells_own.h"

enum { CELLS_MAX = 65536, VALUES_MAX = 4 << 20 };

struct cells *cells_new(struct store *s, int64_t max_groups,
	int (*where)(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e),
	void *ctx)
{
	struct cells *c = xcalloc(1, sizeof *c);
	c->s = s;
	c->max_groups = max_groups;
	c->where = where;
	c->where_ctx = ctx;
	c->dictionary = dictionary_new(s);
	c->chosen = chosen_new();
	return c;
}

void cells_limit(struct cells *c, int64_t max_groups)
{
	c->max_groups = max_groups;
}

static void cell_free(struct cells *c, struct cell *cell)
{
	for (int i = 0; cell && i < cell->value.nhists; i++) {
		c->nvalues -= cell->value.h[i].n;
		hist_free(&cell->value.h[i]);
	}
	free(cell);
}

static void drop_days(struct cells *c)
{
	for (size_t i = 0; i < c->days.cap; i++)
		free(c->days.v[i]);
	pmap_free(&c->days);
}

static void drop_cache(struct cells *c)
{
	for (size_t i = 0; i < c->map.cap; i++)
		cell_free(c, c->map.v[i]);
	pmap_free(&c->map);
	drop_days(c);
	cells_forget_marks(c);
	c->last = NULL;
	c->nchanges = c->nseen = c->ndirty = 0;
	c->last_seq = 0;
}

void cells_free(struct cells *c)
{
	if (!c)
		return;
	drop_cache(c);
	dictionary_free(c->dictionary);
	chosen_free(c->chosen);
	arena_free(&c->scratch);
	buf_free(&c->value);
	free(c->changes);
	free(c->dirty);
	free(c->seen);
	free(c);
}

void cells_forget(struct cells *c)
{
	drop_cache(c);
	dictionary_forget(c->dictionary);
	chosen_forget(c->chosen);
}

struct change *cells_note(struct cells *c, enum change_kind kind, struct cell *cell)
{
	if (c->nchanges == c->cap_changes) {
		c->cap_changes = c->cap_changes ? c->cap_changes * 2 : 1024;
		c->changes = xrealloc(c->changes, c->cap_changes * sizeof *c->changes);
	}
	struct change *ch = &c->changes[c->nchanges++];
	*ch = (struct change){.kind = kind, .cell = cell};
	return ch;
}

void cells_dirty(struct cells *c, struct cell *cell)
{
	if (cell->dirty)
		return;
	cell->dirty = true;
	if (c->ndirty == c->cap_dirty) {
		c->cap_dirty = c->cap_dirty ? c->cap_dirty * 2 : 256;
		c->dirty = xrealloc(c->dirty, c->cap_dirty * sizeof(struct cell *));
	}
	c->dirty[c->ndirty++] = cell;
}

static bool same_cell(const void *item, const void *key)
{
	const struct cell *c = item;
	const struct cell_at *at = key;
	return c->at.day == at->day && c->at.cube == at->cube && str_same(c->at.group, at->group);
}

static bool same_day(const void *item, const void *key)
{
	const struct day_groups *d = item;
	const struct cell_at *at = key;
	return d->day == at->day && d->cube == at->cube;
}

static uint32_t hash_day(const struct cell_at *at)
{
	return hash_bytes(&at->day, sizeof at->day, (uint64_t)at->cube);
}

/* Cells of this cube and day, those of the batch included. */
static int groups_of_day(struct cells *c, const struct cube *cube, struct cell_at at,
	struct day_groups **out, struct cx_err *e)
{
	uint32_t h = hash_day(&at);
	*out = pmap_find(&c->days, h, same_day, &at);
	if (*out)
		return CX_OK;
	int64_t n;
	int rest = 0, rc = store_cell_count(c->s, at.cube, at.day, &n, e);
	buf_clear(&c->value);
	if (rc >= 0 && n && cube->ndims)
		rest = store_cell_get(
			c->s, at.cube, at.day, group_rest(cube->ndims, &c->scratch), &c->value, e);
	if (rc < 0 || rest < 0)
		return rc < 0 ? rc : rest;
	*out = xcalloc(1, sizeof **out);
	**out = (struct day_groups){.cube = at.cube, .day = at.day, .n = n, .rest = rest};
	pmap_add(&c->days, h, *out);
	return CX_OK;
}

static struct cell *cell_new(const struct cube *cube, struct cell_at at)
{
	size_t slots = (size_t)cube->nslots * sizeof(int64_t);
	size_t hists = (size_t)cube->nhists * sizeof(struct hist);
	struct cell *cell = xcalloc(1, sizeof *cell + slots + hists + at.group.n + 1);
	cell->value = (struct cell_value){.nslots = cube->nslots, .nhists = cube->nhists};
	cell->value.v = (int64_t *)(cell + 1);
	cell->value.h = (struct hist *)(cell->value.v + cube->nslots);
	char *group = (char *)(cell->value.h + cube->nhists);
	memcpy(group, at.group.p, at.group.n);
	cell->at = (struct cell_at){at.cube, at.day, {group, at.group.n}};
	return cell;
}

static int load(struct cells *c, const struct cube *cube, struct cell_at at, struct cell **out,
	struct cx_err *e)
{
	buf_clear(&c->value);
	int rc = store_cell_get(c->s, at.cube, at.day, at.group, &c->value, e);
	if (rc < 0)
		return rc;
	struct cell *cell = cell_new(cube, at);
	if (rc == 1) {
		cell->exists = true;
		cell->damaged = !cell_read(c->value.p, c->value.len, at, &cell->value);
	}
	for (int i = 0; i < cell->value.nhists; i++)
		c->nvalues += cell->value.h[i].n;
	*out = cell;
	return CX_OK;
}

/* The cell of the place, loaded if need be; it may not exist yet. */
static int look_up(struct cells *c, const struct cube *cube, struct cell_at at, struct cell **out,
	struct cx_err *e)
{
	uint32_t h = hash_bytes(
		at.group.p, at.group.n, (uint64_t)(uint32_t)at.cube << 32 | (uint32_t)at.day);
	*out = pmap_find(&c->map, h, same_cell, &at);
	if (*out)
		return CX_OK;
	int rc = load(c, cube, at, out, e);
	if (rc == CX_OK)
		pmap_add(&c->map, h, *out);
	return rc;
}

static void warn_once(struct day_groups *d, const struct cube *cube, int64_t max)
{
	char day[16];
	if (d->warned)
		return;
	d->warned = true;
	tz_day_text(d->day, day);
	log_warn(CX_T("cubo %s (%s), %s: mais de %lld grupos ([kpi] groups); os novos vão para …",
			 "cube %s (%s), %s: more than %lld groups ([kpi] groups); new ones: …"),
		cube->plugin, cube->dims, day, (long long)max);
}

/* The cell comes to be, unless the day has as many groups as it may have. */
static int make(struct cells *c, const struct cube *cube, struct cell **cell, struct cx_err *e)
{
	struct cell_at at = (*cell)->at;
	struct day_groups *d;
	int rc = groups_of_day(c, cube, at, &d, e);
	if (rc == CX_OK && cube->ndims > 0 && (d->rest || d->n >= c->max_groups)) {
		if (d->n >= c->max_groups)
			warn_once(d, cube, c->max_groups);
		at.group = group_rest(cube->ndims, &c->scratch);
		rc = look_up(c, cube, at, cell, e);
		if (rc == CX_OK)
			(*cell)->rest = d->rest = true;
	}
	if (rc == CX_OK && !(*cell)->exists) {
		(*cell)->exists = true;
		d->n++;
		cells_note(c, CHANGE_NEW, *cell);
		cells_dirty(c, *cell);
	}
	return rc;
}

int cells_find(struct cells *c, const struct measure *m, int32_t day, struct str group,
	struct cell **out, struct cx_err *e)
{
	const struct cube *cube = m->kpi->cube;
	struct cell_at at = {cube->id, day, group};
	if (c->last && c->last->exists && same_cell(c->last, &at)) {
		*out = c->last;
		return 1;
	}
	int rc = look_up(c, cube, at, out, e);
	if (rc == CX_OK && !(*out)->exists && c->sign > 0) {
		rc = make(c, cube, out, e);
	} else if (rc == CX_OK && !(*out)->exists && cube->ndims > 0) {
		at.group = group_rest(cube->ndims, &c->scratch);
		rc = look_up(c, cube, at, out, e);
	}
	if (rc < 0 || !(*out)->exists)
		return rc;
	(*out)->hot = true;
	c->last = *out;
	return 1;
}

int cells_damaged(struct cells *c, struct cell_at at, struct cx_err *e)
{
	struct cx_err why;
	cell_damaged(NULL, at, &why);
	log_error(CX_T("%s; os números do plugin são contados de novo no próximo início",
			  "%s; the plugin's figures are counted again at the next start"),
		why.msg);
	return store_cube_spoil(c->s, at.cube, e);
}

bool cells_change_hist(struct cells *c, struct cell *cell, uint32_t hist, int64_t value, int n)
{
	struct hist *h = &cell->value.h[hist];
	size_t was = h->n;
	bool done = hist_add(h, value, n);
	c->nvalues += h->n - was;
	return done;
}

int cells_ident(struct cells *c, struct str text, uint32_t *id, struct cx_err *e)
{
	bool added;
	int rc = dictionary_id(c->dictionary, text, true, id, &added, e);
	if (added)
		cells_note(c, CHANGE_IDENT, NULL);
	return rc;
}

void cells_rechosen(struct cells *c)
{
	chosen_forget(c->chosen);
}

void cells_in_turn(struct cells *c, bool yes)
{
	c->mending = yes;
}

size_t cells_mark(const struct cells *c)
{
	return c->nchanges;
}

void cells_rewind(struct cells *c, size_t mark)
{
	chosen_forget(c->chosen);
	while (c->nchanges > mark) {
		struct change *ch = &c->changes[--c->nchanges];
		struct cell *cell = ch->cell;
		struct day_groups *d;
		switch (ch->kind) {
		case CHANGE_ADD:
			cell->value.v[ch->n] -= ch->delta;
			cells_dirty(c, cell);
			break;
		case CHANGE_PUT:
		case CHANGE_TAKE:
			cells_change_hist(
				c, cell, ch->n, ch->delta, ch->kind == CHANGE_PUT ? -1 : 1);
			cells_dirty(c, cell);
			break;
		case CHANGE_NEW:
			cell->exists = false;
			d = pmap_find(&c->days, hash_day(&cell->at), same_day, &cell->at);
			d->n--; /* it was there when the cell was made */
			d->rest &= !cell->rest;
			break;
		case CHANGE_IDENT: dictionary_unadd(c->dictionary); break;
		case CHANGE_SEE: break;
		}
	}
}

/* Keeps some of the cache. Nothing is dirty here. */
static void sieve(struct cells *c, bool (*keep)(struct cell *cell, const struct cell_at *at),
	const struct cell_at *at)
{
	struct pmap old = c->map;
	c->map = (struct pmap){0};
	for (size_t i = 0; i < old.cap; i++) {
		struct cell *cell = old.v[i];
		if (cell && keep(cell, at))
			pmap_add(&c->map, old.h[i], cell);
		else
			cell_free(c, cell);
	}
	pmap_free(&old);
	c->last = NULL;
}

static bool used_lately(struct cell *cell, const struct cell_at *at)
{
	bool hot = cell->hot;
	(void)at;
	cell->hot = false;
	return hot;
}

static bool other_day(struct cell *cell, const struct cell_at *at)
{
	return cell->at.day != at->day || cell->at.cube != at->cube;
}

void cells_drop_day(struct cells *c, int cube, int32_t day)
{
	sieve(c, other_day, &(struct cell_at){.cube = cube, .day = day});
	drop_days(c);
}

/* Two rounds of the clock at most: after the first nothing is hot. */
void cells_sweep(struct cells *c)
{
	for (int round = 0; round < 2 && (c->map.n > CELLS_MAX || c->nvalues > VALUES_MAX); round++)
		sieve(c, used_lately, NULL);
	if (c->days.n > CELLS_MAX)
		drop_days(c);
}
