#include "store_fixture.h"
#include "store_rows.h"

static void an_event_is_stored_once(void **state)
{
	struct arena a = {0};
	struct event ev = event(1, "a"), got;
	int64_t seq;
	(void)state;
	OK(store_last_seq(s, &seq, &e));
	assert_int_equal(seq, 0);
	OK(store_begin(s, &e));
	OK(store_event_add(s, &ev, &e));
	ev.seq = 2;
	assert_int_equal(store_event_add(s, &ev, &e), 1);
	OK(store_commit(s, &e));
	OK(store_last_seq(s, &seq, &e));
	assert_int_equal(seq, 1);
	assert_int_equal(store_event_find(s, STR("till"), STR("b"), &got, &a, &e), 0);
	assert_int_equal(store_event_find(s, STR("till"), STR("a"), &got, &a, &e), 1);
	assert_int_equal(got.seq, 1);
	assert_int_equal(got.job, 42);
	assert_int_equal(got.recorded_ms, 7);
	assert_memory_equal(got.digest, ev.digest, EVENT_DIGEST);
	assert_string_equal(got.time.p, "2026-03-02T10:00:00-03:00");
	assert_null(got.subject.p);
	assert_string_equal(got.unit.p, "b07");
	OK(store_event_set_derived(s, 1, STR("{\"x\":1}"), &e));
	assert_int_equal(store_event_find(s, STR("till"), STR("a"), &got, &a, &e), 1);
	assert_string_equal(got.derived.p, "{\"x\":1}");
	arena_free(&a);
}

struct seen {
	int n, stop_at;
	int64_t last;
};

static int see(void *ctx, struct event *ev)
{
	struct seen *v = ctx;
	assert_true(ev->seq > v->last);
	v->last = ev->seq;
	return ++v->n == v->stop_at;
}

static int any_order(void *ctx, struct event *ev)
{
	((struct seen *)ctx)->last += ev->seq;
	return ++((struct seen *)ctx)->n < 0;
}

static void the_log_is_read_in_order(void **state)
{
	struct event_filter q = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
	struct seen v = {0};
	int64_t last;
	bool done;
	(void)state;
	OK(store_begin(s, &e));
	add(1, 1700);
	OK(store_commit(s, &e));
	OK(store_events(s, &q, see, &v, &last, &done, &e));
	assert_int_equal(v.n, 1700);
	assert_int_equal(last, 1700);
	assert_true(done);
	q.type = "order.made", q.after = 10, q.from_ms = 20000, q.to_ms = 1600000;
	v = (struct seen){.stop_at = 700};
	OK(store_events(s, &q, see, &v, &last, &done, &e));
	assert_int_equal(last, 20 + 2 * 699);
	assert_false(done);
	v = (struct seen){0};
	q.after = last;
	OK(store_events(s, &q, see, &v, &last, &done, &e));
	assert_int_equal(v.n, (1600 - 20) / 2 - 700);
	assert_true(done);
	assert_int_equal(last, 1700);
	/* no time: one slice, nothing matches, but it says how far it came */
	q = (struct event_filter){.unit = "none", .from_ms = 0, .to_ms = INT64_MAX, .until_us = 1};
	OK(store_events(s, &q, see, &v, &last, &done, &e));
	assert_int_equal(last, 500);
	assert_false(done);
}

static void events_are_found_by_place(void **state)
{
	struct seen v = {0};
	int slot, again;
	(void)state;
	OK(store_begin(s, &e));
	add(1, 20);
	OK(store_place_slot(s, "order.made", "bought", &slot, &e));
	OK(store_place_slot(s, "order.made", "bought", &again, &e));
	assert_int_equal(slot, again);
	assert_true(slot > 0);
	OK(store_place_add(s, slot, 500, 4, &e));
	OK(store_place_add(s, slot, 500, 4, &e));
	OK(store_place_add(s, slot, 600, 2, &e));
	OK(store_commit(s, &e));
	OK(store_events_placed(s, "order.made", slot, 500, 600, any_order, &v, &e));
	assert_int_equal(v.n, 1);
	assert_int_equal(v.last, 4);
	v = (struct seen){0};
	OK(store_events_placed(s, "order.made", -1, 4000, 8000, any_order, &v, &e));
	assert_int_equal(v.n, 2);
	assert_int_equal(v.last, 10);
}

