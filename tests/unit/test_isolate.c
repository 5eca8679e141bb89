/* The isolate: budgets, frozen libraries, messages, values; and the collected attacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/tz.h"
#include "lua/isolate.h"
#include "lua/value.h"

static const struct isolate_limits limits = {.memory = 64 << 20};
enum { BUDGET_MS = 200, GRACE_MS = 1000 };

/* Of this process: what others do beside it does not count. */
static int64_t cpu_us(void)
{
	return (int64_t)clock() * 1000000 / CLOCKS_PER_SEC;
}

static struct isolate *make(void)
{
	return isolate_new("acme", "plugins/acme/", &limits, NULL);
}

static int run(struct isolate *iso, const char *text, struct lua_fail *f)
{
	if (isolate_load(iso, "plugin.lua", text, strlen(text), f) != 0)
		return -1;
	return isolate_call(iso, 0, 1, BUDGET_MS, "main", f);
}

/* Runs text in a fresh isolate; what it returns as text, or "file:line: message". */
static const char *result(const char *text)
{
	static char out[800];
	struct isolate *iso = make();
	struct lua_fail f;
	if (run(iso, text, &f) != 0)
		snprintf(out, sizeof out, "%s:%d: %s", f.file, f.line, f.msg);
	else
		snprintf(out, sizeof out, "%s", luaL_tolstring(isolate_state(iso), -1, NULL));
	isolate_free(iso);
	return out;
}

#define AT1 "plugins/acme/plugin.lua:1: "

static void messages_have_a_place(void **state)
{
	(void)state;
	assert_string_equal(result("error 'x'"), AT1 "x");
	assert_string_equal(result("error('x', 0)"), AT1 "x");
	assert_string_equal(result("\n\nlocal a = nil + 1"),
		"plugins/acme/plugin.lua:3: attempt to perform arithmetic on a nil value");
	assert_string_equal(result("error()"), AT1 "an error without a message (nil)");
	assert_string_equal(result("error {}"), AT1 "an error whose value is a table");
	assert_string_equal(result("error(12)"), AT1 "12");
	assert_string_equal(
		result("error(setmetatable({}, {__tostring = function() return 'm' end}))"),
		AT1 "m");
	assert_string_equal(result("error('a\\nb\\27[2J\\xff', 0)"), AT1 "a\\nb\\x1b[2J\\xff");
	assert_string_equal(result("local x ="), AT1 "unexpected symbol near <eof>");
	assert_string_equal(result("x = 1"), AT1 "assigning global 'x': use local");
	assert_string_equal(result("rawset(_G, 'x', 1)"), AT1 "assigning global 'x': use local");
	assert_string_equal(result("load('error [[x]]', '@plugins/other/a.lua')()"),
		AT1 "(load plugins/other/a.lua):1: x");
}

static void traceback_names_functions(void **state)
{
	(void)state;
	struct isolate *iso = make();
	struct lua_fail f;
	assert_int_equal(run(iso,
				 "local function inner() error 'x' end\nlocal function outer()\n"
				 "inner() return 1 end outer()",
				 &f),
		-1);
	assert_int_equal(f.line, 1);
	assert_non_null(strstr(f.traceback, "plugins/acme/plugin.lua:1: in 'inner'"));
	assert_non_null(strstr(f.traceback, "plugins/acme/plugin.lua:3: in 'outer'"));
	assert_false(f.budget);
	assert_false(isolate_spoiled(iso));
	assert_int_equal(run(iso, "local function f() return 1 + f() end f()", &f), -1);
	assert_int_equal(f.line, 1); /* the stack or the memory ends first */
	assert_non_null(strstr(f.traceback, "plugin.lua:1: in 'f'"));
	assert_int_equal(lua_gettop(isolate_state(iso)), 0);
	isolate_free(iso);
}

