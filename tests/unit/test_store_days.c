/* Families of corrections, candidates of latest and first, marked days. */
#include "store_fixture.h"
#include "store_rows.h"

static void correction(int64_t seq, const char *id, int64_t root, int64_t recorded_ms)
{
	struct event ev = event(seq, id);
	ev.corrects = STR("e1");
	ev.root = root;
	ev.recorded_ms = recorded_ms;
	OK(store_event_add(s, &ev, &e));
	OK(store_correction_add(s, &ev, &e));
}

static int list_seq(void *ctx, int64_t seq, int64_t recorded_ms)
{
	char *list = ctx;
	sprintf(list + strlen(list), "%lld@%lld ", (long long)seq, (long long)recorded_ms);
	return seq == 99;
}

static void families_are_kept(void **state)
{
	struct arena a = {0};
	struct family f;
	struct event got;
	char list[100] = "";
	(void)state;
	assert_int_equal(store_corrected(s, &e), 0);
	add(1, 3);
	OK(store_family(s, 1, INT64_MAX, &f, &e));
	assert_true(f.newest == 1 && f.newest_ms == 7 && f.corrections == 0);
	correction(4, "x", 1, 30);
	correction(5, "y", 1, 20);
	correction(6, "z", 1, 3); /* recorded before what it corrects */
	assert_int_equal(store_corrected(s, &e), 1);
	static const int64_t want[][2] = {{3, 0}, {4, 6}, {8, 1}, {20, 1}, {21, 5}, {31, 4}};
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		OK(store_family(s, 1, want[i][0], &f, &e));
		assert_int_equal(f.newest, want[i][1]);
		assert_int_equal(f.corrections, 3);
	}
	OK(store_members(s, 1, list_seq, list, &e));
	assert_string_equal(list, "6@3 5@20 4@30 ");
	assert_int_equal(store_event_get(s, 5, &got, &a, &e), 1);
	assert_true(got.root == 1 && got.corrects.n == 2);
	assert_int_equal(store_event_get(s, 2, &got, &a, &e), 1);
	assert_true(got.root == 0 && !got.corrects.p);
	assert_int_equal(store_event_get(s, 77, &got, &a, &e), 0);
	arena_free(&a);
}

static int list_candidate(void *ctx, const struct candidate *c)
{
	char *list = ctx;
	sprintf(list + strlen(list), "%lld:%lld:%.*s:%lld ", (long long)c->rank, (long long)c->seq,
		(int)c->id.n, c->id.p, (long long)c->root);
	return c->seq == 2;
}

static void candidates_come_best_first(void **state)
{
	struct store *r;
	char list[200] = "";
	int latest, first, again;
	(void)state;
	OK(rule_of(s, "t", "order", "time", true, &latest, &e));
	OK(rule_of(s, "t", "order", "time", false, &first, &e));
	OK(rule_of(s, "t", "order", "time", true, &again, &e));
	assert_true(latest == again && latest != first);
	OK(store_open(&r, "sqlite:", dir, STORE_READ, &e));
	OK(rule_of(r, "t", "other", "time", true, &again, &e));
	assert_int_equal(again, -1);
	store_close(r);
	add(1, 3);
	correction(4, "x", 1, 30);
	for (int i = 0; i < 2; i++) {
		OK(store_candidate_add(s, latest, 5, 10, 1, &e));
		OK(store_candidate_add(s, latest, 5, -9, 2, &e));
		OK(store_candidate_add(s, latest, 5, 10, 4, &e));
		OK(store_candidate_add(s, latest, 6, 99, 3, &e));
	}
	OK(store_candidates(s, latest, 5, true, list_candidate, list, &e));
	assert_string_equal(list, "10:4:x:1 10:1:e1:0 -9:2:e2:0 ");
	*list = 0;
	OK(store_candidates(s, latest, 5, false, list_candidate, list, &e));
	assert_string_equal(list, "-9:2:e2:0 "); /* where it was stopped */
	OK(drop_rule(s, latest, &e));
	*list = 0;
	OK(store_candidates(s, latest, 5, true, list_candidate, list, &e));
	OK(store_candidates(s, latest, 6, true, list_candidate, list, &e));
	assert_string_equal(list, "");
}

static int list_day(void *ctx, int32_t day)
{
	char *list = ctx;
	sprintf(list + strlen(list), "%d ", day);
	return day == 40;
}

static void days_are_marked(void **state)
{
	char list[100] = "";
	int cube, other, id;
	int32_t day;
	int64_t n;
	(void)state;
	OK(cube_of(s, "acme", "unit", &cube, &e));
	OK(cube_of(s, "acme", "", &other, &e));
	OK(store_known_put(s, cube, 30, 500, &e));
	OK(store_known_put(s, cube, 10, 300, &e));
	OK(store_known_put(s, cube, 10, 200, &e)); /* the greatest stays */
	OK(store_known_put(s, other, 10, 900, &e));
	OK(store_known_days(s, cube, 0, 99, 300, list_day, list, &e));
	assert_string_equal(list, "10 30 ");
	*list = 0;
	OK(store_known_days(s, cube, 0, 99, 301, list_day, list, &e));
	assert_string_equal(list, "30 ");
	assert_int_equal(store_spoilt_any(s, &id, &day, &e), 0);
	OK(store_spoil(s, cube, 40, &e));
	OK(store_spoil(s, cube, 20, &e));
	OK(store_spoil(s, other, 20, &e));
	OK(store_spoil(s, other, 20, &e));
	*list = 0;
	OK(store_spoilt_days(s, cube, 0, 99, list_day, list, &e));
	OK(store_spoilt_days(s, other, 0, 99, list_day, list, &e));
	OK(store_spoilt_days(s, -1, 21, 99, list_day, list, &e));
	assert_string_equal(list, "20 40 20 40 ");
	OK(store_cell_put(s, cube, 20, STR("[]"), "x", 1, &e));
	OK(store_exclude(s, cube, "k", "m", 20, 1, "it raised", &e));
	OK(store_exclude(s, cube, "k", "m", 20, 2, STORE_CRASHED, &e));
	OK(store_day_drop(s, cube, 20, &e));
	OK(store_exclusions_drop(s, cube, "k", 20, &e));
	OK(store_cell_count(s, cube, 20, &n, &e));
	assert_int_equal(n, 0);
	assert_int_equal(store_readmit(s, cube, "k", "m", 1, &e), 0);
	assert_int_equal(store_readmit(s, cube, "k", "m", 2, &e), 1);
	assert_int_equal(store_spoilt_any(s, &id, &day, &e), 1);
	assert_true(id == cube && day == 40);
	OK(drop_cubes(s, &e));
	assert_int_equal(store_spoilt_any(s, &id, &day, &e), 0);
	*list = 0;
	OK(store_known_days(s, cube, 0, 99, 0, list_day, list, &e));
	assert_string_equal(list, "");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make, clear)
	const struct CMUnitTest tests[] = {
		T(families_are_kept), T(candidates_come_best_first), T(days_are_marked)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
