/* One plugin's isolate: the runtime's Lua, plugin.lua, and what it declared, as structs. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/bind.h"
#include "lua/declared.h"
#include "lua/identity.h"
#include "lua/inside.h"

static const char run_key;

struct plugin_run *run_of(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &run_key);
	struct plugin_run *run = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return run;
}

const char *meant(const struct nearest *n, char out[MEANT])
{
	out[0] = 0;
	if (n->best)
		snprintf(out, MEANT, ", did you mean \"%s\"?", n->best);
	return out;
}

void plugin_mistake(struct plugin *p, const char *file, int line, const char *fmt, ...)
{
	va_list ap;
	char raw[1024], msg[1024]; /* what a plugin wrote may be no UTF-8 */
	va_start(ap, fmt);
	vsnprintf(raw, sizeof raw, fmt, ap);
	va_end(ap);
	fail_text(msg, sizeof msg, raw, strlen(raw));
	p->errors = xrealloc(p->errors, (size_t)(p->nerrors + 1) * sizeof *p->errors);
	p->errors[p->nerrors++] = (struct plugin_error){xstrdup(file), line, xstrdup(msg)};
}

/* ---- what finish() of runtime/declare.lua handed over; it has been checked there */

static void take_field(const struct json_doc *d, uint32_t at, struct field *f, struct plugin *p)
{
	const char *company = p->run->set->conf->company_currency;
	char *kind = declared_text(d, at, "kind"), *currency = declared_text(d, at, "currency");
	uint32_t choices, fallback = json_get(d, at, "default");
	while (strcmp(field_kind_name(f->kind), kind) != 0)
		f->kind++;
	f->name = declared_text(d, at, "name");
	f->title = declared_json(d, at, "title");
	f->required = declared_bool(d, at, "required");
	f->personal = declared_bool(d, at, "personal");
	f->derived = declared_bool(d, at, "derived");
	f->has_min = json_get(d, at, "min") != 0;
	f->has_max = json_get(d, at, "max") != 0;
	f->min = declared_int(d, at, "min");
	f->max = declared_int(d, at, "max");
	snprintf(f->currency, sizeof f->currency, "%s", currency ? currency : "");
	f->scale = f->kind == FIELD_MONEY ? currency_scale(currency ? currency : company)
					  : (int)declared_int(d, at, "scale");
	switch (fallback ? d->nodes[fallback].type : JSON_NULL) {
	case JSON_NULL: break;
	case JSON_STRING:
		f->fallback.kind = VALUE_TEXT;
		f->fallback.s = json_text(d, fallback, &p->run->kept);
		break;
	case JSON_INTEGER:
		f->fallback.kind = f->kind == FIELD_MONEY ? VALUE_MONEY : VALUE_INT;
		f->fallback.i = declared_int(d, at, "default");
		if (f->kind == FIELD_MONEY)
			snprintf(f->fallback.currency, sizeof f->fallback.currency, "%s",
				currency ? currency : company);
		break;
	default:
		f->fallback.kind = VALUE_BOOL;
		f->fallback.i = d->nodes[fallback].type == JSON_TRUE;
	}
	f->choices = declared_list(d, at, "choices", sizeof *f->choices, &choices);
	JSON_EACH(d, choices, i)
	{
		struct str s = json_text(d, i, &p->run->kept);
		f->choices[f->nchoices++] = xstrndup(s.p, s.n);
	}
	free(kind);
	free(currency);
}