static void libraries_are_frozen(void **state)
{
	(void)state;
	assert_string_equal(result("string.rep = 1"), AT1 "this table is read-only (field 'rep')");
	assert_string_equal(
		result("rawset(string, 'rep', 1)"), AT1 "this table is read-only (field 'rep')");
	assert_string_equal(
		result("table.insert(string, 1)"), AT1 "this table is read-only (field 'number')");
	assert_string_equal(
		result("setmetatable(string, {})"), AT1 "cannot change a protected metatable");
	assert_string_equal(result("return tostring(getmetatable(''))"), "false");
	assert_string_equal(result("local n = 0 for k, v in pairs(math) do n = n + 1 end\n"
				   "return n > 20 and math.floor(2.5)"),
		"2");
	assert_string_equal(result("local f, t = pairs(math) return tostring(t)"), "nil");
	assert_string_equal(result("return tostring(io) .. tostring(os) .. tostring(debug) .. "
				   "tostring(package) .. tostring(dofile) .. tostring(loadfile) .. "
				   "tostring(collectgarbage) .. tostring(string.dump)"),
		"nilnilnilnilnilnilnilnil");
	assert_non_null(strstr(result("math.random()"), "tx:random()"));
	assert_string_equal(
		result("setmetatable({}, {__gc = 1})"), AT1 "__gc is not available to plugins");
	assert_string_equal(result("setmetatable({}, {__mode = 'k'})"),
		AT1 "__mode is not available to plugins");
	assert_string_equal(result("return select(2, load('\\27Lua'))"),
		"attempt to load a binary chunk (mode is 't')");
	assert_string_equal(
		result("local e = {x = 7} return load('return x', 'n', 't', e)()"), "7");
}

static void budget_is_never_swallowed(void **state)
{
	(void)state;
	static const char *const loops[] = {"while true do end",
		"while true do pcall(function() while true do end end) end",
		"xpcall(function() while true do end end, function() while true do end end)",
		"local c = coroutine.wrap(function() while true do end end) while true do pcall(c) "
		"end",
		"while true do local x <close> = setmetatable({}, {__close = function() while true "
		"do "
		"end end}) end",
		"while true do pcall(string.find, ('a'):rep(1000), ('a*'):rep(20) .. 'b') end"};
	for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
		struct isolate *iso = make();
		struct lua_fail f;
		int64_t from = cpu_us();
		assert_int_equal(run(iso, loops[i], &f), -1);
		assert_true(cpu_us() - from < (BUDGET_MS + GRACE_MS) * 1000);
		assert_true(f.budget && !f.memory && isolate_spoiled(iso));
		assert_string_equal(f.msg, "time budget of 200 ms exceeded");
		assert_int_equal(f.line, 1);
		assert_int_equal(run(iso, "return 1", &f), -1); /* never again */
		isolate_free(iso);
	}
}

/* A loop inside the VM where no hook runs, but a stack grows. */
static void call_chain_made_later(void **state)
{
	(void)state;
	struct isolate *iso = make();
	struct lua_fail f;
	assert_int_equal(
		run(iso, "local t, m = {}, {} setmetatable(t, m) m.__call = t t()", &f), -1);
	assert_true(f.budget && !f.memory && isolate_spoiled(iso));
	assert_string_equal(f.msg, "time budget of 200 ms exceeded");
	assert_int_equal(f.line, 1);
	isolate_free(iso);
}

static void memory_is_capped(void **state)
{
	(void)state;
	static const char *const hogs[] = {"local t = {} while true do t[#t + 1] = {} end",
		"local s = ('x'):rep(1 << 20) while true do s = s .. s end",
		"local t = {} while true do pcall(function() while true do t[#t + 1] = {1, 2} end "
		"end) end"};
	for (size_t i = 0; i < sizeof hogs / sizeof *hogs; i++) {
		struct isolate_limits small = {.memory = 4 << 20};
		struct isolate *iso = isolate_new("acme", "plugins/acme/", &small, NULL);
		struct lua_fail f;
		assert_int_equal(run(iso, hogs[i], &f), -1);
		assert_true(f.budget && f.memory && isolate_spoiled(iso));
		assert_non_null(strstr(f.msg, "memory budget of 4096 KiB exceeded"));
		assert_int_equal(f.line, 1);
		isolate_free(iso);
	}
	/* Garbage alone is no reason. */
	struct isolate_limits small = {.memory = 4 << 20};
	struct isolate *iso = isolate_new("acme", "plugins/acme/", &small, NULL);
	struct lua_fail f;
	assert_int_equal(run(iso, "for i = 1, 100 do local s = ('x'):rep(100000) end", &f), 0);
	isolate_free(iso);
}

