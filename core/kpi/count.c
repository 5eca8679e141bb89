/* The writer's figures are what stands now. When does the standing of an event change with the
 * instant as known at which one looks? Where recorded times only grow, a new event changes what is
 * known from its own on, so that the days of what leaves and comes learned something then. Where
 * they do not (an import gives them), a correction may change who stood at any instant up to the
 * greatest recorded time of all that have a part in it: the days of all of them are marked so. An
 * event that corrects none is simpler: it takes the place of others, or none, and up to when is
 * told by those that are better than it (or by the one that stays). */
#include "kpi/count.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "kpi/cells_own.h"

enum move { MOVE_LEAVES, MOVE_COMES, MOVE_STAYS }; /* STAYS: only its day is marked */

struct moved {
	int64_t seq;
	enum move move;
};

struct count {
	struct cells *c;
	const struct counted *v;
	int n;
	struct event *ev;
	const struct count_host *host;
	struct cx_err *e;
	struct arena a;
	struct event **read; /* back from the store */
	int nread;
	/* of the choice at hand */
	int64_t known_ms;
	struct moved *moved;
	int nmoved, cap_moved;
	/* a correction's */
	struct candidate before; /* the newest of the family without ev */
	struct candidate *members;
	int nmembers;
};

static void move(struct count *k, int64_t seq, enum move how)
{
	for (int i = 0; i < k->nmoved; i++)
		if (k->moved[i].seq == seq)
			return;
	if (k->nmoved == k->cap_moved) {
		k->cap_moved = k->cap_moved ? k->cap_moved * 2 : 16;
		k->moved = xrealloc(k->moved, sizeof *k->moved * (size_t)k->cap_moved);
	}
	k->moved[k->nmoved++] = (struct moved){seq, how};
}

static void later(struct count *k, int64_t known_ms)
{
	if (known_ms > k->known_ms)
		k->known_ms = known_ms;
}

/* The event of this seq with its fields; all are of one type. */
static int event_of(struct count *k, int64_t seq, struct event **ev)
{
	bool missing;
	*ev = k->ev;
	if (seq == k->ev->seq)
		return CX_OK;
	for (int i = 0; i < k->nread; i++)
		if ((*ev = k->read[i])->seq == seq)
			return CX_OK;
	*ev = arena_alloc(&k->a, sizeof **ev);
	int rc = store_event_get(k->c->s, seq, *ev, &k->a, k->e);
	if (rc == 0)
		return cx_fail(k->e, CX_E_STORE_FAILED, NULL,
			CX_T("falta o evento de seq %lld", "the event of seq %lld is missing"),
			(long long)seq);
	if (rc < 0)
		return rc;
	(*ev)->type = k->ev->type;
	event_reload(*ev, k->host->company_currency, &k->a, &missing);
	k->read = xrealloc(k->read, sizeof(struct event *) * (size_t)(k->nread + 1));
	k->read[k->nread++] = *ev;
	return CX_OK;
}

/* ---- into the cells ---- */

static int32_t day_of(const struct measure *m, const struct event *ev)
{
	int64_t at = ev->time_ms;
	tally_instant(m, ev, &at);
	return tz_day(at);
}

static int failed(struct count *k, const struct measure *m, const struct event *ev)
{
	return k->host->failed ? k->host->failed(k->host->ctx, m, ev) : 0;
}

/* The day is counted again when the plugin's code may run. */
static int unseen(struct count *k, const struct measure *m, const struct event *ev)
{
	int rc = cells_spoil(k->c, m->kpi->cube, day_of(m, ev), k->e);
	return rc < 0 ? rc : cells_known(k->c, m, ev, k->known_ms, k->e);
}

static int comes(struct count *k, const struct counted *x, struct event *ev)
{
	const struct measure *m = x->m;
	if (x->blind && ev == k->ev)
		return store_exclude(k->c->s, m->kpi->cube->id, m->kpi->id, m->name, day_of(m, ev),
			ev->seq, STORE_CRASHED, k->e);
	if (x->blind)
		return unseen(k, m, ev);
	int rc = cells_tally(k->c, m, ev, 1, k->known_ms, k->e);
	if (rc >= 0)
		rc = failed(k, m, ev);
	return rc < 0 ? rc : CX_OK;
}

