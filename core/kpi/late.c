#include "kpi/late.h"

#include <stdlib.h>

#include "base/buf.h"
#include "kpi/standing.h"

struct seqs {
	int64_t *v;
	int n;
};
struct walk {
	const struct late *l;
	struct event *ev;
	struct cx_err *e;
	struct arena a;
	bool coming;
	struct seqs family;
	/* of the key at hand */
	struct seqs rivals;
	bool before; /* the one that stood without events as new as ev was met */
	int64_t rank;
};

static void add(struct seqs *l, int64_t seq)
{
	for (int i = 0; i < l->n; i++)
		if (l->v[i] == seq)
			return;
	l->v = xrealloc(l->v, sizeof *l->v * (size_t)(l->n + 1));
	l->v[l->n++] = seq;
}

static int note_member(void *ctx, int64_t seq, int64_t recorded_ms)
{
	(void)recorded_ms;
	add(ctx, seq);
	return 0;
}

static int find_family(struct walk *w)
{
	int64_t root = w->ev->root ? w->ev->root : w->ev->seq;
	add(&w->family, w->ev->seq);
	add(&w->family, root);
	return store_members(w->l->s, root, note_member, &w->family, w->e);
}

/* The event of this seq with its fields; 0 it is gone. */
static int event_of(struct walk *w, int64_t seq, struct event *out, struct event **ev)
{
	bool missing;
	*ev = w->ev;
	if (seq == w->ev->seq)
		return 1;
	*ev = out;
	*out = (struct event){0};
	int rc = store_event_get(w->l->s, seq, out, &w->a, w->e);
	if (rc != 1)
		return rc;
	out->type = w->ev->type;
	event_reload(out, w->l->company_currency, &w->a, &missing);
	return 1;
}

static int spoil(struct walk *w, const struct measure *m, const struct event *ev)
{
	int64_t at;
	if (!tally_instant(m, ev, &at))
		return CX_OK;
	int rc = cells_spoil(w->l->c, m->kpi->cube, tz_day(at), w->e);
	return rc < 0 ? rc : cells_known(w->l->c, m, ev, w->l->known_ms, w->e);
}

static int rival(void *ctx, const struct candidate *c)
{
	struct walk *w = ctx;
	struct family f;
	if (w->before && c->rank != w->rank)
		return 1;
	int rc = store_family(w->l->s, c->root ? c->root : c->seq, INT64_MAX, &f, w->e);
	if (rc < 0 || f.newest != c->seq)
		return rc < 0 ? rc : 0;
	add(&w->rivals, c->seq);
	if (c->seq < w->ev->seq) {
		w->before = true;
		w->rank = c->rank;
	}
	return 0;
}

/* Who stands of a key, with ev and before it came. */
static int spoil_rivals(struct walk *w, const struct measure *m, uint32_t ident)
{
	struct event out, *ev;
	w->rivals.n = 0;
	w->before = false;
	int rc = store_candidates(
		w->l->s, m->choice, ident, m->choose == CHOOSE_LATEST, rival, w, w->e);
	for (int i = 0; i < w->rivals.n && rc >= 0; i++) {
		rc = event_of(w, w->rivals.v[i], &out, &ev);
		if (rc == 1)
			rc = spoil(w, m, ev);
	}
	return rc < 0 ? rc : CX_OK;
}

static int choose(struct walk *w, const struct measure *m, struct event *ev)
{
	struct str key;
	int64_t rank;
	uint32_t ident;
	if (m->choose == CHOOSE_ALL || !standing_key(m, ev, &w->a, &key, &rank))
		return CX_OK;
	int rc = cells_ident(w->l->c, key, &ident, w->e);
	bool mine = ev == w->ev;
	if (rc >= 0 && mine && w->coming)
		rc = store_candidate_add(w->l->s, m->choice, ident, rank, ev->seq, w->e);
	if (rc >= 0)
		rc = spoil_rivals(w, m, ident);
	if (rc >= 0 && mine && !w->coming) {
		rc = store_candidate_drop(w->l->s, m->choice, ident, rank, ev->seq, w->e);
		if (rc >= 0)
			rc = spoil_rivals(w, m, ident);
	}
	return rc < 0 ? rc : CX_OK;
}

static int run(const struct late *l, struct event *ev, bool coming, struct cx_err *e)
{
	struct walk w = {.l = l, .ev = ev, .e = e, .coming = coming};
	struct event out, *member;
	cells_rechosen(l->c);
	int rc = l->n ? find_family(&w) : CX_OK;
	for (int i = 0; i < w.family.n && rc >= 0; i++) {
		rc = event_of(&w, w.family.v[i], &out, &member);
		for (int k = 0; k < l->n && rc == 1; k++) {
			int did = spoil(&w, l->v[k], member);
			if (did >= 0)
				did = choose(&w, l->v[k], member);
			rc = did < 0 ? did : 1;
		}
	}
	arena_free(&w.a);
	free(w.family.v);
	free(w.rivals.v);
	return rc < 0 ? rc : CX_OK;
}

int late_leave(const struct late *l, struct event *ev, struct cx_err *e)
{
	return run(l, ev, false, e);
}

int late_come(const struct late *l, struct event *ev, struct cx_err *e)
{
	return run(l, ev, true, e);
}
