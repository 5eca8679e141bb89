/* The writer's cells: what is taken out, spoilt days and their mending, days that learned late, and
 * damage that refuses no event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/log.h"
#include "base/tz.h"
#include "kpi/cellvalue.h"
#include "kpi/count.h"
#include "kpi/verify.h"

enum { DAY_MS = 86400000, COUNT = 0, PEOPLE, SPREAD, SUM, BIG, NM };

static char dir[] = "/tmp/cxd-cells-XXXXXX", url[64];
static struct field fields[1];
static struct event_type type = {.name = "t.x", .plugin = "p", .fields = fields, .nfields = 1};
static struct kpi *kpi;
static struct cube **cubes;
static int ncubes, failing_where, ndiffer;
static struct counted counted[NM];
static struct store *store;
static struct cells *cells;
static struct arena arena;
static int64_t seq, day0;
static struct cx_err err;
static char said[400];

static void ok(int rc)
{
	if (rc < 0)
		print_error("%s: %s\n", cx_err_name(rc), err.msg);
	assert_true(rc >= 0);
}

static uint64_t state = 88172645463325252u;

static int rnd(int n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (int)((state >> 33) % (uint64_t)n);
}

/* ---- one cube by unit: a count, those over 50, their sum, their spread, and who ---- */

static int where(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e)
{
	(void)ctx, (void)m;
	if (failing_where)
		return cx_fail(e, CX_E_PLUGIN_FAILED, NULL, "it raised");
	return ev->fields[0].kind == VALUE_INT && ev->fields[0].i > 50;
}

static const struct kpi_host host = {.where = where, .company_currency = "BRL"};

static struct kpi *make_kpi(void)
{
	static const char *const names[NM] = {"count", "people", "spread", "sum", "xbig"};
	static const enum measure_kind kinds[NM] = {
		MEASURE_COUNT, MEASURE_DISTINCT, MEASURE_HISTOGRAM, MEASURE_SUM, MEASURE_COUNT};
	struct kpi *k = xcalloc(1, sizeof *k);
	k->id = xstrdup("k");
	k->plugin = xstrdup("p");
	k->by[k->nby++] = xstrdup("unit");
	k->nmeasures = NM;
	k->measures = xcalloc(NM, sizeof *k->measures);
	for (int i = 0; i < NM; i++) {
		struct measure *m = &k->measures[i];
		m->name = xstrdup(names[i]);
		m->kind = kinds[i];
		m->type = &type;
		m->type_name = xstrdup(type.name);
		m->at = m->at_slot = m->choice = -1;
		m->times = m->kind == MEASURE_DISTINCT ? 2 : 1;
		m->bucket = 1;
		m->where = i == BIG;
		m->field.attr = i == PEOPLE               ? ATTR_SUBJECT
				: i == SPREAD || i == SUM ? ATTR_FIELD
							  : ATTR_NONE;
		assert_true(field_ref_resolve(&type, "unit", &m->dims[0]));
	}
	return k;
}

static void open_cells(int64_t max_groups)
{
	cells_free(cells);
	cells = cells_new(store, max_groups, where, NULL);
}

static void open_again(int64_t max_groups)
{
	ok(store_open(&store, url, dir, STORE_WRITE, &err));
	ok(store_begin(store, &err));
	ok(kpi_cubes_bind(store, cubes, ncubes, STORE_LIVE, &err));
	ok(store_commit(store, &err));
	open_cells(max_groups);
}

static void open_store(int64_t max_groups)
{
	static int n;
	snprintf(url, sizeof url, "sqlite:%s/%d.db", dir, n++);
	kpi = make_kpi();
	kpi_cubes_build(&kpi, 1, &cubes, &ncubes);
	assert_int_equal(ncubes, 1);
	for (int i = 0; i < NM; i++)
		counted[i] = (struct counted){.m = &kpi->measures[i]};
	open_again(max_groups);
	seq = 0;
}

