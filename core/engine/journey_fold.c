#include "engine/journey_fold.h"

#include <stdlib.h>
#include <string.h>

#include "engine/journey_host.h"
#include "kpi/group.h"

void fold_begin(struct fold *f, struct ingest *in, struct plugin *p, const struct plugin_journey *j,
	struct str key)
{
	*f = (struct fold){
		.in = in, .plugin = p, .journey = j, .key = key, .bound = INT64_MAX, .now = -1};
}

static void forget(struct fold *f)
{
	for (int i = 0; i < f->n; i++) {
		free(f->v[i].moves);
		free(f->v[i].left);
	}
	f->n = f->neffects = 0;
	f->now = -1;
}

void fold_free(struct fold *f)
{
	forget(f);
	free(f->v);
	free(f->was);
	free(f->effects);
}

static int lost(struct fold *f, const struct cx_err *e)
{
	return ingest_lost(f->in, e);
}

static struct inst *add(struct fold *f, const struct journey_row *row)
{
	f->v = xrealloc(f->v, sizeof *f->v * (size_t)(f->n + 1));
	f->v[f->n] = (struct inst){.row = *row};
	return &f->v[f->n++];
}

int fold_read(struct fold *f)
{
	struct cx_err e;
	struct journey_row row;
	int rc = store_journey_get(
		f->in->eng->store, f->journey->id, f->key, 0, &row, &f->in->arena, &e);
	if (rc < 0)
		return lost(f, &e);
	if (rc == 1) {
		add(f, &row);
		f->now = 0;
	}
	return rc;
}

/* What there was of the n-th, when all is folded anew. */
static const struct journey_row *before(const struct fold *f, struct str journey, int n)
{
	for (int i = 0; i < f->nwas; i++)
		if (f->was[i].n == n && str_same(f->was[i].journey, journey))
			return &f->was[i];
	return NULL;
}

/* The instance of a journey; made, or read, where it is not in the list. -1: lost. */
static int instance(struct fold *f, struct str journey, int n)
{
	struct journey_row row = {0};
	struct cx_err e;
	int rc = 0;
	for (int i = 0; i < f->n; i++)
		if (f->v[i].row.n == n && str_same(f->v[i].row.journey, journey))
			return i;
	const struct journey_row *old = before(f, journey, n);
	if (!f->whole)
		rc = store_journey_get(
			f->in->eng->store, journey.p, f->key, n, &row, &f->in->arena, &e);
	if (rc < 0) {
		lost(f, &e);
		return -1;
	}
	if (rc == 0)
		row = (struct journey_row){
			.id = old ? old->id : 0, .journey = journey, .key = f->key, .n = n};
	if (rc == 0 && old) {
		row.past_ms = old->past_ms;
		row.upto_ms = old->upto_ms;
		row.version = old->version;
	}
	add(f, &row);
	return f->n - 1;
}

/* ---- what came of a call ---- */

static void take_state(struct journey_row *row, const struct journey_state *s)
{
	row->stage = s->stage;
	row->outcome = s->outcome;
	row->lost = s->lost;
	row->late = s->late;
	row->start_seq = s->start;
	row->begun_ms = s->begun_ms;
	row->ended_ms = s->ended_ms;
	row->due_ms = s->due_ms;
	row->state = s->json;
}

