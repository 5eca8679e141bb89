/* The JSON scanner: what is JSON, where its parts are, equality, batches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "json/decimal.h"
#include "json/scan.h"

static struct json_doc doc;
static struct cx_err err;

static int scan(const char *text)
{
	return json_scan(&doc, text, strlen(text), JSON_DEPTH, UINT32_MAX, &err);
}

static void accepted_and_refused(void **state)
{
	(void)state;
	static const char *const good[] = {"{}", "[]", " [ 1 , 2 ] ", "null", "true", "false", "0",
		"-0", "-1.5E+3", "\"\"", "\"\\u0041\\n\\/\"", "\"\x7f\"", "\"\\u0000\"",
		"\"\\uD834\\uDD1E\"", "\"\\uFFFF\"", "1.7976931348623157e308", "1e-400", "0e999999",
		"[[],{},[{}]]", "{\"a\":1,\"b\":{\"a\":2}}", "{\"\":0}", "\"\xf4\x8f\xbf\xbf\""};
	static const char *const bad[] = {"", " ", "{", "[", "[1", "[1,", "[1,]", "[,1]", "{,}",
		"{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:1}", "[1 2]", "01", "-", "-a",
		"1.", ".5", "1e", "1e+", "+1", "0x1", "NaN", "Infinity", "nul", "True", "'a'", "\"",
		"\"a", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\n\"", "\"\\ud800\"",
		"\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800x\"", "\"\xff\"", "\"\xc0\x80\"",
		"\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe0\x80\x80\"",
		"\"\xf0\x80\x80\x80\"", "\"\xe2\x82\"", "\xef\xbb\xbf{}", "{} {}", "[]]", "}",
		"\f1", "1//", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}",
		"[{\"b\":0,\"a\":1,\"b\":1}]"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (scan(good[i]) != CX_OK)
			fail_msg("refused: %s (%s)", good[i], err.msg);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (scan(bad[i]) != CX_E_BAD_JSON)
			fail_msg("accepted: %s", bad[i]);
	assert_int_equal(json_scan(&doc, "\"a\0b\"", 5, 32, 10, &err), CX_E_BAD_JSON);
	assert_int_equal(json_scan(&doc, NULL, 0, 32, 10, NULL), CX_E_BAD_JSON);
	cx_lang = CX_EN;
	assert_int_equal(scan("[1,2,x]"), CX_E_BAD_JSON);
	assert_non_null(strstr(err.msg, "byte 5"));
}

static void limits(void **state)
{
	(void)state;
	static const char *const wide[] = {
		"1e309", "-1e400", "1.8e308", "1e99999999999999999999", "[123456789e301]"};
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
		assert_int_equal(scan(wide[i]), CX_E_NUMBER_RANGE);
	char *big = malloc(400);
	memset(big, '9', 399);
	big[399] = 0;
	assert_int_equal(scan(big), CX_E_NUMBER_RANGE);
	big[308] = 0;
	assert_int_equal(scan(big), CX_OK);
	free(big);
	char deep[80];
	memset(deep, '[', 33);
	memset(deep + 33, ']', 33);
	assert_int_equal(json_scan(&doc, deep, 66, 32, 100, &err), CX_E_TOO_DEEP);
	assert_int_equal(json_scan(&doc, deep + 1, 64, 32, 100, &err), CX_OK);
	assert_int_equal(json_scan(&doc, "[[1]]", 5, 1, 100, &err), CX_E_TOO_DEEP);
	assert_int_equal(json_scan(&doc, "[[1]]", 5, 99, 100, &err), CX_OK);
	assert_int_equal(json_scan(&doc, "[1,2]", 5, 32, 3, &err), CX_OK);
	assert_int_equal(json_scan(&doc, "[1,2]", 5, 32, 2, &err), CX_E_BODY_TOO_LARGE);
}

static void nodes(void **state)
{
	(void)state;
	struct arena a = {0};
	int64_t v;
	assert_int_equal(
		scan(" {\"a\" : [1,-0, 2.5], \"b\\u0062\":\"x\\ny\", \"\":{}, \"n\":\"\\u0000\"}"),
		CX_OK);
	assert_int_equal(doc.nodes[0].count, 4);
	assert_int_equal(doc.nodes[0].next, doc.n);
	uint32_t list = json_get(&doc, 0, "a"), text = json_get(&doc, 0, "bb");
	assert_int_equal(doc.nodes[list].type, JSON_ARRAY);
	assert_int_equal(doc.nodes[list].count, 3);
	assert_int_equal(doc.nodes[list + 1].type, JSON_INTEGER);
	assert_int_equal(doc.nodes[list + 2].type, JSON_NUMBER);
	assert_true(json_int64(&doc, list + 1, &v) && v == 1);
	assert_false(json_int64(&doc, list + 2, &v));
	struct str s = json_text(&doc, text, &a);
	assert_int_equal(s.n, 3);
	assert_memory_equal(s.p, "x\ny", 3);
	s = json_raw(&doc, text);
	assert_memory_equal(s.p, "\"x\\ny\"", s.n);
	assert_int_equal(doc.nodes[text].escaped, JSON_ESCAPED);
	assert_int_equal(doc.nodes[json_get(&doc, 0, "n")].escaped, JSON_ESCAPED_NUL);
	assert_int_equal(doc.nodes[json_get(&doc, 0, "")].type, JSON_OBJECT);
	assert_int_equal(json_get(&doc, 0, "b"), 0);
	assert_int_equal(json_get(&doc, list, "a"), 0);
	scan("[9223372036854775807,-9223372036854775808,9223372036854775808,-9223372036854775809,"
	     "18446744073709551617]");
	assert_true(json_int64(&doc, 1, &v) && v == INT64_MAX);
	assert_true(json_int64(&doc, 2, &v) && v == INT64_MIN);
	assert_false(json_int64(&doc, 3, &v));
	assert_false(json_int64(&doc, 4, &v));
	assert_false(json_int64(&doc, 5, &v));
	arena_free(&a);
}

static void canonical(struct buf *out, const char *text)
{
	if (scan(text) != CX_OK)
		fail_msg("refused: %s (%s)", text, err.msg);
	buf_clear(out);
	json_canonical(&doc, 0, out);
	buf_cstr(out);
}

static void equality(void **state)
{
	(void)state;
	static const char *const same[][2] = {{"1", "1.0"}, {"1", "10e-1"}, {"100", "1e2"},
		{"-0", "0"}, {"0.0e5", "0"}, {"0.001", "1E-3"}, {"120.50", "1.205e+2"},
		{"{\"a\":1,\"b\":2}", "{ \"b\":2.0, \"a\" : 1}"}, {"\"\\u0061\\/\"", "\"a/\""},
		{"\"\\u00e9\"", "\"\xc3\xa9\""}, {"\"\\uD834\\uDD1E\"", "\"\xf0\x9d\x84\x9e\""},
		{"\"\\u007f\"", "\"\x7f\""}, {"\"\\n\"", "\"\\u000a\""},
		{"\"\\\"\"", "\"\\u0022\""}, {"[ ]", "[]"}, {"{ }", "{}"},
		{"{\"\\u0062\":1,\"a\":2}", "{\"a\":2,\"b\":1}"}};
	static const char *const other[][2] = {{"9007199254740993", "9007199254740992"},
		{"0.1", "0.10000000000000001"}, {"1", "\"1\""}, {"1", "-1"}, {"null", "\"null\""},
		{"[1,2]", "[2,1]"}, {"{\"a\":null}", "{}"}, {"[]", "{}"}, {"\"a\"", "\"A\""},
		{"[[1],2]", "[[1,2]]"}, {"{\"a\":\"b\"}", "{\"b\":\"a\"}"}, {"1e-400", "0"},
		{"\"\\\\n\"", "\"\\n\""}};
	struct buf x = {0}, y = {0};
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		canonical(&x, same[i][0]);
		canonical(&y, same[i][1]);
		assert_string_equal(x.p, y.p);
		/* the form is JSON and its own form */
		canonical(&y, x.p);
		assert_string_equal(x.p, y.p);
	}
	for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
		canonical(&x, other[i][0]);
		canonical(&y, other[i][1]);
		assert_string_not_equal(x.p, y.p);
	}
	scan(" { \"a b\" : [ 1.50 , \"x \\\" y\" ] ,\n\"c\":{ } } ");
	buf_clear(&x);
	json_compact(&doc, 0, &x);
	assert_string_equal(buf_cstr(&x), "{\"a b\":[1.50,\"x \\\" y\"],\"c\":{}}");
	buf_free(&x);
	buf_free(&y);
}

