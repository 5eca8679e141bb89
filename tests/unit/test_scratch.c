#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "store/scratch.h"

static char dir[64], file[100];
static struct scratch *s;
static struct cx_err e;
static int64_t rows;
static struct buf bad; /* "line: why\n" of the records refused */

static int on_bad(void *ctx, int64_t line, const char *why)
{
	buf_printf(ctx, "%d: %s\n", (int)line, why);
	return 0;
}
static const struct scratch_bad refusals = {on_bad, &bad};

static int make(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/cxd-scratch-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof file, "%s/t.csv", dir);
	cx_lang = CX_EN;
	assert_int_equal(scratch_open(&s, dir, &e), CX_OK);
	return 0;
}

static int clear(void **state)
{
	(void)state;
	scratch_close(s);
	buf_free(&bad);
	unlink(file);
	return rmdir(dir); /* the scratch file is gone */
}

static int load(const char *text, size_t n, char delimiter, const char *encoding)
{
	FILE *f = fopen(file, "wb");
	assert_non_null(f);
	fwrite(text, 1, n, f);
	fclose(f);
	return scratch_load(s, "t", file, delimiter, encoding, &refusals, &rows, &e);
}

#define LOAD(text) load(text, sizeof(text) - 1, ',', NULL)

static int show(void *ctx, const struct scratch_row *r)
{
	for (int i = 0; i < r->ncols; i++)
		buf_printf(ctx, "%s=%s;", r->names[i], r->values[i].p ? r->values[i].p : "NULL");
	return 0;
}

static void expect(const char *sql, const char *what)
{
	struct buf b = {0};
	assert_int_equal(scratch_rows(s, sql, show, &b, &e), CX_OK);
	assert_string_equal(buf_cstr(&b), what);
	buf_free(&b);
}

static void rows_know_their_line(void **state)
{
	(void)state;
	assert_int_equal(LOAD("\xef\xbb\xbf"
			      "Id,the name\r\n1, a \n\n2,\"x\n\n\"\"y\"\"\"\n3,\n,\"\""),
		CX_OK);
	assert_int_equal(rows, 4);
	expect("select rowid, * from t",
		"rowid=2;Id=1;the name= a ;rowid=4;Id=2;the name=x\n\n\"y\";"
		"rowid=7;Id=3;the name=NULL;rowid=8;Id=NULL;the name=NULL;");
	expect("select count(*) as n from t;", "n=4;");
}

static void refused(int rc, const char *where)
{
	assert_int_equal(rc, CX_E_BAD_REQUEST);
	if (!strstr(e.msg, where))
		fail_msg("%s not in: %s", where, e.msg);
}

static void mistakes_of_a_file(void **state)
{
	(void)state;
	refused(scratch_load(s, "u", "/nowhere/x.csv", ',', NULL, &refusals, &rows, &e),
		"/nowhere/x.csv: No such");
	refused(scratch_load(s, "u", file, ',', "klingon", &refusals, &rows, &e),
		"unknown encoding: klingon; examples: utf-8, latin-1");
}

static void more_mistakes(const char *text, size_t n, const char *where)
{
	scratch_close(s);
	assert_int_equal(scratch_open(&s, dir, &e), CX_OK);
	refused(load(text, n, ',', NULL), where);
}
#define MISTAKE(text, where) more_mistakes(text, sizeof(text) - 1, where)

static void mistakes_of_a_header(void **state)
{
	(void)state;
	MISTAKE("a,,b\n1,2,3\n", "t.csv:1: a column");
	MISTAKE("a,A\n", "t.csv:1: duplicate column");
	MISTAKE("a,\"b\n1,2\n",
		"t.csv:1: the quotes that open here are never closed (lines 1 to 2)");
	MISTAKE("a,\xff\n1,2\n", "t.csv:1: text that is not");
	MISTAKE("a\"b,c\n1,2\n", "t.csv:1: misplaced quote");
	MISTAKE("", "t.csv:1: the file has no header");
	assert_int_equal(bad.len, 0);
}

/* The records with mistakes are told, the others are there. */
static void left_out(const char *text, size_t n, const char *told, const char *there)
{
	scratch_close(s);
	assert_int_equal(scratch_open(&s, dir, &e), CX_OK);
	buf_clear(&bad);
	assert_int_equal(load(text, n, ',', NULL), CX_OK);
	if (!strstr(buf_cstr(&bad), told))
		fail_msg("%s not in: %s", told, buf_cstr(&bad));
	assert_ptr_equal(strchr(bad.p, '\n'), bad.p + bad.len - 1);
	expect("select group_concat(rowid || '=' || a || b, ' ') as all_rows from t", there);
}
#define LEFT_OUT(text, told, there) left_out(text, sizeof(text) - 1, told, "all_rows=" there ";")