static int take_moves(struct fold *f, const struct journey_came *c)
{
	for (int i = 0; i < c->nmoves; i++) {
		const struct journey_move *m = &c->moves[i];
		int at = instance(f, m->journey, m->n);
		if (at < 0)
			return -1;
		struct inst *x = &f->v[at];
		if ((x->nmoves & (x->nmoves + 1)) == 0)
			x->moves =
				xrealloc(x->moves, sizeof *x->moves * (size_t)(2 * x->nmoves + 2));
		x->moves[x->nmoves++] = (struct journey_move_row){.pos = m->pos,
			.pass = m->pass,
			.seq = m->seq,
			.time_ms = m->time_ms,
			.type = m->type,
			.source = m->from,
			.target = m->to,
			.deviation = m->deviation};
		x->changed = true;
	}
	for (int i = 0; i < c->nleft; i++) {
		const struct journey_left *l = &c->left[i];
		int at = instance(f, l->journey, l->n), k = 0;
		if (at < 0)
			return -1;
		struct inst *x = &f->v[at];
		while (k < x->nmoves && x->moves[k].pos != l->pos)
			k++;
		if (k < x->nmoves) {
			x->moves[k].left_ms = l->time_ms;
			continue;
		}
		x->left = xrealloc(x->left, sizeof *x->left * (size_t)(x->nleft + 1));
		x->left[x->nleft].pos = l->pos;
		x->left[x->nleft++].ms = l->time_ms;
	}
	return 0;
}

static int add_effect(struct fold *f, struct str journey, int n, struct effect e)
{
	e.inst = instance(f, journey, n);
	if (e.inst < 0)
		return -1;
	f->effects = xrealloc(f->effects, sizeof *f->effects * (size_t)(f->neffects + 1));
	f->effects[f->neffects++] = e;
	return 0;
}

/* The journey's own instance after a call of the plugin, with those inside. */
static int take(struct fold *f, const struct journey_came *c)
{
	int at = instance(f, c->state.journey, c->state.n);
	if (at < 0)
		return -1;
	struct journey_row *row = &f->v[at].row;
	f->now = at;
	f->v[at].changed = true;
	take_state(row, &c->state);
	row->subject = c->state.subject;
	row->unit = c->state.unit;
	row->by = c->state.by;
	f->v[at].case_state = c->state.case_state;
	f->v[at].case_ms = c->state.case_ms;
	if (c->upto_ms > row->upto_ms)
		row->upto_ms = c->upto_ms;
	for (int i = 0; i < c->ninner; i++) {
		int k = instance(f, c->inner[i].journey, c->inner[i].n);
		if (k < 0)
			return -1;
		struct journey_row *inner = &f->v[k].row, *outer = &f->v[at].row;
		take_state(inner, &c->inner[i]);
		inner->subject = outer->subject;
		inner->unit = outer->unit;
		inner->by = outer->by;
		inner->version = outer->version;
		inner->outer = -1; /* its id comes with the row: fold_keep() */
		inner->due_ms = 0;
		f->v[k].changed = true;
	}
	for (int i = 0; i < c->nlate; i++)
		if (add_effect(f, c->late[i].journey, c->late[i].n,
			    (struct effect){.is_late = true, .late = c->late[i]}) < 0)
			return -1;
	for (int i = 0; i < c->nsops; i++)
		if (add_effect(f, c->sops[i].journey, c->sops[i].n,
			    (struct effect){.sop = c->sops[i]}) < 0)
			return -1;
	return take_moves(f, c);
}

/* ---- calls ---- */

static int call(struct fold *f, struct journey_ask *ask, struct event *ev, struct journey_came *c)
{
	const struct journey_row *row = f->now >= 0 ? &f->v[f->now].row : NULL;
	struct ingest *in = f->in;
	ask->key = f->key;
	if (row) {
		ask->state = row->state;
		ask->subject = row->subject;
		ask->unit = row->unit;
	}
	journey_host(in, ask);
	int rc = 1;
	struct plugin *p = f->plugin;
	const struct plugin_journey *j = f->journey;
	int64_t version = ask->op == JOURNEY_BEGIN ? f->begins_on : row->version;
	*c = (struct journey_came){0};
	if (version)
		rc = journey_version(in, &p, &j, version, &f->fail);
	if (rc != 1)
		return rc;
	rc = plugin_journey(p, j, ask, ev, &in->arena, c, &f->fail);
	if (in->store_failed)
		return in->errs.v[0].code;
	if (rc < 0)
		return 0;
	return !c->any || take(f, c) == 0 ? 1 : in->errs.v[0].code;
}

