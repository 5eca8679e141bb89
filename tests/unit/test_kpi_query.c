/* The single rules: how a query is read, what a reply says, and what happens at limits. */
#include "kpi/dictionary.h"
#include "kpi_fixture.h"

static int64_t at(const char *wall)
{
	int64_t ms;
	assert_true(tz_parse_any(wall, strlen(wall), &ms));
	return ms;
}

static struct plain plain(const char *wall, int who, int unit, int amount)
{
	return (struct plain){
		.time = at(wall), .who = who, .unit = unit, .channel = NONE, .amount = amount};
}

static void add_all(const struct plain *v, int n)
{
	ok(store_begin(store, &err));
	for (int i = 0; i < n; i++)
		add_event(&v[i]);
	ok(cells_flush(cells, &err));
	ok(store_commit(store, &err));
}

static void refused(const char *name, const char *value, const char *field)
{
	struct kpi_query q;
	struct kpi_param p[2] = {{name, value}, {"from", "2018-03-01"}};
	int n = strcmp(name, "to") == 0 ? 2 : 1;
	assert_int_equal(kpi_query_parse(&q, kpis[0], p, n, now_ms, &err), CX_E_BAD_QUERY);
	assert_string_equal(err.field, field);
}

static void what_is_refused(void **unused)
{
	static const struct kpi_param mixed[] = {{"from", "2018-01-01"}, {"last", "6mo"}};
	struct kpi_query q;
	(void)unused;
	open_store(100);
	refused("form", "2018-01-01", "form");
	refused("from", "2018-02-30", "from");
	refused("from", "", "from");
	refused("from", "yesterday", "from");
	refused("to", "2018-03-01", "to"); /* empty: from is the same */
	refused("to", "2018-02-01", "to");
	refused("last", "6m", "last");
	refused("last", "0mo", "last");
	refused("last", "90min", "last");
	refused("last", "9999y", "last");
	refused("every", "hour", "every");
	refused("every", "", "every");
	refused("by", "store", "by");
	refused("by", "unit,unit", "by");
	refused("by", "", "by");
	refused("where", "unit", "where");
	refused("where", "store:b07", "where");
	refused("compare", "previous", "compare"); /* without a window */
	refused("compare", "before", "compare");
	refused("as_known", "soon", "as_known");
	refused("as_known", "", "as_known");
	refused("pool", "5", "pool"); /* without by */
	refused("pool", "0", "pool");
	refused("pool", "1000001", "pool");
	refused("pool", "-3", "pool");
	refused("pool", "3.5", "pool");
	refused("pool", "", "pool");
	assert_int_equal(kpi_query_parse(&q, kpis[0], mixed, 2, now_ms, &err), CX_E_BAD_QUERY);
	assert_string_equal(err.field, "last");
	static const struct kpi_param early[] = {
		{"from", "0001-06-01"}, {"to", "0002-01-01"}, {"compare", "year"}};
	assert_int_equal(ask(kpis[0], early, 3), CX_E_BAD_QUERY);
	assert_string_equal(err.field, "compare");
	static const struct kpi_param long_days[] = {
		{"from", "0001-01-01"}, {"to", "2020-01-01"}, {"every", "day"}};
	assert_int_equal(ask(kpis[0], long_days, 3), CX_E_BAD_QUERY);
	assert_string_equal(err.field, "every");
	close_store();
}

static void windows(void **unused)
{
	static const struct {
		const char *now, *last, *from, *to;
	} rows[] = {
		{"2018-08-31 15:00", "6mo", "2018-02-28", "2018-08-31"},
		{"2018-11-04 15:00", "1d", "2018-11-03", "2018-11-04"}, /* begins at 01:00 */
		{"2018-03-01 00:00", "1w", "2018-02-22", "2018-03-01"},
		{"2020-02-29 23:59", "1y", "2019-02-28", "2020-02-29"},
	};
	struct kpi_query q;
	(void)unused;
	open_store(100);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct kpi_param p = {"last", rows[i].last};
		ok(kpi_query_parse(&q, kpis[0], &p, 1, at(rows[i].now), &err));
		assert_true(q.has_from && q.has_to);
		assert_int_equal(q.from_ms, at(rows[i].from));
		assert_int_equal(q.to_ms, at(rows[i].to));
	}
	static const struct kpi_param p[] = {
		{"where", "unit:a:b"}, {"where", "channel:"}, {"from", "2018-01-31T10:00"}};
	ok(kpi_query_parse(&q, kpis[0], p, 3, 0, &err));
	assert_int_equal(q.nwhere, 2);
	assert_string_equal(q.where[0].text, "a:b");
	assert_true(q.where[1].null && !q.where[0].null && !q.has_to);
	assert_int_equal(q.from_ms, at("2018-01-31T10:00:00-02:00"));
	close_store();
}

