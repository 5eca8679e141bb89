#include "engine/projector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/tz.h"
#include "engine/derived.h"
#include "kpi/count.h"

enum { LOOK = 32 }; /* at the clock, each so many events */
static const int64_t tell_every_us = 200000;

struct late { /* derived fields to add to an old event, once the reading cursor is closed */
	int64_t seq;
	struct str derived;
};

struct step {
	struct ingest *in;
	struct engine *eng;
	struct cx_err *e;
	bool choices; /* gathers candidates, counts nothing yet */
	int64_t from, last, until_us;
	struct standing *standing;
	int n, most; /* events of the slice */
	struct late late[PROJECTOR_EVENTS];
	int nlate;
	struct arena arena, late_text;
};

/* ---- which */

static bool runs(const struct plugin *p) /* the others wait */
{
	return p->state == PLUGIN_RUNNING;
}

/* Each cube (m NULL) and then each of its measures. */
static void each_part(
	struct engine *eng, void (*f)(void *ctx, struct cube *c, struct measure *m), void *ctx)
{
	for (int i = 0; i < eng->set.n; i++)
		for (int k = 0; k < eng->set.v[i]->ncubes && runs(eng->set.v[i]); k++) {
			struct cube *c = eng->set.v[i]->cubes[k];
			f(ctx, c, NULL);
			for (int j = 0; j < c->nmeasures; j++)
				f(ctx, c, c->measures[j]);
		}
}

static void least_choice(void *ctx, struct cube *c, struct measure *m)
{
	struct step *s = ctx;
	(void)c;
	if (m && m->choose != CHOOSE_ALL && m->choice_upto < s->from)
		s->from = m->choice_upto;
}

static void least_derived(struct step *s)
{
	for (int i = 0; i < s->eng->set.nplans; i++)
		if (s->eng->set.plans[i].derived_upto < s->from && runs(s->eng->set.plans[i].owner))
			s->from = s->eng->set.plans[i].derived_upto;
}

static void least_cube(void *ctx, struct cube *c, struct measure *m)
{
	struct step *s = ctx;
	(void)m;
	if (c->upto < s->from)
		s->from = c->upto;
}

/* Is there anything, and from where? */
static bool find_work(struct step *s)
{
	s->from = STORE_LIVE;
	each_part(s->eng, least_choice, s);
	s->choices = s->from != STORE_LIVE;
	if (!s->choices) {
		each_part(s->eng, least_cube, s);
		least_derived(s);
	}
	return s->from != STORE_LIVE;
}

static bool wants(const struct step *s, const struct measure *m, int64_t seq)
{
	if (s->choices)
		return m->choose != CHOOSE_ALL && m->choice_upto < seq;
	return m->kpi->cube->upto < seq;
}

/* ---- a slice */

struct derived {
	const struct event *ev;
	const char *plugin;
};

static void derive_failed(void *ctx, const char *handler, const struct lua_fail *f)
{
	const struct derived *d = ctx;
	char said[600];
	snprintf(said, sizeof said, "event %lld: %s failed at %s:%d", (long long)d->ev->seq,
		handler, f->file, f->line);
	log_plugin(LOG_WARN, d->plugin, said);
}

/* A derive is computed once and stored: those an event has stay, whatever the function is today;
 * only what it lacks is computed. */
static void derive_missing(struct step *s, struct plugin *owner, struct event *ev)
{
	int first = ev->type->nfields - ev->type->nderived, n = ev->type->nderived;
	struct value *had = arena_alloc(&s->arena, (size_t)n * sizeof *had);
	struct json_doc d = {0};
	memcpy(had, ev->fields + first, (size_t)n * sizeof *had);
	plugin_derive(owner, ev, derive_failed, &(struct derived){ev, owner->name});
	if (ev->derived.p &&
		json_scan(&d, ev->derived.p, ev->derived.n, JSON_DEPTH, 65536, NULL) >= 0)
		for (int i = 0; i < n; i++)
			if (json_get(&d, 0, ev->type->fields[first + i].name))
				ev->fields[first + i] = had[i];
	json_doc_free(&d);
	struct str text = event_derived_json(ev, &s->arena);
	s->late[s->nlate].seq = ev->seq;
	s->late[s->nlate++].derived = arena_str(&s->late_text, text.p, text.n);
}

static int one(struct step *s, const struct type_plan *plan, struct event *ev)
{
	bool missing = false;
	int n = 0;
	bool derives = plan->derived_upto < ev->seq && runs(plan->owner);
	struct counted *v = arena_alloc(&s->arena, sizeof *v * (size_t)(plan->nmeasures + 1));
	for (int i = 0; i < plan->nmeasures; i++)
		if (runs(plan->measures[i].plugin) && wants(s, plan->measures[i].m, ev->seq))
			v[n++] = (struct counted){.m = plan->measures[i].m};
	if (!n && !derives)
		return CX_OK;
	ev->type = plan->type;
	event_reload(ev, s->eng->conf->company_currency, &s->arena, &missing);
	if (missing && runs(plan->owner))
		derive_missing(s, plan->owner, ev);
	if (s->choices)
		return count_candidates(s->in->cells, v, n, ev, s->e);
	int rc = n ? ingest_place(s->in, plan, ev) : CX_OK;
	if (rc < 0)
		*s->e = s->in->errs.v[0];
	return rc < 0 ? rc : count_again(s->in->cells, s->standing, v, n, ev, s->e);
}

