/* The runner of plugin tests: clock, sends, comparisons, failures with their line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/tz.h"
#include "lua/testing.h"

static struct buf heard; /* what the engine was asked */

static int host_reset(void *ctx, int64_t now_ms, const char *config_json, struct cx_err *e)
{
	(void)ctx, (void)now_ms, (void)e;
	buf_printf(&heard, "reset %s\n", config_json);
	return CX_OK;
}

static int host_pass(
	void *ctx, int64_t now_ms, int64_t until_ms, struct buf *reply, struct cx_err *e)
{
	(void)ctx, (void)e;
	buf_printf(&heard, "%lld h pass\n", (long long)(until_ms - now_ms) / 3600000);
	buf_puts(reply, "{\"warnings\":[{\"message\":\"no\"}]}");
	return CX_OK;
}

static int host_send(void *ctx, int64_t now_ms, const char *json, size_t n, struct buf *reply,
	int *status, struct cx_err *e)
{
	char at[TZ_TEXT];
	(void)ctx, (void)e;
	tz_format(now_ms, at);
	buf_printf(&heard, "%s %.*s\n", at, (int)n, json);
	*status = memmem(json, n, "8.5", 3) ? 422 : 201;
	buf_puts(reply, *status == 422 ? "{\"code\":\"invalid_field\",\"field\":\"data.score\","
					 "\"detail\":\"not whole\",\"errors\":[]}"
				       : "{\"id\":\"e1\"}");
	return CX_OK;
}

static int host_kpi(void *ctx, int64_t now_ms, const char *id, const struct kpi_param *p, int n,
	struct buf *json, struct cx_err *e)
{
	(void)ctx, (void)now_ms, (void)p, (void)n;
	if (strcmp(id, "nps") != 0)
		return cx_fail(e, CX_E_NOT_FOUND, NULL, "no KPI \"%s\"", id);
	buf_puts(json, "{\"value\":-100,\"note\":null,\"measures\":{\"answers\":1}}");
	return CX_OK;
}

/* Runs text as a test file; what it printed. */
static const char *run(const char *text, int *passed, int *failed)
{
	static char out[4000];
	struct testing_host host = {
		.reset = host_reset, .pass = host_pass, .send = host_send, .kpi = host_kpi};
	struct testing_options opt = {.currency = "BRL", .limits = {64 << 20, 500, 50, 10, 300}};
	char path[] = "/tmp/cxd-testing-XXXXXX";
	int file = mkstemp(path), was = dup(1);
	assert_true(file >= 0 && was >= 0);
	*passed = *failed = 0;
	buf_clear(&heard);
	fflush(stdout);
	dup2(file, 1);
	testing_run_file(
		"plugins/acme/tests/nps_test.lua", text, strlen(text), &host, &opt, passed, failed);
	fflush(stdout);
	dup2(was, 1);
	ssize_t n = pread(file, out, sizeof out - 1, 0);
	out[n > 0 ? n : 0] = 0;
	close(was);
	close(file);
	unlink(path);
	return out;
}

static void the_contract(void **state)
{
	(void)state;
	int passed, failed;
	const char *out =
		run("test('a detractor', function(tx)\n"
		    "config { promoter = 8 }\nat '2026-03-02 10:00'\n"
		    "expect(send { type = 'visit.rated', data = { score = 3 } }.id).is 'e1'\n"
		    "expect(tx:kpi('nps').value).is(-100)\n"
		    "expect(advance('2d').warnings[1].message).is 'no'\n"
		    "expect(refused { type = 'visit.rated', data = { score = 8.5 } }.code).is "
		    "'invalid_field'\nend)\ntest('two', function(tx) send { type = 'x' } end)",
			&passed, &failed);
	assert_string_equal(out, "ok   a detractor\nok   two\n");
	assert_int_equal(passed, 2);
	assert_int_equal(failed, 0);
	assert_string_equal(buf_cstr(&heard),
		"reset {\"promoter\":8}\n"
		"2026-03-02T10:00:00-03:00 {\"data\":{\"score\":3},\"type\":\"visit.rated\"}\n"
		"48 h pass\n"
		"2026-03-04T10:00:00-03:00 {\"data\":{\"score\":8.5},\"type\":\"visit.rated\"}\n"
		"reset {}\n2026-01-01T00:00:00-03:00 {\"type\":\"x\"}\n");
}

