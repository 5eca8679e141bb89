/* What figures say of each other: the window before, proof, places, pooled groups, and suppressed
 * ones with everything that would tell them. */
#include "kpi_fixture.h"

enum { A_COUNT, B_AMOUNTS, C_SUM, D_BIG };
static double p_value;
static int asked_proof;

static int64_t at(const char *wall)
{
	int64_t ms;
	assert_true(tz_parse_any(wall, strlen(wall), &ms));
	return ms;
}

/* The mean amount ± 10, of as many answers as have one. */
static int mean(void *ctx, const struct kpi *k, struct kpi_view *v, double *value, bool *null,
	struct cx_err *e)
{
	const struct kpi_measured *m = kpi_view_measured(v);
	(void)ctx, (void)k, (void)e;
	*value = (double)m[C_SUM].i / (double)m[B_AMOUNTS].i;
	*null = false;
	return CX_OK;
}

static int around(void *ctx, const struct kpi *k, struct kpi_view *v, struct kpi_interval *out,
	struct cx_err *e)
{
	const struct kpi_measured *m = kpi_view_measured(v);
	double value = (double)m[C_SUM].i / (double)m[B_AMOUNTS].i;
	(void)ctx, (void)k, (void)e;
	assert_true(m[B_AMOUNTS].i > 0); /* never asked for no data */
	*out = (struct kpi_interval){
		.low = value - 10, .high = value + 10, .has_n = true, .n = (double)m[B_AMOUNTS].i};
	return CX_OK;
}

static int proof(void *ctx, const struct kpi *k, struct kpi_view *now, struct kpi_view *before,
	struct kpi_change *out, struct cx_err *e)
{
	(void)ctx, (void)k, (void)e;
	asked_proof++;
	assert_true(kpi_view_measured(now)[B_AMOUNTS].i >= 3);
	assert_true(kpi_view_measured(before)[B_AMOUNTS].i >= 3);
	*out = (struct kpi_change){.has_p = p_value >= 0, .p = p_value, .test = "welch"};
	return CX_OK;
}

static const struct kpi_host asking = {
	.where = where, .formula = mean, .interval = around, .compare = proof};

static void question(const char *by, const char *every, const char *more, const char *value)
{
	struct kpi_param p[5] = {{"from", "2018-02-01"}, {"to", "2018-03-01"}};
	struct kpi_query q;
	int n = 2;
	if (by)
		p[n++] = (struct kpi_param){"by", by};
	if (every)
		p[n++] = (struct kpi_param){"every", every};
	if (more)
		p[n++] = (struct kpi_param){more, value};
	buf_clear(&answer);
	ok(kpi_query_parse(&q, kpis[0], p, n, now_ms, &err));
	ok(kpi_query_run(store, kpis[0], &q, &asking, &meta, &answer, &err));
	ok(json_scan(&doc, answer.p, answer.len, JSON_DEPTH, 10000000, &err));
}

/* n answers of a unit and channel. */
static void answers(const char *when, int unit, int channel, int n, int amount)
{
	ok(store_begin(store, &err));
	for (int i = 0; i < n; i++) {
		struct plain p = {.time = at(when) + i,
			.who = i,
			.unit = unit,
			.channel = channel,
			.amount = amount};
		add_event(&p);
	}
	ok(cells_flush(cells, &err));
	ok(store_commit(store, &err));
}

static double number(uint32_t node)
{
	assert_true(node &&
		    (doc.nodes[node].type == JSON_NUMBER || doc.nodes[node].type == JSON_INTEGER));
	return strtod(doc.src + doc.nodes[node].at, NULL);
}

static bool is_null(uint32_t node)
{
	return node && doc.nodes[node].type == JSON_NULL;
}

/* The i-th item of a list, 0 past its end. */
static uint32_t item(uint32_t list, int i)
{
	uint32_t node = list + 1;
	if (!list || i >= (int)doc.nodes[list].count)
		return 0;
	while (i-- > 0)
		node = doc.nodes[node].next;
	return node;
}

