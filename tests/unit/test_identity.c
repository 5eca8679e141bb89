/* What makes a definition another one, and what does not (lua/identity.h). */
#include "plugin_fixture.h"

static char was_kpi[65], was_cube[65], was_other[65];

static const char *const fields = "rate = cx.integer { required = true }, note = cx.text {}";

/* One plugin of two KPIs, of which the pieces are given: lines before, the where, the formula. */
static void write_plugin(
	const char *types, const char *before, const char *where, const char *formula)
{
	char text[4000];
	snprintf(text, sizeof text,
		"cx.plugin { name = \"good\", version = \"1.0.0\", api = 1,\n"
		"  config = { promoter = cx.integer { default = 9 } } }\n"
		"cx.event \"visit.rated\" { fields = { %s } }\n%s\n"
		"cx.kpi \"nps\" { by = { \"unit\" }, measures = {\n"
		"  good = cx.count(\"visit.rated\", { where = %s }) },\n"
		"  formula = %s }\n"
		"cx.kpi \"other\" { measures = { n = cx.count \"visit.rated\" },\n"
		"  formula = function(m) return m.n end }\n",
		types, before, where, formula);
	write_file("good", "plugin.lua", text);
}

static void look(char kpi[65], char cube[65], char other[65])
{
	if (fx.loaded)
		plugin_set_free(&fx.set);
	load();
	struct plugin *p = running("good");
	for (int i = 0; i < p->nkpis; i++) {
		const struct kpi *k = p->kpis[i];
		bool nps = strcmp(k->id, "nps") == 0;
		memcpy(nps ? kpi : other, k->hash, 65);
		if (nps)
			memcpy(cube, k->cube->identity, 65);
	}
}

static void first(const char *types, const char *before, const char *where, const char *formula)
{
	write_plugin(types, before, where, formula);
	look(was_kpi, was_cube, was_other);
	assert_int_equal(strlen(was_cube), 64);
}

enum { SAME, FORMULA, COUNTED }; /* what changes */

static void then(
	int what, const char *types, const char *before, const char *where, const char *formula)
{
	char kpi[65], cube[65], other[65];
	write_plugin(types, before, where, formula);
	look(kpi, cube, other);
	assert_string_equal(other, was_other);
	if (what == COUNTED)
		assert_string_not_equal(cube, was_cube);
	else
		assert_string_equal(cube, was_cube);
	if (what == SAME)
		assert_string_equal(kpi, was_kpi);
	else
		assert_string_not_equal(kpi, was_kpi);
}

static const char *const high = "function(e) return e.rate >= 9 end",
			 *const plain = "function(m) return m.good end";

static void how_it_is_written_changes_nothing(void **state)
{
	(void)state;
	first(fields, "local limit = 9", "function(e) return e.rate >= limit end", plain);
	then(SAME, fields, "local limit = 9", "function(e) return e.rate >= limit end", plain);
	then(SAME, fields, "-- why\n\n\nlocal limit = 9",
		"function(e) --[[ nine ]]\n\n  return e.rate >= limit\nend",
		"function(m)\n-- all\n return m.good end");
	then(SAME, fields, "local least = 9", "function(ev) return ev.rate >= least end",
		"function(x) return x.good end");
	then(SAME, fields, "cx.on \"visit.rated\" (function(e, tx) end)\nlocal limit = 9",
		"function(e) return e.rate >= limit end", plain);
	then(SAME, "rate = cx.integer { required = true }, note = cx.text {}, more = cx.text {}",
		"local limit = 9", "function(e) return e.rate >= limit end", plain);
	then(SAME, "rate = cx.integer { required = true, max = 10 }, note = cx.text {}",
		"local limit = 9", "function(e) return e.rate >= limit end", plain);
}

static void what_it_does_changes_it(void **state)
{
	(void)state;
	first(fields, "", high, plain);
	then(COUNTED, fields, "", "function(e) return e.rate >= 8 end", plain);
	then(COUNTED, fields, "", "function(e) return e.rate > 9 end", plain);
	then(FORMULA, fields, "", high, "function(m) return m.good + 1 end");
	then(COUNTED, "rate = cx.decimal { scale = 1 }, note = cx.text {}", "", high, plain);
	then(COUNTED, "rate = cx.integer { default = 10 }, note = cx.text {}", "", high, plain);
}

static void helpers_count_however_they_are_reached(void **state)
{
	const char *where = "function(e) return limit.of(e.rate) end";
	(void)state;
	first(fields,
		"local deep = { 3, { x = 9 }, [7.5] = true }\nlocal function least() return "
		"deep[2].x end\n"
		"local limit = { of = function(r) return r >= least() end }",
		where, plain);
	then(SAME, fields,
		"local d = { [7.5] = true, 3, [2] = { x = 9 } }\nlocal function l() return d[2].x "
		"end\n"
		"local limit = { of = function(r) return r >= l() end }",
		where, plain);
	then(COUNTED, fields,
		"local deep = { 3, { x = 8 }, [7.5] = true }\nlocal function least() return "
		"deep[2].x end\n"
		"local limit = { of = function(r) return r >= least() end }",
		where, plain);
	write_file("good", "limits.lua", "return { of = function(r) return r >= 9 end }");
	first(fields, "local limit = require \"limits\"", where, plain);
	then(SAME, fields, "local limit = require \"limits\"", where, plain);
	write_file(
		"good", "limits.lua", "-- another\nreturn { of = function(r) return r >= 9 end }");
	then(SAME, fields, "local limit = require \"limits\"", where, plain);
	write_file("good", "limits.lua", "return { of = function(r) return r >= 7 end }");
	then(COUNTED, fields, "local limit = require \"limits\"", where, plain);
}

