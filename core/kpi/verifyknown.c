/* Does each day know when it last learned something (day_known), so that figures as known earlier
 * are counted from the events? The store may say later than it was, never earlier. When the
 * standing of an event last changed is worked out anew here, from recorded times alone: it stands
 * from its own on until the next one of its family comes, but under a choice not while a better one
 * of its key does. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/tz.h"
#include "kpi/verify_own.h"

struct verify_day { /* must know of what this event did at known_ms */
	int32_t day;
	int64_t end_ms, known_ms, seq;
};

struct change {             /* of a candidate: when it last came to stand or ceased to */
	int64_t seq, at_ms; /* INT64_MIN: it never stood */
};
struct verify_choice {
	int choice;
	struct change *v; /* by seq */
	size_t n, cap;
};

struct life { /* it is the newest of its family as known at T where from_ms < T <= to_ms */
	int64_t from_ms, to_ms;
};
struct next {
	int64_t seq, recorded_ms;
	struct life *life;
};

/* ---- families */

static int meet(void *ctx, int64_t seq, int64_t recorded_ms)
{
	const struct next *n = ctx;
	bool newer =
		recorded_ms > n->recorded_ms || (recorded_ms == n->recorded_ms && seq > n->seq);
	if (newer && recorded_ms < n->life->to_ms)
		n->life->to_ms = recorded_ms;
	return 0;
}

static int life_of(
	struct verify *v, int64_t seq, int64_t root, int64_t recorded_ms, struct life *life)
{
	struct next n = {seq, recorded_ms, life};
	struct event first = {0};
	*life = (struct life){recorded_ms, INT64_MAX};
	if (!v->corrected)
		return CX_OK;
	int rc = store_members(v->s, root ? root : seq, meet, &n, v->e);
	if (rc < 0 || !root)
		return rc;
	arena_reset(&v->scratch);
	rc = store_event_get(v->s, root, &first, &v->scratch, v->e);
	return rc == 1 ? meet(&n, root, first.recorded_ms) : rc;
}

/* ---- choices: who stood of a key, and until when */

struct key { /* the candidates of one key */
	struct verify *v;
	const struct measure *m;
	struct verify_choice *out;
	uint32_t ident;
	bool any;
	struct arena a;
	struct candidate *c;
	struct life *taken; /* when better ones stood: ascending, apart from each other */
	size_t n, cap, ntaken;
};

static int gather(void *ctx, const struct candidate *c)
{
	struct key *k = ctx;
	if (k->n == k->cap) {
		k->cap = k->cap ? k->cap * 2 : 64;
		k->c = xrealloc(k->c, k->cap * sizeof *k->c);
		k->taken = xrealloc(k->taken, k->cap * sizeof *k->taken);
	}
	k->c[k->n] = *c;
	k->c[k->n].id = arena_str(&k->a, c->id.p, c->id.n);
	k->c[k->n++].source = arena_str(&k->a, c->source.p, c->source.n);
	return 0;
}

static int best_latest(const void *x, const void *y)
{
	return standing_beats(CHOOSE_LATEST, x, y) ? -1 : standing_beats(CHOOSE_LATEST, y, x);
}

static int best_first(const void *x, const void *y)
{
	return standing_beats(CHOOSE_FIRST, x, y) ? -1 : standing_beats(CHOOSE_FIRST, y, x);
}

/* The last change of what is left of a life where no better one stood. */
static int64_t last_change(const struct key *k, struct life l)
{
	int64_t end = l.to_ms;
	size_t i = k->ntaken;
	while (i && k->taken[i - 1].from_ms >= end)
		i--;
	if (i && k->taken[i - 1].to_ms >= end)
		end = k->taken[--i].from_ms;
	if (end <= l.from_ms)
		return INT64_MIN;
	if (end < INT64_MAX)
		return end;
	return i && k->taken[i - 1].to_ms > l.from_ms ? k->taken[i - 1].to_ms : l.from_ms;
}