static uint32_t group_of(const char *unit)
{
	uint32_t g, groups = get(0, "groups");
	for (int i = 0; (g = item(groups, i)); i++)
		if (unit ? is_text(get(get(g, "by"), "unit"), unit)
			 : is_null(get(get(g, "by"), "unit")))
			return g;
	return 0;
}

static void start(void)
{
	open_store(1000);
	kpis[0]->interval = 1;
	kpis[0]->format = xstrdup("points");
	kpis[0]->nmeasures = 4;
}

static void stop(void)
{
	kpis[0]->nmeasures = NM;
	close_store();
}

static void verdict(double p, const char *want)
{
	p_value = p;
	question(NULL, NULL, "compare", "previous");
	if (want)
		assert_true(is_text(get(0, "verdict"), want));
	else
		assert_true(is_null(get(0, "verdict")));
}

static void the_window_before(void **unused)
{
	(void)unused;
	start();
	answers("2018-01-10 10:00", 1, 0, 12, 40);
	answers("2018-01-10 11:00", 2, 0, 3, 10);
	answers("2018-02-10 10:00", 1, 0, 12, 53);
	answers("2018-02-10 11:00", 0, 0, 20, 54);
	p_value = 0.04;
	question("unit", "month", "compare", "previous");
	assert_true(is_text(get(0, "change_text"), "+19.6\u00a0pts"));
	assert_true(is_text(get(0, "verdict"), "better"));
	assert_true(is_text(get(0, "test"), "welch"));
	assert_true(is_text(get(0, "p_text"), "p=0.040"));
	uint32_t before = get(0, "previous");
	assert_true(is_text(get(before, "from"), "2018-01-01T00:00:00-02:00"));
	assert_true(is_text(get(before, "to"), "2018-02-01T00:00:00-02:00"));
	assert_true(is_text(get(before, "period_text"), "1 Jan 2018 – 31 Jan 2018"));
	assert_true(number(get(before, "n")) == 15);
	assert_true(
		number(get(0, "change")) == number(get(0, "value")) - number(get(before, "value")));
	assert_int_equal(measure(before, "b_amounts"), 15);
	uint32_t one = group_of("u1"), two = group_of("u2"), none = group_of("u0");
	assert_true(is_text(get(one, "change_text"), "+13.0\u00a0pts"));
	assert_true(is_text(get(two, "note"), "no_data")); /* only the window before has it */
	assert_true(is_null(get(two, "value")) && is_null(get(two, "change")));
	assert_true(is_text(get(two, "verdict"), "few_data"));
	assert_true(is_text(get(get(two, "previous"), "note"), "few_answers"));
	assert_true(is_text(get(get(two, "previous"), "note_text"), "few answers (n=3)"));
	assert_true(doc.nodes[get(two, "series")].count == 1);
	assert_true(is_text(get(get(none, "previous"), "note"), "no_data"));
	assert_true(is_text(get(none, "verdict"), "few_data"));
	assert_false(get(item(get(0, "series"), 0), "previous"));
	verdict(0.05, "not_proven");
	verdict(-1, "not_proven"); /* no test for these */
	assert_true(is_null(get(0, "p")));
	kpis[0]->better = xstrdup("lower");
	verdict(0.01, "worse");
	kpis[0]->min_n = 16;
	asked_proof = 0;
	verdict(0.01, "few_data");
	assert_int_equal(asked_proof, 0);
	kpis[0]->interval = 0;
	verdict(0.01, NULL);
	assert_false(get(0, "low") || get(0, "n"));
	stop();
}