static void a_type_has_a_view(void **state)
{
	struct field fields[] = {
		{.name = (char *)"channel",
			.kind = FIELD_TEXT,
			.fallback = {.kind = VALUE_TEXT, .s = STR("it's")}},
		{.name = (char *)"paid", .kind = FIELD_MONEY, .currency = "BRL"},
		{.name = (char *)"score", .kind = FIELD_INTEGER},
		{.name = (char *)"order", .kind = FIELD_INTEGER, .derived = true},
	};
	struct event_type t = {.name = (char *)"order.made", .fields = fields, .nfields = 3};
	struct event ev = event(2, "a");
	char out[100];
	(void)state;
	ev.derived = STR("{\"order\":5}");
	OK(store_event_add(s, &ev, &e));
	OK(store_type_view(s, &t, &e));
	const char *sql = "SELECT seq || channel || paid || paid_currency || score || time FROM"
			  " ev_order_made";
	OK(first_column(sql, out, sizeof out));
	assert_string_equal(out, "2it's5USD92026-03-02T10:00:00-03:00");
	assert_int_not_equal(
		first_column("SELECT \"order\".x FROM ev_order_made", out, sizeof out), 0);
	OK(store_type_view(s, &t, &e));
	t.nfields = 4;
	OK(store_type_view(s, &t, &e));
	OK(first_column("SELECT \"order\" FROM ev_order_made", out, sizeof out));
	assert_string_equal(out, "5");
}

static int count_cells(void *ctx, int32_t day, struct str group, const void *p, size_t n)
{
	struct buf *b = ctx;
	buf_printf(b, "%d%.*s=%.*s ", day, (int)group.n, group.p, (int)n, (const char *)p);
	return 0;
}

static void cells_are_kept(void **state)
{
	struct buf b = {0};
	int cube, other;
	int32_t first, last;
	int64_t n;
	(void)state;
	OK(cube_of(s, "acme", "[\"unit\"]", &cube, &e));
	OK(cube_of(s, "acme", "[]", &other, &e));
	assert_int_not_equal(cube, other);
	assert_int_equal(store_cell_days(s, cube, &first, &last, &e), 0);
	OK(store_cell_put(s, cube, 3, STR("[\"b\"]"), "x", 1, &e));
	OK(store_cell_put(s, cube, 3, STR("[\"a\"]"), "y", 1, &e));
	OK(store_cell_put(s, cube, 3, STR("[\"b\"]"), "zz", 2, &e));
	OK(store_cell_put(s, cube, -2, STR("[]"), "w", 1, &e));
	OK(store_cell_put(s, other, 9, STR("[]"), "w", 1, &e));
	assert_int_equal(store_cell_get(s, cube, 3, STR("[\"b\"]"), &b, &e), 1);
	assert_int_equal(b.len, 2);
	assert_int_equal(store_cell_get(s, cube, 4, STR("[\"b\"]"), &b, &e), 0);
	buf_clear(&b);
	OK(store_cells(s, cube, -5, 3, count_cells, &b, &e));
	assert_string_equal(buf_cstr(&b), "-2[]=w 3[\"a\"]=y 3[\"b\"]=zz ");
	OK(store_cell_count(s, cube, 3, &n, &e));
	assert_int_equal(n, 2);
	assert_int_equal(store_cell_days(s, cube, &first, &last, &e), 1);
	assert_true(first == -2 && last == 3);
	OK(store_exclude(s, cube, "nps", "promoters", 3, 7, "overflow", &e));
	OK(store_exclude(s, cube, "nps", "promoters", 3, 7, "overflow", &e));
	OK(store_excluded(s, cube, "nps", 3, 3, &n, &e));
	assert_int_equal(n, 1);
	OK(drop_cubes(s, &e));
	OK(store_excluded(s, cube, "nps", 3, 3, &n, &e));
	assert_int_equal(n, 0);
	assert_int_equal(store_cell_days(s, cube, &first, &last, &e), 0);
	OK(cube_of(s, "acme", "[]", &other, &e));
	assert_true(other > cube); /* numbers are not given twice */
	buf_free(&b);
}

static int show_set(void *ctx, int32_t day, struct str group, const void *blob, size_t n,
	uint32_t id, uint32_t count)
{
	struct buf *b = ctx;
	if (blob)
		buf_printf(
			b, "%d%.*s:%.*s ", day, (int)group.n, group.p, (int)n, (const char *)blob);
	else
		buf_printf(b, "%d%.*s:%u*%u ", day, (int)group.n, group.p, id, count);
	return 0;
}

