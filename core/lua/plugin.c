#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/bind.h"

/* ---- the set ---- */

void meanwhile(const struct plugin_set *set)
{
	if (set->m)
		set->m->turn(set->m->ctx);
}

static void plugin_free(struct plugin *p)
{
	struct plugin_run *run = p->run;
	declared_drop(p);
	isolate_free(p->iso);
	for (int i = 0; i < p->nerrors; i++) {
		free(p->errors[i].file);
		free(p->errors[i].message);
	}
	free(p->errors);
	for (int i = 0; i < p->nfiles; i++) {
		free(p->files[i].path);
		free(p->files[i].text);
	}
	free(p->files);
	for (int i = 0; i < p->ndepends; i++)
		free(p->depends[i]);
	free(p->depends);
	buf_free(&run->declared);
	free(run->labels);
	free(run->files);
	free(run->file);
	free(run->config);
	arena_free(&run->kept);
	arena_free(&run->scratch);
	buf_free(&run->json);
	free(run);
	free(p->name);
	free(p->version);
	free(p->title);
	free(p);
}

static struct plugin *plugin_new(struct plugin_set *set, struct plugin_sources *s)
{
	const struct conf *c = set->conf;
	struct plugin *p = xcalloc(1, sizeof *p);
	p->name = s->name;
	p->files = s->files;
	p->nfiles = s->nfiles;
	memcpy(p->hash, s->hash, sizeof p->hash);
	p->limits = (struct isolate_limits){.memory = (size_t)c->lua_memory,
		.load_ms = (int)c->lua_load,
		.handler_ms = (int)c->lua_handler,
		.formula_ms = (int)c->lua_formula,
		.script_ms = (int)c->lua_script};
	p->run = xcalloc(1, sizeof *p->run);
	p->run->p = p;
	p->run->set = set;
	p->run->sops = s->sops;
	return p;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct plugin *const *)a)->name, (*(struct plugin *const *)b)->name);
}

static void sources_drop(struct plugin_sources *s)
{
	for (int k = 0; k < s->nfiles; k++) {
		free(s->files[k].path);
		free(s->files[k].text);
	}
	free(s->files);
	free(s->declared);
	free(s->name);
}

/* The plugin of these sources in the other set, unless it has to be loaded anew. */
static struct plugin *same_as(
	const struct plugin_set *old, const struct conf *c, const struct plugin_sources *s)
{
	struct plugin *p = old ? plugin_set_find(old, s->name) : NULL;
	bool same = p && p->state != PLUGIN_FAILED && strcmp(p->hash, s->hash) == 0 &&
		    conf_same_for(old->conf, c, s->name);
	return same && (p->state == PLUGIN_OFF) == s->off ? p : NULL;
}

/* Which plugins of the other set stay: those that are as they were, and so is all that they depend
 * on. */
static struct plugin **find_kept(
	const struct plugin_set *old, const struct conf *c, const struct plugin_sources *v, int n)
{
	struct plugin **kept = xcalloc((size_t)n + 1, sizeof(struct plugin *));
	for (int i = 0; i < n; i++)
		kept[i] = same_as(old, c, &v[i]);
	for (bool more = true; more;) {
		more = false;
		for (int i = 0; i < n; i++)
			for (int d = 0; kept[i] && d < kept[i]->ndepends; d++) {
				int k = 0;
				while (k < n && strcmp(v[k].name, kept[i]->depends[d]) != 0)
					k++;
				if (k < n && kept[k])
					continue;
				kept[i] = NULL;
				more = true;
				break;
			}
	}
	return kept;
}

void plugin_set_leave(struct plugin_set *set, const struct plugin_set *old)
{
	for (int i = 0; i < set->n; i++) {
		bool kept = false;
		for (int k = 0; k < old->n; k++)
			kept = kept || old->v[k] == set->v[i];
		if (kept)
			continue;
		meanwhile(set);
		plugin_free(set->v[i]);
	}
	plans_free(set);
	free(set->v);
	arena_free(&set->texts);
	*set = (struct plugin_set){0};
}

void plugin_set_take(struct plugin_set *set, struct plugin_set *from)
{
	plugin_set_leave(set, from);
	*set = *from;
	*from = (struct plugin_set){0};
	for (int i = 0; i < set->n; i++)
		set->v[i]->run->set = set;
}

/* left_out: its code must not run. */
static struct plugin *load_one(struct plugin_set *set, struct plugin_sources *v, bool left_out)
{
	struct plugin *p = plugin_new(set, v);
	struct lua_fail f;
	if (left_out && v->declared) {
		p->state = PLUGIN_OFF;
		define_known(p, v->declared);
	} else if (left_out) {
		char file[160];
		snprintf(file, sizeof file, "plugins/%s/plugin.lua", p->name);
		plugin_mistake(p, file, 0,
			"plugin: left out of this run, because its code ended the engine before");
	} else {
		call_load(p, false, &f);
	}
	free(v->declared);
	return p;
}

