#include "kpi/cells.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "kpi/cells_own.h"

enum { CELLS_MAX = 65536, FOLD_MANY = 16384, FOLD_STEP = 64 };

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
	return c;
}

static void drop_cache(struct cells *c)
{
	for (size_t i = 0; i < c->map.cap; i++)
		free(c->map.v[i]);
	for (size_t i = 0; i < c->days.cap; i++)
		free(c->days.v[i]);
	pmap_free(&c->map);
	pmap_free(&c->days);
	c->last = NULL;
	c->nchanges = c->nseen = c->ndirty = 0;
}

void cells_free(struct cells *c)
{
	if (!c)
		return;
	drop_cache(c);
	dictionary_free(c->dictionary);
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
}

static struct change *note(struct cells *c, enum change_kind kind, struct cell *cell)
{
	if (c->nchanges == c->cap_changes) {
		c->cap_changes = c->cap_changes ? c->cap_changes * 2 : 1024;
		c->changes = xrealloc(c->changes, c->cap_changes * sizeof *c->changes);
	}
	struct change *ch = &c->changes[c->nchanges++];
	*ch = (struct change){.kind = kind, .cell = cell};
	return ch;
}

static void make_dirty(struct cells *c, struct cell *cell)
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

/* Cells of this cube and day, those of the batch included. */
static int groups_of_day(
	struct cells *c, struct cell_at at, struct day_groups **out, struct cx_err *e)
{
	uint32_t h = hash_bytes(&at.day, sizeof at.day, (uint64_t)at.cube);
	*out = pmap_find(&c->days, h, same_day, &at);
	if (*out)
		return CX_OK;
	int64_t n;
	int rc = store_cell_count(c->s, at.cube, at.day, &n, e);
	if (rc < 0)
		return rc;
	*out = xcalloc(1, sizeof **out);
	**out = (struct day_groups){.cube = at.cube, .day = at.day, .n = n};
	pmap_add(&c->days, h, *out);
	return CX_OK;
}

static struct cell *cell_new(const struct cube *cube, struct cell_at at)
{
	size_t slots = (size_t)cube->nslots;
	struct cell *cell = xcalloc(1, sizeof *cell + slots * sizeof(int64_t) + at.group.n + 1);
	char *group = (char *)(cell->v + slots);
	memcpy(group, at.group.p, at.group.n);
	cell->at = (struct cell_at){at.cube, at.day, {group, at.group.n}};
	cell->nslots = cube->nslots;
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
		cell->damaged = !cell_read(c->value.p, c->value.len, at, cube->nslots, cell->v);
	}
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

/* A cell that is in the store or will be: a new one is counted; one too many is the group "…". */
static int find(struct cells *c, const struct measure *m, int32_t day, struct str group,
	struct cell **out, struct cx_err *e)
{
	const struct cube *cube = m->kpi->cube;
	struct cell_at at = {cube->id, day, group};
	struct day_groups *d;
	if (c->last && c->last->exists && same_cell(c->last, &at)) {
		*out = c->last;
		return CX_OK;
	}
	int rc = look_up(c, cube, at, out, e);
	if (rc == CX_OK && !(*out)->exists) {
		rc = groups_of_day(c, at, &d, e);
		if (rc == CX_OK && d->n >= c->max_groups && cube->ndims > 0) {
			warn_once(d, cube, c->max_groups);
			at.group = group_rest(cube->ndims, &c->scratch);
			rc = look_up(c, cube, at, out, e);
		}
		if (rc == CX_OK && !(*out)->exists) {
			(*out)->exists = true;
			d->n++;
			note(c, CHANGE_NEW, *out);
			make_dirty(c, *out);
		}
	}
	if (rc == CX_OK) {
		(*out)->hot = true;
		c->last = *out;
	}
	return rc;
}

static int sink_where(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e)
{
	struct cells *c = ctx;
	return c->where(c->where_ctx, m, ev, e);
}

int cells_damaged(struct cells *c, struct cell_at at, struct cx_err *e)
{
	struct cx_err why;
	cell_damaged(NULL, at, &why);
	log_error(CX_T("%s; os números do plugin são contados de novo no próximo início",
			  "%s; the plugin's figures are counted again at the next start"),
		why.msg);
	return store_figures_spoil(c->s, at.cube, e);
}

static void change_slot(struct cells *c, struct cell *cell, int slot, int64_t delta)
{
	struct change *ch = note(c, CHANGE_ADD, cell);
	ch->n = (uint32_t)slot;
	ch->delta = delta;
	cell->v[slot] += delta;
	make_dirty(c, cell);
}

static int sink_add(void *ctx, const struct measure *m, int32_t day, struct str group,
	int64_t delta, int n, struct cx_err *e)
{
	struct cells *c = ctx;
	struct cell *cell;
	int64_t sum;
	int rc = find(c, m, day, group, &cell, e);
	if (rc < 0 || cell->damaged)
		return rc < 0 ? rc : cells_damaged(c, cell->at, e);
	if (__builtin_add_overflow(cell->v[m->slot], delta, &sum))
		return TALLY_TOO_LARGE;
	change_slot(c, cell, m->slot, delta);
	if (m->kind == MEASURE_SUM)
		change_slot(c, cell, m->slot + 1, n);
	return CX_OK;
}

