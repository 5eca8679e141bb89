/* The same each time: what a plugin declares when it is loaded again, what it emits, and who still
 * holds on to functions of the state before. */
#include "lua/import.h"
#include "plugin_fixture.h"

static struct event rated(int64_t score)
{
	const struct type_plan *t = plugin_set_type(&fx.set, STR("visit.rated"));
	assert_non_null(t);
	struct value *v = arena_alloc(&fx.arena, (size_t)t->type->nfields * sizeof *v);
	memset(v, 0, (size_t)t->type->nfields * sizeof *v);
	v[event_type_field(t->type, "score", 5)] = (struct value){.kind = VALUE_INT, .i = score};
	return (struct event){.seq = score,
		.id = STR("e"),
		.type = t->type,
		.type_name = STR("visit.rated"),
		.fields = v};
}

#define ENDLESS                                                                                    \
	"cx.kpi 'slow' { formula = function(m) return m.n end, measures = { n = cx.count("         \
	"'visit.rated',\n  function(e) while e.score == 99 do end return true end) } }\n"

static const struct measure *slow(void)
{
	return &plugin_set_kpi(&fx.set, "slow", NULL)->measures[0];
}

/* Ends the plugin's isolate; the next call loads it again. */
static void spoil(struct plugin *p)
{
	struct lua_fail f;
	bool yes;
	struct event ev = rated(99);
	assert_int_equal(plugin_where(p, slow(), &ev, &yes, &f), -1);
	assert_true(f.budget);
}

static char emitted[2][400];
static int nemitted;

static int emit(void *ctx, struct event *cause, struct str json, struct cx_err *e)
{
	(void)ctx, (void)cause, (void)e;
	snprintf(emitted[nemitted++ & 1], sizeof emitted[0], "%.*s", (int)json.n, json.p);
	return CX_OK;
}

static void emits_the_same_bytes(void **state)
{
	(void)state;
	struct lua_fail f;
	struct tx tx = {.emit = emit};
	write_file("a", "plugin.lua",
		HEAD("a") RATED ENDLESS
		"cx.event 'b.done' { fields = { a = cx.text {}, b = cx.text {}, c = cx.text {},\n"
		"  d = cx.text {} } }\n"
		"cx.on 'visit.rated' (function(e, tx) tx:emit { type = 'b.done', subject = 's',\n"
		"  unit = 'u', actor = 'x', data = { d = '4', c = '3', b = '2', a = '1' } } "
		"end)\n");
	load();
	struct plugin *p = running("a");
	for (int round = 0; round < 5; round++) {
		struct event ev = rated(1);
		assert_int_equal(plugin_react(p, &p->ons[0], &ev, &tx, &f), 0);
		assert_string_equal(emitted[round & 1],
			"{\"actor\":\"x\",\"data\":{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\",\"d\":"
			"\"4\"},\"subject\":\"s\",\"type\":\"b.done\",\"unit\":\"u\"}");
		spoil(p);
	}
}

static bool counts(const char *kpi)
{
	struct plugin *p = running("a");
	struct event ev = rated(1);
	struct lua_fail f;
	bool yes = false;
	const struct measure *m = &plugin_set_kpi(&fx.set, kpi, NULL)->measures[0];
	if (plugin_where(p, m, &ev, &yes, &f) < 0)
		fail_msg("%s", f.msg);
	return yes;
}

/* A reload that changes nothing of a plugin leaves its isolate, and frees the conf it began with.
 */
static void one_that_stays_asks_the_conf_in_force(void **state)
{
	(void)state;
	struct plugin_set set, old;
	struct plugin_sources *v;
	struct cx_err e = {0};
	struct cx_errs errs = {0};
	struct conf now;
	char why[200];
	int n;
	write_file("a", "plugin.lua",
		HEAD("a") RATED
		"cx.kpi 'off' { formula = function(m) return m.n end, measures = {\n"
		"  n = cx.count('visit.rated', function(e)\n"
		"    return cx.holiday '2026-12-24' ~= nil end) } }\n");
	load();
	assert_false(counts("off"));
	assert_int_equal(conf_load(&now, fx.conf.file, &errs), CX_OK);
	assert_int_equal(plugin_sources_read(&now, &v, &n, &e), CX_OK);
	plugin_set_renew(&set, &fx.set, &now, v, n, NULL, NULL);
	assert_ptr_equal(set.v[0], fx.set.v[0]);
	old = fx.set;
	fx.set = (struct plugin_set){0};
	plugin_set_take(&fx.set, &set);
	plugin_set_leave(&old, &fx.set);
	assert_true(calendar_add(fx.conf.calendar, STR(""), STR("2026-12-24"), STR("x"), STR(""),
		STR(""), why, sizeof why));
	assert_false(counts("off"));
	conf_free(&fx.conf);
	fx.conf = now;
	fx.set.conf = &fx.conf;
	assert_false(counts("off"));
}