int fold_advance(struct fold *f, int64_t till_ms, bool through)
{
	struct journey_came c;
	struct journey_ask ask = {.op = JOURNEY_ADVANCE, .at_ms = till_ms, .through = through};
	const struct journey_row *row = f->now >= 0 ? &f->v[f->now].row : NULL;
	if (!row || !row->stage.p || !row->due_ms || row->due_ms > till_ms ||
		(row->due_ms == till_ms && !through))
		return 1;
	return call(f, &ask, NULL, &c);
}

static int begin(struct fold *f, struct event *ev)
{
	struct journey_came c = {0};
	int n = f->now >= 0 ? f->v[f->now].row.n + 1 : 1, was = f->now;
	const struct journey_row *old =
		before(f, (struct str){f->journey->id, (uint32_t)strlen(f->journey->id)}, n);
	struct journey_ask ask = {.op = JOURNEY_BEGIN, .n = n, .at_ms = ev->time_ms};
	int rc = 1;
	f->begins_on = old ? old->version : f->journey->version;
	if (f->begins_on)
		rc = call(f, &ask, ev, &c);
	if (rc == 1 && !c.any && was >= 0) {
		ask.op = JOURNEY_STRAY;
		rc = call(f, &ask, ev, &c);
	}
	if (rc == 1 && c.any && f->now != was)
		f->v[f->now].row.version = f->begins_on;
	return rc;
}

int fold_event(struct fold *f, struct event *ev)
{
	struct journey_came c;
	struct journey_ask ask = {.op = JOURNEY_EVENT, .at_ms = ev->time_ms};
	int rc = fold_advance(f, ev->time_ms, false);
	if (rc == 1 && f->now >= 0 && f->v[f->now].row.stage.p)
		rc = call(f, &ask, ev, &c);
	else if (rc == 1)
		rc = begin(f, ev);
	if (rc != 1 || f->now < 0)
		return rc;
	struct journey_row *row = &f->v[f->now].row;
	row->last_ms = ev->time_ms;
	row->last_seq = ev->seq;
	f->v[f->now].changed = true;
	if (f->in->past && f->in->head->now_ms > row->past_ms)
		row->past_ms = f->in->head->now_ms;
	return rc;
}

/* ---- all of a key ---- */

struct filed {
	struct {
		int64_t time_ms, seq;
	} * v;
	int n;
};

static int note_event(void *ctx, int64_t time_ms, int64_t seq)
{
	struct filed *l = ctx;
	if ((l->n & (l->n + 1)) == 0)
		l->v = xrealloc(l->v, sizeof *l->v * (size_t)(2 * l->n + 2));
	l->v[l->n].time_ms = time_ms;
	l->v[l->n++].seq = seq;
	return 0;
}

struct rows {
	struct fold *f;
	struct arena *a;
};

static int note_row(void *ctx, const struct journey_row *r)
{
	struct rows *l = ctx;
	struct fold *f = l->f;
	struct journey_row row = *r;
	struct str *texts[] = {&row.journey, &row.key, &row.stage, &row.outcome, &row.state};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (texts[i]->p)
			*texts[i] = arena_str(l->a, texts[i]->p, texts[i]->n);
	f->was = xrealloc(f->was, sizeof *f->was * (size_t)(f->nwas + 1));
	f->was[f->nwas++] = row;
	return 0;
}

static int read_all(struct fold *f, struct filed *filed, struct cx_err *e)
{
	struct store *s = f->in->eng->store;
	struct rows rows = {f, &f->in->arena};
	int rc = store_journeys_of(s, f->journey->id, f->key, note_row, &rows, e);
	for (int i = 0; i < f->journey->nwithin && rc >= 0; i++)
		rc = store_journeys_of(s, f->journey->within[i], f->key, note_row, &rows, e);
	if (rc >= 0)
		rc = store_journey_events(
			s, f->journey->id, f->key, f->bound, note_event, filed, e);
	return rc;
}

