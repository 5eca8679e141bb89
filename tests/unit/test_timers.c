/* Timers against a model of them: whatever happens in between — transactions that are lost, the end
 * of the process, plugins that go off and on, slices, imported history — each fires once, in order
 * of its instant and then of being set. And what many that wait cost an event. */
#include <time.h>

#include "plugin_fixture.h"

#include "base/log.h"
#include "engine/quarantine.h"
#include "engine/setconf.h"
#include "engine/timers.h"

enum { ROUNDS = 1500, MOST = 20000, STEP = 5000, AGAIN = 1000000 };
static const int64_t start_ms = 1780000000000;

static struct engine eng;
static struct ingest in;
static struct cx_err err;

static const char *const NAMES[] = {"one", "two"};

/* The model: every timer that was ever set. */
struct model {
	int64_t due, id;
	int n, plugin, again;
	bool past, fired;
};
static struct model all[MOST];
static int nall;
static int64_t ids, now;
static int64_t expected[MOST][2]; /* n, late: in order of firing */
static int nexpected;

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

static void write_plugin(const char *name)
{
	char text[2000];
	snprintf(text, sizeof text,
		"cx.plugin { name = '%s', version = '1.0.0', api = 1 }\n"
		"cx.event '%s.asked' { fields = { n = cx.integer {}, wait = cx.integer {},\n"
		"  again = cx.integer {} } }\n"
		"cx.event '%s.fired' { fields = { n = cx.integer {}, late = cx.integer {},\n"
		"  past = cx.boolean {} } }\n"
		"cx.on '%s.asked' (function(e, tx)\n"
		"  if e.wait then tx:after(e.wait, 'go', { n = e.n, again = e.again }) end\n"
		"end)\n"
		"cx.timer 'go' { run = function(tx, arg)\n"
		"  tx:emit { type = '%s.fired', data = { n = arg.n, late = tx.late, past = tx.past "
		"} }\n"
		"  if arg.again > 0 then\n"
		"    tx:after(%d // arg.again, 'go', { n = arg.n + %d, again = arg.again - 1 })\n"
		"  end\n"
		"end }\n",
		name, name, name, name, name, STEP, AGAIN);
	write_file(name, "plugin.lua", text);
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
	ok(store_begin(eng.store, &err));
	ok(timers_declare(&in, now, &err));
	ok(store_commit(eng.store, &err));
}

/* ---- what is asked for, and what the model makes of it */

static int64_t waiting(void)
{
	int64_t n = 0;
	for (int i = 0; i < nall; i++)
		n += !all[i].fired;
	return n;
}

static void model_add(int n, int plugin, int64_t due, int again, bool past)
{
	assert_true(nall < MOST);
	all[nall++] = (struct model){due, ++ids, n, plugin, again, past, false};
}

/* Fires the next of those that may: false, there is none. */
static bool model_fire(int64_t until, bool present, bool past)
{
	struct model *next = NULL;
	for (int i = 0; i < nall; i++) {
		struct model *m = &all[i];
		if (m->fired || m->due > until || !(m->past ? past : present) ||
			eng.set.v[m->plugin]->state != PLUGIN_RUNNING)
			continue;
		if (!next || m->due < next->due || (m->due == next->due && m->id < next->id))
			next = m;
	}
	if (!next)
		return false;
	int64_t at = next->past ? next->due : now;
	next->fired = true;
	expected[nexpected][0] = next->n;
	expected[nexpected++][1] = at - next->due;
	if (next->again > 0)
		model_add(next->n + AGAIN, next->plugin, at + STEP / next->again, next->again - 1,
			next->past);
	return true;
}

