/* What a checklist's answers come to: worked by hand, and against a plain reading of the rules over
 * made-up checklists. */
#include <math.h>

#include "plugin_fixture.h"

static struct buf result;

/* The plugin's only SOP judges the run. */
static const char *judge(const char *run)
{
	struct lua_fail f = {0};
	struct plugin *p = running("s");
	assert_int_equal(p->nsops, 1);
	if (plugin_judge(p, &p->sops[0], (struct str){run, (uint32_t)strlen(run)}, &result, &f) < 0)
		fail_msg("%s:%d: %s", f.file, f.line, f.msg);
	return buf_cstr(&result);
}

static void sop(const char *spec)
{
	char text[16000];
	snprintf(text, sizeof text, HEAD("s") "cx.sop 'x' { version = 1, pass = 0.9, %s }\n", spec);
	if (fx.loaded)
		plugin_set_free(&fx.set);
	write_file("s", "plugin.lua", text);
	load();
	running("s");
}

/* NAN: null. */
static double number_of(const struct json_doc *d, uint32_t at)
{
	assert_true(at != 0);
	return d->nodes[at].type == JSON_NULL ? NAN : strtod(d->src + d->nodes[at].at, NULL);
}

static bool equal(double a, double b)
{
	return isnan(a) || isnan(b) ? isnan(a) && isnan(b) : fabs(a - b) < 1e-9;
}

static void comes_to(const char *answers, const char *state, double score, const char *passed)
{
	char run[8000];
	struct json_doc d = {0};
	struct arena a = {0};
	snprintf(run, sizeof run, "{\"state\":\"%s\",\"context\":{},\"answers\":{%s}}", state,
		answers);
	const char *json = judge(run);
	assert_int_equal(json_scan(&d, json, strlen(json), JSON_DEPTH, 65536, NULL), CX_OK);
	double got = number_of(&d, json_get(&d, 0, "score"));
	if (!equal(got, score))
		fail_msg("{%s} %s: score %g, not %g: %s", answers, state, got, score, json);
	struct str is = json_raw(&d, json_get(&d, 0, "passed"));
	if (strlen(passed) != is.n || memcmp(passed, is.p, is.n) != 0)
		fail_msg(
			"{%s} %s: passed is %.*s, not %s", answers, state, (int)is.n, is.p, passed);
	json_doc_free(&d);
	arena_free(&a);
}

#define A(item, answer) "\"" item "\":{\"answer\":\"" answer "\",\"evidence\":0}"

/* The checklist of the documentation, by hand: weights 1, 2, 1, 1, and 1 where it applies. */
static void test_by_hand(void **state)
{
	(void)state;
	sop("items = { cx.item 'greet' { text = 'a', critical = true }, cx.item 'name' { text = "
	    "'b', "
	    "weight = 2 },\n"
	    "cx.item 'photo' { text = 'c', kind = 'photo', evidence = true }, cx.item 'fridge' { "
	    "text "
	    "= 'd', kind = 'number', min = 2, max = 8.5 },\n"
	    "cx.item 'language' { text = 'e', when = function(run) return run.answers.name == 'no' "
	    "or "
	    "run.context.tourist end } }");
#define PHOTO  "\"photo\":{\"evidence\":1},"
#define FRIDGE "\"fridge\":{\"answer\":8.5,\"evidence\":0},"
	comes_to(PHOTO FRIDGE A("greet", "yes") "," A("name", "yes"), "finished", 1, "true");
	comes_to(PHOTO FRIDGE A("greet", "yes") "," A("name", "no"), "finished", 3. / 6, "false");
	comes_to(PHOTO FRIDGE A("greet", "yes") "," A("name", "na"), "finished", 1, "true");
	comes_to(PHOTO FRIDGE A("greet", "no") "," A("name", "yes"), "finished", 0, "false");
	comes_to(PHOTO FRIDGE A("greet", "na") "," A("name", "yes"), "finished", 1, "true");
	comes_to(PHOTO A("greet", "yes") "," A("name", "yes"), "finished", 4. / 5, "false");
	comes_to("\"fridge\":{\"answer\":8.51,\"evidence\":0}," PHOTO A("greet", "yes") "," A(
			 "name", "yes"),
		"finished", 4. / 5, "false");
	comes_to(A("greet", "yes") "," A("name", "yes"), "finished", 3. / 5, "false");
	comes_to(A("greet", "yes") "," A("name", "yes"), "open", 3. / 5, "null");
	comes_to(A("greet", "yes") "," A("name", "yes"), "abandoned", 1, "null");
	comes_to("", "finished", 0, "false"); /* the critical one is not answered */
	comes_to("", "open", 0, "null");
	comes_to("", "abandoned", NAN, "null");
	comes_to(A("greet", "na") "," A("name", "na") "," A("photo", "na") "," A("fridge", "na"),
		"finished", NAN, "null");
}

