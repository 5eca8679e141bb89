/* Plugins from files on disk to running functions: declarations, every kind of mistake, calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/tz.h"
#include "lua/plugin.h"

struct fixture {
	char dir[64];
	struct conf conf;
	struct plugin_set set;
	struct arena arena;
	bool loaded;
};
static struct fixture fx;

static void write_file(const char *plugin, const char *path, const char *text)
{
	char full[300];
	snprintf(full, sizeof full, "%s/%s", fx.dir, plugin);
	mkdir(full, 0700);
	for (const char *s = path; (s = strchr(s, '/')); s++) {
		snprintf(full, sizeof full, "%s/%s/%.*s", fx.dir, plugin, (int)(s - path), path);
		mkdir(full, 0700);
	}
	snprintf(full, sizeof full, "%s/%s/%s", fx.dir, plugin, path);
	FILE *out = fopen(full, "wb");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static int setup(void **state)
{
	(void)state;
	struct cx_errs errs = {0};
	char file[100];
	memset(&fx, 0, sizeof fx);
	cx_lang = CX_EN;
	snprintf(fx.dir, sizeof fx.dir, "/tmp/cxd-plugins-XXXXXX");
	assert_non_null(mkdtemp(fx.dir));
	snprintf(file, sizeof file, "%s/cxd.ini", fx.dir);
	FILE *out = fopen(file, "w");
	fprintf(out, "[company]\ntimezone = America/Sao_Paulo\n[plugins]\npath = %s\n"
		"[plugin:conf]\npromoter = 8\nlevel = high\nslow = 5d\nfee = 12.50\nextra = 1\n"
		"share = 150\n[plugin:good]\npromoter = 9\n", fx.dir);
	fclose(out);
	conf_load(&fx.conf, file, &errs);
	assert_int_equal(errs.n, 0);
	assert_true(tz_setup("America/Sao_Paulo"));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	char cmd[100];
	if (fx.loaded)
		plugin_set_free(&fx.set);
	conf_free(&fx.conf);
	arena_free(&fx.arena);
	snprintf(cmd, sizeof cmd, "rm -rf '%s'", fx.dir);
	return system(cmd);
}

static void load_without(const char *off)
{
	struct plugin_sources *v;
	struct cx_err e = {0};
	int n;
	if (plugin_sources_read(&fx.conf, &v, &n, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(plugin_set_load(&fx.set, &fx.conf, v, n, &off, off != NULL, NULL), CX_OK);
	fx.loaded = true;
}

static void load(void)
{
	load_without(NULL);
}

static struct plugin *plugin(const char *name)
{
	struct plugin *p = plugin_set_find(&fx.set, name);
	assert_non_null(p);
	return p;
}

static void print_errors(const struct plugin *p)
{
	for (int i = 0; i < p->nerrors; i++)
		fprintf(stderr, "  %s:%d: %s\n", p->errors[i].file, p->errors[i].line,
			p->errors[i].message);
}

static struct plugin *running(const char *name)
{
	struct plugin *p = plugin(name);
	if (p->state != PLUGIN_RUNNING)
		print_errors(p);
	assert_int_equal(p->state, PLUGIN_RUNNING);
	return p;
}

/* The plugin failed and says exactly this at this line of its plugin.lua. */
static void has_error(const char *name, int line, const char *message)
{
	struct plugin *p = plugin(name);
	char file[100];
	snprintf(file, sizeof file, "plugins/%s/plugin.lua", name);
	assert_int_equal(p->state, PLUGIN_FAILED);
	for (int i = 0; i < p->nerrors; i++)
		if (p->errors[i].line == line && strcmp(p->errors[i].message, message) == 0 &&
			strcmp(p->errors[i].file, file) == 0)
			return;
	print_errors(p);
	fail_msg("not told: %s:%d: %s", file, line, message);
}

#define HEAD(name) "cx.plugin { name = \"" name "\", version = \"1.4.0\", api = 1 }\n"

/* ---- what works ---- */

