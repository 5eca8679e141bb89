#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "kpi/answer.h"
#include "kpi/standing.h"
#include "kpi/times.h"

struct stranger { /* a value that was never counted, so that the dictionary does not have it */
	struct str text;
	uint32_t id;
};

struct scanning {
	struct standing *standing;
	struct dictionary *dictionary, *own; /* own: made for this query */
	struct pmap strangers;
	struct arena arena;
	bool crashes; /* some events are left out because a plugin crashed on them */
};

struct scan { /* of the events of one type, placed by one time */
	struct answer *a;
	struct scanning *g;
	const struct measure *first; /* the first measure of this type and placement */
	bool outlined;
	bool rest_only; /* what the cells have a row for was read there */
	struct arena event, scratch;
	/* Where the cells of day dayno have a group "…", what they have no row for is counted in it
	 * here too. */
	struct str rest;
	bool some, has_rest;
	int32_t dayno;
	struct pmap rows;
	struct arena day;
	struct buf value;
};

struct row {
	struct str group;
	bool there;
};

/* Sets that are read out of another's need no feeding. */
static bool leads(const struct answer *a, const struct measure *m)
{
	ptrdiff_t i = m - a->k->measures;
	return a->lead[i] == i;
}

static bool in_outline(struct field_ref ref)
{
	return ref.attr == ATTR_NONE || ref.attr == ATTR_TIME || ref.attr == ATTR_SUBJECT ||
	       ref.attr == ATTR_UNIT;
}

/* Do all measures of the scan need no more of an event than store_events_outlined() reads? */
static bool outlined(const struct answer *a, const struct measure *first)
{
	for (int i = 0; i < a->k->nmeasures; i++) {
		const struct measure *m = &a->k->measures[i];
		if (!tally_together(m, first))
			continue;
		if (m->where || m->at >= 0 || m->choose != CHOOSE_ALL || !in_outline(m->field))
			return false;
		for (int d = 0; d < a->k->nby; d++)
			if (!in_outline(m->dims[d]))
				return false;
	}
	return true;
}

static int sink_where(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e)
{
	struct scan *s = ctx;
	return s->a->host->where(s->a->host->ctx, m, ev, e);
}

static bool same_row(const void *item, const void *key)
{
	return str_same(((const struct row *)item)->group, *(const struct str *)key);
}

/* 1 the cells have this row, 0 not. */
static int has_row(struct scan *s, struct str group)
{
	buf_clear(&s->value);
	return store_cell_get(s->a->s, s->a->cube, s->dayno, group, &s->value, s->a->e);
}

/* Which group of cells an event of the day is counted in. */
static int row_of(struct scan *s, int32_t day, struct str *group)
{
	int ndims = s->a->k->nby;
	if (!ndims || s->a->cube < 0)
		return CX_OK;
	if (!s->some || day != s->dayno) {
		s->some = true;
		s->dayno = day;
		pmap_free(&s->rows);
		arena_reset(&s->day);
		s->rest = group_rest(ndims, &s->day);
		int rc = has_row(s, s->rest);
		if (rc < 0)
			return rc;
		s->has_rest = rc == 1;
	}
	if (!s->has_rest)
		return CX_OK;
	uint32_t h = hash_bytes(group->p, group->n, 0);
	struct row *row = pmap_find(&s->rows, h, same_row, group);
	if (!row) {
		int rc = has_row(s, *group);
		if (rc < 0)
			return rc;
		row = arena_alloc(&s->day, sizeof *row);
		*row = (struct row){arena_str(&s->day, group->p, group->n), rc == 1};
		pmap_add(&s->rows, h, row);
	}
	if (!row->there)
		*group = s->rest;
	return CX_OK;
}

static int targets(struct scan *s, int32_t day, struct str group, struct targets *t)
{
	struct str row = group;
	int rc = s->a->sees_rest && !s->rest_only ? CX_OK : row_of(s, day, &row);
	*t = (struct targets){0};
	if (rc < 0 || (s->rest_only && str_same(row, group)))
		return rc;
	return answer_targets(s->a, day, s->a->sees_rest ? group : row, t);
}

