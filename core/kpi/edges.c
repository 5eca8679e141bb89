#include "base/buf.h"
#include "kpi/answer.h"

struct scan { /* of the events of one type, placed by one time */
	struct answer *a;
	struct dictionary *dictionary;
	const struct measure *first; /* the first measure of this type and placement */
	struct arena event, scratch;
	bool crashes; /* some events are left out because a plugin crashed on them */
};

static bool together(const struct measure *x, const struct measure *y)
{
	return x->type == y->type && x->at == y->at;
}

static int sink_where(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e)
{
	struct scan *s = ctx;
	return s->a->host->where(s->a->host->ctx, m, ev, e);
}

static int sink_add(void *ctx, const struct measure *m, int32_t day, struct str group,
	int64_t delta, int n, struct cx_err *e)
{
	struct scan *s = ctx;
	struct targets t;
	(void)n, (void)e;
	int rc = answer_targets(s->a, day, group, &t);
	return rc < 0 ? rc : answer_add(s->a, &t, m, delta);
}

static int sink_see(void *ctx, const struct measure *m, int32_t day, struct str group, uint32_t id,
	struct cx_err *e)
{
	struct scan *s = ctx;
	struct targets t;
	(void)e;
	int rc = answer_targets(s->a, day, group, &t);
	if (rc == CX_OK)
		answer_see(&t, m, day, id, 1);
	return rc;
}

static int sink_intern(void *ctx, struct str text, uint32_t *id, struct cx_err *e)
{
	struct scan *s = ctx;
	bool added;
	return dictionary_id(s->dictionary, text, false, id, &added, e);
}

static int sink_exclude(void *ctx, const struct measure *m, int32_t day, const struct event *ev,
	const char *reason, struct cx_err *e)
{
	struct scan *s = ctx;
	(void)m, (void)day, (void)ev, (void)reason, (void)e;
	s->a->partial = true;
	return CX_OK;
}

static int scan_event(void *ctx, struct event *ev)
{
	struct scan *s = ctx;
	const struct tally_sink sink = {.ctx = s,
		.where = sink_where,
		.add = sink_add,
		.see = sink_see,
		.intern = sink_intern,
		.exclude = sink_exclude};
	const struct kpi *k = s->a->k;
	bool missing;
	arena_reset(&s->event);
	ev->type = s->first->type;
	event_reload(ev, s->a->meta->company_currency, &s->event, &missing);
	for (const struct measure *m = s->first; m < k->measures + k->nmeasures; m++) {
		if (!together(m, s->first))
			continue;
		int rc = s->crashes ? store_crashed(s->a->s, k->id, m->name, ev->seq, s->a->e) : 0;
		if (rc < 0)
			return rc;
		if (rc == 1)
			continue; /* left out of the whole days too */
		arena_reset(&s->scratch);
		rc = tally_measure(m, ev, 1, &sink, &s->scratch, s->a->e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* The slot that finds events by the measure's time; -1 with *none: nothing was ever placed so. */
static int slot_of(struct answer *a, const struct measure *m, int *slot, bool *none)
{
	*slot = m->at < 0 ? -1 : m->at_slot;
	*none = false;
	if (m->at < 0 || *slot > 0)
		return CX_OK;
	int rc = store_place_slot(a->s, m->type_name, m->at_name, slot, a->e);
	*none = *slot <= 0;
	return rc < 0 ? rc : CX_OK;
}

static bool scanned_before(const struct kpi *k, int i)
{
	for (int j = 0; j < i; j++)
		if (together(&k->measures[j], &k->measures[i]))
			return true;
	return false;
}

int edge_scan(struct answer *a, const struct edge *edge)
{
	struct scan s = {.a = a, .dictionary = dictionary_new(a->s)};
	int rc = store_crashed(a->s, NULL, NULL, 0, a->e);
	s.crashes = rc == 1;
	for (int i = 0; i < a->k->nmeasures && rc >= 0; i++) {
		int slot;
		bool none;
		s.first = &a->k->measures[i];
		if (scanned_before(a->k, i))
			continue;
		rc = slot_of(a, s.first, &slot, &none);
		if (rc >= 0 && !none)
			rc = store_events_placed(a->s, s.first->type_name, slot, edge->from_ms,
				edge->to_ms, scan_event, &s, a->e);
	}
	dictionary_free(s.dictionary);
	arena_free(&s.event);
	arena_free(&s.scratch);
	return rc;
}