static const char good[] =
	"cx.plugin { name = 'good', version = '1.4.0', api = 1,\n"
	"  title = { ['pt-BR'] = 'Método', en = 'The way' },\n"
	"  config = { promoter = cx.integer { default = 9, min = 0, max = 10 } },\n"
	"  permissions = { webhook = { 'https://crm.acme.example/hooks/' }, mail = true } }\n"
	"cx.event 'visit.rated' { title = 'Nota',\n"
	"  fields = { score = cx.integer { min = 0, max = 10, required = true },\n"
	"    channel = cx.choice { 'loja', 'app', 'telefone' },\n"
	"    comment = cx.text { personal = true } },\n"
	"  derive = { written = cx.boolean(function(e) return not cx.blank(e.comment) end) } }\n"
	"cx.event 'order.delivered' {\n"
	"  fields = { order = cx.text { required = true }, paid = cx.money { currency = 'BRL' },\n"
	"    bought = cx.time { required = true }, weight = cx.decimal { scale = 3 } },\n"
	"  derive = { lead = cx.duration(function(e) return e.time - e.bought end),\n"
	"    twice = cx.duration(function(e) return 2 * e.lead end),\n"
	"    again = cx.duration(function(e) return e.lead end),\n"
	"    broken = cx.integer(function(e) return e.order end),\n"
	"    who = cx.text(function(e) return 'x' .. e.subject end),\n"
	"    loop_a = cx.integer(function(e) return e.loop_b end),\n"
	"    loop_b = cx.integer(function(e) return e.loop_a end),\n"
	"    same_day = cx.boolean(function(e) return cx.day(e.time) == cx.day(e.bought) end) } }\n"
	"for type, fields in pairs { ['visit.started'] = { tourist = cx.boolean {} }, ['need.stated'] = {},\n"
	"  ['sale.settled'] = { state = cx.choice { 'won', 'lost', required = true } } } do\n"
	"  fields.visit = cx.text { required = true }\n"
	"  cx.event(type) { fields = fields }\n"
	"end\n"
	"cx.kpi 'visit-nps' { title = 'NPS', format = 'points', better = 'higher', target = 60,\n"
	"  tier = 'tactical', owner = 'cx-manager', by = { 'unit', 'channel' },\n"
	"  measures = { promoters = cx.count('visit.rated', function(e) return e.score >= cx.config.promoter end),\n"
	"    detractors = cx.count('visit.rated', function(e) return e.score <= 6 end),\n"
	"    answers = cx.count('visit.rated') },\n"
	"  formula = function(m) return 100 * (m.promoters - m.detractors) / m.answers end,\n"
	"  interval = function(m) return cx.stats.nps(m.promoters, m.detractors, m.answers) end }\n"
	"cx.kpi 'acme-revenue' { format = 'money', better = 'higher', by = { 'unit' },\n"
	"  measures = { paid = cx.sum('order.delivered', 'paid', { at = 'bought' }) },\n"
	"  formula = function(m) return m.paid end }\n"
	"cx.kpi 'repeat' { format = '%', by = { 'unit' },\n"
	"  measures = { buyers = cx.distinct('order.delivered', 'subject'),\n"
	"    again = cx.distinct('order.delivered', 'subject', { times = 2, days = true }) },\n"
	"  formula = function(m) return 100 * #(m.again & m.buyers) / #m.buyers end }\n"
	"cx.on 'visit.rated' (function(e, tx)\n"
	"  if e.score <= 6 then tx:emit { type = 'order.delivered', time = e.time,\n"
	"    data = { order = e.id, bought = e.time, weight = 1500, paid = { amount = 5, currency = 'BRL' } } } end\n"
	"  tx:log('info', 'seen ' .. e.channel, { score = e.score })\n"
	"end)\n"
	"cx.import 'acme' { tables = { orders = 'orders.csv', pays = { file = 'p.csv.gz', delimiter = ',' } },\n"
	"  events = { { sql = [[select 1]], map = function(row) return { type = 'need.stated', id = row.id } end } } }\n";

static struct event rated(int64_t score, const char *channel, const char *comment)
{
	const struct type_plan *t = plugin_set_type(&fx.set, STR("visit.rated"));
	assert_non_null(t);
	struct value *v = arena_alloc(&fx.arena, (size_t)t->type->nfields * sizeof *v);
	memset(v, 0, (size_t)t->type->nfields * sizeof *v);
	v[event_type_field(t->type, "score", 5)] = (struct value){.kind = VALUE_INT, .i = score};
	if (channel)
		v[event_type_field(t->type, "channel", 7)] = (struct value){.kind = VALUE_TEXT,
			.s = {channel, (uint32_t)strlen(channel)}};
	if (comment)
		v[event_type_field(t->type, "comment", 7)] = (struct value){.kind = VALUE_TEXT,
			.s = {comment, (uint32_t)strlen(comment)}};
	return (struct event){.seq = 1, .time_ms = 1763640000000, .id = STR("e1"), .source = STR("t"),
		.type_name = STR("visit.rated"), .subject = STR("c1"), .type = t->type, .fields = v};
}

static const struct measure *measure(const struct kpi *k, const char *name)
{
	for (int i = 0; i < k->nmeasures; i++)
		if (strcmp(k->measures[i].name, name) == 0)
			return &k->measures[i];
	fail_msg("no measure %s", name);
	return NULL;
}

static const struct kpi *kpi(const char *id)
{
	const struct kpi *k = plugin_set_kpi(&fx.set, id, NULL);
	assert_non_null(k);
	return k;
}

