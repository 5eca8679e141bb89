/* What a plugin can get wrong, each told once with file and line, all of a plugin's at once. */
#include "plugin_fixture.h"

static void test_mistakes(void **state)
{
	(void)state;
	write_file("bad", "plugin.lua",
		"cx.plugin { name = 'bad', version = '1', api = 2, depend = {} }\n"
		"cx.event 'Rated' { fields = {} }\n"
		"cx.event 'a.done' { fields = { score = cx.integer { requried = true } } }\n"
		"cx.event 'b.done' { fields = { time = cx.integer {}, Big = cx.text {}, n = 5 } }\n"
		"cx.event 'c.done' { fields = { c = cx.choice {}, d = cx.choice { 'x', 'x' } } }\n"
		"cx.event 'd.done' { fields = { i = cx.integer { min = 5, max = 1 }, b = "
		"cx.boolean { min = 1 } } }\n"
		"cx.event 'e.done' { fields = { i = cx.integer { default = 11, max = 10 }, c = "
		"cx.choice { 'a', default = 'b' } } }\n"
		"cx.event 'f.done' { fields = { m = cx.money { currency = 'real' }, t = cx.time { "
		"min = 'now' } } }\n"
		"cx.event 'g.done' { derive = { x = cx.integer { required = true } }, replaces = "
		"'voc' }\n"
		"cx.event 'a.done' { fields = {} }\n"
		"cx.event 'h.done'\n"
		"cx.journey 'visit' { stages = { cx.stage 'receive' { leave = { [cx.all { 'a' }] = "
		"cx.done 'x' } } } }\n"
		"cx.script { title = 'x' }\n"
		"cx.evnt 'x' {}\n"
		"cx.on 'a.done' (5)\n"
		"cx.import 'x' { tables = {}, total = 5 }\n"
		"cx.timer 'sweep' { every = '1h' }\n"
		"cx.import 'y' { generate = function() end, total = 0.5 }\n"
		"cx.import 'z' { generate = function() end, total = 0 }\n");
	load();
	has_error("bad", 1, "plugin: version must be three numbers as \"1.4.0\"");
	has_error("bad", 1, "plugin: api must be 1");
	has_error("bad", 1, "plugin: unknown option \"depend\", did you mean \"depends\"?");
	has_error("bad", 2, "event \"Rated\": the name must be noun.verb_past as \"visit.rated\"");
	has_error("bad", 3,
		"event \"a.done\": field \"score\": unknown option \"requried\", did you mean "
		"\"required\"?");
	has_error("bad", 4,
		"event \"b.done\": field \"time\": a field may not be called like an "
		"attribute of the event");
	has_error("bad", 4,
		"event \"b.done\": field \"Big\": the name must be snake_case, at most 60 "
		"letters");
	has_error("bad", 4, "event \"b.done\": field \"n\": must be a kind as cx.integer { … }");
	has_error("bad", 5, "event \"c.done\": field \"c\": a choice needs its choices");
	has_error("bad", 5, "event \"c.done\": field \"d\": choice \"x\" is given twice");
	has_error("bad", 6, "event \"d.done\": field \"i\": min is greater than max");
	has_error("bad", 6, "event \"d.done\": field \"b\": min has no meaning for boolean");
	has_error("bad", 7, "event \"e.done\": field \"i\": default must be at most 10");
	has_error("bad", 7, "event \"e.done\": field \"c\": default is none of its choices: a");
	has_error("bad", 8,
		"event \"f.done\": field \"m\": currency must be an ISO 4217 code as BRL");
	has_error("bad", 8,
		"event \"f.done\": field \"t\": min must be a time as "
		"\"2026-11-20T12:00:00-03:00\"");
	has_error("bad", 9,
		"event \"g.done\": derived field \"x\": needs a function: "
		"cx.integer(function(e) … end)");
	has_error(
		"bad", 9, "event \"g.done\": option \"replaces\" is not available in this version");
	has_error(
		"bad", 10, "event \"a.done\": declared twice (first at plugins/bad/plugin.lua:3)");
	has_error(
		"bad", 11, "event \"h.done\": nothing follows it, write cx.event \"h.done\" { … }");
	has_error("bad", 12, "journey \"visit\": start is missing: the event type it begins with");
	has_error("bad", 12,
		"journey \"visit\": stage \"receive\": leave cx.all { a }: no such event type "
		"\"a\"");
	has_error("bad", 13, "cx.script is for the scripts folder, not for a plugin");
	has_error("bad", 14, "cx.evnt does not exist, did you mean \"event\"?");
	has_error("bad", 15,
		"on \"a.done\": needs a function: cx.on \"a.done\" (function(e, tx) … end)");
	has_error("bad", 16, "import \"x\": needs tables and events, or generate");
	has_error("bad", 16, "import \"x\": total goes with generate");
	has_error("bad", 18, "import \"y\": total must be an integer");
	has_error("bad", 19, "import \"z\": total must be at least 1");
	has_error("bad", 17, "timer \"sweep\": run is missing: run = function(tx, arg) … end");
	assert_int_equal(fx.set.nplans, 0);
}