/* What was left out leaves without a trace; what cannot be taken out spoils its day. */
static int leaves(struct count *k, const struct counted *x, struct event *ev)
{
	const struct measure *m = x->m;
	int rc = store_readmit(k->c->s, m->kpi->cube->id, m->kpi->id, m->name, ev->seq, k->e);
	if (rc == 1)
		return cells_known(k->c, m, ev, k->known_ms, k->e);
	if (rc == 0 && !x->blind)
		rc = cells_tally(k->c, m, ev, -1, k->known_ms, k->e);
	int raised = rc >= 0 && !x->blind ? failed(k, m, ev) : 0;
	if (rc < 0 || raised < 0)
		return rc < 0 ? rc : raised;
	if (raised) /* it did not when it came: it is out, and not left out */
		rc = store_readmit(k->c->s, m->kpi->cube->id, m->kpi->id, m->name, ev->seq, k->e);
	if (rc >= 0 && (x->blind || raised))
		rc = unseen(k, m, ev);
	return rc < 0 ? rc : CX_OK;
}

static bool chosen_alike(const struct measure *x, const struct measure *y)
{
	return x->choose == y->choose && (x->choose == CHOOSE_ALL || x->choice == y->choice);
}

static int apply(struct count *k, const struct measure *like)
{
	int rc = CX_OK;
	for (int i = 0; i < k->nmoved && rc >= 0; i++) {
		struct event *ev;
		rc = event_of(k, k->moved[i].seq, &ev);
		for (int j = 0; j < k->n && rc >= 0; j++) {
			const struct counted *x = &k->v[j];
			/* what is not counted yet will be, as it stands then */
			if (!chosen_alike(x->m, like) || k->moved[i].seq > x->m->kpi->cube->upto)
				continue;
			switch (k->moved[i].move) {
			case MOVE_LEAVES: rc = leaves(k, x, ev); break;
			case MOVE_COMES: rc = comes(k, x, ev); break;
			case MOVE_STAYS: rc = cells_known(k->c, x->m, ev, k->known_ms, k->e);
			}
		}
	}
	return rc < 0 ? rc : CX_OK;
}

/* ---- an event that corrects none ---- */

/* The id of ev's key under the choice, its candidate in *c: 1, or 0 without key. */
static int key_of(struct cells *c, const struct measure *m, const struct event *ev, struct arena *a,
	uint32_t *ident, struct candidate *out, struct cx_err *e)
{
	struct str key;
	*out = (struct candidate){.seq = ev->seq,
		.recorded_ms = ev->recorded_ms,
		.root = ev->root,
		.id = ev->id,
		.source = ev->source};
	if (!standing_key(m, ev, a, &key, &out->rank))
		return 0;
	return cells_ident(c, key, ident, e);
}

/* Who stands of the key without ev. Of equal ranks the ids decide, which only the store knows. */
static int rival(struct count *k, const struct measure *m, uint32_t ident,
	const struct candidate *mine, struct best *b)
{
	if (chosen_get(k->c->chosen, m->choice, ident, &b->c) && b->c.rank != mine->rank)
		return CX_OK;
	return standing_best(k->c->s, m, ident, k->ev->seq, &k->a, b, k->e);
}

static int plain(struct count *k, const struct measure *m)
{
	struct candidate mine;
	struct best b = {.known_ms = INT64_MIN};
	uint32_t ident;
	k->known_ms = k->ev->recorded_ms;
	int rc = m->choose == CHOOSE_ALL ? 0 : key_of(k->c, m, k->ev, &k->a, &ident, &mine, k->e);
	if (rc == 1)
		rc = rival(k, m, ident, &mine, &b);
	else if (rc == 0)
		move(k, k->ev->seq, MOVE_COMES);
	if (rc < 0 || k->nmoved)
		return rc;
	later(k, b.known_ms);
	bool loses = b.c.seq && !standing_beats(m->choose, &mine, &b.c);
	if (loses) {
		later(k, b.c.recorded_ms);
		move(k, k->ev->seq, MOVE_STAYS);
	} else {
		if (b.c.seq)
			move(k, b.c.seq, MOVE_LEAVES);
		move(k, k->ev->seq, MOVE_COMES);
	}
	if (b.known_ms == INT64_MIN)
		chosen_put(k->c->chosen, m->choice, ident, loses ? &b.c : &mine);
	return store_candidate_add(k->c->s, m->choice, ident, mine.rank, k->ev->seq, k->e);
}

