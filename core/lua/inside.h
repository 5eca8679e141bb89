/* inside.h — struct isolate itself, for the files that make up the isolate: isolate.c (life),
 * budget.c (time and memory), sandbox.c, strings.c, tables.c, coroutines.c (libraries), fail.c
 * (messages). Everyone else uses isolate.h.
 * Owns:   isolate_new() makes one, isolate_free() ends it. */
#ifndef CX_LUA_INSIDE_H
#define CX_LUA_INSIDE_H

#include <lauxlib.h>
#include <signal.h>

#include "lua/isolate.h"

enum { CLOSE_DEPTH = 64, LOAD_TEXT_MAX = 1 << 20, STRING_RESULT_MAX = 8 << 20 };

struct isolate {
	lua_State *L;
	lua_State *volatile active; /* the coroutine that runs */
	volatile int64_t deadline_us;
	volatile sig_atomic_t overdue; /* set by the clock's signal, for long loops in C */
	bool killed, spoiled, over_soft;
	int budget_ms, depth;
	const char *handler;
	struct isolate *volatile outer; /* whose call this isolate's call runs inside */
	size_t used, limit, soft;
	int closing; /* coroutine.close inside coroutine.close… */
	struct lua_fail fail;
	bool failed; /* fail is filled for the call that runs */
	char oom_file[160];
	int oom_line; /* where memory was refused */
	char name[64], prefix[160];
	const struct isolate_file *files;
	int nfiles;
	struct blame *blame;
};

/* fail.c */
void fail_clear(struct lua_fail *f);
void fail_text(char *out, size_t cap, const char *s, size_t n); /* escaped, cut */
/* Fills iso->fail for what happens at L now: position of the nearest plugin code, traceback. */
void fail_here(struct isolate *iso, lua_State *L, const char *msg, size_t n);
int fail_handler(lua_State *L); /* message handler of every entry */
/* Raises "no data": an entry that ends with it says so in lua_fail. */
int fail_no_data(lua_State *L) __attribute__((noreturn));
/* After a failed lua_pcall of an entry: takes the error off the stack into *f. */
void fail_take(struct isolate *iso, int status, struct lua_fail *f);

/* libraries: each changes the fresh library table on top of the stack */
void lib_base(lua_State *L); /* base.c; the table of globals */
void lib_string(lua_State *L);
void lib_table(lua_State *L);
void lib_coroutine(lua_State *L);
void lib_utf8(lua_State *L);

#endif