static void take(struct key *k, struct life l)
{
	size_t first = 0, last;
	while (first < k->ntaken && k->taken[first].to_ms < l.from_ms)
		first++;
	for (last = first; last < k->ntaken && k->taken[last].from_ms <= l.to_ms; last++) {
		if (k->taken[last].from_ms < l.from_ms)
			l.from_ms = k->taken[last].from_ms;
		if (k->taken[last].to_ms > l.to_ms)
			l.to_ms = k->taken[last].to_ms;
	}
	memmove(k->taken + first + 1, k->taken + last, (k->ntaken - last) * sizeof *k->taken);
	k->ntaken -= last - first;
	k->ntaken++;
	k->taken[first] = l;
}

static int key_done(struct key *k)
{
	struct verify_choice *o = k->out;
	struct life l;
	k->n = k->ntaken = 0;
	arena_reset(&k->a);
	int rc = store_candidates(
		k->v->s, k->m->choice, k->ident, k->m->choose == CHOOSE_LATEST, gather, k, k->v->e);
	if (rc >= 0 && k->n > 1)
		qsort(k->c, k->n, sizeof *k->c,
			k->m->choose == CHOOSE_LATEST ? best_latest : best_first);
	for (size_t i = 0; i < k->n && rc >= 0; i++) {
		const struct candidate *c = &k->c[i];
		rc = life_of(k->v, c->seq, c->root, c->recorded_ms, &l);
		if (o->n == o->cap) {
			o->cap = o->cap ? o->cap * 2 : 1024;
			o->v = xrealloc(o->v, o->cap * sizeof *o->v);
		}
		o->v[o->n++] = (struct change){c->seq, last_change(k, l)};
		if (l.from_ms < l.to_ms)
			take(k, l);
	}
	return rc < 0 ? rc : CX_OK;
}

static int each_key(void *ctx, uint32_t ident, int64_t rank, int64_t seq)
{
	struct key *k = ctx;
	(void)rank, (void)seq;
	if (k->any && k->ident == ident)
		return 0;
	k->any = true;
	k->ident = ident;
	return key_done(k);
}

static int by_seq(const void *x, const void *y)
{
	const struct change *a = x, *b = y;
	return (a->seq > b->seq) - (a->seq < b->seq);
}

static struct verify_choice *choice_of(const struct verify *v, const struct measure *m)
{
	for (int i = 0; i < v->nchoices; i++)
		if (v->choices[i].choice == m->choice)
			return &v->choices[i];
	return NULL;
}

int verify_known_open(struct verify *v)
{
	int rc = store_corrected(v->s, v->e);
	v->corrected = rc == 1;
	v->choices = xcalloc((size_t)v->c->nmeasures, sizeof *v->choices);
	for (int i = 0; i < v->c->nmeasures && rc >= 0; i++) {
		const struct measure *m = v->c->measures[i];
		if (m->choose == CHOOSE_ALL || choice_of(v, m))
			continue;
		struct key k = {.v = v, .m = m, .out = &v->choices[v->nchoices++]};
		k.out->choice = m->choice;
		rc = store_rule_candidates(v->s, m->choice, each_key, &k, v->e);
		if (k.out->n)
			qsort(k.out->v, k.out->n, sizeof *k.out->v, by_seq);
		arena_free(&k.a);
		free(k.c);
		free(k.taken);
	}
	return rc < 0 ? rc : CX_OK;
}

/* When the standing of ev for m last changed. An event without key counts by itself. */
static int changed(struct verify *v, const struct measure *m, const struct event *ev, int64_t *ms)
{
	const struct change key = {.seq = ev->seq}, *found = NULL;
	const struct verify_choice *c = m->choose == CHOOSE_ALL ? NULL : choice_of(v, m);
	struct life l;
	if (c && c->n)
		found = bsearch(&key, c->v, c->n, sizeof key, by_seq);
	if (found) {
		*ms = found->at_ms;
		return CX_OK;
	}
	int rc = life_of(v, ev->seq, ev->root, ev->recorded_ms, &l);
	*ms = l.from_ms >= l.to_ms ? INT64_MIN : l.to_ms < INT64_MAX ? l.to_ms : l.from_ms;
	return rc;
}

/* ---- what did not stand: would it have been counted? */

static int probe_where(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e)
{
	const struct verify *v = ctx;
	return v->host->where(v->host->ctx, m, ev, e);
}

static int probe_number(void *ctx, const struct measure *m, int32_t day, struct str group,
	int64_t value, int n, struct cx_err *e)
{
	struct verify *v = ctx;
	(void)m, (void)day, (void)group, (void)value, (void)n, (void)e;
	v->counted = true;
	return CX_OK;
}

