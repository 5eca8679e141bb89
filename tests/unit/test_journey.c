/* Journeys as plugins declare them: what is wrong is told with its place, what is right has an
 * identity that only changes with what matters; and the fold itself, without a store. */
#include "plugin_fixture.h"

#include "lua/journey.h"

#define TYPES                                                                                      \
	"for _, t in ipairs { 'a.a', 'b.b', 'c.c' } do\n"                                          \
	"  cx.event(t) { fields = { k = cx.text {}, n = cx.integer {}, who = cx.text { personal "  \
	"= true }, d = cx.time {} } }\n"                                                           \
	"end\n"

static void test_mistakes(void **state)
{
	(void)state;
	write_file("bad", "plugin.lua",
		HEAD("bad") TYPES /* lines 2 to 4 */
		"cx.journey 'one' { key = 'k', start = 'a.a', stages = {\n"
		"  cx.stage 'receive' { within = '5m', leave = { ['a.a'] = 'recieve', ['b.z'] = "
		"'receive' } },\n"
		"  cx.stage 'y' { leave = { ['a.a'] = 'receive' } } } }\n"
		"cx.journey 'two' { key = 'kk', start = 'a.a', stages = { cx.stage 'x' {} }, "
		"stagess = 1 }\n"
		"cx.journey 'three' { key = 'who', start = 'a.a', stages = { cx.stage 'x' {}, "
		"cx.stage 'x' {} } }\n"
		"cx.journey 'four' { start = 'a.a', stages = { cx.stage 'x' { sop = 'none' } } }\n"
		"cx.journey 'five' { key = 'k', stages = { cx.stage 'x' {} } }\n"
		"cx.journey 'six' { key = 'k', start = 'a.a', stages = { cx.stage 'x' { journey = "
		"'sevn' } } }\n"
		"cx.journey 'seven' { stages = { cx.stage 'x' { journey = 'seven' } } }\n"
		"cx.journey 'eight' { key = 'd', start = 'a.a', idle = { after = '2h' }, stages = "
		"{ cx.stage 'x' { leave = { [cx.ended()] = 'x', ['b.b'] = 5 } } } }\n"
		"cx.journey 'nine' { key = 'k', start = 'a.a', by = { 'unit', 'chanel' }, ideal = "
		"{ 'z' }, stages = { cx.stage 'x' { leave = { [cx.all { 'a.a', 'a.a' }] = "
		"cx.done() } } } }\n");
	load();
	has_error("bad", 6,
		"journey \"one\": stage \"receive\": within must be a duration as \"25min\", "
		"\"2d\" "
		"or \"3bd\"");
	has_error("bad", 6,
		"journey \"one\": stage \"receive\": leave \"a.a\": no stage \"recieve\", did you "
		"mean \"receive\"?");
	has_error("bad", 6,
		"journey \"one\": stage \"receive\": leave \"b.z\": no such event type \"b.z\", "
		"did "
		"you mean \"b.b\"?");
	has_error("bad", 7, "journey \"one\": stage \"y\": nothing leads to it");
	has_error("bad", 8, "journey \"two\": key: event \"a.a\" has no field \"kk\"");
	has_error(
		"bad", 8, "journey \"two\": unknown option \"stagess\", did you mean \"stages\"?");
	has_error("bad", 9,
		"journey \"three\": stage \"x\": given twice (first at plugins/bad/plugin.lua:9)");
	has_error("bad", 9,
		"journey \"three\": key: \"who\" is personal in event \"a.a\", and everyone who "
		"sees the instance sees it");
	has_error("bad", 10,
		"journey \"four\": key is missing: a field that names the instance, or "
		"\"subject\"");
	has_error("bad", 10,
		"journey \"four\": stage \"x\": no SOP \"none\" in this plugin or in one of its "
		"depends");
	has_error("bad", 11, "journey \"five\": start is missing: the event type it begins with");
	has_error("bad", 12,
		"journey \"six\": stage \"x\": no journey \"sevn\" in this plugin, did you mean "
		"\"seven\"?");
	has_error("bad", 13,
		"journey \"seven\": stage \"x\": the journey \"seven\" would be inside itself");
	has_error("bad", 14, "journey \"eight\": idle: outcome is missing");
	has_error("bad", 14,
		"journey \"eight\": key: \"d\" is time in event \"a.a\"; it must be text, choice "
		"or integer");
	has_error("bad", 14,
		"journey \"eight\": stage \"x\": leave: cx.ended is for a stage with a journey "
		"inside");
	has_error("bad", 14,
		"journey \"eight\": stage \"x\": leave \"b.b\": must lead to a stage, to "
		"cx.done(…), or be a function");
	has_error("bad", 15, "cx.all: \"a.a\" is given twice");
	has_error("bad", 15, "cx.done needs the name of the outcome: cx.done \"served\"");
	has_error("bad", 15, "journey \"nine\": ideal[1]: no stage \"z\"");
	has_error("bad", 15,
		"journey \"nine\": by: event \"a.a\", which begins it, has no field \"chanel\"");
}

