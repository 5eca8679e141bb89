/* Review scripts: what r makes, what fails in its place, what a stopped script leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/tz.h"
#include "lua/script.h"

static char asked[400]; /* the parameters of the last query */

static int host_kpi(void *ctx, const char *id, const struct kpi_param *p, int n, struct buf *json,
	struct cx_err *e)
{
	(void)ctx;
	bool by = false, every = false;
	asked[0] = 0;
	for (int i = 0; i < n; i++) {
		size_t at = strlen(asked);
		snprintf(asked + at, sizeof asked - at, "%s=%s;", p[i].name, p[i].value);
		by = by || strcmp(p[i].name, "by") == 0;
		every = every || strcmp(p[i].name, "every") == 0;
	}
	if (strcmp(id, "nps") != 0)
		return cx_fail(e, CX_E_NOT_FOUND, NULL, "no KPI \"%s\"", id);
	buf_puts(json,
		"{\"id\":\"nps\",\"title\":\"NPS\",\"format\":\"points\",\"value\":41,\"low\":36,"
		"\"high\":46,\"low_text\":\"36\",\"high_text\":\"46\",\"note\":null,"
		"\"text\":\"41\",\"measures\":{\"answers\":960},\"min_n\":10");
	if (by)
		buf_puts(json,
			",\"groups\":[{\"by\":{\"unit\":\"b07\"},\"value\":-12,\"text\":\"-12\","
			"\"measures\":{\"answers\":9}},{\"by\":{\"unit\":null},\"value\":null,"
			"\"text\":\"-\",\"measures\":{\"answers\":0}}]");
	static const int weeks[] = {40, 41, 39, 40, 42, 40, 41, 39, 40, 80, 1};
	if (every)
		buf_puts(json, ",\"series\":[");
	for (int i = 0; every && i < 11; i++)
		buf_printf(json,
			"%s{\"from\":\"2026-01-%02dT00:00:00-03:00\",\"value\":%d,\"text\":\"%d\"%"
			"s}",
			i ? "," : "", i + 1, weeks[i], weeks[i], i == 10 ? ",\"cut\":true" : "");
	buf_puts(json, every ? "]}" : "}");
	return CX_OK;
}

struct ran {
	int rc;
	struct buf json, text;
	struct lua_fail f;
};

static struct ran run(const char *script)
{
	struct script_host host = {NULL, host_kpi};
	struct script_options opt = {.name = "monthly",
		.company = "Nexo",
		.currency = "BRL",
		.as_of_ms = 1775000000000,
		.limits = {64 << 20, 500, 50, 10, 300}};
	struct ran r = {0};
	r.rc = script_run(
		"scripts/monthly.lua", script, strlen(script), &host, &opt, &r.json, &r.text, &r.f);
	buf_cstr(&r.json);
	buf_cstr(&r.text);
	return r;
}

static void ran_free(struct ran *r)
{
	buf_free(&r->json);
	buf_free(&r->text);
}

#define has(text, part) assert_non_null(strstr(text, part))

static void a_report(void **state)
{
	(void)state;
	struct ran r =
		run("return cx.script { title = { ['pt-BR'] = 'Mês', en = 'Month' }, run = "
		    "function(r) r:text('De ' .. r.company .. ' em ' .. r:day())\n"
		    "r:section('Um'):kpis { 'nps', by = 'unit', last = '6mo' }\n"
		    "local nps = r:kpi('nps') r:text(nps.low_text .. nps.measures.answers)\n"
		    "r:table { columns = { 'A', 'Bê' }, rows = { { 'ação', 1 }, { 'x', 22 } } }\n"
		    "r:table { { n = 1, unit = 'a' } } end }");
	assert_int_equal(r.rc, 0);
	has(r.json.p, "{\"script\":\"monthly\",\"title\":\"Mês\",\"company\":\"Nexo\","
		      "\"as_of\":\"2026-03-31\","
		      "\"errors\":0,");
	has(r.json.p, "{\"kind\":\"text\",\"text\":\"De Nexo em 2026-03-31\"}");
	has(r.json.p, "{\"by\":{\"unit\":null},\"measures\":{\"answers\":0},\"text\":\"-\","
		      "\"value\":null}");
	has(r.json.p, "\"text\":\"36960\"");
	has(r.json.p, "{\"kind\":\"table\",\"columns\":[\"A\",\"Bê\"],\"rows\":[[\"ação\",1],["
		      "\"x\",22]]}");
	has(r.json.p, "{\"kind\":\"table\",\"columns\":[\"n\",\"unit\"],\"rows\":[[1,\"a\"]]}");
	has(r.text.p, "Mês\n═══\nNexo · até 31/03/2026\n");
	has(r.text.p, "\nUm\n──\n");
	has(r.text.p, "A     Bê\n────  ──\nação   1\nx     22\n");
	ran_free(&r);
}

