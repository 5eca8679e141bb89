/* What a KPI's formula and interval get and say: histograms, no data, and differences of windows.
 */
#include <math.h>

#include "kpi/answer.h"
#include "plugin_fixture.h"

static const struct kpi *kpi(void)
{
	const struct kpi *k = plugin_set_kpi(&fx.set, "k", NULL);
	assert_non_null(k);
	return k;
}

static void write_kpi(const char *formula, const char *interval)
{
	char text[3000];
	snprintf(text, sizeof text,
		HEAD("f") RATED
		"cx.kpi 'k' { measures = { h = cx.histogram('visit.rated', 'score'),"
		" n = cx.count 'visit.rated', who = cx.distinct('visit.rated', "
		"'subject') },\n"
		"formula = function(m)\n%s\nend,\ninterval = function(m)\n%s\nend "
		"}\n",
		formula, interval);
	if (fx.loaded)
		plugin_set_free(&fx.set);
	write_file("f", "plugin.lua", text);
	load();
	running("f");
}

struct figures {
	struct hist h;
	struct kset *who;
	struct kpi_measured v[3]; /* h, n, who */
	struct kpi_view view;
};

static struct kpi_view *figures(struct figures *f, const int *scores, int n)
{
	memset(f, 0, sizeof *f);
	for (int i = 0; i < n; i++)
		assert_true(hist_add(&f->h, scores[i], 1));
	f->who = kset_new(1);
	f->v[0] = (struct kpi_measured){.i = n, .hist = &f->h};
	f->v[1].i = n;
	f->v[2].set = f->who;
	f->view.measured = f->v;
	return &f->view;
}

static void measured_free(struct figures *f)
{
	hist_free(&f->h);
	kset_free(f->who);
}

static const int SCORES[] = {1, 2, 2, 5, 10};

/* The value of one formula over SCORES; false: no data. */
static bool value_of(const char *formula, bool empty, double *value)
{
	struct figures x;
	struct lua_fail f = {0};
	bool null;
	write_kpi(formula, "return nil");
	int rc = plugin_formula(
		running("f"), kpi(), figures(&x, SCORES, empty ? 0 : 5), value, &null, &f);
	measured_free(&x);
	if (rc < 0)
		fail_msg("%s: %s", formula, f.msg);
	return !null;
}

static void test_histogram(void **state)
{
	(void)state;
	static const struct {
		const char *formula;
		double value;
	} cases[] = {{"return #m.h", 5}, {"return m.h[2]", 2}, {"return m.h[2.0]", 2},
		{"return m.h[3] or -1", -1}, {"return m.h[2.5] or -1", -1},
		{"return m.h:at(0.5)", 2}, {"return m.h:at(0.25)", 2}, {"return m.h:at(0.9)", 8},
		{"return m.h:mean()", 4}, {"return m.h:variance()", 13.5},
		{"return m.h:min() + m.h:max()", 11},
		{"local t, last = 0, -1 for v, n in pairs(m.h) do assert(v > last) last = v "
		 "t = t + v * n end return t",
			20},
		{"return cx.stats.mean(m.h).value", 4}, {"return cx.stats.variance(m.h)", 13.5},
		{"return cx.stats.sd(m.h) ^ 2", 13.5}, {"return cx.stats.quantile(m.h, 0.9)", 8},
		{"return cx.stats.welch(m.h, m.h).t", 0},
		{"return cx.stats.mean(m.h).high", 8.562164841374916}};
	double value;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_true(value_of(cases[i].formula, false, &value));
		assert_float_equal(value, cases[i].value, 1e-9);
	}
}

static void test_no_data(void **state)
{
	(void)state;
	double value;
	assert_false(value_of("return m.h:mean()", true, &value));
	assert_false(value_of("return 1 + m.h:at(0.5)", true, &value));
	assert_false(value_of("return m.h:min() or 7", true, &value));
	assert_false(value_of("local a = m:shift '-12mo' return #a.h", true, &value));
	assert_false(
		value_of("return coroutine.wrap(function() return m.h:max() end)()", true, &value));
	assert_false(value_of("local ok, e = pcall(m.h.mean, m.h) error(e)", true, &value));
	assert_false(value_of("return cx.stats.quantile(m.h, 0.5)", true, &value));
	assert_false(value_of("return cx.stats.mean(m.h)", true, &value));
	assert_true(value_of("return #m.h", true, &value));
	assert_float_equal(value, 0, 0);
	assert_true(value_of(
		"for _ in pairs(m.h) do error 'none' end return m.h[1] or 3", true, &value));
	assert_float_equal(value, 3, 0);
	assert_true(value_of("local ok, e = pcall(m.h.mean, m.h) return tostring(e) == 'no data' "
			     "and not ok and 4",
		true, &value));
	assert_float_equal(value, 4, 0);
}