static void close_store(void)
{
	cells_free(cells);
	store_close(store);
	cells = NULL;
	store = NULL;
	kpi_cubes_free(cubes, ncubes);
	kpi_free(kpi);
	arena_free(&arena);
}

struct fact {
	int64_t time, recorded; /* 0: as it happened */
	int unit, who, amount;  /* -1: none */
	int64_t corrects;       /* seq */
};

static struct str text(const char *prefix, int64_t n)
{
	char t[32];
	int len = snprintf(t, sizeof t, "%s%lld", prefix, (long long)n);
	return arena_str(&arena, t, (size_t)len);
}

static void add(struct fact f)
{
	static const struct count_host counting = {.company_currency = "BRL"};
	struct event ev = {.seq = ++seq,
		.time_ms = f.time,
		.recorded_ms = f.recorded ? f.recorded : f.time,
		.root = f.corrects,
		.source = STR("test"),
		.type = &type,
		.type_name = STR("t.x")};
	struct buf data = {0};
	char t[TZ_TEXT];
	bool missing;
	jw_obj(&data);
	if (f.amount >= 0)
		jw_kint(&data, "amount", f.amount);
	jw_obj_end(&data);
	tz_format(f.time, t);
	ev.id = text("e", seq);
	ev.time = arena_str(&arena, t, strlen(t));
	ev.subject = text("c", f.who);
	ev.unit = text("u", f.unit);
	if (f.corrects)
		ev.corrects = text("e", f.corrects);
	ev.data = arena_str(&arena, data.p, data.len);
	buf_free(&data);
	ok(store_event_add(store, &ev, &err));
	event_reload(&ev, "BRL", &arena, &missing);
	ok(count_event(cells, counted, NM, &ev, &counting, &err));
}

static void begin(void)
{
	ok(store_begin(store, &err));
}

static void commit(void)
{
	ok(cells_flush(cells, &err));
	ok(store_commit(store, &err));
}

static struct fact fact(int day, int unit, int who, int amount)
{
	return (struct fact){.time = day0 + day * (int64_t)DAY_MS + 3600000 + seq,
		.unit = unit,
		.who = who,
		.amount = amount};
}

/* ---- asking ---- */

static void differs(void *ctx, const struct cube *c, const char *what)
{
	(void)ctx, (void)c;
	ndiffer++;
	snprintf(said, sizeof said, "%s", what);
}

static void same_as_the_log(void)
{
	said[0] = 0;
	begin();
	ok(kpi_verify(store, cubes[0], &host, differs, NULL, &err));
	store_rollback(store);
	assert_string_equal(said, "");
}

static int count_day(void *ctx, int32_t day)
{
	(void)day;
	++*(int *)ctx;
	return 0;
}

static int spoilt(void)
{
	int n = 0;
	ok(store_spoilt_days(store, -1, INT32_MIN, INT32_MAX, count_day, &n, &err));
	return n;
}

static int known_since(int64_t ms)
{
	int n = 0;
	ok(store_known_days(store, cubes[0]->id, INT32_MIN, INT32_MAX, ms, count_day, &n, &err));
	return n;
}

static int mend_all(void)
{
	int rc, n = 0;
	do {
		begin();
		ok(rc = cells_mend(cells, cubes, ncubes, "BRL", &err));
		ok(store_commit(store, &err));
		n += rc;
	} while (rc == 1);
	return n;
}

