/* Plugins that are behind deal with the events they missed, in the order of the log. For each event
 * what would have happened when it came happens now: derives, figures, reactions. What these emit
 * is dealt with at once, as it would have been, and is noted as done. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/tz.h"
#include "engine/journeys.h"
#include "engine/late.h"
#include "engine/quarantine.h"

enum { SEQS = 512, LOOKED = 4096, SLICE_US = 20000 };

struct slice {
	struct ingest *in;
	struct cx_err *e;
	int64_t from; /* the first event somebody has not dealt with */
	int64_t seqs[SEQS];
	int n, looked;
	/* of the event at hand */
	struct job_head head;
	struct event ev;
	const struct type_plan *plan;
	struct plugin **wanted; /* parallel to the set; NULL: not this one */
};

/* ---- one event ---- */

static bool wanted(void *ctx, const struct plugin *p)
{
	const struct slice *s = ctx;
	for (int i = 0; i < s->in->eng->set.n; i++)
		if (s->wanted[i] == p)
			return true;
	return false;
}

/* Who is to deal with it; a plugin that crashed on it is left out. */
static int choose(struct slice *s, int64_t seq)
{
	struct engine *eng = s->in->eng;
	int n = 0;
	for (int i = 0; i < eng->set.n; i++) {
		struct plugin *p = eng->set.v[i];
		s->wanted[i] = NULL;
		if (p->state != PLUGIN_BEHIND || p->pending > seq || !plan_has(s->plan, p))
			continue;
		int rc = store_note_is(eng->store, seq, p->name, "done", s->e);
		if (rc != 0) {
			if (rc < 0)
				return rc;
			continue;
		}
		s->wanted[i] = p;
		n++;
		rc = store_note_is(eng->store, seq, p->name, "crashed", s->e);
		if (rc < 0)
			return rc;
		if (rc == 1) {
			bool two = s->head.flags != 0;
			s->head.flags = JOB_NO_PLUGIN;
			s->head.off_item = UINT32_MAX;
			snprintf(s->head.off, sizeof s->head.off, "%s", two ? "*" : p->name);
		}
	}
	return n;
}

static void derive_failed(void *ctx, const char *handler, const struct lua_fail *f)
{
	struct slice *s = ctx;
	if (!s->in->store_failed)
		ingest_failed(s->in, &s->ev, s->plan->owner->name, handler, 0, f);
}

static int derive(struct slice *s)
{
	struct plugin *owner = s->plan->owner;
	if (!wanted(s, owner) || !s->ev.type->nderived)
		return CX_OK;
	int rc = CX_OK;
	if (ingest_left_out(s->in, owner->name)) {
		struct lua_fail f = ingest_crashed(owner->name, NULL, 1);
		derive_failed(s, "derive", &f);
		s->ev.derived = event_derived_json(&s->ev, &s->in->arena);
		if (store_event_set_derived(s->in->eng->store, s->ev.seq, s->ev.derived, s->e) < 0)
			return ingest_lost(s->in, s->e);
	} else {
		rc = late_derive(s->in, s->plan, &s->ev, NULL, false, derive_failed, s);
	}
	return s->in->store_failed ? s->in->errs.v[0].code : rc;
}

/* It is left out of m from here on, as it would have been; its day is counted later. */
static int exclude(struct slice *s, const struct measure *m, const char *reason)
{
	int64_t at = s->ev.time_ms;
	tally_instant(m, &s->ev, &at);
	int rc = store_exclude(s->in->eng->store, m->kpi->cube->id, m->kpi->id, m->name, tz_day(at),
		s->ev.seq, reason, s->e);
	return rc < 0 ? ingest_lost(s->in, s->e) : CX_OK;
}

static int ask(struct slice *s, const struct measure *m)
{
	char handler[200];
	struct lua_fail f;
	struct cx_err why;
	if (ingest_left_out(s->in, m->kpi->plugin))
		return exclude(s, m, STORE_CRASHED);
	if (!m->where || engine_where_told(s->in->eng, m, &s->ev, &f, &why) >= 0)
		return CX_OK;
	snprintf(handler, sizeof handler, "kpi %s: measure %s", m->kpi->id, m->name);
	int rc = ingest_failed(s->in, &s->ev, m->kpi->plugin, handler, 0, &f);
	return rc < 0 ? rc : exclude(s, m, why.msg);
}

/* Which measures cannot be asked, and say so now. */
static int ask_measures(struct slice *s)
{
	int rc = CX_OK;
	for (int i = 0; i < s->plan->nmeasures && rc >= 0; i++)
		if (wanted(s, s->plan->measures[i].plugin))
			rc = ask(s, s->plan->measures[i].m);
	return rc < 0 ? rc : ingest_say_blind(s->in, s->plan, &s->ev);
}

static int react(struct slice *s)
{
	int rc = CX_OK;
	for (int i = 0; i < s->plan->nons && rc >= 0; i++)
		if (wanted(s, s->plan->ons[i].plugin))
			rc = ingest_react_nth(s->in, s->plan, i, &s->ev);
	return rc;
}