/* 60,000 members must take no longer than sorting them. */
static void many_members(void **state)
{
	(void)state;
	struct buf b = {0}, x = {0};
	jw_obj(&b);
	for (int i = 0; i < 60000; i++) {
		char key[32];
		snprintf(key, sizeof key, "%s%d", "a_rather_long_prefix", (i * 7919) % 60000);
		jw_kint(&b, key, i);
	}
	jw_obj_end(&b);
	clock_t from = clock(); /* CPU time: what others do beside it does not count */
	assert_int_equal(json_scan(&doc, b.p, b.len, 32, UINT32_MAX, &err), CX_OK);
	json_canonical(&doc, 0, &x);
	assert_true(clock() - from < 2 * CLOCKS_PER_SEC);
	b.len--;
	jw_kint(&b, "a_rather_long_prefix59999", 1);
	jw_obj_end(&b);
	assert_int_equal(json_scan(&doc, b.p, b.len, 32, UINT32_MAX, &err), CX_E_BAD_JSON);
	buf_free(&b);
	buf_free(&x);
}

static void batches(void **state)
{
	(void)state;
	struct json_items items = {0};
	const char *text = " [ {\"a\":[1,{\"b\":2}]} , 3,\"x\" ,[]] ";
	assert_int_equal(json_split_array(&items, text, strlen(text), 10, &err), CX_OK);
	assert_int_equal(items.n, 4);
	assert_false(items.more);
	assert_memory_equal(items.v[0].p, "{\"a\":[1,{\"b\":2}]}", items.v[0].n);
	assert_memory_equal(items.v[2].p, "\"x\"", items.v[2].n);
	assert_int_equal(items.v[3].n, 2);
	assert_int_equal(json_split_array(&items, text, strlen(text), 3, &err), CX_OK);
	assert_int_equal(items.n, 3);
	assert_true(items.more);
	assert_int_equal(json_split_array(&items, "[]", 2, 3, &err), CX_OK);
	assert_int_equal(items.n, 0);
	assert_false(items.more);
	static const char *const bad[] = {"", "[", "[1", "[1,", "[1,]", "[1]x", "{}", "1", "[{]",
		"[{\"a\":1,\"a\":1}]", "[[{\"a\":[1,2],\"b\":0,\"a\":1}]]", "[,]", "[1 1]"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (json_split_array(&items, bad[i], strlen(bad[i]), 9, &err) != CX_E_BAD_JSON)
			fail_msg("accepted: %s", bad[i]);
	char deep[80];
	memset(deep, '[', 34);
	memset(deep + 34, ']', 34);
	assert_int_equal(json_split_array(&items, deep, 68, 9, &err), CX_E_TOO_DEEP);
	assert_int_equal(json_split_array(&items, deep + 1, 66, 9, &err), CX_OK);
	const char *lines = "\n{\"a\":1}\r\n  \n\tx \n{}";
	json_split_lines(&items, lines, strlen(lines), 10);
	assert_int_equal(items.n, 3);
	assert_memory_equal(items.v[0].p, "{\"a\":1}", items.v[0].n);
	assert_int_equal(items.v[0].n, 7);
	assert_int_equal(items.v[1].n, 1);
	assert_int_equal(items.v[2].n, 2);
	json_split_lines(&items, lines, strlen(lines), 2);
	assert_true(items.more);
	json_split_lines(&items, lines, strlen(lines), 3);
	assert_false(items.more);
	free(items.v);
}

static void decimals(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int scale, fit;
		int64_t v;
	} rows[] = {{"12.34", 2, DECIMAL_FITS, 1234}, {"12.340", 2, DECIMAL_FITS, 1234},
		{"12.345", 2, DECIMAL_TOO_FINE, 0}, {"-0.05", 2, DECIMAL_FITS, -5},
		{"1e3", 0, DECIMAL_FITS, 1000}, {"1.5e1", 0, DECIMAL_FITS, 15},
		{"9007199254740991", 0, DECIMAL_FITS, 9007199254740991}, {"-0", 3, DECIMAL_FITS, 0},
		{"9007199254740992", 0, DECIMAL_TOO_BIG, 0}, {"1e300", 2, DECIMAL_TOO_BIG, 0},
		{"1e-300", 2, DECIMAL_TOO_FINE, 0}, {"0.29", 2, DECIMAL_FITS, 29},
		{"0007.10", 1, DECIMAL_FITS, 71},
		{"1000000000000000000000000000000000000000", 0, DECIMAL_TOO_BIG, 0}};
	struct json_decimal d;
	int64_t v;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct str s = {rows[i].text, (uint32_t)strlen(rows[i].text)};
		assert_true(json_decimal(s, &d));
		assert_int_equal(
			json_decimal_units(&d, rows[i].scale, 9007199254740991, &v), rows[i].fit);
		if (rows[i].fit == DECIMAL_FITS)
			assert_int_equal(v, rows[i].v);
	}
	static const char *const bad[] = {"", "-", "a", "1.", ".5", "1.2.3", "1e", "1e+", "1,5",
		"1 ", "--1", "1e99999999999999999"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(json_decimal((struct str){bad[i], (uint32_t)strlen(bad[i])}, &d));
}