static void identity_of(const char *journey, char out[65])
{
	write_file("shop", "plugin.lua", journey);
	load();
	const struct plugin_journey *j = plugin_journey_find(running("shop"), STR("one"));
	assert_non_null(j);
	memcpy(out, j->identity, 65);
	plugin_set_free(&fx.set);
	fx.loaded = false;
}

static void test_identity(void **state)
{
	(void)state;
	static const char *const texts[] = {HEAD("shop") TYPES
		"local n = 5\ncx.journey 'one' { key = 'k', start = 'a.a', stages = { cx.stage 'x' "
		"{ "
		"leave = { ['b.b'] = function(e) return e.n > n and 'x' or nil end } } } }\n",
		HEAD("shop") TYPES "-- another line\nlocal n = 5\ncx.journey 'one' { key = 'k', "
				   "start = 'a.a', stages = { "
				   "cx.stage 'x' { leave = { ['b.b'] = function(e) return e.n > n "
				   "and 'x' or nil end } } } }\n"
				   "cx.journey 'another' { key = 'k', start = 'a.a', on_late = "
				   "function() end, stages = { cx.stage 'x' {} } }\n",
		HEAD("shop") TYPES
		"local n = 6\ncx.journey 'one' { key = 'k', start = 'a.a', stages = { cx.stage 'x' "
		"{ "
		"leave = { ['b.b'] = function(e) return e.n > n and 'x' or nil end } } } }\n",
		HEAD("shop") TYPES "local n = 5\ncx.journey 'one' { key = 'k', start = 'a.a', "
				   "stages = { cx.stage 'x' { "
				   "within = '5min', leave = { ['b.b'] = function(e) return e.n > "
				   "n and 'x' or nil end } } } }\n"};
	char id[4][65];
	for (int i = 0; i < 4; i++)
		identity_of(texts[i], id[i]);
	assert_int_equal(strlen(id[0]), 64);
	assert_string_equal(id[0], id[1]);
	assert_string_not_equal(id[0], id[2]);
	assert_string_not_equal(id[0], id[3]);
	assert_string_not_equal(id[2], id[3]);
}

/* ---- the fold ---- */

static int no_start(void *ctx, int64_t seq, struct event *ev)
{
	(void)ctx;
	(void)seq;
	(void)ev;
	return 0;
}

static bool not_finished(
	void *ctx, struct str journey, struct str key, struct str stage, int pass, int64_t at_ms)
{
	(void)ctx;
	(void)journey;
	(void)key;
	(void)stage;
	(void)pass;
	(void)at_ms;
	return false;
}

struct machine {
	struct plugin *p;
	const struct plugin_journey *j;
	struct journey_came now;
	int64_t seq;
	struct lua_fail f;
};

