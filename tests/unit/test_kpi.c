/* Random events and queries: figures from cells, sets and edge days against a scan over plain
 * arrays that knows nothing of kpi/. */
#include "kpi_fixture.h"

enum { STORES = 20, QUERIES = 250, EVENTS = 320 };

static struct plain log_[EVENTS];
static int nlog;

static uint64_t state = 0x9E3779B97F4A7C15u;

static int rnd(int n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (int)((state >> 33) % (uint64_t)n);
}

/* ---- the scan ---- */

static int first_day; /* before every event of the store */

struct slice { /* what an answer is about */
	int64_t from, to;
	int unit, channel;     /* of the group; -2 = any, NONE = null */
	int f_unit, f_channel; /* of the filter */
};

static int local_day(int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	localtime_r(&t, &tm);
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	return (int)(timegm(&tm) / 86400);
}

static bool fits(int want, int have)
{
	return want == -2 || want == have;
}

static bool counts(const struct plain_measure *m, const struct plain *p, const struct slice *s)
{
	int64_t at = m->bought ? p->bought : p->time;
	if (p->type != m->type || (m->amount && p->amount == NONE) || (m->big && p->amount <= 50))
		return false;
	if ((m->kind == P_TIMES || m->kind == P_DAYS) && p->who == NONE)
		return false;
	return (!m->bought || p->bought) && at >= s->from && at < s->to && fits(s->unit, p->unit) &&
	       fits(s->channel, p->channel) && fits(s->f_unit, p->unit) &&
	       fits(s->f_channel, p->channel);
}

/* *any: some event counted at all. */
static int64_t scan(const struct plain_measure *m, const struct slice *s, bool *any)
{
	static char day_seen[PEOPLE][DAYS * 3];
	int64_t sum = 0;
	int seen[PEOPLE] = {0};
	memset(day_seen, 0, sizeof day_seen);
	for (int i = 0; i < nlog; i++) {
		const struct plain *p = &log_[i];
		if (!counts(m, p, s))
			continue;
		*any = true;
		if (m->kind == P_COUNT)
			sum++;
		else if (m->kind == P_SUM)
			sum += p->amount;
		else if (m->kind == P_TIMES)
			seen[p->who]++;
		else if (!day_seen[p->who]
				  [local_day(m->bought ? p->bought : p->time) - first_day]++)
			seen[p->who]++;
	}
	for (int i = 0; i < PEOPLE && m->kind >= P_TIMES; i++)
		sum += seen[i] >= m->times;
	return sum;
}

/* ---- filling a store ---- */

static struct plain random_event(int64_t start)
{
	struct plain p = {.type = rnd(4) == 0, .time = start + (int64_t)rnd(DAYS * 86400) * 1000};
	if (nlog && rnd(3) == 0) /* the same person that day again */
		p = (struct plain){.type = p.type,
			.time = log_[nlog - 1].time + rnd(36000000) - 18000000,
			.who = log_[nlog - 1].who};
	else
		p.who = rnd(8) ? rnd(PEOPLE) : NONE;
	if (rnd(10) == 0) /* just around midnight */
		p.time = tz_day_start(tz_day(p.time)) + rnd(3) - 1;
	if (p.time < start)
		p.time = start;
	p.bought = !p.type && rnd(3) ? p.time - (int64_t)rnd(20 * 86400) * 1000 : 0;
	p.unit = rnd(UNITS + 1) - 1;
	p.channel = rnd(CHANNELS + 1) - 1;
	p.amount = rnd(5) ? rnd(100) : NONE;
	return p;
}

/* A reaction that adds and then fails. */
static void failed_reaction(int64_t start)
{
	size_t mark = cells_mark(cells);
	int64_t was = seq;
	ok(store_mark(store, &err));
	for (int i = rnd(3); i >= 0; i--) {
		struct plain p = random_event(start);
		p.who = p.who == NONE ? NONE : p.who + rnd(2) * PEOPLE; /* also someone new */
		add_event(&p);
	}
	ok(store_rewind(store, &err));
	cells_rewind(cells, mark);
	seq = was;
}

static void fill_store(int64_t start)
{
	while (nlog < EVENTS) {
		ok(store_begin(store, &err));
		for (int i = rnd(60); i >= 0 && nlog < EVENTS; i--) {
			struct plain p = random_event(start);
			log_[nlog++] = p;
			add_event(&p);
			if (rnd(8) == 0)
				failed_reaction(start);
			if (rnd(20) == 0)
				ok(cells_flush(cells, &err));
		}
		ok(cells_flush(cells, &err));
		ok(store_commit(store, &err));
		if (rnd(4) == 0) {
			cells_free(cells);
			cells = cells_new(store, 1000, where, NULL);
		}
		ok(store_begin(store, &err));
		for (int i = rnd(20); i > 0; i--)
			ok(cells_fold(cells, 1 + (size_t)rnd(300), 1 + (size_t)rnd(50), &err));
		ok(store_commit(store, &err));
		arena_reset(&arena);
	}
}

/* ---- comparing ---- */

struct asked {
	struct kpi_param v[8];
	int n;
	char from[TZ_TEXT], to[TZ_TEXT];
	bool groups_unit, groups_channel;
	const char *every;
	const struct kpi *k;
	const struct plain_measure *first;
	struct slice all;
};

static double number(uint32_t node)
{
	return strtod(doc.src + doc.nodes[node].at, NULL);
}

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

static int64_t instant(uint32_t j, const char *key)
{
	int64_t ms;
	const struct json_node *n = &doc.nodes[get(j, key)];
	assert_true(tz_parse_rfc3339(doc.src + n->at, n->len, &ms));
	return ms;
}

/* Which calendar piece an instant lies in. */
static void piece(const char *every, int64_t ms, char out[16])
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	localtime_r(&t, &tm);
	if (strcmp(every, "quarter") == 0)
		snprintf(out, 16, "%d-%d", tm.tm_year % 1000, tm.tm_mon / 3);
	else
		strftime(out, 16,
			strcmp(every, "day") == 0     ? "%F"
			: strcmp(every, "week") == 0  ? "%G-%V"
			: strcmp(every, "month") == 0 ? "%Y-%m"
						      : "%Y",
			&tm);
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

static void random_time(int64_t start, char out[TZ_TEXT], int64_t *ms)
{
	*ms = start + (int64_t)rnd(DAYS * 86400) * 1000;
	if (rnd(3) == 0) /* just when something happened */
		*ms = log_[rnd(nlog)].time + rnd(2);
	if (rnd(2)) { /* a whole day, said as a date */
		*ms = tz_day_start(tz_day(*ms));
		tz_day_text(tz_day(*ms), out);
	} else {
		tz_format(*ms, out);
	}
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
		.all = {INT64_MIN, INT64_MAX, -2, -2, -2, -2}};
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
			ok(ask(a.k, a.v, a.n));
			same_figures(&a, &a.all, 0);
			check_series(&a, &a.all, get(0, "series"));
			check_groups(&a, get(0, "groups"));
		}
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