static void test_definitions(void **state)
{
	(void)state;
	write_file("good", "plugin.lua", good);
	write_file("good", "tests/x_test.lua", "this is no Lua");
	load();
	struct plugin *p = running("good");
	assert_int_equal(p->nfiles, 1);
	assert_string_equal(p->version, "1.4.0");
	assert_int_equal(p->ntypes, 5);
	assert_int_equal(p->nkpis, 3);
	assert_int_equal(p->nimports, 1);
	assert_int_equal(fx.set.nplans, 5);
	const struct type_plan *t = plugin_set_type(&fx.set, STR("order.delivered"));
	assert_int_equal(t->nmeasures, 3);
	assert_int_equal(t->nat, 1);
	assert_string_equal(t->type->fields[t->at_fields[0]].name, "bought");
	assert_int_equal(t->type->nfields, 12);
	assert_int_equal(t->type->nderived, 8);
	assert_string_equal(t->type->fields[2].name, "paid");
	assert_string_equal(t->type->fields[2].currency, "BRL");
	assert_int_equal(t->type->fields[2].scale, 2);
	assert_int_equal(t->type->fields[3].scale, 3);
	t = plugin_set_type(&fx.set, STR("visit.rated"));
	const struct field *score = &t->type->fields[event_type_field(t->type, "score", 5)];
	assert_true(score->required && score->has_min && score->has_max && score->max == 10);
	const struct kpi *k = kpi("visit-nps");
	assert_int_equal(k->nby, 2);
	assert_int_equal(measure(k, "answers")->dims[1].field, event_type_field(t->type, "channel", 7));
	assert_string_equal(kpi("acme-revenue")->currency, "BRL");
	assert_int_equal(strlen(k->hash), 64);
	assert_int_equal(strlen(p->identity), 64);
	assert_null(plugin_set_type(&fx.set, STR("visit.rate")));
}

static void test_where(void **state)
{
	(void)state;
	struct lua_fail f;
	bool yes;
	write_file("good", "plugin.lua", good);
	load();
	struct plugin *p = running("good");
	const struct kpi *k = kpi("visit-nps");
	struct event ev = rated(9, "app", NULL);
	assert_int_equal(plugin_where(p, measure(k, "promoters"), &ev, &yes, &f), 0);
	assert_true(yes);
	assert_int_equal(plugin_where(p, measure(k, "detractors"), &ev, &yes, &f), 0);
	assert_false(yes);
	ev = rated(8, "app", NULL);
	ev.seq = 2;
	assert_int_equal(plugin_where(p, measure(k, "promoters"), &ev, &yes, &f), 0);
	assert_false(yes);
	ev.fields[event_type_field(ev.type, "score", 5)].kind = VALUE_NULL;
	assert_int_equal(plugin_where(p, measure(k, "promoters"), &ev, &yes, &f), -1);
	assert_string_equal(f.file, "plugins/good/plugin.lua");
	assert_int_equal(f.line, 28);
}

static int nfailed;
static char failures[8][600];
static void failed(void *ctx, const char *handler, const struct lua_fail *f)
{
	(void)ctx;
	snprintf(failures[nfailed++], 600, "%s: %s", handler, f->msg);
}

static bool told(const char *text)
{
	for (int i = 0; i < nfailed; i++)
		if (strcmp(failures[i], text) == 0)
			return true;
	for (int i = 0; i < nfailed; i++)
		fprintf(stderr, "  %s\n", failures[i]);
	return false;
}

static void test_derive(void **state)
{
	(void)state;
	write_file("good", "plugin.lua", good);
	load();
	struct plugin *p = running("good");
	nfailed = 0;
	struct event ev = rated(3, NULL, "\xc2\xa0\xe2\x80\x83 \n");
	assert_int_equal(plugin_derive(p, &ev, failed, NULL), 0);
	int written = event_type_field(ev.type, "written", 7);
	assert_int_equal(ev.fields[written].kind, VALUE_BOOL);
	assert_int_equal(ev.fields[written].i, 0);
	ev = rated(3, NULL, "Demorou");
	assert_int_equal(plugin_derive(p, &ev, failed, NULL), 0);
	assert_int_equal(ev.fields[written].i, 1);

	const struct event_type *t = plugin_set_type(&fx.set, STR("order.delivered"))->type;
	struct value v[12] = {{0}};
	v[0] = (struct value){.kind = VALUE_INT, .i = 1763640000000 - 1000};
	v[1] = (struct value){.kind = VALUE_TEXT, .s = STR("o1")};
	ev = (struct event){.id = STR("o"), .source = STR("s"), .type = t, .fields = v,
		.time_ms = 1763640000000, .type_name = STR("order.delivered"), .subject = STR("c77")};
	assert_int_equal(plugin_derive(p, &ev, failed, NULL), -1);
	assert_int_equal(v[event_type_field(t, "lead", 4)].i, 1000);
	assert_int_equal(v[event_type_field(t, "twice", 5)].i, 2000);
	assert_int_equal(v[event_type_field(t, "again", 5)].i, 1000);
	assert_int_equal(v[event_type_field(t, "same_day", 8)].i, 1);
	assert_int_equal(v[event_type_field(t, "who", 3)].kind, VALUE_NULL);
	assert_int_equal(nfailed, 4);
	assert_true(told("derive order.delivered.broken: derived field \"broken\" must be integer, the "
		"function returned string"));
	assert_true(told("derive order.delivered.who: derived field \"who\" may not contain the "
		"subject"));
	assert_true(told("derive order.delivered.loop_a: derived field \"loop_a\" needs itself"));
}

