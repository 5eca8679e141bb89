/* What runtime/declare.lua hands over, as structs. It has been checked there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/bind.h"

static char *get_text(lua_State *L, int t, const char *key) /* NULL: absent */
{
	char *out = NULL;
	if (lua_getfield(L, t, key) == LUA_TSTRING)
		out = xstrdup(lua_tostring(L, -1));
	lua_pop(L, 1);
	return out;
}

static bool get_bool(lua_State *L, int t, const char *key)
{
	lua_getfield(L, t, key);
	bool v = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return v;
}

static bool get_int(lua_State *L, int t, const char *key, int64_t *out)
{
	int isint = 0;
	lua_getfield(L, t, key);
	lua_Integer v = lua_tointegerx(L, -1, &isint);
	lua_pop(L, 1);
	if (isint)
		*out = v;
	return isint;
}

static int get_line(lua_State *L, int t)
{
	int64_t line = 0;
	get_int(L, t, "line", &line);
	return (int)line;
}

/* A text, or { lang = text }, as JSON. */
static char *get_title(lua_State *L, int t)
{
	struct buf b = {0};
	int kind = lua_getfield(L, t, "title");
	if (kind == LUA_TSTRING) {
		jw_str(&b, lua_tostring(L, -1));
	} else if (kind == LUA_TTABLE) {
		struct cx_err e;
		if (lua_to_json(L, lua_gettop(L), &b, &e) < 0)
			buf_clear(&b);
	}
	lua_pop(L, 1);
	return b.len ? buf_cstr(&b) : NULL;
}

/* Takes the value on top as the next handle. */
static int handle(lua_State *L, struct collect *c, const char *fmt, const char *a, const char *b)
{
	struct plugin_run *run = c->p->run;
	lua_rawseti(L, c->handles, ++c->n);
	if (!c->again) {
		run->labels = xrealloc(run->labels, (size_t)(c->n + 1) * sizeof *run->labels);
		snprintf(run->labels[c->n], RUN_LABEL, fmt, a, b);
		run->nhandles = c->n;
	}
	return c->n;
}

/* The function under key as a handle; 0 where there is none. */
static int get_handle(lua_State *L, int t, const char *key, struct collect *c, const char *fmt,
	const char *a, const char *b)
{
	if (lua_getfield(L, t, key) != LUA_TFUNCTION) {
		lua_pop(L, 1);
		return 0;
	}
	return handle(L, c, fmt, a, b);
}

/* ---- events ---- */

static void take_default(lua_State *L, int t, struct field *f, struct arena *kept)
{
	lua_getfield(L, t, "default");
	size_t n;
	switch (lua_type(L, -1)) {
	case LUA_TBOOLEAN:
		f->fallback = (struct value){.kind = VALUE_BOOL, .i = lua_toboolean(L, -1)};
		break;
	case LUA_TSTRING: {
		const char *s = lua_tolstring(L, -1, &n);
		f->fallback.kind = VALUE_TEXT;
		f->fallback.s = arena_str(kept, s, n);
		break;
	}
	case LUA_TNUMBER:
		f->fallback.kind = f->kind == FIELD_MONEY ? VALUE_MONEY : VALUE_INT;
		f->fallback.i = lua_tointeger(L, -1);
		memcpy(f->fallback.currency, f->currency, sizeof f->currency);
		break;
	default: break;
	}
	lua_pop(L, 1);
}

