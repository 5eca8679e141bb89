/* Names between plugins: runtime/resolve.lua finds what is wrong, here they become pointers; then
 * what happens to each event type is worked out once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/bind.h"
#include "lua/hostcall.h"
#include "lua/identity.h"
#include "lua/journey.h"

enum { RESOLVE_MEMORY = 1 << 30 };

struct resolving {
	const char *currency; /* the company's */
	struct buf json;      /* what is asked, then the answer */
	struct cx_err e;
};

static int view_name(lua_State *L)
{
	char view[320];
	store_view_name(luaL_checkstring(L, 1), view, sizeof view);
	lua_pushstring(L, view);
	return 1;
}

/* resolving, satisfies(), chunk */
static int ask(lua_State *L)
{
	static const luaL_Reg host[] = {
		{"closest", cx_closest}, {"amount", cx_amount}, {"view", view_name}, {NULL, NULL}};
	struct resolving *r = lua_touserdata(L, 1);
	lua_push_json(L, r->json.p, r->json.len);
	luaL_newlib(L, host);
	lua_pushstring(L, r->currency);
	lua_setfield(L, -2, "currency");
	lua_pushvalue(L, 2);
	lua_call(L, 3, 1);
	buf_clear(&r->json);
	return lua_to_json(L, -1, &r->json, &r->e) < 0 ? luaL_error(L, "%s", r->e.msg) : 0;
}

static void questions(const struct plugin_set *set, struct buf *b)
{
	jw_arr(b);
	for (int i = 0; i < set->n; i++) {
		const struct buf *declared = &set->v[i]->run->declared;
		jw_obj(b);
		jw_kstr(b, "name", set->v[i]->name);
		if (declared->len) {
			jw_key(b, "declared");
			jw_raw(b, declared->p, declared->len);
		}
		jw_obj_end(b);
	}
	jw_arr_end(b);
}

static void take_mistakes(struct plugin_set *set, const struct json_doc *d)
{
	struct arena a = {0};
	JSON_EACH(d, json_get(d, 0, "mistakes"), i)
	{
		int64_t at = 0, line = 0;
		json_int64(d, json_get(d, i, "plugin"), &at);
		json_int64(d, json_get(d, i, "line"), &line);
		struct str file = json_text(d, json_get(d, i, "file"), &a);
		struct str what = json_text(d, json_get(d, i, "message"), &a);
		if (set->v[at - 1]->run->stays)
			continue;
		plugin_mistake(set->v[at - 1], arena_str(&a, file.p, file.n).p, (int)line, "%.*s",
			(int)what.n, what.p);
	}
	arena_free(&a);
}

static void take_buckets(struct plugin_set *set, const struct json_doc *d)
{
	JSON_EACH(d, json_get(d, 0, "buckets"), i)
	{
		int64_t at = 0, kpi = 0, measure = 0, bucket = 1;
		json_int64(d, json_get(d, i, "plugin"), &at);
		json_int64(d, json_get(d, i, "kpi"), &kpi);
		json_int64(d, json_get(d, i, "measure"), &measure);
		json_int64(d, json_get(d, i, "bucket"), &bucket);
		set->v[at - 1]->kpis[kpi - 1]->measures[measure - 1].bucket = bucket;
	}
}

/* Fills order (dependencies first), adds the mistakes to their plugins, and the buckets. */
static void resolve_names(struct plugin_set *set, struct plugin **order)
{
	struct isolate_limits limits = {.memory = RESOLVE_MEMORY};
	struct isolate *iso = isolate_new("cxd", "", &limits, NULL);
	struct resolving r = {.currency = set->conf->company_currency};
	struct lua_fail f;
	struct json_doc doc = {0}, *d = &doc;
	lua_State *L = isolate_state(iso);
	questions(set, &r.json);
	lua_pushcfunction(L, ask);
	lua_pushlightuserdata(L, &r);
	if (isolate_load_runtime(iso, "version", &f) < 0 ||
		isolate_call(iso, 0, 1, 0, "resolve", &f) < 0 ||
		isolate_load_runtime(iso, "resolve", &f) < 0 ||
		isolate_call(iso, 3, 0, 0, "resolve", &f) < 0 ||
		json_scan(d, r.json.p, r.json.len, JSON_DEPTH, UINT32_MAX, NULL) < 0)
		cx_die("names of plugins: %s\n%s", f.msg, f.traceback);
	int n = 0;
	int64_t at = 0;
	JSON_EACH(d, json_get(d, 0, "order"), i)
	if (json_int64(d, i, &at))
		order[n++] = set->v[at - 1];
	take_mistakes(set, d);
	take_buckets(set, d);
	json_doc_free(d);
	buf_free(&r.json);
	isolate_free(iso);
}