static const char *raised(const char *formula)
{
	static struct lua_fail f;
	struct figures x;
	double value;
	bool null;
	f = (struct lua_fail){0};
	write_kpi(formula, "return nil");
	int rc = plugin_formula(running("f"), kpi(), figures(&x, SCORES, 5), &value, &null, &f);
	measured_free(&x);
	assert_int_equal(rc, -1);
	assert_true(f.line >= 4);
	return f.msg;
}

static void test_histogram_errors(void **state)
{
	(void)state;
	const char *is = "measure \"h\" is a histogram: use h[value], #, :at(p), :mean(), "
			 ":variance(), :min(), :max() and pairs";
	assert_string_equal(raised("return m.h / m.n"), is);
	assert_string_equal(raised("return 2 * m.h"), is);
	assert_string_equal(raised("return m.h > 2"), is);
	assert_string_equal(raised("m.h[3] = 4"), is);
	assert_string_equal(raised("return m.h .. ''"), is);
	assert_string_equal(raised("return m.h:median()"),
		"measure \"h\" is a histogram, which has no \"median\", did you mean \"mean\"?");
	assert_string_equal(
		raised("return m.h:at(50)"), "measure \"h\": at needs a number from 0 to 1");
	assert_string_equal(raised("return m.h"), "the formula must return a number or nil, it "
						  "returned a histogram (use #, :at(p) or "
						  ":mean())");
	assert_string_equal(raised("return cx.stats.mean(m.who).value"),
		"measure \"who\" is a set: use #, &, | and -, # gives its size");
	assert_string_equal(raised("return cx.stats.mean(m.n)"),
		"cx.stats.mean: needs a list of numbers or a histogram");
}

static void test_kept(void **state)
{
	(void)state;
	struct figures x;
	struct lua_fail f;
	double value;
	bool null;
	write_file("f", "plugin.lua",
		HEAD("f") RATED "local keep\ncx.kpi 'k' { measures = { h = cx.histogram("
				"'visit.rated', 'score') },\nformula = function(m)\n"
				"if keep then return #keep end keep = m.h return 1 end }\n");
	load();
	assert_int_equal(
		plugin_formula(running("f"), kpi(), figures(&x, SCORES, 5), &value, &null, &f), 0);
	assert_int_equal(plugin_formula(running("f"), kpi(), &x.view, &value, &null, &f), -1);
	assert_string_equal(
		f.msg, "histogram \"h\" is over: it can be used until the formula returns");
	measured_free(&x);
}

static struct kpi_interval interval_of(const char *interval, int n)
{
	struct figures x;
	struct lua_fail f = {0};
	struct kpi_interval out;
	write_kpi("return 1", interval);
	int rc = plugin_interval(running("f"), kpi(), figures(&x, SCORES, n), &out, &f);
	measured_free(&x);
	if (rc < 0)
		fail_msg("%s: %s", interval, f.msg);
	return out;
}

static void test_interval(void **state)
{
	(void)state;
	struct kpi_interval i = interval_of("return cx.stats.mean(m.h)", 5);
	assert_false(i.none);
	assert_true(i.has_n);
	assert_float_equal(i.n, 5, 0);
	assert_string_equal(i.method, "t");
	assert_float_equal(i.low + i.high, 8, 1e-12);
	i = interval_of("return cx.stats.mean(m.h)", 1); /* n is known, limits are not */
	assert_false(i.none);
	assert_true(isnan(i.low) && isnan(i.high));
	assert_true(i.has_n);
	assert_float_equal(i.n, 1, 0);
	i = interval_of("return cx.stats.mean(m.h)", 0);
	assert_true(i.none);
	assert_false(i.has_n);
	i = interval_of("return { low = m.h:mean(), high = 7 }", 0);
	assert_true(i.none);
	i = interval_of("return cx.stats.percent(cx.stats.wilson(2, m.n))", 5);
	assert_string_equal(i.method, "wilson");
	assert_float_equal(i.n, 5, 0);
	struct figures x;
	struct lua_fail f = {0};
	write_kpi("return 1", "return { low = 5, high = 1 }");
	assert_int_equal(plugin_interval(running("f"), kpi(), figures(&x, SCORES, 5), &i, &f), -1);
	measured_free(&x);
	assert_string_equal(
		f.msg, "interval must return low and high in this order, not 5.0 and 1.0");
}