/* An event's type, or a kind of record. */
static struct event_type *take_type(const struct json_doc *d, uint32_t at, struct plugin *p)
{
	uint32_t fields;
	struct event_type *t = xcalloc(1, sizeof *t);
	t->name = declared_text(d, at, "name");
	t->plugin = xstrdup(p->name);
	t->title = declared_json(d, at, "title");
	t->file = declared_text(d, at, "file");
	t->line = (int)declared_int(d, at, "line");
	t->open = declared_bool(d, at, "open");
	t->fields = declared_list(d, at, "fields", sizeof *t->fields, &fields);
	JSON_EACH(d, fields, i)
	{
		int fn = (int)declared_int(d, i, "fn");
		if (fn) {
			p->derives = xrealloc(
				p->derives, (size_t)(p->nderives + 1) * sizeof *p->derives);
			p->derives[p->nderives++] = (struct plugin_derive){t, t->nfields, fn};
		}
		take_field(d, i, &t->fields[t->nfields++], p);
	}
	t->nderived = t->nfields - (int)declared_int(d, at, "declared");
	return t;
}

/* The field under key, by its name; -1: none. */
static int get_field(
	const struct json_doc *d, uint32_t at, const char *key, const struct event_type *t)
{
	char *name = declared_text(d, at, key);
	int i = name ? event_type_field(t, name, strlen(name)) : -1;
	free(name);
	return i;
}

static enum level get_level(const struct json_doc *d, uint32_t at, const char *key)
{
	char *word = declared_text(d, at, key);
	enum level level = LEVEL_ADMIN;
	level_parse(word, &level);
	free(word);
	return level;
}

static void take_record(const struct json_doc *d, uint32_t at, struct plugin *p)
{
	uint32_t list;
	struct event_type *t = take_type(d, at, p);
	struct plugin_record *r = &p->records[p->nrecords++];
	*r = (struct plugin_record){.type = t,
		.key = get_field(d, at, "key", t),
		.subject = get_field(d, at, "subject", t),
		.unit = get_field(d, at, "unit", t),
		.index = declared_list(d, at, "index", sizeof *r->index, &list),
		.read = get_level(d, at, "read"),
		.write = get_level(d, at, "write")};
	JSON_EACH(d, list, i)
	{
		struct str name = json_text(d, i, &p->run->kept);
		r->index[r->nindex++] = event_type_field(t, name.p, name.n);
	}
}

static void take_measure(const struct json_doc *d, uint32_t at, struct kpi *k)
{
	static const char *const kinds[] = {"count", "sum", "histogram", "distinct"};
	char *kind = declared_text(d, at, "kind"), *choose = declared_text(d, at, "choose");
	struct measure *m = &k->measures[k->nmeasures++];
	*m = (struct measure){.name = declared_text(d, at, "name"),
		.type_name = declared_text(d, at, "type"),
		.field_name = declared_text(d, at, "field"),
		.at_name = declared_text(d, at, "at"),
		.at = -1,
		.at_slot = -1,
		.times = (int)declared_int(d, at, "times"),
		.days = declared_bool(d, at, "days"),
		.bucket = 1,
		.key_name = declared_text(d, at, "key"),
		.rank_name = declared_text(d, at, "rank"),
		.choice = -1,
		.where = (int)declared_int(d, at, "where"),
		.kpi = k,
		.slot = -1,
		.hist = -1,
		.set = -1};
	while (strcmp(kinds[m->kind], kind) != 0)
		m->kind++;
	if (choose)
		m->choose = *choose == 'l' ? CHOOSE_LATEST : CHOOSE_FIRST;
	free(kind);
	free(choose);
}

static void take_kpi(const struct json_doc *d, uint32_t at, struct plugin *p)
{
	uint32_t measures, target = json_get(d, at, "target");
	struct kpi *k = p->kpis[p->nkpis++] = xcalloc(1, sizeof *k);
	k->from = p;
	k->id = declared_text(d, at, "id");
	k->plugin = xstrdup(p->name);
	k->file = declared_text(d, at, "file");
	k->line = (int)declared_int(d, at, "line");
	k->title = declared_json(d, at, "title");
	k->format = declared_text(d, at, "format");
	k->better = declared_text(d, at, "better");
	k->tier = declared_text(d, at, "tier");
	k->owner = declared_text(d, at, "owner");
	k->has_target = target != 0;
	k->target = target ? strtod(d->src + d->nodes[target].at, NULL) : 0;
	JSON_EACH(d, json_get(d, at, "by"), i)
	{
		struct str s = json_text(d, i, &p->run->kept);
		if (k->nby < KPI_DIMS)
			k->by[k->nby++] = xstrndup(s.p, s.n);
	}
	k->measures = declared_list(d, at, "measures", sizeof *k->measures, &measures);
	JSON_EACH(d, measures, i)
	take_measure(d, i, k);
	k->min_n = declared_int(d, at, "min_n");
	k->suppress = declared_int(d, at, "suppress");
	k->formula = (int)declared_int(d, at, "formula");
	k->interval = (int)declared_int(d, at, "interval");
}