static int sink_add(void *ctx, const struct measure *m, int32_t day, struct str group,
	int64_t delta, int n, struct cx_err *e)
{
	struct scan *s = ctx;
	struct targets t;
	(void)n, (void)e;
	int rc = targets(s, day, group, &t);
	return rc < 0 ? rc : answer_add(s->a, &t, m, delta);
}

static int sink_put(void *ctx, const struct measure *m, int32_t day, struct str group,
	int64_t value, int n, struct cx_err *e)
{
	struct scan *s = ctx;
	struct targets t;
	(void)n, (void)e;
	int rc = targets(s, day, group, &t);
	return rc < 0 ? rc : answer_put(s->a, &t, m, value);
}

static int sink_see(void *ctx, const struct measure *m, int32_t day, struct str group, uint32_t id,
	struct cx_err *e)
{
	struct scan *s = ctx;
	struct targets t;
	(void)e;
	int rc = targets(s, day, group, &t);
	if (rc == CX_OK)
		answer_see(s->a, &t, m, day, id, 1);
	return rc;
}

static bool same_stranger(const void *item, const void *key)
{
	return str_same(((const struct stranger *)item)->text, *(const struct str *)key);
}

static int sink_intern(void *ctx, struct str text, uint32_t *id, struct cx_err *e)
{
	struct scanning *g = ((struct scan *)ctx)->g;
	bool added;
	int rc = dictionary_id(g->dictionary, text, false, id, &added, e);
	if (rc != 0)
		return rc;
	uint32_t h = hash_bytes(text.p, text.n, 0);
	struct stranger *x = pmap_find(&g->strangers, h, same_stranger, &text);
	if (!x) { /* ids from the end: the dictionary's begin at 1 */
		x = arena_alloc(&g->arena, sizeof *x);
		*x = (struct stranger){arena_str(&g->arena, text.p, text.n),
			UINT32_MAX - (uint32_t)g->strangers.n};
		pmap_add(&g->strangers, h, x);
	}
	*id = x->id;
	return 1;
}

static int sink_exclude(void *ctx, const struct measure *m, int32_t day, const struct event *ev,
	const char *reason, struct cx_err *e)
{
	struct scan *s = ctx;
	(void)m, (void)ev, (void)reason, (void)e;
	answer_left_out(s->a, day);
	return CX_OK;
}

/* 0 the plugin crashed on it, so that it is left out here as it is of the cells; 1 not. */
static int sound(struct scan *s, const struct measure *m, const struct event *ev)
{
	int64_t ms;
	int rc = s->g->crashes ? store_crashed(s->a->s, s->a->cube, s->a->k->id, m->name, ev->seq,
					 s->a->e)
			       : 0;
	if (rc == 1 && tally_instant(m, ev, &ms))
		answer_left_out(s->a, tz_day(ms));
	return rc < 0 ? rc : !rc;
}