static int deal(struct slice *s, int64_t seq)
{
	struct ingest *in = s->in;
	bool missing;
	s->head = (struct job_head){.kind = FRAME_JOB, .now_ms = clock_now_ms()};
	s->head.caller = (struct caller){.level = LEVEL_ADMIN, .uid = UINT32_MAX};
	s->head.caller.lang = (uint8_t)cx_lang;
	random_bytes(&s->head.key, sizeof s->head.key);
	s->head.key >>= 1;
	random_bytes(&s->head.seed, sizeof s->head.seed);
	int past = store_note_is(in->eng->store, seq, "", "past", s->e);
	if (past < 0)
		return ingest_lost(in, s->e);
	int rc = late_open(in, &s->head, seq, past, &s->ev, &s->plan, &missing);
	if (rc != 1)
		return rc;
	rc = choose(s, seq);
	if (rc <= 0)
		return rc < 0 ? ingest_lost(in, s->e) : CX_OK;
	rc = derive(s);
	if (rc >= 0)
		rc = ask_measures(s);
	if (rc >= 0)
		rc = late_figures(in, s->plan, &s->ev, wanted, s);
	if (rc >= 0)
		rc = journeys_event(in, s->plan, &s->ev, wanted, s);
	return rc < 0 ? rc : react(s);
}

/* ---- the slice ---- */

static int gather(void *ctx, struct event *ev)
{
	struct slice *s = ctx;
	const struct engine *eng = s->in->eng;
	const struct type_plan *plan = plugin_set_type(&eng->set, ev->type_name);
	bool theirs = false;
	for (int i = 0; plan && i < eng->set.n && !theirs; i++)
		theirs = eng->set.v[i]->state == PLUGIN_BEHIND && plan_has(plan, eng->set.v[i]);
	if (theirs)
		s->seqs[s->n++] = ev->seq;
	return s->n == SEQS || ++s->looked == LOOKED;
}

static int keep(struct slice *s, int64_t upto, bool *changed)
{
	struct engine *eng = s->in->eng;
	int64_t next = s->in->next_seq;
	int rc = CX_OK;
	for (int i = 0; i < eng->set.n && rc >= 0; i++) {
		struct plugin *p = eng->set.v[i];
		if (p->state != PLUGIN_BEHIND || (p->pending >= upto && upto < next))
			continue;
		rc = quarantine_reached(eng, p->name, upto < next ? upto : 0, s->e);
		if (rc >= 0 && upto >= next) {
			*changed = true;
			log_info("plugin %s has caught up and runs", p->name);
		} else if (rc >= 0) {
			p->pending = upto;
		}
	}
	if (rc >= 0 && *changed) {
		rc = quarantine_read(eng, s->e);
		quarantine_apply(eng);
	}
	if (rc >= 0 && !eng->some_out)
		rc = store_notes_drop(eng->store, INT64_MAX, s->e);
	return rc;
}

static int run(struct slice *s, bool *changed)
{
	struct ingest *in = s->in;
	struct event_filter q = {.from_ms = INT64_MIN, .to_ms = INT64_MAX, .after = s->from - 1};
	int64_t last, upto, until = clock_mono_us() + SLICE_US;
	bool done = false;
	int rc = store_events(in->eng->store, &q, gather, s, &last, &done, s->e);
	if (rc < 0)
		return rc;
	upto = done ? in->next_seq : last + 1;
	for (int i = 0; i < s->n; i++) {
		rc = deal(s, s->seqs[i]);
		if (rc < 0) {
			*s->e = in->errs.v[0];
			return rc;
		}
		if (clock_mono_us() > until && i + 1 < s->n) {
			upto = s->seqs[i] + 1;
			break;
		}
	}
	return keep(s, upto, changed);
}

int quarantine_work(struct ingest *in, bool *changed, struct cx_err *e)
{
	struct engine *eng = in->eng;
	struct slice s = {.in = in, .e = e, .from = INT64_MAX};
	for (int i = 0; i < eng->set.n && eng->some_out; i++)
		if (eng->set.v[i]->state == PLUGIN_BEHIND && eng->set.v[i]->pending < s.from)
			s.from = eng->set.v[i]->pending;
	*changed = false;
	if (s.from == INT64_MAX)
		return 0;
	struct ingest_mark mark = ingest_mark(in);
	s.wanted = xcalloc((size_t)eng->set.n + 1, sizeof *s.wanted);
	eng->catching = true;
	int rc = store_begin(eng->store, e);
	if (rc >= 0)
		rc = run(&s, changed);
	if (rc >= 0)
		rc = cells_flush(in->cells, e);
	if (rc >= 0)
		rc = store_commit(eng->store, e);
	eng->catching = false;
	free(s.wanted);
	if (rc >= 0)
		return 1;
	struct cx_err again;
	store_rollback(eng->store);
	ingest_rewind(in, mark);
	if (quarantine_read(eng, &again) >= 0)
		quarantine_apply(eng);
	return rc;
}
