#include "lua/import.h"

#include <stdlib.h>
#include <string.h>

#include "base/tz.h"
#include "lua/inside.h"

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

int import_open(const struct plugin_set *set, const char *id, struct import *im, struct cx_err *e)
{
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
	return CX_OK;
}

void import_close(struct import *im)
{
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

/* im, map() */
static int map_entry(lua_State *L)
{
	struct import *im = lua_touserdata(L, 1);
	const struct scratch_row *row = im->row;
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
	lua_settop(L, 1);
	give(L, lua_touserdata(L, lua_upvalueindex(1)), "emit");
	return 0;
}

/* im, generate() */
static int generate_entry(lua_State *L)
{
	lua_pushvalue(L, 1);
	lua_pushcclosure(L, emit, 1);
	lua_call(L, 1, 0);
	return 0;
}

static int run(struct import *im, lua_CFunction entry, int handle, const struct import_sink *sink,
	struct lua_fail *f)
{
	char handler[96];
	int64_t left_ms = im->p->limits.script_ms - im->used_us / 1000, began = clock_mono_us();
	snprintf(handler, sizeof handler, "import \"%.70s\"", im->def->id);
	im->sink = sink;
	im->place = 0;
	im->host_us = 0;
	if (plugin_push(im->p, handle, f) < 0)
		return -1;
	lua_State *L = isolate_state(im->p->iso);
	lua_pushcfunction(L, entry);
	lua_pushlightuserdata(L, im);
	lua_rotate(L, -3, 2);
	int rc = isolate_call(im->p->iso, 2, 0, left_ms < 1 ? 1 : (int)left_ms, handler, f);
	im->used_us += clock_mono_us() - began - im->host_us;
	return rc;
}

int import_map(struct import *im, int part, const struct scratch_row *row,
	const struct import_sink *sink, struct lua_fail *f)
{
	struct cx_err e = {0};
	im->part = part;
	im->row = row;
	if (run(im, map_entry, im->def->maps[part], sink, f) >= 0)
		return 0;
	if (im->stopped || f->budget || f->memory || isolate_spoiled(im->p->iso))
		return -1;
	if (f->file[0])
		cx_fail(&e, CX_E_PLUGIN_FAILED, NULL, "%s:%d: %s", f->file, f->line, f->msg);
	else
		cx_fail(&e, CX_E_PLUGIN_FAILED, NULL, "%s", f->msg);
	return sink->refused(sink->ctx, im->place, NULL, &e);
}

int import_generate(struct import *im, const struct import_sink *sink, struct lua_fail *f)
{
	return run(im, generate_entry, im->def->generate, sink, f);
}
