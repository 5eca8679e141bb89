#include "kpi/cells.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "kpi/cells_own.h"

enum { CELLS_MAX = 65536, VALUES_MAX = 4 << 20, FOLD_MANY = 16384, FOLD_STEP = 64 };

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
		note(c, CHANGE_NEW, *cell);
		make_dirty(c, *cell);
	}
	return rc;
}

/* A cell that is in the store or will be: a new one is counted; one too many is the group "…".
 * Where something is taken out, 0: there is no such cell. */
static int find(struct cells *c, const struct measure *m, int32_t day, struct str group,
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

/* What was excluded for its size may have room now, or had it been there in its turn. */
static int out_of_turn(struct cells *c, const struct measure *m, int32_t day, struct cx_err *e)
{
	int64_t n = 0;
	int rc = store_excluded(c->s, m->kpi->id, day, day, &n, e);
	return rc >= 0 && n ? cells_spoil(c, m->kpi->cube, day, e) : rc;
}

/* The cell that an event is counted in, or taken out of: 1; 0: in none, which is dealt with. */
static int target(struct cells *c, const struct measure *m, int32_t day, struct str group,
	struct cell **cell, struct cx_err *e)
{
	cells_learned(c, m->kpi->cube->id, day, c->known_ms);
	int rc = c->late ? out_of_turn(c, m, day, e) : CX_OK;
	if (rc >= 0)
		rc = find(c, m, day, group, cell, e);
	if (rc == 0)
		return cells_spoil(c, m->kpi->cube, day, e);
	if (rc == 1 && (*cell)->damaged)
		return cells_damaged(c, (*cell)->at, e);
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
	cell->value.v[slot] += delta;
	make_dirty(c, cell);
}

static int sink_add(void *ctx, const struct measure *m, int32_t day, struct str group,
	int64_t delta, int n, struct cx_err *e)
{
	struct cells *c = ctx;
	struct cell *cell;
	int64_t sum, left;
	int rc = target(c, m, day, group, &cell, e);
	if (rc != 1)
		return rc;
	bool over = __builtin_add_overflow(cell->value.v[m->slot], delta, &sum);
	left = m->kind == MEASURE_SUM ? cell->value.v[m->slot + 1] + n : sum;
	if (n < 0 && (over || left < 0)) /* not what was counted: the log knows */
		return cells_spoil(c, m->kpi->cube, day, e);
	if (over)
		return TALLY_TOO_LARGE;
	change_slot(c, cell, m->slot, delta);
	if (m->kind == MEASURE_SUM)
		change_slot(c, cell, m->slot + 1, n);
	return CX_OK;
}

static bool change_hist(struct cells *c, struct cell *cell, uint32_t hist, int64_t value, int n)
{
	struct hist *h = &cell->value.h[hist];
	size_t was = h->n;
	bool done = hist_add(h, value, n);
	c->nvalues += h->n - was;
	return done;
}

static int sink_put(void *ctx, const struct measure *m, int32_t day, struct str group,
	int64_t value, int n, struct cx_err *e)
{
	struct cells *c = ctx;
	struct cell *cell;
	int rc = target(c, m, day, group, &cell, e);
	if (rc != 1)
		return rc;
	if (!change_hist(c, cell, (uint32_t)m->hist, value, n))
		return n > 0 ? TALLY_TOO_MANY : cells_spoil(c, m->kpi->cube, day, e);
	struct change *ch = note(c, n > 0 ? CHANGE_PUT : CHANGE_TAKE, cell);
	ch->n = (uint32_t)m->hist;
	ch->delta = value;
	make_dirty(c, cell);
	return CX_OK;
}

static int sink_spoil(void *ctx, const struct measure *m, int32_t day, struct cx_err *e)
{
	struct cells *c = ctx;
	cells_learned(c, m->kpi->cube->id, day, c->known_ms);
	return cells_spoil(c, m->kpi->cube, day, e);
}

static int sink_see(void *ctx, const struct measure *m, int32_t day, struct str group, uint32_t id,
	struct cx_err *e)
{
	struct cells *c = ctx;
	struct cell *cell;
	cells_learned(c, m->kpi->cube->id, day, c->known_ms);
	int rc = find(c, m, day, group, &cell, e); /* its sets are not damaged with it */
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
	cells_learned(c, cube->id, day, c->known_ms);
	if (c->late)
		rc = cells_spoil(c, cube, day, e);
	if (c->sign < 0) /* it was counted once: the log knows */
		return rc;
	for (int i = 0; i < cube->nmeasures && rc >= 0; i++) { /* and those that share its place */
		const struct measure *x = cube->measures[i];
		if (x->slot == m->slot && x->hist == m->hist && x->set == m->set)
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
		.put = sink_put,
		.see = sink_see,
		.spoil = sink_spoil,
		.intern = sink_intern,
		.exclude = sink_exclude};
	if (m->shared)
		return CX_OK;
	c->sign = sign;
	c->known_ms = known_ms;
	c->late = !c->mending && (sign < 0 || ev->seq < c->last_seq);
	if (ev->seq > c->last_seq)
		c->last_seq = ev->seq;
	arena_reset(&c->scratch);
	int rc = tally_measure(m, ev, sign, &sink, &c->scratch, e);
	return rc < 0 ? rc : CX_OK;
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
			cell->value.v[ch->n] -= ch->delta;
			make_dirty(c, cell);
			break;
		case CHANGE_PUT:
		case CHANGE_TAKE:
			change_hist(c, cell, ch->n, ch->delta, ch->kind == CHANGE_PUT ? -1 : 1);
			make_dirty(c, cell);
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
static void sweep(struct cells *c)
{
	for (int round = 0; round < 2 && (c->map.n > CELLS_MAX || c->nvalues > VALUES_MAX); round++)
		sieve(c, used_lately, NULL);
	if (c->days.n > CELLS_MAX)
		drop_days(c);
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
	sweep(c);
	return CX_OK;
}
