#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/tz.h"
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

static void same(const char *got_pt, const char *got_en, const char *pt, const char *en)
{
	assert_string_equal(got_pt, pt);
	assert_string_equal(got_en, en);
}

static void once_and_away_from_zero(void **unused)
{
	static const struct {
		double p, d, n;
		const char *text;
	} nps[] = {{100, 50, 300, "17"}, {50, 100, 300, MI "17"}, {1, 0, 8, "13"}};
	char out[NUMBER_TEXT];
	(void)unused;
	cx_lang = CX_PT;
	for (size_t i = 0; i < sizeof nps / sizeof *nps; i++) {
		number_text(
			out, 100 * (nps[i].p - nps[i].d) / nps[i].n, false, "points", -1, 0, NULL);
		assert_string_equal(out, nps[i].text);
	}
	number_text(out, 100.0 * (1298 - 338) / 2401, false, "points", 0, 0, NULL);
	assert_string_equal(out, "40"); /* ledger, verdict, drawer */
	number_text(out, 100.0 * (1298 - 338) / 2401, false, "points", 1, 0, NULL);
	assert_string_equal(out, "40,0");
	number_text(out, 100.0 * (1298 - 338) / 2401, false, "points", 2, 0, NULL);
	assert_string_equal(out, "39,98");
}

static void compact(void **unused)
{
	static const struct row v[] = {
		{1842000000, "money", 0, 2, "BRL", "18,42" NB "mi" NB "R$", "R$18.42M"},
		{-1842000000, "money", 0, 2, "BRL", MI "18,42" NB "mi" NB "R$", MI "R$18.42M"},
		{99999999, "money", 0, 2, "BRL", "R$" NB "999.999,99", "R$999,999.99"},
		{100000000, "money", 0, 2, "BRL", "1,00" NB "mi" NB "R$", "R$1.00M"},
		{100500000, "money", 0, 2, "BRL", "1,01" NB "mi" NB "R$", "R$1.01M"},
		{99999999999.0, "money", 0, 2, "BRL", "1,00" NB "bi" NB "R$", "R$1.00B"},
		{99949999999.0, "money", 0, 2, "BRL", "999,50" NB "mi" NB "R$", "R$999.50M"},
		{1234567, "money", 0, 0, "JPY", "1,23" NB "mi" NB "JPY", "JPY" NB "1.23M"},
		{2.5e12, "number", 0, 0, NULL, "2,50" NB "tri", "2.50T"},
		{1234567, "number", 0, 0, NULL, "1,23" NB "mi", "1.23M"},
		{1208, NULL, 0, 0, NULL, "1.208", "1,208"},
		{9e9, "duration", 0, 0, NULL, "104d" NB "4h", "104d" NB "4h"},
	};
	char pt[NUMBER_TEXT], en[NUMBER_TEXT];
	(void)unused;
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		const struct row *r = &v[i];
		cx_lang = CX_PT;
		number_compact(pt, r->value, false, r->format, r->scale, r->currency);
		cx_lang = CX_EN;
		number_compact(en, r->value, false, r->format, r->scale, r->currency);
		same(pt, en, r->pt, r->en);
	}
	number_compact(en, 1e9, true, "money", 2, "BRL");
	assert_string_equal(en, "—");
}

static void changes(void **unused)
{
	static const struct {
		double now, before;
		const char *format, *pt, *en;
	} v[] = {
		{41.25, 27.75, "points", "+13,5" NB "pts", "+13.5" NB "pts"},
		{1.2, 0, "points", "+1,2" NB "pt", "+1.2" NB "pt"},
		{0, 1.2, "%", MI "1,2" NB "pt", MI "1.2" NB "pt"},
		{1.94, 0, "%", "+1,9" NB "pt", "+1.9" NB "pt"},
		{1.95, 0, "%", "+2,0" NB "pts", "+2.0" NB "pts"},
		{0, 2, "points", MI "2,0" NB "pts", MI "2.0" NB "pts"},
		{10, 0, "points", "+10,0" NB "pts", "+10.0" NB "pts"},
		{5, 5, "points", "0,0" NB "pt", "0.0" NB "pt"},
		{5, 5.04, "points", "0,0" NB "pt", "0.0" NB "pt"},
		{110500, 100000, "money", "+10,5" NB "%", "+10.5" NB "%"},
		{90000, 100000, "money", MI "10,0" NB "%", MI "10.0" NB "%"},
		{123456, 0, "money", "+R$" NB "1.234,56", "+R$1,234.56"},
		{100, -100, "money", "+R$" NB "2,00", "+R$2.00"},
		{1308, 100, "integer", "+1.208", "+1,208"},
		{5, 5.5, NULL, MI "0,5", MI "0.5"},
		{220000, 60000, "duration", "+2min40", "+2min40"},
		{60000, 220000, "duration", MI "2min40", MI "2min40"},
		{21.5, 20, "°C", "+1,5" NB "°C", "+1.5" NB "°C"},
		{INFINITY, 1, "points", "—", "—"},
	};
	char pt[NUMBER_TEXT], en[NUMBER_TEXT];
	(void)unused;
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		cx_lang = CX_PT;
		number_change_text(pt, v[i].now, v[i].before, v[i].format, 2, "BRL");
		cx_lang = CX_EN;
		number_change_text(en, v[i].now, v[i].before, v[i].format, 2, "BRL");
		same(pt, en, v[i].pt, v[i].en);
	}
}