static void what_is_before(void **unused)
{
	static const struct {
		const char *a, *a_value, *b, *b_value, *compare, *from, *to;
	} rows[] = {
		{"last", "6mo", NULL, NULL, "previous", "2017-08-28", "2018-02-28"},
		{"last", "2w", NULL, NULL, "previous", "2018-08-03", "2018-08-17"},
		{"last", "1y", NULL, NULL, "year", "2016-08-31", "2017-08-31"},
		{"from", "2018-01-01", "to", "2018-07-01", "previous", "2017-07-01", "2018-01-01"},
		{"from", "2018-03-01", "to", "2018-04-01", "previous", "2018-02-01", "2018-03-01"},
		{"from", "2018-03-05", "to", "2018-03-12", "previous", "2018-02-26", "2018-03-05"},
		{"from", "2018-11-04", "to", "2018-11-05", "previous", "2018-11-03", "2018-11-04"},
		{"from", "2018-03-05 10:00", "to", "2018-03-05 16:00", "previous",
			"2018-03-05 04:00", "2018-03-05 10:00"},
		{"from", "2016-02-29", "to", "2016-03-01", "year", "2015-02-28", "2015-03-01"},
		{"from", "2018-03-05 10:00", "to", "2018-03-06", "year", "2017-03-05 10:00",
			"2017-03-06"},
		{"from", "2019-11-04", "to", "2019-11-05", "year", "2018-11-04", "2018-11-05"},
	};
	(void)unused;
	start();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct kpi_param p[3] = {{"compare", rows[i].compare}, {rows[i].a, rows[i].a_value},
			{rows[i].b, rows[i].b_value}};
		struct kpi_query q;
		char want[TZ_TEXT];
		buf_clear(&answer);
		ok(kpi_query_parse(
			&q, kpis[0], p, rows[i].b ? 3 : 2, at("2018-08-31 15:00"), &err));
		ok(kpi_query_run(store, kpis[0], &q, &asking, &meta, &answer, &err));
		ok(json_scan(&doc, answer.p, answer.len, JSON_DEPTH, 100000, &err));
		tz_format(at(rows[i].from), want);
		assert_true(is_text(get(get(0, "previous"), "from"), want));
		tz_format(at(rows[i].to), want);
		assert_true(is_text(get(get(0, "previous"), "to"), want));
	}
	stop();
}

static void place(const char *unit, int best, int worst, const char *text_)
{
	uint32_t rank = get(group_of(unit), "rank");
	assert_true(number(get(rank, "best")) == best && number(get(rank, "worst")) == worst);
	assert_true(number(get(rank, "of")) == 4);
	assert_true(is_text(get(rank, "text"), text_));
}

static void places(void **unused)
{
	(void)unused;
	start(); /* 80…100, 71…91, 50…70, 49…69; unit 5: few; 6: none */
	answers("2018-02-10 10:00", 1, 0, 12, 90);
	answers("2018-02-10 10:00", 2, 0, 12, 81);
	answers("2018-02-10 10:00", 3, 0, 12, 60);
	answers("2018-02-10 10:00", 4, 0, 12, 59);
	answers("2018-02-10 10:00", 5, 0, 9, 500);
	answers("2018-02-10 10:00", 6, 0, 9, NONE);
	question("unit", NULL, NULL, NULL);
	place("u1", 1, 2, "1st to 2nd");
	place("u2", 1, 2, "1st to 2nd");
	place("u3", 3, 4, "3rd to 4th");
	place("u4", 3, 4, "3rd to 4th");
	assert_false(get(group_of("u5"), "rank") || get(group_of("u6"), "rank"));
	assert_true(is_text(get(group_of("u5"), "note_text"), "few answers (n=9)"));
	assert_true(is_text(get(group_of("u6"), "note"), "no_data"));
	kpis[0]->better = xstrdup("lower");
	question("unit", NULL, NULL, NULL);
	place("u1", 3, 4, "3rd to 4th");
	place("u4", 1, 2, "1st to 2nd");
	stop();
}