static void test_formula(void **state)
{
	(void)state;
	struct lua_fail f;
	double value, low, high;
	bool null, none;
	char method[16];
	write_file("good", "plugin.lua", good);
	load();
	struct plugin *p = running("good");
	const struct kpi *k = kpi("visit-nps"); /* answers, detractors, promoters */
	struct kpi_measured m[3] = {{.i = 3}, {.i = 2}, {.i = 1}};
	assert_int_equal(plugin_formula(p, k, m, &value, &null, &f), 0);
	assert_false(null);
	assert_float_equal(value, -100.0 / 3, 1e-9);
	assert_int_equal(plugin_interval(p, k, m, &low, &high, method, &none, &f), 0);
	assert_false(none);
	assert_string_equal(method, "adjusted");
	assert_float_equal(low, -85, 0.5);
	assert_float_equal(high, 51, 0.5);
	struct kpi_measured zero[3] = {{0}};
	assert_int_equal(plugin_formula(p, k, zero, &value, &null, &f), 0);
	assert_true(null);
	assert_int_equal(plugin_interval(p, k, zero, &low, &high, method, &none, &f), 0);
	assert_true(none);

	k = kpi("repeat"); /* again, buyers */
	struct kset *again = kset_new(2), *buyers = kset_new(1);
	kset_see(again, 1, 2);
	kset_see(again, 2, 1);
	kset_see(buyers, 1, 1);
	kset_see(buyers, 2, 1);
	struct kpi_measured sets[2] = {{.set = again}, {.set = buyers}};
	int rc = plugin_formula(p, k, sets, &value, &null, &f);
	if (rc < 0)
		fail_msg("%s", f.msg);
	assert_float_equal(value, 50, 1e-9);
	kset_free(again);
	kset_free(buyers);
}

/* ---- reactions ---- */

static char emitted[1000], logged[300];
static int emit(void *ctx, struct event *cause, struct str json, struct cx_err *e)
{
	(void)ctx;
	(void)cause;
	snprintf(emitted, sizeof emitted, "%.*s", (int)json.n, json.p);
	return strstr(emitted, "refuse me") ? cx_fail(e, CX_E_INVALID_FIELD, "data.order", "no") : CX_OK;
}

static void logline(void *ctx, const char *name, int level, const char *text)
{
	(void)ctx;
	snprintf(logged, sizeof logged, "%s %d %s", name, level, text);
}

static int ask(void *ctx, const char *id, const struct kpi_param *p, int n, struct buf *json,
	struct cx_err *e)
{
	(void)ctx;
	(void)e;
	buf_printf(json, "{\"id\":\"%s\",\"n\":%d,\"value\":%s}", id, n, n ? p[0].value : "1");
	return CX_OK;
}

static uint64_t seed;
static struct tx tx = {.now_ms = 5, .emit = emit, .log = logline, .kpi = ask, .random = &seed};

static int react(const char *name, struct event *ev, struct lua_fail *f)
{
	struct plugin *p = running(name);
	assert_int_equal(p->nons, 1);
	return plugin_react(p, &p->ons[0], ev, &tx, f);
}

static void test_react(void **state)
{
	(void)state;
	struct lua_fail f;
	write_file("good", "plugin.lua", good);
	load();
	struct event ev = rated(3, "app", NULL);
	if (react("good", &ev, &f) < 0)
		fail_msg("%s", f.msg);
	assert_non_null(strstr(emitted, "\"type\":\"order.delivered\""));
	assert_non_null(strstr(emitted, "\"time\":\"2025-11-20T09:00:00-03:00\""));
	assert_non_null(strstr(emitted, "\"bought\":\"2025-11-20T09:00:00-03:00\""));
	assert_non_null(strstr(emitted, "\"weight\":1.5"));
	assert_non_null(strstr(emitted, "\"amount\":5"));
	assert_string_equal(logged, "good 2 seen app {\"score\":3}");
}

#define RATED "cx.event 'visit.rated' { fields = { score = cx.integer {}, channel = cx.text {},\n" \
	"  comment = cx.text { personal = true } } }\n"

/* One reaction's body over visit.rated; what it raises. */
static const char *raised(const char *body)
{
	static struct lua_fail f;
	char text[1500];
	snprintf(text, sizeof text, HEAD("r") RATED "local keep\ncx.on 'visit.rated' (function(e, tx)\n"
		"%s\nend)\n", body);
	if (fx.loaded)
		plugin_set_free(&fx.set);
	write_file("r", "plugin.lua", text);
	load();
	struct event ev = rated(3, "app", "oi");
	if (react("r", &ev, &f) == 0) {
		ev.seq++;
		if (react("r", &ev, &f) == 0)
			return "";
	}
	if (strcmp(f.file, "plugins/r/plugin.lua") != 0 || f.line != 6)
		fail_msg("%s: %s:%d: %s", body, f.file, f.line, f.msg);
	return f.msg;
}

