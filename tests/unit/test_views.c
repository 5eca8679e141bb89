/* Windows that formulas move: shift, before and chains of them, for totals, series and groups, each
 * against a scan over plain arrays of the window it comes to; and what scanned days show. */
#include "kpi/answer.h"
#include "kpi_scan.h"

enum { STORES = 12, QUERIES = 150, STEPS = 3 };

struct step {
	bool before;
	struct duration d;
	int sign;
};
static struct step steps[STEPS];
static int nsteps, which; /* the measure that is the value */

static int moved_formula(void *ctx, const struct kpi *k, struct kpi_view *view, double *value,
	bool *null, struct cx_err *e)
{
	int rc = 1;
	(void)ctx, (void)k;
	for (int i = 0; i < nsteps && rc == 1; i++)
		rc = steps[i].before ? kpi_view_before(view, &view, e)
				     : kpi_view_shift(view, steps[i].d, steps[i].sign, &view, e);
	*null = rc == 0;
	if (rc == 1) {
		const struct kpi_measured *m = &kpi_view_measured(view)[which];
		*value = (double)m->i;
		if (m->hist)
			assert_int_equal(m->hist->total, m->i);
	}
	return rc < 0 ? rc : CX_OK;
}

/* ---- the same, plainly ---- */

static int64_t move_one(int64_t ms, const struct step *s)
{
	int32_t day = tz_day(ms);
	if (s->d.ms || ms != tz_day_start(day))
		return duration_add(ms, s->d, s->sign);
	return tz_day_start(civil_add_months(day, s->sign * s->d.months) + s->sign * s->d.days);
}

/* false: no data */
static bool move_slice(struct slice *s)
{
	bool ended = false;
	for (int i = 0; i < nsteps; i++) {
		if (steps[i].before) {
			s->to = s->from; /* without a beginning: nothing */
			s->from = INT64_MIN;
			ended = true;
			continue;
		}
		if (s->from == INT64_MIN && !ended)
			return false;
		if (s->from != INT64_MIN)
			s->from = move_one(s->from, &steps[i]);
		if (s->to != INT64_MAX && s->to != INT64_MIN)
			s->to = move_one(s->to, &steps[i]);
	}
	return true;
}

static int64_t value_of(struct slice s, bool *any)
{
	return scan(&plain_measures[which], &s, any);
}

static void same_value(struct slice s, uint32_t j)
{
	bool any = false;
	const struct json_node *v = &doc.nodes[get(j, "value")];
	if (!move_slice(&s))
		assert_int_equal(v->type, JSON_NULL);
	else
		assert_int_equal((int64_t)number(get(j, "value")), value_of(s, &any));
}

static void same_series(struct slice s, uint32_t series)
{
	uint32_t b = series + 1;
	for (uint32_t i = 0; series && i < doc.nodes[series].count; i++, b = doc.nodes[b].next) {
		s.from = instant(b, "from");
		s.to = instant(b, "to");
		same_value(s, b);
	}
}

static bool anything(struct slice s)
{
	bool any = false;
	for (int m = 0; m < NM; m++)
		scan(&plain_measures[m], &s, &any);
	return any;
}

/* Does any window that the query reads have this unit? */
static bool shows(struct slice s, uint32_t series)
{
	struct slice m = s;
	bool any = anything(s) || (move_slice(&m) && anything(m));
	uint32_t b = series + 1;
	for (uint32_t i = 0; series && i < doc.nodes[series].count; i++, b = doc.nodes[b].next) {
		m = s;
		m.from = instant(b, "from");
		m.to = instant(b, "to");
		any = any || (move_slice(&m) && anything(m));
	}
	return any;
}

static void same_groups(struct slice s, uint32_t groups)
{
	uint32_t g = groups + 1, want = 0;
	if (!groups)
		return;
	for (s.unit = NONE; s.unit < UNITS; s.unit++)
		want += shows(s, get(0, "series"));
	assert_int_equal(doc.nodes[groups].count, want);
	for (uint32_t i = 0; i < want; i++, g = doc.nodes[g].next) {
		uint32_t unit = get(get(g, "by"), "unit");
		s.unit = NONE;
		for (int u = 0; u < UNITS; u++) {
			char name[8];
			snprintf(name, sizeof name, "u%d", u);
			if (is_text(unit, name))
				s.unit = u;
		}
		same_value(s, g);
		same_series(s, get(g, "series"));
	}
}

static void random_steps(void)
{
	static const struct duration some[] = {{.days = 1}, {.days = 7}, {.days = 30},
		{.months = 1}, {.months = 12}, {.ms = 5400000}};
	nsteps = 1 + rnd(STEPS);
	which = rnd(NM);
	for (int i = 0; i < nsteps; i++)
		steps[i] = (struct step){rnd(2) == 0, some[rnd(6)], rnd(3) ? -1 : 1};
}