/* As many functions as before, but not the same ones: a handle would mean another function. */
static void says_so_when_it_declares_otherwise(void **state)
{
	(void)state;
	struct lua_fail f;
	bool yes, told = false;
	write_file("a", "plugin.lua",
		HEAD("a") RATED ENDLESS
		"local ids, first = {}\n"
		"for i = 1, 26 do ids['k' .. string.char(96 + i)] = i end\n"
		"for id in pairs(ids) do first = first or id end\n"
		"cx.kpi(first) { formula = function(m) return m.n end, measures = {\n"
		"  n = cx.count('visit.rated', function(e) return true end) } }\n");
	load();
	struct plugin *p = running("a");
	for (int round = 0; round < 20 && !told; round++) {
		struct event ev = rated(1);
		if (plugin_where(p, slow(), &ev, &yes, &f) == 0)
			spoil(p);
		else
			told = strcmp(f.msg, "the plugin declares something else each time it is "
					     "loaded") == 0;
	}
	assert_true(told);
}

static int mapped(void *ctx, int64_t time_ms, int place, const char *json, size_t n)
{
	(void)time_ms, (void)place;
	snprintf(ctx, 200, "%.*s", (int)n, json);
	return CX_OK;
}

static int refused(void *ctx, int place, const char *id, const struct cx_errs *why)
{
	(void)place, (void)id;
	snprintf(ctx, 200, "refused: %s", why->v[0].msg);
	return CX_OK;
}

static void an_importer_outlives_its_isolate(void **state)
{
	(void)state;
	char got[200];
	struct lua_fail f;
	struct cx_err e;
	struct import im;
	bool yes;
	write_file("a", "plugin.lua",
		HEAD("a") RATED ENDLESS
		"cx.import 'old' { tables = { t = 't.csv' }, events = { { sql = 'select 1',\n"
		"  map = function(row) return { type = 'visit.rated', id = row.id,\n"
		"    time = '2026-01-01T00:00:00Z', data = { score = row.score } } end } } }\n");
	load();
	struct plugin *p = running("a");
	assert_int_equal(import_open(&fx.set, "old", &im, &e), CX_OK);
	static const char *const names[] = {"id", "score"};
	const struct str values[] = {STR("x"), STR("7")};
	const struct scratch_row row = {2, names, values};
	const struct import_sink sink = {got, mapped, refused};
	for (int round = 0; round < 3; round++) {
		got[0] = 0;
		assert_int_equal(import_map(&im, 0, &row, &sink, &f), 0);
		assert_string_equal(got, "{\"data\":{\"score\":7},\"id\":\"x\",\"time\":\"2025-12-"
					 "31T21:00:00-03:00\","
					 "\"type\":\"visit.rated\",\"source\":\"import/old\"}");
		spoil(p);
		struct event ev = rated(1);
		if (round) /* loaded again by somebody else, or by the importer itself */
			assert_int_equal(plugin_where(p, slow(), &ev, &yes, &f), 0);
	}
	import_close(&im);
}

static void what_a_plugin_may_not_change(void **state)
{
	(void)state;
	struct lua_fail f;
	struct tx tx = {.emit = emit};
	write_file("a", "plugin.lua",
		"cx.plugin { name = 'a', version = '1.0.0', api = 1,\n"
		"  config = { fee = cx.money { default = 150 } } }\n" RATED
		"cx.event 'b.done' { fields = { m = cx.money {} } }\n"
		"cx.on 'visit.rated' (function(e, tx)\n"
		"  cx.config.fee.amount = 0\n"
		"  assert(cx.config.fee.amount == 150 and cx.config.fee.currency == 'BRL')\n"
		"  tx:emit { type = 'b.done', data = { m = { amount = 1, currency = 'br1' } } }\n"
		"end)\n");
	write_file("u", "plugin.lua", HEAD("u") "cx.event '\\xff' { fields = {} }\n");
	load();
	struct plugin *p = running("a");
	struct event ev = rated(1);
	assert_int_equal(plugin_react(p, &p->ons[0], &ev, &tx, &f), -1);
	assert_string_equal(f.msg, "tx:emit: data.m must be money, got table");
	has_error("u", 2, "event \"\\xff\": the name must be noun.verb_past as \"visit.rated\"");
}

static struct lua_fail inner[2];

static int measure_inside(void *ctx, struct event *cause, struct str json, struct cx_err *e)
{
	(void)ctx, (void)cause, (void)json, (void)e;
	const struct kpi *k = plugin_set_kpi(&fx.set, "k", NULL);
	bool yes;
	for (int i = 0; i < 2; i++) {
		struct event ev = rated(2);
		assert_int_equal(
			plugin_where(plugin("a"), &k->measures[i], &ev, &yes, &inner[i]), -1);
	}
	return CX_OK;
}

