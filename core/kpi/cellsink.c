/* What an event adds to the cached cells, or takes out of them (tally.h). */
#include "base/buf.h"
#include "kpi/cells_own.h"

/* What was excluded for its size may have room now, or had it been there in its turn. */
static int out_of_turn(struct cells *c, const struct measure *m, int32_t day, struct cx_err *e)
{
	int64_t n = 0;
	int rc = store_excluded(c->s, m->kpi->cube->id, m->kpi->id, day, day, &n, e);
	return rc >= 0 && n ? cells_spoil(c, m->kpi->cube, day, e) : rc;
}

/* The cell that an event is counted in, or taken out of: 1; 0: in none, which is dealt with. */
static int target(struct cells *c, const struct measure *m, int32_t day, struct str group,
	struct cell **cell, struct cx_err *e)
{
	cells_learned(c, m->kpi->cube->id, day, c->known_ms);
	int rc = c->late ? out_of_turn(c, m, day, e) : CX_OK;
	if (rc >= 0)
		rc = cells_find(c, m, day, group, cell, e);
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

static void change_slot(struct cells *c, struct cell *cell, int slot, int64_t delta)
{
	struct change *ch = cells_note(c, CHANGE_ADD, cell);
	ch->n = (uint32_t)slot;
	ch->delta = delta;
	cell->value.v[slot] += delta;
	cells_dirty(c, cell);
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

static int sink_put(void *ctx, const struct measure *m, int32_t day, struct str group,
	int64_t value, int n, struct cx_err *e)
{
	struct cells *c = ctx;
	struct cell *cell;
	int rc = target(c, m, day, group, &cell, e);
	if (rc != 1)
		return rc;
	if (!cells_change_hist(c, cell, (uint32_t)m->hist, value, n))
		return n > 0 ? TALLY_TOO_MANY : cells_spoil(c, m->kpi->cube, day, e);
	struct change *ch = cells_note(c, n > 0 ? CHANGE_PUT : CHANGE_TAKE, cell);
	ch->n = (uint32_t)m->hist;
	ch->delta = value;
	cells_dirty(c, cell);
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
	int rc = cells_find(c, m, day, group, &cell, e); /* its sets are not damaged with it */
	if (rc < 0)
		return rc;
	struct change *ch = cells_note(c, CHANGE_SEE, cell);
	ch->n = (uint32_t)m->set;
	ch->delta = id;
	return CX_OK;
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
				c->s, cube->id, x->kpi->id, x->name, day, ev->seq, reason, e);
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
