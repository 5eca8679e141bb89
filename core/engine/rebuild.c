#include "engine/rebuild.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/tz.h"
#include "engine/choices.h"
#include "kpi/count.h"

enum { SLICE = 4000 };

struct rebuild {
	struct ingest *in;
	bool *changed; /* parallel to the set's plugins */
	struct choices *choices;
	struct standing *standing; /* second walk; NULL: the first, which only gathers candidates */
	int slice;
	uint64_t done;
	struct cx_err *e;
	struct {
		int64_t seq;
		struct str derived;
	} late[SLICE]; /* derived fields to add to old events, after the reading cursor */
	int nlate;
	struct arena arena, late_text;
};

static bool wants(const struct rebuild *r, const struct plugin *p)
{
	for (int i = 0; i < r->in->eng->set.n; i++)
		if (r->in->eng->set.v[i] == p)
			return r->changed[i];
	return false;
}

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
static void derive_missing(struct rebuild *r, struct plugin *owner, struct event *ev)
{
	int first = ev->type->nfields - ev->type->nderived, n = ev->type->nderived;
	struct value *had = arena_alloc(&r->arena, (size_t)n * sizeof *had);
	struct json_doc d = {0};
	memcpy(had, ev->fields + first, (size_t)n * sizeof *had);
	plugin_derive(owner, ev, derive_failed, &(struct derived){ev, owner->name});
	if (ev->derived.p &&
		json_scan(&d, ev->derived.p, ev->derived.n, JSON_DEPTH, 65536, NULL) >= 0)
		for (int i = 0; i < n; i++)
			if (json_get(&d, 0, ev->type->fields[first + i].name))
				ev->fields[first + i] = had[i];
	json_doc_free(&d);
	struct str text = event_derived_json(ev, &r->arena);
	r->late[r->nlate].seq = ev->seq;
	r->late[r->nlate++].derived = arena_str(&r->late_text, text.p, text.n);
}

static int places(struct rebuild *r, const struct type_plan *plan, const struct event *ev)
{
	for (int i = 0; i < plan->nat; i++) {
		struct value v = ev->fields[plan->at_fields[i]];
		if (v.kind == VALUE_INT && store_place_add(r->in->eng->store, plan->at_slots[i],
						   v.i, ev->seq, r->e) < 0)
			return r->e->code;
	}
	return CX_OK;
}

static int one(struct rebuild *r, const struct type_plan *plan, struct event *ev)
{
	bool missing = false;
	int n = 0;
	ev->type = plan->type;
	event_reload(ev, r->in->eng->conf->company_currency, &r->arena, &missing);
	if (missing && wants(r, plan->owner))
		derive_missing(r, plan->owner, ev);
	struct counted *v = arena_alloc(&r->arena, sizeof *v * (size_t)(plan->nmeasures + 1));
	for (int i = 0; i < plan->nmeasures; i++) {
		const struct measure *m = plan->measures[i].m;
		if (r->standing ? wants(r, plan->measures[i].plugin)
				: choices_missing(r->choices, m))
			v[n++] = (struct counted){.m = m};
	}
	if (!r->standing)
		return count_candidates(r->in->cells, v, n, ev, r->e);
	int rc = places(r, plan, ev);
	return rc < 0 ? rc : count_again(r->in->cells, r->standing, v, n, ev, r->e);
}

static int each(void *ctx, struct event *ev)
{
	struct rebuild *r = ctx;
	const struct type_plan *plan = plugin_set_type(&r->in->eng->set, ev->type_name);
	arena_reset(&r->arena);
	r->done++;
	int rc = plan ? one(r, plan, ev) : 0;
	return rc < 0 ? rc : ++r->slice == SLICE;
}

static int finish_slice(struct rebuild *r)
{
	struct store *s = r->in->eng->store;
	int rc = CX_OK;
	for (int i = 0; i < r->nlate && rc >= 0; i++)
		rc = store_event_set_derived(s, r->late[i].seq, r->late[i].derived, r->e);
	r->nlate = 0;
	arena_reset(&r->late_text);
	if (rc >= 0)
		rc = cells_flush(r->in->cells, r->e);
	if (rc >= 0)
		rc = store_commit(s, r->e);
	store_checkpoint(s, 8 << 20, false);
	return rc;
}

static void progress(struct rebuild *r, int64_t last)
{
	struct engine *eng = r->in->eng;
	struct progress p = {.what = "rebuild",
		.done = (uint64_t)last,
		.total = (uint64_t)(r->in->next_seq - 1)};
	struct job_head h = {.kind = FRAME_PROGRESS, .body_len = sizeof p};
	struct buf out = {0};
	if (eng->fd < 0)
		return;
	frame_add(&out, &h, NULL, (const char *)&p);
	frame_flush(eng->fd, &out);
	buf_free(&out);
}

