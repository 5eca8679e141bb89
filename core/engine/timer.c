#include "engine/timer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tz.h"

/* ---- firing ---- */

int timer_next(struct ingest *in, bool past, struct due *d, struct cx_err *e)
{
	const struct plugin_set *set = &in->eng->set;
	bool found = false;
	for (int i = 0; i < set->n; i++) {
		struct due one;
		if (set->v[i]->state != PLUGIN_RUNNING)
			continue;
		int rc = store_timer_next(
			in->eng->store, set->v[i]->name, past, &one.ms, &one.id, e);
		if (rc < 0)
			return rc;
		if (rc == 1 && (!found || one.ms < d->ms || (one.ms == d->ms && one.id < d->id)))
			*d = one;
		found |= rc == 1;
	}
	return found;
}

static struct duration times(struct duration d, int64_t k)
{
	return (struct duration){
		.ms = d.ms * k, .days = d.days * (int)k, .months = d.months * (int)k};
}

/* The first of since + 1, 2… periods that is later than after_ms. */
static int64_t period_after(int64_t since, struct duration d, int64_t after_ms)
{
	int64_t longest = d.ms + d.days * 90000000LL + d.months * 2682000000LL; /* 25 h, 31 d 1 h */
	int64_t k = after_ms > since ? (after_ms - since) / longest + 1 : 1;
	while (duration_add(since, times(d, k), 1) <= after_ms)
		k++;
	return duration_add(since, times(d, k), 1);
}

static int add(struct engine *eng, struct timer_row *row, struct cx_err *e)
{
	return row->due_ms > TZ_MS_MAX ? CX_OK : store_timer_add(eng->store, row, e);
}

/* Ends the row; an interval is due again. */
static int end(struct ingest *in, const struct timer_row *row, const struct plugin_timer *t,
	int64_t now_ms)
{
	struct cx_err e;
	int rc = store_timer_drop(in->eng->store, row->id, &e);
	in->counts.timers_waiting--;
	if (rc >= 0 && row->every && t && t->every) {
		struct timer_row next = *row;
		next.due_ms = period_after(row->since_ms, t->period, now_ms);
		rc = add(in->eng, &next, &e);
		in->counts.timers_waiting++;
		timers_due(in, next.due_ms, next.past);
	}
	return rc < 0 ? ingest_lost(in, &e) : CX_OK;
}

/* What the timer's handler emits comes from this: no event of the log, but like one. Whom it is
 * about is what the event that set the timer says. */
static int make_cause(struct ingest *in, const char *plugin, const char *name, int64_t id,
	int64_t seq, int64_t now_ms, struct event *ev)
{
	struct event from = {0};
	struct cx_err e;
	char text[2 * NAME_MAX_BYTES + 200], when[TZ_TEXT];
	if (seq && store_event_get(in->eng->store, seq, &from, &in->arena, &e) < 0)
		return ingest_lost(in, &e);
	int n = snprintf(text, sizeof text, "%lld", (long long)id);
	ev->id = arena_str(&in->arena, text, (size_t)n);
	n = snprintf(text, sizeof text, "/cxd/timer/%s/%s", plugin, name);
	ev->source = arena_str(&in->arena, text, (size_t)n);
	n = snprintf(text, sizeof text, "timer %s", name);
	ev->type_name = arena_str(&in->arena, text, (size_t)n);
	tz_format(now_ms, when);
	ev->time = arena_str(&in->arena, when, strlen(when));
	ev->time_ms = now_ms;
	ev->recorded_ms = in->head->now_ms;
	ev->seq = seq;
	ev->subject = from.subject;
	ev->unit = from.unit;
	return CX_OK;
}

struct call {
	const struct plugin_timer *timer;
	const char *arg;
};

static int call(const struct handler *h, struct tx *tx, struct lua_fail *f)
{
	const struct call *c = h->ctx;
	return plugin_fire(h->plugin, c->timer, h->cause, c->arg, tx, f);
}

static int run(struct ingest *in, struct plugin *p, const struct plugin_timer *t, const char *arg,
	const struct firing *f, struct lua_fail *fail)
{
	char what[NAME_MAX_BYTES + 96];
	const struct call c = {t, arg};
	const struct handler h = {.plugin = p,
		.what = what,
		.file = t->file,
		.line = t->line,
		.cause = in->path[0],
		.now_ms = f->now_ms,
		.late_ms = f->late_ms,
		.call = call,
		.ctx = &c};
	snprintf(what, sizeof what, "timer %s", t->name);
	return ingest_handle(in, &h, fail);
}

