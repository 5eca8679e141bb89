/* What is known of plugins that are off, and what it means for the set at hand. */
#include "engine/quarantine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tz.h"

/* ---- rows ---- */

void quarantine_free(struct engine *eng)
{
	struct plugin_outs *l = eng->outs;
	for (int i = 0; l && i < l->n; i++) {
		free(l->v[i].plugin);
		free(l->v[i].state);
		free(l->v[i].hash);
		free(l->v[i].reason);
		free(l->v[i].strikes);
	}
	if (l)
		free(l->v);
	free(l);
	eng->outs = NULL;
}

static int note(void *ctx, const struct state_row *r)
{
	struct plugin_outs *l = ctx;
	l->v = xrealloc(l->v, sizeof *l->v * (size_t)(l->n + 1));
	l->v[l->n++] = (struct plugin_out){xstrdup(r->plugin), xstrdup(r->state), xstrdup(r->hash),
		xstrdup(r->reason), xstrdup(r->strikes), r->since_ms, r->pending};
	return 0;
}

int quarantine_read(struct engine *eng, struct cx_err *e)
{
	quarantine_free(eng);
	eng->outs = xcalloc(1, sizeof *eng->outs);
	return store_states(eng->store, note, eng->outs, e);
}

static const struct plugin_out *out_of(const struct engine *eng, const char *name)
{
	for (int i = 0; eng->outs && i < eng->outs->n; i++)
		if (strcmp(eng->outs->v[i].plugin, name) == 0)
			return &eng->outs->v[i];
	return NULL;
}

/* Off by itself, and these sources too? */
static bool own_off(const struct engine *eng, const char *name, const char *hash)
{
	const struct plugin_out *o = out_of(eng, name);
	if (!o)
		return false;
	return strcmp(o->state, "disabled") == 0 ||
	       (strcmp(o->state, "quarantined") == 0 && (!*o->hash || strcmp(o->hash, hash) == 0));
}

/* ---- the set ---- */

int quarantine_sources(struct engine *eng, struct plugin_sources *v, int n, struct cx_err *e)
{
	struct buf text = {0};
	int rc = CX_OK;
	for (int i = 0; i < n && rc >= 0; i++) {
		v[i].off = eng->safe || own_off(eng, v[i].name, v[i].hash);
		if (!v[i].off)
			continue;
		buf_clear(&text);
		rc = store_declared_get(eng->store, v[i].hash, &text, e);
		const struct plugin_out *o = out_of(eng, v[i].name);
		if (rc == 1)
			v[i].declared = xstrdup(buf_cstr(&text));
		else if (!eng->safe && strcmp(o->state, "disabled") == 0)
			v[i].off = false; /* loaded once, to know what it declares */
	}
	buf_free(&text);
	return rc < 0 ? rc : CX_OK;
}

static bool depends_off(const struct engine *eng, const struct plugin *p)
{
	for (int i = 0; i < p->ndepends; i++) {
		const struct plugin *d = plugin_set_find(&eng->set, p->depends[i]);
		if (d && d->state == PLUGIN_OFF)
			return true;
	}
	return false;
}

static void set_state(struct plugin *p, enum plugin_state state)
{
	if (state == PLUGIN_OFF && p->state != PLUGIN_OFF && p->run && p->iso)
		plugin_sleep(p);
	p->state = state;
}

void quarantine_apply(struct engine *eng)
{
	struct plugin_set *set = &eng->set;
	eng->some_out = false;
	eng->turned++;
	for (int i = 0; i < set->n; i++) {
		struct plugin *p = set->v[i];
		const struct plugin_out *o = out_of(eng, p->name);
		if (p->state == PLUGIN_FAILED)
			continue;
		p->pending = o ? o->pending : 0;
		bool off = eng->safe || own_off(eng, p->name, p->hash);
		set_state(p, off ? PLUGIN_OFF : p->pending ? PLUGIN_BEHIND : PLUGIN_RUNNING);
	}
	for (bool more = true; more;) { /* with those that depend on them */
		more = false;
		for (int i = 0; i < set->n; i++) {
			struct plugin *p = set->v[i];
			if (p->state == PLUGIN_FAILED || p->state == PLUGIN_OFF ||
				!depends_off(eng, p))
				continue;
			set_state(p, PLUGIN_OFF);
			more = true;
		}
	}
	for (int i = 0; i < set->n; i++)
		eng->some_out |=
			set->v[i]->state == PLUGIN_OFF || set->v[i]->state == PLUGIN_BEHIND;
}

/* ---- told ---- */

const char *quarantine_state(const struct engine *eng, const struct plugin *p)
{
	const struct plugin_out *o = out_of(eng, p->name);
	switch (p->state) {
	case PLUGIN_RUNNING: return "running";
	case PLUGIN_FAILED: return "failed";
	case PLUGIN_BEHIND: return "rebuilding";
	case PLUGIN_OFF: break;
	}
	return o && own_off(eng, p->name, p->hash) && strcmp(o->state, "quarantined") == 0
		       ? "quarantined"
		       : "disabled";
}

/* Whom it waits for; NULL: nobody. */
static const char *waits_for(const struct engine *eng, const struct plugin *p)
{
	for (int i = 0; i < p->ndepends; i++) {
		const struct plugin *d = plugin_set_find(&eng->set, p->depends[i]);
		if (d && d->state == PLUGIN_OFF)
			return d->name;
	}
	return NULL;
}

