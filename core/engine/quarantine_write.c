/* The writer's side of plugin_state: strikes, enable, disable. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/problem.h"
#include "base/tz.h"
#include "engine/late.h"
#include "engine/quarantine.h"
#include "engine/timers.h"

enum { STRIKES = 2 };
static const int64_t within_ms = 10 * 60 * 1000;

/* The row as it is, or one that says nothing; texts of it point into the rows read. */
static struct state_row row_of(const struct engine *eng, const char *plugin)
{
	for (int i = 0; eng->outs && i < eng->outs->n; i++) {
		const struct plugin_out *o = &eng->outs->v[i];
		if (strcmp(o->plugin, plugin) == 0)
			return (struct state_row){o->plugin, o->state, o->hash, o->reason,
				o->strikes, o->since_ms, o->pending};
	}
	return (struct state_row){
		.plugin = plugin, .state = "running", .hash = "", .reason = "", .strikes = "[]"};
}

static int put(struct engine *eng, const struct state_row *r, struct cx_err *e)
{
	bool nothing =
		strcmp(r->state, "running") == 0 && !r->pending && strcmp(r->strikes, "[]") == 0;
	int rc = nothing ? store_state_drop(eng->store, r->plugin, e)
			 : store_state_put(eng->store, r, e);
	if (rc >= 0)
		rc = engine_next_generation(eng, e);
	return rc < 0 ? rc : quarantine_read(eng, e);
}

/* ---- strikes ---- */

/* Adds the strike's time to those of the last ten minutes: how many there are, 0 it was there. */
static int add_strike(const char *list, int64_t at_ms, struct buf *out)
{
	int n = 0;
	jw_arr(out);
	for (const char *p = list; (p = strpbrk(p, "0123456789"));) {
		char *end;
		long long t = strtoll(p, &end, 10);
		p = end;
		if (t == at_ms)
			return 0;
		if (t < at_ms - within_ms)
			continue;
		jw_int(out, t);
		n++;
	}
	jw_int(out, at_ms);
	jw_arr_end(out);
	return n + 1;
}

struct hash_of {
	const char *plugin;
	char hash[65];
};

static int find_hash(void *ctx, const char *plugin, const char *hash)
{
	struct hash_of *h = ctx;
	if (strcmp(plugin, h->plugin) == 0)
		snprintf(h->hash, sizeof h->hash, "%s", hash);
	return 0;
}

/* While it caught up, the event is known: the code is left out of it from now on. */
static int note_event(
	struct engine *eng, const struct state_row *r, const struct strike *s, struct cx_err *e)
{
	int64_t seq = (r->pending & ~(int64_t)UINT32_MAX) | s->item;
	if (s->of_job || !r->pending || !s->item)
		return CX_OK;
	if (seq < r->pending)
		seq += (int64_t)UINT32_MAX + 1;
	return store_note_add(eng->store, seq, r->plugin, "crashed", e);
}

/* What fires by itself does so again when the engine is back, but not for ever. */
static int note_due(struct engine *eng, const struct strike *s, struct cx_err *e)
{
	if (!s->due_kind || s->due_kind > (uint32_t)due_nkinds)
		return CX_OK;
	return due_kinds[s->due_kind - 1].struck(eng->store, s->due, e);
}

static int strike(struct engine *eng, const struct strike *s, struct cx_err *e)
{
	struct state_row r = row_of(eng, s->plugin);
	struct hash_of h = {.plugin = s->plugin};
	struct buf strikes = {0};
	char why[300];
	int n = add_strike(r.strikes, s->at_ms, &strikes);
	int rc = n ? note_due(eng, s, e) : CX_OK;
	if (rc >= 0 && n)
		rc = store_plugins(eng->store, false, find_hash, &h, e);
	if (rc >= 0 && n && (h.hash[0] || s->loading)) {
		r.strikes = buf_cstr(&strikes);
		bool enough = s->loading || n >= STRIKES;
		if (enough && (s->loading || strcmp(r.state, "running") == 0)) {
			snprintf(why, sizeof why,
				s->loading ? "its code ended the engine while it was loaded"
					   : "its code ended the engine %d times in ten minutes, "
					     "the last time in \"%s\"",
				n, s->handler);
			r.state = "quarantined";
			r.since_ms = s->at_ms;
			r.reason = why;
			log_error("plugin %s is quarantined: %s; cxd plugin enable %s", s->plugin,
				why, s->plugin);
		}
		if (strcmp(r.state, "disabled") != 0) /* which sources were loaded is not known */
			r.hash = s->loading ? "" : h.hash;
		rc = note_event(eng, &r, s, e);
		if (rc >= 0)
			rc = put(eng, &r, e);
	}
	buf_free(&strikes);
	return rc < 0 ? rc : CX_OK;
}

int quarantine_strikes(struct engine *eng, struct cx_err *e)
{
	int rc = store_begin(eng->store, e);
	if (rc >= 0)
		rc = quarantine_read(eng, e);
	for (int i = 0; i < eng->nstruck && rc >= 0; i++)
		rc = strike(eng, &eng->struck[i], e);
	if (rc >= 0)
		rc = store_commit(eng->store, e);
	if (rc < 0)
		store_rollback(eng->store);
	return rc < 0 ? rc : CX_OK;
}

/* ---- what follows from the rows ---- */

