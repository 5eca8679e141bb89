#include "lua/isolate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "lua/budget.h"
#include "lua/runtime.h"
#include "lua/sandbox.h"

#define MEMORY_LEAST ((size_t)1 << 20)
_Static_assert(LUA_EXTRASPACE >= sizeof(void *), "room for the isolate of a state");

static void *allocate(void *ud, void *old, size_t had, size_t size)
{
	struct isolate *iso = ud;
	if (!old)
		had = 0; /* then it says what kind of object is made */
	if (size == 0) {
		free(old);
		iso->used -= had;
		return NULL;
	}
	if (size > had && (size - had > iso->limit - iso->used || budget_late(iso))) {
		if (iso->active)
			isolate_where(
				iso->active, iso->oom_file, sizeof iso->oom_file, &iso->oom_line);
		return NULL;
	}
	void *p = xrealloc(old, size);
	iso->used += size - had;
	if (size > had && iso->used > iso->soft && !iso->over_soft)
		budget_soft(iso);
	return p;
}

static int on_panic(lua_State *L)
{
	log_error("Lua error outside a protected call in plugin %s", isolate_of(L)->name);
	return 0; /* Lua aborts: the engine starts again */
}

struct isolate *isolate_new(const char *name, const char *prefix,
	const struct isolate_limits *limits, struct blame *blame)
{
	struct isolate *iso = xcalloc(1, sizeof *iso);
	iso->limit = limits->memory > MEMORY_LEAST ? limits->memory : MEMORY_LEAST;
	iso->soft = iso->limit / 4 * 3;
	iso->blame = blame;
	iso->deadline_us = INT64_MAX;
	snprintf(iso->name, sizeof iso->name, "%s", name);
	snprintf(iso->prefix, sizeof iso->prefix, "%s", prefix);
	iso->L = lua_newstate(allocate, iso);
	if (!iso->L)
		cx_die("no memory for a Lua state");
	*(struct isolate **)lua_getextraspace(iso->L) = iso;
	iso->active = iso->L;
	lua_atpanic(iso->L, on_panic);
	lua_pushcfunction(iso->L, sandbox_open);
	if (lua_pcall(iso->L, 0, 0, 0) != LUA_OK)
		cx_die("Lua libraries: %s", lua_tostring(iso->L, -1));
	return iso;
}

void isolate_free(struct isolate *iso)
{
	if (!iso)
		return;
	lua_sethook(iso->L, NULL, 0, 0);
	lua_close(iso->L);
	free(iso);
}

lua_State *isolate_state(struct isolate *iso)
{
	return iso->L;
}

struct isolate *isolate_of(lua_State *L)
{
	return *(struct isolate **)lua_getextraspace(L);
}

const char *isolate_name(const struct isolate *iso)
{
	return iso->name;
}

bool isolate_spoiled(const struct isolate *iso)
{
	return iso->spoiled;
}

bool isolate_running(const struct isolate *iso)
{
	return iso->depth > 0;
}

size_t isolate_memory(const struct isolate *iso)
{
	return iso->used;
}

void isolate_files(struct isolate *iso, const struct isolate_file *files, int n)
{
	iso->files = files;
	iso->nfiles = n;
}

void isolate_push_globals(struct isolate *iso)
{
	sandbox_push_globals(iso->L);
}

struct loading {
	const char *chunk, *text;
	size_t len;
	bool runtime;
};

/* Every isolate loads the same runtime texts: compiled once, until the process ends. */
static struct compiled {
	const char *text;
	struct buf code;
} compiled[RUNTIME_TEXTS];

static int add_code(lua_State *L, const void *p, size_t n, void *code)
{
	(void)L;
	buf_add(code, p, n);
	return 0;
}

static int load_runtime(lua_State *L, const struct loading *l)
{
	struct compiled *c = compiled;
	while (c->text && c->text != l->text)
		c++;
	if (c->text)
		return luaL_loadbufferx(L, c->code.p, c->code.len, l->chunk, "b");
	int status = luaL_loadbufferx(L, l->text, l->len, l->chunk, "t");
	if (status == LUA_OK) {
		lua_dump(L, add_code, &c->code, 0);
		c->text = l->text;
	}
	return status;
}

static int load_protected(lua_State *L)
{
	const struct loading *l = lua_touserdata(L, 1);
	int status = l->runtime ? load_runtime(L, l)
				: luaL_loadbufferx(L, l->text, l->len, l->chunk, "t");
	budget_after(L, status);
	if (status != LUA_OK)
		return lua_error(L);
	if (l->runtime)
		sandbox_push_runtime(L);
	else
		sandbox_push_view(L);
	lua_setupvalue(L, -2, 1);
	return 1;
}