static int step(struct machine *m, const char *type, int64_t at, int64_t n)
{
	const struct type_plan *plan =
		plugin_set_type(&fx.set, (struct str){type, (uint32_t)strlen(type)});
	struct value *fields = arena_alloc(&fx.arena, sizeof *fields * (size_t)plan->type->nfields);
	memset(fields, 0, sizeof *fields * (size_t)plan->type->nfields);
	fields[event_type_field(plan->type, "n", 1)] = (struct value){.kind = VALUE_INT, .i = n};
	struct event *ev = arena_alloc(&fx.arena, sizeof *ev);
	*ev = (struct event){.seq = ++m->seq,
		.time_ms = at,
		.id = STR("i"),
		.source = STR("s"),
		.type = plan->type,
		.type_name = {type, (uint32_t)strlen(type)},
		.fields = fields};
	struct journey_ask ask = {.op = m->now.state.stage.p ? JOURNEY_EVENT : JOURNEY_BEGIN,
		.key = STR("k"),
		.n = m->now.state.n + 1,
		.state = m->now.state.json,
		.at_ms = at,
		.start = no_start,
		.finished = not_finished};
	struct journey_came came;
	int rc = plugin_journey(m->p, m->j, &ask, ev, &fx.arena, &came, &m->f);
	if (rc == 0)
		m->now = came;
	return rc;
}

static int advance(struct machine *m, int64_t till, bool through)
{
	struct journey_ask ask = {.op = JOURNEY_ADVANCE,
		.key = STR("k"),
		.state = m->now.state.json,
		.at_ms = till,
		.through = through,
		.start = no_start,
		.finished = not_finished};
	struct journey_came came;
	int rc = plugin_journey(m->p, m->j, &ask, NULL, &fx.arena, &came, &m->f);
	if (rc == 0)
		m->now = came;
	return rc;
}

static void is_in(const struct machine *m, const char *stage)
{
	struct str is = m->now.state.stage.p ? m->now.state.stage : m->now.state.outcome;
	assert_int_equal(is.n, strlen(stage));
	assert_memory_equal(is.p, stage, is.n);
}

enum { MIN = 60000 };

static void test_fold(void **state)
{
	(void)state;
	write_file("shop", "plugin.lua",
		HEAD("shop") TYPES "cx.journey 'one' { key = 'k', start = 'a.a', idle = { after = "
				   "'30min', outcome = cx.done 'idle' },\n"
				   "  stages = { cx.stage 'x' { within = '5min', leave = { ['b.b'] "
				   "= function(e) return e.n > 1 and 'y' or nil end } },\n"
				   "    cx.stage 'y' { leave = { ['c.c'] = cx.done('end', { lost = "
				   "true }), ['b.b'] = function(e) error('no') end } } },\n"
				   "  on_late = function() end }\n");
	load();
	struct machine m = {.p = running("shop")};
	m.j = plugin_journey_find(m.p, STR("one"));
	const int64_t t = 1767225600000;
	assert_int_equal(step(&m, "b.b", t, 2), 0);
	assert_false(m.now.any); /* it begins nothing */
	assert_int_equal(step(&m, "a.a", t, 0), 0);
	is_in(&m, "x");
	assert_int_equal(m.now.state.due_ms, t + 5 * MIN);
	assert_int_equal(step(&m, "b.b", t + MIN, 1), 0);
	is_in(&m, "x");
	assert_int_equal(m.now.nmoves, 0);
	assert_int_equal(advance(&m, t + 5 * MIN, false), 0); /* before that instant: not yet */
	assert_int_equal(m.now.nlate, 0);
	assert_int_equal(advance(&m, t + 5 * MIN, true), 0);
	assert_int_equal(m.now.nlate, 1);
	assert_int_equal(m.now.late[0].due_ms, t + 5 * MIN);
	assert_true(m.now.state.late);
	assert_int_equal(m.now.state.due_ms, t + 31 * MIN); /* idle, from the last event */
	assert_int_equal(step(&m, "b.b", t + 6 * MIN, 2), 0);
	is_in(&m, "y");
	assert_false(m.now.state.late);
	assert_int_equal(m.now.moves[0].pass, 1);
	struct journey_came was = m.now;
	assert_int_equal(step(&m, "b.b", t + 7 * MIN, 2), -1); /* nothing has come of it */
	assert_non_null(strstr(m.f.msg, "no"));
	assert_ptr_equal(m.now.state.json.p, was.state.json.p);
	assert_int_equal(step(&m, "c.c", t + 8 * MIN, 0), 0);
	is_in(&m, "end");
	assert_true(m.now.state.lost);
	assert_int_equal(m.now.state.due_ms, 0);
	assert_int_equal(m.now.state.ended_ms, t + 8 * MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_mistakes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_identity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fold, setup, teardown)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