static void test_kpi_mistakes(void **state)
{
	(void)state;
	write_file("k", "plugin.lua",
		HEAD("k") "cx.event 'v.rated' { fields = { score = cx.integer {}, note = cx.text { "
			  "personal = true },\n"
			  "  paid = cx.money {}, at_day = cx.time {} } }\n"
			  "local one = cx.count 'v.rated'\n"
			  "local f = function(m) return m.n end\n"
			  "cx.kpi 'Big' { measures = { n = one }, formula = f }\n" /* 6 */
			  "cx.kpi 'a' { measures = { n = one }, formula = 5, better = 'hihger', "
			  "format = 'mony' }\n"
			  "cx.kpi 'b' { measures = { n = cx.count('v.ratd') }, formula = f }\n"
			  "cx.kpi 'c' { measures = { n = cx.sum('v.rated', 'paid') }, formula = f "
			  "}\n"
			  "cx.kpi 'd' { measures = { n = cx.sum('v.rated', 'at_day') }, formula = "
			  "f }\n"
			  "cx.kpi 'e' { measures = { n = cx.count('v.rated', 'note') }, formula = "
			  "f }\n"
			  "cx.kpi 'f' { by = { 'note', 'subject', 'scor' }, measures = { n = one "
			  "}, formula = f }\n"
			  "cx.kpi 'g' { measures = { n = cx.count('v.rated', function(e)\n"
			  "  return e.score > 3 and not pcall(function() return e.note end) end) "
			  "}, formula = f }\n"
			  "cx.kpi 'h' { measures = { n = cx.count('v.rated', { at = 'score' }) }, "
			  "formula = f }\n"
			  "cx.kpi 'i' { measures = { n = cx.count('v.rated', { latest = {} }) }, "
			  "formula = f }\n"
			  "cx.kpi 'j' { measures = { n = cx.histogram('v.rated', 'at_day') }, "
			  "formula = f }\n"
			  "cx.kpi 'k' { measures = { n = cx.sum('v.rated') } }\n"
			  "cx.kpi 'l' { measures = { n = cx.distinct('v.rated', 'unit', { times = "
			  "99, day = true }) }, formula = f }\n"
			  "cx.kpi 'm' { measures = { shift = one, n = 5 }, formula = f }\n"
			  "cx.kpi 'n' { by = { 'unt', 'note', 'score' }, measures = { n = "
			  "cx.count 'v.ratd' }, formula = f }\n");
	load();
	has_error("k", 21, "kpi \"n\": by: no event has a field \"unt\", did you mean \"unit\"?");
	has_error("k", 21,
		"kpi \"n\": by: may not use the personal field \"note\"; derive what it needs "
		"in the event");
	has_error("k", 6, "kpi \"Big\": the id must be lower-kebab as \"visit-nps\"");
	has_error("k", 7,
		"kpi \"a\": format must be points, %, money, number, integer, duration or a unit, "
		"did you mean \"money\"?");
	has_error("k", 7, "kpi \"a\": formula must be a function");
	has_error("k", 7,
		"kpi \"a\": better must be \"higher\" or \"lower\", did you mean \"higher\"?");
	has_error("k", 8,
		"kpi \"b\": measure \"n\": no such event type \"v.ratd\", did you mean "
		"\"v.rated\"?");
	has_error("k", 9,
		"kpi \"c\": measure \"n\": a sum of money needs one currency: declare \"paid\" "
		"with currency = \"BRL\", or add \"currency\" to by");
	has_error("k", 10,
		"kpi \"d\": measure \"n\": \"at_day\" cannot be summed: it is "
		"time, not integer, decimal, duration or money");
	has_error("k", 11,
		"kpi \"e\": measure \"n\": may not use the personal field \"note\"; derive what "
		"it needs in the event");
	has_error("k", 12,
		"kpi \"f\": measure \"n\": by: may not use the personal field \"note\"; derive "
		"what it needs in the event");
	has_error("k", 12,
		"kpi \"f\": by: \"subject\" cannot be a dimension; use unit, actor, source, "
		"type or a field");
	has_error("k", 12,
		"kpi \"f\": measure \"n\": by: event \"v.rated\" has no field \"scor\", did you "
		"mean \"score\"?");
	has_error("k", 15,
		"kpi \"h\": measure \"n\": at must be a time field of event \"v.rated\", "
		"\"score\" is integer");
	has_error("k", 16,
		"kpi \"i\": measure \"n\": latest needs the field that is the same: latest = "
		"{ \"order\", by = \"answered\" }");
	has_error("k", 17,
		"kpi \"j\": measure \"n\": \"at_day\" cannot be put in a histogram: it is "
		"time, not integer, decimal, duration or money");
	has_error("k", 18,
		"kpi \"k\": measure \"n\": cx.sum needs a field: cx.sum(\"v.rated\", \"field\")");
	has_error("k", 18, "kpi \"k\": formula is missing");
	has_error("k", 19, "kpi \"l\": measure \"n\": times must be between 1 and 16");
	has_error("k", 19,
		"kpi \"l\": measure \"n\": unknown option \"day\", did you mean \"days\"?");
	has_error("k", 20, "kpi \"m\": measure \"shift\": the name is taken by m:shift");
	has_error("k", 20, "kpi \"m\": measure \"n\": must be a measure as cx.count(…)");
}