static int each(void *ctx, struct event *ev)
{
	struct step *s = ctx;
	const struct type_plan *plan = plugin_set_type(&s->eng->set, ev->type_name);
	arena_reset(&s->arena);
	int rc = plan ? one(s, plan, ev) : CX_OK;
	if (rc < 0)
		return rc;
	return ++s->n == s->most || (s->n % LOOK == 0 && clock_mono_us() >= s->until_us);
}

static int walk(struct step *s, int64_t us, bool *done)
{
	struct store *store = s->eng->store;
	struct event_filter q = {.from_ms = INT64_MIN,
		.to_ms = INT64_MAX,
		.after = s->from,
		.until_us = clock_mono_us() + us};
	s->until_us = q.until_us;
	s->standing = standing_new(store, INT64_MAX);
	cells_in_turn(s->in->cells, true);
	int rc = store_events(store, &q, each, s, &s->last, done, s->e);
	cells_in_turn(s->in->cells, false);
	standing_free(s->standing);
	for (int i = 0; i < s->nlate && rc >= 0; i++)
		rc = store_event_set_derived(store, s->late[i].seq, s->late[i].derived, s->e);
	return rc < 0 ? rc : cells_flush(s->in->cells, s->e);
}

/* ---- how far it is now */

struct positions {
	struct step *s;
	int64_t upto; /* STORE_LIVE: all is in */
	int rc;
	bool certain; /* the store has it: now in memory too */
};

static void move_on(void *ctx, struct cube *c, struct measure *m)
{
	struct positions *p = ctx;
	bool choice = p->s->choices && m && m->choose != CHOOSE_ALL && m->choice_upto < p->upto;
	bool cube = !p->s->choices && !m && c->upto < p->upto;
	if (p->rc < 0 || !(choice || cube))
		return;
	if (!p->certain)
		p->rc = choice ? store_rule_upto(p->s->eng->store, m->choice, p->upto, p->s->e)
			       : store_cube_upto(p->s->eng->store, c->id, p->upto, p->s->e);
	else if (choice)
		m->choice_upto = p->upto;
	else
		c->upto = p->upto;
}

static int slice(struct step *s, int64_t us, struct positions *p)
{
	bool done = false;
	int rc = walk(s, us, &done);
	if (rc < 0)
		return rc;
	p->upto = done ? STORE_LIVE : s->last;
	each_part(s->eng, move_on, p);
	if (p->rc >= 0 && !s->choices)
		p->rc = derived_keep(s->eng, p->upto, s->e);
	if (p->rc < 0)
		return p->rc;
	return done && !s->choices ? engine_settle(s->eng, s->e) : CX_OK;
}

static void tell(const struct step *s, bool over)
{
	static int64_t began_us, told_us;
	struct engine *eng = s->eng;
	int64_t now = clock_mono_us(), total = s->in->next_seq - 1;
	struct progress p = {.what = "rebuild",
		.done = (uint64_t)(over         ? total
				   : s->choices ? 0
						: s->last),
		.total = (uint64_t)total};
	struct job_head h = {.kind = FRAME_PROGRESS, .body_len = sizeof p};
	struct buf out = {0};
	if (!began_us)
		began_us = now;
	if (over)
		log_info("figures counted again from %lld events in %lld ms", (long long)total,
			(long long)(now - began_us) / 1000);
	else if (now - told_us < tell_every_us)
		return;
	told_us = now;
	if (over)
		began_us = 0;
	if (eng->fd < 0)
		return;
	frame_add(&out, &h, NULL, (const char *)&p);
	frame_flush(eng->fd, &out);
	buf_free(&out);
}

static int run(struct step *s, int64_t us)
{
	struct store *store = s->eng->store;
	struct positions p = {.s = s};
	int rc = store_begin(store, s->e);
	if (rc >= 0)
		rc = slice(s, us, &p);
	if (rc >= 0)
		rc = store_commit(store, s->e);
	if (rc < 0) {
		store_rollback(store);
		cells_forget(s->in->cells);
		return rc;
	}
	p.certain = true;
	each_part(s->eng, move_on, &p);
	if (!s->choices)
		derived_moved(s->eng, p.upto);
	bool over = !engine_counting(s->eng);
	if (over)
		engine_forget_before(s->eng);
	tell(s, over);
	return !over;
}

int projector_step(struct ingest *in, int64_t us, int events, struct cx_err *e)
{
	struct step *s = xcalloc(1, sizeof *s);
	*s = (struct step){.in = in, .eng = in->eng, .most = events, .e = e};
	int rc = 0;
	if (find_work(s)) {
		blame_phase(in->eng->blame, BLAME_REBUILD);
		rc = run(s, us);
		blame_phase(in->eng->blame, BLAME_IDLE);
	}
	arena_free(&s->arena);
	arena_free(&s->late_text);
	free(s);
	return rc;
}
