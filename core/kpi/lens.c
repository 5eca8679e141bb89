/* Answers over the windows that formulas move theirs to, read once each for all groups. A series
 * that is shifted is read in one go where its buckets still meet at days; one from the beginning of
 * time takes up the latest there is that ends sooner, and reads on from there. All time before each
 * bucket of a series is running.c's. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "kpi/answer.h"

struct moved {
	struct answer a;
	struct kpi_query q;
	struct span span;
};

struct span lens_span(const struct kpi_view *v, int bucket)
{
	const struct kpi_query *q = v->a->q;
	if (v->from) {
		struct span s = lens_span(v->from, bucket);
		span_move(&s, &v->move);
		return s;
	}
	if (bucket < 0)
		return (struct span){.has_from = q->has_from,
			.has_to = q->has_to,
			.from_ms = q->from_ms,
			.to_ms = q->to_ms};
	const struct bucket *b = &v->a->buckets[bucket];
	return (struct span){
		.has_from = true, .has_to = true, .from_ms = b->from_ms, .to_ms = b->to_ms};
}

static bool is_empty(const struct span *s)
{
	return s->empty || (s->has_from && s->has_to && s->from_ms >= s->to_ms);
}

static bool same_lens(const void *item, const void *key)
{
	const struct lens *x = item, *y = key;
	const struct span *s = &x->span, *t = &y->span;
	return x->asked == y->asked && s->has_from == t->has_from && s->has_to == t->has_to &&
	       (!s->has_from || s->from_ms == t->from_ms) && (!s->has_to || s->to_ms == t->to_ms);
}

static uint32_t hash_of(const struct lens *l)
{
	const struct span *s = &l->span;
	int64_t v[] = {l->asked, s->has_from ? s->from_ms : -1, s->has_to ? s->to_ms : -1};
	return hash_bytes(v, sizeof v, 0);
}

static void keep_lens(struct answer *a, struct lens lens)
{
	struct lens *l = arena_alloc(&a->arena, sizeof *l);
	*l = lens;
	uint32_t h = hash_of(l);
	if (!pmap_find(&a->lenses, h, same_lens, l))
		pmap_add(&a->lenses, h, l);
}

/* An answer like a's over another window; it is a's to free. */
static struct moved *make(struct answer *a, const struct span *span)
{
	struct moved *m = xcalloc(1, sizeof *m);
	m->span = *span;
	m->q = *a->q;
	m->q.every = EVERY_NONE;
	m->q.has_from = span->has_from;
	m->q.has_to = span->has_to;
	m->q.from_ms = span->from_ms;
	m->q.to_ms = span->to_ms;
	m->a = (struct answer){.s = a->s,
		.k = a->k,
		.q = &m->q,
		.host = a->host,
		.meta = a->meta,
		.e = a->e,
		.pooling = a->pooling};
	if (a->nmoved == a->cap_moved) {
		a->cap_moved = a->cap_moved ? a->cap_moved * 2 : 8;
		a->moved = xrealloc(a->moved, (size_t)a->cap_moved * sizeof(struct moved *));
	}
	a->moved[a->nmoved++] = m;
	return m;
}

/* Of those from the beginning of time, the one that ends last, but not after ms; where a day
 * begins, so that no day is in two pieces. */
static struct moved *latest_before(const struct answer *a, int64_t ms)
{
	struct moved *best = NULL;
	for (int i = 0; i < a->nmoved; i++) {
		struct moved *m = a->moved[i];
		int64_t to = m->span.to_ms;
		if (m->span.has_from || !m->span.has_to || to > ms ||
			(best && to <= best->span.to_ms) || to != tz_day_start(tz_day(to)))
			continue;
		best = m;
	}
	return best;
}

/* Would the groups of a moved window be too many beside those of the query? */
static int check_groups(struct answer *a, const struct answer *from)
{
	int64_t n = a->ngroups, buckets = a->nbuckets ? a->nbuckets : 1;
	for (int i = 0; i < from->ngroups; i++)
		n += !answer_group_find(a, from->groups[i]->key);
	return n * buckets > SERIES_MAX ? answer_too_many(a) : CX_OK;
}

void lens_share(struct answer *a, struct lens *l)
{
	struct answer_group *g;
	if (l->run)
		running_share(l->run);
	for (int i = 0; l->a && i < l->a->ngroups && !l->shared; i++)
		answer_group_of(a, l->a->groups[i]->key, &g);
	l->shared = true;
}

static int read_it(struct answer *a, struct moved *m, const struct moved *base)
{
	m->a.scanning = a->scanning;
	int rc = answer_begin(&m->a);
	if (rc >= 0 && base)
		rc = answer_carry(&m->a, &base->a);
	if (rc >= 0)
		rc = answer_read(&m->a);
	a->scanning = m->a.scanning;
	m->a.scanning = NULL;
	return rc < 0 ? rc : check_groups(a, &m->a);
}