static void test_handler_errors(void **state)
{
	(void)state;
	assert_string_equal(raised("e.score = 3"), "an event is read-only (score)");
	assert_string_equal(raised("return e.scor"),
		"event \"visit.rated\" has no field \"scor\", did you mean \"score\"?");
	assert_string_equal(raised("tx:webhook('https://x/', {})"),
		"tx:webhook is not available in this version");
	assert_string_equal(raised("tx:emitt {}"), "tx has no \"emitt\", did you mean \"emit\"?");
	assert_string_equal(raised("tx:emit { typ = 'visit.rated' }"),
		"tx:emit needs a type: tx:emit { type = \"…\", data = { … } }");
	assert_string_equal(raised("tx:emit { type = 'visit.rated', dat = {} }"),
		"tx:emit: unknown option \"dat\", did you mean \"data\"?");
	assert_string_equal(raised("tx:emit { type = 'visit.gone' }"),
		"tx:emit: no plugin declares event \"visit.gone\"");
	assert_string_equal(raised("tx:emit { type = 'visit.rated', data = { score = 'refuse me' } }"),
		"tx:emit: data.order: no");
	assert_string_equal(raised("tx:emit { type = 'visit.rated', data = { score = 1.5 } }"),
		"tx:emit: data.score must be integer, got a number that is no integer");
	assert_string_equal(raised("if keep then return keep.score end keep = e"),
		"this event is over: an event can be read only until its function returns; keep the "
		"values you need");
	assert_string_equal(raised("if keep then return keep.now end keep = tx"),
		"tx.now outside its job: tx is there until the reaction returns");
	assert_string_equal(raised("if keep then keep:log('info', 'x') end keep = tx"),
		"tx:log outside its job: tx is there until the reaction returns");
	assert_string_equal(raised("cx.kpi 'late' {}"), "cx.kpi declares, so it is for plugin.lua "
		"itself, not for a function that runs later");
	assert_string_equal(raised("cx.config.x = 1"), "cx.config is read-only (x)");
	assert_string_equal(raised("return cx.config.nope"),
		"cx.config.nope is not declared in cx.plugin");
	assert_string_equal(raised("local m = cx.money('1.999')"),
		"cx.money: \"1.999\" is not an amount in BRL");
	assert_string_equal(raised("local d = cx.day('x')"), "cx.day needs a time (integer ms), got string");
}

static void test_handler_values(void **state)
{
	(void)state;
	seed = 7;
	assert_string_equal(raised("assert(tx.now == 5 and tx.past == false and e.actor == nil)\n"
		"assert(e.type == 'visit.rated' and e.subject == 'c1' and e.comment == 'oi')\n"
		"local r = tx:random() assert(r >= 0 and r < 1)\n"
		"for _ = 1, 100 do local n = tx:random(3, 5) assert(n >= 3 and n <= 5) end\n"
		"assert(tx:kpi('x', { last = '7' }).value == 7)\n"
		"assert(tx:kpi('x').id == 'x')\n"
		"local m = cx.money('19.99') assert(m.amount == 1999 and m.currency == 'BRL')\n"
		"assert(cx.money('100', 'JPY').amount == 100)\n"
		"assert(cx.day(e.time) == '2025-11-20')\n"
		"assert(cx.blank(nil) and cx.blank('\\u{3000}\\t') and not cx.blank('\\u{200B}'))\n"
		"local w = cx.stats.percent(cx.stats.wilson(15, 148))\n"
		"assert(math.abs(w.low - 6.23863995307363) < 1e-9)\n"
		"assert(math.abs(cx.stats.wilson(1, 1, 0.95).low - 0.20654931437723745) < 1e-9)\n"
		"local n = cx.stats.nps(3354, 3687, 8225)\n"
		"assert(n.method == 'wald' and math.abs(n.value + 4.048632218844985) < 1e-9)\n"
		"assert(math.abs((n.high - n.low) / 2 - 1.9976213428208027) < 1e-9)"), "");
	uint64_t first = seed;
	seed = 7;
	raised("tx:random()");
	seed = 7;
	uint64_t again = seed;
	assert_true(first != again);
}