static void query_is_passed_on(void **state)
{
	(void)state;
	struct ran r = run("return cx.script { run = function(r) r:kpi('nps', { by = { 'unit', "
			   "'channel' } }) end }");
	assert_int_equal(r.rc, 0);
	assert_string_equal(asked, "by=unit,channel;");
	ran_free(&r);
}

static void parts_fail_in_their_place(void **state)
{
	(void)state;
	struct ran r = run("return cx.script { run = function(r)\n"
			   "r:kpis { 'nope', 'nps' }\nr:table(5)\nr:text 'after'\nr:kpi 'gone'\n"
			   "r:text 'never' end }");
	assert_int_equal(r.rc, 1);
	assert_int_equal(r.f.line, 2);
	assert_string_equal(r.f.file, "scripts/monthly.lua");
	has(r.json.p, "\"message\":\"kpi \\\"nope\\\": no KPI "
		      "\\\"nope\\\"\",\"file\":\"scripts/monthly.lua\","
		      "\"line\":2}");
	has(r.json.p, "\"line\":3},{\"kind\":\"text\",\"text\":\"after\"}");
	has(r.json.p,
		"\"message\":\"no KPI \\\"gone\\\"\",\"file\":\"scripts/monthly.lua\",\"line\":5,"
		"\"traceback\":");
	assert_null(strstr(r.json.p, "never"));
	has(r.text.p, "[ERRO] scripts/monthly.lua:5: no KPI \"gone\"\n");
	ran_free(&r);
}

static void a_stopped_script_leaves_what_it_made(void **state)
{
	(void)state;
	struct ran r = run("return cx.script { run = function(r) r:text 'before' "
			   "pcall(function() while true do end end) end }");
	assert_int_equal(r.rc, 1);
	assert_true(r.f.budget);
	has(r.json.p, "\"text\":\"before\"");
	has(r.json.p, "time budget of 300 ms exceeded");
	ran_free(&r);
}

static void a_table_is_its_own_answer(void **state)
{
	(void)state;
	struct ran r =
		run("return cx.script { run = function(r) return { a = r:kpi('nps').value } end }");
	assert_int_equal(r.rc, 0);
	assert_string_equal(r.json.p, "{\"a\":41}");
	ran_free(&r);
	r = run("return cx.script { run = function(r) return { r:kpi('nps') } end }");
	assert_int_equal(r.rc, 0);
	has(r.json.p, "\"value\":41");
	ran_free(&r);
}

static void scripts_compute(void **state)
{
	(void)state;
	struct ran r = run("return cx.script { run = function(r)\n"
			   "  local w = cx.stats.wilson(15, 148)\n"
			   "  return { cx.day(0), cx.money('19.99').amount, cx.money('7', "
			   "'JPY').currency, cx.blank '\\u{3000} ', cx.blank '\\u{e9}', "
			   "w.low > 0.06 and w.high < 0.17 } end }");
	assert_int_equal(r.rc, 0);
	assert_string_equal(r.json.p, "[\"1969-12-31\",1999,\"JPY\",true,false,true]");
	ran_free(&r);
}