static void sql(const char *text_)
{
	sqlite3 *db;
	char *why = NULL;
	assert_int_equal(sqlite3_open(url + strlen("sqlite:"), &db), SQLITE_OK);
	if (sqlite3_exec(db, text_, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", text_, why);
	assert_true(sqlite3_changes(db) > 0);
	sqlite3_close(db);
}

/* Everything a day's figures are made of, as text. */
static void dump(struct buf *out)
{
	static const char *const tables[] = {
		"cell", "set_blob", "exclusion", "day_spoilt", "day_known", "set_log"};
	sqlite3 *db;
	sqlite3_stmt *st;
	char query[64];
	assert_int_equal(sqlite3_open(url + strlen("sqlite:"), &db), SQLITE_OK);
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		snprintf(query, sizeof query, "SELECT * FROM %s ORDER BY 1, 2", tables[i]);
		assert_int_equal(sqlite3_prepare_v2(db, query, -1, &st, NULL), SQLITE_OK);
		while (sqlite3_step(st) == SQLITE_ROW)
			for (int c = 0; c < sqlite3_column_count(st); c++)
				buf_add(out, sqlite3_column_blob(st, c),
					(size_t)sqlite3_column_bytes(st, c));
		sqlite3_finalize(st);
	}
	sqlite3_close(db);
}

struct totals {
	int64_t count, sum, n, over, spread;
	int rows;
};

static int add_up(void *ctx, int32_t day, struct str group, const void *p, size_t n)
{
	struct totals *t = ctx;
	int64_t v[8];
	struct hist h = {0};
	struct cell_value value = {cubes[0]->nslots, cubes[0]->nhists, v, &h};
	assert_int_equal(cubes[0]->nhists, 1);
	assert_true(cell_read(p, n, (struct cell_at){cubes[0]->id, day, group}, &value));
	assert_int_equal(cell_has(&value, &kpi->measures[COUNT]), v[0] != 0);
	assert_int_equal(cell_has(&value, &kpi->measures[SPREAD]), h.total != 0);
	assert_int_equal(cell_empty(&value), !v[0] && !h.n);
	t->count += v[kpi->measures[COUNT].slot];
	t->sum += v[kpi->measures[SUM].slot];
	t->n += v[kpi->measures[SUM].slot + 1];
	t->over += v[kpi->measures[BIG].slot];
	t->spread += h.total;
	t->rows++;
	hist_free(&h);
	return 0;
}

static struct totals totals(void)
{
	struct totals t = {0};
	ok(store_cells(store, cubes[0]->id, INT32_MIN, INT32_MAX, add_up, &t, &err));
	return t;
}

/* ---- tests ---- */

static struct fact log_[600];
static bool stands[600];

static struct fact random_fact(void)
{
	struct fact f = fact(rnd(5), rnd(4), rnd(9), rnd(5) ? rnd(100) : -1);
	int64_t old = seq ? 1 + rnd((int)seq) : 0;
	while (old && log_[old].corrects)
		old = log_[old].corrects;
	if (old && rnd(3) == 0)
		f.corrects = old;
	f.recorded = day0 + 9 * (int64_t)DAY_MS + seq;
	return f;
}

static void failed_reaction(void)
{
	size_t mark = cells_mark(cells);
	int64_t was = seq;
	ok(store_mark(store, &err));
	for (int i = rnd(4); i >= 0; i--)
		add(random_fact());
	ok(store_rewind(store, &err));
	cells_rewind(cells, mark);
	seq = was;
}

static void what_stands_is_what_is_counted(void)
{
	struct totals t = totals(), is = {.rows = t.rows};
	for (int64_t i = 1; i <= seq; i++) {
		if (!stands[i])
			continue;
		is.count++;
		is.sum += log_[i].amount >= 0 ? log_[i].amount : 0;
		is.n += log_[i].amount >= 0;
		is.over += log_[i].amount > 50;
	}
	is.spread = is.n;
	assert_memory_equal(&t, &is, sizeof t);
}

static void taken_out_is_as_never_in(void **unused)
{
	(void)unused;
	open_store(3);
	while (seq < 500) {
		begin();
		for (int i = rnd(40); i >= 0; i--) {
			struct fact f = random_fact();
			log_[seq + 1] = f;
			for (int64_t j = 1; j <= seq && f.corrects; j++)
				if (j == f.corrects || log_[j].corrects == f.corrects)
					stands[j] = false;
			stands[seq + 1] = true;
			add(f);
			if (rnd(10) == 0)
				failed_reaction();
			if (rnd(20) == 0)
				ok(cells_flush(cells, &err));
		}
		commit();
		if (rnd(4) == 0)
			open_cells(3);
		begin();
		ok(cells_fold(cells, 1 + (size_t)rnd(100), 1 + (size_t)rnd(50), &err));
		if (rnd(4) == 0)
			ok(cells_mend(cells, cubes, ncubes, "BRL", &err));
		ok(store_commit(store, &err));
		what_stands_is_what_is_counted();
		same_as_the_log();
	}
	assert_true(mend_all() > 0); /* who was seen cannot be taken out */
	assert_int_equal(spoilt(), 0);
	what_stands_is_what_is_counted();
	same_as_the_log();
	close_store();
}

static void beyond_the_groups_allowed(void **unused)
{
	(void)unused;
	open_store(2);
	begin();
	for (int i = 0; i < 8; i++)
		add(fact(0, i % 4, i, 10 * i));
	commit();
	assert_int_equal(totals().rows, 3);
	open_cells(100); /* more are allowed now: that day goes on as it began */
	begin();
	add(fact(0, 5, 1, 7));
	struct fact f = fact(0, 3, 1, 9);
	f.corrects = 4; /* of u3, which is counted in … */
	add(f);
	commit();
	assert_int_equal(totals().rows, 3);
	assert_int_equal(totals().count, 9);
	assert_int_equal(mend_all(), 1);
	assert_int_equal(totals().rows, 5); /* counted again, as it may be today */
	same_as_the_log();
	/* what has no cell at all, not even …: the log knows */
	begin();
	struct event ev = {.seq = 99, .time_ms = day0, .type = &type, .unit = STR("nobody")};
	struct value none[1] = {{.kind = VALUE_INT, .i = 1}};
	ev.fields = none;
	ok(cells_tally(cells, &kpi->measures[COUNT], &ev, -1, day0, &err));
	commit();
	assert_int_equal(spoilt(), 1);
	mend_all();
	same_as_the_log();
	close_store();
}

static void an_empty_cell_stays(void **unused)
{
	(void)unused;
	open_store(100);
	kpi->measures[PEOPLE].shared = true; /* so that nothing spoils a day */
	begin();
	add(fact(0, 1, 1, 60));
	struct fact f = fact(1, 2, 1, 70);
	f.corrects = 1;
	add(f);
	commit();
	assert_int_equal(spoilt(), 0);
	assert_int_equal(totals().rows, 2);
	assert_int_equal(totals().count, 1);
	same_as_the_log();
	close_store();
}

static void days_that_learned_late(void **unused)
{
	(void)unused;
	open_store(100);
	begin();
	struct fact f = fact(0, 1, 1, 1);
	add(f); /* known at once */
	assert_int_equal(known_since(INT64_MIN), 0);
	f = fact(0, 1, 1, 1);
	f.recorded = day0 + DAY_MS; /* the first instant after it */
	add(f);
	f = fact(1, 1, 1, 1);
	f.recorded = day0 + 2 * (int64_t)DAY_MS - 1;
	add(f);
	commit();
	assert_int_equal(known_since(day0 + DAY_MS), 1);
	begin();
	f = fact(3, 2, 1, 1);
	f.corrects = 3; /* of day 1, in which nothing stands now */
	f.recorded = day0 + 4 * (int64_t)DAY_MS - 1;
	add(f);
	commit();
	assert_int_equal(known_since(day0 + DAY_MS + 1), 1);
	assert_int_equal(mend_all(), 1);
	assert_int_equal(known_since(INT64_MIN), 2); /* who knew what when is not mended */
	close_store();
}

static void mending_is_all_or_nothing(void **unused)
{
	struct buf was = {0}, is = {0};
	int64_t n;
	(void)unused;
	open_store(100);
	begin();
	failing_where = 1;
	add(fact(0, 1, 1, 60));
	failing_where = 0;
	for (int i = 0; i < 50; i++)
		add(fact(i % 3, i % 2, i % 9, 2 * i));
	counted[BIG].blind = true; /* as if its code had killed the engine */
	add(fact(0, 1, 1, 99));
	counted[BIG].blind = false;
	struct fact f = fact(0, 1, 1, 20);
	f.corrects = 2;
	add(f);
	commit();
	assert_int_equal(spoilt(), 1);
	dump(&was);
	begin();
	assert_int_equal(cells_mend(cells, cubes, ncubes, "BRL", &err), 1);
	store_rollback(store);
	cells_forget(cells);
	dump(&is);
	assert_int_equal(was.len, is.len);
	assert_memory_equal(was.p, is.p, was.len);
	same_as_the_log();
	assert_int_equal(mend_all(), 1);
	assert_int_equal(store_crashed(store, cubes[0]->id, "k", "xbig", 52, &err), 1);
	ok(store_excluded(store, cubes[0]->id, "k", INT32_MIN, INT32_MAX, &n, &err));
	assert_int_equal(n, 1); /* what raised then does not raise now */
	same_as_the_log();
	assert_int_equal(mend_all(), 0);
	begin();
	add(fact(0, 1, 1, 77)); /* no cell of before is remembered */
	commit();
	same_as_the_log();
	buf_free(&was);
	buf_free(&is);
	close_store();
}

static void too_many_values(void **unused)
{
	struct value v[1] = {{.kind = VALUE_INT}};
	struct event ev = {.time_ms = day0, .type = &type, .unit = STR("u1"), .fields = v};
	int64_t n;
	(void)unused;
	open_store(100);
	begin();
	for (int64_t i = 0; i <= HIST_VALUES_MAX; i++) {
		ev.seq = i + 1;
		v->i = i * 3;
		ok(cells_tally(cells, &kpi->measures[SPREAD], &ev, 1, day0, &err));
		if (i % 5000 == 0)
			ok(cells_flush(cells, &err));
	}
	commit();
	ok(store_excluded(store, cubes[0]->id, "k", INT32_MIN, INT32_MAX, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(totals().spread, HIST_VALUES_MAX);
	assert_int_equal(spoilt(), 0);
	begin();
	ev.seq = 5; /* now the other has room */
	v->i = 12;
	ok(cells_tally(cells, &kpi->measures[SPREAD], &ev, -1, day0, &err));
	commit();
	assert_int_equal(totals().spread, HIST_VALUES_MAX - 1);
	assert_int_equal(spoilt(), 1);
	close_store();
}

static void a_broken_row_of_the_log_refuses_nothing(void **unused)
{
	(void)unused;
	open_store(100);
	for (int batch = 0; batch < 3; batch++) {
		begin();
		for (int i = 0; i < 20; i++)
			add(fact(i % 4, i % 2, i + batch * 7, 1));
		commit();
	}
	cells_free(cells);
	cells = NULL;
	store_close(store);
	sql("UPDATE set_log SET value = CAST(x'00' || substr(value, 2) AS BLOB) WHERE seq = 2");
	open_again(100);
	begin();
	add(fact(0, 1, 1, 1));
	commit();
	assert_int_equal(spoilt(), 4);
	same_as_the_log(); /* which says nothing of days that are to be counted again */
	assert_int_equal(mend_all(), 4);
	same_as_the_log();
	close_store();
}

static int start(void **unused)
{
	(void)unused;
	cx_lang = CX_EN;
	log_setup("test", LOG_ERROR, "text");
	fields[0] = (struct field){.name = (char *)(uintptr_t) "amount", .kind = FIELD_INTEGER};
	if (!mkdtemp(dir) || !tz_setup("America/Sao_Paulo"))
		return -1;
	day0 = tz_day_start(civil_day(2026, 3, 2));
	return 0;
}

static int end(void **unused)
{
	char command[64];
	(void)unused;
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(taken_out_is_as_never_in),
		cmocka_unit_test(beyond_the_groups_allowed), cmocka_unit_test(an_empty_cell_stays),
		cmocka_unit_test(days_that_learned_late),
		cmocka_unit_test(mending_is_all_or_nothing), cmocka_unit_test(too_many_values),
		cmocka_unit_test(a_broken_row_of_the_log_refuses_nothing)};
	return cmocka_run_group_tests(tests, start, end);
}