static void take_field(lua_State *L, int t, struct field *f, struct plugin *p)
{
	char *kind = get_text(L, t, "kind"), *currency = get_text(L, t, "currency");
	const char *company = p->run->set->conf->company_currency;
	int64_t scale = 0;
	while (strcmp(field_kind_name(f->kind), kind) != 0)
		f->kind++;
	free(kind);
	f->name = get_text(L, t, "name");
	f->title = get_title(L, t);
	f->required = get_bool(L, t, "required");
	f->personal = get_bool(L, t, "personal");
	f->derived = get_bool(L, t, "derived");
	f->has_min = get_int(L, t, "min", &f->min);
	f->has_max = get_int(L, t, "max", &f->max);
	if (currency)
		snprintf(f->currency, sizeof f->currency, "%s", currency);
	free(currency);
	get_int(L, t, "scale", &scale);
	f->scale = f->kind == FIELD_MONEY ? currency_scale(f->currency[0] ? f->currency : company)
					  : (int)scale;
	take_default(L, t, f, &p->run->kept);
	if (f->fallback.kind == VALUE_MONEY && !f->currency[0])
		snprintf(f->fallback.currency, sizeof f->fallback.currency, "%s", company);
	if (lua_getfield(L, t, "choices") == LUA_TTABLE) {
		f->nchoices = (int)lua_rawlen(L, -1);
		f->choices = xcalloc((size_t)f->nchoices + 1, sizeof *f->choices);
		for (int i = 0; i < f->nchoices; i++) {
			lua_rawgeti(L, -1, i + 1);
			f->choices[i] = xstrdup(lua_tostring(L, -1));
			lua_pop(L, 1);
		}
	}
	lua_pop(L, 1);
}

static void take_event(lua_State *L, int t, struct collect *c)
{
	struct plugin *p = c->p;
	int64_t declared = 0;
	struct event_type *type = NULL;
	char *name = get_text(L, t, "name");
	lua_getfield(L, t, "fields");
	int fields = lua_gettop(L), n = (int)lua_rawlen(L, fields);
	get_int(L, t, "declared", &declared);
	if (!c->again) {
		type = xcalloc(1, sizeof *type);
		p->types =
			xrealloc(p->types, (size_t)(p->ntypes + 1) * sizeof(struct event_type *));
		p->types[p->ntypes++] = type;
		type->name = xstrdup(name);
		type->plugin = xstrdup(p->name);
		type->title = get_title(L, t);
		type->file = get_text(L, t, "file");
		type->line = get_line(L, t);
		type->open = get_bool(L, t, "open");
		type->fields = xcalloc((size_t)n + 1, sizeof *type->fields);
		type->nfields = n;
		type->nderived = n - (int)declared;
	}
	for (int i = 0; i < n; i++) {
		lua_rawgeti(L, fields, i + 1);
		int f = lua_gettop(L);
		char *field = get_text(L, f, "name");
		if (type)
			take_field(L, f, &type->fields[i], p);
		int h = get_handle(L, f, "fn", c, "derive %s.%s", name, field);
		if (type && h) {
			p->derives = xrealloc(
				p->derives, (size_t)(p->nderives + 1) * sizeof *p->derives);
			p->derives[p->nderives++] = (struct plugin_derive){type, i, h};
		}
		free(field);
		lua_settop(L, fields);
	}
	lua_pop(L, 1);
	free(name);
}

/* ---- KPIs ---- */

static enum measure_kind measure_kind(lua_State *L, int t)
{
	char *kind = get_text(L, t, "kind");
	enum measure_kind k = strcmp(kind, "sum") == 0        ? MEASURE_SUM
			      : strcmp(kind, "distinct") == 0 ? MEASURE_DISTINCT
							      : MEASURE_COUNT;
	free(kind);
	return k;
}

static void take_measures(lua_State *L, int t, struct kpi *k, const char *id, struct collect *c)
{
	lua_getfield(L, t, "measures");
	int list = lua_gettop(L), n = (int)lua_rawlen(L, list);
	if (k) {
		k->measures = xcalloc((size_t)n + 1, sizeof *k->measures);
		k->nmeasures = n;
	}
	for (int i = 0; i < n; i++) {
		lua_rawgeti(L, list, i + 1);
		int at = lua_gettop(L);
		char *name = get_text(L, at, "name");
		int where = get_handle(L, at, "where", c, "kpi %s: measure %s", id, name);
		if (k) {
			struct measure *m = &k->measures[i];
			int64_t times = 1;
			get_int(L, at, "times", &times);
			*m = (struct measure){.name = xstrdup(name),
				.kind = measure_kind(L, at),
				.type_name = get_text(L, at, "type"),
				.field_name = get_text(L, at, "field"),
				.at_name = get_text(L, at, "at"),
				.at = -1,
				.at_slot = -1,
				.times = (int)times,
				.days = get_bool(L, at, "days"),
				.where = where,
				.kpi = k,
				.slot = -1,
				.set = -1};
		}
		free(name);
		lua_settop(L, list);
	}
	lua_pop(L, 1);
}