static void test_budget(void **state)
{
	(void)state;
	struct lua_fail f;
	bool yes;
	write_file("b", "plugin.lua", HEAD("b")
		"cx.event 'visit.rated' { fields = { score = cx.integer {}, channel = cx.text {},\n"
		"  comment = cx.text {} } }\n"
		"cx.kpi 'k' { measures = { n = cx.count('visit.rated', function(e)\n"
		"  while e.score == 7 do pcall(error) end return true end) }, formula = function(m) return m.n end }\n");
	load();
	struct plugin *p = running("b");
	const struct measure *m = measure(kpi("k"), "n");
	struct event ev = rated(7, NULL, NULL);
	assert_int_equal(plugin_where(p, m, &ev, &yes, &f), -1);
	assert_true(f.budget);
	ev = rated(8, NULL, NULL);
	assert_int_equal(plugin_where(p, m, &ev, &yes, &f), 0);
	assert_true(yes);
	struct kpi_measured one = {.i = 4};
	double value;
	bool null;
	assert_int_equal(plugin_formula(p, kpi("k"), &one, &value, &null, &f), 0);
	assert_float_equal(value, 4, 0);
}

/* ---- mistakes ---- */

static void test_mistakes(void **state)
{
	(void)state;
	write_file("bad", "plugin.lua",
		"cx.plugin { name = 'bad', version = '1', api = 2, depend = {} }\n"
		"cx.event 'Rated' { fields = {} }\n"
		"cx.event 'a.done' { fields = { score = cx.integer { requried = true } } }\n"
		"cx.event 'b.done' { fields = { time = cx.integer {}, Big = cx.text {}, n = 5 } }\n"
		"cx.event 'c.done' { fields = { c = cx.choice {}, d = cx.choice { 'x', 'x' } } }\n"
		"cx.event 'd.done' { fields = { i = cx.integer { min = 5, max = 1 }, b = cx.boolean { min = 1 } } }\n"
		"cx.event 'e.done' { fields = { i = cx.integer { default = 11, max = 10 }, c = cx.choice { 'a', default = 'b' } } }\n"
		"cx.event 'f.done' { fields = { m = cx.money { currency = 'real' }, t = cx.time { min = 'now' } } }\n"
		"cx.event 'g.done' { derive = { x = cx.integer { required = true } }, replaces = 'voc' }\n"
		"cx.event 'a.done' { fields = {} }\n"
		"cx.event 'h.done'\n"
		"cx.journey 'visit' { stages = { cx.stage 'receive' { leave = { [cx.all { 'a' }] = cx.done 'x' } } } }\n"
		"cx.script { title = 'x' }\n"
		"cx.evnt 'x' {}\n"
		"cx.on 'a.done' (5)\n"
		"cx.import 'x' { tables = {} }\n"
		"cx.timer 'sweep' { every = '1h' }\n");
	load();
	has_error("bad", 1, "plugin: version must be three numbers as \"1.4.0\"");
	has_error("bad", 1, "plugin: api must be 1");
	has_error("bad", 1, "plugin: unknown option \"depend\", did you mean \"depends\"?");
	has_error("bad", 2, "event \"Rated\": the name must be noun.verb_past as \"visit.rated\"");
	has_error("bad", 3, "event \"a.done\": field \"score\": unknown option \"requried\", did you mean "
		"\"required\"?");
	has_error("bad", 4, "event \"b.done\": field \"time\": a field may not be called like an "
		"attribute of the event");
	has_error("bad", 4, "event \"b.done\": field \"Big\": the name must be snake_case, at most 60 "
		"letters");
	has_error("bad", 4, "event \"b.done\": field \"n\": must be a kind as cx.integer { … }");
	has_error("bad", 5, "event \"c.done\": field \"c\": a choice needs its choices");
	has_error("bad", 5, "event \"c.done\": field \"d\": choice \"x\" is given twice");
	has_error("bad", 6, "event \"d.done\": field \"i\": min is greater than max");
	has_error("bad", 6, "event \"d.done\": field \"b\": min has no meaning for boolean");
	has_error("bad", 7, "event \"e.done\": field \"i\": default is not between min and max");
	has_error("bad", 7, "event \"e.done\": field \"c\": default is none of its choices");
	has_error("bad", 8, "event \"f.done\": field \"m\": currency must be an ISO 4217 code as BRL");
	has_error("bad", 8, "event \"f.done\": field \"t\": min must be a time as "
		"\"2026-11-20T12:00:00-03:00\"");
	has_error("bad", 9, "event \"g.done\": derived field \"x\": needs a function: "
		"cx.integer(function(e) … end)");
	has_error("bad", 9, "event \"g.done\": option \"replaces\" is not available in this version");
	has_error("bad", 10, "event \"a.done\": declared twice (first at plugins/bad/plugin.lua:3)");
	has_error("bad", 11, "event \"h.done\": nothing follows it, write cx.event \"h.done\" { … }");
	has_error("bad", 12, "cx.journey \"visit\" is not available in this version");
	has_error("bad", 13, "cx.script is for the scripts folder, not for a plugin");
	has_error("bad", 14, "cx.evnt does not exist, did you mean \"event\"?");
	has_error("bad", 15, "on \"a.done\": needs a function: cx.on \"a.done\" (function(e, tx) … end)");
	has_error("bad", 16, "import \"x\": needs tables and events, or generate");
	has_error("bad", 17, "cx.timer \"sweep\" is not available in this version");
	struct plugin *p = plugin("bad");
	for (int i = 0, n = 0; i < p->nerrors; i++) {
		n += p->errors[i].line == 12;
		assert_true(n <= 1);
	}
	assert_int_equal(fx.set.nplans, 0);
}

