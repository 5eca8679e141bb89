/* Figures counted from the log while events keep coming: whatever happens in between — live events,
 * corrections of events on either side, other winners of latest and first, a definition that
 * changes again, the end of the process — they are those of the whole log, and what answers until
 * then is too. */
#include "plugin_fixture.h"

#include "base/log.h"
#include "engine/projector.h"
#include "engine/quarantine.h"
#include "engine/setconf.h"
#include "kpi/verify.h"

enum { ROUNDS = 8, IDS = 4000, UNITS = 4, ORDERS = 9 };

static struct engine eng;
static struct ingest in;
static struct cx_err err;
static int made;

static int rnd(int n)
{
	static uint64_t x = 88172645463325252u;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (int)(x % (uint64_t)n);
}

static void ok(int rc)
{
	if (rc < 0)
		fail_msg("%s", err.msg);
}

/* Another definition of the cube by unit for each number, the other stays. */
static void write_version(int limit, bool late)
{
	char text[4000];
	snprintf(text, sizeof text,
		"cx.plugin { name = \"shop\", version = \"1.0.0\", api = 1 }\n"
		"cx.event \"sale.made\" { fields = { amount = cx.integer {}, step = cx.integer "
		"{},\n"
		"  order = cx.text {}, bought = cx.time {} }%s }\n"
		"cx.kpi \"sales\" { by = { \"unit\" }, measures = {\n"
		"  n = cx.count(\"sale.made\", { where = function(e) return (e.amount or 0) >= %d "
		"end }),\n"
		"  sum = cx.sum(\"sale.made\", \"amount\", { %s }),\n"
		"  spread = cx.histogram(\"sale.made\", \"amount\"),\n"
		"  last = cx.sum(\"sale.made\", \"amount\", { latest = { \"order\", by = \"step\" "
		"} }),\n"
		"  odd = cx.count(\"sale.made\", { where = function(e)\n"
		"    if e.amount == 13 then error(\"unlucky\") end return true end }),\n"
		"  who = cx.distinct(\"sale.made\", \"subject\") },\n"
		"  formula = function(m) return m.n end }\n"
		"cx.kpi \"all\" { measures = { n = cx.count \"sale.made\" },\n"
		"  formula = function(m) return m.n end }\n",
		limit % 2 ? ", derive = { half = cx.integer(function(e) return (e.amount or 0) // "
			    "2 end) }"
			  : "",
		limit, late ? "at = \"bought\"" : "");
	write_file("shop", "plugin.lua", text);
}

static void leave(void)
{
	ingest_free(&in);
	quarantine_free(&eng);
	engine_forget_before(&eng);
	plugin_set_free(&eng.set);
	setconf_free(&eng, eng.conf);
	store_close(eng.store);
	eng.store = NULL;
}

static void enter(bool again)
{
	eng = (struct engine){.conf = &fx.conf, .started = &fx.conf, .fd = -1};
	ok(store_open(&eng.store, "sqlite:", fx.dir, STORE_WRITE, &err));
	ok(engine_load_plugins(&eng, again ? GENERATION_STORE : GENERATION_DISK, &err));
	for (int i = 0; i < eng.set.n; i++)
		if (eng.set.v[i]->state != PLUGIN_RUNNING) {
			print_errors(eng.set.v[i]);
			fail();
		}
	ok(engine_keep_plugins(&eng, &err));
	ingest_init(&in, &eng);
	ok(ingest_open(&in, &err));
}

static void event_text(char *out, size_t cap)
{
	int corrects = made && rnd(4) == 0 ? rnd(made) + 1 : 0;
	int64_t day = rnd(5);
	size_t n = (size_t)snprintf(out, cap,
		"{\"specversion\":\"1.0\",\"type\":\"sale.made\",\"source\":\"till\",\"id\":\"e%"
		"d\","
		"\"time\":\"2026-03-%02dT1%d:00:00-03:00\",\"subject\":\"c%d\",\"unit\":\"u%d\","
		"\"recordedtime\":\"2026-04-%02dT00:00:00Z\",",
		++made, 1 + (int)day, rnd(9), rnd(30), rnd(UNITS), 1 + rnd(20));
	if (corrects)
		n += (size_t)snprintf(out + n, cap - n, "\"corrects\":\"e%d\",", corrects);
	n += (size_t)snprintf(out + n, cap - n, "\"data\":{\"amount\":%d", rnd(20));
	if (rnd(4))
		n += (size_t)snprintf(out + n, cap - n, ",\"order\":\"o%d\"", rnd(ORDERS));
	if (rnd(4))
		n += (size_t)snprintf(out + n, cap - n, ",\"step\":%d", rnd(5));
	if (rnd(2))
		n += (size_t)snprintf(out + n, cap - n,
			",\"bought\":\"2026-02-%02dT10:00:00-03:00\"", 1 + rnd(20));
	snprintf(out + n, cap - n, "}}");
}

