/* cxd verify: every instance again, from the events filed under its key, without writing anything.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tz.h"
#include "engine/journey_fold.h"
#include "engine/journey_host.h"
#include "kpi/group.h"

struct verify {
	struct ingest in;
	struct plugin *plugin;
	const struct plugin_journey *journey;
	void (*differs)(void *ctx, const char *what);
	void *ctx;
	struct {
		char *p;
		uint32_t n;
	} * keys;
	int nkeys;
	int64_t *checked;
};

static int note_key(void *ctx, struct str key)
{
	struct verify *v = ctx;
	if ((v->nkeys & (v->nkeys + 1)) == 0)
		v->keys = xrealloc(v->keys, sizeof *v->keys * (size_t)(2 * v->nkeys + 2));
	v->keys[v->nkeys].p = xstrndup(key.p, key.n);
	v->keys[v->nkeys++].n = key.n;
	return 0;
}

static void tell(struct verify *v, const struct journey_row *r, const char *what)
{
	struct buf b = {0};
	buf_printf(&b, CX_T("jornada %.*s, instância ", "journey %.*s, instance "),
		(int)r->journey.n, r->journey.p);
	journeys_name(&b, r->key, r->n);
	buf_printf(&b, ": %s", what);
	v->differs(v->ctx, buf_cstr(&b));
	buf_free(&b);
}

static bool same(struct str a, struct str b)
{
	return !a.p == !b.p && (!a.p || str_same(a, b));
}

/* What is kept of the row that the fold has made anew. */
static const char *row_differs(const struct journey_row *is, const struct journey_row *was)
{
	if (!same(is->stage, was->stage))
		return CX_T("a etapa é outra", "its stage is another");
	if (!same(is->outcome, was->outcome) || is->lost != was->lost)
		return CX_T("o desfecho é outro", "its outcome is another");
	if (is->late != was->late || is->due_ms != was->due_ms)
		return CX_T("o prazo é outro", "its deadline is another");
	if (is->begun_ms != was->begun_ms || is->ended_ms != was->ended_ms)
		return CX_T("o começo ou o fim é outro", "its beginning or end is another");
	if (!same(is->state, was->state))
		return CX_T("o estado é outro", "its state is another");
	return NULL;
}

struct moves {
	const struct inst *x;
	int n;
	bool same;
};

static int compare_move(void *ctx, const struct journey_move_row *m)
{
	struct moves *c = ctx;
	if (c->n >= c->x->nmoves)
		c->same = false;
	if (!c->same)
		return 1;
	const struct journey_move_row *is = &c->x->moves[c->n++];
	c->same = is->pos == m->pos && is->pass == m->pass && is->seq == m->seq &&
		  is->time_ms == m->time_ms && is->left_ms == m->left_ms &&
		  same(is->type, m->type) && same(is->source, m->source) &&
		  same(is->target, m->target) && same(is->deviation, m->deviation);
	return 0;
}

static int compare_one(
	struct verify *v, const struct inst *x, const struct journey_row *was, struct cx_err *e)
{
	struct moves moves = {x, 0, true};
	const char *what = row_differs(&x->row, was);
	int rc = store_journey_moves(v->in.eng->store, was->id, compare_move, &moves, e);
	if (!what && (!moves.same || moves.n != x->nmoves))
		what = CX_T("a história é outra", "its history is another");
	if (what)
		tell(v, was, what);
	++*v->checked;
	return rc;
}

static int compare(struct verify *v, struct fold *f, struct cx_err *e)
{
	int rc = CX_OK;
	for (int i = 0; i < f->nwas && rc >= 0; i++) {
		int k = 0;
		while (k < f->n && f->v[k].row.id != f->was[i].id)
			k++;
		if (k < f->n)
			rc = compare_one(v, &f->v[k], &f->was[i], e);
		else
			tell(v, &f->was[i],
				CX_T("não vem de nenhum evento", "no event leads to it"));
	}
	for (int k = 0; k < f->n; k++)
		if (!f->v[k].row.id)
			tell(v, &f->v[k].row, CX_T("falta", "it is missing"));
	return rc;
}

static int one_key(struct verify *v, struct str key, struct cx_err *e)
{
	struct fold f;
	struct event ev;
	bool failed;
	ingest_item_begin(&v->in, 0, &ev);
	fold_begin(&f, &v->in, v->plugin, v->journey, key);
	f.looks = true;
	int rc = fold_again(&f, 0, &failed);
	if (rc < 0)
		*e = v->in.errs.v[0];
	else
		rc = compare(v, &f, e);
	fold_free(&f);
	return rc;
}

static int one_journey(struct verify *v, struct cx_err *e)
{
	int rc = store_journey_keys(v->in.eng->store, v->journey->id, note_key, v, e);
	for (int i = 0; i < v->nkeys; i++) {
		if (rc >= 0)
			rc = one_key(v, (struct str){v->keys[i].p, v->keys[i].n}, e);
		free(v->keys[i].p);
	}
	v->nkeys = 0;
	return rc;
}

static int find_version(struct engine *eng, struct plugin_journey *j, struct cx_err *e)
{
	struct journey_version_row r = {.journey = {j->id, (uint32_t)strlen(j->id)},
		.identity = {j->identity, (uint32_t)strlen(j->identity)}};
	int rc = store_journey_version_find(eng->store, &r, e);
	j->version = rc == 1 ? r.id : 0;
	return rc;
}

int journeys_verify(struct engine *eng, void (*differs)(void *ctx, const char *what), void *ctx,
	int64_t *checked, struct cx_err *e)
{
	struct verify v = {.in = {.eng = eng}, .differs = differs, .ctx = ctx, .checked = checked};
	const struct job_head head = {.now_ms = clock_now_ms()};
	int rc = CX_OK;
	v.in.head = &head;
	for (int i = 0; i < eng->set.n; i++) {
		v.plugin = eng->set.v[i];
		for (int k = 0; k < v.plugin->njourneys && rc >= 0; k++) {
			v.journey = &v.plugin->journeys[k];
			if (v.plugin->state != PLUGIN_RUNNING || v.journey->inside)
				continue;
			rc = find_version(eng, &v.plugin->journeys[k], e);
			if (rc >= 0)
				rc = one_journey(&v, e);
		}
	}
	free(v.keys);
	arena_free(&v.in.arena);
	buf_free(&v.in.warnings);
	return rc < 0 ? rc : CX_OK;
}