static int interval(void *ctx, const struct kpi *k, struct kpi_view *v, struct kpi_interval *out,
	struct cx_err *e)
{
	(void)ctx, (void)k, (void)v, (void)e;
	*out = (struct kpi_interval){.low = 1.5, .high = 2.5, .method = "wald"};
	return CX_OK;
}

static int sum_of(void *ctx, const struct kpi *k, struct kpi_view *v, double *value, bool *null,
	struct cx_err *e)
{
	const struct kpi_measured *m = kpi_view_measured(v);
	(void)ctx, (void)e;
	assert_string_equal(k->measures[2].name, "c_sum");
	assert_int_equal(kset_count(m[4].set, 1), m[4].i);
	*value = (double)m[2].i;
	*null = false;
	return CX_OK;
}

static void what_a_reply_says(void **unused)
{
	const struct plain v[] = {plain("2018-01-02 10:00", 1, 2, 60),
		plain("2018-01-02 11:00", 1, NONE, 40), plain("2018-01-05 00:00", 2, 0, 30)};
	static const struct kpi_host money = {
		.where = where, .formula = sum_of, .interval = interval};
	const struct kpi_param p[] = {
		{"from", "2018-01-02"}, {"to", "2018-01-04"}, {"by", "unit"}, {"every", "day"}};
	struct kpi_query q;
	(void)unused;
	open_store(100);
	add_all(v, 3);
	kpis[0]->format = xstrdup("money");
	kpis[0]->title = xstrdup("{\"pt-BR\":\"Vendas\",\"en\":\"Sales\"}");
	kpis[0]->interval = 1;
	kpis[0]->nmeasures = 5;
	ok(kpi_query_parse(&q, kpis[0], p, 4, at("2018-02-01"), &err));
	buf_clear(&answer);
	ok(kpi_query_run(store, kpis[0], &q, &money, &meta, &answer, &err));
/* clang-format off */
#define FIVE(q, a, b, c, d, e)                                                                     \
	"{\"a_count\":" q #a q ",\"b_amounts\":" q #b q ",\"c_sum\":" q #c q ",\"d_big\":" q #d q     \
	",\"e_people\":" q #e q "}"
#define MEASURES(a, b, c, d, e)                                                                    \
	"\"measures\":" FIVE("", a, b, c, d, e) ",\"measures_text\":" FIVE("\"", a, b, c, d, e)
#define IV "\"low\":1.5,\"high\":2.5,\"method\":\"wald\",\"note\":null,"
#define TEXTS(value) "\"text\":\"" value "\",\"low_text\":\"R$0.02\",\"high_text\":\"R$0.03\","
#define RANK ",\"rank\":{\"best\":1,\"worst\":2,\"of\":2,\"text\":\"1st to 2nd\"},\"series\":[{"
#define DAY2 "\"from\":\"2018-01-02T00:00:00-02:00\",\"to\":\"2018-01-03T00:00:00-02:00\","    \
	"\"period_text\":\"2 Jan 2018\","
#define DAY3                                                                                       \
	"{\"from\":\"2018-01-03T00:00:00-02:00\",\"to\":\"2018-01-04T00:00:00-02:00\","  \
	"\"period_text\":\"3 Jan 2018\",\"value\":0," IV TEXTS("R$0.00") MEASURES(0, 0, 0, 0, 0) "}"
	assert_string_equal(buf_cstr(&answer),
		"{\"id\":\"one\",\"title\":\"Sales\",\"from\":\"2018-01-02T00:00:00-02:00\","
		"\"to\":\"2018-01-04T00:00:00-02:00\","
		"\"period_text\":\"2 Jan 2018 – 3 Jan 2018\",\"as_known\":null,"
		"\"format\":\"money\",\"scale\":2,"
		"\"currency\":\"BRL\",\"better\":\"higher\",\"min_n\":10,\"target\":null,\"value\":100," IV TEXTS("R$1.00")
		MEASURES(2, 2, 100, 1, 1)
		",\"definition\":{\"plugin\":\"p\",\"version\":\"1.0.0\",\"hash\":\"\"},"
		"\"series\":[{" DAY2 "\"value\":100," IV TEXTS("R$1.00")
		MEASURES(2, 2, 100, 1, 1) "}," DAY3 "],\"groups\":["
		"{\"by\":{\"unit\":\"u2\"},\"value\":60," IV TEXTS("R$0.60")
		MEASURES(1, 1, 60, 1, 1) RANK DAY2 "\"value\":60," IV
		TEXTS("R$0.60") MEASURES(1, 1, 60, 1, 1) "}," DAY3 "]},"
		"{\"by\":{\"unit\":null},\"value\":40," IV TEXTS("R$0.40")
		MEASURES(1, 1, 40, 0, 1) RANK DAY2 "\"value\":40," IV
		TEXTS("R$0.40") MEASURES(1, 1, 40, 0, 1) "}," DAY3 "]}]}");
	/* clang-format on */
	kpis[0]->nmeasures = NM;
	close_store();
}