static void small_ones(void **unused)
{
	char a[NUMBER_TEXT];
	(void)unused;
	cx_lang = CX_PT;
	number_count_text(a, 1208);
	assert_string_equal(a, "n=1.208");
	number_p_text(a, 0.086);
	assert_string_equal(a, "p=0,086");
	number_p_text(a, 0.41);
	assert_string_equal(a, "p=0,410");
	number_p_text(a, 0.00099);
	assert_string_equal(a, "p<0,001");
	number_rank_text(a, 3, 7);
	assert_string_equal(a, "3º a 7º");
	number_rank_text(a, 1, 1);
	assert_string_equal(a, "1º");
	cx_lang = CX_EN;
	number_count_text(a, 1208);
	assert_string_equal(a, "n=1,208");
	number_p_text(a, 1);
	assert_string_equal(a, "p=1.000");
	number_rank_text(a, 3, 7);
	assert_string_equal(a, "3rd to 7th");
	number_rank_text(a, 21, 112);
	assert_string_equal(a, "21st to 112th");
	number_rank_text(a, 2, 11);
	assert_string_equal(a, "2nd to 11th");
}

static void days_and_periods(void **unused)
{
	static const struct {
		const char *from, *to, *pt, *en;
	} v[] = {
		{"2026-05-21", "2026-11-21", "21/05/2026 a 20/11/2026",
			"21 May 2026 – 20 Nov 2026"},
		{"2026-11-12", "2026-11-13", "12/11/2026", "12 Nov 2026"},
		{"2026-11-12 09:42", "2026-11-13", "12/11/2026 09:42 a 13/11/2026 00:00",
			"12 Nov 2026 09:42 – 13 Nov 2026 00:00"},
		{"2026-11-12", "2026-11-13 09:42", "12/11/2026 a 13/11/2026 09:42",
			"12 Nov 2026 – 13 Nov 2026 09:42"},
		{"2018-11-03", "2018-11-05", "03/11/2018 a 04/11/2018", "3 Nov 2018 – 4 Nov 2018"},
		{"2026-11-12 09:42:07", "2026-11-12 09:43",
			"12/11/2026 09:42:07 a 12/11/2026 09:43",
			"12 Nov 2026 09:42:07 – 12 Nov 2026 09:43"},
		{"2026-11-12", NULL, "desde 12/11/2026", "since 12 Nov 2026"},
		{NULL, "2026-11-13", "até 12/11/2026", "up to 12 Nov 2026"},
		{NULL, "2026-11-13 10:00", "até 13/11/2026 10:00", "up to 13 Nov 2026 10:00"},
		{NULL, NULL, "", ""},
	};
	char pt[PERIOD_TEXT], en[PERIOD_TEXT], a[NUMBER_TEXT];
	(void)unused;
	assert_true(tz_setup("America/Sao_Paulo"));
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		int64_t from = 0, to = 0;
		const char *f = v[i].from, *t = v[i].to;
		assert_true(!f || tz_parse_any(f, strlen(f), &from));
		assert_true(!t || tz_parse_any(t, strlen(t), &to));
		cx_lang = CX_PT;
		number_period_text(pt, f, from, t, to);
		cx_lang = CX_EN;
		number_period_text(en, f, from, t, to);
		same(pt, en, v[i].pt, v[i].en);
	}
	int64_t ms;
	assert_true(tz_parse_any("2026-11-12 09:42", 16, &ms));
	number_time_text(a, ms);
	assert_string_equal(a, "12 Nov 2026 09:42");
	number_day_text(a, tz_day(ms));
	assert_string_equal(a, "12 Nov 2026");
	cx_lang = CX_PT;
	number_time_text(a, ms);
	assert_string_equal(a, "12/11/2026 09:42");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(no_number),
		cmocka_unit_test(once_and_away_from_zero),
		cmocka_unit_test(compact),
		cmocka_unit_test(changes),
		cmocka_unit_test(small_ones),
		cmocka_unit_test(days_and_periods),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