static void comparisons(void **state)
{
	(void)state;
	static const struct {
		const char *body, *message;
	} cases[] = {{"expect(0.1 + 0.2).is(0.3)", NULL},
		{"expect(cx.money('1.50')).is { amount = 150, currency = 'BRL' }", NULL},
		{"expect(cx.day(0)).is '1969-12-31' expect(cx.stats.sd({ 1, 3 })).is(2 ^ 0.5)",
			NULL},
		{"expect(nil).is(nil)", NULL}, {"expect({1, {2}}).is {1, {2}}", NULL},
		{"expect(nil).is_nil()", NULL}, {"expect('call c1').has 'c1'", NULL},
		{"expect({1, 2}).has(2)", NULL}, {"expect(1).isnt(2)", NULL},
		{"expect(1).is(2)", "got 1, wanted 2"}, {"expect(1).is '1'", "got 1, wanted \"1\""},
		{"expect({a = 1}).is {a = 2}", "got { a = 1 }, wanted { a = 2 }"},
		{"expect(1).is_nil()", "got 1, wanted nil"},
		{"expect('call c1').has 'c2'", "got \"call c1\", wanted it to have \"c2\""},
		{"expect(1).equals(1)", "expect has no equals: there are is, isnt, is_nil, has"}};
	cx_lang = CX_EN;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[300], wanted[300];
		int passed, failed;
		snprintf(text, sizeof text, "test('t', function(tx)\n%s end)", cases[i].body);
		if (cases[i].message)
			snprintf(wanted, sizeof wanted,
				"FAIL t: plugins/acme/tests/nps_test.lua:2: %s\n",
				cases[i].message);
		else
			snprintf(wanted, sizeof wanted, "ok   t\n");
		assert_string_equal(run(text, &passed, &failed), wanted);
		assert_int_equal(failed, cases[i].message != NULL);
	}
	cx_lang = CX_PT;
}

static void failures_have_a_line(void **state)
{
	(void)state;
	static const struct {
		const char *body, *message;
	} cases[] = {{"at '2026-05-01' send {} at '2026-04-01'",
			     "at \"2026-04-01\": the clock never goes back; it is "
			     "2026-05-01T00:00:00-03:00"},
		{"at 'tomorrow'", "at: not a time: \"tomorrow\" (example: 2026-03-02 10:00)"},
		{"advance '2m'", "advance: not a duration: \"2m\" (examples: 90min, 2d, 1mo)"},
		{"send { data = { score = 8.5 } }",
			"send: refused with 422, invalid_field (data.score): not whole"},
		{"refused { data = {} }", "refused: the event was accepted"},
		{"send { data = { x = { 0/0 } } }", "data.x[1]: NaN is not allowed"},
		{"send {} config {}", "config comes before the first send"},
		{"tx:outbox 'mail'", "tx:outbox is not available in this version"},
		{"cx.journey 'visit'",
			"cx.journey is not available in this version: a test has cx.blank, "
			"cx.business_day, cx.day, cx.due, cx.holiday, cx.money, cx.null, "
			"cx.open_between, cx.stats"},
		{"tx:kpi 'gone'", "no KPI \"gone\""}, {"test('u', type)", "test inside test"},
		{"while true do end", "time budget of 300 ms exceeded"}, {"error 'x'", "x"}};
	cx_lang = CX_EN;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[300], wanted[300];
		int passed, failed;
		snprintf(text, sizeof text, "test('t', function(tx)\n%s end)\ntest('next', type)",
			cases[i].body);
		snprintf(wanted, sizeof wanted,
			"FAIL t: plugins/acme/tests/nps_test.lua:2: %s\nok   next\n",
			cases[i].message);
		assert_string_equal(run(text, &passed, &failed), wanted);
		assert_int_equal(passed, 1); /* one test's failure is not the next one's */
		assert_int_equal(failed, 1);
	}
	cx_lang = CX_PT;
}

static void files_that_do_not_load(void **state)
{
	(void)state;
	int passed, failed;
	cx_lang = CX_EN;
	assert_string_equal(run("\nlocal = 1", &passed, &failed),
		"FAIL nps_test.lua: plugins/acme/tests/nps_test.lua:2: <name> expected near '='\n");
	assert_int_equal(failed, 1);
	assert_string_equal(
		run("", &passed, &failed), "FAIL plugins/acme/tests/nps_test.lua: no test(…)\n");
	assert_string_equal(run("at '2026-01-01'", &passed, &failed),
		"FAIL nps_test.lua: plugins/acme/tests/nps_test.lua:1: at: only inside test(…)\n");
	cx_lang = CX_PT;
	buf_free(&heard);
}

int main(void)
{
	tz_setup("America/Sao_Paulo");
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_contract),
		cmocka_unit_test(comparisons), cmocka_unit_test(failures_have_a_line),
		cmocka_unit_test(files_that_do_not_load)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