/* A batch of some events; lost: it does not come to its end. */
static void batch(int n, bool lost)
{
	static uint64_t key;
	char text[1000];
	struct ingest_mark mark = ingest_mark(&in);
	int was = made;
	struct job_head head = {.now_ms = 1780000000000, .key = ++key};
	head.caller.level = LEVEL_ADMIN;
	head.caller.lang = CX_EN;
	ok(store_begin(eng.store, &err));
	ingest_job_begin(&in, &head, true, in.next_seq);
	for (int i = 0; i < n; i++) {
		struct event ev;
		enum outcome out;
		event_text(text, sizeof text);
		struct ingest_source src = {
			.body = text, .body_len = (uint32_t)strlen(text), .structured = true};
		if (ingest_item(&in, &src, (uint32_t)i, &ev, &out) < 0)
			fail_msg("%s: %s", in.errs.v[0].msg, text);
		assert_int_equal(out, INGEST_STORED);
	}
	ok(cells_flush(in.cells, &err));
	if (lost) {
		store_rollback(eng.store);
		ingest_rewind(&in, mark);
		made = was;
	} else {
		ok(store_commit(eng.store, &err));
	}
}

static void differs(void *ctx, const struct cube *c, const char *what)
{
	(void)ctx;
	fail_msg("%s (%s, upto %lld)", what, c->dims, (long long)c->upto);
}

static int check_set(const struct plugin_set *set)
{
	struct kpi_host host;
	int n = 0;
	engine_kpi_host(&eng, &host);
	for (int i = 0; i < set->n; i++)
		for (int k = 0; k < set->v[i]->ncubes; k++) {
			const struct cube *c = set->v[i]->cubes[k];
			if (c->id < 0 || c->upto != STORE_LIVE)
				continue;
			ok(kpi_verify(eng.store, c, &host, differs, NULL, &err));
			for (int m = 0; m < c->nmeasures; m++)
				if (c->measures[m]->choose != CHOOSE_ALL)
					ok(kpi_verify_choice(eng.store, c->measures[m],
						fx.conf.company_currency, differs, NULL, &err));
			n++;
		}
	return n;
}

static int check(void)
{
	ok(store_begin(eng.store, &err));
	int n = check_set(&eng.set) + check_set(&eng.before);
	store_rollback(eng.store);
	return n;
}

static void any_order_gives_the_same(void **state)
{
	int limit = 1, counted = 0, answered = 0;
	(void)state;
	write_version(limit, false);
	enter(false);
	assert_false(engine_counting(&eng));
	batch(300, false);
	for (int round = 0; round < ROUNDS; round++) {
		leave();
		write_version(++limit, rnd(2));
		enter(false);
		assert_true(engine_counting(&eng));
		for (int i = 0; engine_counting(&eng); i++) {
			assert_true(i < 3000);
			ok(projector_step(&in, 1000000, 1 + rnd(90), &err));
			counted++;
			if (rnd(3))
				batch(1 + rnd(6), rnd(5) == 0);
			if (rnd(12) == 0) { /* the process dies */
				leave();
				if (rnd(4) == 0)
					write_version(++limit, rnd(2));
				enter(rnd(2));
			}
			if (rnd(10) == 0)
				answered += check() == 2;
		}
		assert_int_equal(check(), 2);
		while (rnd(5) && store_begin(eng.store, &err) == 0) {
			int rc = store_sweep(eng.store, 50, &err);
			ok(rc);
			ok(store_commit(eng.store, &err));
			if (rc == 0)
				break;
		}
	}
	assert_true(counted > 2 * ROUNDS);
	assert_true(answered > 0);
	leave();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(any_order_gives_the_same, setup, teardown),
	};
	isolate_clock_start();
	log_setup("test", LOG_ERROR, "text");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