static void pooled_groups(void **unused)
{
	(void)unused;
	start();
	answers("2018-02-10 10:00", 1, 0, 12, 90);
	answers("2018-02-10 10:00", 2, 0, 4, 10);
	answers("2018-02-10 10:00", NONE, 0, 6, 20);
	answers("2018-02-10 10:00", 4, 0, 3, NONE); /* no data */
	answers("2018-01-10 10:00", 5, 0, 11, 30);  /* only before */
	question("unit", "week", "pool", "10");
	assert_int_equal(doc.nodes[get(0, "groups")].count, 2);
	uint32_t rest = group_of("…"), list = get(rest, "pooled");
	assert_true(number(get(rest, "value")) == 16 && number(get(rest, "n")) == 10);
	assert_int_equal(measure(rest, "a_count"), 13);
	assert_int_equal(doc.nodes[list].count, 3);
	assert_true(get(group_of("u1"), "rank") && !get(rest, "rank"));
	assert_false(get(group_of("u1"), "pooled"));
	assert_int_equal(doc.nodes[get(rest, "series")].count, 5);
	struct kpi_param p[] = {{"from", "2018-02-01"}, {"to", "2018-03-01"}, {"by", "unit"},
		{"pool", "10"}, {"compare", "previous"}};
	struct kpi_query q;
	buf_clear(&answer);
	ok(kpi_query_parse(&q, kpis[0], p, 5, 0, &err));
	ok(kpi_query_run(store, kpis[0], &q, &asking, &meta, &answer, &err));
	ok(json_scan(&doc, answer.p, answer.len, JSON_DEPTH, 100000, &err));
	assert_int_equal(doc.nodes[get(0, "groups")].count, 2);
	assert_int_equal(doc.nodes[get(group_of("…"), "pooled")].count, 4);
	assert_int_equal(measure(get(group_of("…"), "previous"), "a_count"), 11);
	stop();
}

/* ---- suppressed figures: an attacker who asks everything and subtracts ---- */

enum { U = 6, C = 4, ALL = 0, HIDDEN = -1, UNKNOWN = -2 }; /* index 0: all, last: null */
static int truth[U][C], told[U][C];

static const char *unit_name(int u)
{
	static const char *const v[U] = {NULL, "u0", "u1", "u2", "u3", ""};
	return v[u];
}

static const char *channel_name(int c)
{
	static const char *const v[C] = {NULL, "café, loja", "app \"x\"\n", ""};
	return v[c];
}

static void tell(int u, int c, uint32_t figure)
{
	int n = 0;
	if (is_text(get(figure, "note"), "suppressed")) {
		assert_true(is_text(get(figure, "text"), "protected (n<5)"));
		assert_true(is_null(get(figure, "value")));
		assert_false(get(figure, "measures") || get(figure, "n") || get(figure, "low"));
		n = HIDDEN;
	} else if (!is_text(get(figure, "note"), "no_data")) {
		n = (int)number(get(figure, "n"));
		assert_int_equal(n, truth[u][c]);
	}
	if (told[u][c] != UNKNOWN) /* every question is answered alike */
		assert_int_equal(told[u][c], n);
	told[u][c] = n;
}

static int index_of(uint32_t by, const char *dim, const char *(*name)(int), int n)
{
	uint32_t v = get(by, dim);
	for (int i = 1; v && i < n; i++)
		if (*name(i) ? is_text(v, name(i)) : is_null(v))
			return i;
	return ALL;
}

/* One question: by these dimensions, filtered to these (0: not). */
static void interrogate(const char *by, int u, int c)
{
	struct kpi_param p[3];
	struct kpi_query q;
	char where_u[64], where_c[64];
	int n = 0;
	if (by)
		p[n++] = (struct kpi_param){"by", by};
	snprintf(where_u, sizeof where_u, "unit:%s", u ? unit_name(u) : "");
	snprintf(where_c, sizeof where_c, "channel:%s", c ? channel_name(c) : "");
	if (u)
		p[n++] = (struct kpi_param){"where", where_u};
	if (c)
		p[n++] = (struct kpi_param){"where", where_c};
	buf_clear(&answer);
	ok(kpi_query_parse(&q, kpis[0], p, n, now_ms, &err));
	ok(kpi_query_run(store, kpis[0], &q, &asking, &meta, &answer, &err));
	ok(json_scan(&doc, answer.p, answer.len, JSON_DEPTH, 10000000, &err));
	tell(u, c, 0);
	uint32_t g, groups = get(0, "groups");
	for (int i = 0; (g = item(groups, i)); i++) {
		int gu = index_of(get(g, "by"), "unit", unit_name, U);
		int gc = index_of(get(g, "by"), "channel", channel_name, C);
		tell(gu ? gu : u, gc ? gc : c, g);
	}
}