/* What makes a KPI this one: what it declares, and the code around it. */
static void hash_kpi(struct kpi *k, const struct plugin *p)
{
	struct buf b = {0};
	jw_arr(&b);
	jw_str(&b, p->hash);
	jw_str(&b, p->run->config);
	jw_str(&b, k->id);
	jw_str(&b, k->title);
	jw_str(&b, k->format);
	jw_str(&b, k->better);
	jw_str(&b, k->tier);
	jw_str(&b, k->owner);
	jw_double(&b, k->has_target ? k->target : 0);
	jw_bool(&b, k->has_target);
	jw_arr(&b);
	for (int i = 0; i < k->nby; i++)
		jw_str(&b, k->by[i]);
	jw_arr_end(&b);
	for (int i = 0; i < k->nmeasures; i++) {
		const struct measure *m = &k->measures[i];
		jw_arr(&b);
		jw_str(&b, m->name);
		jw_int(&b, m->kind);
		jw_str(&b, m->type_name);
		jw_str(&b, m->field_name);
		jw_str(&b, m->at_name);
		jw_int(&b, m->times);
		jw_bool(&b, m->days);
		jw_bool(&b, m->where != 0);
		jw_arr_end(&b);
	}
	jw_bool(&b, k->interval != 0);
	jw_arr_end(&b);
	sha256_text(b.p, b.len, k->hash);
	buf_free(&b);
}

static void take_kpi(lua_State *L, int t, struct collect *c)
{
	struct plugin *p = c->p;
	struct kpi *k = NULL;
	char *id = get_text(L, t, "id");
	if (!c->again) {
		k = xcalloc(1, sizeof *k);
		p->kpis = xrealloc(p->kpis, (size_t)(p->nkpis + 1) * sizeof(struct kpi *));
		p->kpis[p->nkpis++] = k;
		k->id = xstrdup(id);
		k->plugin = xstrdup(p->name);
		k->file = get_text(L, t, "file");
		k->line = get_line(L, t);
		k->title = get_title(L, t);
		k->format = get_text(L, t, "format");
		k->better = get_text(L, t, "better");
		k->tier = get_text(L, t, "tier");
		k->owner = get_text(L, t, "owner");
		k->has_target = lua_getfield(L, t, "target") == LUA_TNUMBER;
		k->target = k->has_target ? lua_tonumber(L, -1) : 0;
		lua_getfield(L, t, "by");
		for (int i = 0; i < KPI_DIMS && lua_rawgeti(L, -1, i + 1) == LUA_TSTRING; i++) {
			k->by[k->nby++] = xstrdup(lua_tostring(L, -1));
			lua_pop(L, 1);
		}
		lua_settop(L, t);
	}
	take_measures(L, t, k, id, c);
	int formula = get_handle(L, t, "formula", c, "kpi %s: %s", id, "formula");
	int interval = get_handle(L, t, "interval", c, "kpi %s: %s", id, "interval");
	if (k) {
		k->formula = formula;
		k->interval = interval;
		hash_kpi(k, p);
	}
	free(id);
}

/* ---- the rest ---- */

static void take_on(lua_State *L, int t, struct collect *c)
{
	struct plugin *p = c->p;
	char *name = get_text(L, t, "type");
	int h = get_handle(L, t, "handler", c, "on %s%s", name, "");
	if (!c->again) {
		p->ons = xrealloc(p->ons, (size_t)(p->nons + 1) * sizeof *p->ons);
		p->ons[p->nons++] = (struct plugin_on){
			xstrdup(name), h, get_text(L, t, "file"), get_line(L, t)};
	}
	free(name);
}

