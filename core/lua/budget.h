/* budget.h — the time and memory that one call may use, and the kill nothing can swallow.
 * Flow:   budget_enter() sets the deadline; the clock's signal (every CLOCK_TICK_MS of CPU time)
 *         finds it passed and sets the hook of the coroutine that runs; the hook kills.
 *         A kill is an error that every wrapped protected call raises again (budget_after).
 * Why so: error hooks alone are swallowed by pcall, by xpcall's handler and by coroutines; counting
 *         instructions misses what one instruction can cost; a thread that calls lua_sethook
 *         corrupts the heap, a signal of the running thread does not.
 * Callers: isolate.c and the wrapped libraries.
 *         CPU time of the thread is counted and not the clock on the wall: on a busy machine an
 *         honest plugin must not fail, and a figure must not depend on who else was running.
 *         A call's budget begins at the first tick that meets it: nobody who keeps within it is
 *         killed, and nobody gets much more than a kernel tick beyond it.
 * Units:  microseconds of the thread's CPU time, known to about CLOCK_TICK_MS; a deadline below 0
 *         is the budget of a call that no tick has met yet. */
#ifndef CX_LUA_BUDGET_H
#define CX_LUA_BUDGET_H

#include "lua/inside.h"

enum { CLOCK_TICK_MS = 5, CLOCK_LATE_MS = 100 };

struct budget_frame { /* what a nested call puts back */
	struct isolate *outer;
	lua_State *active;
	int64_t deadline_us;
	int budget_ms;
	const char *handler;
};
void budget_enter(
	struct isolate *iso, struct budget_frame *was, int budget_ms, const char *handler);
void budget_leave(struct isolate *iso, const struct budget_frame *was);

/* The budget begins anew (a generator's, with every event). */
void budget_restart(struct isolate *iso);
/* Around work in C that is not the call's to pay for; calls inside have budgets of their own. */
struct budget_pause {
	int64_t deadline_us, since_us;
};
void budget_pause(struct isolate *iso, struct budget_pause *was);
void budget_resume(struct isolate *iso, const struct budget_pause *was);
/* The allocator passed the soft limit: look at it at the next instruction. */
void budget_soft(struct isolate *iso);
/* Long past the deadline, so no hook has come through: memory is refused then, which ends loops
 * inside the VM that only grow a stack. */
bool budget_late(const struct isolate *iso);
/* What to say when it is over. */
int budget_text(const struct isolate *iso, bool memory, char *out, size_t cap);
/* Raises the kill; fills iso->fail first. */
int budget_kill(lua_State *L, bool memory) __attribute__((noreturn));
/* After every protected call in C: raises again when killed or out of memory. */
void budget_after(lua_State *L, int status);
/* Inside loops of C functions that may be long. */
static inline void budget_tick(lua_State *L)
{
	struct isolate *iso = isolate_of(L);
	if (iso->overdue || iso->killed)
		budget_kill(L, false);
}

#endif