static void one_query(int64_t start)
{
	static const char *const everies[] = {"day", "week", "month"};
	const struct kpi_host moving = {.where = where, .formula = moved_formula};
	struct slice s = {INT64_MIN, INT64_MAX, -2, -2, -2, -2};
	char from[TZ_TEXT], to[TZ_TEXT], known[TZ_TEXT];
	int64_t known_ms = INT64_MAX;
	struct kpi_param v[6];
	struct kpi_query q;
	int n = 0;
	random_steps();
	random_time(start, from, &s.from);
	v[n++] = (struct kpi_param){"from", from};
	if (rnd(8) == 0) {
		s.from = INT64_MIN;
		n = 0;
	}
	random_time(start, to, &s.to);
	v[n++] = (struct kpi_param){"to", to};
	if (s.to <= s.from)
		return;
	if (rnd(3) == 0) {
		random_time(start, known, &known_ms);
		v[n++] = (struct kpi_param){"as_known", known};
	}
	if (rnd(2))
		v[n++] = (struct kpi_param){"by", "unit"};
	if (rnd(3) == 0) {
		s.f_channel = NONE;
		v[n++] = (struct kpi_param){"where", "channel:"};
	}
	if (rnd(2))
		v[n++] = (struct kpi_param){"every", everies[rnd(3)]};
	settle(known_ms);
	buf_clear(&answer);
	ok(kpi_query_parse(&q, kpis[0], v, n, now_ms, &err));
	ok(kpi_query_run(store, kpis[0], &q, &moving, &meta, &answer, &err));
	ok(json_scan(&doc, answer.p, answer.len, JSON_DEPTH, 10000000, &err));
	same_value(s, 0);
	same_series(s, get(0, "series"));
	same_groups(s, get(0, "groups"));
}

static void moved_windows_equal_a_scan(void **unused)
{
	static const char *const starts[] = {"2017-09-20", "2018-01-25", "2018-10-01"};
	(void)unused;
	for (int round = 0; round < STORES; round++) {
		int64_t start;
		const char *day = starts[round % 3];
		assert_true(tz_parse_any(day, strlen(day), &start));
		open_store(1000);
		nlog = 0;
		first_day = local_day(start) - 40;
		fill_store(start);
		for (int i = 0; i < QUERIES; i++)
			one_query(start);
		close_store();
	}
}

/* A day that begins at one o'clock, as the clock skips midnight, moves to a whole day. */
static void days_stay_days(void **unused)
{
	struct span s = {.has_from = true, .has_to = true};
	const struct move back = {.d = {.days = 1}, .sign = -1},
			  hour = {.d = {.ms = 3600000}, .sign = 1};
	int32_t day = civil_day(2018, 11, 4);
	(void)unused;
	s.from_ms = tz_day_start(day);
	s.to_ms = tz_day_start(day + 1);
	assert_int_equal(s.to_ms - s.from_ms, 23 * 3600000);
	assert_true(span_move(&s, &back));
	assert_int_equal(s.from_ms, tz_day_start(day - 1));
	assert_int_equal(s.to_ms, tz_day_start(day));
	assert_true(span_move(&s, &hour));
	assert_int_equal(s.from_ms, tz_day_start(day - 1) + 3600000);
	assert_true(span_move(&s, &(struct move){.before = true}));
	assert_true(!s.has_from && s.has_to && !s.empty && s.ended);
	assert_true(span_move(&s, &(struct move){.before = true}));
	assert_true(s.empty);
}

/* ---- scanned days ---- */

static struct plain at_noon(const char *day, int unit, int amount)
{
	struct plain p = {.unit = unit, .channel = NONE, .who = 1, .amount = amount};
	assert_true(tz_parse_any(day, strlen(day), &p.time));
	p.time += 12 * 3600000;
	return p;
}

static void add_all(const struct plain *v, int n)
{
	ok(store_begin(store, &err));
	for (int i = 0; i < n; i++)
		add_event(&v[i]);
	ok(cells_flush(cells, &err));
	ok(store_commit(store, &err));
	arena_reset(&arena);
}

/* The groups of an answer, as text. */
static const char *shown_groups(const char *known)
{
	static struct buf out;
	const struct kpi_param v[] = {{"by", "unit"}, {"as_known", known}};
	struct arena a = {0};
	ok(ask(kpis[0], v, known ? 2 : 1));
	uint32_t groups = get(0, "groups"), g = groups + 1;
	buf_clear(&out);
	for (uint32_t i = 0; i < doc.nodes[groups].count; i++, g = doc.nodes[g].next) {
		uint32_t unit = get(get(g, "by"), "unit");
		struct str s = json_text(&doc, unit, &a);
		buf_printf(&out, "%.*s:%d ", (int)s.n, s.p, (int)measure(g, "a_count"));
	}
	arena_free(&a);
	return buf_cstr(&out);
}

/* Beyond [kpi] groups scanned days show the groups that the cells have. */
static void scanned_days_show_the_same_groups(void **unused)
{
	const struct plain v[] = {at_noon("2018-01-02", 0, 1), at_noon("2018-01-02", 1, 1),
		at_noon("2018-01-02", 2, 1), at_noon("2018-01-02", 2, 1),
		at_noon("2018-01-03", 2, 1)};
	(void)unused;
	open_store(2);
	add_all(v, 5);
	assert_string_equal(shown_groups(NULL), "u0:1 u1:1 u2:1 …:2 ");
	assert_string_equal(shown_groups("2018-01-02T23:00"), "u0:1 u1:1 …:2 ");
	ok(store_begin(store, &err));
	ok(store_spoil(store, cubes[0]->id, tz_day(v[0].time), &err));
	ok(store_spoil(store, cubes[1]->id, tz_day(v[0].time), &err));
	ok(store_commit(store, &err));
	assert_string_equal(shown_groups(NULL), "u0:1 u1:1 u2:1 …:2 ");
	close_store();
}

