/* All time before each bucket of a series: what was before the first one's day, what each adds up
 * to the day that the next one's begins in, and the rest of that day. Kept apart like this it takes
 * no more room than the series, and no day is in two parts; put together as figures are asked for,
 * group by group and one bucket after the other. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "kpi/answer.h"

struct running {
	struct running *next;
	struct answer *a; /* the query's */
	int n;
	int64_t *to_ms;       /* by bucket: where its time before ends */
	struct answer *base;  /* up to the first one's day */
	struct answer *more;  /* NULL: nothing is added; its buckets: what is */
	int *upto;            /* by bucket: how many of those come before it */
	struct answer **rest; /* by bucket, read once asked for: what its day begins with */
	bool *partial;        /* by bucket, without the rest; NULL: not asked yet */
	bool shared;
	/* what was put together last */
	const struct answer_group *group;
	struct figure *sum;
	int taken; /* -1: nothing */
};

static int64_t day_of(int64_t ms)
{
	return tz_day_start(tz_day(ms));
}

/* What is added between the buckets, in the buckets of one answer. */
static int read_more(struct running *r)
{
	struct bucket *v = xcalloc((size_t)r->n, sizeof *v);
	struct span span = {.has_from = true, .has_to = true};
	int n = 0;
	for (int i = 0; i < r->n; i++) {
		int64_t from = day_of(r->to_ms[i]);
		r->upto[i] = n;
		if (i + 1 == r->n || from >= day_of(r->to_ms[i + 1]))
			continue;
		v[n].first = tz_day(from);
		v[n].from_ms = from;
		v[n++].to_ms = day_of(r->to_ms[i + 1]);
	}
	if (!n) {
		free(v);
		return CX_OK;
	}
	span.from_ms = v[0].from_ms;
	span.to_ms = v[n - 1].to_ms;
	return lens_read(r->a, &span, v, n, &r->more);
}

static struct running *find(struct answer *a, const int64_t *to_ms)
{
	struct running *r = a->running;
	while (r && memcmp(r->to_ms, to_ms, (size_t)r->n * sizeof *to_ms) != 0)
		r = r->next;
	return r;
}

int running_open(const struct kpi_view *v, struct running **out)
{
	struct answer *a = v->a;
	size_t n = (size_t)a->nbuckets;
	int64_t *to_ms = arena_alloc(&a->arena, n * sizeof *to_ms);
	for (size_t i = 0; i < n; i++) {
		to_ms[i] = lens_span(v, (int)i).to_ms;
		if (i && to_ms[i] < to_ms[i - 1])
			return 0;
	}
	*out = find(a, to_ms);
	if (*out)
		return 1;
	struct running *r = xcalloc(1, sizeof *r);
	*r = (struct running){.next = a->running, .a = a, .n = (int)n, .to_ms = to_ms};
	r->upto = xcalloc(n, sizeof *r->upto);
	r->rest = xcalloc(n, sizeof(struct answer *));
	r->taken = -1;
	*out = a->running = r;
	struct span base = {.has_to = true, .to_ms = day_of(to_ms[0])};
	int rc = lens_read(a, &base, NULL, 0, &r->base);
	if (rc >= 0)
		rc = read_more(r);
	return rc < 0 ? rc : 1;
}

/* into += the figures of a group in one of the answers, if it has any. */
static int add(struct running *r, struct figure *into, const struct answer *a,
	const struct answer_group *g, int bucket)
{
	const struct answer_group *here = g ? answer_group_find(a, g->key) : NULL;
	if (g && !here)
		return CX_OK;
	return answer_take(r->a, into, answer_figures(a, here, bucket));
}

static int read_rest(struct running *r, int bucket)
{
	int64_t to = r->to_ms[bucket];
	struct span span = {.has_from = true, .has_to = true, .from_ms = day_of(to), .to_ms = to};
	if (r->rest[bucket] || span.from_ms == to)
		return CX_OK;
	r->shared = false;
	return lens_read(r->a, &span, NULL, 0, &r->rest[bucket]);
}

int running_figures(struct running *r, const struct answer_group *g, int bucket,
	const struct figure **f, struct figure **own)
{
	size_t nm = (size_t)r->a->k->nmeasures;
	int rc = read_rest(r, bucket);
	if (r->taken < 0 || r->group != g || r->taken > r->upto[bucket]) {
		figures_free(r->sum, nm);
		r->sum = xcalloc(nm, sizeof *r->sum);
		r->group = g;
		r->taken = 0;
		if (rc >= 0)
			rc = add(r, r->sum, r->base, g, -1);
	}
	for (; r->taken < r->upto[bucket] && rc >= 0; r->taken++)
		rc = add(r, r->sum, r->more, g, r->taken);
	*f = r->sum;
	if (rc < 0 || !r->rest[bucket])
		return rc;
	*f = *own = xcalloc(nm, sizeof **own);
	rc = answer_take(r->a, *own, r->sum);
	return rc < 0 ? rc : add(r, *own, r->rest[bucket], g, -1);
}

static void share(struct answer *a, const struct answer *from)
{
	struct answer_group *g;
	for (int i = 0; from && i < from->ngroups; i++)
		answer_group_of(a, from->groups[i]->key, &g);
}

void running_share(struct running *r)
{
	if (r->shared)
		return;
	r->shared = true;
	share(r->a, r->base);
	share(r->a, r->more);
	for (int i = 0; i < r->n; i++)
		share(r->a, r->rest[i]);
}

static int find_partial(struct running *r)
{
	bool so_far = r->base->partial;
	int rc = CX_OK, at = 0;
	r->partial = xcalloc((size_t)r->n, sizeof *r->partial);
	for (int i = 0; i < r->n && rc >= 0; i++) {
		for (; at < r->upto[i] && !so_far && rc >= 0; at++)
			rc = answer_partial(r->more, at, &so_far);
		r->partial[i] = so_far;
	}
	return rc;
}

int running_partial(struct running *r, int bucket, bool *yes)
{
	int rc = r->partial ? CX_OK : find_partial(r);
	*yes = *yes || r->partial[bucket];
	if (rc >= 0 && !*yes && r->rest[bucket])
		rc = answer_partial(r->rest[bucket], -1, yes);
	return rc;
}

void running_free(struct answer *a)
{
	while (a->running) {
		struct running *r = a->running;
		a->running = r->next;
		figures_free(r->sum, (size_t)a->k->nmeasures);
		free(r->upto);
		free(r->rest);
		free(r->partial);
		free(r);
	}
}