/* Works out what one line of sums tells; true if that is news. */
static bool subtract(int *cells_[], int n)
{
	int hidden = 0, at_ = 0, sum = 0;
	for (int i = 0; i < n; i++) {
		int v = *cells_[i];
		if (v < 0) {
			hidden++;
			at_ = i;
		} else {
			sum += i ? v : -v; /* the first is the sum of the others */
		}
	}
	if (hidden != 1)
		return false;
	*cells_[at_] = at_ ? -sum : sum;
	return true;
}

static bool subtract_all(void)
{
	bool news = false;
	for (int u = 0; u < U; u++) {
		int *line[C];
		for (int c = 0; c < C; c++)
			line[c] = &told[u][c];
		news = subtract(line, C) || news;
	}
	for (int c = 0; c < C; c++) {
		int *line[U];
		for (int u = 0; u < U; u++)
			line[u] = &told[u][c];
		news = subtract(line, U) || news;
	}
	return news;
}

/* What is hidden in a line whose sum is told is told too. */
static void enough_hidden(void)
{
	for (int u = 0; u < U; u++) {
		int n = 0;
		for (int c = 1; c < C; c++)
			n += told[u][c] < 0 ? truth[u][c] : 0;
		assert_true(told[u][ALL] < 0 || n == 0 || n >= 5);
	}
	for (int c = 0; c < C; c++) {
		int n = 0;
		for (int u = 1; u < U; u++)
			n += told[u][c] < 0 ? truth[u][c] : 0;
		assert_true(told[ALL][c] < 0 || n == 0 || n >= 5);
	}
}

/* Adding and taking away lines tells a hidden figure exactly where it is the only tie between two
 * parts of what is hidden: lines are nodes, hidden figures the edges between them. */
static bool only_tie(int u, int c)
{
	bool seen[U + C] = {false}, more = true;
	for (seen[u] = true; more;) {
		more = false;
		for (int i = 0; i < U; i++) {
			for (int j = 0; j < C; j++) {
				if (told[i][j] >= 0 || (i == u && j == c) || seen[i] == seen[U + j])
					continue;
				seen[i] = seen[U + j] = more = true;
			}
		}
	}
	return !seen[U + c];
}

static unsigned seed = 1;
static int rnd(int n)
{
	seed = seed * 1103515245 + 12345;
	return (int)(seed >> 16) % n;
}

/* Tables that two hidden figures in every line do not protect. */
static const int hard[5][U - 1][C - 1] = {
	{{9, 6, 12}, {4, 0, 0}, {2, 3, 12}, {25, 6, 3}, {12, 5, 2}},
	{{4, 6, 9}, {6, 6, 0}, {4, 0, 3}, {0, 0, 3}, {25, 0, 6}},
	{{0, 0, 25}, {6, 4, 6}, {6, 5, 6}, {3, 0, 1}, {5, 0, 5}},
	{{4, 1, 6}, {0, 3, 5}, {25, 4, 0}, {3, 3, 5}, {0, 0, 2}},
	{{5, 25, 25}, {0, 3, 0}, {0, 0, 2}, {12, 25, 0}, {0, 0, 3}},
};

static void fill_units(int round)
{
	static const int sizes[] = {0, 0, 1, 2, 3, 4, 5, 6, 9, 12, 25};
	memset(truth, 0, sizeof truth);
	for (int u = 1; u < U; u++) {
		for (int c = 1; c < C; c++) {
			int n = round < 5 ? hard[round][u - 1][c - 1] : sizes[rnd(11)];
			if (n)
				answers("2018-02-10 10:00", u == U - 1 ? NONE : u - 1,
					c == C - 1 ? NONE : c - 1, n, 50);
			truth[u][c] = n;
			truth[u][ALL] += n;
			truth[ALL][c] += n;
			truth[ALL][ALL] += n;
		}
	}
	for (int u = 0; u < U; u++)
		for (int c = 0; c < C; c++)
			told[u][c] = UNKNOWN;
}