static int probe_see(void *ctx, const struct measure *m, int32_t day, struct str group, uint32_t id,
	struct cx_err *e)
{
	return probe_number(ctx, m, day, group, id, 1, e);
}

static int probe_intern(void *ctx, struct str text, uint32_t *id, struct cx_err *e)
{
	(void)ctx, (void)text, (void)e;
	*id = 0;
	return 1;
}

static int probe_exclude(void *ctx, const struct measure *m, int32_t day, const struct event *ev,
	const char *reason, struct cx_err *e)
{
	(void)ctx, (void)m, (void)day, (void)ev, (void)reason, (void)e;
	return CX_OK;
}

static int probe(struct verify *v, const struct measure *m, struct event *ev)
{
	const struct tally_sink sink = {.ctx = v,
		.where = probe_where,
		.add = probe_number,
		.put = probe_number,
		.see = probe_see,
		.intern = probe_intern,
		.exclude = probe_exclude};
	if (v->crashes) { /* what a plugin crashed on was left out, and would crash again */
		int rc = m->where ? 1
				  : store_crashed(
					    v->s, v->c->id, m->kpi->id, m->name, ev->seq, v->e);
		if (rc != 0)
			return rc < 0 ? rc : CX_OK;
	}
	arena_reset(&v->scratch);
	return tally_measure(m, ev, 1, &sink, &v->scratch, v->e);
}

/* ---- the days */

static bool same_day(const void *item, const void *key)
{
	return ((const struct verify_day *)item)->day == *(const int32_t *)key;
}

static struct verify_day *day_of(struct verify *v, int32_t day)
{
	uint32_t h = hash_bytes(&day, sizeof day, 0);
	struct verify_day *d = pmap_find(&v->days, h, same_day, &day);
	if (!d) {
		d = arena_alloc(&v->arena, sizeof *d);
		*d = (struct verify_day){day, tz_day_start(day + 1), INT64_MIN, 0};
		pmap_add(&v->days, h, d);
	}
	return d;
}

int verify_known(struct verify *v, const struct measure *m, struct event *ev, bool stands)
{
	int64_t at_ms, ms;
	if ((stands && !v->counted) || !tally_instant(m, ev, &at_ms))
		return CX_OK;
	int rc = changed(v, m, ev, &ms);
	if (rc < 0 || ms == INT64_MIN)
		return rc;
	struct verify_day *d = day_of(v, tz_day(at_ms));
	if (ms < d->end_ms || ms <= d->known_ms)
		return CX_OK;
	if (!stands)
		rc = probe(v, m, ev);
	if (rc >= 0 && v->counted) {
		d->known_ms = ms;
		d->seq = ev->seq;
	}
	return rc < 0 ? rc : CX_OK;
}

static int met(void *ctx, int32_t day)
{
	(void)day;
	*(bool *)ctx = true;
	return 1;
}

int verify_known_close(struct verify *v)
{
	int rc = CX_OK;
	for (size_t i = 0; i < v->days.cap && rc >= 0; i++) {
		const struct verify_day *d = v->days.v[i];
		char day[16], known[TZ_TEXT];
		bool there = false;
		if (!d || d->known_ms == INT64_MIN)
			continue;
		rc = store_known_days(
			v->s, v->c->id, d->day, d->day, d->known_ms, met, &there, v->e);
		if (rc < 0 || there)
			continue;
		struct buf b = {0};
		tz_day_text(d->day, day);
		tz_format(d->known_ms, known);
		buf_printf(&b,
			CX_T("%s (%s) %s: não sabe o que aprendeu em %s com o evento %" PRId64
			     ": números como se conheciam antes saem errados",
				"%s (%s) %s: does not know what it learned at %s from event "
				"%" PRId64 ": figures as known before come out wrong"),
			v->c->plugin, v->c->dims, day, known, d->seq);
		verify_tell(v, &b);
	}
	return rc < 0 ? rc : CX_OK;
}

void verify_known_free(struct verify *v)
{
	for (int i = 0; i < v->nchoices; i++)
		free(v->choices[i].v);
	free(v->choices);
	pmap_free(&v->days);
}