/* The same interval over 5 and over `before` of SCORES. */
static struct kpi_change change_of(const char *interval, int before)
{
	struct figures x, y;
	struct lua_fail f = {0};
	struct kpi_change out;
	write_kpi("return 1", interval);
	int rc = plugin_compare(
		running("f"), kpi(), figures(&x, SCORES, 5), figures(&y, SCORES, before), &out, &f);
	measured_free(&x);
	measured_free(&y);
	if (rc < 0)
		fail_msg("%s: %s", interval, f.msg);
	return out;
}

static void is_tested(const char *interval, int before, const char *test, double p)
{
	struct kpi_change c = change_of(interval, before);
	assert_true(c.has_p);
	assert_string_equal(c.test, test);
	assert_float_equal(c.p, p, 1e-9);
}

static void test_compare(void **state)
{
	(void)state;
	/* V5 of the methodology: 110, 38 of 200 after 90, 45 of 200 */
	is_tested("local now = m.n == 5 return cx.stats.nps(now and 110 or 90, now and 38 or 45, "
		  "200)",
		4, "nps_difference", 0.08577374905743244);
	is_tested("return cx.stats.percent(cx.stats.wilson(m.n == 5 and 500 or 450, 1000))", 4,
		"two_proportions", 0.025164485700318557);
	is_tested("return cx.stats.wilson(m.n, m.n)", 4, "two_proportions", 1);
	is_tested("return cx.stats.poisson(m.n == 5 and 8 or 2)", 4, "two_rates", 112.0 / 1024);
	is_tested("return cx.stats.mean(m.h)", 5, "welch", 1);
	is_tested("return { low = 0, high = 2 * 1.959963984540054 }", 3, "normal", 1);
	is_tested("local v = m.n == 5 and 3 or 0\n"
		  "return { value = v, low = v - 1.959963984540054, high = v + 1.959963984540054 }",
		3, "normal", 0.0338948535246893);
	assert_false(change_of("return nil", 4).has_p);
	assert_false(change_of("return cx.stats.mean(m.h)", 1).has_p);
	assert_false(change_of("return { low = m.h:mean(), high = 7 }", 0).has_p);
}

static void test_declared(void **state)
{
	(void)state;
	write_file("h", "plugin.lua",
		HEAD("h") "cx.event 'v.rated' { fields = { score = cx.integer {}, order = cx.text "
			  "{},\n"
			  "  paid = cx.money { currency = 'BRL' }, took = cx.duration {},\n"
			  "  weight = cx.decimal { scale = 1 } } }\n"
			  "local h = cx.histogram\n"
			  "cx.kpi 'k' { format = 'money', min_n = 30, suppress = 5, measures = {\n"
			  "  a = h('v.rated', 'score'), b = h('v.rated', 'weight', { bucket = 0.5 "
			  "}),\n"
			  "  c = h('v.rated', 'took', { bucket = '1min', latest = { 'order', by = "
			  "'took' } }),\n"
			  "  d = h('v.rated', 'paid', { bucket = '5.00' }),\n"
			  "  e = cx.sum('v.rated', 'score', { first = { 'subject' } }) },\n"
			  "  formula = function(m) return #m.a end }\n");
	load();
	running("h");
	const struct kpi *k = kpi();
	const int64_t buckets[] = {1, 5, 60000, 500};
	assert_int_equal(k->min_n, 30);
	assert_int_equal(k->suppress, 5);
	assert_string_equal(k->currency, "BRL");
	for (int i = 0; i < 4; i++) {
		assert_int_equal(k->measures[i].kind, MEASURE_HISTOGRAM);
		assert_int_equal(k->measures[i].bucket, buckets[i]);
		assert_int_equal(k->measures[i].hist, i);
		assert_int_equal(k->measures[i].choice, -1);
	}
	const struct measure *c = &k->measures[2], *e = &k->measures[4];
	assert_int_equal(c->choose, CHOOSE_LATEST);
	assert_string_equal(c->key_name, "order");
	assert_int_equal(c->key.attr, ATTR_FIELD);
	assert_int_equal(c->rank.field, event_type_field(c->type, "took", 4));
	assert_int_equal(e->choose, CHOOSE_FIRST);
	assert_int_equal(e->key.attr, ATTR_SUBJECT);
	assert_int_equal(e->rank.attr, ATTR_TIME);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {T(test_declared), T(test_histogram), T(test_no_data),
		T(test_histogram_errors), T(test_kept), T(test_interval), T(test_compare)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