/* A measure that runs inside a reaction has neither its transaction nor its event. */
static void measures_stay_pure(void **state)
{
	(void)state;
	struct lua_fail f;
	struct tx tx = {.emit = measure_inside};
	write_file("a", "plugin.lua",
		HEAD("a") RATED
		"local keep_e, keep_tx\n"
		"cx.kpi 'k' { formula = function(m) return m.a end, measures = {\n"
		"  a = cx.count('visit.rated', function(e) return not keep_e or keep_e.comment "
		"end),\n"
		"  b = cx.count('visit.rated', function(e)\n"
		"    if keep_tx then keep_tx:emit { type = 'visit.rated' } end end) } }\n"
		"cx.on 'visit.rated' (function(e, tx)\n"
		"  keep_e, keep_tx = e, tx\n"
		"  tx:emit { type = 'visit.rated' }\n"
		"  assert(e.score == 1 and tx.past == false)\n"
		"end)\n");
	load();
	struct plugin *p = running("a");
	struct event ev = rated(1);
	if (plugin_react(p, &p->ons[0], &ev, &tx, &f) < 0)
		fail_msg("%s", f.msg);
	assert_string_equal(inner[0].msg,
		"this event is not of the function that runs: only the one it was given to can "
		"read it");
	assert_string_equal(
		inner[1].msg, "tx:emit outside its job: tx is there until the reaction returns");
}

static size_t held(const struct plugin *p)
{
	return p->iso ? isolate_memory(p->iso) : 0;
}

/* However it ended, a call that used much leaves little behind, and so does loading. */
static void gives_back_what_a_call_used(void **state)
{
	(void)state;
	enum { LITTLE = 4 << 20 };
	struct lua_fail f;
	bool yes;
	write_file("a", "plugin.lua",
		HEAD("a") RATED
		"local kept = {}\n"
		"kept.n = #string.rep('x', 8000000)\n"
		"cx.kpi 'k' { formula = function(m) return m.a end, measures = {\n"
		"  a = cx.count('visit.rated', function(e)\n"
		"    local s = string.rep('x', 8000000)\n"
		"    if e.score == 2 then error('enough') end\n"
		"    if e.score == 3 then kept[1] = s while true do end end\n"
		"    if e.score == 4 then for i = 1, 9 do kept[i] = s .. i end end\n"
		"    return #s > 0 end) } }\n");
	load();
	struct plugin *p = running("a");
	assert_in_range(held(p), 1, LITTLE);
	for (int i = 0; i < 8; i++) {
		struct event ev = rated(1 + i % 4);
		int rc = plugin_where(
			p, &plugin_set_kpi(&fx.set, "k", NULL)->measures[0], &ev, &yes, &f);
		assert_int_equal(rc, i % 4 == 0 ? 0 : -1);
		assert_int_equal(rc < 0 && f.budget, i % 4 >= 2);
		assert_in_range(held(p), 0, LITTLE);
	}
}

/* What one process read another gets whole, and bytes that are anything else are told. */
static void sources_as_bytes(void **state)
{
	(void)state;
	struct plugin_sources *v, *w;
	struct buf b = {0};
	struct cx_err e;
	int n, m;
	write_file("a", "plugin.lua", HEAD("a"));
	write_file("a", "more.lua", "return 1 -- \xff");
	write_file("b", "plugin.lua", "");
	assert_int_equal(plugin_sources_read(&fx.conf, &v, &n, &e), CX_OK);
	assert_int_equal(n, 2);
	plugin_sources_pack(v, n, &b);
	const char *at = b.p;
	assert_true(plugin_sources_unpack(&at, b.p + b.len, &w, &m));
	assert_ptr_equal(at, b.p + b.len);
	assert_int_equal(m, n);
	for (int i = 0; i < n; i++) {
		assert_string_equal(v[i].name, w[i].name);
		assert_string_equal(v[i].hash, w[i].hash);
		assert_int_equal(v[i].nfiles, w[i].nfiles);
	}
	assert_string_equal(w[0].files[0].text, "return 1 -- \xff");
	plugin_sources_free(w, m);
	for (size_t cut = 0; cut < b.len; cut++) {
		char *copy = xstrndup(b.p, cut);
		at = copy;
		assert_false(plugin_sources_unpack(&at, copy + cut, &w, &m));
		assert_null(w);
		free(copy);
	}
	plugin_sources_free(v, n);
	buf_free(&b);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {T(emits_the_same_bytes),
		T(one_that_stays_asks_the_conf_in_force), T(says_so_when_it_declares_otherwise),
		T(an_importer_outlives_its_isolate), T(what_a_plugin_may_not_change),
		T(measures_stay_pure), T(gives_back_what_a_call_used), T(sources_as_bytes)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