static void resolve(struct plugin_set *set)
{
	qsort(set->v, (size_t)set->n, sizeof(struct plugin *), by_name);
	resolve_set(set);
	for (int i = 0; i < set->n; i++) {
		set->v[i]->run->stays = false;
		set->v[i]->run->sops = NULL;
	}
}

int plugin_set_load(struct plugin_set *set, const struct conf *c, struct plugin_sources *v, int n,
	const char *const *off, int noff, struct blame *blame)
{
	*set = (struct plugin_set){.conf = c, .blame = blame, .n = n};
	set->v = xcalloc((size_t)n + 1, sizeof(struct plugin *));
	for (int i = 0; i < n; i++) {
		bool left_out = v[i].off;
		for (int k = 0; k < noff; k++)
			left_out = left_out || strcmp(off[k], v[i].name) == 0;
		set->v[i] = load_one(set, &v[i], left_out);
	}
	free(v);
	resolve(set);
	return CX_OK;
}

int plugin_set_renew(struct plugin_set *set, const struct plugin_set *old, const struct conf *c,
	struct plugin_sources *v, int n, const struct meanwhile *m, struct blame *blame)
{
	struct plugin **kept = find_kept(old, c, v, n);
	*set = (struct plugin_set){.conf = c, .blame = blame, .n = n, .m = m};
	set->v = xcalloc((size_t)n + 1, sizeof(struct plugin *));
	for (int i = 0; i < n; i++) {
		set->v[i] = kept[i] ? kept[i] : load_one(set, &v[i], v[i].off);
		if (kept[i])
			sources_drop(&v[i]);
	}
	for (int i = 0; i < n; i++)
		if (kept[i])
			kept[i]->run->stays = true;
	resolve(set);
	set->m = NULL;
	free(v);
	free(kept);
	return CX_OK;
}

int plugin_set_alone(struct plugin_set *set, const struct conf *c, struct plugin_sources *s,
	struct blame *blame, struct lua_fail *f)
{
	*set = (struct plugin_set){.conf = c, .blame = blame, .n = 1};
	set->v = xcalloc(1, sizeof(struct plugin *));
	struct plugin *p = set->v[0] = plugin_new(set, s);
	free(s->declared);
	int rc = call_load(p, false, f);
	p->state = rc < 0 ? PLUGIN_FAILED : PLUGIN_RUNNING;
	return rc;
}

void plugin_set_free(struct plugin_set *set)
{
	plans_free(set);
	for (int i = 0; i < set->n; i++)
		plugin_free(set->v[i]);
	free(set->v);
	arena_free(&set->texts);
	*set = (struct plugin_set){0};
}

struct str plugin_declared(const struct plugin *p)
{
	return (struct str){p->run->declared.p, (uint32_t)p->run->declared.len};
}

int plugin_wake(struct plugin *p, struct lua_fail *f)
{
	return p->iso && !isolate_spoiled(p->iso) ? 0 : call_load(p, true, f);
}

void plugin_sleep(struct plugin *p)
{
	isolate_free(p->iso);
	p->iso = NULL;
	p->run->handles_ref = LUA_NOREF;
}

struct plugin *plugin_set_find(const struct plugin_set *set, const char *name)
{
	for (int i = 0; i < set->n; i++)
		if (strcmp(set->v[i]->name, name) == 0)
			return set->v[i];
	return NULL;
}

static int by_type_name(const void *key, const void *plan)
{
	const struct str *type = key;
	const char *name = ((const struct type_plan *)plan)->type->name;
	int c = strncmp(type->p, name, type->n);
	return c ? c : name[type->n] ? -1 : 0;
}

const struct type_plan *plugin_set_type(const struct plugin_set *set, struct str type)
{
	return bsearch(&type, set->plans, (size_t)set->nplans, sizeof *set->plans, by_type_name);
}

const struct kpi *plugin_set_kpi(
	const struct plugin_set *set, const char *id, struct plugin **owner)
{
	for (int i = 0; i < set->n; i++)
		for (int k = 0; k < set->v[i]->nkpis; k++)
			if (strcmp(set->v[i]->kpis[k]->id, id) == 0) {
				if (owner)
					*owner = set->v[i];
				return set->v[i]->kpis[k];
			}
	return NULL;
}

