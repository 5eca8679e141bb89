#include "lua/import.h"

#include <stdlib.h>
#include <string.h>

#include "base/tz.h"
#include "lua/inside.h"

/* ---- reading the declaration; inside a protected call */

static char *text_of(lua_State *L, int table, const char *key)
{
	lua_pushstring(L, key);
	char *s = lua_rawget(L, table) == LUA_TSTRING ? xstrdup(lua_tostring(L, -1)) : NULL;
	lua_pop(L, 1);
	return s;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(
		((const struct import_table *)a)->name, ((const struct import_table *)b)->name);
}

static void read_tables(lua_State *L, struct import *im, int tables)
{
	for (lua_pushnil(L); lua_next(L, tables); lua_pop(L, 1)) {
		im->tables = xrealloc(im->tables, sizeof *im->tables * (size_t)(im->ntables + 1));
		struct import_table *t = &im->tables[im->ntables++];
		*t = (struct import_table){.name = xstrdup(lua_tostring(L, -2)), .delimiter = ','};
		if (lua_type(L, -1) == LUA_TSTRING) {
			t->file = xstrdup(lua_tostring(L, -1));
			continue;
		}
		int spec = lua_gettop(L);
		t->file = text_of(L, spec, "file");
		t->encoding = text_of(L, spec, "encoding");
		char *delimiter = text_of(L, spec, "delimiter");
		if (delimiter && *delimiter)
			t->delimiter = *delimiter;
		free(delimiter);
	}
	qsort(im->tables, (size_t)im->ntables, sizeof *im->tables, by_name);
}

static void read_parts(lua_State *L, struct import *im, int events)
{
	int n = (int)lua_rawlen(L, events);
	im->sql = xcalloc((size_t)n, sizeof *im->sql);
	im->maps = xcalloc((size_t)n, sizeof *im->maps);
	for (im->nparts = 0; im->nparts < n;) {
		lua_rawgeti(L, events, im->nparts + 1);
		im->sql[im->nparts++] = text_of(L, lua_gettop(L), "sql");
		lua_pushliteral(L, "map");
		lua_rawget(L, -2);
		im->maps[im->nparts - 1] = luaL_ref(L, LUA_REGISTRYINDEX);
		lua_pop(L, 1);
	}
}

static int read_entry(lua_State *L)
{
	struct import *im = lua_touserdata(L, 1);
	luaL_checktype(L, 2, LUA_TTABLE);
	lua_pushliteral(L, "generate");
	im->generates = lua_rawget(L, 2) == LUA_TFUNCTION;
	if (im->generates) {
		im->generate = luaL_ref(L, LUA_REGISTRYINDEX);
		return 0;
	}
	lua_pushliteral(L, "tables");
	if (lua_rawget(L, 2) == LUA_TTABLE)
		read_tables(L, im, lua_gettop(L));
	lua_pushliteral(L, "events");
	if (lua_rawget(L, 2) == LUA_TTABLE)
		read_parts(L, im, lua_gettop(L));
	return 0;
}

static int not_found(const struct plugin_set *set, const char *id, struct cx_err *e)
{
	struct buf names = {0};
	for (int i = 0; i < set->n; i++)
		for (int k = 0; k < set->v[i]->nimports; k++)
			buf_printf(&names, "%s%s", names.len ? ", " : "", set->v[i]->imports[k].id);
	int rc = names.len ? cx_fail(e, CX_E_NOT_FOUND, NULL,
				     CX_T("nenhum plugin declara cx.import \"%s\"; há: %s",
					     "no plugin declares cx.import \"%s\"; there is: %s"),
				     id, buf_cstr(&names))
			   : cx_fail(e, CX_E_NOT_FOUND, NULL,
				     CX_T("nenhum plugin declara cx.import \"%s\"",
					     "no plugin declares cx.import \"%s\""),
				     id);
	buf_free(&names);
	return rc;
}

static int fail_of(const struct lua_fail *f, struct cx_err *e)
{
	if (f->file[0])
		return cx_fail(e, CX_E_PLUGIN_FAILED, NULL, "%s:%d: %s", f->file, f->line, f->msg);
	return cx_fail(e, CX_E_PLUGIN_FAILED, NULL, "%s", f->msg);
}

int import_open(const struct plugin_set *set, const char *id, struct import *im, struct cx_err *e)
{
	struct lua_fail f = {0};
	*im = (struct import){.set = set};
	for (int i = 0; i < set->n && !im->def; i++)
		for (int k = 0; k < set->v[i]->nimports; k++)
			if (strcmp(set->v[i]->imports[k].id, id) == 0) {
				im->p = set->v[i];
				im->def = &im->p->imports[k];
			}
	if (!im->def)
		return not_found(set, id, e);
	if (im->p->state != PLUGIN_RUNNING)
		return cx_fail(e, CX_E_PLUGIN_FAILED, NULL,
			CX_T("o plugin %s não carregou", "plugin %s did not load"), im->p->name);
	int rc = plugin_push(im->p, im->def->handle, &f);
	if (rc >= 0) {
		lua_State *L = isolate_state(im->p->iso);
		lua_pushcfunction(L, read_entry);
		lua_insert(L, -2);
		lua_pushlightuserdata(L, im);
		lua_insert(L, -2);
		rc = isolate_call(im->p->iso, 2, 0, im->p->limits.load_ms, "import", &f);
	}
	return rc < 0 ? fail_of(&f, e) : CX_OK;
}

