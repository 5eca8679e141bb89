/* cx.stats through the runtime that plugins run in: numbers worked by hand, and published ones
 * where they are at hand (oracles/stats of CXD_SHARED). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lua/hostcall.h"
#include "lua/isolate.h"

__asm__(".section .rodata\n"
	"cases_text:\n"
	".incbin \"tests/unit/stats_cases.lua\"\n"
	".byte 0\n"
	".previous\n");
extern const char cases_text[];

static struct isolate *iso;

static int setup(void **state)
{
	(void)state;
	static const char *const chunks[] = {"stats", "common", NULL};
	const struct isolate_limits limits = {.memory = 64 << 20};
	struct lua_fail f;
	iso = isolate_new("stats", "", &limits, NULL);
	lua_State *L = isolate_state(iso);
	cx_push_common(L, "BRL", NULL);
	if (isolate_runtime(iso, chunks, 0, 0, &f) < 0 ||
		isolate_load(iso, "stats_cases.lua", cases_text, strlen(cases_text), &f) < 0 ||
		isolate_call(iso, 0, 1, 0, "cases", &f) < 0)
		fail_msg("%s:%d: %s", f.file, f.line, f.msg);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	isolate_free(iso);
	return 0;
}

static void run(const char *name)
{
	struct lua_fail f;
	lua_getfield(isolate_state(iso), 1, name);
	if (isolate_call(iso, 0, 0, 0, name, &f) < 0)
		fail_msg("%s: %s", name, f.msg);
}

static void test_worked(void **state)
{
	(void)state;
	run("worked");
}

static void test_rates(void **state)
{
	(void)state;
	run("rates");
}

static void test_means(void **state)
{
	(void)state;
	run("means");
}

static void test_charts(void **state)
{
	(void)state;
	run("charts");
}

static void test_decomposed(void **state)
{
	(void)state;
	run("decomposed");
}

static int check_line(lua_State *L)
{
	size_t n;
	const char *line = lua_tolstring(L, 2, &n);
	lua_push_json(L, line, n);
	lua_remove(L, 2);
	lua_call(L, 1, 0);
	return 0;
}

static void test_published(void **state)
{
	(void)state;
	const char *shared = getenv("CXD_SHARED");
	char path[400], *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int cases = 0, wrong = 0;
	struct lua_fail f;
	snprintf(path, sizeof path, "%s/oracles/stats/cases.jsonl", shared ? shared : "../shared");
	FILE *in = fopen(path, "r");
	if (!in)
		skip();
	lua_State *L = isolate_state(iso);
	while ((n = getline(&line, &cap, in)) > 0) {
		lua_pushcfunction(L, check_line);
		lua_getfield(L, 1, "check");
		lua_pushlstring(L, line, (size_t)n);
		cases++;
		if (isolate_call(iso, 2, 0, 0, "check", &f) < 0) {
			fprintf(stderr, "%.60s…: %s\n", line, f.msg);
			wrong++;
		}
	}
	free(line);
	fclose(in);
	assert_int_equal(wrong, 0);
	assert_true(cases > 40);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {T(test_worked), T(test_rates), T(test_means),
		T(test_charts), T(test_decomposed), T(test_published)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