const struct plugin_record *plugin_set_record(
	const struct plugin_set *set, struct str kind, struct plugin **owner)
{
	for (int i = 0; i < set->n; i++)
		for (int k = 0; k < set->v[i]->nrecords; k++) {
			const char *name = set->v[i]->records[k].type->name;
			if (strlen(name) != kind.n || memcmp(name, kind.p, kind.n) != 0)
				continue;
			if (owner)
				*owner = set->v[i];
			return &set->v[i]->records[k];
		}
	return NULL;
}

/* ---- calls ---- */

enum what { CALL_WHERE, CALL_DERIVE, CALL_REACT, CALL_FORMULA, CALL_INTERVAL, CALL_COMPARE };
struct call {
	struct plugin_run *run;
	enum what what;
	int slot, handle;
	bool yes, null;
	double value;
	struct kpi_view *view, *before; /* before: compare */
	struct kpi_interval *interval;
	struct kpi_change *change;
};

static void take_number(lua_State *L, struct call *c)
{
	if (lua_isnil(L, -1)) {
		c->null = true;
	} else if (lua_type(L, -1) == LUA_TNUMBER) {
		c->value = lua_tonumber(L, -1);
		c->null = !isfinite(c->value);
	} else {
		luaL_error(L, "the formula must return a number or nil, it returned %s",
			luaL_testudata(L, -1, "cx.set") ? "a set (use # for its size)"
			: luaL_testudata(L, -1, "cx.histogram")
				? "a histogram (use #, :at(p) or :mean())"
				: luaL_typename(L, -1));
	}
}

/* low and high NaN: too few answers for an interval, as cx.stats.mean says of one value. */
static void take_interval(lua_State *L, struct call *c)
{
	struct kpi_interval *i = c->interval;
	c->null = true;
	if (lua_isnil(L, -1))
		return;
	if (!lua_istable(L, -1))
		luaL_error(L, "interval must return { low =, high = } or nil, it returned %s",
			luaL_typename(L, -1));
	int low = lua_getfield(L, -1, "low"), high = lua_getfield(L, -2, "high");
	i->low = lua_tonumber(L, -2);
	i->high = lua_tonumber(L, -1);
	i->has_n = lua_getfield(L, -3, "n") == LUA_TNUMBER && isfinite(lua_tonumber(L, -1));
	i->n = i->has_n ? lua_tonumber(L, -1) : 0;
	bool few = low == LUA_TNIL && high == LUA_TNIL && i->has_n;
	if (!few && (low != LUA_TNUMBER || high != LUA_TNUMBER))
		luaL_error(L, "interval must return low and high as numbers");
	if (!few && i->low > i->high)
		luaL_error(L, "interval must return low and high in this order, not %f and %f",
			i->low, i->high);
	if (lua_getfield(L, -4, "method") == LUA_TSTRING)
		snprintf(i->method, sizeof i->method, "%s", lua_tostring(L, -1));
	if (few || !isfinite(i->low) || !isfinite(i->high))
		i->low = i->high = NAN;
	c->null = isnan(i->low) && !i->has_n;
}

/* The interval's function is on top: it is asked for both windows, then runtime/compare.lua. */
static void compare(lua_State *L, struct call *c)
{
	int interval = lua_gettop(L);
	lua_getfield(L, interval - 1, "compare");
	for (int i = 0; i < 2; i++) {
		lua_pushvalue(L, interval);
		formula_push(L, c->run, c->slot, i ? c->before : c->view);
		lua_call(L, 1, 1);
	}
	lua_call(L, 2, 2);
	c->change->has_p = lua_type(L, -2) == LUA_TNUMBER;
	if (!c->change->has_p)
		return;
	c->change->p = lua_tonumber(L, -2);
	snprintf(c->change->test, sizeof c->change->test, "%s", luaL_checkstring(L, -1));
}

static int dispatch(lua_State *L)
{
	struct call *c = lua_touserdata(L, 1);
	struct plugin_run *run = c->run;
	if (c->what == CALL_DERIVE)
		return event_derive_one(L, run, c->slot, c->handle);
	lua_rawgeti(L, LUA_REGISTRYINDEX, run->handles_ref);
	lua_rawgeti(L, -1, c->handle);
	switch (c->what) {
	case CALL_WHERE:
		event_push(L, run, c->slot);
		lua_call(L, 1, 1);
		c->yes = lua_toboolean(L, -1);
		break;
	case CALL_REACT:
		event_push(L, run, c->slot);
		tx_push(L, run, c->slot);
		lua_call(L, 2, 0);
		break;
	case CALL_COMPARE: compare(L, c); break;
	default:
		formula_push(L, run, c->slot, c->view);
		lua_call(L, 1, 1);
		if (c->what == CALL_FORMULA)
			take_number(L, c);
		else
			take_interval(L, c);
	}
	return 0;
}

