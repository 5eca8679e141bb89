/* base/: buffers and the JSON written into them, arenas, ids, errors and their answers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/ids.h"
#include "base/problem.h"
#include "base/text.h"

static void buffers(void **state)
{
	(void)state;
	struct buf b = {0};
	buf_drop(&b, 5);
	assert_string_equal(buf_cstr(&b), "");
	buf_add(&b, "hello", 5);
	buf_add(&b, NULL, 0);
	buf_puts(&b, " world");
	buf_drop(&b, 6);
	assert_string_equal(buf_cstr(&b), "world");
	buf_clear(&b);
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "%04d", i);
	assert_int_equal(b.len, 4000);
	assert_memory_equal(b.p + 3996, "0999", 4);
	buf_clear(&b);
	buf_printf(&b, "%5000d", 1); /* longer than what was reserved at first */
	assert_int_equal(b.len, 5000);
	assert_int_equal(b.p[4999], '1');
	buf_drop(&b, 5001);
	assert_int_equal(b.len, 0);
	buf_free(&b);
	assert_null(b.p);
}

static void json(void **state)
{
	(void)state;
	struct buf b = {0};
	jw_obj(&b);
	jw_kstr(&b, "a", "x\"\\\n\r\t\x01\x7f/\xc3\xa9");
	jw_kint(&b, "b", INT64_MIN);
	jw_kint(&b, "c", INT64_MAX);
	jw_kbool(&b, "d", false);
	jw_knull(&b, "e");
	jw_key(&b, "f");
	jw_arr(&b);
	jw_int(&b, 0);
	jw_obj(&b);
	jw_obj_end(&b);
	jw_arr(&b);
	jw_arr_end(&b);
	jw_str(&b, NULL);
	jw_strn(&b, "[", 1);
	jw_raw(&b, "{\"q\":1}", 7);
	jw_bool(&b, true);
	jw_arr_end(&b);
	jw_kstr(&b, "g{", ":");
	jw_kdouble(&b, "h", 0.5);
	jw_obj_end(&b);
	assert_string_equal(buf_cstr(&b),
		"{\"a\":\"x\\\"\\\\\\n\\r\\t\\u0001\\u007f/\xc3\xa9\",\"b\":-9223372036854775808,"
		"\"c\":9223372036854775807,\"d\":false,\"e\":null,"
		"\"f\":[0,{},[],null,\"[\",{\"q\":1},true],\"g{\":\":\",\"h\":0.5}");
	buf_free(&b);
}

static void doubles(void **state)
{
	(void)state;
	static const double values[] = {0, 1, -1, 0.1, 1.0 / 3, 1e21, 1e-7, 5e-324,
		1.7976931348623157e308, 9007199254740993.0, 123456789.123456789, 64.7, 2.675};
	struct buf b = {0};
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		buf_clear(&b);
		jw_double(&b, values[i]);
		assert_true(strtod(buf_cstr(&b), NULL) == values[i]);
	}
	buf_clear(&b);
	jw_arr(&b);
	jw_double(&b, 64.7);
	jw_double(&b, (double)NAN);
	jw_double(&b, -(double)INFINITY);
	jw_arr_end(&b);
	assert_string_equal(buf_cstr(&b), "[64.7,null,null]");
	buf_free(&b);
}

/* As printf has it: with 15 significant digits, or more if those do not read back the same. */
static void same_as_printf(double v)
{
	struct buf b = {0};
	char t[40];
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(t, sizeof t, "%.*g", digits, v);
		if (strtod(t, NULL) == v)
			break;
	}
	jw_double(&b, v);
	assert_string_equal(buf_cstr(&b), t);
	buf_free(&b);
}

static void doubles_as_printf(void **state)
{
	(void)state;
	static const double values[] = {0, -0.0, 1e15, 999999999999999.9, 1e14,
		9.9999999999999995e-5, 1e-4, 0.001, 0.1, 0.3, 0.5, 1, 2, 1024, 0.0009765625,
		4503599627370496, 1e16, 1e17, 1e22, 1e23, 5e-324, 2.2250738585072014e-308,
		1.7976931348623157e308, 1.005, 9.995};
	uint64_t x = 1, bits;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		same_as_printf(values[i]);
		same_as_printf(-values[i]);
		same_as_printf(nextafter(values[i], -1));
		same_as_printf(nextafter(values[i], 1e300));
	}
	for (int e = -20; e < 60; e++) { /* powers of two, where steps change */
		same_as_printf(ldexp(1, e));
		same_as_printf(nextafter(ldexp(1, e), 0));
		same_as_printf(nextafter(ldexp(1, e), 1e300));
	}
	for (int i = 0; i < 200000; i++) {
		double any;
		x = x * 6364136223846793005u + 1442695040888963407u;
		bits = x ^ x >> 29;
		same_as_printf((double)(bits >> 11) / (double)(1 + (bits & 0xffff)));
		same_as_printf((double)(int64_t)(bits >> 40) / 1000);
		same_as_printf(ldexp((double)(bits >> 11), -45 - (int)(bits % 30)));
		memcpy(&any, &bits, sizeof any);
		if (isfinite(any))
			same_as_printf(any);
	}
}

static void arenas(void **state)
{
	(void)state;
	struct arena a = {0};
	struct str s = arena_str(&a, "abcd", 3);
	assert_string_equal(s.p, "abc");
	assert_int_equal(s.n, 3);
	char *small = arena_alloc(&a, 1), *big = arena_alloc(&a, 1 << 20);
	assert_int_equal((uintptr_t)small % 16, 0);
	assert_int_equal((uintptr_t)big % 16, 0);
	memset(big, 1, 1 << 20);
	for (int i = 0; i < 100000; i++)
		memset(arena_alloc(&a, 7), 2, 7);
	assert_string_equal(s.p, "abc");
	arena_reset(&a);
	assert_ptr_equal(arena_alloc(&a, 1), s.p);
	arena_free(&a);
	arena_reset(&a);
	assert_null(a.first);
}