static void test_histogram_mistakes(void **state)
{
	(void)state;
	write_file("k", "plugin.lua",
		HEAD("k") "cx.event 'v.rated' { fields = { score = cx.integer {}, note = cx.text { "
			  "personal = true },\n"
			  "  order = cx.text {}, paid = cx.money { currency = 'BRL' }, at_day = "
			  "cx.time {}, took = cx.duration {},\n"
			  "  weight = cx.decimal { scale = 1 }, born = cx.time { personal = true } "
			  "} }\n"
			  "local f = function(m) return #m.n end\n"
			  "local function k(id, n) cx.kpi(id) { measures = { n = n }, formula = f "
			  "} "
			  "end\n" /* 6 */
			  "k('a', cx.histogram('v.rated', 'score', { bucket = 0 }))\n"
			  "k('b', cx.histogram('v.rated', 'score', { bucket = 1.5 }))\n"
			  "k('c', cx.histogram('v.rated', 'weight', { bucket = '0.25' }))\n"
			  "k('d', cx.histogram('v.rated', 'took', { bucket = '1mo' }))\n"
			  "k('e', cx.count('v.rated', { bucket = 3 }))\n"
			  "k('f', cx.count('v.rated', { latest = { 'oder', by = 'at_dya' } }))\n"
			  "k('g', cx.count('v.rated', { first = { 'note', by = 'born' } }))\n"
			  "k('h', cx.sum('v.rated', 'score', { latest = { 'id', by = 'order' } "
			  "}))\n"
			  "k('i', cx.distinct('v.rated', 'order', { first = { 'order' } }))\n"
			  "k('j', cx.count('v.rated', { latest = { 'order', on = 'time' }, first = "
			  "{ "
			  "'order' } }))\n"
			  "cx.kpi 'k' { measures = { n = cx.count 'v.rated' }, formula = f, min_n "
			  "= 0, "
			  "suppress = 2.5, replaces = 'x' }\n"
			  "k('l', cx.histogram('v.rated', 'weight', { bucket = '-0.5' }))\n");
	load();
	has_error("k", 6,
		"kpi \"a\": measure \"n\": bucket must be a number above 0, or a text as "
		"\"0.5\" or \"1min\"");
	has_error("k", 6,
		"kpi \"b\": measure \"n\": bucket must be an integer between -(2^53-1) and "
		"2^53-1");
	has_error("k", 6,
		"kpi \"c\": measure \"n\": bucket must be a number with at most as many digits "
		"as its scale");
	has_error("k", 6,
		"kpi \"d\": measure \"n\": bucket \"1mo\": months and years have no "
		"fixed width; use d, w, h, min, s or ms");
	has_error("k", 6, "kpi \"e\": measure \"n\": unknown option \"bucket\"");
	has_error("k", 6,
		"kpi \"f\": measure \"n\": latest: event \"v.rated\" has no field \"oder\", did "
		"you mean \"order\"?");
	has_error("k", 6,
		"kpi \"f\": measure \"n\": latest: event \"v.rated\" has no field \"at_dya\", did "
		"you mean \"at_day\"?");
	has_error("k", 6,
		"kpi \"g\": measure \"n\": first: may not use the personal field \"note\"; derive "
		"what it needs in the event");
	has_error("k", 6,
		"kpi \"g\": measure \"n\": first: may not use the personal field \"born\"; derive "
		"what it needs in the event");
	has_error("k", 6,
		"kpi \"h\": measure \"n\": latest: \"id\" cannot be the key; use subject, unit, "
		"actor, source or a field");
	has_error("k", 6,
		"kpi \"h\": measure \"n\": latest: by must be \"time\" or a field that is an "
		"integer, decimal, duration or time; \"order\" is text");
	has_error("k", 6,
		"kpi \"i\": measure \"n\": first must be of a measure that can be subtracted: "
		"count, sum or histogram");
	has_error("k", 6, "kpi \"j\": measure \"n\": latest and first exclude each other");
	has_error("k", 6, "kpi \"j\": measure \"n\": latest: unknown option \"on\"");
	has_error("k", 17, "kpi \"k\": min_n must be an integer of at least 1");
	has_error("k", 17, "kpi \"k\": suppress must be an integer of at least 1");
	has_error("k", 17, "kpi \"k\": option \"replaces\" is not available in this version");
	has_error("k", 6, "kpi \"l\": measure \"n\": bucket must be above 0");
}

