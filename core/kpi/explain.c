#include "kpi/explain.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "kpi/answer.h"
#include "kpi/number.h"
#include "kpi/standing.h"
#include "kpi/tally.h"

enum { BUDGET_US = 2000000, PAGE_BYTES = 16 << 20 };

struct cursor { /* the last event told: of which leg, and its place in it */
	int leg;
	int64_t ms, seq;
};
struct explain {
	struct answer a; /* whose filters decide */
	const struct explain_page *page;
	struct standing *standing;
	struct buf *b;
	struct cursor from, last;
	int n;
	int64_t until_us;
	bool full;
	const struct measure *leg; /* the first measure of a type and placement */
	struct arena event, scratch;
	/* of the event at hand */
	struct buf counts, excluded, reason;
};

/* ---- what one event adds */

static int sink_where(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e)
{
	struct explain *x = ctx;
	return x->a.host->where(x->a.host->ctx, m, ev, e);
}

static int in_query(struct explain *x, int32_t day, struct str group)
{
	struct targets t;
	int rc = answer_targets(&x->a, day, group, &t);
	return rc < 0 ? rc : t.all != NULL;
}

static int sink_add(void *ctx, const struct measure *m, int32_t day, struct str group,
	int64_t delta, int n, struct cx_err *e)
{
	struct explain *x = ctx;
	(void)n, (void)e;
	int rc = in_query(x, day, group);
	if (rc == 1)
		jw_kint(&x->counts, m->name, delta);
	return rc < 0 ? rc : CX_OK;
}

static int sink_put(void *ctx, const struct measure *m, int32_t day, struct str group,
	int64_t value, int n, struct cx_err *e)
{
	return sink_add(ctx, m, day, group, value, n, e);
}

/* Ids are nobody's business: that the event is in the set is what counts. */
static int sink_see(void *ctx, const struct measure *m, int32_t day, struct str group, uint32_t id,
	struct cx_err *e)
{
	(void)id;
	return sink_add(ctx, m, day, group, 1, 1, e);
}

static int sink_intern(void *ctx, struct str text, uint32_t *id, struct cx_err *e)
{
	(void)ctx, (void)text, (void)e;
	*id = 0;
	return 1;
}

static int sink_exclude(void *ctx, const struct measure *m, int32_t day, const struct event *ev,
	const char *reason, struct cx_err *e)
{
	struct explain *x = ctx;
	(void)e;
	int rc = in_query(x, day, kpi_group(m, m->kpi->nby, ev, &x->scratch));
	if (rc == 1)
		jw_kstr(&x->excluded, m->name, reason);
	return rc < 0 ? rc : CX_OK;
}

/* ---- an event of the window */

/* Why it does not stand: for each measure that it would count in. */
static int tell_fallen(struct explain *x, const struct measure *m, size_t before)
{
	if (x->counts.len == before)
		return CX_OK;
	x->counts.len = before;
	jw_kstr(&x->excluded, m->name,
		m->choose == CHOOSE_LATEST ? CX_T("corrigido, ou não é o último da sua chave",
						     "corrected, or not the latest of its key")
		: m->choose == CHOOSE_FIRST
			? CX_T("corrigido, ou não é o primeiro da sua chave",
				  "corrected, or not the first of its key")
			: CX_T("corrigido por outro evento", "corrected by another event"));
	return CX_OK;
}

static int apply(struct explain *x, const struct measure *m, struct event *ev)
{
	const struct tally_sink sink = {.ctx = x,
		.where = sink_where,
		.add = sink_add,
		.put = sink_put,
		.see = sink_see,
		.intern = sink_intern,
		.exclude = sink_exclude};
	size_t before = x->counts.len, excluded = x->excluded.len;
	buf_clear(&x->reason);
	int rc = store_reason(x->a.s, x->a.cube, m->kpi->id, m->name, ev->seq, &x->reason, x->a.e);
	arena_reset(&x->scratch);
	if (rc == 1)
		return sink_exclude(x, m, tz_day(ev->time_ms), ev, buf_cstr(&x->reason), x->a.e);
	if (rc < 0)
		return rc;
	int stands = standing_event(x->standing, m, ev, x->a.e);
	rc = stands < 0 ? stands : tally_measure(m, ev, 1, &sink, &x->scratch, x->a.e);
	if (rc < 0 || stands)
		return rc < 0 ? rc : CX_OK;
	x->excluded.len = excluded;
	return tell_fallen(x, m, before);
}

static void write_event(struct explain *x, const struct event *ev, int64_t ms)
{
	char placed[TZ_TEXT], text[NUMBER_TEXT];
	tz_format(ms, placed);
	event_json(x->b, ev, x->page->personal);
	x->b->len--; /* its closing brace */
	number_time_text(text, ms);
	jw_kstr(x->b, "placed", placed);
	jw_kstr(x->b, "placed_text", text);
	jw_key(x->b, "counts");
	jw_obj(x->b);
	buf_add(x->b, x->counts.p, x->counts.len);
	jw_obj_end(x->b);
	if (x->excluded.len) {
		jw_key(x->b, "excluded");
		jw_obj(x->b);
		buf_add(x->b, x->excluded.p, x->excluded.len);
		jw_obj_end(x->b);
	}
	jw_obj_end(x->b);
}