static void post(int n, int plugin, int64_t time_ms, int wait, int again)
{
	char text[500], when[TZ_TEXT];
	struct event ev;
	enum outcome out;
	tz_format(time_ms, when);
	snprintf(text, sizeof text,
		"{\"specversion\":\"1.0\",\"type\":\"%s.asked\",\"source\":\"till\",\"id\":\"%d\","
		"\"time\":\"%s\",\"data\":{\"n\":%d,\"wait\":%d,\"again\":%d}}",
		NAMES[plugin], n, when, n, wait, again);
	struct ingest_source src = {
		.body = text, .body_len = (uint32_t)strlen(text), .structured = true};
	if (ingest_item(&in, &src, 0, &ev, &out) < 0)
		fail_msg("%s: %s", in.errs.v[0].msg, text);
	assert_int_equal(out, INGEST_STORED);
	assert_int_equal(in.warnings.len, 0);
}

struct saved {
	struct ingest_mark mark;
	int nall, nexpected;
	int64_t ids;
	bool fired[MOST];
};

static void save(struct saved *s)
{
	*s = (struct saved){ingest_mark(&in), nall, nexpected, ids, {false}};
	for (int i = 0; i < nall; i++)
		s->fired[i] = all[i].fired;
	ok(store_begin(eng.store, &err));
}

/* The transaction ends, one way or the other. */
static void end(const struct saved *s, bool lost)
{
	ok(cells_flush(in.cells, &err));
	if (!lost) {
		ok(store_commit(eng.store, &err));
		return;
	}
	store_rollback(eng.store);
	ingest_rewind(&in, s->mark);
	nall = s->nall;
	nexpected = s->nexpected;
	ids = s->ids;
	for (int i = 0; i < nall; i++)
		all[i].fired = s->fired[i];
}

static void some_events(void)
{
	static int n;
	static struct saved s;
	bool past = rnd(4) == 0;
	struct job_head head = {.now_ms = now, .key = (uint64_t)n + 1};
	head.caller.level = LEVEL_ADMIN;
	save(&s);
	ingest_job_begin(&in, &head, past, in.next_seq);
	for (int i = rnd(6); i >= 0; i--) {
		int plugin = rnd(2), wait = rnd(8) * 1000, again = rnd(8) ? 0 : rnd(4);
		int64_t at = now - rnd(past ? 20 : 4) * 1000;
		int64_t upto = at < now ? at : now;
		if (eng.set.v[plugin]->state != PLUGIN_RUNNING)
			continue;
		while (past && model_fire(upto, false, true))
			;
		if (past && timers_history(&in))
			assert_int_equal(timers_import(&in, 0, at, &err), 0);
		post(++n, plugin, at, wait, again);
		model_add(n, plugin, at + wait, again, past);
	}
	end(&s, rnd(6) == 0);
}

static void some_time(void)
{
	static struct saved s;
	bool past = rnd(3) == 0, sliced = rnd(3) == 0;
	struct timers_run r = {.until_ms = now, .now_ms = now, .present = true, .past = past};
	r.stop_us = sliced ? 1 : 0;
	save(&s);
	int rc = timers_run(&in, &r, &err);
	ok(rc);
	if (sliced) {
		model_fire(now, true, past);
	} else {
		assert_int_equal(rc, 0);
		while (model_fire(now, true, past))
			;
	}
	end(&s, rnd(6) == 0);
}

static void plugin_turns(void)
{
	struct plugin *p = eng.set.v[1];
	p->state = p->state == PLUGIN_RUNNING ? PLUGIN_OFF : PLUGIN_RUNNING;
	eng.turned++;
}

/* ---- what has happened */

static int nfired;

static int each(void *ctx, struct event *ev)
{
	char want[200];
	(void)ctx;
	if (!memmem(ev->type_name.p, ev->type_name.n, ".fired", 6))
		return 0;
	assert_true(nfired < nexpected);
	snprintf(want, sizeof want, "\"late\":%lld,\"n\":%lld,", (long long)expected[nfired][1],
		(long long)expected[nfired][0]);
	if (!memmem(ev->data.p, ev->data.n, want, strlen(want)))
		fail_msg("%d: %.*s, wanted %s", nfired, (int)ev->data.n, ev->data.p, want);
	nfired++;
	return 0;
}