static void test_personal_probe(void **state)
{
	(void)state;
	write_file("pp", "plugin.lua",
		HEAD("pp") RATED
		"cx.kpi 'g' { measures = { n = cx.count('visit.rated', function(e)\n"
		"  return e.score > -3 and pcall(function() return e.comment end) end) }, formula "
		"= print }\n");
	load();
	has_error("pp", 4,
		"kpi \"g\": measure \"n\": may not read the personal field \"comment\"; derive "
		"what it needs in the event");
}

static void test_between_plugins(void **state)
{
	(void)state;
	write_file("voc", "plugin.lua",
		HEAD("voc") "cx.event 'nps.answered' { fields = { score = cx.integer {} } }\n"
			    "cx.kpi 'nps' { measures = { n = cx.count 'nps.answered' }, formula = "
			    "function(m) return m.n end }\n");
	write_file("user", "plugin.lua",
		"cx.plugin { name = 'user', version = '1.0.0', api = 1, depends = { voc = '^1.2' } "
		"}\n"
		"cx.on 'nps.answered' (function() end)\n"
		"cx.kpi 'user-nps' { measures = { n = cx.count 'nps.answered' }, formula = "
		"function(m) return m.n end }\n");
	write_file("stranger", "plugin.lua",
		HEAD("stranger") "cx.on 'nps.answered' (function() end)\n"
				 "cx.kpi 'nps' { measures = { n = cx.count 'nps.answered' }, "
				 "formula = function(m) return m.n end }\n");
	write_file("old", "plugin.lua",
		"cx.plugin { name = 'old', version = '1.0.0', api = 1, depends = { voc = '>= 2.0', "
		"nobody = '1' } }\n");
	write_file("on_old", "plugin.lua",
		"cx.plugin { name = 'on_old', version = '1.0.0', api = 1, depends = { old = '*' } "
		"}\n");
	write_file("ring_a", "plugin.lua",
		"cx.plugin { name = 'ring_a', version = '1.0.0', api = 1, depends = { ring_b = '1' "
		"} }\n");
	write_file("ring_b", "plugin.lua",
		"cx.plugin { name = 'ring_b', version = '1.0.0', api = 1, depends = { ring_a = '1' "
		"} }\n");
	write_file("views", "plugin.lua",
		HEAD("views") "cx.event 'a.b_c' { fields = {} }\ncx.event 'a_b.c' { fields = {} "
			      "}\n");
	load();
	running("voc");
	running("user");
	const struct type_plan *t = plugin_set_type(&fx.set, STR("nps.answered"));
	assert_int_equal(t->nmeasures, 2);
	assert_int_equal(t->nons, 1);
	has_error("stranger", 2,
		"on \"nps.answered\": the event belongs to plugin \"voc\": add voc = "
		"\">= 1.4.0\" to depends");
	has_error("stranger", 3,
		"kpi \"nps\": measure \"n\": event \"nps.answered\" belongs to plugin "
		"\"voc\": add voc = \">= 1.4.0\" to depends");
	has_error("old", 1, "plugin: depends on \"voc\" >= 2.0, but version 1.4.0 is here");
	has_error("old", 1, "plugin: depends on \"nobody\", which is not there or not enabled");
	has_error("on_old", 1, "plugin: depends on \"old\", which has errors of its own");
	has_error("ring_a", 1, "plugin: depends goes in a circle: ring_a → ring_b → ring_a");
	has_error("ring_b", 1, "plugin: depends goes in a circle: ring_a → ring_b → ring_a");
	has_error("views", 3,
		"event \"a_b.c\": its view would be called ev_a_b_c, as that of event "
		"\"a.b_c\" (plugins/views/plugin.lua:2)");
}