/* Takes what is due up to a place and puts a blob that says how many entries went in. */
static void fold_some(int places)
{
	struct set_due d;
	struct buf b = {0};
	while (places-- > 0 && store_set_due(s, 1, &d, &e) == 1) {
		buf_clear(&b);
		OK(store_set_blob(s, &d, &b, &e) < 0);
		buf_printf(&b, "+%zu", d.n);
		OK(store_set_fold(s, &d, b.p, b.len, &e));
	}
	OK(store_sets_settle(s, &e));
	buf_free(&b);
}

static const char *sets(int cube, int32_t first, int32_t last)
{
	static struct buf b;
	buf_clear(&b);
	OK(store_sets(s, cube, 0, first, last, NULL, show_set, &b, &e));
	return buf_cstr(&b);
}

static void sets_fold(void **state)
{
	struct set_due d;
	int c;
	(void)state;
	OK(store_begin(s, &e));
	OK(cube_of(s, "sets", "", &c, &e));
	struct set_seen first[] = {{c, 0, 5, STR("g"), 9, 1}, {c, 0, 5, STR("g"), 4000000000u, 1},
		{c, 1, 5, STR("g"), 8, 1}, {c, 0, 5, STR("f"), 1, 1}, {c, 0, -7, STR("g"), 8, 1}},
			later[] = {{c, 0, 5, STR("g"), 9, 2}, {c, 0, 6, STR("a"), 3, 1},
				{c + 1, 0, 5, STR("g"), 3, 1}};
	OK(store_sets_add(s, first, 5, &e));
	OK(store_sets_add(s, later, 3, &e));
	OK(store_commit(s, &e));
	static const char *const fresh = "5f:1*1 5g:9*3 5g:4000000000*1 6a:3*1 ";
	assert_string_equal(sets(c, 0, 6), fresh);
	assert_string_equal(sets(c, -7, 0), "-7g:8*1 ");
	assert_int_equal(store_set_due(s, 9, &d, &e), 0); /* not so many */
	OK(store_begin(s, &e));
	fold_some(3);
	assert_string_equal(sets(c, 0, 6), "5f:+1 5g:+2 6a:3*1 ");
	store_rollback(s);
	assert_string_equal(sets(c, 0, 6), fresh);
	OK(store_begin(s, &e));
	fold_some(2);
	OK(store_sets_add(s, first, 1, &e)); /* comes too late for this round */
	OK(store_commit(s, &e));
	static const char *const half = "5f:+1 5g:9*4 5g:4000000000*1 6a:3*1 ";
	assert_string_equal(sets(c, 0, 6), half);
	store_close(s);
	OK(store_open(&s, "sqlite:", dir, STORE_WRITE, &e));
	assert_string_equal(sets(c, 0, 6), half);
	OK(store_begin(s, &e));
	fold_some(1);
	assert_string_equal(sets(c, 0, 6), "5f:+1 5g:+2 5g:9*1 6a:3*1 ");
	fold_some(3); /* the round's end; the other cube was dropped */
	OK(store_commit(s, &e));
	assert_string_equal(sets(c, 0, 6), "5f:+1 5g:+2 5g:9*1 6a:+1 ");
	assert_string_equal(sets(c + 1, 0, 6), "");
	OK(store_begin(s, &e));
	fold_some(9);
	OK(store_commit(s, &e));
	assert_string_equal(sets(c, -9, 6), "-7g:+1 5f:+1 5g:+2+1 6a:+1 ");
}

static int show_plugin(void *ctx, const char *plugin, const char *hash)
{
	buf_printf(ctx, "%s:%s ", plugin, hash);
	return 0;
}

static int show_failed(void *ctx, const struct failed_row *row)
{
	buf_printf(ctx, "%d:%d:%s:%d ", (int)row->id, (int)row->seq, row->message, row->line);
	return 0;
}