/* ---- a correction ---- */

struct key { /* all candidates of one key, and which of them are the newest of their families */
	struct count *k;
	uint32_t ident;
	struct candidate *v;
	bool *newest;
	int n, cap;
};

static int64_t root_of(const struct candidate *c)
{
	return c->root ? c->root : c->seq;
}

static int note(void *ctx, const struct candidate *c)
{
	struct key *y = ctx;
	struct count *k = y->k;
	struct family f;
	int rc = store_family(k->c->s, root_of(c), INT64_MAX, &f, k->e);
	if (rc < 0)
		return rc;
	if (y->n == y->cap) {
		y->cap = y->cap ? y->cap * 2 : 16;
		y->v = xrealloc(y->v, sizeof *y->v * (size_t)y->cap);
		y->newest = xrealloc(y->newest, sizeof *y->newest * (size_t)y->cap);
	}
	later(k, f.newest_ms);
	later(k, c->recorded_ms);
	y->newest[y->n] = f.newest == c->seq;
	y->v[y->n] = *c;
	y->v[y->n].id = arena_str(&k->a, c->id.p, c->id.n);
	y->v[y->n++].source = arena_str(&k->a, c->source.p, c->source.n);
	return 0;
}

/* The seq of who stands, with ev or before it came; 0 nobody. */
static int64_t who_stands(const struct key *y, const struct measure *m, bool with)
{
	const struct count *k = y->k;
	const struct candidate *best = NULL;
	for (int i = 0; i < y->n; i++) {
		const struct candidate *c = &y->v[i];
		bool newest =
			with || root_of(c) != k->ev->root ? y->newest[i] : c->seq == k->before.seq;
		if (newest && (!best || standing_beats(m->choose, c, best)))
			best = c;
	}
	return best ? best->seq : 0;
}

static void change(struct count *k, int64_t was, int64_t is)
{
	if (was == is)
		return;
	if (was)
		move(k, was, MOVE_LEAVES);
	if (is)
		move(k, is, MOVE_COMES);
}

static int survey(struct count *k, const struct measure *m, uint32_t ident, struct key *y)
{
	*y = (struct key){.k = k, .ident = ident};
	int rc = store_candidates(
		k->c->s, m->choice, ident, m->choose == CHOOSE_LATEST, note, y, k->e);
	if (rc >= 0)
		change(k, who_stands(y, m, false), who_stands(y, m, true));
	return rc;
}

static void survey_free(struct key *y)
{
	free(y->v);
	free(y->newest);
}

static int note_member(void *ctx, int64_t seq, int64_t recorded_ms)
{
	struct count *k = ctx;
	k->members = xrealloc(k->members, sizeof *k->members * (size_t)(k->nmembers + 1));
	k->members[k->nmembers++] = (struct candidate){.seq = seq, .recorded_ms = recorded_ms};
	return 0;
}

static bool newer(const struct candidate *x, const struct candidate *y)
{
	return x->recorded_ms != y->recorded_ms ? x->recorded_ms > y->recorded_ms : x->seq > y->seq;
}

/* Adds ev to its family; then k->members are all of it, k->before what it was. */
static int join(struct count *k)
{
	struct store *s = k->c->s;
	struct event *root;
	int rc = store_correction_add(s, k->ev, k->e);
	if (rc < 0 || !k->n)
		return rc;
	rc = event_of(k, k->ev->root, &root);
	if (rc >= 0)
		rc = note_member(k, root->seq, root->recorded_ms);
	if (rc >= 0)
		rc = store_members(s, k->ev->root, note_member, k, k->e);
	for (int i = 0; i < k->nmembers; i++) {
		const struct candidate *m = &k->members[i];
		if (m->seq != k->ev->seq && newer(m, &k->before))
			k->before = *m;
	}
	return rc;
}