static int each(void *ctx, struct event *ev)
{
	struct explain *x = ctx;
	const struct kpi *k = x->a.k;
	int64_t ms;
	bool missing;
	arena_reset(&x->event);
	ev->type = x->leg->type;
	event_reload(ev, x->a.meta->company_currency, &x->event, &missing);
	if (ev->recorded_ms >= x->a.q->known_ms || !tally_instant(x->leg, ev, &ms))
		return 0;
	if (x->last.leg == x->from.leg &&
		(ms < x->from.ms || (ms == x->from.ms && ev->seq <= x->from.seq)))
		return 0;
	buf_clear(&x->counts);
	buf_clear(&x->excluded);
	for (const struct measure *m = x->leg; m < k->measures + k->nmeasures; m++) {
		int rc = tally_together(m, x->leg) ? apply(x, m, ev) : CX_OK;
		if (rc < 0)
			return rc;
	}
	x->last.ms = ms;
	x->last.seq = ev->seq;
	if (x->counts.len || x->excluded.len) {
		write_event(x, ev, ms);
		x->n++;
	}
	x->full = x->n == x->page->limit || x->b->len > PAGE_BYTES || clock_mono_us() > x->until_us;
	return x->full;
}

/* ---- the walk */

static int walk_leg(struct explain *x, int leg)
{
	const struct kpi_query *q = x->a.q;
	const struct measure *m = x->leg = &x->a.k->measures[leg];
	int slot;
	bool none;
	int64_t from = q->has_from ? q->from_ms : TZ_MS_MIN;
	x->last = (struct cursor){leg, from, 0};
	if (leg == x->from.leg && x->from.ms > from)
		from = x->from.ms;
	int rc = tally_slot(x->a.s, m, &slot, &none, x->a.e);
	if (rc < 0 || none)
		return rc;
	return store_events_placed(x->a.s, m->type_name, slot, from,
		q->has_to ? q->to_ms : TZ_MS_MAX, each, x, x->a.e);
}

static int walk(struct explain *x)
{
	const struct kpi *k = x->a.k;
	int rc = CX_OK;
	jw_key(x->b, "events");
	jw_arr(x->b);
	for (int leg = x->from.leg; leg < k->nmeasures && !x->full && rc >= 0; leg++) {
		int before = 0;
		while (!tally_together(&k->measures[before], &k->measures[leg]))
			before++;
		if (before == leg)
			rc = walk_leg(x, leg);
	}
	jw_arr_end(x->b);
	char cursor[64];
	snprintf(cursor, sizeof cursor, "%d.%lld.%lld", x->last.leg, (long long)x->last.ms,
		(long long)x->last.seq);
	jw_kstr(x->b, "next", x->full ? cursor : NULL);
	return rc < 0 ? rc : CX_OK;
}

static int read_cursor(struct explain *x)
{
	const char *s = x->page->after;
	long long ms, seq;
	char rest;
	if (!s)
		return CX_OK;
	if (sscanf(s, "%d.%lld.%lld%c", &x->from.leg, &ms, &seq, &rest) != 3 || x->from.leg < 0 ||
		x->from.leg >= x->a.k->nmeasures)
		return cx_fail(x->a.e, CX_E_BAD_QUERY, "after",
			CX_T("after não é o next de uma página deste KPI",
				"after is not the next of a page of this KPI"));
	x->from.ms = ms;
	x->from.seq = seq;
	return CX_OK;
}

int kpi_explain(struct store *s, const struct kpi *k, const struct kpi_query *query,
	const struct kpi_host *host, const struct kpi_meta *meta, const struct explain_page *page,
	struct buf *json, struct cx_err *e)
{
	struct kpi_query q = *query;
	struct explain x = {.page = page, .b = json, .from = {.ms = INT64_MIN}};
	q.every = EVERY_NONE;
	q.nby = 0;
	x.a = (struct answer){.s = s, .k = k, .q = &q, .host = host, .meta = meta, .e = e};
	x.until_us = clock_mono_us() + BUDGET_US;
	x.standing = standing_new(s, q.known_ms);
	int rc = read_cursor(&x);
	if (rc >= 0)
		rc = answer_begin(&x.a); /* its filters are all that is needed */
	if (rc >= 0)
		rc = walk(&x);
	answer_free(&x.a);
	standing_free(x.standing);
	arena_free(&x.event);
	arena_free(&x.scratch);
	buf_free(&x.counts);
	buf_free(&x.excluded);
	buf_free(&x.reason);
	return rc;
}