static void plugins_are_kept(void **state)
{
	struct source_file *f;
	struct buf b = {0};
	int n;
	(void)state;
	OK(store_source_put(s, "h1", "plugin.lua", "return 1", 8, &e));
	OK(store_source_put(s, "h1", "a.lua", "", 0, &e));
	OK(store_source_put(s, "h1", "a.lua", "", 0, &e));
	OK(store_source_get(s, "h1", &f, &n, &e));
	assert_int_equal(n, 2);
	assert_string_equal(f[1].path, "plugin.lua");
	assert_string_equal(f[1].text, "return 1");
	for (int i = 0; i < n; i++) {
		free(f[i].path);
		free(f[i].text);
	}
	free(f);
	OK(store_plugin_put(s, "b", "h1", &e));
	OK(store_plugin_put(s, "a", "h1", &e));
	OK(store_plugin_put(s, "a", "h2", &e));
	OK(store_plugin_put(s, "c", "h2", &e));
	OK(store_plugin_remove(s, "c", &e));
	OK(store_plugins(s, false, show_plugin, &b, &e));
	assert_string_equal(buf_cstr(&b), "a:h2 b:h1 ");
	buf_clear(&b);
	OK(store_before_keep(s, &e));
	OK(store_plugin_put(s, "a", "h3", &e));
	OK(store_before_keep(s, &e)); /* the first is kept */
	OK(store_plugins(s, true, show_plugin, &b, &e));
	OK(store_before_forget(s, &e));
	OK(store_plugins(s, true, show_plugin, &b, &e));
	assert_string_equal(buf_cstr(&b), "a:h2 b:h1 ");
	struct failed_row row = {
		.seq = 3, .plugin = "a", .handler = "on", .message = "boom", .line = 4};
	OK(store_failed_add(s, &row, &e));
	row.seq = 5;
	OK(store_failed_add(s, &row, &e));
	assert_int_equal(row.id, 2);
	buf_clear(&b);
	OK(store_failed(s, &(struct failed_filter){.limit = 10}, show_failed, &b, &e));
	OK(store_failed(s, &(struct failed_filter){.seq = 5, .limit = 10}, show_failed, &b, &e));
	OK(store_failed(s, &(struct failed_filter){.after = 1, .limit = 10}, show_failed, &b, &e));
	assert_string_equal(buf_cstr(&b), "1:3:boom:4 2:5:boom:4 2:5:boom:4 2:5:boom:4 ");
	buf_free(&b);
}

static int show_token(void *ctx, const struct token_row *t, int64_t made_ms)
{
	buf_printf(ctx, "%s %d %s %d %d", t->name, t->level, t->unit, t->sha256[31], (int)made_ms);
	return 0;
}

static void tokens_and_answers_are_kept(void **state)
{
	struct token_row t = {.name = "till-3", .unit = "b07", .level = LEVEL_FRONTLINE};
	struct buf b = {0};
	int status;
	(void)state;
	t.sha256[31] = 9;
	OK(store_token_put(s, &t, 77, &e));
	assert_int_equal(store_token_put(s, &t, 78, &e), CX_E_CONFLICT);
	OK(store_tokens(s, show_token, &b, &e));
	assert_string_equal(buf_cstr(&b), "till-3 1 b07 9 77");
	assert_int_equal(store_token_remove(s, "till-3", &e), 1);
	assert_int_equal(store_token_remove(s, "till-3", &e), 0);
	OK(store_begin(s, &e));
	OK(store_job_put(s, UINT64_MAX >> 1, 201, "{}", 2, &e));
	OK(store_jobs_clear(s, &e));
	assert_int_equal(store_job_get(s, UINT64_MAX >> 1, &status, &b, &e), 1);
	assert_int_equal(status, 201);
	assert_int_equal(b.len, 2);
	OK(store_commit(s, &e));
	OK(store_begin(s, &e));
	OK(store_jobs_clear(s, &e));
	OK(store_commit(s, &e));
	assert_int_equal(store_job_get(s, UINT64_MAX >> 1, &status, &b, &e), 0);
	buf_free(&b);
}

static void marks_nest(void **state)
{
	int64_t seq;
	(void)state;
	OK(store_begin(s, &e));
	add(1, 1);
	OK(store_mark(s, &e));
	add(2, 2);
	OK(store_mark(s, &e));
	add(3, 3);
	OK(store_rewind(s, &e));
	OK(store_last_seq(s, &seq, &e));
	assert_int_equal(seq, 2);
	OK(store_release(s, &e));
	OK(store_mark(s, &e));
	add(3, 3);
	OK(store_rewind(s, &e));
	assert_true(store_in_batch(s));
	OK(store_commit(s, &e));
	assert_false(store_in_batch(s));
	OK(store_last_seq(s, &seq, &e));
	assert_int_equal(seq, 2);
}