static void take_on(const struct json_doc *d, uint32_t at, struct plugin *p)
{
	p->ons[p->nons++] = (struct plugin_on){declared_text(d, at, "type"),
		(int)declared_int(d, at, "handler"), declared_text(d, at, "file"),
		(int)declared_int(d, at, "line")};
}

static void take_import(const struct json_doc *d, uint32_t at, struct plugin *p)
{
	uint32_t tables, parts;
	struct plugin_import *im = &p->imports[p->nimports++];
	im->id = declared_text(d, at, "id");
	im->generate = (int)declared_int(d, at, "generate");
	im->total = declared_int(d, at, "total");
	im->tables = declared_list(d, at, "tables", sizeof *im->tables, &tables);
	im->sql = declared_list(d, at, "parts", sizeof *im->sql, &parts);
	im->maps = declared_list(d, at, "parts", sizeof *im->maps, &parts);
	JSON_EACH(d, tables, i)
	{
		char *delimiter = declared_text(d, i, "delimiter");
		im->tables[im->ntables++] = (struct import_table){declared_text(d, i, "name"),
			declared_text(d, i, "file"), declared_text(d, i, "encoding"),
			delimiter ? *delimiter : ','};
		free(delimiter);
	}
	JSON_EACH(d, parts, i)
	{
		im->maps[im->nparts] = (int)declared_int(d, i, "map");
		im->sql[im->nparts++] = declared_text(d, i, "sql");
	}
}

static void take_plugin(const struct json_doc *d, uint32_t at, struct plugin *p)
{
	struct plugin_run *run = p->run;
	uint32_t depends;
	run->file = declared_text(d, at, "file");
	run->line = (int)declared_int(d, at, "line");
	p->version = declared_text(d, at, "version");
	p->title = declared_json(d, at, "title");
	p->depends = declared_list(d, at, "depends", sizeof *p->depends, &depends);
	JSON_EACH(d, depends, i)
	p->depends[p->ndepends++] = declared_text(d, i, "name");
}

static void declared_take(struct plugin *p)
{
	struct plugin_run *run = p->run;
	struct json_doc doc = {0}, *d = &doc;
	uint32_t plugin, labels, events, kpis, ons, imports, records;
	if (json_scan(d, run->declared.p, run->declared.len, JSON_DEPTH, UINT32_MAX, NULL) < 0)
		cx_die("plugin %s: its declarations cannot be read", p->name);
	run->config = declared_text(d, 0, "config");
	plugin = json_get(d, 0, "plugin");
	if (plugin)
		take_plugin(d, plugin, p);
	run->labels = declared_list(d, 0, "labels", sizeof *run->labels, &labels);
	JSON_EACH(d, labels, i)
	{
		struct str s = json_text(d, i, &run->kept);
		run->labels[++run->nlabels] = arena_str(&run->kept, s.p, s.n).p;
	}
	p->types = declared_list(d, 0, "events", sizeof *p->types, &events);
	JSON_EACH(d, events, i) p->types[p->ntypes++] = take_type(d, i, p);
	p->kpis = declared_list(d, 0, "kpis", sizeof *p->kpis, &kpis);
	JSON_EACH(d, kpis, i) take_kpi(d, i, p);
	p->ons = declared_list(d, 0, "ons", sizeof *p->ons, &ons);
	JSON_EACH(d, ons, i) take_on(d, i, p);
	p->imports = declared_list(d, 0, "imports", sizeof *p->imports, &imports);
	JSON_EACH(d, imports, i) take_import(d, i, p);
	p->records = declared_list(d, 0, "records", sizeof *p->records, &records);
	JSON_EACH(d, records, i) take_record(d, i, p);
	timers_take(d, p);
	sops_take(p, d);
	journeys_take(d, p);
	json_doc_free(d);
}