static int call_again(lua_State *L)
{
	struct isolate *iso = isolate_of(L);
	struct lua_fail f;
	lua_pushvalue(isolate_state(iso), -1);
	lua_pushboolean(L, isolate_call(iso, 0, 0, 10, "inner", &f) == 0);
	return 1;
}

static void nested_calls(void **state)
{
	(void)state;
	struct isolate *iso = make();
	struct lua_fail f;
	isolate_push_globals(iso);
	lua_pushcfunction(isolate_state(iso), call_again);
	lua_setfield(isolate_state(iso), -2, "again");
	lua_pop(isolate_state(iso), 1);
	assert_int_equal(run(iso, "return again(function() end)", &f), 0);
	assert_true(lua_toboolean(isolate_state(iso), -1));
	assert_int_equal(run(iso, "again(function() while true do end end) return 1", &f), -1);
	assert_string_equal(f.msg, "time budget of 10 ms exceeded");
	isolate_free(iso);
}

static void require_stays_inside(void **state)
{
	(void)state;
	static const struct isolate_file files[] = {{"a.lua", "return {v = 5}", 14},
		{"b.lua", "return require 'c'", 18}, {"c.lua", "return require 'b'", 18},
		{"d.lua", "\nlocal = 1", 10}};
	struct isolate *iso = make();
	struct lua_fail f;
	isolate_files(iso, files, 4);
	assert_int_equal(
		run(iso, "assert(require 'a' == require 'a') return require('a').v", &f), 0);
	assert_int_equal(lua_tointeger(isolate_state(iso), -1), 5);
	assert_int_equal(run(iso, "require 'b'", &f), -1);
	assert_string_equal(f.msg, "require \"b\": the files require each other");
	assert_int_equal(run(iso, "require '../x'", &f), -1);
	assert_string_equal(f.msg, "require \"../x\": there is no plugins/acme/../x.lua");
	assert_int_equal(run(iso, "require 'd'", &f), -1);
	assert_string_equal(f.file, "plugins/acme/d.lua");
	assert_int_equal(f.line, 2);
	isolate_free(iso);
}

static void patterns(void **state)
{
	(void)state;
	assert_string_equal(result("return ('key = value'):match('^(%w+)%s*=%s*(%w+)$')"), "key");
	assert_string_equal(result("return (('abc'):gsub('%w', '%0%0'))"), "aabbcc");
	assert_string_equal(result("return (('abc'):gsub('', '-'))"), "-a-b-c-");
	assert_string_equal(result("return (('hello world'):gsub('o', {o = '0'}))"), "hell0 w0rld");
	assert_string_equal(result("return ('x(a(b)c)y'):match('%b()')"), "(a(b)c)");
	assert_string_equal(result("return ('THE (quick) fox'):find('%f[%a]%a+%f[%A]', 6)"), "6");
	assert_string_equal(result("return ('aXbXc'):match('(.-)X(.*)')"), "a");
	assert_string_equal(result("return ('abab'):match('(ab)%1')"), "ab");
	assert_string_equal(result("local t = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do "
				   "t[#t + 1] = k .. v end return table.concat(t, ' ')"),
		"a1 b2");
	assert_string_equal(result("return ('a.b'):find('.', 1, true)"), "2");
	assert_string_equal(result("return ('x'):match('(')"), AT1 "unfinished capture");
	assert_string_equal(
		result("return ('x'):match('[a')"), AT1 "malformed pattern (missing ']')");
	assert_string_equal(result("return ('x'):rep(3, ',')"), "x,x,x");
}

static int there_and_back(lua_State *L)
{
	const char *text = lua_tostring(L, 1);
	struct buf b = {0};
	struct cx_err e = {0};
	lua_push_json(L, text, strlen(text));
	int rc = lua_to_json(L, -1, &b, &e);
	lua_pushstring(L, rc ? e.msg : buf_cstr(&b));
	buf_free(&b);
	return 1;
}

static const char *round_trip(struct isolate *iso, const char *json)
{
	lua_State *L = isolate_state(iso);
	struct lua_fail f;
	lua_settop(L, 0);
	lua_pushcfunction(L, there_and_back);
	lua_pushstring(L, json);
	assert_int_equal(isolate_call(iso, 1, 1, 0, "json", &f), 0);
	return lua_tostring(L, -1);
}