static void not_run(const struct plugin *p, const char *why, struct lua_fail *f)
{
	*f = (struct lua_fail){0};
	snprintf(f->file, sizeof f->file, "plugins/%s/plugin.lua", p->name);
	snprintf(f->msg, sizeof f->msg, "%s", why);
}

static int note(struct ingest *in, const struct timer_row *row, const struct lua_fail *fail,
	const struct firing *f)
{
	struct cx_err e;
	char handler[NAME_MAX_BYTES + 96];
	struct failed_row failed = {.seq = row->seq,
		.plugin = row->plugin,
		.handler = handler,
		.timer = row->id,
		.due_ms = row->due_ms,
		.arg = row->arg};
	snprintf(handler, sizeof handler, "timer %s", row->name);
	if (fail && ingest_failed_row(in, &failed, fail) < 0)
		return in->errs.v[0].code;
	if (!row->seq)
		return CX_OK;
	int rc = store_timer_fired(in->eng->store, row, f->now_ms, failed.id, &e);
	return rc < 0 ? ingest_lost(in, &e) : CX_OK;
}

int timer_fire(struct ingest *in, const struct due *d, const struct firing *f)
{
	struct timer_row row;
	struct cx_err e;
	struct lua_fail fail;
	int rc = store_timer_get(in->eng->store, d->id, &row, &in->arena, &e);
	if (rc <= 0)
		return rc < 0 ? ingest_lost(in, &e) : CX_OK;
	struct plugin *p = plugin_set_find(&in->eng->set, row.plugin);
	const struct plugin_timer *t = plugin_timer_find(p, row.name);
	rc = end(in, &row, t, f->now_ms);
	if (rc >= 0)
		rc = make_cause(in, row.plugin, row.name, row.id, row.seq, f->now_ms, in->path[0]);
	if (rc < 0)
		return rc;
	rc = 0;
	if (!t)
		not_run(p,
			CX_T("o plugin não declara mais este timer",
				"the plugin no longer declares this timer"),
			&fail);
	else if (row.strikes >= TIMER_STRIKES)
		not_run(p,
			CX_T("o plugin derrubou o motor neste timer",
				"the plugin crashed on this timer"),
			&fail);
	else
		rc = run(in, p, t, row.arg, f, &fail);
	return rc < 0 ? rc : note(in, &row, rc ? NULL : &fail, f);
}

int timers_again(struct ingest *in, struct plugin *p, const struct failed_row *row,
	struct lua_fail *fail, struct cx_err *e)
{
	struct event ev;
	const char *name = row->handler + strlen("timer ");
	const struct plugin_timer *t = plugin_timer_find(p, name);
	const int64_t now = in->head->now_ms;
	const struct firing f = {now, now - row->due_ms, row->past};
	if (!t)
		return cx_fail(e, CX_E_CONFLICT, NULL,
			CX_T("o plugin %s não declara mais o timer \"%s\"",
				"the plugin %s no longer declares the timer \"%s\""),
			p->name, name);
	ingest_job_begin(in, in->head, row->past, in->next_seq);
	ingest_item_begin(in, 0, &ev);
	int rc = make_cause(in, p->name, name, row->timer, row->seq, now, &ev);
	return rc < 0 ? rc : run(in, p, t, row->arg, &f, fail);
}

/* ---- tx:after ---- */

struct earlier { /* the other versions of an event that is a correction */
	struct ingest *in;
	int64_t seq;
	const struct timer_row *row;
	const struct handler *h; /* NULL: has row fired? else what it set is dropped */
	bool fired;
	struct cx_err *e;
};

static int version(void *ctx, int64_t seq, int64_t recorded_ms)
{
	struct earlier *x = ctx;
	int64_t n = 0;
	int rc;
	(void)recorded_ms;
	if (seq == x->seq)
		return 0;
	if (x->h) {
		rc = store_timers_drop_of(
			x->in->eng->store, seq, x->h->plugin->name, x->h->nth, &n, x->e);
		x->in->counts.timers_waiting -= n;
		return rc < 0 ? rc : 0;
	}
	rc = store_timer_fired_is(x->in->eng->store, seq, x->row, x->e);
	x->fired |= rc == 1;
	return rc;
}

static int versions(struct earlier *x, const struct event *ev)
{
	x->seq = ev->seq;
	int rc = version(x, ev->root, 0);
	return rc != 0 ? rc : store_members(x->in->eng->store, ev->root, version, x, x->e);
}

int timers_supersede(struct ingest *in, const struct handler *h, const struct event *ev)
{
	struct cx_err e;
	struct earlier x = {.in = in, .h = h, .e = &e};
	return versions(&x, ev) < 0 ? ingest_lost(in, &e) : CX_OK;
}