int quarantine_settle(struct engine *eng, int64_t next_seq, struct cx_err *e)
{
	int rc = CX_OK;
	quarantine_apply(eng);
	for (int i = 0; i < eng->set.n && rc >= 0; i++) {
		const struct plugin *p = eng->set.v[i];
		struct state_row r = row_of(eng, p->name);
		bool quarantined = strcmp(r.state, "quarantined") == 0;
		bool these = quarantined && !*r.hash;
		bool renewed = quarantined && *r.hash && strcmp(r.hash, p->hash) != 0;
		bool went = p->state == PLUGIN_OFF && !r.pending;
		if (!these && !renewed && !went)
			continue;
		if (went)
			r.pending = next_seq;
		if (these)
			r.hash = p->hash;
		if (renewed) {
			log_info(
				"plugin %s is no longer quarantined: it is a new version", p->name);
			r.state = "running";
			r.reason = "";
			r.strikes = "[]";
			r.hash = p->hash;
		}
		rc = put(eng, &r, e);
	}
	if (rc >= 0)
		quarantine_apply(eng);
	return rc < 0 ? rc : CX_OK;
}

int quarantine_reached(struct engine *eng, const char *plugin, int64_t pending, struct cx_err *e)
{
	struct state_row r = row_of(eng, plugin);
	r.pending = pending;
	if (!pending)
		return put(eng, &r, e);
	for (int i = 0; i < eng->outs->n; i++)
		if (strcmp(eng->outs->v[i].plugin, plugin) == 0)
			eng->outs->v[i].pending = pending;
	return store_state_put(eng->store, &r, e); /* readers need not know */
}

/* ---- by word ---- */

static int enable(struct ingest *in, struct plugin *p, struct cx_err *e)
{
	struct engine *eng = in->eng;
	struct state_row r = row_of(eng, p->name);
	struct lua_fail f;
	char text[400];
	bool failed = p->state == PLUGIN_FAILED;
	if (failed && strcmp(r.state, "running") == 0)
		return cx_fail(e, CX_E_CONFLICT, NULL,
			CX_T("o plugin %s tem erros: cxd plugin list os mostra",
				"the plugin %s has mistakes: cxd plugin list shows them"),
			p->name);
	if (strcmp(r.state, "running") == 0)
		return CX_OK;
	if (ingest_left_out(in, p->name))
		return cx_fail(e, CX_E_PLUGIN_CRASHED, NULL,
			CX_T("o plugin %s derrubou o motor ao ser carregado",
				"the plugin %s ended the engine while it was loaded"),
			p->name);
	if (!eng->safe && !failed && plugin_wake(p, &f) < 0) { /* failed: at the next load */
		engine_fail_text(&f, text, sizeof text);
		return cx_fail(e, CX_E_CONFLICT, NULL,
			CX_T("o plugin %s não pode ser ligado: %s",
				"the plugin %s cannot be turned on: %s"),
			p->name, text);
	}
	/* the same definition, unless the configuration changed */
	if (kpi_cubes_bind(eng->store, p->cubes, p->ncubes, 0, e) < 0)
		return e->code;
	log_info("plugin %s is enabled", p->name);
	r.state = "running";
	r.reason = "";
	r.strikes = "[]";
	r.since_ms = in->head->now_ms;
	return put(eng, &r, e);
}

static int disable(struct ingest *in, const struct plugin *p, struct cx_err *e)
{
	struct state_row r = row_of(in->eng, p->name);
	const struct caller *c = &in->head->caller;
	char why[160];
	if (strcmp(r.state, "disabled") == 0)
		return CX_OK;
	if (c->person[0] || c->token[0])
		snprintf(why, sizeof why, "disabled by %s", c->person[0] ? c->person : c->token);
	else
		snprintf(why, sizeof why, "disabled by uid %u", c->uid);
	log_info("plugin %s is %s", p->name, why);
	r.state = "disabled";
	r.reason = why;
	r.hash = p->hash;
	r.since_ms = in->head->now_ms;
	return put(in->eng, &r, e);
}

static int by_word(struct ingest *in, const struct frame *f, struct buf *reply, struct cx_err *e)
{
	const char *name = meta_get(f->meta, f->head.meta_len, "name");
	struct plugin *p = plugin_set_find(&in->eng->set, name ? name : "");
	bool on = f->head.route == ROUTE_PLUGIN_ENABLE;
	if (!p)
		return cx_fail(e, CX_E_NOT_FOUND, "name",
			CX_T("não existe o plugin \"%.80s\"", "there is no plugin \"%.80s\""),
			name ? name : "");
	int rc = on ? enable(in, p, e) : disable(in, p, e);
	if (rc >= 0)
		rc = quarantine_settle(in->eng, in->next_seq, e);
	if (rc < 0)
		return rc;
	jw_obj(reply);
	jw_kstr(reply, "name", p->name);
	jw_kstr(reply, "state", quarantine_state(in->eng, p));
	quarantine_json(in->eng, p, reply);
	jw_obj_end(reply);
	return CX_OK;
}

int quarantine_write(
	struct ingest *in, const struct frame *f, struct buf *reply, int *status, bool *changed)
{
	struct cx_err e = {0};
	struct strike s;
	int rc = CX_OK;
	size_t at = reply->len;
	ingest_job_begin(in, &f->head, false, in->next_seq);
	arena_reset(&in->arena);
	*changed = true;
	if (f->head.route == ROUTE_STRIKE && f->head.body_len == sizeof s) {
		memcpy(&s, f->body, sizeof s);
		rc = strike(in->eng, &s, &e);
		if (rc >= 0)
			rc = quarantine_settle(in->eng, in->next_seq, &e);
	} else if (f->head.route != ROUTE_STRIKE) {
		rc = by_word(in, f, reply, &e);
	}
	if (rc == CX_E_STORE_FAILED || rc == CX_E_DISK_FULL)
		return ingest_lost(in, &e);
	*status = 200;
	if (rc < 0) {
		reply->len = at;
		*status = problem_write(reply, &e);
	}
	return CX_OK;
}