static char *slurp(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		return NULL;
	struct buf b = {0};
	char part[4096];
	for (size_t got; (got = fread(part, 1, sizeof part, f)) > 0;)
		buf_add(&b, part, got);
	fclose(f);
	*n = b.len;
	return buf_cstr(&b);
}

/* JSONTestSuite, where the folder with its manifest is given in CXD_JSON_SUITE. */
static void suite(void **state)
{
	(void)state;
	const char *dir = getenv("CXD_JSON_SUITE");
	char path[600];
	size_t n;
	snprintf(path, sizeof path, "%s/manifest.json", dir ? dir : "");
	char *text = dir ? slurp(path, &n) : NULL;
	if (!text)
		skip();
	struct json_doc list = {0};
	struct arena a = {0};
	int wrong = 0;
	assert_int_equal(json_scan(&list, text, n, 32, UINT32_MAX, &err), CX_OK);
	for (uint32_t i = 1; i < list.n; i = list.nodes[i].next) {
		struct str file = json_text(&list, json_get(&list, i, "file"), &a);
		struct str expect = json_text(&list, json_get(&list, i, "expect"), &a);
		size_t len;
		snprintf(path, sizeof path, "%s/test_parsing/%.*s", dir, (int)file.n, file.p);
		char *body = slurp(path, &len);
		bool ok = json_scan(&doc, body, len, 32, UINT32_MAX, &err) == CX_OK;
		free(body);
		bool exception = strncmp(file.p, "y_object_duplicated_key", 23) == 0;
		if ((expect.p[0] == 'r' && ok) || (expect.p[0] == 'a' && !ok && !exception)) {
			print_error("%.*s: %s\n", (int)file.n, file.p, ok ? "accepted" : err.msg);
			wrong++;
		}
	}
	assert_true(list.nodes[0].count > 100);
	assert_int_equal(wrong, 0);
	json_doc_free(&list);
	arena_free(&a);
	free(text);
}

static int tidy(void **state)
{
	(void)state;
	json_doc_free(&doc);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(accepted_and_refused),
		cmocka_unit_test(limits), cmocka_unit_test(nodes), cmocka_unit_test(equality),
		cmocka_unit_test(many_members), cmocka_unit_test(batches),
		cmocka_unit_test(decimals), cmocka_unit_test(suite)};
	return cmocka_run_group_tests(tests, NULL, tidy);
}