static int sink_see(void *ctx, const struct measure *m, int32_t day, struct str group, uint32_t id,
	struct cx_err *e)
{
	struct cells *c = ctx;
	struct cell *cell;
	int rc = find(c, m, day, group, &cell, e);
	if (rc < 0)
		return rc;
	struct change *ch = note(c, CHANGE_SEE, cell);
	ch->n = (uint32_t)m->set;
	ch->delta = id;
	return CX_OK;
}

int cells_ident(struct cells *c, struct str text, uint32_t *id, struct cx_err *e)
{
	bool added;
	int rc = dictionary_id(c->dictionary, text, true, id, &added, e);
	if (added)
		note(c, CHANGE_IDENT, NULL);
	return rc;
}

static int sink_intern(void *ctx, struct str text, uint32_t *id, struct cx_err *e)
{
	return cells_ident(ctx, text, id, e);
}

static int sink_exclude(void *ctx, const struct measure *m, int32_t day, const struct event *ev,
	const char *reason, struct cx_err *e)
{
	struct cells *c = ctx;
	const struct cube *cube = m->kpi->cube;
	int rc = CX_OK;
	for (int i = 0; i < cube->nmeasures && rc >= 0; i++) { /* and those that share its place */
		const struct measure *x = cube->measures[i];
		if (x->slot == m->slot && x->set == m->set)
			rc = store_exclude(
				c->s, x->kpi->plugin, x->kpi->id, x->name, day, ev->seq, reason, e);
	}
	return rc;
}

int cells_tally(struct cells *c, const struct measure *m, struct event *ev, int sign,
	int64_t known_ms, struct cx_err *e)
{
	const struct tally_sink sink = {.ctx = c,
		.where = sink_where,
		.add = sink_add,
		.see = sink_see,
		.intern = sink_intern,
		.exclude = sink_exclude};
	(void)known_ms;
	if (m->shared)
		return CX_OK;
	arena_reset(&c->scratch);
	int rc = tally_measure(m, ev, sign, &sink, &c->scratch, e);
	return rc < 0 ? rc : CX_OK;
}

int cells_known(struct cells *c, const struct measure *m, const struct event *ev, int64_t known_ms,
	struct cx_err *e)
{
	int64_t ms;
	if (!tally_instant(m, ev, &ms) || known_ms < tz_day_start(tz_day(ms) + 1))
		return CX_OK;
	return store_known_put(c->s, m->kpi->cube->id, tz_day(ms), known_ms, e);
}

size_t cells_mark(const struct cells *c)
{
	return c->nchanges;
}

void cells_rewind(struct cells *c, size_t mark)
{
	while (c->nchanges > mark) {
		struct change *ch = &c->changes[--c->nchanges];
		struct cell *cell = ch->cell;
		struct day_groups *d;
		switch (ch->kind) {
		case CHANGE_ADD:
			cell->v[ch->n] -= ch->delta;
			make_dirty(c, cell);
			break;
		case CHANGE_NEW:
			cell->exists = false;
			if (groups_of_day(c, cell->at, &d, NULL) == CX_OK)
				d->n--;
			break;
		case CHANGE_IDENT: dictionary_unadd(c->dictionary); break;
		case CHANGE_SEE: break;
		}
	}
}

static int compare_group(struct str s, struct str t)
{
	int c = memcmp(s.p, t.p, s.n < t.n ? s.n : t.n);
	return c ? c : (s.n > t.n) - (s.n < t.n);
}

static int by_place(const void *x, const void *y)
{
	const struct cell *a = *(struct cell *const *)x, *b = *(struct cell *const *)y;
	if (a->at.cube != b->at.cube)
		return a->at.cube < b->at.cube ? -1 : 1;
	if (a->at.day != b->at.day)
		return a->at.day < b->at.day ? -1 : 1;
	return compare_group(a->at.group, b->at.group);
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
		cell_write(&c->value, cell->at, cell->nslots, cell->v);
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
	int c = compare_group(a->group, b->group);
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

/* Keeps what was used lately: two rounds of the clock at most. Nothing is dirty here. */
static void sweep(struct cells *c)
{
	for (int round = 0; round < 2 && c->map.n > CELLS_MAX; round++) {
		struct pmap old = c->map;
		c->map = (struct pmap){0};
		for (size_t i = 0; i < old.cap; i++) {
			struct cell *cell = old.v[i];
			if (!cell)
				continue;
			if (cell->hot && round == 0) {
				cell->hot = false;
				pmap_add(&c->map, old.h[i], cell);
			} else {
				free(cell);
			}
		}
		pmap_free(&old);
		c->last = NULL;
	}
	if (c->days.n > CELLS_MAX) {
		for (size_t i = 0; i < c->days.cap; i++)
			free(c->days.v[i]);
		pmap_free(&c->days);
	}
}

int cells_flush(struct cells *c, struct cx_err *e)
{
	int rc = write_sets(c, e);
	if (rc >= 0)
		rc = write_cells(c, e);
	if (rc >= 0) /* faster than they come in */
		rc = cells_fold(c, FOLD_MANY, FOLD_STEP + 2 * c->nseen, e);
	if (rc < 0)
		return rc;
	c->nchanges = c->nseen = 0;
	dictionary_settle(c->dictionary);
	sweep(c);
	return CX_OK;
}