/* The instants that have passed for the key. */
static int64_t passed(const struct fold *f)
{
	int64_t upto = 0;
	for (int i = 0; i < f->nwas; i++)
		if (f->was[i].upto_ms > upto)
			upto = f->was[i].upto_ms;
	return upto;
}

static int one_again(struct fold *f, int64_t seq, bool *failed)
{
	struct event *ev = arena_alloc(&f->in->arena, sizeof *ev);
	*ev = (struct event){0};
	struct lua_fail fail = f->fail;
	int rc = journey_event_open(f->in, seq, ev);
	if (rc != 1)
		return rc;
	rc = fold_event(f, ev);
	*failed = rc == 0;
	if (rc == 1)
		f->fail = fail;
	return rc;
}

int fold_again(struct fold *f, int64_t seq, bool *failed)
{
	struct filed filed = {0};
	struct cx_err e;
	struct lua_fail own = {0};
	forget(f);
	f->whole = true;
	*failed = false;
	int rc = read_all(f, &filed, &e);
	if (rc < 0)
		rc = lost(f, &e);
	for (int i = 0; i < filed.n && rc >= 0; i++) {
		bool not_this = false;
		rc = one_again(f, filed.v[i].seq, &not_this);
		if (not_this && filed.v[i].seq == seq) {
			*failed = true;
			own = f->fail;
		} else if (not_this && !f->looks) {
			rc = journey_failed_again(
				f->in, f->plugin, f->journey, filed.v[i].seq, &f->fail);
		}
	}
	free(filed.v);
	f->fail = own;
	return rc < 0 || fold_advance(f, passed(f), true) >= 0 ? rc : f->in->errs.v[0].code;
}

/* ---- rows ---- */

static int keep_moves(struct fold *f, const struct inst *x, struct cx_err *e)
{
	struct store *s = f->in->eng->store;
	int rc = f->whole ? store_journey_moves_drop(s, x->row.id, e) : CX_OK;
	for (int i = 0; i < x->nmoves && rc >= 0; i++)
		rc = store_journey_move_add(s, x->row.id, &x->moves[i], e);
	for (int i = 0; i < x->nleft && rc >= 0; i++)
		rc = store_journey_left(s, x->row.id, x->left[i].pos, x->left[i].ms, e);
	if (rc >= 0 && f->whole)
		rc = store_frictions_stand(s, x->row.id, e);
	return rc;
}

static int keep_one(struct fold *f, struct inst *x, int64_t outer, struct cx_err *e)
{
	struct store *s = f->in->eng->store;
	if (!x->changed)
		return CX_OK;
	if (x->row.outer)
		x->row.outer = outer;
	int rc = x->row.id ? store_journey_set(s, &x->row, e) : store_journey_add(s, &x->row, e);
	if (rc >= 0 && x->row.due_ms)
		timers_due(f->in, x->row.due_ms, x->row.due_ms <= x->row.past_ms);
	if (rc >= 0 && x->case_state.p)
		rc = x->case_state.n ? store_case_set(s, x->row.id, x->case_ms, x->case_state, e)
				     : store_case_drop(s, x->row.id, e);
	return rc < 0 ? rc : keep_moves(f, x, e);
}

/* Instances that there are no more. */
static int drop_others(struct fold *f, struct cx_err *e)
{
	int rc = CX_OK;
	for (int i = 0; i < f->nwas && rc >= 0; i++) {
		int k = 0;
		while (k < f->n && f->v[k].row.id != f->was[i].id)
			k++;
		if (k == f->n)
			rc = store_journey_drop(f->in->eng->store, f->was[i].id, e);
	}
	return rc;
}

int fold_keep(struct fold *f)
{
	struct cx_err e;
	int64_t outer = 0;
	int rc = f->whole ? drop_others(f, &e) : CX_OK;
	for (int i = 0; i < f->n && rc >= 0; i++) {
		rc = keep_one(f, &f->v[i], outer, &e);
		if (!f->v[i].row.outer)
			outer = f->v[i].row.id;
	}
	return rc < 0 ? lost(f, &e) : CX_OK;
}