void declared_drop(struct plugin *p)
{
	journeys_drop(p);
	kpi_cubes_free(p->cubes, p->ncubes);
	sops_drop(p);
	for (int i = 0; i < p->nkpis; i++)
		kpi_free(p->kpis[i]);
	for (int i = 0; i < p->ntypes; i++)
		event_type_free(p->types[i]);
	for (int i = 0; i < p->nons; i++) {
		free(p->ons[i].type_name);
		free(p->ons[i].file);
	}
	for (int i = 0; i < p->nimports; i++) {
		struct plugin_import *im = &p->imports[i];
		for (int k = 0; k < im->ntables; k++) {
			free(im->tables[k].name);
			free(im->tables[k].file);
			free(im->tables[k].encoding);
		}
		for (int k = 0; k < im->nparts; k++)
			free(im->sql[k]);
		free(im->tables);
		free(im->sql);
		free(im->maps);
		free(im->id);
	}
	for (int i = 0; i < p->nrecords; i++) {
		event_type_free(p->records[i].type);
		free(p->records[i].index);
	}
	timers_drop(p);
	free(p->records);
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
	p->records = NULL;
	p->derives = NULL;
	p->ncubes = p->nkpis = p->ntypes = p->nons = p->nimports = p->nrecords = p->nderives = 0;
}

/* ---- running plugin.lua */

/* Pushes the host's functions; everything that C adds to the state is made here. */
static int setup(lua_State *L)
{
	struct plugin_run *run = lua_touserdata(L, 1);
	lua_pushlightuserdata(L, run);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &run_key);
	event_bind_setup(L);
	tx_bind_setup(L);
	formula_bind_setup(L);
	cx_push_host(L, run);
	return 1;
}

/* Leaves finish() alone on the stack. */
static int prepare(struct plugin_run *run, struct isolate *iso, struct lua_fail *f)
{
	static const char *const chunks[] = {"stats", "common", "fields", "version", "compare",
		"declare_timer", "sop", "declare_sop", "declare_journey", "declare_clock",
		"declare", NULL};
	lua_State *L = isolate_state(iso);
	lua_settop(L, 0);
	lua_pushcfunction(L, setup);
	lua_pushlightuserdata(L, run);
	if (isolate_call(iso, 1, 1, 0, "setup", f) < 0)
		return -1;
	return isolate_runtime(iso, chunks, 1, 0, f);
}

static int run_plugin(struct plugin *p, struct lua_fail *f)
{
	for (int i = 0; i < p->nfiles; i++) {
		const struct source_file *s = &p->files[i];
		if (strcmp(s->path, "plugin.lua") != 0)
			continue;
		if (isolate_load(p->iso, s->path, s->text, s->len, f) < 0)
			return -1;
		return isolate_call(p->iso, 0, 0, p->limits.load_ms, "load", f);
	}
	memset(f, 0, sizeof *f);
	snprintf(f->msg, sizeof f->msg, "plugin.lua is missing");
	return -1;
}

