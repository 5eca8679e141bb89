/* (source, id) stays unique while the keys of old events are moved to their table, over batches
 * that die, savepoints that are undone, and restarts. */
#include "store_fixture.h"

enum { EVENTS = 60000, BATCH = 500 };

static uint32_t rnd(uint32_t n)
{
	static uint64_t x = 88172645463325252u;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x % n);
}

static void reopen(void)
{
	store_close(s);
	OK(store_open(&s, "sqlite:", dir, STORE_WRITE, &e));
}

/* What store_event_add says of event number n (its id), as the given seq. */
static int put(int64_t seq, uint32_t n)
{
	char id[32];
	struct event ev = {.seq = seq,
		.source = n % 3 ? STR("till/1") : STR("app"),
		.type_name = STR("order.placed"),
		.time = STR("2026-03-02T10:00:00Z"),
		.time_ms = seq};
	ev.id = (struct str){id, (uint32_t)snprintf(id, sizeof id, "e-%u", n * 2654435761u)};
	return store_event_add(s, &ev, &e);
}

static void is_there(uint32_t n, int64_t seq)
{
	struct arena a = {0};
	struct event ev;
	char id[32];
	struct str key = {id, (uint32_t)snprintf(id, sizeof id, "e-%u", n * 2654435761u)};
	assert_int_equal(
		store_event_find(s, n % 3 ? STR("till/1") : STR("app"), key, &ev, &a, &e), seq > 0);
	if (seq)
		assert_int_equal(ev.seq, seq);
	assert_int_equal(
		store_event_find(s, n % 3 ? STR("app") : STR("till/1"), key, &ev, &a, &e), 0);
	arena_free(&a);
}

static void unique_for_ever(void **unused)
{
	int64_t seq = 0;
	(void)unused;
	while (seq < EVENTS) {
		int64_t first = seq;
		OK(store_begin(s, &e));
		for (int i = 0; i < BATCH; i++) {
			if (rnd(40) == 0) { /* undone: the seq goes to another event */
				OK(store_mark(s, &e));
				assert_int_equal(put(seq + 1, EVENTS + rnd(1000)), 0);
				OK(store_rewind(s, &e));
			}
			if (seq && rnd(20) == 0)
				assert_int_equal(put(seq + 1, 1 + rnd((uint32_t)seq)), 1);
			seq++;
			assert_int_equal(put(seq, (uint32_t)seq), 0);
		}
		if (rnd(10) == 0) {
			store_rollback(s);
			seq = first;
			is_there((uint32_t)seq + 1, 0);
		} else {
			OK(store_commit(s, &e));
		}
		if (rnd(25) == 0)
			reopen();
	}
	for (uint32_t n = 1; n <= EVENTS; n += 7)
		is_there(n, n);
	for (uint32_t n = 1; n < 1000; n++)
		is_there(EVENTS + n, 0);
}

/* The move begins with a batch whose last event was undone: the next event has its seq. */
static void undone_as_a_move_begins(void **unused)
{
	enum { MANY = 30000 };
	(void)unused;
	for (int64_t seq = 0; seq < MANY;) {
		OK(store_begin(s, &e));
		for (int i = 0; i < BATCH; i++, seq++)
			assert_int_equal(put(seq + 1, (uint32_t)seq + 1), 0);
		OK(store_mark(s, &e));
		assert_int_equal(put(seq + 1, MANY + (uint32_t)seq), 0);
		OK(store_rewind(s, &e));
		OK(store_commit(s, &e));
	}
	for (int again = 0; again < 2; again++) {
		for (uint32_t n = 1; n <= MANY; n++)
			is_there(n, n);
		reopen();
	}
}

/* A reader finds what came after it first looked, before and after keys are moved. */
static void a_reader_keeps_up(void **unused)
{
	enum { MANY = 40000, STEP = 1000 };
	struct store *reader, *writer = s;
	(void)unused;
	OK(store_open(&reader, "sqlite:", dir, STORE_READ, &e));
	for (int64_t seq = 0; seq < MANY;) {
		OK(store_begin(s, &e));
		for (int i = 0; i < STEP; i++, seq++)
			assert_int_equal(put(seq + 1, (uint32_t)seq + 1), 0);
		OK(store_commit(s, &e));
		s = reader;
		for (int64_t n = seq; n > 0; n -= STEP * 7 - 1)
			is_there((uint32_t)n, n);
		is_there((uint32_t)seq + 1, 0);
		s = writer;
	}
	store_close(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(unique_for_ever, make, clear),
		cmocka_unit_test_setup_teardown(undone_as_a_move_begins, make, clear),
		cmocka_unit_test_setup_teardown(a_reader_keeps_up, make, clear)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