/* Left out on a scanned day: this is said of its bucket and of no other. */
static void left_out_where_it_was(void **unused)
{
	const struct plain v[] = {at_noon("2018-01-02", 0, 60), at_noon("2018-01-03", 1, 60),
		at_noon("2018-01-04", 2, 60)};
	static const struct kpi_param days[] = {
		{"every", "day"}, {"from", "2018-01-02"}, {"to", "2018-01-05"}};
	(void)unused;
	open_store(1000);
	add_all(v, 3);
	ok(store_begin(store, &err));
	ok(store_spoil(store, kpis[0]->cube->id, tz_day(v[1].time), &err));
	ok(store_commit(store, &err));
	failing_where = 1;
	ok(ask(kpis[0], days, 3));
	failing_where = 0;
	uint32_t series = get(0, "series"), b = series + 1;
	assert_true(is_text(get(0, "note"), "partial") || is_text(get(0, "note"), "no_data"));
	assert_int_equal(measure(0, "d_big"), 2);
	for (uint32_t i = 0; i < 3; i++, b = doc.nodes[b].next)
		assert_int_equal(measure(b, "d_big"), i == 1 ? 0 : 1);
	struct kpi_query q;
	struct answer a = {
		.s = store, .k = kpis[0], .q = &q, .host = &host, .meta = &meta, .e = &err};
	ok(kpi_query_parse(&q, kpis[0], days, 3, now_ms, &err));
	failing_where = 1;
	ok(answer_open(&a));
	failing_where = 0;
	for (int i = -1; i < 3; i++) {
		bool yes;
		ok(answer_partial(&a, i, &yes));
		assert_int_equal(yes, i == -1 || i == 1);
	}
	answer_free(&a);
	close_store();
}

static int refused; /* times that a formula was told so */

/* Goes on after an error, as pcall can. */
static int stubborn(void *ctx, const struct kpi *k, struct kpi_view *view, double *value,
	bool *null, struct cx_err *e)
{
	struct kpi_view *out;
	(void)ctx, (void)k;
	for (int i = 0; i < 2; i++)
		refused += kpi_view_before(view, &out, e) < 0;
	*value = 0;
	*null = false;
	return CX_OK;
}

/* A window that could not be read is not there half read when it is asked for again. */
static void an_error_stays(void **unused)
{
	const struct plain v[] = {at_noon("2018-01-02", 0, 60), at_noon("2018-01-03", 1, 60),
		at_noon("2018-01-05", 2, 60)};
	const struct kpi_host trying = {.where = where, .formula = stubborn};
	static const struct kpi_param days[] = {
		{"from", "2018-01-04"}, {"to", "2018-01-06"}, {"every", "day"}};
	struct kpi_query q;
	(void)unused;
	open_store(1000);
	add_all(v, 3);
	ok(store_begin(store, &err));
	ok(store_cell_put(
		store, kpis[0]->cube->id, tz_day(v[1].time), STR("[\"u1\",null]"), "x", 1, &err));
	ok(store_commit(store, &err));
	for (int n = 2; n <= 3; n++) { /* the window alone, and a series */
		refused = 0;
		ok(kpi_query_parse(&q, kpis[0], days, n, now_ms, &err));
		int rc = kpi_query_run(store, kpis[0], &q, &trying, &meta, &answer, &err);
		assert_int_equal(rc, CX_E_STORE_FAILED);
		assert_true(refused > 0 && refused % 2 == 0);
	}
	close_store();
}

static void too_many_values(void **unused)
{
	struct answer a = {.k = NULL, .e = &err};
	struct figure f[NM] = {{0}};
	struct targets t = {.all = f};
	int rc = CX_OK;
	(void)unused;
	open_store(1000);
	a.k = kpis[0];
	const struct measure *m = &kpis[0]->measures[10];
	assert_int_equal(m->kind, MEASURE_HISTOGRAM);
	for (int i = 0; i <= HIST_VALUES_MAX && rc == CX_OK; i++)
		rc = answer_put(&a, &t, m, i);
	assert_int_equal(rc, CX_E_NUMBER_RANGE);
	assert_int_equal(f[10].hist->n, HIST_VALUES_MAX);
	assert_non_null(strstr(err.msg, "j_spread"));
	assert_non_null(strstr(err.msg, "bucket"));
	hist_free(f[10].hist);
	free(f[10].hist);
	close_store();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moved_windows_equal_a_scan),
		cmocka_unit_test(days_stay_days),
		cmocka_unit_test(scanned_days_show_the_same_groups),
		cmocka_unit_test(left_out_where_it_was),
		cmocka_unit_test(an_error_stays),
		cmocka_unit_test(too_many_values),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