static void test_kpi_mistakes(void **state)
{
	(void)state;
	write_file("k", "plugin.lua", HEAD("k")
		"cx.event 'v.rated' { fields = { score = cx.integer {}, note = cx.text { personal = true },\n"
		"  paid = cx.money {}, at_day = cx.time {} } }\n"
		"local one = cx.count 'v.rated'\n"
		"local f = function(m) return m.n end\n"
		"cx.kpi 'Big' { measures = { n = one }, formula = f }\n" /* 6 */
		"cx.kpi 'a' { measures = { n = one }, formula = 5, better = 'hihger' }\n"
		"cx.kpi 'b' { measures = { n = cx.count('v.ratd') }, formula = f }\n"
		"cx.kpi 'c' { measures = { n = cx.sum('v.rated', 'paid') }, formula = f }\n"
		"cx.kpi 'd' { measures = { n = cx.sum('v.rated', 'at_day') }, formula = f }\n"
		"cx.kpi 'e' { measures = { n = cx.count('v.rated', 'note') }, formula = f }\n"
		"cx.kpi 'f' { by = { 'note', 'subject', 'scor' }, measures = { n = one }, formula = f }\n"
		"cx.kpi 'g' { measures = { n = cx.count('v.rated', function(e)\n"
		"  return e.score > 3 and not pcall(function() return e.note end) end) }, formula = f }\n"
		"cx.kpi 'h' { measures = { n = cx.count('v.rated', { at = 'score' }) }, formula = f }\n"
		"cx.kpi 'i' { measures = { n = cx.count('v.rated', { latest = {} }) }, formula = f }\n"
		"cx.kpi 'j' { measures = { n = cx.histogram('v.rated', 'score') }, formula = f }\n"
		"cx.kpi 'k' { measures = { n = cx.sum('v.rated') } }\n"
		"cx.kpi 'l' { measures = { n = cx.distinct('v.rated', 'unit', { times = 99, day = true }) }, formula = f }\n"
		"cx.kpi 'm' { measures = { shift = one, n = 5 }, formula = f }\n");
	load();
	has_error("k", 6, "kpi \"Big\": the id must be lower-kebab as \"visit-nps\"");
	has_error("k", 7, "kpi \"a\": formula must be a function");
	has_error("k", 7, "kpi \"a\": better must be \"higher\" or \"lower\", did you mean \"higher\"?");
	has_error("k", 8, "kpi \"b\": measure \"n\": no such event type \"v.ratd\", did you mean "
		"\"v.rated\"?");
	has_error("k", 9, "kpi \"c\": measure \"n\": a sum of money needs one currency: declare \"paid\" "
		"with currency = \"BRL\", or add \"currency\" to by");
	has_error("k", 10, "kpi \"d\": measure \"n\": \"at_day\" cannot be summed: it is time");
	has_error("k", 11, "kpi \"e\": measure \"n\": may not use the personal field \"note\"; derive what "
		"it needs in the event");
	has_error("k", 12, "kpi \"f\": measure \"n\": by: may not use the personal field \"note\"; derive "
		"what it needs in the event");
	has_error("k", 12, "kpi \"f\": by: \"subject\" cannot be a dimension; use unit, actor, source, "
		"type or a field");
	has_error("k", 12, "kpi \"f\": measure \"n\": by: event \"v.rated\" has no field \"scor\", did you "
		"mean \"score\"?");
	has_error("k", 15, "kpi \"h\": measure \"n\": at must be a time field of event \"v.rated\", "
		"\"score\" is integer");
	has_error("k", 16, "kpi \"i\": measure \"n\": option \"latest\" is not available in this version");
	has_error("k", 17, "cx.histogram \"v.rated\" is not available in this version");
	has_error("k", 18, "kpi \"k\": measure \"n\": cx.sum needs a field: cx.sum(\"v.rated\", \"field\")");
	has_error("k", 18, "kpi \"k\": formula is missing");
	has_error("k", 19, "kpi \"l\": measure \"n\": times must be between 1 and 16");
	has_error("k", 19, "kpi \"l\": measure \"n\": unknown option \"day\", did you mean \"days\"?");
	has_error("k", 20, "kpi \"m\": measure \"shift\": the name is taken by m:shift");
	has_error("k", 20, "kpi \"m\": measure \"n\": must be a measure as cx.count(…)");
}

