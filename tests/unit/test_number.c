#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "kpi/number.h"

#define NB "\u00a0"
#define MI "\u2212"

struct row {
	double value;
	const char *format;
	int decimals, scale;
	const char *currency, *pt, *en;
};

static const struct row rows[] = {
	{123456, "money", -1, 2, "BRL", "R$" NB "1.234,56", "R$1,234.56"},
	{-123456, "money", -1, 2, "BRL", MI "R$" NB "1.234,56", MI "R$1,234.56"},
	{5, "money", -1, 2, "BRL", "R$" NB "0,05", "R$0.05"},
	{0.5, "money", -1, 2, "BRL", "R$" NB "0,01", "R$0.01"},
	{1234567, "money", -1, 0, "JPY", "JPY" NB "1.234.567", "JPY" NB "1,234,567"},
	{1234567, "money", -1, 3, "KWD", "KWD" NB "1.234,567", "KWD" NB "1,234.567"},
	{184212345678.0, "money", -1, 2, "BRL", "R$" NB "1.842.123.456,78", "R$1,842,123,456.78"},
	{23.64, "%", -1, 0, NULL, "23,6" NB "%", "23.6" NB "%"},
	{100, "%", -1, 0, NULL, "100,0" NB "%", "100.0" NB "%"},
	{39.98, "points", -1, 0, NULL, "40", "40"},
	{39.98, "points", 2, 0, NULL, "39,98", "39.98"},
	{-33.3, "points", -1, 0, NULL, MI "33", MI "33"},
	{0.5, "points", -1, 0, NULL, "1", "1"},
	{-0.5, "points", -1, 0, NULL, MI "1", MI "1"},
	{1.5, "points", -1, 0, NULL, "2", "2"},
	{2.5, "points", -1, 0, NULL, "3", "3"},
	{0.49999, "points", -1, 0, NULL, "0", "0"},
	{-0.4, "points", -1, 0, NULL, "0", "0"},
	{-0.0, "points", -1, 0, NULL, "0", "0"},
	{1.005, "points", 2, 0, NULL, "1,01", "1.01"},
	{2.675, "points", 2, 0, NULL, "2,68", "2.68"},
	{9.995, "points", 2, 0, NULL, "10,00", "10.00"},
	{999.95, "points", 1, 0, NULL, "1.000,0", "1,000.0"},
	{0.05, "points", 1, 0, NULL, "0,1", "0.1"},
	{0.04, "points", 1, 0, NULL, "0,0", "0.0"},
	{1208, NULL, -1, 0, NULL, "1.208", "1,208"},
	{5.4, "number", -1, 0, NULL, "5,4", "5.4"},
	{5.432, "number", -1, 0, NULL, "5,43", "5.43"},
	{4.999, "number", -1, 0, NULL, "5", "5"},
	{0.001, "number", -1, 0, NULL, "0", "0"},
	{1234567.5, "integer", -1, 0, NULL, "1.234.568", "1,234,568"},
	{100, "integer", -1, 0, NULL, "100", "100"},
	{1e15, "integer", -1, 0, NULL, "1.000.000.000.000.000", "1,000,000,000,000,000"},
	{1.5e300, "number", -1, 0, NULL, "1,5e+300", "1.5e+300"},
	{-3.25, "°C", 1, 0, NULL, MI "3,3" NB "°C", MI "3.3" NB "°C"},
	{160000, "duration", -1, 0, NULL, "2min40", "2min40"},
	{350, "duration", -1, 0, NULL, "350" NB "ms", "350" NB "ms"},
	{42000, "duration", -1, 0, NULL, "42" NB "s", "42" NB "s"},
	{-11100000, "duration", -1, 0, NULL, MI "3h05", MI "3h05"},
	{4 * 864e5, "duration", -1, 0, NULL, "4d", "4d"},
	{4 * 864e5 + 36e5, "duration", -1, 0, NULL, "4d" NB "1h", "4d" NB "1h"},
};

static void texts(void **unused)
{
	char out[NUMBER_TEXT];
	(void)unused;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *r = &rows[i];
		cx_lang = CX_PT;
		number_text(out, r->value, false, r->format, r->decimals, r->scale, r->currency);
		assert_string_equal(out, r->pt);
		cx_lang = CX_EN;
		number_text(out, r->value, false, r->format, r->decimals, r->scale, r->currency);
		assert_string_equal(out, r->en);
	}
}

static void no_number(void **unused)
{
	char out[NUMBER_TEXT];
	(void)unused;
	number_text(out, 1, true, "points", -1, 0, NULL);
	assert_string_equal(out, "—");
	number_text(out, NAN, false, "points", -1, 0, NULL);
	assert_string_equal(out, "—");
	number_text(out, -INFINITY, false, "duration", -1, 0, NULL);
	assert_string_equal(out, "—");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(no_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