/* Stages named by a field: what says so wrongly. */
static void test_named_stages(void **state)
{
	(void)state;
	write_file("log", "plugin.lua",
		HEAD("log") "cx.event 'step.done' { fields = { case = cx.text {}, step = cx.text "
			    "{}, "
			    "who = cx.text { personal = true }, at = cx.time {} } }\n"
			    "cx.journey 'good' { key = 'case', start = 'step.done', stages = cx.by "
			    "'step' }\n");
	write_file("bad", "plugin.lua",
		HEAD("bad") "cx.event 'step.made' { fields = { case = cx.text {}, step = cx.text "
			    "{}, "
			    "who = cx.text { personal = true }, at = cx.time {} } }\n"
			    "cx.journey 'a' { key = 'case', start = 'step.made', stages = cx.by "
			    "'stepp' }\n"
			    "cx.journey 'b' { key = 'case', start = 'step.made', stages = cx.by "
			    "'who' }\n"
			    "cx.journey 'c' { key = 'case', start = 'step.made', stages = cx.by "
			    "'at' }\n");
	write_file("worse", "plugin.lua",
		HEAD("worse") "cx.event 'step.met' { fields = { case = cx.text {}, step = cx.text "
			      "{} } }\n"
			      "cx.journey 'd' { key = 'case', stages = cx.by 'step', on_late = "
			      "print }\n"
			      "cx.journey 'e' { key = 'case', start = { ['step.met'] = 'x' }, "
			      "stages = cx.by 'step' }\n"
			      "cx.journey 'f' { key = 'case', start = 'step.met', stages = cx.by() "
			      "}\n"
			      "cx.journey 'g' { key = 'case', start = 'step.met', stages = { "
			      "cx.stage 'x' { leave = { ['step.met'] = cx.by 'step' } } } }\n"
			      "cx.journey 'h' { key = 'case', start = 'step.met', "
			      "stages = cx.by('step', { Closed = 'x' }) }\n");
	load();
	running("log");
	has_error("bad", 3,
		"journey \"a\": stages: event \"step.made\" has no field \"stepp\", did you mean "
		"\"step\"?");
	has_error("bad", 4,
		"journey \"b\": stages: \"who\" is personal in event \"step.made\", and everyone "
		"who "
		"sees the instance sees it");
	has_error("bad", 5,
		"journey \"c\": stages: \"at\" is time in event \"step.made\"; it must be text, "
		"choice or integer");
	has_error("worse", 3,
		"journey \"d\": start is missing: the event types whose field names the stage");
	has_error("worse", 3, "journey \"d\": on_late: stages named by a field have no deadline");
	has_error("worse", 4,
		"journey \"e\": start: with stages = cx.by … event types only; the field says "
		"which "
		"stage");
	has_error("worse", 5,
		"cx.by needs the field that names the stage: stages = cx.by \"activity\"");
	has_error(
		"worse", 7, "cx.by: ends: Closed must be a stage's name that leads to cx.done(…)");
	has_error("worse", 6,
		"journey \"g\": stage \"x\": leave \"step.met\": must lead to a stage, to "
		"cx.done(…), or be a "
		"function");
}