static void fresh(struct plugin *p)
{
	struct plugin_run *run = p->run;
	char prefix[96];
	isolate_free(p->iso);
	snprintf(prefix, sizeof prefix, "plugins/%s/", p->name);
	p->iso = isolate_new(p->name, prefix, &p->limits, run->set->blame);
	if (!run->files) {
		run->files = xcalloc((size_t)p->nfiles + 1, sizeof *run->files);
		for (int i = 0; i < p->nfiles; i++)
			run->files[i] = (struct isolate_file){
				p->files[i].path, p->files[i].text, p->files[i].len};
	}
	isolate_files(p->iso, run->files, p->nfiles);
	for (int i = 0; i < RUN_SLOTS; i++) {
		run->slots[i].ref = LUA_NOREF;
		run->slots[i].same = NULL;
	}
	run->handles_ref = LUA_NOREF;
}

static void fail_as_mistake(struct plugin *p, const struct lua_fail *f)
{
	char file[160];
	snprintf(file, sizeof file, "plugins/%s/plugin.lua", p->name);
	plugin_mistake(p, f->file[0] ? f->file : file, f->line, "%s", f->msg);
}

/* plugin, finish(), complete → the definitions as JSON in run->json, the functions as a reference,
 * the mistakes. A plugin that is loaded again must say the same, byte by byte. */
static int collect(lua_State *L)
{
	struct plugin *p = lua_touserdata(L, 1);
	struct plugin_run *run = p->run;
	struct cx_err e;
	lua_call(L, 1, 3); /* 2: definitions, 3: functions, 4: mistakes */
	lua_Integer n = (lua_Integer)lua_rawlen(L, 4);
	for (lua_Integer i = 1; i <= n && !run->declared.len; i++) {
		lua_rawgeti(L, 4, i);
		lua_getfield(L, 5, "file");
		lua_getfield(L, 5, "line");
		lua_getfield(L, 5, "message");
		plugin_mistake(
			p, lua_tostring(L, 6), (int)lua_tointeger(L, 7), "%s", lua_tostring(L, 8));
		lua_settop(L, 4);
	}
	buf_clear(&run->json);
	if (lua_to_json(L, 2, &run->json, &e) < 0)
		return luaL_error(L, "%s", e.msg);
	if (run->declared.len && (run->declared.len != run->json.len ||
					 memcmp(run->declared.p, run->json.p, run->json.len) != 0))
		return luaL_error(L, "the plugin declares something else each time it is loaded");
	lua_settop(L, 3);
	run->handles_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

void define_known(struct plugin *p, const char *declared)
{
	buf_puts(&p->run->declared, declared);
	buf_cstr(&p->run->declared);
	p->run->handles_ref = LUA_NOREF;
	declared_take(p);
}

int define_load(struct plugin *p, bool again, struct lua_fail *f)
{
	fresh(p);
	lua_State *L = isolate_state(p->iso);
	int rc = prepare(p->run, p->iso, f);
	meanwhile(p->run->set);
	bool complete = rc == 0 && run_plugin(p, f) == 0;
	meanwhile(p->run->set);
	if (!complete && !again)
		fail_as_mistake(p, f);
	if (rc < 0 || isolate_spoiled(p->iso) || (again && !complete))
		return -1;
	/* After an error too: what was declared before it may have mistakes of its own. */
	lua_settop(L, 1);
	lua_pushcfunction(L, collect);
	lua_pushlightuserdata(L, p);
	lua_rotate(L, 1, 2);
	lua_pushboolean(L, complete);
	rc = isolate_call(p->iso, 3, 0, p->limits.load_ms, "load", f);
	lua_settop(L, 0);
	if (rc < 0 && !again)
		fail_as_mistake(p, f);
	if (rc == 0 && !again) {
		buf_add(&p->run->declared, p->run->json.p, p->run->json.len);
		buf_cstr(&p->run->declared);
		declared_take(p);
	}
	meanwhile(p->run->set);
	if (rc == 0 && again && !p->run->identified) /* it was off until now */
		plugin_identify(p);
	if (rc == 0 && again && p->nsops && !p->sops[0].hash[0])
		sops_identify(p);
	return rc < 0 || !complete ? -1 : 0;
}