static void a_reader_sees_one_state(void **state)
{
	struct store *r;
	int64_t seq;
	int id;
	(void)state;
	OK(store_open(&r, "sqlite:", dir, STORE_READ, &e));
	add(1, 1);
	OK(store_begin(r, &e));
	add(2, 2);
	OK(store_last_seq(r, &seq, &e));
	assert_int_equal(seq, 1);
	OK(store_commit(r, &e));
	OK(store_last_seq(r, &seq, &e));
	assert_int_equal(seq, 2);
	OK(cube_of(r, "a", "b", &id, &e));
	assert_int_equal(id, -1);
	assert_int_equal(store_meta_set(r, "k", "v", 1, &e), CX_E_STORE_FAILED);
	store_close(r);
}

static void a_newer_schema_is_refused(void **state)
{
	struct drv *d;
	struct store *t;
	struct stat st;
	char path[100];
	(void)state;
	assert_int_equal(store_open(&t, "sqlite:none.db", dir, STORE_READ, &e), CX_E_NOT_FOUND);
	assert_int_equal(store_open(&t, "postgresql:", dir, STORE_READ, &e), CX_E_STORE_FAILED);
	snprintf(path, sizeof path, "%s/cxd.db", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	OK(drv_open(&d, path, dir, DRV_WRITE, &e));
	OK(drv_set_version(d, 999, &e));
	drv_close(d);
	assert_int_equal(store_open(&t, "sqlite:", dir, STORE_WRITE, &e), CX_E_STORE_FAILED);
	assert_non_null(strstr(e.msg, "schema 999"));
	assert_null(t);
}

static void upkeep(void **state)
{
	struct buf b = {0};
	char wal[100];
	struct stat st;
	(void)state;
	assert_int_equal(store_meta_get(s, "k", &b, &e), 0);
	OK(store_meta_set(s, "k", "v1", 2, &e));
	OK(store_meta_set(s, "k", "\0v", 2, &e));
	assert_int_equal(store_meta_get(s, "k", &b, &e), 1);
	assert_memory_equal(b.p, "\0v", 2);
	for (int i = 0; i < 3; i++) { /* the log is used again, not longer each time */
		OK(store_begin(s, &e));
		add(1 + i * 300, 300 + i * 300);
		OK(store_commit(s, &e));
		OK(store_checkpoint(s, 4096, i == 1));
	}
	snprintf(wal, sizeof wal, "%s/cxd.db-wal", dir);
	assert_int_equal(stat(wal, &st), 0);
	assert_true(st.st_size < 600 * 1024);
	OK(store_check(s, &e));
	buf_free(&b);
}

/* A reader that stays long costs a forced checkpoint a moment, not ten seconds with each batch:
 * 110. */
static void a_long_reader_does_not_hold_the_writer_up(void **state)
{
	struct store *r;
	(void)state;
	OK(store_begin(s, &e));
	add(1, 10);
	OK(store_commit(s, &e));
	OK(store_open(&r, "sqlite:", dir, STORE_READ, &e));
	OK(store_begin(r, &e));
	int64_t from = clock_mono_us();
	for (int i = 1; i < 12; i++) {
		OK(store_begin(s, &e));
		add(1 + i * 10, 10 + i * 10);
		OK(store_commit(s, &e));
		OK(store_checkpoint(s, 65536, true));
	}
	assert_in_range(clock_mono_us() - from, 0, 50000000);
	store_rollback(r);
	store_close(r);
	OK(store_begin(s, &e));
	add(200, 300);
	OK(store_commit(s, &e));
	OK(store_checkpoint(s, 65536, true));
}

static int read_again(void *ctx, struct event *ev)
{
	struct event_filter q = {.after = ev->seq, .from_ms = INT64_MIN, .to_ms = INT64_MAX};
	int64_t last;
	bool done;
	struct seen v = {.last = ev->seq};
	OK(store_events(s, &q, see, &v, &last, &done, &e));
	*(int *)ctx += v.n;
	return 0;
}

static void callbacks_may_read_too(void **state)
{
	struct event_filter q = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
	int64_t last;
	bool done;
	int n = 0;
	(void)state;
	add(1, 5);
	OK(store_events(s, &q, read_again, &n, &last, &done, &e));
	assert_int_equal(n, 4 + 3 + 2 + 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make, clear)
	const struct CMUnitTest tests[] = {T(an_event_is_stored_once), T(the_log_is_read_in_order),
		T(events_are_found_by_place), T(a_type_has_a_view), T(cells_are_kept), T(sets_fold),
		T(plugins_are_kept), T(tokens_and_answers_are_kept), T(marks_nest),
		T(a_reader_sees_one_state), T(a_newer_schema_is_refused), T(upkeep),
		T(a_long_reader_does_not_hold_the_writer_up), T(callbacks_may_read_too)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