static void json_values(void **state)
{
	(void)state;
	struct isolate *iso = make();
	static const char *const same[] = {
		"{\"a\":[1,2.5,true,null,\"x\"],\"b\":{\"c\":\"\xc3\xa9\"}}", "[[1],[2,[3]]]",
		"9223372036854775807", "-9007199254740993", "\"\"", "false", "null"};
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		assert_string_equal(round_trip(iso, same[i]), same[i]);
	assert_string_equal(
		round_trip(iso, " { \"b\" : 1 , \"a\" : null,\"c\":[ ] } "), "{\"b\":1,\"c\":{}}");
	assert_string_equal(round_trip(iso, "\"\\u00e9\\ud83d\\ude00\\n\\/\\\"\""),
		"\"\xc3\xa9\xf0\x9f\x98\x80\\n/\\\"\"");
	isolate_free(iso);
}

static int as_json(lua_State *L)
{
	struct buf b = {0};
	struct cx_err e = {0};
	int rc = lua_to_json(L, 1, &b, &e);
	lua_pushstring(L, rc ? e.msg : buf_cstr(&b));
	buf_free(&b);
	return 1;
}

static const char *to_json(const char *expression)
{
	static char out[600];
	struct isolate *iso = make();
	struct lua_fail f;
	char text[400];
	isolate_push_globals(iso);
	lua_pushcfunction(isolate_state(iso), as_json);
	lua_setfield(isolate_state(iso), -2, "json");
	snprintf(text, sizeof text, "return json(%s)", expression);
	assert_int_equal(run(iso, text, &f), 0);
	snprintf(out, sizeof out, "%s", lua_tostring(isolate_state(iso), -1));
	isolate_free(iso);
	return out;
}

static void bad_values_say_where(void **state)
{
	(void)state;
	cx_lang = CX_EN;
	assert_string_equal(
		to_json("{steps = {1, 2, {due = 0/0}}}"), "steps[3].due: NaN is not allowed");
	assert_string_equal(to_json("{a = 1/0}"), "a: infinity is not allowed");
	assert_string_equal(to_json("{1, 2, a = 3}"), "list and keys in one table");
	assert_string_equal(to_json("{1, nil, 3}"), "the list has holes");
	assert_string_equal(to_json("{f = print}"), "f: function is no data");
	assert_string_equal(to_json("{[true] = 1}"), "keys are texts, or 1, 2, 3…");
	assert_string_equal(to_json("{a = 'caf\\xe9'}"), "a: the text is not valid UTF-8");
	assert_string_equal(to_json("setmetatable({}, {})"), "a table with a metatable is no data");
	assert_non_null(strstr(to_json("(function() local t = {} t.t = t return t end)()"),
		"too deep (more than 32)"));
	assert_string_equal(to_json("{z = 1, a = {b = 2}}"), "{\"a\":{\"b\":2},\"z\":1}");
	cx_lang = CX_PT;
}

static int as_params(lua_State *L)
{
	struct arena a = {0};
	struct kpi_param *p;
	struct cx_err e = {0};
	struct buf b = {0};
	int n;
	if (lua_to_params(L, 1, &p, &n, &a, &e) != 0)
		buf_puts(&b, e.msg);
	else
		for (int i = 0; i < n; i++)
			buf_printf(&b, "%s=%s;", p[i].name, p[i].value);
	lua_pushstring(L, buf_cstr(&b));
	buf_free(&b);
	arena_free(&a);
	return 1;
}

static void query_tables(void **state)
{
	(void)state;
	static const char *const cases[][2] = {{"{by = {'unit', 'channel'}}", "by=unit,channel;"},
		{"{by = 'unit'}", "by=unit;"},
		{"{where = {channel = 'app'}}", "where=channel:app;"},
		{"{where = {'a:b', 'a:c'}}", "where=a:b;where=a:c;"},
		{"{from = 0}", "from=1969-12-31T21:00:00-03:00;"}, {"nil", ""},
		{"{last = '6mo'}", "last=6mo;"}, {"{where = {vip = true}}", "where=vip:true;"},
		{"{last = print}", "last: not a usable value"},
		{"5", "the query is a table, not number"}};
	cx_lang = CX_EN;
	assert_true(tz_setup("America/Sao_Paulo"));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct isolate *iso = make();
		struct lua_fail f;
		char text[200];
		isolate_push_globals(iso);
		lua_pushcfunction(isolate_state(iso), as_params);
		lua_setfield(isolate_state(iso), -2, "params");
		snprintf(text, sizeof text, "return params(%s)", cases[i][0]);
		assert_int_equal(run(iso, text, &f), 0);
		assert_string_equal(lua_tostring(isolate_state(iso), -1), cases[i][1]);
		isolate_free(iso);
	}
	cx_lang = CX_PT;
}