static void test_sections(void **state)
{
	(void)state;
	sop("items = { cx.item 'a' { text = 'a' }, cx.section 's' { items = { cx.item 'b' { text = "
	    "'b', "
	    "weight = 2, critical = true },\n"
	    "cx.item 'c' { text = 'c', critical = 'run' } } }, cx.section 'w' { weight = 5, items "
	    "= { "
	    "cx.item 'd' { text = 'd' }, cx.item 'e' { text = 'e', weight = 0 } } } }");
	/* 1·a + 2·b + 1·c + 5·d of 9; b makes its section 0, c the run */
	comes_to(A("a", "yes") "," A("b", "yes") "," A("c", "yes") "," A("d", "yes"), "finished", 1,
		"true");
	comes_to(A("a", "no") "," A("b", "yes") "," A("c", "yes") "," A("d", "yes"), "finished",
		8. / 9, "false");
	comes_to(A("a", "yes") "," A("b", "no") "," A("c", "yes") "," A("d", "yes"), "finished",
		6. / 9, "false");
	comes_to(A("a", "yes") "," A("b", "yes") "," A("c", "no") "," A("d", "yes"), "finished", 0,
		"false");
	comes_to(A("a", "yes") "," A("b", "yes") "," A("c", "yes") "," A("d", "na"), "finished", 1,
		"true"); /* its section is out */
	comes_to(A("a", "yes") "," A("b", "yes") "," A("c", "yes") "," A("d", "yes") "," A(
			 "e", "no"),
		"finished", 1, "true"); /* weight 0 counts nothing */
}

/* ---- made-up checklists: weights, conditions on the item before, sections, critical items */

enum { MOST = 9, ROUNDS = 400 };
struct made {
	int weight, section; /* -1: in none */
	bool critical, of_run, when;
	int answer; /* 0 none, 1 yes, 2 no, 3 na */
	bool applies;
};

static unsigned draw(unsigned n)
{
	static uint64_t x = 88172645463325252ULL;
	x ^= x << 13, x ^= x >> 7, x ^= x << 17;
	return (unsigned)(x % n);
}

static void write_items(struct buf *b, const struct made *v, int n)
{
	buf_puts(b, "items = {");
	for (int i = 0; i < n; i++) {
		if (v[i].section >= 0 && (i == 0 || v[i - 1].section != v[i].section))
			buf_printf(b, "cx.section 's%d' { items = {", v[i].section);
		buf_printf(b, "cx.item 'i%d' { text = 't', weight = %d, critical = %s", i,
			v[i].weight,
			!v[i].critical ? "false"
			: v[i].of_run  ? "'run'"
				       : "true");
		if (v[i].when)
			buf_printf(b, ", when = function(run) return run.answers.i%d == 'yes' end",
				i - 1);
		buf_puts(b, " },\n");
		if (v[i].section >= 0 && (i == n - 1 || v[i + 1].section != v[i].section))
			buf_puts(b, "} },");
	}
	buf_puts(b, "}");
}

/* The rules as they are written: docs/plugins.md. */
static double plain(const struct made *v, int n, bool abandoned)
{
	double got = 0, weight = 0;
	for (int i = 0; i < n; i++) {
		bool counts = v[i].applies && v[i].answer != 3 && !(abandoned && !v[i].answer);
		bool zero = v[i].answer != 1;
		for (int k = 0; k < n; k++) { /* a critical item of its section failed */
			bool failed = v[k].applies && v[k].critical && v[k].answer != 1 &&
				      v[k].answer != 3 && !(abandoned && !v[k].answer);
			if (failed && (v[k].section < 0 || v[k].of_run))
				zero = true;
			if (failed && v[k].section >= 0 && v[k].section == v[i].section)
				zero = true;
		}
		got += counts && !zero ? v[i].weight : 0;
		weight += counts ? v[i].weight : 0;
	}
	return weight > 0 ? got / weight : NAN;
}

static void test_made_up(void **state)
{
	static const char *const answers[] = {"", "yes", "no", "na"};
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct made v[MOST];
		struct buf spec = {0}, given = {0};
		int n = 1 + (int)draw(MOST);
		for (int i = 0; i < n; i++) {
			v[i] = (struct made){(int)draw(4), i < n / 2 ? -1 : (int)(i / 3),
				draw(5) == 0, draw(2) == 0, i > 0 && draw(3) == 0, (int)draw(4),
				true};
			v[i].applies = !v[i].when || (v[i - 1].applies && v[i - 1].answer == 1);
			if (v[i].answer)
				buf_printf(&given, "%s\"i%d\":{\"answer\":\"%s\",\"evidence\":0}",
					given.len ? "," : "", i, answers[v[i].answer]);
		}
		write_items(&spec, v, n);
		sop(buf_cstr(&spec));
		for (int abandoned = 0; abandoned < 2; abandoned++) {
			double want = plain(v, n, abandoned);
			comes_to(buf_cstr(&given), abandoned ? "abandoned" : "finished", want,
				abandoned || isnan(want) ? "null"
				: want >= 0.9            ? "true"
							 : "false");
		}
		buf_free(&spec);
		buf_free(&given);
	}
}