/* A family's member under a choice: who has its key, or by itself without one. */
static int survey_member(struct count *k, const struct measure *m, int64_t seq, struct key *keys,
	int *nkeys, int64_t newest)
{
	struct event *ev;
	struct candidate mine;
	uint32_t ident = 0;
	int rc = event_of(k, seq, &ev);
	if (rc < 0)
		return rc;
	rc = m->choose == CHOOSE_ALL ? 0 : key_of(k->c, m, ev, &k->a, &ident, &mine, k->e);
	if (rc == 0) {
		bool was = seq == k->before.seq, is = seq == newest;
		change(k, was ? seq : 0, is ? seq : 0);
		return 0;
	}
	if (rc == 1 && seq == k->ev->seq)
		rc = store_candidate_add(k->c->s, m->choice, ident, mine.rank, seq, k->e);
	for (int i = 0; i < *nkeys && rc >= 0; i++)
		if (keys[i].ident == ident)
			return 0;
	return rc < 0 ? rc : survey(k, m, ident, &keys[(*nkeys)++]);
}

static int correction(struct count *k, const struct measure *m)
{
	struct key *keys = xcalloc((size_t)k->nmembers, sizeof *keys);
	int nkeys = 0;
	bool newest = k->ev->recorded_ms >= k->before.recorded_ms;
	k->known_ms = k->ev->recorded_ms;
	for (int i = 0; i < k->nmembers; i++)
		later(k, k->members[i].recorded_ms);
	bool disorder = k->known_ms > k->ev->recorded_ms;
	/* ev first: its candidate must be there when others of its key are looked at */
	int64_t now = newest ? k->ev->seq : k->before.seq;
	int rc = survey_member(k, m, k->ev->seq, keys, &nkeys, now);
	for (int i = 0; i < k->nmembers && rc >= 0; i++)
		if (disorder || k->members[i].seq == k->before.seq)
			rc = survey_member(k, m, k->members[i].seq, keys, &nkeys, now);
	if (k->known_ms > k->ev->recorded_ms) {
		for (int i = 0; i < nkeys; i++)
			for (int j = 0; j < keys[i].n; j++)
				move(k, keys[i].v[j].seq, MOVE_STAYS);
		for (int i = 0; i < k->nmembers; i++)
			move(k, k->members[i].seq, MOVE_STAYS);
	}
	for (int i = 0; i < nkeys; i++)
		survey_free(&keys[i]);
	free(keys);
	return rc;
}

/* ---- */

static bool done_before(const struct counted *v, int i)
{
	for (int j = 0; j < i; j++)
		if (chosen_alike(v[j].m, v[i].m))
			return true;
	return false;
}

int count_event(struct cells *c, const struct counted *v, int n, struct event *ev,
	const struct count_host *host, struct cx_err *e)
{
	struct count k = {.c = c, .v = v, .n = n, .ev = ev, .host = host, .e = e};
	if (ev->root) /* who stood before may not any more */
		chosen_forget(c->chosen);
	int rc = ev->root ? join(&k) : CX_OK;
	for (int i = 0; i < n && rc >= 0; i++) {
		if (done_before(v, i))
			continue;
		k.nmoved = 0;
		rc = ev->root ? correction(&k, v[i].m) : plain(&k, v[i].m);
		if (rc >= 0)
			rc = apply(&k, v[i].m);
	}
	arena_free(&k.a);
	free(k.read);
	free(k.moved);
	free(k.members);
	return rc < 0 ? rc : CX_OK;
}

int count_candidates(
	struct cells *c, const struct counted *v, int n, struct event *ev, struct cx_err *e)
{
	struct arena a = {0};
	int rc = CX_OK;
	chosen_forget(c->chosen);
	for (int i = 0; i < n && rc >= 0; i++) {
		struct candidate mine;
		uint32_t ident;
		if (v[i].m->choose == CHOOSE_ALL || done_before(v, i))
			continue;
		rc = key_of(c, v[i].m, ev, &a, &ident, &mine, e);
		if (rc == 1)
			rc = store_candidate_add(
				c->s, v[i].m->choice, ident, mine.rank, ev->seq, e);
	}
	arena_free(&a);
	return rc < 0 ? rc : CX_OK;
}

int count_again(struct cells *c, struct standing *now, const struct counted *v, int n,
	struct event *ev, struct cx_err *e)
{
	int rc = CX_OK;
	for (int i = 0; i < n && rc >= 0; i++) {
		int64_t known_ms;
		int stands = standing_since(now, v[i].m, ev, &known_ms, e);
		rc = stands < 0 ? stands
		     : stands   ? cells_tally(c, v[i].m, ev, 1, known_ms, e)
				: cells_known(c, v[i].m, ev, known_ms, e);
	}
	return rc < 0 ? rc : CX_OK;
}