static void nothing_small_is_told(void **unused)
{
	(void)unused;
	for (int round = 0; round < 40; round++) {
		start();
		kpis[0]->suppress = 5;
		fill_units(round);
		interrogate(NULL, 0, 0);
		interrogate("unit", 0, 0);
		interrogate("channel", 0, 0);
		interrogate("channel,unit", 0, 0);
		for (int u = 1; u < U; u++)
			interrogate(u % 2 ? "channel" : "unit,channel", u, 0);
		for (int c = 1; c < C; c++)
			interrogate(c % 2 ? "unit" : NULL, 0, c);
		for (int u = 1; u < U; u++)
			interrogate(NULL, u, u % (C - 1) + 1);
		for (int u = 0; u < U; u++) /* a group that is not there has no events */
			for (int c = 0; c < C; c++)
				told[u][c] = told[u][c] == UNKNOWN ? 0 : told[u][c];
		enough_hidden();
		for (int u = 0; u < U; u++)
			for (int c = 0; c < C; c++)
				if (told[u][c] < 0 && truth[u][c] > 0 && truth[u][c] < 5)
					assert_false(only_tie(u, c));
		while (subtract_all())
			;
		for (int u = 0; u < U; u++)
			for (int c = 0; c < C; c++)
				assert_false(told[u][c] > 0 && told[u][c] < 5);
		stop();
	}
}

static void series_are_protected_too(void **unused)
{
	(void)unused;
	start();
	kpis[0]->suppress = 5;
	answers("2018-02-05 10:00", 1, 0, 3, 50);
	answers("2018-02-12 10:00", 1, 0, 9, 50);
	answers("2018-02-19 10:00", 1, 0, 20, 50);
	answers("2018-02-05 10:00", 2, 0, 8, 50);
	answers("2018-02-12 10:00", 2, 0, 30, 50);
	question("unit", "week", NULL, NULL);
	uint32_t one = get(group_of("u1"), "series"), two = get(group_of("u2"), "series");
	assert_true(is_text(get(item(one, 1), "note"), "suppressed"));
	assert_true(is_text(get(item(one, 2), "note"), "suppressed")); /* complement in its row */
	assert_true(is_text(get(item(two, 1), "note"), "suppressed")); /* and in its column */
	assert_true(is_text(get(item(two, 2), "note"), "suppressed"));
	assert_false(is_text(get(item(one, 3), "note"), "suppressed"));
	assert_true(is_null(get(group_of("u1"), "note")) || is_text(get(0, "note"), "few_answers"));
	question("unit", NULL, "pool", "30"); /* pooled with a hidden one */
	assert_true(is_null(get(0, "note")));
	stop();
}

static void sums_need_n(void **unused)
{
	(void)unused;
	start();
	kpis[0]->suppress = 5;
	kpis[0]->interval = 0;
	answers("2018-02-05 10:00", 1, 0, 4, 60);
	answers("2018-02-05 10:00", 2, 0, 8, 60);
	answers("2018-02-05 10:00", 0, 0, 9, 60);
	question("unit", NULL, NULL, NULL); /* the least of its measures */
	assert_true(is_text(get(group_of("u1"), "note"), "suppressed"));
	assert_true(is_text(get(group_of("u2"), "note"), "suppressed"));
	assert_true(is_null(get(group_of("u0"), "note")));
	assert_true(is_null(get(0, "note")));
	question("unit", NULL, "where", "unit:u2");
	assert_true(is_text(get(0, "note"), "suppressed"));
	const struct kpi_param pool[] = {{"by", "unit"}, {"pool", "5"}};
	assert_int_equal(ask(kpis[0], pool, 2), CX_E_BAD_QUERY);
	assert_string_equal(err.field, "pool");
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_window_before),
		cmocka_unit_test(what_is_before),
		cmocka_unit_test(places),
		cmocka_unit_test(pooled_groups),
		cmocka_unit_test(nothing_small_is_told),
		cmocka_unit_test(series_are_protected_too),
		cmocka_unit_test(sums_need_n),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