/* ---- the kinds of calls ---- */

static struct slot *begin(
	struct plugin *p, struct event *ev, enum use use, struct call *c, struct lua_fail *f)
{
	c->run = p->run;
	return call_begin(p, ev, use, &c->slot, f);
}

static int call(struct plugin *p, struct call *c, int label, int budget_ms, const char *file,
	int line, struct lua_fail *f)
{
	const struct call_about about = {p->run->labels[label], file, line, budget_ms};
	return call_run(p, dispatch, c, &about, f);
}

int plugin_where(
	struct plugin *p, const struct measure *m, struct event *ev, bool *yes, struct lua_fail *f)
{
	struct call c = {.what = CALL_WHERE, .handle = m->where};
	*yes = true;
	if (m->where == 0)
		return 0;
	struct slot *s = begin(p, ev, USE_MEASURE, &c, f);
	if (!s)
		return -1;
	s->m = m;
	int rc = call(p, &c, m->where, p->limits.handler_ms, m->kpi->file, m->kpi->line, f);
	*yes = c.yes;
	return rc;
}

int plugin_derive(struct plugin *p, struct event *ev,
	void (*failed)(void *ctx, const char *handler, const struct lua_fail *f), void *ctx)
{
	struct lua_fail f;
	int first = 0, n = 0, rc = 0;
	if (p->run->set->depth == 0)
		arena_reset(&p->run->set->texts);
	while (first < p->nderives && p->derives[first].type != ev->type)
		first++;
	while (first + n < p->nderives && p->derives[first + n].type == ev->type)
		n++;
	for (int i = 0; i < n; i++) {
		int label = p->derives[first + i].handler;
		struct call c = {.what = CALL_DERIVE, .handle = i};
		struct slot *s = begin(p, ev, USE_DERIVE, &c, &f);
		if (!s) {
			failed(ctx, p->run->labels[label], &f);
			rc = -1;
			continue;
		}
		s->derives = &p->derives[first];
		s->nderives = n;
		/* what an outer one that failed left under way is new */
		for (int k = 0; k < n; k++)
			if (i == 0 || s->derived[k] == DERIVE_UNDER_WAY)
				s->derived[k] = DERIVE_TO_DO;
		if (call(p, &c, label, p->limits.handler_ms, ev->type->file, ev->type->line, &f) <
			0) {
			failed(ctx, p->run->labels[label], &f);
			s->derived[i] = DERIVE_FAILED;
			rc = -1;
		}
	}
	return rc;
}

/* no data: c->null as it is, which says so. */
static int call_measured(struct plugin *p, struct call *c, const struct kpi *k, struct lua_fail *f)
{
	struct slot *s = begin(p, NULL, USE_MEASURE, c, f);
	if (!s)
		return -1;
	s->kpi = k;
	c->null = true;
	int rc = call(p, c, c->handle, p->limits.formula_ms, k->file, k->line, f);
	return rc < 0 && f->no_data ? 0 : rc;
}

int plugin_formula(struct plugin *p, const struct kpi *k, struct kpi_view *v, double *value,
	bool *null, struct lua_fail *f)
{
	struct call c = {.what = CALL_FORMULA, .handle = k->formula, .view = v};
	int rc = call_measured(p, &c, k, f);
	*null = rc < 0 || c.null;
	*value = *null ? 0 : c.value;
	return rc;
}

int plugin_interval(struct plugin *p, const struct kpi *k, struct kpi_view *v,
	struct kpi_interval *out, struct lua_fail *f)
{
	struct call c = {.what = CALL_INTERVAL, .handle = k->interval, .view = v, .interval = out};
	*out = (struct kpi_interval){.none = true};
	if (!k->interval)
		return 0;
	int rc = call_measured(p, &c, k, f);
	out->none = rc < 0 || c.null;
	return rc;
}

int plugin_compare(struct plugin *p, const struct kpi *k, struct kpi_view *now,
	struct kpi_view *before, struct kpi_change *out, struct lua_fail *f)
{
	struct call c = {.what = CALL_COMPARE,
		.handle = k->interval,
		.view = now,
		.before = before,
		.change = out};
	*out = (struct kpi_change){0};
	return k->interval ? call_measured(p, &c, k, f) : 0;
}

int plugin_react(struct plugin *p, const struct plugin_on *on, struct event *ev, struct tx *tx,
	struct lua_fail *f)
{
	struct call c = {.what = CALL_REACT, .handle = on->handler};
	struct slot *s = begin(p, ev, USE_REACT, &c, f);
	if (!s)
		return -1;
	s->tx = tx;
	return call(p, &c, on->handler, p->limits.handler_ms, on->file, on->line, f);
}