static void differs(void *ctx, const struct cube *c, const char *what)
{
	(void)c;
	snprintf(ctx, 200, "%s", what);
}

static void too_many_groups(void **unused)
{
	struct plain v[40];
	char what[200] = "";
	static const struct kpi_param by[] = {{"by", "unit"}};
	(void)unused;
	open_store(4);
	for (int i = 0; i < 40; i++)
		v[i] = plain("2018-01-02 10:00", i % 5, i % 10, 1);
	add_all(v, 25);
	add_all(v + 25, 15);
	ok(ask(kpis[0], by, 1));
	assert_int_equal(measure(0, "a_count"), 40);
	assert_int_equal(measure(0, "e_people"), 5);
	uint32_t groups = get(0, "groups"), last = groups + 1;
	assert_int_equal(doc.nodes[groups].count, 5);
	for (int i = 0; i < 4; i++)
		last = doc.nodes[last].next;
	assert_true(is_text(get(get(last, "by"), "unit"), "…"));
	assert_int_equal(measure(last, "a_count"), 24);
	for (int i = 0; i < ncubes; i++) {
		int rc = kpi_verify(store, cubes[i], &host, differs, what, &err);
		assert_string_equal(what, "");
		assert_int_equal(rc, 0);
	}
	close_store();
}

static void left_out_events(void **unused)
{
	const struct plain v[] = {plain("2018-01-02 10:00", 1, 2, 60)};
	static const struct kpi_param month[] = {{"every", "month"}};
	static const struct kpi_param edge[] = {{"from", "2018-01-02T09:00"}};
	static const struct kpi_param after[] = {{"from", "2018-01-03"}};
	(void)unused;
	open_store(100);
	failing_where = 1;
	add_all(v, 1);
	ok(ask(kpis[0], month, 1));
	assert_int_equal(measure(0, "a_count"), 1);
	assert_int_equal(measure(0, "d_big"), 0);
	assert_true(is_text(get(get(0, "series") + 1, "note"), "no_data")); /* says more */
	ok(ask(kpis[0], edge, 1));
	assert_int_equal(measure(0, "d_big"), 0);
	failing_where = 0;
	kpis[0]->nmeasures = 4; /* the value is a_count / d_big */
	const struct plain more[] = {plain("2018-01-02 10:00", 1, 2, 70)};
	add_all(more, 1);
	ok(ask(kpis[0], month, 1));
	assert_true(is_text(get(0, "note"), "partial"));
	assert_true(is_text(get(get(0, "series") + 1, "note"), "partial"));
	ok(ask(kpis[0], after, 1));
	assert_false(is_text(get(0, "note"), "partial"));
	kpis[0]->nmeasures = NM;
	close_store();
}

/* An event with an amount of its own. */
static int tally_amount(int64_t amount)
{
	struct value fields_[3] = {{.kind = VALUE_INT, .i = amount}};
	struct event ev = {.seq = ++seq,
		.time_ms = at("2018-01-02 10:00"),
		.type = &types[0],
		.fields = fields_};
	return cells_tally(cells, &kpis[0]->measures[2], &ev, 1, ev.recorded_ms, &err);
}

static void sums_do_not_wrap(void **unused)
{
	int64_t n;
	(void)unused;
	open_store(100);
	ok(store_begin(store, &err));
	ok(tally_amount(INT64_MAX - 5));
	ok(tally_amount(6)); /* left out */
	ok(tally_amount(5));
	ok(tally_amount(-10));
	ok(cells_flush(cells, &err));
	ok(store_excluded(store, kpis[0]->cube->id, "one", INT32_MIN, INT32_MAX, &n, &err));
	assert_int_equal(n, 1);
	ok(store_commit(store, &err));
	ok(ask(kpis[0], NULL, 0));
	assert_int_equal(measure(0, "c_sum"), INT64_MAX - 10);
	const struct plain v[] = {plain("2018-01-03 10:00", 1, 2, 60)};
	add_all(v, 1);
	assert_int_equal(ask(kpis[0], NULL, 0), CX_E_NUMBER_RANGE);
	assert_string_equal(err.field, "c_sum");
	close_store();
}

