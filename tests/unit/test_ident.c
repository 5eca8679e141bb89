#include "store_fixture.h"

static void numbers_outlive_a_restart(void **state)
{
	uint8_t x[16] = {1}, y[16] = {2}, z[16] = {3};
	uint32_t id, first;
	(void)state;
	OK(store_begin(s, &e));
	assert_int_equal(store_ident_find(s, x, &id, &e), 0);
	OK(store_ident_add(s, x, &first, &e));
	OK(store_commit(s, &e));
	OK(store_begin(s, &e));
	OK(store_ident_add(s, y, &id, &e));
	store_rollback(s);
	store_close(s);
	OK(store_open(&s, "sqlite:", dir, STORE_WRITE, &e));
	OK(store_begin(s, &e));
	OK(store_ident_add(s, z, &id, &e));
	OK(store_commit(s, &e));
	assert_true(id > first);
	assert_int_equal(store_ident_find(s, x, &id, &e), 1);
	assert_int_equal(id, first);
	assert_int_equal(store_ident_find(s, y, &id, &e), 0);
}

static void hash_of(uint8_t hash[16], uint32_t i)
{
	uint64_t x = (i + 1) * 0x9e3779b97f4a7c15u, y = x ^ (x >> 29);
	memcpy(hash, &x, 8);
	memcpy(hash + 8, &y, 8);
}

static void many_numbers_are_moved(void **state)
{
	enum { MANY = 40000, BATCH = 500 };
	uint8_t hash[16];
	uint32_t id, *ids = calloc(MANY, sizeof *ids);
	struct store *r;
	(void)state;
	for (uint32_t i = 0; i < MANY;) {
		OK(store_begin(s, &e));
		for (uint32_t end = i + BATCH; i < end; i++) {
			hash_of(hash, i);
			assert_int_equal(store_ident_find(s, hash, &id, &e), 0);
			OK(store_ident_add(s, hash, &ids[i], &e));
		}
		if (i % 4000 == 0) { /* a batch is undone now and then, also during a move */
			store_rollback(s);
			i -= BATCH;
			OK(store_begin(s, &e));
			for (uint32_t end = i + BATCH; i < end; i++) {
				hash_of(hash, i);
				OK(store_mark(s, &e));
				OK(store_ident_add(s, hash, &ids[i], &e));
				OK(i % 7 ? store_release(s, &e) : store_rewind(s, &e));
				if (i % 7 == 0)
					OK(store_ident_add(s, hash, &ids[i], &e));
			}
		}
		OK(store_commit(s, &e));
	}
	char out[20];
	OK(first_column("SELECT count(*) FROM ident", out, sizeof out));
	assert_true(atoi(out) > 10000);
	OK(store_open(&r, "sqlite:", dir, STORE_READ, &e));
	for (uint32_t i = 0; i < MANY; i += i % 1000 ? 1 : 13) {
		hash_of(hash, i);
		assert_int_equal(store_ident_find(s, hash, &id, &e), 1);
		assert_int_equal(id, ids[i]);
		if (i % 1000 == 0) {
			assert_int_equal(store_ident_find(r, hash, &id, &e), 1);
			assert_int_equal(id, ids[i]);
		}
	}
	store_close(r);
	free(ids);
}

/* An undone savepoint takes back exactly its numbers: they are given again, and nobody reads all of
 * the others from the store. */
static void undone_numbers_are_given_again(void **state)
{
	uint8_t hash[16];
	uint32_t id, kept, got;
	(void)state;
	OK(store_begin(s, &e));
	hash_of(hash, 0);
	OK(store_ident_add(s, hash, &kept, &e));
	OK(store_commit(s, &e));
	OK(store_begin(s, &e));
	for (uint32_t i = 1; i < 2000; i++) {
		OK(store_mark(s, &e));
		hash_of(hash, i);
		OK(store_ident_add(s, hash, &id, &e));
		assert_int_equal(id, kept + 1);
		OK(store_rewind(s, &e));
		assert_int_equal(store_ident_find(s, hash, &got, &e), 0);
		hash_of(hash, 0);
		assert_int_equal(store_ident_find(s, hash, &got, &e), 1);
		assert_int_equal(got, kept);
	}
	OK(store_commit(s, &e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(numbers_outlive_a_restart, make, clear),
		cmocka_unit_test_setup_teardown(many_numbers_are_moved, make, clear),
		cmocka_unit_test_setup_teardown(undone_numbers_are_given_again, make, clear)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