static void test_mistakes(void **state)
{
	(void)state;
	write_file("bad", "plugin.lua",
		HEAD("bad") "cx.sop 'a' { items = { cx.item 'x' { text = 't' } } }\n"
			    "cx.sop 'b' { version = 0, items = {} }\n"
			    "cx.sop 'c' { version = 1, items = { cx.item 'x' { kind = 'numbr', "
			    "text = "
			    "'t' }, cx.item 'x' { text = 't' } } }\n"
			    "cx.sop 'd' { version = 1, items = { cx.item 'x' { text = 't', kind = "
			    "'choice', choices = { 'a' }, right = 'b' }, 'y' } }\n"
			    "cx.sop 'e' { version = 1, embargo = 'soon', exposure = { from = 'x', "
			    "to = "
			    "'x' }, items = { cx.item 'x' {} } }\n"
			    "cx.sop 'f' { version = 1, emits = 'no.such', items = { cx.item 'x' { "
			    "text "
			    "= 't', min = 1 } } }\n"
			    "cx.event 'run.told' { fields = { score = cx.integer {} } }\n"
			    "cx.sop 'g' { version = 1, emits = 'run.told', items = { cx.item 'x' { "
			    "text = 't' } } }\n");
	load();
	has_error("bad", 2, "sop \"a\": version is missing: 1, 2, 3…");
	has_error("bad", 3, "sop \"b\": version must be at least 1");
	has_error("bad", 3, "sop \"b\": needs items");
	has_error("bad", 4,
		"sop \"c\": item \"x\": kind must be \"yes-no\", \"choice\", \"number\", \"text\", "
		"\"photo\", \"file\", \"signature\", \"time\" or \"count\", did you mean "
		"\"number\"?");
	has_error("bad", 4, "sop \"c\": item \"x\": given twice");
	has_error("bad", 5, "sop \"d\": item \"x\": \"b\" is none of its choices");
	has_error("bad", 5,
		"sop \"d\": item 2 must be cx.item \"name\" { … } or cx.section \"name\" { … }");
	has_error("bad", 6, "sop \"e\": embargo must be a duration as \"14d\"");
	has_error("bad", 6, "sop \"e\": exposure: from must name an item of kind \"time\"");
	has_error("bad", 6, "sop \"e\": item \"x\": text is missing");
	has_error("bad", 7, "sop \"f\": emits: no such event type \"no.such\"");
	has_error("bad", 7, "sop \"f\": item \"x\": min has no meaning for kind yes-no");
	has_error("bad", 9,
		"sop \"g\": emits: field \"score\" of event \"run.told\" is integer; a run's score "
		"needs decimal");
}

static char hash[65];

static const char *hash_of(const char *text)
{
	if (fx.loaded)
		plugin_set_free(&fx.set);
	write_file("s", "plugin.lua", text);
	load();
	snprintf(hash, sizeof hash, "%s", running("s")->sops[0].hash);
	return hash;
}

#define DEEP(limit, text, comment)                                                                 \
	HEAD("s")                                                                                  \
	comment "local function many(n) return n > " limit " end\n"                                \
		"cx.sop 'x' { version = 1, items = { cx.item 'a' { text = '" text                  \
		"', when = function(run) return many(run.context.n or 0) end } } }\n"

static void test_identity(void **state)
{
	char first[65];
	(void)state;
	memcpy(first, hash_of(DEEP("3", "t", "")), sizeof first);
	assert_int_equal(strlen(first), 64);
	assert_string_equal(hash_of(DEEP("3", "t", "-- a comment\n")), first);
	assert_string_not_equal(hash_of(DEEP("4", "t", "")), first); /* a helper's constant */
	assert_string_not_equal(hash_of(DEEP("3", "u", "")), first);
}

static int drop(void **state)
{
	buf_free(&result);
	result = (struct buf){0};
	return teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_by_hand, setup, drop),
		cmocka_unit_test_setup_teardown(test_sections, setup, drop),
		cmocka_unit_test_setup_teardown(test_made_up, setup, drop),
		cmocka_unit_test_setup_teardown(test_mistakes, setup, drop),
		cmocka_unit_test_setup_teardown(test_identity, setup, drop)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