static void compare(void)
{
	struct event_filter q = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
	int64_t last, count;
	bool done;
	nfired = 0;
	ok(store_begin(eng.store, &err));
	ok(store_events(eng.store, &q, each, NULL, &last, &done, &err));
	ok(store_timer_count(eng.store, &count, &err));
	store_rollback(eng.store);
	assert_int_equal(nfired, nexpected);
	assert_int_equal(count, waiting());
	assert_int_equal(in.counts.timers_waiting, count);
}

static void each_fires_once_and_in_order(void **state)
{
	(void)state;
	now = start_ms;
	write_plugin("one");
	write_plugin("two");
	enter(false);
	for (int round = 0; round < ROUNDS; round++) {
		int what = rnd(20);
		now += rnd(3) * 500;
		if (what < 9)
			some_events();
		else if (what < 18)
			some_time();
		else if (what == 18)
			plugin_turns();
		else {
			leave();
			enter(rnd(2));
		}
		if (round % 50 == 0)
			compare();
	}
	if (eng.set.v[1]->state != PLUGIN_RUNNING)
		plugin_turns();
	for (int i = 0; i < 10; i++) {
		now += 10000;
		while (waiting() && timers_wait(&in, now, 1000) == 0)
			some_time();
	}
	compare();
	assert_true(nexpected > ROUNDS / 2);
	leave();
}

/* CPU time of so many events that set no timer. */
static double cost(int first, int n)
{
	struct saved *s = xcalloc(1, sizeof *s);
	struct job_head head = {.now_ms = now, .key = (uint64_t)first};
	char text[300];
	head.caller.level = LEVEL_ADMIN;
	struct timers_run r = {.until_ms = now, .now_ms = now, .present = true, .past = true};
	save(s);
	ok(timers_run(&in, &r, &err)); /* what is due next is known from here on */
	ingest_job_begin(&in, &head, false, in.next_seq);
	clock_t from = clock();
	for (int i = 0; i < n; i++) {
		struct event ev;
		enum outcome out;
		snprintf(text, sizeof text,
			"{\"specversion\":\"1.0\",\"type\":\"one.asked\",\"source\":\"c\","
			"\"id\":\"%d\",\"time\":\"2026-03-02T10:00:00Z\",\"data\":{\"n\":1}}",
			first + i);
		struct ingest_source src = {
			.body = text, .body_len = (uint32_t)strlen(text), .structured = true};
		ok(ingest_item(&in, &src, 0, &ev, &out));
		assert_true(timers_wait(&in, now, 1000) == 1000);
	}
	double took = (double)(clock() - from);
	end(s, false);
	free(s);
	return took;
}

static double least_cost(int first)
{
	double least = cost(first, 1000);
	for (int i = 1; i < 7; i++) {
		double one = cost(first + i * 1000, 1000);
		least = one < least ? one : least;
	}
	return least;
}

static void many_that_wait_cost_an_event_nothing(void **state)
{
	struct timer_row row = {.plugin = "one", .name = "go", .arg = "{\"n\":1,\"again\":0}"};
	(void)state;
	now = start_ms;
	nall = nexpected = 0;
	write_plugin("one");
	enter(false);
	double none = least_cost(1);
	ok(store_begin(eng.store, &err));
	for (int i = 0; i < 100000; i++) {
		row.due_ms = now + 86400000 + rnd(86400000);
		ok(store_timer_add(eng.store, &row, &err));
	}
	ok(store_commit(eng.store, &err));
	leave();
	enter(true);
	assert_int_equal(in.counts.timers_waiting, 100000);
	double many = least_cost(100000);
	if (many > 1.5 * none)
		fail_msg("%.0f against %.0f", many, none);
	leave();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_fires_once_and_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(
			many_that_wait_cost_an_event_nothing, setup, teardown),
	};
	isolate_clock_start();
	log_setup("test", LOG_ERROR, "text");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
