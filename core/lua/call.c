/* Calls of plugin code, whatever it is: the slot, the budget, a fresh isolate where the old one was
 * stopped, and what a call leaves behind. */
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "lua/bind.h"

enum { GARBAGE = 4 << 20 }; /* bytes: less than this is not worth a collection */

/* What a runaway leaves behind goes back to the system at once, and is not kept until the plugin is
 * called again, which may be never. Also of a call that ended well: Lua collects its garbage only
 * when more is made. Twice what lived on last time is nothing unusual. */
static void give_back(struct plugin *p)
{
	struct plugin_run *run = p->run;
	if (!p->iso || isolate_running(p->iso))
		return;
	bool spoiled = isolate_spoiled(p->iso);
	if (isolate_memory(p->iso) < GARBAGE + (spoiled ? 0 : 2 * run->lives_on))
		return;
	if (spoiled) {
		plugin_sleep(p);
	} else {
		lua_gc(isolate_state(p->iso), LUA_GCCOLLECT);
		run->lives_on = isolate_memory(p->iso);
	}
	malloc_trim(0);
}

int call_load(struct plugin *p, bool again, struct lua_fail *f)
{
	p->run->lives_on = 0;
	int rc = define_load(p, again, f);
	give_back(p);
	return rc;
}

static int refuse(struct plugin *p, struct lua_fail *f, const char *why)
{
	memset(f, 0, sizeof *f);
	snprintf(f->file, sizeof f->file, "plugins/%s/plugin.lua", p->name);
	snprintf(f->msg, sizeof f->msg, "%s", why);
	return -1;
}

/* An isolate that was stopped is loaded anew, unless its own call is still under way below. */
int call_ready(struct plugin *p, struct lua_fail *f)
{
	if (p->state != PLUGIN_RUNNING && p->state != PLUGIN_BEHIND)
		return refuse(p, f, "the plugin is not running");
	if (p->run->depth >= RUN_SLOTS)
		return refuse(p, f, "calls inside calls, too deep");
	if (p->iso && !isolate_spoiled(p->iso) && p->run->handles_ref != LUA_NOREF)
		return 0;
	if (p->iso && isolate_running(p->iso))
		return refuse(p, f, "the plugin was stopped in this very job");
	return call_load(p, true, f);
}

/* Is what the slot held before the same event, so that its `e` can be used again? The struct is
 * the caller's and may be filled with the next event; its text and numbers tell. */
static bool same_event(const struct slot *s, const struct event *ev)
{
	return s->same == ev && s->id == ev->id.p && s->seq == ev->seq &&
	       s->time_ms == ev->time_ms && memcmp(s->digest, ev->digest, EVENT_DIGEST) == 0;
}

struct slot *call_begin(
	struct plugin *p, struct event *ev, enum use use, int *at, struct lua_fail *f)
{
	struct plugin_run *run = p->run;
	if (call_ready(p, f) < 0)
		return NULL;
	struct slot *s = &run->slots[run->depth];
	*at = run->depth++;
	run->set->depth++;
	s->live = true;
	s->use = use;
	s->call_gen = ++run->gen;
	s->personal = -1;
	s->tx = NULL;
	s->journey = NULL;
	if (ev && !same_event(s, ev)) {
		if (s->ref != LUA_NOREF)
			luaL_unref(isolate_state(p->iso), LUA_REGISTRYINDEX, s->ref);
		s->ref = LUA_NOREF;
		s->event_gen = run->gen;
		s->same = ev;
		s->id = ev->id.p;
		s->seq = ev->seq;
		s->time_ms = ev->time_ms;
		memcpy(s->digest, ev->digest, EVENT_DIGEST);
	}
	s->ev = ev;
	return s;
}

int call_run(struct plugin *p, lua_CFunction body, void *ctx, const struct call_about *about,
	struct lua_fail *f)
{
	lua_State *L = isolate_state(p->iso);
	lua_pushcfunction(L, body);
	lua_pushlightuserdata(L, ctx);
	int rc = isolate_call(p->iso, 1, 0, about->budget_ms, about->label, f);
	p->run->slots[--p->run->depth].live = false;
	p->run->set->depth--;
	if (rc < 0 && !f->file[0]) {
		snprintf(f->file, sizeof f->file, "%s", about->file);
		f->line = about->line;
	}
	give_back(p);
	return rc;
}

int plugin_push(struct plugin *p, int handle, struct lua_fail *f)
{
	if (call_ready(p, f) < 0)
		return -1;
	lua_State *L = isolate_state(p->iso);
	lua_rawgeti(L, LUA_REGISTRYINDEX, p->run->handles_ref);
	lua_rawgeti(L, -1, handle);
	lua_remove(L, -2);
	return 0;
}