static void ids(void **state)
{
	(void)state;
	static const uint8_t max[ULID_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	uint8_t id[ULID_BYTES], next[ULID_BYTES];
	char text[ULID_TEXT], later[ULID_TEXT], hex[9];
	ulid_text(max, text);
	assert_string_equal(text, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
	ulid_make(1469918176385, id); /* the example of the specification */
	ulid_text(id, text);
	assert_memory_equal(text, "01ARYZ6S41", 10);
	assert_int_equal(strlen(text), 26);
	ulid_make(1469918176386, next);
	ulid_text(next, later);
	assert_true(strcmp(text, later) < 0);
	for (int i = 0; i < 200; i++) {
		ulid_make(1469918176386, id);
		assert_memory_not_equal(id, next, sizeof id);
		memcpy(next, id, sizeof id);
	}
	hex_text((const uint8_t[]){0, 0x9a, 0xff, 0x10}, 4, hex);
	assert_string_equal(hex, "009aff10");
	uint8_t many[1000] = {0}, none[100] = {0};
	random_bytes(many, sizeof many);
	assert_memory_not_equal(many + 900, none, 100);
}

static void errors(void **state)
{
	(void)state;
	struct cx_err e = {0};
	struct cx_errs l = {0};
	struct buf b = {0};
	cx_lang = CX_EN;
	assert_int_equal(cx_fail(NULL, CX_E_BAD_JSON, NULL, "x"), CX_E_BAD_JSON);
	assert_int_equal(cx_fail(&e, CX_E_INVALID_FIELD, "data.score", "at most %d", 10),
		CX_E_INVALID_FIELD);
	assert_string_equal(cx_err_name(e.code), "invalid_field");
	assert_int_equal(cx_err_status(e.code), 422);
	assert_string_equal(cx_err_title(e.code), "Invalid field");
	assert_string_equal(cx_err_name(12345), "internal");
	assert_string_equal(cx_err_name(-12345), "internal");
	assert_int_equal(problem_write(&b, &e), 422);
	assert_string_equal(buf_cstr(&b),
		"{\"type\":\"urn:cxd:problem:invalid_field\","
		"\"title\":\"Invalid field\",\"status\":422,\"detail\":\"at most 10\","
		"\"code\":\"invalid_field\",\"field\":\"data.score\"}");
	cx_lang = CX_PT;
	assert_string_equal(cx_err_title(e.code), "Campo inválido");
	for (int i = 0; i < CX_ERRS_MAX + 3; i++)
		cx_errs_add(&l, CX_E_UNKNOWN_FIELD, "x", "%d", i);
	assert_int_equal(l.n, CX_ERRS_MAX + 3);
	assert_string_equal(l.v[CX_ERRS_MAX - 1].msg, "15");
	buf_clear(&b);
	assert_int_equal(problem_write_list(&b, &l), 422);
	assert_non_null(strstr(buf_cstr(&b), "\"errors_more\":3}"));
	assert_non_null(strstr(b.p, "\"errors\":[{\"field\":\"x\",\"code\":\"unknown_field\","));
	char longest[600];
	memset(longest, 'a', sizeof longest - 1);
	longest[sizeof longest - 1] = 0;
	cx_fail(&e, CX_E_INTERNAL, longest, "%s", longest);
	assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
	assert_int_equal(strlen(e.field), sizeof e.field - 1);
	buf_free(&b);
}

static void texts(void **state)
{
	static const char *const good[] = {"", "a~", "\xc2\x80", "\xed\x9f\xbf", "\xef\xbf\xbf",
		"\xf4\x8f\xbf\xbf"},
				 *const bad[] = {"\x80", "\xc1\xbf", "\xc3", "\xe0\x9f\xbf",
					 "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82 "};
	char out[SHOWN_MAX];
	struct buf b = {0};
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(utf8_ok(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(utf8_ok(bad[i], strlen(bad[i])));
	assert_false(utf8_ok("a\0b", 3));
	assert_int_equal(percent_decode("a%2Fb+c%C3%a9", 13, false, out, sizeof out), 7);
	assert_memory_equal(out, "a/b+c\xc3\xa9", 7);
	assert_int_equal(percent_decode("a+b", 3, true, out, 3), 3);
	assert_memory_equal(out, "a b", 3);
	assert_int_equal(percent_decode("abcd", 4, true, out, 3), -1);
	assert_int_equal(percent_decode("%4", 2, false, out, sizeof out), -1);
	assert_int_equal(percent_decode("%g0", 3, false, out, sizeof out), -1);
	percent_encode(&b, "a/b c~\xc3\xa9");
	assert_string_equal(buf_cstr(&b), "a%2Fb%20c~%C3%A9");
	buf_clear(&b);
	for (int i = 0; i < 50; i++)
		buf_puts(&b, "\xc3\xa9");
	words_show(out, (struct str){b.p, (uint32_t)b.len});
	assert_true(utf8_ok(out, strlen(out)) && strlen(out) < SHOWN_MAX && strstr(out, "…"));
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(buffers), cmocka_unit_test(json),
		cmocka_unit_test(doubles), cmocka_unit_test(doubles_as_printf),
		cmocka_unit_test(arenas), cmocka_unit_test(ids), cmocka_unit_test(errors),
		cmocka_unit_test(texts)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
