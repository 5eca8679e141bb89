/* A spoilt day, counted again: its cells, blobs and exclusions are dropped and its events tallied
 * in order of the log, as a rebuild would. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/tz.h"
#include "kpi/cells_own.h"
#include "kpi/standing.h"

enum { FLUSH_EVERY = 4096 }; /* events: bounds the memory a day of any size takes */

struct mend {
	struct cells *c;
	const struct cube *cube;
	int32_t day;
	const char *currency;
	struct cx_err *e;
	int64_t *seqs;
	size_t n, cap;
	struct standing *now;
	struct arena arena;
	bool crashes; /* some events are left out because a plugin crashed on them */
};

static int gather(void *ctx, struct event *ev)
{
	struct mend *d = ctx;
	if (d->n == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 1024;
		d->seqs = xrealloc(d->seqs, d->cap * sizeof *d->seqs);
	}
	d->seqs[d->n++] = ev->seq;
	return 0;
}

static int ascending(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
	return (a > b) - (a < b);
}

static bool gathered_before(const struct cube *cube, int i)
{
	for (int j = 0; j < i; j++)
		if (tally_together(cube->measures[j], cube->measures[i]))
			return true;
	return false;
}

/* The events that some measure places on the day. */
static int gather_day(struct mend *d)
{
	int64_t from = tz_day_start(d->day), to = tz_day_start(d->day + 1);
	size_t kept = 0;
	for (int i = 0; i < d->cube->nmeasures; i++) {
		const struct measure *m = d->cube->measures[i];
		int slot;
		bool none;
		if (gathered_before(d->cube, i))
			continue;
		int rc = tally_slot(d->c->s, m, &slot, &none, d->e);
		if (rc >= 0 && !none)
			rc = store_events_placed(
				d->c->s, m->type_name, slot, from, to, gather, d, d->e);
		if (rc < 0)
			return rc;
	}
	if (d->n)
		qsort(d->seqs, d->n, sizeof *d->seqs, ascending);
	for (size_t i = 0; i < d->n; i++)
		if (!kept || d->seqs[kept - 1] != d->seqs[i])
			d->seqs[kept++] = d->seqs[i];
	d->n = kept;
	return CX_OK;
}

/* 1 ev counts in m on this day. */
static int counts(struct mend *d, const struct measure *m, const struct event *ev)
{
	int64_t ms;
	if (m->shared || !tally_instant(m, ev, &ms) || tz_day(ms) != d->day)
		return 0;
	int rc = standing_event(d->now, m, ev, d->e);
	if (rc == 1 && d->crashes) {
		rc = store_crashed(d->c->s, d->cube->id, m->kpi->id, m->name, ev->seq, d->e);
		return rc < 0 ? rc : !rc;
	}
	return rc;
}

static int count_event_again(struct mend *d, int64_t seq)
{
	struct event ev = {0};
	bool missing;
	arena_reset(&d->arena);
	int rc = store_event_get(d->c->s, seq, &ev, &d->arena, d->e);
	for (int i = 0; i < d->cube->nmeasures && rc >= 0; i++) {
		const struct measure *m = d->cube->measures[i];
		struct str type = {m->type_name, (uint32_t)strlen(m->type_name)};
		if (!str_same(ev.type_name, type))
			continue;
		if (!ev.type) {
			ev.type = m->type;
			event_reload(&ev, d->currency, &d->arena, &missing);
		}
		rc = counts(d, m, &ev);
		if (rc == 1)
			rc = cells_tally(d->c, m, &ev, 1, INT64_MIN, d->e);
	}
	return rc;
}

static int drop(struct mend *d)
{
	int rc = store_day_drop(d->c->s, d->cube->id, d->day, d->e);
	for (int i = 0; i < d->cube->nmeasures && rc >= 0; i++) {
		const struct kpi *k = d->cube->measures[i]->kpi;
		int before = 0;
		while (d->cube->measures[before]->kpi != k)
			before++;
		if (before == i)
			rc = store_exclusions_drop(d->c->s, d->cube->id, k->id, d->day, d->e);
	}
	cells_drop_day(d->c, d->cube->id, d->day);
	return rc;
}

static int mend(struct mend *d)
{
	int rc;
	while ((rc = cells_fold(d->c, 1, SIZE_MAX, d->e)) == 1)
		; /* what lies in the log of the sets could not be told from what comes now */
	if (rc >= 0)
		rc = gather_day(d);
	if (rc >= 0)
		rc = drop(d);
	if (rc >= 0)
		rc = store_crashed(d->c->s, -1, NULL, NULL, 0, d->e);
	d->crashes = rc == 1;
	cells_in_turn(d->c, true);
	for (size_t i = 0; i < d->n && rc >= 0; i++) {
		rc = count_event_again(d, d->seqs[i]);
		if (rc >= 0 && (i + 1) % FLUSH_EVERY == 0)
			rc = cells_flush(d->c, d->e);
	}
	cells_in_turn(d->c, false);
	return rc < 0 ? rc : cells_flush(d->c, d->e);
}

static int first_day(void *ctx, int32_t day)
{
	*(int32_t *)ctx = day;
	return 1;
}

/* 1: a spoilt day of these cubes. */
static int due(struct store *s, struct cube *const *cubes, int ncubes, const struct cube **cube,
	int32_t *day, struct cx_err *e)
{
	int id, rc = store_spoilt_any(s, &id, day, e);
	for (int i = 0; i < ncubes && rc == 1; i++) {
		*day = INT32_MIN;
		*cube = cubes[i];
		int got =
			store_spoilt_days(s, cubes[i]->id, INT32_MIN, INT32_MAX, first_day, day, e);
		if (got < 0 || *day != INT32_MIN)
			return got < 0 ? got : 1;
	}
	return rc < 0 ? rc : 0;
}

int cells_mend(struct cells *c, struct cube *const *cubes, int ncubes, const char *company_currency,
	struct cx_err *e)
{
	struct mend d = {.c = c, .currency = company_currency, .e = e};
	int rc = due(c->s, cubes, ncubes, &d.cube, &d.day, e);
	if (rc != 1)
		return rc;
	d.now = standing_new(c->s, INT64_MAX);
	rc = mend(&d);
	standing_free(d.now);
	arena_free(&d.arena);
	free(d.seqs);
	return rc < 0 ? rc : 1;
}