int lens_read(struct answer *a, const struct span *span, struct bucket *buckets, int nbuckets,
	struct answer **out)
{
	struct moved *base = !span->has_from && span->has_to ? latest_before(a, span->to_ms) : NULL;
	if (base && base->span.to_ms == span->to_ms) {
		*out = &base->a;
		return CX_OK;
	}
	struct moved *m = make(a, span);
	m->a.buckets = buckets;
	m->a.nbuckets = nbuckets;
	if (base) {
		m->q.has_from = true;
		m->q.from_ms = base->span.to_ms;
	}
	*out = &m->a;
	int rc = read_it(a, m, base);
	if (rc >= 0 && !span->has_from) {
		rc = answer_partial(&m->a, -1, &m->a.partial);
		m->a.partial = m->a.partial || (base && base->a.partial);
	}
	return rc < 0 ? rc : CX_OK;
}

/* The buckets of a shifted series, if they still lie side by side and meet where days begin. */
static struct bucket *shifted_buckets(const struct kpi_view *v, int *n)
{
	int nb = v->a->nbuckets;
	struct bucket *out = xcalloc((size_t)nb, sizeof *out);
	*n = 0;
	for (int i = 0; i < nb; i++) {
		struct span s = lens_span(v, i);
		if (is_empty(&s))
			continue;
		if (*n && (out[*n - 1].to_ms != s.from_ms ||
				  s.from_ms != tz_day_start(tz_day(s.from_ms)))) {
			free(out);
			return NULL;
		}
		out[(*n)++] = (struct bucket){tz_day(s.from_ms), s.from_ms, s.to_ms, false};
	}
	return out;
}

/* 1 done, 0 not such a series. */
static int open_series(const struct kpi_view *v)
{
	struct answer *a = v->a;
	struct span span = lens_span(v, v->bucket);
	int n, at = 0;
	if (v->bucket < 0 || !span.has_from || !span.has_to)
		return 0;
	struct bucket *buckets = shifted_buckets(v, &n);
	if (!buckets)
		return 0;
	span.from_ms = buckets[0].from_ms;
	span.to_ms = buckets[n - 1].to_ms;
	struct answer *moved;
	int rc = lens_read(a, &span, buckets, n, &moved);
	for (int i = 0; i < a->nbuckets && rc >= 0; i++) {
		struct span s = lens_span(v, i);
		if (!is_empty(&s))
			keep_lens(a,
				(struct lens){.span = s, .asked = i, .a = moved, .bucket = at++});
	}
	return rc < 0 ? rc : 1;
}

/* 1 done, 0 not such a series. */
static int open_running(const struct kpi_view *v, const struct lens *key)
{
	struct lens l = *key;
	if (v->bucket < 0 || l.span.has_from)
		return 0;
	int rc = running_open(v, &l.run);
	if (rc == 1)
		keep_lens(v->a, l);
	return rc;
}

static int open_one(struct answer *a, const struct lens *key)
{
	struct lens l = *key;
	l.bucket = -1;
	int rc = lens_read(a, &l.span, NULL, 0, &l.a);
	if (rc >= 0)
		keep_lens(a, l);
	return rc;
}

int lens_find(const struct kpi_view *v, struct lens **out)
{
	struct answer *a = v->a;
	struct lens key = {.span = lens_span(v, v->bucket), .asked = v->bucket};
	*out = NULL;
	if (is_empty(&key.span))
		return CX_OK;
	uint32_t h = hash_of(&key);
	*out = pmap_find(&a->lenses, h, same_lens, &key);
	if (*out)
		return CX_OK;
	int rc = open_series(v);
	if (rc == 0)
		rc = open_running(v, &key);
	if (rc == 0)
		rc = open_one(v->a, &key);
	*out = rc < 0 ? NULL : pmap_find(&a->lenses, h, same_lens, &key);
	return rc < 0 ? rc : CX_OK;
}

int lenses_partial(struct answer *a, int asked, bool *yes)
{
	for (size_t i = 0; i < a->lenses.cap && !*yes; i++) {
		const struct lens *l = a->lenses.v[i];
		int rc = CX_OK;
		if (l && l->asked == asked)
			rc = l->run ? running_partial(l->run, asked, yes)
				    : answer_partial(l->a, l->bucket, yes);
		if (rc < 0)
			return rc;
	}
	return CX_OK;
}

void lenses_free(struct answer *a)
{
	running_free(a);
	for (int i = 0; i < a->nmoved; i++) {
		answer_free(&a->moved[i]->a);
		free(a->moved[i]);
	}
	free(a->moved);
	pmap_free(&a->lenses);
}
