#include "kpi/standing.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "kpi/dictionary.h"
#include "kpi/group.h"

struct standing {
	struct store *s;
	int64_t known_ms;
	struct dictionary *dictionary;
	struct arena a;
	int corrected; /* 1 there are corrections, 0 none, -1 not asked yet */
	/* of the event asked about last: its measures ask one after the other */
	int64_t seq, last_ms;
	int newest;
};

struct standing *standing_new(struct store *s, int64_t known_ms)
{
	struct standing *st = xcalloc(1, sizeof *st);
	st->s = s;
	st->known_ms = known_ms;
	st->corrected = -1;
	return st;
}

void standing_free(struct standing *st)
{
	if (!st)
		return;
	dictionary_free(st->dictionary);
	arena_free(&st->a);
	free(st);
}

bool standing_key(const struct measure *m, const struct event *ev, struct arena *a, struct str *key,
	int64_t *rank)
{
	const struct event_type *t = m->type;
	struct value k = event_get(ev, m->key), r = event_get(ev, m->rank);
	if (k.kind == VALUE_NULL)
		return false;
	*rank = r.kind == VALUE_INT ? r.i : m->choose == CHOOSE_LATEST ? INT64_MIN : INT64_MAX;
	const struct field *f = m->key.attr == ATTR_FIELD ? &t->fields[m->key.field] : NULL;
	*key = k.kind == VALUE_TEXT ? k.s
	       : f                  ? value_text(k, f->kind, f->scale, a)
		   : value_text(k, m->key.attr == ATTR_TIME ? FIELD_TIME : FIELD_TEXT, 0, a);
	return true;
}

bool standing_beats(enum choose choose, const struct candidate *x, const struct candidate *y)
{
	int c = (x->rank > y->rank) - (x->rank < y->rank);
	if (c == 0)
		c = str_compare(x->id, y->id);
	if (c == 0)
		c = str_compare(x->source, y->source);
	return choose == CHOOSE_LATEST ? c > 0 : c < 0;
}

struct walk {
	struct store *s;
	enum choose choose;
	int64_t known_ms, without;
	bool corrected;
	struct arena *a;
	struct best *b;
	struct cx_err *e;
};

/* Best rank first; of equal ranks all are looked at. */
static int consider(void *ctx, const struct candidate *c)
{
	struct walk *w = ctx;
	struct best *b = w->b;
	struct family f = {c->seq, c->recorded_ms, 0};
	if (c->seq == w->without)
		return 0;
	if (b->c.seq && c->rank != b->c.rank)
		return 1;
	if (w->corrected) {
		int rc = store_family(w->s, c->root ? c->root : c->seq, w->known_ms, &f, w->e);
		if (rc < 0)
			return rc;
	}
	if (c->recorded_ms >= w->known_ms)
		return 0;
	if (f.newest != c->seq) {
		if (f.newest_ms > b->known_ms)
			b->known_ms = f.newest_ms;
		return 0;
	}
	if (b->c.seq && !standing_beats(w->choose, c, &b->c))
		return 0;
	b->c = *c;
	b->c.id = arena_str(w->a, c->id.p, c->id.n);
	b->c.source = arena_str(w->a, c->source.p, c->source.n);
	return 0;
}

static int walk(struct store *s, int corrected, const struct measure *m, uint32_t ident,
	int64_t known_ms, int64_t without, struct arena *a, struct best *b, struct cx_err *e)
{
	struct walk w = {s, m->choose, known_ms, without, corrected, a, b, e};
	*b = (struct best){.known_ms = INT64_MIN};
	return store_candidates(s, m->choice, ident, m->choose == CHOOSE_LATEST, consider, &w, e);
}

int standing_best(struct store *s, const struct measure *m, uint32_t ident, int64_t without,
	struct arena *a, struct best *b, struct cx_err *e)
{
	int corrected = store_corrected(s, e);
	return corrected < 0 ? corrected
			     : walk(s, corrected, m, ident, INT64_MAX, without, a, b, e);
}

static int ask_family(struct standing *st, const struct event *ev, struct cx_err *e)
{
	struct family f = {.newest = ev->seq, .newest_ms = ev->recorded_ms};
	if (st->corrected < 0)
		st->corrected = store_corrected(st->s, e);
	int rc = st->corrected;
	if (rc > 0)
		rc = store_family(st->s, ev->root ? ev->root : ev->seq, st->known_ms, &f, e);
	if (rc < 0)
		return rc;
	st->seq = ev->seq;
	st->last_ms = f.newest_ms > ev->recorded_ms ? f.newest_ms : ev->recorded_ms;
	st->newest = ev->recorded_ms < st->known_ms && f.newest == ev->seq;
	return CX_OK;
}

/* 1 it is the newest of its family, 0 not; *last: when the family last changed. */
static int newest(struct standing *st, const struct event *ev, int64_t *last, struct cx_err *e)
{
	int rc = st->seq == ev->seq ? CX_OK : ask_family(st, ev, e);
	*last = st->last_ms;
	return rc < 0 ? rc : st->newest;
}

/* 1 there is one that stands of ev's key, in *b; 0 ev has no key, or nothing was chosen so yet. */
static int best_of_key(struct standing *st, const struct measure *m, const struct event *ev,
	struct best *b, struct cx_err *e)
{
	struct str key;
	int64_t rank;
	uint32_t ident;
	bool added;
	arena_reset(&st->a);
	if (m->choice < 0 || !standing_key(m, ev, &st->a, &key, &rank))
		return 0;
	if (!st->dictionary)
		st->dictionary = dictionary_new(st->s);
	int rc = dictionary_id(st->dictionary, key, false, &ident, &added, e);
	if (rc == 1)
		rc = walk(st->s, st->corrected, m, ident, st->known_ms, 0, &st->a, b, e);
	else
		*b = (struct best){0};
	return rc < 0 ? rc : 1;
}

int standing_event(
	struct standing *st, const struct measure *m, const struct event *ev, struct cx_err *e)
{
	struct best b;
	int64_t last;
	int rc = newest(st, ev, &last, e);
	if (rc <= 0 || m->choose == CHOOSE_ALL)
		return rc;
	rc = best_of_key(st, m, ev, &b, e);
	return rc == 1 ? b.c.seq == ev->seq : rc < 0 ? rc : 1;
}

int standing_since(struct standing *st, const struct measure *m, const struct event *ev,
	int64_t *known_ms, struct cx_err *e)
{
	struct best b;
	int stands = newest(st, ev, known_ms, e);
	if (stands < 0 || m->choose == CHOOSE_ALL)
		return stands;
	int rc = best_of_key(st, m, ev, &b, e);
	if (rc <= 0)
		return rc < 0 ? rc : stands;
	if (b.known_ms > *known_ms)
		*known_ms = b.known_ms;
	if (b.c.recorded_ms > *known_ms)
		*known_ms = b.c.recorded_ms;
	return stands && b.c.seq == ev->seq;
}