static void replies_can_be_asked_on(void **state)
{
	(void)state;
	struct ran r = run("return cx.script { run = function(r)\n"
			   "local s = r:kpi('nps', { last = '6mo' }):signal()\n"
			   "return { rule = s.rule, value = s.value, from = s.from } end }");
	assert_int_equal(r.rc, 0);
	has(asked, "every=week;");
	has(asked, "last=6mo;");
	assert_string_equal(
		r.json.p, "{\"from\":\"2026-01-10T00:00:00-03:00\",\"rule\":1,\"value\":80}");
	ran_free(&r);
	r = run("return cx.script { run = function(r)\n"
		"r:chart(r:kpi('nps', { every = 'week' }):control())\n"
		"r:text(r:number(-1234.5, 'number') .. ' ' .. r:number({ amount = 199, currency = "
		"'BRL' })"
		" .. ' ' .. r:date('2026-11-12') .. ' ' .. r:period('2026-05-21', '2026-11-21')) "
		"end }");
	assert_int_equal(r.rc, 0);
	has(r.json.p, "{\"kind\":\"chart\",\"chart\":{\"baseline\":10,");
	has(r.text.p, "10/01/2026   80  fora dos limites\n11/01/2026    1  período incompleto\n");
	has(r.text.p, "\ncentro 44, limites 29 a 60\n");
	has(r.text.p, "−1.234,5 R$\u00a01,99 12/11/2026 21/05/2026 a 20/11/2026\n");
	ran_free(&r);
	r = run("return cx.script { run = function(r) r:table(r:kpi('nps', { by = 'unit' "
		"}):rank()) "
		"end }");
	assert_int_equal(r.rc, 0);
	has(r.text.p, "posição");
	ran_free(&r);
}

static void mistakes(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
		int rc;
	} cases[] = {{"return 5", "the file must end with: return cx.script { … }", -1},
		{"return cx.script { run = 5 }", "cx.script: run must be a function", -1},
		{"return cx.script { titel = 'x' }", "cx.script: unknown key \"titel\"", -1},
		{"cx.kpi 'x' {}",
			"cx.kpi is not available in this version: a script has cx.blank, "
			"cx.business_day, cx.day, cx.due, cx.holiday, cx.money, cx.null, "
			"cx.open_between, cx.script, cx.stats",
			-1},
		{"return cx.script { run = function(r) return cx.stats.welsh end }",
			"cx.stats.welsh does not exist, did you mean \"welch\"?", 1},
		{"return cx.script { run = function(r) cx.stats.nps = 1 end }",
			"cx.stats is read-only (nps)", 1},
		{"return cx.script { run = function(r) local m = cx.money('1.999') end }",
			"cx.money: \"1.999\" is not an amount in BRL", 1},
		{"return cx.script { run = function(r) r:chart() end }",
			"r:chart: takes what kpi:control() returns", 1},
		{"return cx.script { run = function(r)\nlocal x = r:date('zz') end }",
			"\"zz\" is not a time", 1},
		{"return cx.script { run = function(r) r:sql() end }",
			"r:sql is not available in this version", 1},
		{"return cx.script { run = function(r) local x = r:kpi('nps'):rank() end }",
			"kpi:rank: ask with by", 1},
		{"return cx.script { run = function(r) r:grpah() end }", "r has no \"grpah\"", 1},
		{"return cx.script {", "unexpected symbol near <eof>", -1}};
	cx_lang = CX_EN;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ran r = run(cases[i].text);
		assert_int_equal(r.rc, cases[i].rc);
		assert_string_equal(r.f.msg, cases[i].message);
		assert_string_equal(r.f.file, "scripts/monthly.lua");
		ran_free(&r);
	}
	cx_lang = CX_PT;
}

int main(void)
{
	tz_setup("America/Sao_Paulo");
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_report),
		cmocka_unit_test(query_is_passed_on), cmocka_unit_test(parts_fail_in_their_place),
		cmocka_unit_test(a_stopped_script_leaves_what_it_made),
		cmocka_unit_test(a_table_is_its_own_answer), cmocka_unit_test(scripts_compute),
		cmocka_unit_test(replies_can_be_asked_on), cmocka_unit_test(mistakes)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
