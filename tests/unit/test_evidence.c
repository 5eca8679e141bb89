/* Evidence: names, types, ranges; what a batch that is rolled back leaves, and what a start
 * removes. */
#include "store_fixture.h"

#include "engine/evidence.h"
#include "store/evidence.h"

#define NAME "00000000000000000000000000000000000000000000000000000000000000aa"

static struct conf conf = {.server_data = dir};
static struct engine eng = {.conf = &conf};
static struct ingest in = {.eng = &eng};

static int setup(void **state)
{
	char path[EVIDENCE_PATH_MAX];
	make(state);
	eng.store = s;
	evidence_drop_path(path, dir, "");
	return mkdir(path, 0700);
}

static void drop(const char *number, const char *text)
{
	char path[EVIDENCE_PATH_MAX];
	evidence_drop_path(path, dir, number);
	FILE *f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
}

static bool dropped(const char *number)
{
	char path[EVIDENCE_PATH_MAX];
	evidence_drop_path(path, dir, number);
	return access(path, F_OK) == 0;
}

static bool kept(void)
{
	char path[EVIDENCE_PATH_MAX];
	evidence_path(path, dir, NAME);
	return access(path, F_OK) == 0;
}

static struct frame job(const char *number, const char *bytes)
{
	static struct buf meta[4];
	static int n;
	struct buf *m = &meta[n++ % 4];
	buf_clear(m);
	buf_printf(m, "sha256%c" NAME "%cdrop%c%s%cbytes%c%s%c", 0, 0, 0, number, 0, 0, bytes, 0);
	return (struct frame){
		.head = {.route = ROUTE_EVIDENCE_PUT, .meta_len = (uint32_t)m->len}, .meta = m->p};
}

static int run(const struct frame *f)
{
	struct buf headers = {0}, reply = {0};
	int status = 0;
	assert_int_equal(evidence_write(&in, f, &headers, &reply, &status), CX_OK);
	buf_free(&headers);
	buf_free(&reply);
	return status;
}

static void test_a_batch_that_is_rolled_back(void **state)
{
	(void)state;
	drop("1", "text");
	drop("2", "text");
	struct frame first = job("1", "4"), second = job("2", "4"), wrong = job("2", "5");
	assert_int_equal(store_begin(s, &e), CX_OK);
	assert_int_equal(run(&wrong), 503); /* not the file that the job tells of */
	assert_int_equal(run(&first), 201);
	assert_int_equal(run(&second), 200);
	assert_true(kept() && !dropped("1") && dropped("2"));
	store_rollback(s);
	evidence_undo(&eng, &second);
	evidence_undo(&eng, &first);
	assert_true(!kept() && dropped("1") && dropped("2"));
	assert_int_equal(store_begin(s, &e), CX_OK);
	assert_int_equal(run(&first), 201);
	assert_int_equal(store_commit(s, &e), CX_OK);
	evidence_undo(&eng, &first); /* of another's rollback */
	assert_true(kept() && !dropped("1"));
	assert_int_equal(store_begin(s, &e), CX_OK);
	assert_int_equal(run(&first), 200);
	store_rollback(s);
}

static void test_what_a_start_removes(void **state)
{
	(void)state;
	drop("1", "text");
	struct frame f = job("1", "4");
	assert_false(evidence_sweep(&eng, 0));
	assert_int_equal(store_begin(s, &e), CX_OK);
	assert_int_equal(run(&f), 201);
	store_rollback(s); /* the daemon dies here */
	assert_true(kept() && !dropped("1"));
	assert_true(evidence_sweep(&eng, 0));
	assert_false(kept());
	assert_int_equal(run(&f), 503); /* nothing to be found */
	drop("1", "text");
	assert_int_equal(store_begin(s, &e), CX_OK);
	assert_int_equal(run(&f), 201);
	assert_int_equal(store_commit(s, &e), CX_OK);
	assert_true(evidence_sweep(&eng, 0));
	assert_true(kept());
}

static void test_names_and_types(void **state)
{
	static const char *const good[] = {"image/png", "a/b;", "a/b; c=\"d e\"", "x-y+z/1.2"};
	static const char *const bad[] = {"", "image", "/png", "image/", "image /png",
		"image/png x", "image/png;\n", "image/png; \xc3\xa9", "Image/png"};
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(evidence_media_ok(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(evidence_media_ok(bad[i]));
	assert_true(evidence_name_ok(NAME));
	assert_false(evidence_name_ok(NAME "a") || evidence_name_ok(NAME + 1));
	char upper[] = NAME;
	upper[63] = 'A';
	assert_false(evidence_name_ok(upper) || evidence_name_ok("../" NAME) ||
		     evidence_name_ok("A" NAME));
}

static void test_ranges(void **state)
{
	static const struct {
		const char *header;
		int64_t bytes;
		int status;
		int64_t first, n;
	} cases[] = {
		{"bytes=0-0", 10, 206, 0, 1},
		{"bytes=9-", 10, 206, 9, 1},
		{"bytes=3-20", 10, 206, 3, 7},
		{"bytes=-3", 10, 206, 7, 3},
		{"bytes=-30", 10, 206, 0, 10},
		{"bytes=0-9223372036854775807", 10, 206, 0, 10},
		{"bytes=-99999999999999999999999", 10, 206, 0, 10},
		{"bytes=10-", 10, 416, 0, 0},
		{"bytes=99999999999999999999999-", 10, 416, 0, 0},
		{"bytes=0-", 0, 416, 0, 0},
		{"bytes=-0", 10, 416, 0, 0},
		{"bytes=-1", 0, 200, 0, 0},
		{"bytes=2-1", 10, 200, 0, 0},
		{"bytes=0-1,2-3", 10, 200, 0, 0},
		{"bytes= 0-1", 10, 200, 0, 0},
		{"bytes=--1", 10, 200, 0, 0},
		{"", 10, 200, 0, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t first = 0, n = 0;
		assert_int_equal(evidence_range(cases[i].header, cases[i].bytes, &first, &n),
			cases[i].status);
		assert_int_equal(first, cases[i].first);
		assert_int_equal(n, cases[i].n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_batch_that_is_rolled_back, setup, clear),
		cmocka_unit_test_setup_teardown(test_what_a_start_removes, setup, clear),
		cmocka_unit_test(test_names_and_types),
		cmocka_unit_test(test_ranges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