static void a_broken_record_is_left_out(void **state)
{
	(void)state;
	LEFT_OUT("a,b\n1,2\n\n3\n5,6\n", "4: the row has 1 field, the header has 2", "2=12 5=56");
	LEFT_OUT("a,b\n1,2,3\n5,6\n", "2: the row has 3", "3=56");
	LEFT_OUT("a,b\n1,x\"y\"\n5,6\n", "2: misplaced quote", "3=56");
	LEFT_OUT("a,b\n1,\"x\"y\n5,\"6\n\"\n7,8\n", "2: misplaced quote", "3=56\n 5=78");
	LEFT_OUT("a,b\n1,\"x\n4,\"5\"\n6,7\n",
		"2: misplaced quote: a field with quotes is "
		"\"…\", those inside doubled (lines 2 to 3)",
		"4=67");
	LEFT_OUT("a,b\n1,2\n3,\"x\n4,5\n",
		"3: the quotes that open here are never closed (lines 3 "
		"to 4)",
		"2=12");
	LEFT_OUT("a,b\n1,2\n3,\xff\xfe\n5,6\n", "3: text that is not", "2=12 4=56");
	LEFT_OUT("a,b\n3,\"x\n\xff\"\n5,6",
		"2: text that is not in the declared encoding (lines 2 to "
		"3)",
		"4=56");
	LEFT_OUT("a,b\n1,\0\n5,6\n", "2: zero byte", "3=56");
	LEFT_OUT("a,b\n5,6\n1,\xc3", "3: text that is not", "2=56");
}

static int stop(void *ctx, int64_t line, const char *why)
{
	(void)ctx, (void)line, (void)why;
	return CX_E_CONFLICT;
}

static void refusals_may_end_it(void **state)
{
	const struct scratch_bad end = {stop, NULL};
	(void)state;
	assert_int_equal(LOAD("a,b\n1\n2\n"), CX_OK);
	assert_int_equal(scratch_load(s, "u", file, ',', NULL, &end, &rows, &e), CX_E_CONFLICT);
}

static void other_shapes(void **state)
{
	(void)state;
	assert_int_equal(load("n;v\n\xe1;1\n", 8, ';', "ISO-8859-1"), CX_OK);
	expect("select * from t", "n=\xc3\xa1;v=1;");
	assert_int_equal(scratch_load(s, "l", file, ';', "Latin-1", &refusals, &rows, &e), CX_OK);
	expect("select * from l", "n=\xc3\xa1;v=1;");
	gzFile gz = gzopen(file, "wb");
	for (int i = 0; i < 50000; i++)
		gzprintf(gz, i ? "%d,caf\xc3\xa9 %d\n" : "k,v\n", i, i);
	gzclose(gz);
	assert_int_equal(scratch_load(s, "z", file, ',', "utf-8", &refusals, &rows, &e), CX_OK);
	assert_int_equal(rows, 49999);
	expect("select sum(k) as s, max(length(v)) as l, max(rowid) as r from z",
		"s=1249975000;l=10;r=50000;");
	assert_int_equal(truncate(file, 50000), 0);
	refused(scratch_load(s, "cut", file, ',', NULL, &refusals, &rows, &e), "t.csv:");
}

static void only_reading(void **state)
{
	(void)state;
	refused(scratch_rows(s, "select b", show, NULL, &e), "no such column: b");
	assert_int_equal(LOAD("a\n1\n"), CX_OK);
	refused(scratch_rows(s, "delete from t", show, NULL, &e), "single select");
	refused(scratch_rows(s, "select 1; select 2", show, NULL, &e), "single select");
	refused(scratch_rows(s, "", show, NULL, &e), "single select");
	refused(scratch_rows(s, "select b from t", show, NULL, &e),
		"sql: no such column: b; there is t: a");
	assert_int_not_equal(scratch_rows(s, "attach '/tmp/x' as y", show, NULL, &e), CX_OK);
}

static int in_order(void *ctx, int part, int64_t row, const char *json, size_t n)
{
	buf_printf(ctx, "%d/%d:%.*s ", part, (int)row, (int)n, json);
	return 0;
}