/* ---- the collected attacks, each in its own process */

static int host_emit(lua_State *L)
{
	struct buf b = {0};
	struct cx_err e = {0};
	luaL_checkstring(L, 1);
	int rc = lua_to_json(L, 2, &b, &e);
	buf_free(&b);
	return rc ? luaL_error(L, "%s", e.msg) : 0;
}

static int host_log(lua_State *L)
{
	luaL_checkstring(L, 1);
	return 0;
}

static int host_each(lua_State *L)
{
	lua_pushvalue(L, 1);
	lua_call(L, 0, 0);
	return 0;
}

static int host_userdata(lua_State *L)
{
	lua_newuserdatauv(L, 8, 0);
	return 1;
}

/* Exit code of the child: 0 ended as it may; 2 late; 3 escaped; 4 should have been killed. */
static int attack(const char *name, const char *text, size_t n)
{
	static const luaL_Reg host[] = {{"emit", host_emit}, {"log", host_log}, {"each", host_each},
		{"userdata", host_userdata}, {NULL, NULL}};
	struct isolate *iso = make();
	lua_State *L = isolate_state(iso);
	struct lua_fail f;
	isolate_push_globals(iso);
	luaL_newlib(L, host);
	isolate_freeze(L);
	lua_setfield(L, -2, "host");
	lua_settop(L, 0);
	int64_t from = cpu_us();
	int rc = isolate_load(iso, name, text, n, &f);
	if (!rc)
		rc = isolate_call(iso, 0, 1, BUDGET_MS, "main", &f);
	if (cpu_us() - from > (BUDGET_MS + GRACE_MS) * 1000)
		return 2;
	if (!rc && lua_type(L, -1) == LUA_TSTRING && strstr(lua_tostring(L, -1), "ESCAPE"))
		return 3;
	if (rc && strstr(f.msg, "ESCAPE"))
		return 3;
	bool killed = strncmp(text, "-- expect: killed within budget", 31) == 0;
	if (killed && !(rc && f.budget))
		return 4;
	isolate_free(iso);
	return 0;
}

static void attack_file(const char *dir, const char *name)
{
	static char text[1 << 16];
	char path[800];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	size_t n = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	text[n] = 0;
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(60);
		_exit(attack(name, text, n));
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		print_error("%s: status %x\n", name, (unsigned)status);
	assert_int_equal(status, 0);
}

static void collected_attacks(void **state)
{
	(void)state;
	char dir[512];
	const char *shared = getenv("CXD_SHARED");
	snprintf(dir, sizeof dir, "%s/oracles/adversarial", shared ? shared : "../shared");
	DIR *d = opendir(dir);
	if (!d) {
		print_message("no %s: skipped\n", dir);
		skip();
	}
	int n = 0;
	for (struct dirent *e; (e = readdir(d));) {
		if (!strstr(e->d_name, ".lua"))
			continue;
		attack_file(dir, e->d_name);
		n++;
	}
	closedir(d);
	assert_true(n > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(collected_attacks),
		cmocka_unit_test(messages_have_a_place),
		cmocka_unit_test(traceback_names_functions), cmocka_unit_test(libraries_are_frozen),
		cmocka_unit_test(budget_is_never_swallowed),
		cmocka_unit_test(call_chain_made_later), cmocka_unit_test(memory_is_capped),
		cmocka_unit_test(nested_calls), cmocka_unit_test(require_stays_inside),
		cmocka_unit_test(patterns), cmocka_unit_test(json_values),
		cmocka_unit_test(bad_values_say_where), cmocka_unit_test(query_tables)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