int timers_after(struct ingest *in, const struct handler *h, int at, const struct timer_ask *ask,
	struct cx_err *e)
{
	const struct event *cause = h->cause;
	struct timer_row row = {.plugin = h->plugin->name,
		.name = ask->timer->name,
		.arg = ask->arg.p,
		.past = in->past,
		.seq = cause->seq,
		.nth = h->nth,
		.pos = at};
	struct earlier x = {.in = in, .row = &row, .e = e};
	if (at > TIMERS_EACH)
		return cx_fail(e, CX_E_PLUGIN_FAILED, NULL,
			CX_T("uma execução marca no máximo %d timers",
				"one run sets at most %d timers"),
			TIMERS_EACH);
	if (ask->arg.n > TIMER_ARG_MAX)
		return cx_fail(e, CX_E_PLUGIN_FAILED, NULL,
			CX_T("o argumento tem %u bytes; o máximo é %d",
				"the argument has %u bytes; at most %d are possible"),
			ask->arg.n, TIMER_ARG_MAX);
	if (!calendar_due(in->eng->conf->calendar, cause->unit, cause->time_ms, ask->after, false,
		    &row.due_ms))
		return cx_fail(e, CX_E_PLUGIN_FAILED, NULL,
			CX_T("a duração passa do ano 9999, ou nada abre por dez anos",
				"the duration goes beyond the year 9999, or nothing opens for ten "
				"years"));
	if (row.due_ms < in->due.least_ms)
		row.due_ms = in->due.least_ms;
	int rc = cause->root && h->nth ? versions(&x, cause) : CX_OK;
	if (rc >= 0 && !x.fired)
		rc = store_timer_add(in->eng->store, &row, e);
	if (rc < 0)
		return ingest_lost(in, e);
	if (x.fired)
		return CX_OK;
	in->counts.timers_waiting++;
	timers_due(in, row.due_ms, row.past);
	return CX_OK;
}

/* ---- intervals ---- */

struct intervals {
	struct engine *eng;
	int64_t *gone; /* rows that nobody declares so */
	int ngone;
	bool **there; /* of each plugin of the set, which of its timers have their row */
	struct cx_err *e;
};

static int look_at(void *ctx, const struct timer_row *row)
{
	struct intervals *x = ctx;
	const struct plugin_set *set = &x->eng->set;
	for (int i = 0; i < set->n; i++) {
		struct plugin *p = set->v[i];
		if (strcmp(p->name, row->plugin) != 0)
			continue;
		const struct plugin_timer *t = plugin_timer_find(p, row->name);
		bool same = t && t->every && strcmp(t->every, row->every) == 0;
		if (same)
			x->there[i][t - p->timers] = true;
		if (same || p->state == PLUGIN_FAILED) /* what it declares is not known */
			return 0;
	}
	x->gone = xrealloc(x->gone, sizeof *x->gone * (size_t)(x->ngone + 1));
	x->gone[x->ngone++] = row->id;
	return 0;
}

static int add_intervals(struct intervals *x, int i, int64_t now_ms)
{
	const struct plugin *p = x->eng->set.v[i];
	int rc = CX_OK;
	for (int k = 0; k < p->ntimers && rc >= 0; k++) {
		const struct plugin_timer *t = &p->timers[k];
		struct timer_row row = {
			.plugin = p->name, .name = t->name, .every = t->every, .since_ms = now_ms};
		if (!t->every || x->there[i][k])
			continue;
		row.due_ms = period_after(now_ms, t->period, now_ms);
		rc = add(x->eng, &row, x->e);
	}
	return rc;
}

int timers_declare(struct ingest *in, int64_t now_ms, struct cx_err *e)
{
	struct engine *eng = in->eng;
	const struct plugin_set *set = &eng->set;
	struct intervals x = {.eng = eng, .e = e};
	x.there = xcalloc((size_t)set->n + 1, sizeof *x.there);
	for (int i = 0; i < set->n; i++)
		x.there[i] = xcalloc((size_t)set->v[i]->ntimers + 1, sizeof **x.there);
	int rc = store_intervals(eng->store, look_at, &x, e);
	for (int i = 0; i < x.ngone && rc >= 0; i++)
		rc = store_timer_drop(eng->store, x.gone[i], e);
	for (int i = 0; i < set->n; i++) {
		if (rc >= 0)
			rc = add_intervals(&x, i, now_ms);
		free(x.there[i]);
	}
	free(x.there);
	free(x.gone);
	eng->turned++;
	return rc < 0 ? rc : store_timer_count(eng->store, &in->counts.timers_waiting, e);
}