static int add_event(void *ctx, const struct scratch_row *r)
{
	(void)ctx;
	return scratch_event_add(s, 5, 1, atoi(r->values[0].p), 0, "m", 1, &e);
}

static void events_come_by_time(void **state)
{
	struct buf b = {0};
	int64_t total;
	(void)state;
	assert_int_equal(LOAD("a\n1\n2\n"), CX_OK);
	assert_int_equal(scratch_event_add(s, 9, 0, 1, 0, "late", 4, &e), CX_OK);
	assert_int_equal(
		scratch_rows(s, "select rowid from t order by rowid desc", add_event, NULL, &e),
		CX_OK);
	assert_int_equal(scratch_event_add(s, 5, 0, 7, 1, "b", 1, &e), CX_OK);
	assert_int_equal(scratch_event_add(s, 5, 0, 7, 0, "a", 1, &e), CX_OK);
	assert_int_equal(scratch_events(s, in_order, &b, &total, &e), CX_OK);
	assert_int_equal(total, 5);
	assert_string_equal(buf_cstr(&b), "0/7:a 0/7:b 1/2:m 1/3:m 0/1:late ");
	buf_free(&b);
}

static void add_json(int64_t time_ms, int row, const char *json)
{
	assert_int_equal(scratch_event_add(s, time_ms, 0, row, 0, json, strlen(json), &e), CX_OK);
}

static int its_row(void *ctx, int part, int64_t row, const char *json, size_t n)
{
	(void)part, (void)json, (void)n;
	buf_printf(ctx, "%d ", (int)row);
	return 0;
}

static void corrections_come_after_what_they_correct(void **state)
{
	struct buf b = {0};
	int64_t total;
	(void)state;
	add_json(1, 1, "{\"id\":\"c2\",\"corrects\":\"c1\"}");
	add_json(2, 2, "{\"id\":\"c1\",\"corrects\":\"a\"}");
	add_json(3, 3, "{\"id\":\"x\",\"corrects\":\"a\",\"source\":\"other\"}");
	add_json(4, 4, "{\"id\":\"r1\",\"corrects\":\"r2\"}");
	add_json(4, 5, "{\"id\":\"r2\",\"corrects\":\"r1\"}");
	add_json(5, 6, "{\"id\":\"a\"}");
	add_json(5, 7, "{\"id\":\"d\",\"corrects\":\"in the store\"}");
	add_json(6, 8, "{\"id\":\"b\"}");
	add_json(9, 9, "{\"id\":\"c3\",\"corrects\":\"b\"}");
	assert_int_equal(scratch_events(s, its_row, &b, &total, &e), CX_OK);
	assert_string_equal(buf_cstr(&b), "3 4 5 6 7 2 1 8 9 ");
	buf_free(&b);
}

static int its_places(
	void *ctx, struct scratch_place of, struct scratch_place first, const char *id)
{
	buf_printf(ctx, "%s:%d after %d ", id, (int)of.row, (int)first.row);
	return 0;
}

static void of_one_id_the_first_stays(void **state)
{
	struct buf b = {0};
	int64_t total;
	(void)state;
	add_json(9, 1, "{\"id\":\"a\",\"n\":1}");
	add_json(2, 2, "{\"id\":\"a\",\"n\":2}");
	add_json(9, 3, "{\"id\":\"a\",\"n\":1}");
	add_json(1, 4, "{\"id\":\"a\",\"n\":2,\"source\":\"other\"}");
	add_json(3, 5, "{\"id\":\"b\",\"corrects\":\"a\"}");
	add_json(4, 6, "{\"id\":\"a\",\"n\":3}");
	assert_int_equal(scratch_conflicts(s, its_places, &b, &e), CX_OK);
	assert_string_equal(buf_cstr(&b), "a:2 after 1 a:6 after 1 ");
	buf_clear(&b);
	assert_int_equal(scratch_events(s, its_row, &b, &total, &e), CX_OK);
	assert_string_equal(buf_cstr(&b), "4 1 3 5 ");
	assert_int_equal(total, 4);
	buf_free(&b);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make, clear)
	const struct CMUnitTest tests[] = {T(rows_know_their_line), T(mistakes_of_a_file),
		T(mistakes_of_a_header), T(a_broken_record_is_left_out), T(refusals_may_end_it),
		T(other_shapes), T(only_reading), T(events_come_by_time),
		T(corrections_come_after_what_they_correct), T(of_one_id_the_first_stays)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