static void test_personal_probe(void **state)
{
	(void)state;
	write_file("pp", "plugin.lua", HEAD("pp") RATED
		"cx.kpi 'g' { measures = { n = cx.count('visit.rated', function(e)\n"
		"  return e.score > -3 and pcall(function() return e.comment end) end) }, formula = print }\n");
	load();
	has_error("pp", 4, "kpi \"g\": measure \"n\": may not read the personal field \"comment\"; derive "
		"what it needs in the event");
}

static void test_between_plugins(void **state)
{
	(void)state;
	write_file("voc", "plugin.lua", HEAD("voc")
		"cx.event 'nps.answered' { fields = { score = cx.integer {} } }\n"
		"cx.kpi 'nps' { measures = { n = cx.count 'nps.answered' }, formula = function(m) return m.n end }\n");
	write_file("user", "plugin.lua",
		"cx.plugin { name = 'user', version = '1.0.0', api = 1, depends = { voc = '^1.2' } }\n"
		"cx.on 'nps.answered' (function() end)\n"
		"cx.kpi 'user-nps' { measures = { n = cx.count 'nps.answered' }, formula = function(m) return m.n end }\n");
	write_file("stranger", "plugin.lua", HEAD("stranger")
		"cx.on 'nps.answered' (function() end)\n"
		"cx.kpi 'nps' { measures = { n = cx.count 'nps.answered' }, formula = function(m) return m.n end }\n");
	write_file("old", "plugin.lua",
		"cx.plugin { name = 'old', version = '1.0.0', api = 1, depends = { voc = '>= 2.0', nobody = '1' } }\n");
	write_file("on_old", "plugin.lua",
		"cx.plugin { name = 'on_old', version = '1.0.0', api = 1, depends = { old = '*' } }\n");
	write_file("ring_a", "plugin.lua",
		"cx.plugin { name = 'ring_a', version = '1.0.0', api = 1, depends = { ring_b = '1' } }\n");
	write_file("ring_b", "plugin.lua",
		"cx.plugin { name = 'ring_b', version = '1.0.0', api = 1, depends = { ring_a = '1' } }\n");
	write_file("views", "plugin.lua", HEAD("views")
		"cx.event 'a.b_c' { fields = {} }\ncx.event 'a_b.c' { fields = {} }\n");
	load();
	running("voc");
	running("user");
	const struct type_plan *t = plugin_set_type(&fx.set, STR("nps.answered"));
	assert_int_equal(t->nmeasures, 2);
	assert_int_equal(t->nons, 1);
	has_error("stranger", 2, "on \"nps.answered\": the event belongs to plugin \"voc\": add voc = "
		"\">= 1.4.0\" to depends");
	has_error("stranger", 3, "kpi \"nps\": measure \"n\": event \"nps.answered\" belongs to plugin "
		"\"voc\": add voc = \">= 1.4.0\" to depends");
	has_error("old", 1, "plugin: depends on \"voc\" >= 2.0, but version 1.4.0 is here");
	has_error("old", 1, "plugin: depends on \"nobody\", which is not there or not enabled");
	has_error("on_old", 1, "plugin: depends on \"old\", which has errors of its own");
	has_error("ring_a", 1, "plugin: depends goes in a circle: ring_a → ring_b → ring_a");
	has_error("ring_b", 1, "plugin: depends goes in a circle: ring_a → ring_b → ring_a");
	has_error("views", 3, "event \"a_b.c\": its view would be called ev_a_b_c, as that of event "
		"\"a.b_c\" (plugins/views/plugin.lua:2)");
}

static void test_duplicates(void **state)
{
	(void)state;
	write_file("one", "plugin.lua", HEAD("one") "cx.event 'x.done' { fields = {} }\n");
	write_file("two", "plugin.lua", HEAD("two") "\ncx.event 'x.done' { fields = {} }\n");
	load();
	running("one");
	has_error("two", 3, "event \"x.done\": plugin \"one\" declares it already "
		"(plugins/one/plugin.lua:2)");
}

static void test_broken(void **state)
{
	(void)state;
	write_file("syntax", "plugin.lua", HEAD("syntax") "local x = = 1\n");
	write_file("raises", "plugin.lua", HEAD("raises") "cx.event 'X' {}\nlocal t = nil\nprint(t.x)\n");
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
		"  promoter = cx.integer { default = 9, max = 10 }, level = cx.choice { 'low', 'high' },\n"
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
	assert_string_equal(p->errors[0].message,
		"[plugin:conf] extra: the plugin declares no such key");
	assert_int_equal(p->errors[1].line, 11);
	assert_string_equal(p->errors[1].message, "[plugin:conf] share: value is not between min and max");
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
	const struct CMUnitTest tests[] = {T(test_definitions), T(test_where), T(test_derive),
		T(test_formula), T(test_react), T(test_handler_errors), T(test_handler_values),
		T(test_budget), T(test_mistakes), T(test_kpi_mistakes), T(test_personal_probe),
		T(test_between_plugins), T(test_duplicates), T(test_broken), T(test_config),
		T(test_off_and_sources)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
