#include "lua/testing.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/tz.h"
#include "lua/hostcall.h"
#include "lua/inside.h"
#include "lua/record_bind.h"
#include "lua/sop_bind.h"

struct testing {
	struct hostcall call;
	const struct testing_host *host;
	const struct testing_options *opt;
	struct isolate *iso;
	struct arena arena; /* of one question about records */
	char prefix[160];
	const char *file, *text, *path;
	size_t len;
};

enum { AT_NAMES = 1, AT_RUN, AT_STOP }; /* on the stack of a loaded isolate */

/* ---- what runtime/testing.lua calls */

static int host_reset(lua_State *L)
{
	struct testing *t = hostcall_owner(L);
	hostcall_begin(&t->call);
	if (lua_to_json(L, 2, &t->call.in, &t->call.e) < 0 ||
		t->host->reset(t->host->ctx, luaL_checkinteger(L, 1), buf_cstr(&t->call.in),
			&t->call.e) < 0)
		return hostcall_raise(L, &t->call.e);
	return 0;
}

static int host_pass(lua_State *L)
{
	struct testing *t = hostcall_owner(L);
	struct hostcall *c = &t->call;
	hostcall_begin(c);
	if (t->host->pass(t->host->ctx, luaL_checkinteger(L, 1), luaL_checkinteger(L, 2), &c->out,
		    &c->e) < 0)
		return hostcall_raise(L, &c->e);
	lua_push_json(L, c->out.p, c->out.len);
	return 1;
}

static int host_send(lua_State *L)
{
	struct testing *t = hostcall_owner(L);
	struct hostcall *c = &t->call;
	int status = 0;
	hostcall_begin(c);
	if (lua_to_json(L, 2, &c->in, &c->e) < 0 ||
		t->host->send(t->host->ctx, luaL_checkinteger(L, 1), c->in.p, c->in.len, &c->out,
			&status, &c->e) < 0)
		return hostcall_raise(L, &c->e);
	lua_pushinteger(L, status);
	if (c->out.len)
		lua_push_json(L, c->out.p, c->out.len);
	else
		lua_newtable(L);
	return 2;
}

struct at { /* the clock, for a query */
	struct testing *t;
	int64_t now_ms;
};

static int record_at(void *ctx, struct record_ask *ask, struct arena *a, struct cx_err *e)
{
	const struct at *at = ctx;
	return at->t->host->record(at->t->host->ctx, at->now_ms, ask, a, e);
}

static const struct plugin_record *kind_at(lua_State *L, struct testing *t, int at)
{
	size_t n;
	const char *name = luaL_checklstring(L, at, &n);
	return t->host->kind(t->host->ctx, (struct str){name, (uint32_t)n});
}

static int host_has_record(lua_State *L)
{
	lua_pushboolean(L, kind_at(L, hostcall_owner(L), 1) != NULL);
	return 1;
}

/* now, kind, "get", and its argument */
static int host_record(lua_State *L)
{
	struct at at = {hostcall_owner(L), luaL_checkinteger(L, 1)};
	struct testing *t = at.t;
	const struct record_host h = {
		record_at, &at, t->opt->currency, &t->arena, &t->call.in, true};
	enum record_op op;
	const struct plugin_record *kind = kind_at(L, t, 2);
	if (!kind || !record_op(luaL_checkstring(L, 3), &op))
		return 0;
	hostcall_begin(&t->call);
	arena_reset(&t->arena);
	lua_settop(L, 4);
	return record_lua(L, &h, op, kind, 4);
}

static int sop_at(void *ctx, struct sop_ask *ask, struct arena *a, struct cx_err *e)
{
	const struct at *at = ctx;
	return at->t->host->sop(at->t->host->ctx, at->now_ms, ask, a, e);
}

/* now, "get", id, key; or now, "answer", the run, and the method's arguments */
static int host_sop(lua_State *L)
{
	struct at at = {hostcall_owner(L), luaL_checkinteger(L, 1)};
	struct testing *t = at.t;
	const struct sop_host h = {sop_at, &at, &t->arena, &t->call.in};
	enum sop_op op;
	hostcall_begin(&t->call);
	arena_reset(&t->arena);
	if (sop_op(luaL_checkstring(L, 2), &op))
		return sop_method(L, &h, op, 3);
	lua_settop(L, 4);
	return sop_get(L, &h, 3);
}

static int kpi_at(void *ctx, const char *id, const struct kpi_param *p, int n, struct buf *json,
	struct cx_err *e)
{
	const struct at *at = ctx;
	return at->t->host->kpi(at->t->host->ctx, at->now_ms, id, p, n, json, e);
}

static int host_kpi(lua_State *L)
{
	struct at at = {hostcall_owner(L), luaL_checkinteger(L, 1)};
	lua_settop(L, 3);
	return hostcall_kpi(L, &at.t->call, 2, kpi_at, &at);
}

static int pushed(lua_State *L, struct hostcall *c, int rc)
{
	if (rc < 0)
		return hostcall_raise(L, &c->e);
	if (rc == 0)
		return 0;
	lua_push_json(L, c->out.p, c->out.len);
	return 1;
}

static struct str text_at(lua_State *L, int at)
{
	size_t n;
	const char *p = luaL_checklstring(L, at, &n);
	return (struct str){p, (uint32_t)n};
}

static int host_journey(lua_State *L) /* id, key */
{
	struct testing *t = hostcall_owner(L);
	struct hostcall *c = &t->call;
	hostcall_begin(c);
	return pushed(
		L, c, t->host->journey(t->host->ctx, text_at(L, 1), text_at(L, 2), &c->out, &c->e));
}