static void cycles_end_and_order_is_nothing(void **state)
{
	const char *where = "function(e) return t.f(e.rate) end";
	char before[2000] = "local t = {}\n";
	(void)state;
	for (int i = 0; i < 40; i++)
		sprintf(before + strlen(before), "t.k%d = %d\n", i, i * i);
	strcat(before, "t.self, t.f = t, function(r) return r > t.k3 end");
	first(fields, before, where, plain);
	strcpy(before, "local t = {}\nt.f = function(r) return r > t.k3 end\nt.self = t\n");
	for (int i = 39; i >= 0; i--)
		sprintf(before + strlen(before), "t.k%d = %d\n", i, i * i);
	then(SAME, fields, before, where, plain);
	strcat(before, "t.k39 = nil");
	then(COUNTED, fields, before, where, plain);
}

static void with_conf(const char *more)
{
	struct cx_errs errs = {0};
	char file[100];
	snprintf(file, sizeof file, "%s/other.ini", fx.dir);
	FILE *out = fopen(file, "w");
	fprintf(out,
		"[company]\ntimezone = America/Sao_Paulo\n[plugins]\npath = %s\n"
		"%s\n",
		fx.dir, more);
	fclose(out);
	if (fx.loaded)
		plugin_set_free(&fx.set);
	fx.loaded = false;
	conf_free(&fx.conf);
	conf_load(&fx.conf, file, &errs);
	assert_int_equal(errs.n, 0);
}

static void with_config(const char *value)
{
	char more[80];
	snprintf(more, sizeof more, "[plugin:good]\npromoter = %s", value);
	with_conf(more);
}

static void the_calendar_counts_where_it_is_asked(void **state)
{
	static const char *const asks[] = {
		"function(e) return cx.due(e.time, '1bh', e.unit) > 0 end",
		"function(e) return cx.business_day(e.time) end",
		"function(e) return cx.holiday(e.time, e.unit) == nil end",
		"function(e) return cx.open_between(0, e.time) > e.rate end"};
	(void)state;
	for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
		with_conf("");
		first(fields, "", asks[i], plain);
		with_conf("[calendar]\nhours = Mon-Fri 09:00-18:00");
		then(SAME, fields, "", asks[i], plain);
		with_conf("[calendar:b07]\nhours = Mon-Sat 10:00-22:00");
		then(COUNTED, fields, "", asks[i], plain);
	}
	with_conf("");
	first(fields, "local due = cx.due", "function(e) return due(e.time, '1bd') > 0 end", plain);
	with_conf("[calendar]\nholidays = none");
	then(COUNTED, fields, "local due = cx.due", "function(e) return due(e.time, '1bd') > 0 end",
		plain);
	first(fields, "", high, plain);
	with_conf("");
	then(SAME, fields, "", high, plain);
}

static void configuration_counts_where_it_is_read(void **state)
{
	const char *reads = "function(e) return e.rate >= cx.config.promoter end";
	(void)state;
	first(fields, "", reads, plain);
	with_config("9");
	then(SAME, fields, "", reads, plain);
	with_config("8");
	then(COUNTED, fields, "", reads, plain);
	first(fields, "", high, plain);
	with_config("7");
	then(SAME, fields, "", high, plain);
	first(fields, "local c = cx.config", high, "function(m) return m.good * c.promoter end");
	with_config("6");
	then(FORMULA, fields, "local c = cx.config", high,
		"function(m) return m.good * c.promoter end");
	first(fields, "local least = cx.config.promoter", "function(e) return e.rate >= least end",
		plain);
	with_config("5");
	then(COUNTED, fields, "local least = cx.config.promoter",
		"function(e) return e.rate >= least end", plain);
}

static void what_cannot_be_looked_into_is_all_of_the_sources(void **state)
{
	const char *where = "function(e) return by[e.rate] ~= nil or e.rate > 8 end";
	(void)state;
	first(fields, "local by = { [{}] = 1 }", where, plain);
	then(SAME, fields, "local by = { [{}] = 1 }", where, plain);
	then(COUNTED, fields, "-- said\nlocal by = { [{}] = 1 }", where, plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(how_it_is_written_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(what_it_does_changes_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			helpers_count_however_they_are_reached, setup, teardown),
		cmocka_unit_test_setup_teardown(cycles_end_and_order_is_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			configuration_counts_where_it_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_calendar_counts_where_it_is_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_cannot_be_looked_into_is_all_of_the_sources, setup, teardown),
	};
	isolate_clock_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
