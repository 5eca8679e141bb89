/* One plugin's isolate: the runtime's Lua, plugin.lua, and what it declared. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/bind.h"

static const char run_key;

struct plugin_run *run_of(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &run_key);
	struct plugin_run *run = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return run;
}

void plugin_mistake(struct plugin *p, const char *file, int line, const char *fmt, ...)
{
	va_list ap;
	char msg[1024];
	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	p->errors = xrealloc(p->errors, (size_t)(p->nerrors + 1) * sizeof *p->errors);
	p->errors[p->nerrors++] = (struct plugin_error){xstrdup(file), line, xstrdup(msg)};
}

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

static int show_cx(lua_State *L)
{
	isolate_push_globals(isolate_of(L));
	lua_pushvalue(L, 1);
	lua_setfield(L, -2, "cx");
	return 0;
}

/* Calls a runtime chunk with copies of the first nargs values of the stack. */
static int runtime(
	struct isolate *iso, const char *name, int nargs, int nresults, struct lua_fail *f)
{
	lua_State *L = isolate_state(iso);
	if (isolate_load_runtime(iso, name, f) < 0)
		return -1;
	for (int i = 1; i <= nargs; i++)
		lua_pushvalue(L, i);
	return isolate_call(iso, nargs, nresults, 0, name, f);
}

/* Leaves finish() at the bottom of the stack. */
static int prepare(struct plugin_run *run, struct isolate *iso, struct lua_fail *f)
{
	lua_State *L = isolate_state(iso);
	lua_settop(L, 0);
	lua_pushcfunction(L, setup);
	lua_pushlightuserdata(L, run);
	if (isolate_call(iso, 1, 1, 0, "setup", f) < 0)
		return -1;
	if (runtime(iso, "stats", 1, 1, f) < 0 || runtime(iso, "fields", 1, 1, f) < 0 ||
		runtime(iso, "declare", 3, 2, f) < 0)
		return -1;
	lua_replace(L, 1); /* finish */
	lua_replace(L, 2); /* cx */
	lua_settop(L, 2);
	lua_pushcfunction(L, show_cx);
	lua_insert(L, 2);
	return isolate_call(iso, 1, 0, 0, "setup", f);
}

static int run_plugin(struct plugin *p, struct lua_fail *f)
{
	for (int i = 0; i < p->nfiles; i++)
		if (strcmp(p->files[i].path, "plugin.lua") == 0)
			return isolate_load(p->iso, "plugin.lua", p->files[i].text, p->files[i].len,
				       f) < 0
				       ? -1
				       : isolate_call(p->iso, 0, 0, p->limits.load_ms, "load", f);
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

int define_load(struct plugin *p, bool again, struct lua_fail *f)
{
	struct collect c = {.p = p, .again = again};
	fresh(p);
	lua_State *L = isolate_state(p->iso);
	int rc = prepare(p->run, p->iso, f);
	bool complete = rc == 0 && run_plugin(p, f) == 0;
	if (!complete && !again)
		fail_as_mistake(p, f);
	if (rc < 0 || isolate_spoiled(p->iso) || (again && !complete))
		return -1;
	/* After an error too: what was declared before it may have mistakes of its own. */
	lua_settop(L, 1);
	lua_pushboolean(L, complete);
	rc = isolate_call(p->iso, 1, 1, 0, "setup", f);
	if (rc == 0) {
		lua_pushcfunction(L, declared_collect);
		lua_insert(L, 1);
		lua_pushlightuserdata(L, &c);
		lua_insert(L, 2);
		rc = isolate_call(p->iso, 2, 0, 0, "setup", f);
	}
	if (rc < 0 && !again)
		fail_as_mistake(p, f);
	lua_settop(L, 0);
	return rc < 0 || !complete ? -1 : 0;
}
