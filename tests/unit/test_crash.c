/* A writer killed at random moments, over and over: what was committed is all there, once, and
 * every figure, set and number is what the log says. Batches die and savepoints are undone in
 * between, and at times no file can grow beyond some size, so that any statement may fail. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/log.h"
#include "kpi_fixture.h"

enum { ROUNDS = 60, CHECKED = 12, BATCH = 400, MANY_PEOPLE = 60000, GROUPS = 9 };

static char url[64];

static int rnd(int n)
{
	static uint64_t x = 88172645463325252u;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (int)(x % (uint64_t)n);
}

static void reopen(void)
{
	ok(store_open(&store, url, dir, STORE_WRITE, &err));
	ok(store_last_seq(store, &seq, &err));
	cells = cells_new(store, GROUPS, where, NULL);
}

static void leave(void)
{
	cells_free(cells);
	store_close(store);
	cells = NULL;
	store = NULL;
	arena_free(&arena);
}

static void one(void)
{
	int64_t time = 1767236400000 + (int64_t)rnd(6 * 86400) * 1000;
	struct plain p = {.type = rnd(4) == 0,
		.time = time,
		.who = rnd(3) ? rnd(rnd(2) ? MANY_PEOPLE : 2000) : rnd(9) - 1,
		.unit = rnd(UNITS + 1) - 1,
		.channel = rnd(CHANNELS + 1) - 1,
		.amount = rnd(5) ? rnd(100) : NONE};
	p.bought = !p.type && rnd(3) ? time - (int64_t)rnd(3 * 86400) * 1000 : 0;
	add_event(&p);
}

static void undone(void)
{
	size_t mark = cells_mark(cells);
	int64_t was = seq;
	ok(store_mark(store, &err));
	for (int i = rnd(3); i >= 0; i--)
		one();
	ok(store_rewind(store, &err));
	cells_rewind(cells, mark);
	seq = was;
}

static void files_up_to(rlim_t bytes)
{
	struct rlimit r;
	getrlimit(RLIMIT_FSIZE, &r);
	r.rlim_cur = bytes;
	setrlimit(RLIMIT_FSIZE, &r);
}

/* The writer: tells every seq that is committed, until it is killed. */
static void write_for_ever(int told)
{
	static jmp_buf full;
	static int64_t was;
	static bool savepoints; /* without them nothing else makes the store forget */
	savepoints = rnd(2);
	reopen();
	signal(SIGXFSZ, SIG_IGN);
	if (setjmp(full)) {
		files_up_to(RLIM_INFINITY);
		store_rollback(store);
		cells_forget(cells);
		seq = was;
	}
	on_failure = &full;
	for (;;) {
		was = seq;
		if (rnd(6) == 0)
			files_up_to((rlim_t)(65536 + rnd(4000000)));
		ok(store_begin(store, &err));
		for (int i = 1 + rnd(BATCH); i > 0; i--) {
			one();
			if (savepoints && rnd(10) == 0)
				undone();
			if (rnd(300) == 0) /* a query in the middle */
				ok(cells_flush(cells, &err));
		}
		ok(cells_flush(cells, &err));
		if (rnd(5) == 0) {
			store_rollback(store);
			cells_forget(cells);
			seq = was;
		} else {
			ok(store_commit(store, &err));
			was = seq;
			if (write(told, &seq, sizeof seq) != sizeof seq)
				_exit(1);
		}
		if (rnd(3) == 0) {
			ok(store_begin(store, &err));
			ok(cells_fold(cells, (size_t)rnd(2000), (size_t)rnd(900), &err));
			ok(store_commit(store, &err));
		}
		ok(store_checkpoint(store, (int64_t)rnd(4) << 20, rnd(2)));
		arena_reset(&arena);
	}
}

static void check_events(int64_t from)
{
	struct event ev;
	char id[32];
	for (int64_t i = from; i <= seq + 3; i++) {
		struct str key = {id, (uint32_t)snprintf(id, sizeof id, "e%lld", (long long)i)};
		assert_int_equal(
			store_event_find(store, STR("test"), key, &ev, &arena, &err), i <= seq);
		if (i <= seq)
			assert_int_equal(ev.seq, i);
	}
	arena_reset(&arena);
}

static void differs(void *ctx, const struct cube *c, const char *what)
{
	(void)ctx, (void)c;
	print_message("differs: %s\n", what);
}

static void check(int64_t told, bool all)
{
	reopen();
	assert_true(seq >= told);
	check_events(all ? 1 : seq > 2000 ? seq - 2000 : 1);
	for (int i = 0; i < ncubes && all; i++)
		assert_int_equal(kpi_verify(store, cubes[i], &host, differs, NULL, &err), 0);
	if (all && seq) {
		assert_int_equal(ask(kpis[0], NULL, 0), CX_OK);
		assert_true(is_text(get(0, "id"), "one"));
		assert_int_equal(measure(0, "a_count") + measure(0, "i_other"), seq);
	}
	leave();
}

static void killed_at_any_moment(void **unused)
{
	int64_t told = 0;
	int status;
	(void)unused;
	log_setup("test", LOG_ERROR, "text");
	open_store(GROUPS);
	snprintf(url, sizeof url, "sqlite:%s/0.db", dir);
	leave();
	for (int round = 1; round <= ROUNDS; round++) {
		int pipes[2];
		assert_int_equal(pipe(pipes), 0);
		pid_t child = fork();
		if (child == 0)
			write_for_ever(pipes[1]);
		close(pipes[1]);
		usleep((useconds_t)(2000 + rnd(60000)));
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		while (read(pipes[0], &told, sizeof told) == sizeof told)
			;
		close(pipes[0]);
		check(told, round % CHECKED == 0);
	}
	print_message("%lld events\n", (long long)told);
	reopen();
	close_store();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(killed_at_any_moment)};
	return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