static void reason(const struct engine *eng, const struct plugin *p, char *out, size_t cap)
{
	const struct plugin_out *o = out_of(eng, p->name);
	const char *other = waits_for(eng, p);
	if (p->state == PLUGIN_BEHIND)
		snprintf(out, cap,
			CX_T("está pondo em dia os eventos desde o seq %lld",
				"it is catching up with the events since seq %lld"),
			(long long)p->pending);
	else if (eng->safe)
		snprintf(out, cap, "cxd serve --safe");
	else if (own_off(eng, p->name, p->hash))
		snprintf(out, cap, "%s", o->reason);
	else
		snprintf(out, cap,
			CX_T("depende de %s, que está fora", "it depends on %s, which is off"),
			other ? other : "?");
}

void quarantine_json(const struct engine *eng, const struct plugin *p, struct buf *b)
{
	const struct plugin_out *o = out_of(eng, p->name);
	char text[400], when[TZ_TEXT];
	int strikes = 0;
	for (const char *s = o ? o->strikes : ""; *s; s++)
		strikes += *s == ',' || (*s == '[' && s[1] != ']');
	jw_kint(b, "strikes", strikes);
	if (p->state != PLUGIN_OFF && p->state != PLUGIN_BEHIND)
		return;
	if (p->state == PLUGIN_OFF && own_off(eng, p->name, p->hash)) {
		tz_format(o->since_ms, when);
		jw_kstr(b, "since", when);
	}
	reason(eng, p, text, sizeof text);
	jw_kstr(b, "reason", text);
	if (p->pending)
		jw_kint(b, "pending", p->pending);
}

int quarantine_refuse(struct engine *eng, const struct plugin *p, struct cx_err *e)
{
	char why[300], when[TZ_TEXT] = "";
	if (p->state == PLUGIN_RUNNING || (p->state == PLUGIN_BEHIND && eng->catching))
		return CX_OK;
	reason(eng, p, why, sizeof why);
	if (p->state == PLUGIN_BEHIND)
		return cx_fail(e, CX_E_PLUGIN_QUARANTINED, NULL,
			CX_T("o plugin %s ainda não responde: %s",
				"the plugin %s does not answer yet: %s"),
			p->name, why);
	if (own_off(eng, p->name, p->hash))
		tz_format(out_of(eng, p->name)->since_ms, when);
	return cx_fail(e, CX_E_PLUGIN_QUARANTINED, NULL,
		CX_T("o plugin %s está fora%s%s: %s; cxd plugin enable %s o liga de novo",
			"the plugin %s is off%s%s: %s; cxd plugin enable %s turns it on again"),
		p->name, *when ? CX_T(" desde ", " since ") : "", when, why, p->name);
}

bool plan_has(const struct type_plan *plan, const struct plugin *p)
{
	bool has = plan->owner == p;
	for (int i = 0; i < plan->nmeasures && !has; i++)
		has = plan->measures[i].plugin == p;
	for (int i = 0; i < plan->nons && !has; i++)
		has = plan->ons[i].plugin == p;
	for (int i = 0; i < plan->njourneys && !has; i++)
		has = plan->journeys[i].plugin == p;
	return has;
}

void quarantine_pending(struct engine *eng, struct str type, int64_t seq, struct buf *b)
{
	const struct type_plan *plan = eng->some_out ? plugin_set_type(&eng->set, type) : NULL;
	bool any = false;
	for (int i = 0; plan && i < eng->set.n; i++) {
		const struct plugin *p = eng->set.v[i];
		struct cx_err e;
		if ((p->state != PLUGIN_OFF && p->state != PLUGIN_BEHIND) || !plan_has(plan, p) ||
			!p->pending || p->pending > seq ||
			store_note_is(eng->store, seq, p->name, "done", &e) != 0)
			continue;
		if (!any) {
			jw_key(b, "pending");
			jw_arr(b);
		}
		any = true;
		jw_str(b, p->name);
	}
	if (any)
		jw_arr_end(b);
}

void quarantine_push(struct engine *eng, struct buf *out)
{
	struct plugins_told told = {0};
	struct buf failed = {0}, off = {0}, body = {0};
	jw_arr(&failed);
	jw_arr(&off);
	for (int i = 0; i < eng->set.n; i++) {
		const struct plugin *p = eng->set.v[i];
		const char *state = quarantine_state(eng, p);
		told.running += p->state == PLUGIN_RUNNING;
		told.failed += p->state == PLUGIN_FAILED;
		told.rebuilding += p->state == PLUGIN_BEHIND;
		if (p->state == PLUGIN_FAILED)
			jw_str(&failed, p->name);
		if (p->state != PLUGIN_OFF)
			continue;
		bool own = strcmp(state, "quarantined") == 0;
		told.quarantined += own;
		told.disabled += !own;
		if (own)
			jw_str(&off, p->name);
	}
	jw_arr_end(&failed);
	jw_arr_end(&off);
	buf_add(&body, &told, sizeof told);
	buf_add(&body, buf_cstr(&failed), failed.len + 1);
	buf_add(&body, buf_cstr(&off), off.len + 1);
	struct job_head h = {.kind = FRAME_PLUGINS, .body_len = (uint32_t)body.len};
	frame_add(out, &h, NULL, body.p);
	buf_free(&failed);
	buf_free(&off);
	buf_free(&body);
}