static void damage_is_found(void **unused)
{
	const struct plain v[] = {
		plain("2018-01-02 10:00", 1, 2, 60), plain("2018-01-03 10:00", 1, 1, 1)};
	struct buf value = {0};
	char what[200] = "";
	(void)unused;
	open_store(100);
	add_all(v, 2);
	int32_t day = civil_day(2018, 1, 2);
	struct str group = STR("[\"u2\",null]");
	ok(store_begin(store, &err));
	assert_int_equal(store_cell_get(store, kpis[0]->cube->id, day, group, &value, &err), 1);
	/* a whole value in another row is damage too */
	ok(store_cell_put(store, kpis[0]->cube->id, day + 1, group, value.p, value.len, &err));
	assert_int_equal(ask(kpis[0], NULL, 0), CX_E_STORE_FAILED);
	assert_non_null(strstr(err.msg, "p (unit,channel), day 2018-01-03, group [\"u2\",null]"));
	assert_int_equal(kpi_verify(store, kpis[0]->cube, &host, differs, what, &err), 1);
	assert_non_null(strstr(what, "damaged"));
	store_rollback(store);
	/* so is every flipped bit and every cut */
	for (size_t i = 0; i < value.len * 8; i++) {
		ok(store_begin(store, &err));
		value.p[i / 8] ^= (char)(1 << i % 8);
		ok(store_cell_put(store, kpis[0]->cube->id, day, group, value.p,
			i % 3 ? value.len : i / 8, &err));
		value.p[i / 8] ^= (char)(1 << i % 8);
		assert_int_equal(ask(kpis[0], NULL, 0), CX_E_STORE_FAILED);
		store_rollback(store);
	}
	cells_forget(cells);
	ok(ask(kpis[0], NULL, 0));
	/* a row too many in a set */
	ok(store_begin(store, &err));
	struct set_seen more = {kpis[0]->cube->id, 0, day, group, 77, 1};
	ok(store_sets_add(store, &more, 1, &err));
	ok(store_commit(store, &err));
	assert_int_equal(kpi_verify(store, kpis[0]->cube, &host, differs, what, &err), 1);
	assert_non_null(strstr(what, "set differs"));
	buf_free(&value);
	close_store();
}

static void folded_twice(void **unused)
{
	struct plain v[30];
	int folds = 0;
	char what[200] = "";
	(void)unused;
	open_store(100);
	for (int half = 0; half < 2; half++) {
		for (int i = 0; i < 30; i++)
			v[i] = plain("2018-01-02 10:00", half * 10 + i % 20, 1, 1);
		add_all(v, 30);
		ok(store_begin(store, &err));
		while (cells_fold(cells, 1, 1, &err) == 1)
			folds++;
		ok(store_commit(store, &err));
		ok(ask(kpis[0], NULL, 0));
		assert_int_equal(measure(0, "e_people"), half ? 30 : 20);
		assert_int_equal(measure(0, "f_twice"), half ? 20 : 10);
	}
	assert_true(folds >= 4);
	for (int i = 0; i < ncubes; i++)
		assert_int_equal(kpi_verify(store, cubes[i], &host, differs, what, &err), 0);
	close_store();
}

static int number_of(struct str name, bool add, uint32_t *id)
{
	bool added;
	struct dictionary *d = dictionary_new(store);
	int rc = dictionary_id(d, name, add, id, &added, &err);
	dictionary_free(d);
	return rc;
}

static void dictionary_is_keyed(void **unused)
{
	uint32_t a, b, c;
	struct buf key = {0};
	(void)unused;
	open_store(100);
	assert_int_equal(number_of(STR("ana"), false, &a), 0);
	ok(store_begin(store, &err));
	assert_int_equal(number_of(STR("ana"), true, &a), 1);
	assert_int_equal(number_of(STR("rui"), true, &b), 1);
	ok(store_commit(store, &err));
	assert_int_equal(number_of(STR("ana"), false, &c), 1);
	assert_true(a != b && a == c);
	assert_int_equal(store_meta_get(store, "dictionary_key", &key, &err), 1);
	assert_int_equal(key.len, 32);
	buf_free(&key);
	close_store();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(windows),
		cmocka_unit_test(what_a_reply_says),
		cmocka_unit_test(too_many_groups),
		cmocka_unit_test(left_out_events),
		cmocka_unit_test(sums_do_not_wrap),
		cmocka_unit_test(damage_is_found),
		cmocka_unit_test(folded_twice),
		cmocka_unit_test(dictionary_is_keyed),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