static int walk(struct rebuild *r)
{
	struct store *s = r->in->eng->store;
	struct event_filter q = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
	bool done = false;
	while (!done) {
		int rc = store_begin(s, r->e);
		r->slice = 0;
		if (rc >= 0)
			rc = store_events(s, &q, each, r, &q.after, &done, r->e);
		if (rc >= 0)
			rc = finish_slice(r);
		if (rc < 0)
			return rc;
		progress(r, q.after);
	}
	return CX_OK;
}

static int behind(void *ctx, const char *plugin)
{
	struct rebuild *r = ctx;
	const struct plugin *p = plugin_set_find(&r->in->eng->set, plugin);
	if (p) /* a reader may still have it */
		return p->state != PLUGIN_FAILED
			       ? CX_OK
			       : store_figures_set(r->in->eng->store, plugin, "", r->e);
	int rc = store_cubes_drop(r->in->eng->store, plugin, r->e);
	return rc < 0 ? rc : store_figures_remove(r->in->eng->store, plugin, r->e);
}

/* Which plugins' figures are not of their present identity; their cubes are emptied. Plugins that
 * do not run miss what comes now: they are behind, also if they come back unchanged. */
static int find_changed(struct rebuild *r, int *n)
{
	struct engine *eng = r->in->eng;
	struct buf was = {0};
	int rc = store_begin(eng->store, r->e);
	if (rc >= 0)
		rc = store_figures(eng->store, behind, r, r->e);
	for (int i = 0; i < eng->set.n && rc >= 0; i++) {
		struct plugin *p = eng->set.v[i];
		if (p->state != PLUGIN_RUNNING && p->state != PLUGIN_BEHIND)
			continue;
		buf_clear(&was);
		rc = store_figures_get(eng->store, p->name, &was, r->e);
		r->changed[i] = rc == 0 || (rc == 1 && strcmp(buf_cstr(&was), p->identity) != 0);
		if (rc < 0 || !r->changed[i])
			continue;
		++*n;
		rc = store_cubes_drop(eng->store, p->name, r->e);
		if (rc >= 0)
			rc = store_figures_set(eng->store, p->name, "", r->e);
		if (rc >= 0)
			rc = kpi_cubes_bind(eng->store, p->cubes, p->ncubes, r->e);
	}
	buf_free(&was);
	return rc < 0 ? rc : store_commit(eng->store, r->e);
}

static int mark_done(struct rebuild *r)
{
	struct engine *eng = r->in->eng;
	int rc = store_begin(eng->store, r->e);
	for (int i = 0; i < eng->set.n && rc >= 0; i++)
		if (r->changed[i])
			rc = store_figures_set(
				eng->store, eng->set.v[i]->name, eng->set.v[i]->identity, r->e);
	if (rc >= 0)
		rc = choices_keep(r->choices, r->e);
	return rc < 0 ? rc : store_commit(eng->store, r->e);
}

static int walks(struct rebuild *r, int n)
{
	int64_t from = clock_mono_us();
	int rc = CX_OK;
	log_info("counting the figures of %d plugin(s) again from %lld events", n,
		(long long)r->in->next_seq - 1);
	if (choices_missing(r->choices, NULL))
		rc = walk(r);
	r->standing = standing_new(r->in->eng->store, INT64_MAX);
	if (rc >= 0)
		rc = walk(r);
	log_info("figures counted again from %llu events in %lld ms", (unsigned long long)r->done,
		(long long)(clock_mono_us() - from) / 1000);
	return rc;
}

int rebuild_changed(struct ingest *in, struct cx_err *e)
{
	struct rebuild *r = xcalloc(1, sizeof *r);
	int n = 0;
	*r = (struct rebuild){.in = in, .e = e};
	r->changed = xcalloc((size_t)in->eng->set.n, sizeof *r->changed);
	blame_phase(in->eng->blame, BLAME_REBUILD);
	int rc = find_changed(r, &n);
	if (rc >= 0)
		rc = choices_open(in->eng, &r->choices, e);
	if (rc >= 0 && n && in->next_seq > 1)
		rc = walks(r, n);
	if (rc >= 0)
		rc = mark_done(r);
	choices_free(r->choices);
	standing_free(r->standing);
	arena_free(&r->arena);
	arena_free(&r->late_text);
	free(r->changed);
	free(r);
	return rc < 0 ? rc : CX_OK;
}