static int host_frictions(lua_State *L) /* id */
{
	struct testing *t = hostcall_owner(L);
	struct hostcall *c = &t->call;
	hostcall_begin(c);
	return pushed(L, c, t->host->frictions(t->host->ctx, text_at(L, 1), &c->out, &c->e));
}

static int host_instant(lua_State *L)
{
	size_t n;
	int64_t ms;
	const char *s = luaL_checklstring(L, 1, &n);
	if (!tz_parse_any(s, n, &ms))
		return 0;
	lua_pushinteger(L, ms);
	return 1;
}

static int host_later(lua_State *L)
{
	size_t n;
	struct duration d;
	int64_t now = luaL_checkinteger(L, 1);
	const char *s = luaL_checklstring(L, 2, &n);
	const struct testing *t = hostcall_owner(L);
	int64_t later;
	if (!deadline_parse(s, n, &d) ||
		!calendar_due(t->opt->calendar, (struct str){0}, now, d, false, &later))
		return 0;
	lua_pushinteger(L, later);
	return 1;
}

static int host_show(lua_State *L)
{
	char text[TZ_TEXT];
	tz_format(luaL_checkinteger(L, 1), text);
	lua_pushstring(L, text);
	return 1;
}

static int64_t start_of(const struct testing_options *o)
{
	int64_t ms;
	if (o->start_ms || !tz_parse_wall("2026-01-01", 10, &ms))
		return o->start_ms;
	return ms;
}

static void push_host(lua_State *L, struct testing *t)
{
	static const luaL_Reg functions[] = {{"reset", host_reset}, {"pass", host_pass},
		{"send", host_send}, {"kpi", host_kpi}, {"record", host_record},
		{"has_record", host_has_record}, {"sop", host_sop}, {"journey", host_journey},
		{"frictions", host_frictions}, {"instant", host_instant}, {"later", host_later},
		{"show", host_show}, {NULL, NULL}};
	cx_push_common(L, t->opt->currency, t->opt->calendar);
	hostcall_functions(L, functions, t);
	lua_pushinteger(L, start_of(t->opt));
	lua_setfield(L, -2, "start");
}

/* ---- the run */

/* A fresh isolate with the file's tests declared. */
static int load_tests(struct testing *t, struct lua_fail *f)
{
	static const char *const chunks[] = {"stats", "common", "testing", NULL};
	int ms = t->opt->limits.load_ms;
	isolate_free(t->iso);
	t->iso = isolate_new("tests", t->prefix, &t->opt->limits, t->opt->blame);
	push_host(isolate_state(t->iso), t);
	if (isolate_runtime(t->iso, chunks, 3, ms, f) < 0 ||
		isolate_load(t->iso, t->file, t->text, t->len, f) < 0)
		return -1;
	return isolate_call(t->iso, 0, 0, ms, t->file, f);
}

static void print_failure(const struct testing *t, const char *name, const struct lua_fail *f)
{
	if (f->line)
		printf("FAIL %s: %s:%d: %s\n", name, f->file, f->line, f->msg);
	else
		printf("FAIL %s: %s: %s\n", name, f->file[0] ? f->file : t->path, f->msg);
	fflush(stdout);
}

static void test_name(lua_State *L, int i, char *out, size_t cap)
{
	size_t n;
	lua_rawgeti(L, AT_NAMES, i);
	const char *s = lua_tolstring(L, -1, &n);
	fail_text(out, cap, s ? s : "?", s ? n : 1);
	lua_pop(L, 1);
}

/* <0: the file cannot go on. */
static int run_test(struct testing *t, int i, const char *name, int *passed, int *failed)
{
	lua_State *L = isolate_state(t->iso);
	struct lua_fail f;
	lua_pushvalue(L, AT_RUN);
	lua_pushinteger(L, i);
	if (isolate_call(t->iso, 1, 0, t->opt->limits.script_ms, name, &f) == 0) {
		printf("ok   %s\n", name);
		fflush(stdout);
		++*passed;
		return 0;
	}
	print_failure(t, name, &f);
	++*failed;
	if (isolate_spoiled(t->iso))
		return load_tests(t, &f);
	lua_pushvalue(L, AT_STOP);
	return isolate_call(t->iso, 0, 0, t->opt->limits.load_ms, "testing", &f);
}

static int run_all(struct testing *t, int *passed, int *failed)
{
	lua_State *L = isolate_state(t->iso);
	int n = (int)lua_rawlen(L, AT_NAMES), rc = 0;
	if (!n) {
		printf(CX_T("FAIL %s: nenhum test(…)\n", "FAIL %s: no test(…)\n"), t->path);
		++*failed;
		return -1;
	}
	for (int i = 1; i <= n && rc == 0; i++) {
		char name[200];
		test_name(isolate_state(t->iso), i, name, sizeof name);
		if (!t->opt->filter || strstr(name, t->opt->filter))
			rc = run_test(t, i, name, passed, failed);
	}
	return rc;
}

int testing_run_file(const char *path, const char *text, size_t len, const struct testing_host *h,
	const struct testing_options *o, int *passed, int *failed)
{
	struct testing t = {.host = h, .opt = o, .path = path, .text = text, .len = len};
	const char *slash = strrchr(path, '/');
	int folder = slash ? (int)(slash + 1 - path) : 0;
	struct lua_fail f;
	snprintf(t.prefix, sizeof t.prefix, "%.*s", folder, path);
	t.file = path + folder;
	int rc = load_tests(&t, &f);
	if (rc < 0) {
		print_failure(&t, t.file, &f);
		++*failed;
	} else {
		rc = run_all(&t, passed, failed);
	}
	isolate_free(t.iso);
	hostcall_free(&t.call);
	arena_free(&t.arena);
	return rc;
}