static void test_duplicates(void **state)
{
	(void)state;
	write_file("one", "plugin.lua", HEAD("one") "cx.event 'x.done' { fields = {} }\n");
	write_file("two", "plugin.lua", HEAD("two") "\ncx.event 'x.done' { fields = {} }\n");
	load();
	running("one");
	has_error("two", 3,
		"event \"x.done\": plugin \"one\" declares it already "
		"(plugins/one/plugin.lua:2)");
}

static void test_broken(void **state)
{
	(void)state;
	write_file("syntax", "plugin.lua", HEAD("syntax") "local x = = 1\n");
	write_file("raises", "plugin.lua",
		HEAD("raises") "cx.event 'X' {}\nlocal t = nil\nprint(t.x)\n");
	write_file("global", "plugin.lua", HEAD("global") "helper = function() end\n");
	write_file("bare", "plugin.lua", "cx.event 'x.done' { fields = {} }\n");
	write_file("folder", "plugin.lua", HEAD("other"));
	write_file("loops", "plugin.lua", HEAD("loops") "while true do end\n");
	load();
	has_error("syntax", 2, "unexpected symbol near '='");
	has_error("raises", 2, "event \"X\": the name must be noun.verb_past as \"visit.rated\"");
	has_error("raises", 4, "attempt to index a nil value (local 't')");
	has_error("global", 2, "assigning global 'helper': use local");
	has_error("bare", 1, "plugin: cx.plugin { name = \"bare\", … } is missing");
	has_error("folder", 1, "plugin: name \"other\" is not that of its folder, \"folder\"");
	has_error("loops", 2, "time budget of 500 ms exceeded");
}

static void test_config(void **state)
{
	(void)state;
	write_file("conf", "plugin.lua",
		"cx.plugin { name = 'conf', version = '1.0.0', api = 1, config = {\n"
		"  promoter = cx.integer { default = 9, max = 10 }, level = cx.choice { 'low', "
		"'high' },\n"
		"  slow = cx.duration {}, fee = cx.money {}, share = cx.integer { max = 100 } } }\n"
		"assert(cx.config.promoter == 8 and cx.config.level == 'high')\n"
		"assert(cx.config.slow == 5 * 86400000 and cx.config.fee.amount == 1250)\n");
	load();
	struct plugin *p = plugin("conf");
	assert_int_equal(p->state, PLUGIN_FAILED);
	if (p->nerrors != 2)
		print_errors(p);
	assert_int_equal(p->nerrors, 2);
	assert_non_null(strstr(p->errors[0].file, "/cxd.ini"));
	assert_int_equal(p->errors[0].line, 10);
	assert_string_equal(
		p->errors[0].message, "[plugin:conf] extra: the plugin declares no such key");
	assert_int_equal(p->errors[1].line, 11);
	assert_string_equal(p->errors[1].message, "[plugin:conf] share: value must be at most 100");
}

static void test_off_and_sources(void **state)
{
	(void)state;
	write_file("x", "plugin.lua", HEAD("x") "local h = require 'lib.help'\nassert(h == 5)\n");
	write_file("x", "lib/help.lua", "return 5\n");
	write_file("x", "web/app.lua", "no\n");
	struct plugin_sources *v;
	int n;
	char hash[65];
	assert_int_equal(plugin_sources_read(&fx.conf, &v, &n, NULL), CX_OK);
	assert_int_equal(n, 1);
	assert_int_equal(v[0].nfiles, 2);
	memcpy(hash, v[0].hash, sizeof hash);
	plugin_sources_free(v, n);
	write_file("x", "lib/help.lua", "return 6\n");
	assert_int_equal(plugin_sources_read(&fx.conf, &v, &n, NULL), CX_OK);
	assert_string_not_equal(hash, v[0].hash);
	plugin_sources_free(v, n);
	load_without("x");
	has_error("x", 0, "plugin: left out of this run, because its code ended the engine before");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {T(test_mistakes), T(test_kpi_mistakes),
		T(test_histogram_mistakes), T(test_personal_probe), T(test_between_plugins),
		T(test_named_stages), T(test_duplicates), T(test_broken), T(test_config),
		T(test_off_and_sources)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