static void take_import(lua_State *L, int t, struct collect *c)
{
	struct plugin *p = c->p;
	char *id = get_text(L, t, "id");
	lua_getfield(L, t, "spec");
	int h = handle(L, c, "import %s%s", id, "");
	if (!c->again) {
		p->imports = xrealloc(p->imports, (size_t)(p->nimports + 1) * sizeof *p->imports);
		p->imports[p->nimports++] = (struct plugin_import){
			xstrdup(id), get_text(L, t, "file"), get_line(L, t), h};
	}
	free(id);
}

static void take_plugin(lua_State *L, int all, struct plugin *p)
{
	struct plugin_run *run = p->run;
	int top = lua_gettop(L);
	if (lua_getfield(L, all, "plugin") == LUA_TTABLE) {
		int t = lua_gettop(L);
		run->file = get_text(L, t, "file");
		run->line = get_line(L, t);
		p->version = get_text(L, t, "version");
		p->title = get_title(L, t);
		lua_getfield(L, t, "depends");
		int n = (int)lua_rawlen(L, -1);
		p->depends = xcalloc((size_t)n + 1, sizeof *p->depends);
		run->wants = xcalloc((size_t)n + 1, sizeof *run->wants);
		for (int i = 0; i < n; i++) {
			lua_rawgeti(L, t + 1, i + 1);
			p->depends[i] = get_text(L, t + 2, "name");
			run->wants[i] = get_text(L, t + 2, "want");
			p->ndepends++;
			lua_pop(L, 1);
		}
	}
	lua_settop(L, top);
	run->config = get_text(L, all, "config");
	lua_getfield(L, all, "mistakes");
	int list = lua_gettop(L), n = (int)lua_rawlen(L, list);
	for (int i = 0; i < n; i++) {
		lua_rawgeti(L, list, i + 1);
		char *file = get_text(L, list + 1, "file"), *msg = get_text(L, list + 1, "message");
		plugin_mistake(p, file, get_line(L, list + 1), "%s", msg);
		free(file);
		free(msg);
		lua_settop(L, list);
	}
	lua_settop(L, top);
}

int declared_collect(lua_State *L)
{
	static const struct {
		const char *list;
		void (*take)(lua_State *L, int t, struct collect *c);
	} parts[] = {{"events", take_event}, {"kpis", take_kpi}, {"ons", take_on},
		{"imports", take_import}};
	struct collect *c = lua_touserdata(L, 1);
	luaL_checkstack(L, 30, NULL);
	lua_settop(L, 2);
	lua_newtable(L);
	c->handles = 3;
	if (!c->again)
		take_plugin(L, 2, c->p);
	for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
		lua_getfield(L, 2, parts[k].list);
		int n = (int)lua_rawlen(L, 4);
		for (int i = 0; i < n; i++) {
			lua_rawgeti(L, 4, i + 1);
			parts[k].take(L, 5, c);
			lua_settop(L, 4);
		}
		lua_settop(L, 3);
	}
	if (c->again && c->n != c->p->run->nhandles)
		return luaL_error(L, "the plugin declares something else each time it is loaded");
	c->p->run->handles_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

void declared_drop(struct plugin *p)
{
	kpi_cubes_free(p->cubes, p->ncubes);
	for (int i = 0; i < p->nkpis; i++)
		kpi_free(p->kpis[i]);
	for (int i = 0; i < p->ntypes; i++)
		event_type_free(p->types[i]);
	for (int i = 0; i < p->nons; i++) {
		free(p->ons[i].type_name);
		free(p->ons[i].file);
	}
	for (int i = 0; i < p->nimports; i++) {
		free(p->imports[i].id);
		free(p->imports[i].file);
	}
	free(p->kpis);
	free(p->types);
	free(p->ons);
	free(p->imports);
	free(p->derives);
	p->cubes = NULL;
	p->kpis = NULL;
	p->types = NULL;
	p->ons = NULL;
	p->imports = NULL;
	p->derives = NULL;
	p->ncubes = p->nkpis = p->ntypes = p->nons = p->nimports = p->nderives = 0;
}