static int scan_event(void *ctx, struct event *ev)
{
	struct scan *s = ctx;
	const struct tally_sink sink = {.ctx = s,
		.where = sink_where,
		.add = sink_add,
		.put = sink_put,
		.see = sink_see,
		.intern = sink_intern,
		.exclude = sink_exclude};
	const struct kpi *k = s->a->k;
	bool missing;
	if (ev->recorded_ms >= s->a->q->known_ms)
		return 0;
	arena_reset(&s->event);
	ev->type = s->first->type;
	if (!s->outlined)
		event_reload(ev, s->a->meta->company_currency, &s->event, &missing);
	for (const struct measure *m = s->first; m < k->measures + k->nmeasures; m++) {
		if (!tally_together(m, s->first) || !leads(s->a, m))
			continue;
		int rc = standing_event(s->g->standing, m, ev, s->a->e);
		if (rc == 1)
			rc = sound(s, m, ev);
		if (rc < 0)
			return rc;
		if (rc == 0)
			continue;
		arena_reset(&s->scratch);
		rc = tally_measure(m, ev, 1, &sink, &s->scratch, s->a->e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool scanned_before(const struct kpi *k, int i)
{
	for (int j = 0; j < i; j++)
		if (tally_together(&k->measures[j], &k->measures[i]))
			return true;
	return false;
}

static int scanning_new(struct answer *a)
{
	int rc = store_crashed(a->s, -1, NULL, NULL, 0, a->e);
	a->scanning = xcalloc(1, sizeof *a->scanning);
	a->scanning->standing = standing_new(a->s, a->q->known_ms);
	a->scanning->own = a->host->dictionary ? NULL : dictionary_new(a->s);
	a->scanning->dictionary = a->scanning->own ? a->scanning->own : a->host->dictionary;
	a->scanning->crashes = rc == 1;
	return rc;
}

void scanning_free(struct scanning *g)
{
	if (!g)
		return;
	standing_free(g->standing);
	dictionary_free(g->own);
	pmap_free(&g->strangers);
	arena_free(&g->arena);
	free(g);
}

/* ---- who was seen when */

struct replay { /* of the times of a day */
	struct scan *s;
	const struct measure *m;
	int32_t day;
};

static int see_again(void *ctx, int64_t ms, struct str group, uint32_t id)
{
	struct replay *r = ctx;
	(void)ms;
	return sink_see(r->s, r->m, r->day, group, id, r->s->a->e);
}

static int found_day(void *ctx, int32_t day)
{
	(void)day;
	*(bool *)ctx = true;
	return 1;
}

/* Are the sets of this day all there is to know of it, for all measures of the scan? */
static int told_by_sets(struct scan *s, int32_t day)
{
	struct answer *a = s->a;
	bool spoilt = false;
	int64_t left_out = 0;
	if (a->cube < 0 || a->q->known_ms != INT64_MAX || s->rest_only)
		return 0;
	for (const struct measure *m = s->first; m < a->k->measures + a->k->nmeasures; m++)
		if (tally_together(m, s->first) && m->kind != MEASURE_DISTINCT)
			return 0;
	int rc = store_spoilt_days(a->s, a->cube, day, day, found_day, &spoilt, a->e);
	if (rc >= 0 && !spoilt)
		rc = store_excluded(a->s, a->cube, a->k->id, day, day, &left_out, a->e);
	return rc < 0 ? rc : !spoilt && !left_out;
}

/* 1 found. A damaged one is told of, and as good as none. */
static int times_get(const struct answer *a, struct times_place at, struct buf *out)
{
	char day[16];
	int rc = store_times_get(a->s, at.cube, at.set, at.day, out, a->e);
	if (rc != 1 || !out->len || times_sound(out->p, out->len, at))
		return rc == 1 ? out->len > 0 : rc;
	tz_day_text(at.day, day);
	log_warn(CX_T("%s, %s: um registro danificado de quem foi visto quando (set_times); os "
		      "eventos são lidos",
			 "%s, %s: a damaged row of who was seen when (set_times); the events are "
			 "read"),
		a->k->id, day);
	return 0;
}

/* Part of a day, out of what is kept of it: 1; 0 its events have to be scanned. */
static int replay_piece(struct scan *s, int64_t from_ms, int64_t to_ms)
{
	struct answer *a = s->a;
	struct replay r = {s, NULL, tz_day(from_ms)};
	int nm = a->k->nmeasures;
	bool part = from_ms >= TZ_MS_MIN && to_ms <= TZ_MS_MAX && tz_day(to_ms - 1) == r.day;
	int rc = part ? told_by_sets(s, r.day) : 0;
	struct buf *times = xcalloc((size_t)nm, sizeof *times);
	for (int fed = 0; fed < 2 && rc == 1; fed++) { /* all or none */
		for (int i = 0; i < nm && rc == 1; i++) {
			const struct buf *b = &times[i];
			r.m = &a->k->measures[i];
			struct times_place at = {a->cube, r.m->set, r.day};
			if (!tally_together(r.m, s->first) || !leads(a, r.m))
				continue;
			rc = fed ? times_read(b->p, b->len, at, from_ms, to_ms, see_again, &r)
				 : times_get(a, at, &times[i]);
		}
	}
	for (int i = 0; i < nm; i++)
		buf_free(&times[i]);
	free(times);
	return rc;
}

static int scan_piece(struct scan *s, int slot, int64_t from_ms, int64_t to_ms)
{
	struct answer *a = s->a;
	int rc = replay_piece(s, from_ms, to_ms);
	if (rc != 0)
		return rc < 0 ? rc : CX_OK;
	if (s->outlined)
		return store_events_outlined(
			a->s, s->first->type_name, from_ms, to_ms, scan_event, s, a->e);
	return store_events_placed(
		a->s, s->first->type_name, slot, from_ms, to_ms, scan_event, s, a->e);
}

static int scan_pieces(struct answer *a, const struct window *w, bool rest_only)
{
	if (!w->npieces)
		return CX_OK;
	int rc = a->scanning ? CX_OK : scanning_new(a);
	struct scan s = {.a = a, .g = a->scanning, .rest_only = rest_only};
	for (int i = 0; i < a->k->nmeasures && rc >= 0; i++) {
		int slot;
		bool none;
		s.first = &a->k->measures[i];
		if (scanned_before(a->k, i))
			continue;
		s.outlined = outlined(a, s.first);
		rc = tally_slot(a->s, s.first, &slot, &none, a->e);
		for (int j = 0; j < w->npieces && rc >= 0 && !none; j++)
			rc = scan_piece(&s, slot, w->pieces[j].from_ms, w->pieces[j].to_ms);
	}
	pmap_free(&s.rows);
	buf_free(&s.value);
	arena_free(&s.day);
	arena_free(&s.event);
	arena_free(&s.scratch);
	return rc;
}

int answer_scan(struct answer *a)
{
	return scan_pieces(a, &a->w, false);
}

int answer_scan_rest(struct answer *a)
{
	window_settle(&a->rest);
	return scan_pieces(a, &a->rest, true);
}

struct reach { /* how far the events of a piece lie beyond some days */
	struct days *d;
	const struct measure *m;
	const char *currency;
	struct arena arena;
};

static int reach_event(void *ctx, struct event *ev)
{
	struct reach *r = ctx;
	int64_t ms;
	bool missing;
	arena_reset(&r->arena);
	ev->type = r->m->type;
	event_reload(ev, r->currency, &r->arena, &missing);
	if (!tally_instant(r->m, ev, &ms))
		return 0;
	int32_t day = tz_day(ms);
	if (day < r->d->first)
		r->d->first = day;
	if (day > r->d->last)
		r->d->last = day;
	return 0;
}

static int reach_piece(struct answer *a, int64_t from_ms, int64_t to_ms, struct days *d)
{
	struct reach r = {.d = d, .currency = a->meta->company_currency};
	int rc = CX_OK;
	for (int i = 0; i < a->k->nmeasures && rc >= 0 && from_ms < to_ms; i++) {
		int slot;
		bool none;
		r.m = &a->k->measures[i];
		if (scanned_before(a->k, i))
			continue;
		rc = tally_slot(a->s, r.m, &slot, &none, a->e);
		if (rc >= 0 && !none)
			rc = store_events_placed(
				a->s, r.m->type_name, slot, from_ms, to_ms, reach_event, &r, a->e);
	}
	arena_free(&r.arena);
	return rc;
}

int answer_reach(struct answer *a, const struct days *scanned, struct days *d)
{
	struct days known = *d;
	int64_t from = scanned->first == INT32_MIN ? INT64_MIN : tz_day_start(scanned->first);
	int64_t to = scanned->last == INT32_MAX ? INT64_MAX : tz_day_start(scanned->last + 1);
	if (known.first > known.last)
		return reach_piece(a, from, to, d);
	int64_t begin = tz_day_start(known.first), end = tz_day_start(known.last + 1);
	int rc = reach_piece(a, from, to < begin ? to : begin, d);
	return rc < 0 ? rc : reach_piece(a, from > end ? from : end, to, d);
}