/* "short_src:LINE: message" of the parser → file, line and message. */
static void syntax_error(const char *chunk, struct lua_fail *f)
{
	char text[sizeof f->msg];
	char *p = strstr(f->msg, ".lua:");
	if (!f->line)
		snprintf(f->file, sizeof f->file, "%s", chunk + 1);
	if (p && !f->line) {
		char *rest;
		f->line = (int)strtol(p + 5, &rest, 10);
		snprintf(text, sizeof text, "%s", rest[0] == ':' && rest[1] ? rest + 2 : rest);
		memcpy(f->msg, text, sizeof text);
	}
}

static int load(struct isolate *iso, struct loading *l, struct lua_fail *f)
{
	lua_State *L = iso->L;
	lua_pushcfunction(L, load_protected);
	lua_pushlightuserdata(L, l);
	int status = lua_pcall(L, 1, 1, 0);
	if (status == LUA_OK)
		return 0;
	struct lua_fail mine;
	fail_take(iso, status, &mine);
	if (!mine.budget)
		syntax_error(l->chunk, &mine);
	if (f)
		*f = mine;
	return -1;
}

int isolate_load(
	struct isolate *iso, const char *path, const char *text, size_t len, struct lua_fail *f)
{
	char chunk[sizeof iso->prefix + 160];
	snprintf(chunk, sizeof chunk, "@%s%s", iso->prefix, path);
	return load(iso, &(struct loading){chunk, text, len, false}, f);
}

int isolate_load_runtime(struct isolate *iso, const char *name, struct lua_fail *f)
{
	size_t len;
	char chunk[80];
	const char *text = runtime_text(name, &len);
	if (!text)
		cx_die("no runtime text \"%s\"", name);
	snprintf(chunk, sizeof chunk, "=cx/%s.lua", name);
	return load(iso, &(struct loading){chunk, text, len, true}, f);
}

static int refused(struct isolate *iso, struct lua_fail *f)
{
	if (f) {
		fail_clear(f);
		snprintf(f->msg, sizeof f->msg,
			"%s was stopped before and has not been loaded again", iso->name);
	}
	return -1;
}

/* Who is to blame for what runs from here on; was: what to go back to. */
static void blame_back(
	const struct isolate *iso, const struct budget_frame *was, enum blame_phase phase)
{
	if (!iso->blame)
		return;
	if (was->outer && was->handler && phase == BLAME_LUA)
		blame_lua(iso->blame, was->outer->name, was->outer->handler,
			(uint32_t)was->outer->budget_ms);
	else
		blame_phase(iso->blame, phase);
}

int isolate_call(struct isolate *iso, int nargs, int nresults, int budget_ms, const char *handler,
	struct lua_fail *f)
{
	lua_State *L = iso->L;
	int at = lua_gettop(L) - nargs;
	if (iso->spoiled) {
		lua_settop(L, at - 1);
		return refused(iso, f);
	}
	struct budget_frame was;
	lua_pushcfunction(L, fail_handler);
	lua_insert(L, at);
	budget_enter(iso, &was, budget_ms, handler);
	enum blame_phase phase =
		blame_lua(iso->blame, iso->name, handler, budget_ms > 0 ? (uint32_t)budget_ms : 0);
	int status = lua_pcall(L, nargs, nresults, at);
	blame_back(iso, &was, phase);
	int rc = 0;
	if (status == LUA_OK && !iso->killed) {
		lua_remove(L, at);
	} else {
		if (status == LUA_OK)
			lua_pushnil(L);
		fail_take(iso, status, f);
		lua_settop(L, at - 1);
		rc = -1;
	}
	budget_leave(iso, &was);
	return rc;
}

static int set_globals(lua_State *L)
{
	sandbox_push_globals(L);
	for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
		lua_pushvalue(L, -2);
		lua_pushvalue(L, -2);
		lua_rawset(L, 2);
	}
	return 0;
}

int isolate_runtime(struct isolate *iso, const char *const *chunks, int nresults, int budget_ms,
	struct lua_fail *f)
{
	lua_State *L = iso->L;
	for (; *chunks; chunks++) {
		int have = lua_gettop(L);
		if (isolate_load_runtime(iso, *chunks, f) < 0)
			return -1;
		for (int i = 1; i <= have; i++)
			lua_pushvalue(L, i);
		if (isolate_call(iso, have, chunks[1] ? 1 : nresults + 1, budget_ms, *chunks, f) <
			0)
			return -1;
	}
	lua_rotate(L, 1, nresults + 1);
	lua_settop(L, nresults + 1);
	lua_pushcfunction(L, set_globals);
	lua_pushvalue(L, 1);
	lua_remove(L, 1);
	return isolate_call(iso, 1, 0, budget_ms, "setup", f);
}
