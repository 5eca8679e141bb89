/* isolate.h — one sandboxed Lua state: its memory cap, its time budget, its frozen libraries.
 * Flow:   isolate_new() → isolate_load() of text chunks → isolate_call() for every entry.
 *         A budget is CPU time of this thread; a periodic signal of this thread (isolate_clock)
 * looks at it and sets the hook, and the wrapped pcall, xpcall, coroutine.* rethrow a kill.
 * Callers: lua/ only; one thread. After a kill or a memory error the state is spoiled: the caller
 *         throws it away and loads a new one (isolate_spoiled).
 * Owns:   the state. No Lua value survives an isolate.
 * Errors: 0, or -1 with struct lua_fail filled. */
#ifndef CX_LUA_ISOLATE_H
#define CX_LUA_ISOLATE_H

#include <lua.h>

#include "base/buf.h"
#include "base/err.h"
#include "ipc/blame.h"

struct isolate_limits {
	size_t memory;                                  /* bytes */
	int load_ms, handler_ms, formula_ms, script_ms; /* of one call */
};

struct lua_fail {       /* what went wrong in plugin code, for people and for rows */
	char file[160]; /* "plugins/acme/plugin.lua", "" = unknown */
	int line;
	char msg[512]; /* without the position */
	char traceback[2048];
	bool budget, memory;
	bool no_data; /* it ended for want of data (fail_no_data), which is no mistake */
};

struct isolate;
/* name: the plugin (for blame and messages). prefix: what chunk names begin with,
 * "plugins/acme/". */
struct isolate *isolate_new(const char *name, const char *prefix,
	const struct isolate_limits *limits, struct blame *blame);
void isolate_free(struct isolate *iso);
lua_State *isolate_state(struct isolate *iso);
struct isolate *isolate_of(lua_State *L);
const char *isolate_name(const struct isolate *iso);
bool isolate_spoiled(const struct isolate *iso);
bool isolate_running(const struct isolate *iso); /* a call of it is under way */
size_t isolate_memory(const struct isolate *iso);

/* Files that `require "x"` and the loader may reach; borrowed, must outlive the isolate. */
struct isolate_file {
	const char *path, *text; /* "plugin.lua" */
	size_t len;
};
void isolate_files(struct isolate *iso, const struct isolate_file *files, int n);

/* Pushes the compiled text chunk; its name in messages is prefix + path. Globals assigned by the
 * chunk are an error ("use local"). */
int isolate_load(
	struct isolate *iso, const char *path, const char *text, size_t len, struct lua_fail *f);
/* Host's own Lua (core/lua/runtime/NAME.lua, embedded): pushed. */
int isolate_load_runtime(struct isolate *iso, const char *name, struct lua_fail *f);

/* Function and nargs arguments are on the stack; nresults replace them. handler: for blame and
 * messages. On failure the stack is as before the function. */
int isolate_call(struct isolate *iso, int nargs, int nresults, int budget_ms, const char *handler,
	struct lua_fail *f);

/* Runs runtime chunks (a list that ends with NULL), each called with what is on the stack: a table
 * of host functions, then what the chunks before returned. Of the last one's results the first is a
 * table of globals for plugin code; nresults others are all that is left on the stack. */
int isolate_runtime(struct isolate *iso, const char *const *chunks, int nresults, int budget_ms,
	struct lua_fail *f);
/* Pushes the table behind the plugin's globals (which the plugin itself can only read). */
void isolate_push_globals(struct isolate *iso);
/* Replaces the table on top with a read-only view of it. */
void isolate_freeze(lua_State *L);
/* Where in plugin code the running call is: nearest plugin file on the stack; false = none. */
bool isolate_where(lua_State *L, char *file, size_t cap, int *line);

/* Once per process: the timer whose signal looks at deadlines. */
void isolate_clock_start(void);

#endif