/* ---- KPIs */

const struct event_type *resolve_type(struct plugin *p, const char *name, struct plugin **owner)
{
	const struct plugin_set *set = p->run->set;
	*owner = NULL;
	for (int i = 0; i < set->n; i++) {
		struct plugin *q = set->v[i];
		int t = 0;
		while (t < q->ntypes && strcmp(q->types[t]->name, name) != 0)
			t++;
		if (t == q->ntypes)
			continue;
		*owner = q;
		bool mine = q == p;
		for (int k = 0; k < p->ndepends; k++)
			mine = mine || strcmp(p->depends[k], q->name) == 0;
		if (mine)
			return q->types[t];
	}
	return NULL;
}

static void probe(struct plugin *p, const struct kpi *k, const struct measure *m)
{
	struct lua_fail f = {0};
	int field = -1;
	enum plugin_state was = p->state;
	if (!m->where || !p->iso || isolate_spoiled(p->iso))
		return;
	p->state = PLUGIN_RUNNING;
	if (!event_probe(p, m, &field, &f))
		plugin_mistake(p, k->file, k->line,
			"kpi \"%s\": measure \"%s\": may not read the personal field \"%s\"; "
			"derive what it needs in the event",
			k->id, m->name, m->type->fields[field].name);
	else if (f.budget)
		plugin_mistake(p, k->file, k->line, "kpi \"%s\": measure \"%s\": where: %s", k->id,
			m->name, f.msg);
	p->state = was;
}

/* What has no such name has been told; the figures of such a plugin are never asked for. */
static void bind_kpi(struct plugin *p, struct kpi *k)
{
	struct plugin *owner;
	for (int i = 0; i < k->nmeasures; i++) {
		struct measure *m = &k->measures[i];
		m->type = resolve_type(p, m->type_name, &owner);
		if (!m->type)
			continue;
		if (m->field_name)
			field_ref_resolve(m->type, m->field_name, &m->field);
		if (m->choose != CHOOSE_ALL) {
			field_ref_resolve(m->type, m->key_name, &m->key);
			field_ref_resolve(m->type, m->rank_name, &m->rank);
		}
		if (m->at_name && strcmp(m->at_name, "time") != 0)
			m->at = event_type_field(m->type, m->at_name, strlen(m->at_name));
		for (int by = 0; by < k->nby; by++)
			field_ref_resolve(m->type, k->by[by], &m->dims[by]);
		if ((m->kind == MEASURE_SUM || m->kind == MEASURE_HISTOGRAM) &&
			m->field.attr == ATTR_FIELD && k->format &&
			strcmp(k->format, "money") == 0 && !k->currency[0])
			memcpy(k->currency, m->type->fields[m->field.field].currency,
				sizeof k->currency);
		probe(p, k, m);
	}
}

/* ---- what happens to a type */

static int by_type(const void *a, const void *b)
{
	return strcmp(((const struct type_plan *)a)->type->name,
		((const struct type_plan *)b)->type->name);
}

static void add_measure(struct type_plan *t, struct plugin *p, const struct measure *m)
{
	t->measures = xrealloc(t->measures, (size_t)(t->nmeasures + 1) * sizeof *t->measures);
	t->measures[t->nmeasures].plugin = p;
	t->measures[t->nmeasures++].m = m;
	for (int i = 0; i < t->nat; i++)
		if (t->at_fields[i] == m->at)
			return;
	if (m->at < 0)
		return;
	t->at_slots = xrealloc(t->at_slots, (size_t)(t->nat + 1) * sizeof *t->at_slots);
	t->at_fields = xrealloc(t->at_fields, (size_t)(t->nat + 1) * sizeof *t->at_fields);
	t->at_slots[t->nat] = -1;
	t->at_fields[t->nat++] = m->at;
}

static struct type_plan *find_plan(struct plugin_set *set, const char *name)
{
	return (struct type_plan *)plugin_set_type(set, (struct str){name, (uint32_t)strlen(name)});
}

static void add_journey(struct type_plan *t, struct plugin *p, const struct plugin_journey *j)
{
	t->journeys = xrealloc(t->journeys, (size_t)(t->njourneys + 1) * sizeof *t->journeys);
	struct plan_journey *pj = &t->journeys[t->njourneys++];
	*pj = (struct plan_journey){
		.plugin = p, .journey = j, .starts = plugin_journey_starts(j, t->type->name)};
	field_ref_resolve(t->type, j->key, &pj->key);
}