void import_close(struct import *im)
{
	for (int i = 0; i < im->ntables; i++) {
		free(im->tables[i].name);
		free(im->tables[i].file);
		free(im->tables[i].encoding);
	}
	for (int i = 0; i < im->nparts; i++)
		free(im->sql[i]);
	free(im->tables);
	free(im->sql);
	free(im->maps);
	arena_free(&im->a);
	buf_free(&im->json);
	*im = (struct import){0};
}

/* ---- events out of plugin code */

/* What the host does with an event — it may wait for the writer — is not the plugin's time. */
static int hand_over(struct import *im, int rc, int64_t time_ms, const char *id, struct cx_err *e)
{
	struct isolate *iso = im->p->iso;
	int64_t began = clock_mono_us(), deadline = iso->deadline_us;
	iso->deadline_us = INT64_MAX;
	if (iso->blame)
		blame_phase(iso->blame, BLAME_BATCH);
	if (rc == CX_OK)
		rc = im->sink->event(im->sink->ctx, time_ms, im->place, im->json.p, im->json.len);
	else
		rc = im->sink->refused(im->sink->ctx, im->place, id, e);
	im->place++;
	int64_t took = clock_mono_us() - began;
	im->host_us += took;
	if (iso->blame)
		blame_lua(iso->blame, im->p->name, iso->handler, (uint32_t)iso->budget_ms);
	iso->deadline_us = deadline == INT64_MAX ? deadline : deadline + took;
	iso->overdue = 0;
	return rc;
}

static void give_event(lua_State *L, struct import *im, int index)
{
	struct cx_err e = {0};
	int64_t time_ms = 0;
	int rc = import_convert(im, L, index, &time_ms, &e);
	lua_pushliteral(L, "id");
	lua_rawget(L, index);
	const char *id = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
	rc = hand_over(im, rc, time_ms, id, &e);
	lua_pop(L, 1);
	if (rc < 0) {
		im->stopped = true;
		luaL_error(L, "the import was stopped");
	}
}

/* nil, an event, or a list of events */
static void give(lua_State *L, struct import *im, const char *what)
{
	int at = lua_gettop(L);
	if (lua_isnil(L, at))
		return;
	if (lua_type(L, at) != LUA_TTABLE)
		luaL_error(L, "%s must give nil, an event or a list of events, not a %s", what,
			luaL_typename(L, at));
	lua_pushliteral(L, "type");
	int type = lua_rawget(L, at);
	lua_pop(L, 1);
	int n = (int)lua_rawlen(L, at);
	if (type != LUA_TNIL || (n == 0 && (lua_pushnil(L), lua_next(L, at)))) {
		lua_settop(L, at);
		give_event(L, im, at);
		return;
	}
	for (int i = 1; i <= n; i++) {
		if (lua_rawgeti(L, at, i) != LUA_TTABLE)
			luaL_error(L, "%s: item %d of the list is a %s, not an event", what, i,
				luaL_typename(L, -1));
		give_event(L, im, lua_gettop(L));
		lua_settop(L, at);
	}
}

static int map_entry(lua_State *L)
{
	struct import *im = lua_touserdata(L, 1);
	const struct scratch_row *row = im->row;
	lua_rawgeti(L, LUA_REGISTRYINDEX, im->maps[im->part]);
	lua_createtable(L, 0, row->ncols);
	for (int i = 0; i < row->ncols; i++) {
		lua_pushstring(L, row->names[i]);
		if (row->values[i].p)
			lua_pushlstring(L, row->values[i].p, row->values[i].n);
		else
			lua_pushnil(L); /* also over an earlier column of the same name */
		lua_rawset(L, -3);
	}
	lua_call(L, 1, 1);
	give(L, im, "map");
	return 0;
}

static int emit(lua_State *L)
{
	struct import *im = lua_touserdata(L, lua_upvalueindex(1));
	lua_settop(L, 1);
	give(L, im, "emit");
	return 0;
}

static int generate_entry(lua_State *L)
{
	struct import *im = lua_touserdata(L, 1);
	lua_rawgeti(L, LUA_REGISTRYINDEX, im->generate);
	lua_pushlightuserdata(L, im);
	lua_pushcclosure(L, emit, 1);
	lua_call(L, 1, 0);
	return 0;
}

static int run(
	struct import *im, lua_CFunction entry, const struct import_sink *sink, struct lua_fail *f)
{
	char handler[96];
	lua_State *L = isolate_state(im->p->iso);
	int64_t left_ms = im->p->limits.script_ms - im->used_us / 1000, began = clock_mono_us();
	snprintf(handler, sizeof handler, "import \"%.70s\"", im->def->id);
	im->sink = sink;
	im->place = 0;
	im->host_us = 0;
	lua_pushcfunction(L, entry);
	lua_pushlightuserdata(L, im);
	int rc = isolate_call(im->p->iso, 1, 0, left_ms < 1 ? 1 : (int)left_ms, handler, f);
	im->used_us += clock_mono_us() - began - im->host_us;
	return rc;
}

int import_map(struct import *im, int part, const struct scratch_row *row,
	const struct import_sink *sink, struct lua_fail *f)
{
	struct cx_err e = {0};
	im->part = part;
	im->row = row;
	if (run(im, map_entry, sink, f) >= 0)
		return 0;
	if (im->stopped || f->budget || f->memory || isolate_spoiled(im->p->iso))
		return -1;
	fail_of(f, &e);
	return sink->refused(sink->ctx, im->place, NULL, &e);
}

int import_generate(struct import *im, const struct import_sink *sink, struct lua_fail *f)
{
	return run(im, generate_entry, sink, f);
}
