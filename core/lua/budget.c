#include "lua/budget.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define CLOCK_SIGNAL (SIGRTMIN + 3)
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static struct isolate *volatile running; /* innermost; outer ones wait for it */
static bool clock_made;
static volatile int64_t tick_us; /* CPU time of this thread at the last tick */
static const char kill_mark;     /* its address is the error value of a kill */

static void hook(lua_State *L, lua_Debug *ar);

static void arm(lua_State *L)
{
	lua_sethook(L, hook, LUA_MASKCOUNT | LUA_MASKCALL | LUA_MASKRET, 1);
}

static int64_t cpu_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* In a signal: only clock_gettime and lua_sethook, which is made for this. */
static void on_tick(int sig)
{
	(void)sig;
	struct isolate *iso = running;
	tick_us = cpu_us();
	if (iso && iso->deadline_us < 0) {
		iso->deadline_us = tick_us - iso->deadline_us;
		return;
	}
	if (!iso || tick_us < iso->deadline_us)
		return;
	iso->overdue = 1;
	arm(iso->active);
}

/* A timer is not inherited. */
static void forked(void)
{
	clock_made = false;
}

void isolate_clock_start(void)
{
	static bool watching;
	timer_t clock;
	struct itimerspec every = {.it_value.tv_nsec = CLOCK_TICK_MS * 1000000L,
		.it_interval.tv_nsec = CLOCK_TICK_MS * 1000000L};
	struct sigaction sa = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = CLOCK_SIGNAL};
	ev.sigev_notify_thread_id = (int)syscall(SYS_gettid);
	sigemptyset(&sa.sa_mask);
	sigset_t ours;
	sigemptyset(&ours);
	sigaddset(&ours, CLOCK_SIGNAL);
	if (sigaction(CLOCK_SIGNAL, &sa, NULL) != 0 ||
		timer_create(CLOCK_THREAD_CPUTIME_ID, &ev, &clock) != 0 ||
		sigprocmask(SIG_UNBLOCK, &ours, NULL) != 0 ||
		timer_settime(clock, 0, &every, NULL) != 0) {
		/* Without a clock plugin code could run for ever. */
		log_error("no timer for Lua budgets");
		abort();
	}
	if (!watching)
		pthread_atfork(NULL, NULL, forked);
	watching = clock_made = true;
	tick_us = cpu_us();
}

/* Negative: the budget, to be counted from the first tick that meets the call. When that is nobody
 * knows: the kernel looks at a thread's CPU time at its own ticks only, and one that runs in short
 * bursts can miss many. So a call has its budget, and at most some ticks more. */
static int64_t deadline(int budget_ms)
{
	return budget_ms > 0 ? -budget_ms * 1000LL : INT64_MAX;
}

void budget_restart(struct isolate *iso)
{
	iso->deadline_us = deadline(iso->budget_ms);
	iso->overdue = 0;
}

void budget_enter(struct isolate *iso, struct budget_frame *was, int budget_ms, const char *handler)
{
	*was = (struct budget_frame){
		running, iso->active, iso->deadline_us, iso->budget_ms, iso->handler};
	if (!clock_made)
		isolate_clock_start();
	int64_t end = deadline(budget_ms);
	if (iso->depth) { /* a call inside a call of the same isolate cannot buy time */
		int64_t outer = was->deadline_us;
		if (outer < 0)
			end = end < 0 && end > outer ? end : outer;
		else if (end < 0)
			end = tick_us - end < outer ? end : outer;
		else
			end = outer;
	}
	iso->deadline_us = end;
	iso->overdue = 0;
	iso->budget_ms = budget_ms;
	iso->handler = handler;
	iso->active = iso->L;
	iso->depth++;
	running = iso;
}

void budget_leave(struct isolate *iso, const struct budget_frame *was)
{
	running = was->outer;
	iso->depth--;
	iso->active = was->active;
	if (was->deadline_us < 0 && iso->deadline_us >= 0 && iso->deadline_us < INT64_MAX)
		iso->deadline_us = tick_us - was->deadline_us; /* a tick met the inner one */
	else
		iso->deadline_us = was->deadline_us;
	iso->budget_ms = was->budget_ms;
	iso->handler = was->handler;
	iso->overdue = 0;
}

void budget_pause(struct isolate *iso, struct budget_pause *was)
{
	*was = (struct budget_pause){iso->deadline_us, cpu_us()};
	iso->deadline_us = INT64_MAX;
	blame_phase(iso->blame, BLAME_BATCH);
}

void budget_resume(struct isolate *iso, const struct budget_pause *was)
{
	int64_t end = was->deadline_us;
	iso->deadline_us = end < 0 || end == INT64_MAX ? end : end + cpu_us() - was->since_us;
	iso->overdue = 0;
	blame_lua(iso->blame, iso->name, iso->handler,
		iso->budget_ms > 0 ? (uint32_t)iso->budget_ms : 0);
}

void budget_soft(struct isolate *iso)
{
	iso->over_soft = true;
	if (iso->active)
		arm(iso->active);
}

static void hook(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	struct isolate *iso = isolate_of(L);
	if (iso->killed)
		budget_kill(L, false);
	if (iso->over_soft) {
		/* Garbage is no reason: what is left after a full collection counts. */
		lua_gc(L, LUA_GCCOLLECT);
		if (iso->used > iso->soft)
			budget_kill(L, true);
		iso->over_soft = false;
	}
	if (iso->overdue)
		budget_kill(L, false);
	lua_sethook(L, NULL, 0, 0);
}

bool budget_late(const struct isolate *iso)
{
	return iso->overdue && tick_us > iso->deadline_us + CLOCK_LATE_MS * 1000LL;
}

int budget_text(const struct isolate *iso, bool memory, char *out, size_t cap)
{
	if (memory)
		return snprintf(out, cap, "memory budget of %zu KiB exceeded", iso->limit / 1024);
	return snprintf(out, cap, "time budget of %d ms exceeded", iso->budget_ms);
}

static void kill_message(struct isolate *iso, lua_State *L, bool memory)
{
	char msg[160];
	int n = budget_text(iso, memory, msg, sizeof msg);
	iso->failed = false;
	fail_here(iso, L, msg, (size_t)n);
	iso->fail.budget = true;
	iso->fail.memory = memory;
	if (!iso->fail.line && iso->oom_line) {
		memcpy(iso->fail.file, iso->oom_file, sizeof iso->fail.file);
		iso->fail.line = iso->oom_line;
	}
}

int budget_kill(lua_State *L, bool memory)
{
	struct isolate *iso = isolate_of(L);
	if (!iso->killed) {
		iso->killed = iso->spoiled = true;
		kill_message(iso, L, memory);
	}
	/* __close and handlers that run while the stack unwinds end at their first instruction. */
	arm(L);
	arm(iso->L);
	lua_pushlightuserdata(L, (void *)&kill_mark);
	lua_error(L);
	abort(); /* lua_error does not return */
}

void budget_after(lua_State *L, int status)
{
	struct isolate *iso = isolate_of(L);
	if (iso->killed)
		budget_kill(L, false);
	if (status == LUA_ERRMEM)
		budget_kill(L, !iso->overdue);
}
