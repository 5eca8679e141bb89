/* Random events and queries: figures from cells, sets and scanned days against a scan over plain
 * arrays. */
#include "kpi_scan.h"

enum { STORES = 20, QUERIES = 250 };

/* ---- comparing ---- */

struct asked {
	struct kpi_param v[8];
	int n;
	char from[TZ_TEXT], to[TZ_TEXT], known[TZ_TEXT];
	int64_t known_ms;
	bool groups_unit, groups_channel;
	const char *every;
	const struct kpi *k;
	const struct plain_measure *first;
	struct slice all;
};

static void same_figures(const struct asked *a, const struct slice *s, uint32_t j)
{
	bool any = false;
	int64_t first = 0, v = 0;
	for (int i = 0; i < a->k->nmeasures; i++) {
		v = scan(&a->first[i], s, &any);
		first = i ? first : v;
		int64_t got = measure(j, a->first[i].name);
		if (got != v)
			print_error("%s: %lld, not %lld\n", a->first[i].name, (long long)got,
				(long long)v);
		assert_int_equal(got, v);
	}
	if (v)
		assert_true(number(get(j, "value")) == (double)first / (double)v);
	else
		assert_true(is_text(get(j, "note"), "no_data"));
}

static void check_series(const struct asked *a, const struct slice *s, uint32_t series)
{
	char p[16], q[16], last[16] = "";
	int64_t at = s->from;
	uint32_t b = series + 1;
	assert_true(!a->every == !series);
	for (uint32_t i = 0; series && i < doc.nodes[series].count; i++, b = doc.nodes[b].next) {
		struct slice part = *s;
		part.from = instant(b, "from");
		part.to = instant(b, "to");
		if (i || s->from > INT64_MIN)
			assert_int_equal(part.from, at);
		at = part.to;
		assert_true(part.from < part.to);
		piece(a->every, part.from, p);
		piece(a->every, part.to - 1, q);
		assert_string_equal(p, q);
		assert_string_not_equal(p, last);
		memcpy(last, p, sizeof last);
		same_figures(a, &part, b);
	}
	if (series && s->to < INT64_MAX && at > INT64_MIN) /* an open window may have no day */
		assert_int_equal(at, s->to);
}

static int index_of(uint32_t v, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (is_text(v, names[i]))
			return i;
	assert_int_equal(doc.nodes[v].type, JSON_NULL);
	return NONE;
}

static const char *const units[] = {"u0", "u1", "u2"};
static const char *const channels[] = {"café, loja", "app \"x\"\n"};

static void check_groups(const struct asked *a, uint32_t groups)
{
	uint32_t expected = 0, g = groups + 1;
	bool met[UNITS + 1][CHANNELS + 1] = {{0}};
	if (!a->groups_unit && !a->groups_channel) {
		assert_int_equal(groups, 0);
		return;
	}
	for (int u = a->groups_unit ? NONE : -2; u < (a->groups_unit ? UNITS : -1); u++)
		for (int c = a->groups_channel ? NONE : -2; c < (a->groups_channel ? CHANNELS : -1);
			c++) {
			struct slice s = a->all;
			bool any = false;
			s.unit = u, s.channel = c;
			for (int m = 0; m < a->k->nmeasures; m++)
				scan(&a->first[m], &s, &any);
			expected += any;
		}
	assert_int_equal(doc.nodes[groups].count, expected);
	for (uint32_t i = 0; i < expected; i++, g = doc.nodes[g].next) {
		struct slice s = a->all;
		uint32_t by = get(g, "by");
		if (a->groups_unit)
			s.unit = index_of(get(by, "unit"), units, UNITS);
		if (a->groups_channel)
			s.channel = index_of(get(by, "channel"), channels, CHANNELS);
		bool *m = &met[a->groups_unit ? s.unit + 1 : 0]
			      [a->groups_channel ? s.channel + 1 : 0];
		assert_false(*m);
		*m = true;
		same_figures(a, &s, g);
		check_series(a, &s, get(g, "series"));
	}
}

static void give(struct asked *a, const char *name, const char *value)
{
	a->v[a->n++] = (struct kpi_param){name, value};
}

static void random_ask(struct asked *a, int64_t start)
{
	static const char *const everies[] = {"day", "week", "month", "quarter", "year"};
	static const char *const wheres[] = {
		"unit:u1", "unit:", "channel:café, loja", "channel:", "channel:app \"x\"\n"};
	static const int f_unit[] = {1, NONE}, f_channel[] = {0, NONE, 1};
	int which = rnd(5) ? 0 : 1 + rnd(2);
	*a = (struct asked){.k = kpis[which],
		.first = plain_measures + (which == 1 ? 8 : 0),
		.known_ms = INT64_MAX,
		.all = {INT64_MIN, INT64_MAX, -2, -2, -2, -2}};
	if (rnd(3) == 0) {
		random_time(start, a->known, &a->known_ms);
		give(a, "as_known", a->known);
	}
	if (rnd(8)) {
		random_time(start, a->from, &a->all.from);
		give(a, "from", a->from);
	}
	if (rnd(8)) {
		random_time(start, a->to, &a->all.to);
		if (rnd(6) == 0 && a->all.from > INT64_MIN) { /* inside one day */
			a->all.to = a->all.from + 1 + rnd(43200000);
			tz_format(a->all.to, a->to);
		}
		give(a, "to", a->to);
	}
	if (rnd(3) == 0)
		give(a, "every", a->every = everies[rnd(5)]);
	if (!a->k->nby)
		return;
	int by = rnd(6);
	a->groups_unit = by == 0 || by == 2;
	a->groups_channel = by == 1 || by == 2;
	if (by < 3)
		give(a, "by", by == 0 ? "unit" : by == 1 ? "channel" : "channel,unit");
	if (rnd(3) == 0) {
		int w = rnd(5);
		give(a, "where", wheres[w]);
		if (w < 2)
			a->all.f_unit = f_unit[w];
		else
			a->all.f_channel = f_channel[w - 2];
	}
}

static void differs(void *ctx, const struct cube *c, const char *what)
{
	(void)ctx, (void)c;
	print_message("differs: %s\n", what);
}

static void rollups_equal_a_scan(void **unused)
{
	static const char *const starts[] = {"2017-09-20", "2018-01-25", "2017-12-01"};
	(void)unused;
	for (int round = 0; round < STORES; round++) {
		int64_t start;
		const char *day = starts[round % 3]; /* both clock changes of Brazil's summer */
		assert_true(tz_parse_any(day, strlen(day), &start));
		open_store(1000);
		nlog = 0;
		first_day = local_day(start) - 40;
		fill_store(start);
		for (int i = 0; i < QUERIES; i++) {
			struct asked a;
			random_ask(&a, start);
			if (a.all.from >= a.all.to)
				continue;
			settle(a.known_ms);
			ok(ask(a.k, a.v, a.n));
			same_figures(&a, &a.all, 0);
			check_series(&a, &a.all, get(0, "series"));
			check_groups(&a, get(0, "groups"));
		}
		ok(store_begin(store, &err));
		while (cells_mend(cells, cubes, ncubes, "BRL", &err) > 0)
			;
		ok(store_commit(store, &err));
		for (int i = 0; i < ncubes; i++)
			assert_int_equal(
				kpi_verify(store, cubes[i], &host, differs, NULL, &err), 0);
		close_store();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rollups_equal_a_scan),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