static void add_uses(struct plugin_set *set, struct plugin *p)
{
	for (int i = 0; i < p->nkpis; i++)
		for (int k = 0; k < p->kpis[i]->nmeasures; k++) {
			struct measure *m = &p->kpis[i]->measures[k];
			add_measure(find_plan(set, m->type_name), p, m);
		}
	for (int i = 0; i < p->nons; i++) {
		struct type_plan *t = find_plan(set, p->ons[i].type_name);
		t->ons = xrealloc(t->ons, (size_t)(t->nons + 1) * sizeof *t->ons);
		t->ons[t->nons].plugin = p;
		t->ons[t->nons++].on = &p->ons[i];
	}
	for (int i = 0; i < p->njourneys; i++)
		if (!p->journeys[i].inside)
			for (int k = 0; k < p->journeys[i].ntypes; k++)
				add_journey(find_plan(set, p->journeys[i].types[k]), p,
					&p->journeys[i]);
}

static void plans_build(struct plugin_set *set, struct plugin **order)
{
	int most = 1;
	for (int i = 0; i < set->n; i++)
		most += set->v[i]->ntypes;
	set->plans = xcalloc((size_t)most, sizeof *set->plans);
	for (int i = 0; i < set->n; i++)
		for (int k = 0; k < set->v[i]->ntypes; k++)
			set->plans[set->nplans++] =
				(struct type_plan){.type = set->v[i]->types[k], .owner = set->v[i]};
	qsort(set->plans, (size_t)set->nplans, sizeof *set->plans, by_type);
	for (int i = 0; i < set->n; i++)
		add_uses(set, order[i]);
}

void plans_free(struct plugin_set *set)
{
	for (int i = 0; i < set->nplans; i++) {
		free(set->plans[i].measures);
		free(set->plans[i].ons);
		free(set->plans[i].journeys);
		free(set->plans[i].at_slots);
		free(set->plans[i].at_fields);
	}
	free(set->plans);
	set->plans = NULL;
	set->nplans = 0;
}

/* ---- the whole */

static void sort_errors(struct plugin *p) /* by file and line, else as found */
{
	for (int i = 1; i < p->nerrors; i++) {
		struct plugin_error e = p->errors[i];
		int k = i;
		for (; k > 0; k--) {
			int c = strcmp(p->errors[k - 1].file, e.file);
			if (c < 0 || (c == 0 && p->errors[k - 1].line <= e.line))
				break;
			p->errors[k] = p->errors[k - 1];
		}
		p->errors[k] = e;
	}
}

/* In order: what a plugin depends on has been through it. */
static void settle(struct plugin_set *set, struct plugin *p)
{
	for (int i = 0; i < p->nkpis; i++)
		bind_kpi(p, p->kpis[i]);
	for (int i = 0; i < p->ndepends; i++) {
		const struct plugin *d = plugin_set_find(set, p->depends[i]);
		if (d && d->nerrors)
			plugin_mistake(p, p->run->file, p->run->line,
				"plugin: depends on \"%s\", which has errors of its own", d->name);
	}
	if (p->state != PLUGIN_OFF && !p->nerrors)
		sops_check(p);
	sort_errors(p);
	p->state = p->nerrors               ? PLUGIN_FAILED
		   : p->state == PLUGIN_OFF ? PLUGIN_OFF
					    : PLUGIN_RUNNING;
	if (p->state == PLUGIN_FAILED)
		return;
	kpi_cubes_build(p->kpis, p->nkpis, &p->cubes, &p->ncubes);
	if (p->state == PLUGIN_RUNNING)
		plugin_identify(p);
}

void resolve_set(struct plugin_set *set)
{
	struct plugin **order = xcalloc((size_t)set->n + 1, sizeof(struct plugin *));
	resolve_names(set, order);
	for (int i = 0; i < set->n; i++)
		if (!order[i]->run->stays) {
			meanwhile(set);
			settle(set, order[i]);
		}
	for (int i = 0; i < set->n; i++)
		if (set->v[i]->state == PLUGIN_FAILED) {
			declared_drop(set->v[i]);
			isolate_free(set->v[i]->iso);
			set->v[i]->iso = NULL;
		}
	plans_build(set, order);
	free(order);
	meanwhile(set);
}
