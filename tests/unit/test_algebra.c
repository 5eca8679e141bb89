/* The KPI algebra against a scan of plain rows: random logs with corrections, choices, late and
 * imported events, written in batches with restarts, folds and mends between them, asked random
 * questions all along. CXD_SEED=n: the first log's seed; CXD_CASES=n: how many questions. A failure
 * prints the seed of its log, with which it comes back at once: CXD_SEED=that CXD_CASES=1. */
#include "algebra_check.h"
#include "algebra_random.h"
#include "base/log.h"
#include "kpi/cellvalue.h"

#ifdef __SANITIZE_ADDRESS__
enum { CASES = 6000 };
#else
enum { CASES = 40000 };
#endif

/* ---- asking ---- */

static void give(const char *name, const char *value)
{
	asked.v[asked.n++] = (struct kpi_param){name, value};
}

static void random_time(char out[TZ_TEXT], int64_t *ms)
{
	*ms = random_instant();
	if (one_in(3)) /* just when something happened */
		*ms = facts[rnd(nfacts)].time + rnd(2);
	if (one_in(2)) { /* a whole day, said as a date */
		*ms = tz_day_start(one_in(6) ? now.change : tz_day(*ms));
		if (one_in(5)) { /* a month */
			int y, m, d;
			civil_from_day(tz_day(*ms), &y, &m, &d);
			*ms = tz_day_start(civil_day(y, m, 1));
		}
		tz_day_text(tz_day(*ms), out);
	} else {
		tz_format(*ms, out);
	}
}

static void random_where(void)
{
	static const char *const units[] = {"unit:", "unit:u0", "unit:u1", "unit:u2"};
	static const char *const of_channel[] = {
		"channel:", "channel:app \"x\"\n", "channel:café, loja"};
	for (int i = 0; i < 2 && one_in(2); i++) {
		int dim = asked.k->by[rnd(asked.k->nby)];
		int v = rnd(dim ? CHANNELS + 1 : UNITS + 1);
		asked.where[asked.nwhere++] = (struct filter){dim, v - 1};
		give("where", dim ? of_channel[v] : units[v]);
	}
}

static void random_dims(void)
{
	const struct plain_kpi *k = asked.k;
	if (!k->nby)
		return;
	int which = rnd(6);
	if (which < k->nby) {
		asked.by[k->by[which]] = true;
		give("by", k->by[which] ? "channel" : "unit");
	} else if (which == 2 && k->nby == 2) {
		asked.by[0] = asked.by[1] = true;
		give("by", one_in(2) ? "channel,unit" : "unit,channel");
	}
	if (max_groups == 1000)
		random_where();
}

static void random_window(void)
{
	struct span *w = &asked.all;
	*w = (struct span){NEVER, INT64_MAX, false, false};
	if (rnd(8)) {
		random_time(asked.from, &w->from);
		give("from", asked.from);
	}
	if (rnd(8)) {
		random_time(asked.to, &w->to);
		if (w->from != NEVER && (w->to <= w->from || one_in(8))) { /* also inside a day */
			w->to = w->from + 1 + rnd(one_in(2) ? 43200000 : 1000000000);
			tz_format(w->to, asked.to);
		}
		give("to", asked.to);
	}
}

static void random_ask(void)
{
	static const char *const everies[] = {"day", "week", "month", "quarter", "year"};
	memset(&asked, 0, offsetof(struct asked, read));
	asked.kpi = rnd(KPIS);
	asked.k = &plain[asked.kpi];
	asked.known_ms = INT64_MAX;
	random_window();
	bool open = asked.all.from == NEVER;
	if (one_in(4))
		give("every", asked.every = everies[one_in(3) ? 0 : 1 + rnd(4)]);
	if (one_in(3)) {
		asked.known_ms = facts[rnd(nfacts)].recorded + rnd(3) - 1;
		if (one_in(3))
			asked.known_ms = random_instant();
		tz_format(asked.known_ms, asked.known);
		give("as_known", asked.known);
	}
	if (!open && asked.all.to < INT64_MAX && one_in(6))
		give("compare", asked.compare = one_in(3) ? "year" : "previous");
	random_dims();
	random_recipe(asked.k, open);
}

static void one_case(struct store *s)
{
	random_ask();
	int rc = ask(s, sides[CURRENT].kpis[asked.kpi], asked.v, asked.n);
	if (rc < 0)
		differ(err.msg, NULL);
	collect(asked.k, asked.known_ms, asked.where, 0);
	find_read(); /* whatever the filters leave out shows in an open series */
	collect(asked.k, asked.known_ms, asked.where, asked.nwhere);
	if (asked.compare)
		find_windows(previous_of(get(0, "previous")));
	same_figure(asked.all, ANY, ANY, 0);
	check_series(ANY, ANY, get(0, "series"));
	check_previous(ANY, ANY, 0);
	check_partial();
	if (max_groups < 1000)
		check_sums(get(0, "groups"));
	else
		check_groups(get(0, "groups"));
	done++;
}

/* As a reader asks, or the writer itself between and within batches. */
static void some_cases(int n, bool in_batch)
{
	struct store *s = store;
	bool reader = !in_batch && one_in(3);
	if (!nfacts)
		return;
	if (reader)
		ok(store_open(&s, url, dir, STORE_READ, &err));
	if (!in_batch)
		ok(store_begin(s, &err));
	for (int i = 0; i < n; i++)
		one_case(s);
	if (!in_batch)
		ok(store_commit(s, &err));
	if (reader)
		store_close(s);
}

/* ---- writing ---- */

/* A reaction that adds and then fails. */
static void failed_reaction(void)
{
	size_t mark = cells_mark(cells);
	int was = nfacts;
	int64_t clock = now.clock;
	ok(store_mark(store, &err));
	for (int i = rnd(3); i >= 0; i--) {
		facts[nfacts] = random_fact();
		if (one_in(2) && facts[nfacts].who != NONE) /* someone new */
			facts[nfacts].who += PEOPLE;
		nfacts++;
		add_fact(nfacts - 1);
	}
	ok(store_rewind(store, &err));
	cells_rewind(cells, mark);
	nfacts = was;
	now.clock = clock;
}

static void duplicate(void)
{
	struct event ev = event_of(rnd(nfacts));
	ev.seq = nfacts + 1;
	ok(store_mark(store, &err));
	assert_int_equal(store_event_add(store, &ev, &err), 1);
	ok(store_release(store, &err));
}

static void one_batch(int most)
{
	ok(store_begin(store, &err));
	for (int i = rnd(20); i >= 0 && nfacts < most; i--) {
		facts[nfacts] = random_fact();
		nfacts++;
		add_fact(nfacts - 1);
		if (one_in(10))
			failed_reaction();
		if (one_in(20))
			duplicate();
		if (one_in(25)) {
			ok(cells_flush(cells, &err));
			if (one_in(2))
				some_cases(1, true);
		}
	}
	ok(cells_flush(cells, &err));
	ok(store_commit(store, &err));
}

static void mend(int most)
{
	struct side *s = &sides[CURRENT];
	int rc = 1;
	while (most-- > 0 && rc > 0) {
		ok(store_begin(store, &err));
		ok(rc = cells_mend(cells, s->cubes, s->ncubes, "BRL", &err));
		ok(cells_flush(cells, &err));
		ok(store_commit(store, &err));
	}
}

static void unite(int most)
{
	struct side *s = &sides[CURRENT];
	int rc = 1;
	while (most-- > 0 && rc > 0) {
		ok(store_begin(store, &err));
		ok(rc = cells_unite(cells, s->cubes, s->ncubes, INT32_MAX, "BRL", &err));
		ok(store_commit(store, &err));
	}
}

static void between_batches(void)
{
	if (one_in(5)) {
		close_store();
		open_store();
	} else if (one_in(5)) {
		cells_free(cells);
		cells = cells_new(store, max_groups, where, NULL);
	}
	if (one_in(2)) {
		ok(store_begin(store, &err));
		for (int i = rnd(20); i > 0; i--)
			ok(cells_fold(cells, 1 + (size_t)rnd(200), 1 + (size_t)rnd(50), &err));
		ok(store_commit(store, &err));
	}
	if (one_in(3))
		mend(1 + rnd(6));
	if (one_in(2))
		unite(1 + rnd(now.sets ? 400 : 40));
	arena_reset(&arena);
}

/* ---- counted again, verified, tampered with ---- */

static int count_walk(void *ctx, struct event *ev)
{
	struct standing *st = ctx;
	struct side *s = &sides[AGAIN];
	bool missing;
	int t = ev->type_name.p[2] == 'y';
	ev->type = &types[t];
	event_reload(ev, "BRL", &arena, &missing);
	return st ? count_again(cells, st, s->of_type[t], s->nof_type[t], ev, &err)
		  : count_candidates(cells, s->of_type[t], s->nof_type[t], ev, &err);
}

static void count_all_again(void)
{
	struct event_filter q = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
	int64_t last;
	bool end;
	make_side(&sides[AGAIN], "q");
	ok(store_begin(store, &err));
	bind_side(&sides[AGAIN]);
	ok(store_events(store, &q, count_walk, NULL, &last, &end, &err));
	struct standing *st = standing_new(store, INT64_MAX);
	ok(store_events(store, &q, count_walk, st, &last, &end, &err));
	standing_free(st);
	ok(cells_flush(cells, &err));
	while (cells_fold(cells, 1, 1000, &err) > 0)
		;
	ok(store_commit(store, &err));
}

enum { PLACES = 20000 };
struct written { /* a cube's cells as text, and sets, which may be written in several ways */
	struct buf b;
	const struct cube *cube;
	struct kset *sets[PLACES];
	int levels[PLACES], nsets;
};

static int write_bytes(struct written *w, int32_t day, struct str group, const void *p, size_t n)
{
	buf_printf(&w->b, "%d %.*s ", day, (int)group.n, group.p);
	for (size_t i = 0; i < n; i++)
		buf_printf(&w->b, "%02x", ((const uint8_t *)p)[i]);
	buf_puts(&w->b, "\n");
	return 0;
}

/* Without the checksum at the end, which is also over where the cell lies; and cells that all was
 * taken out of again are none. */
static int write_cell(void *ctx, int32_t day, struct str group, const void *p, size_t n)
{
	struct written *w = ctx;
	int64_t v[KPIS * MEASURES * 2];
	struct hist h[KPIS * MEASURES] = {{0}};
	struct cell_value value = {w->cube->nslots, w->cube->nhists, v, h};
	assert_true(cell_read(p, n, (struct cell_at){w->cube->id, day, group}, &value));
	bool empty = cell_empty(&value);
	for (int i = 0; i < w->cube->nhists; i++)
		hist_free(&h[i]);
	return empty ? 0 : write_bytes(w, day, group, p, n - 4);
}

static int write_set(void *ctx, int32_t day, struct str group, const void *blob, size_t n,
	uint32_t id, uint32_t count)
{
	struct written *w = ctx;
	(void)id, (void)count;
	assert_true(blob && w->nsets < PLACES);
	w->sets[w->nsets++] = kset_read(blob, n);
	return write_bytes(ctx, day, group, NULL, 0);
}

/* Days are told apart by cells, so that such a set has one level in each. */
static int levels_of(const struct cube *c, int set)
{
	int levels = 1;
	for (int i = 0; i < c->nmeasures; i++) {
		const struct measure *m = c->measures[i];
		if (m->set == set && !m->days && m->times > levels)
			levels = m->times;
	}
	return levels;
}

static void write_cube(struct written *w, const struct cube *c)
{
	buf_clear(&w->b);
	w->cube = c;
	w->nsets = 0;
	ok(store_cells(store, c->id, INT32_MIN, INT32_MAX, write_cell, w, &err));
	for (int set = 0; set < c->nsets; set++) {
		int first = w->nsets;
		ok(store_sets(store, c->id, set, INT32_MIN, INT32_MAX, NULL, write_set, w, &err));
		while (first < w->nsets)
			w->levels[first++] = levels_of(c, set);
	}
}

static void print_missing(const struct written *w, const char *other, const char *how)
{
	char line[4000];
	for (const char *p = w->b.p; *p; p = strchr(p, '\n') + 1) {
		snprintf(line, sizeof line, "%.*s", (int)(strchr(p, '\n') + 1 - p), p);
		if (!strstr(other, line))
			print_error("cube %s %s: %s", w->cube->dims, how, line);
	}
}

static void same_cells(void)
{
	static struct written w[2];
	for (int c = 0; c < sides[CURRENT].ncubes; c++) {
		for (int i = 0; i < 2; i++)
			write_cube(&w[i], sides[i].cubes[c]);
		buf_cstr(&w[0].b), buf_cstr(&w[1].b);
		print_missing(&w[0], w[1].b.p, "as written");
		print_missing(&w[1], w[0].b.p, "counted again");
		if (strcmp(w[0].b.p, w[1].b.p) != 0)
			differ("counted again it is something else", NULL);
		for (int i = 0; i < w[0].nsets; i++) {
			want(kset_equal(w[0].sets[i], w[1].sets[i], w[0].levels[i]),
				"counted again it is another set");
			kset_free(w[0].sets[i]);
			kset_free(w[1].sets[i]);
		}
	}
	buf_free(&w[0].b);
	buf_free(&w[1].b);
}

static bool tell_differences;
static void differs(void *ctx, const struct cube *c, const char *what)
{
	(void)ctx, (void)c;
	if (tell_differences)
		print_message("differs: %s\n", what);
}

static int verify(void)
{
	int n = 0;
	ok(store_begin(store, &err));
	for (int i = 0; i < sides[CURRENT].ncubes; i++) {
		int rc = kpi_verify(store, sides[CURRENT].cubes[i], &host, differs, NULL, &err);
		ok(rc);
		n += rc;
	}
	ok(store_commit(store, &err));
	return n;
}

static struct {
	int kpi, measure, fact;
} tampered;

/* One event of one measure is counted once more than it should. Not where its day is to be counted
 * again for it: that makes it right. */
static bool tamper(void)
{
	struct plain_kpi *k = &plain[rnd(KPIS)];
	int j = rnd(k->n), i = rnd(nfacts), id = (int)(k - plain), cube = -1;
	int32_t day;
	bool missing;
	const struct plain_measure *m = &k->m[j];
	int64_t v;
	if (m->kind >= P_TIMES || facts[i].type != m->type || !value_of(&facts[i], m->field, &v) ||
		!passes(&facts[i], m->test) || (m->bought && facts[i].bought == NEVER))
		return false;
	struct measure *of = &sides[CURRENT].kpis[id]->measures[j];
	if (of->shared) /* another one keeps its number */
		return false;
	struct event ev = event_of(i);
	event_reload(&ev, "BRL", &arena, &missing);
	ok(store_begin(store, &err));
	tampered.kpi = id, tampered.measure = j, tampered.fact = i;
	ok(cells_tally(cells, of, &ev, 1, ev.recorded_ms, &err));
	ok(cells_flush(cells, &err));
	ok(store_spoilt_any(store, &cube, &day, &err));
	ok(store_commit(store, &err));
	return cube < 0;
}

static void differ_unless(bool seen)
{
	char what[100];
	snprintf(what, sizeof what, "verify does not see that %s.m%d counts event %d once more",
		plain[tampered.kpi].id, tampered.measure, tampered.fact + 1);
	if (!seen)
		asked.k = &plain[tampered.kpi], differ(what, NULL);
}

static void check_whole(void)
{
	mend(1000000);
	ok(store_begin(store, &err));
	while (cells_fold(cells, 1, 1000, &err) > 0)
		;
	ok(store_commit(store, &err));
	if (max_groups == 1000) { /* else who comes first has its group */
		count_all_again();
		same_cells();
		free_side(&sides[AGAIN]);
	}
	tell_differences = true;
	want(verify() == 0, "verify finds a difference in what was counted");
	tell_differences = false;
	for (int i = 0; i < 20; i++)
		if (tamper()) {
			differ_unless(verify() > 0);
			break;
		}
}

/* Logs grow, so that the first one that fails is a small one. */
static void one_log(int number)
{
	static int files;
	dice = 0x9E3779B97F4A7C15u ^ (seed * 0xBF58476D1CE4E5B9u);
	for (int i = 0; i < 20; i++)
		rnd(2);
	int most = 3 + (number < 30 ? number : rnd(FACTS - 3));
	now.kind = rnd(4);
	now.imports = rnd(3) * 5;
	now.sets = one_in(3);
	now.dense = one_in(now.sets ? 2 : 4);
	max_groups = one_in(8) ? 1 + rnd(4) : 1000;
	random_zone();
	now.clock = now.start;
	nfacts = 0;
	random_kpis();
	asked = (struct asked){.k = &plain[0]};
	make_side(&sides[CURRENT], "p");
	snprintf(url, sizeof url, "sqlite:%s/%d.db", dir, files++);
	open_store();
	while (nfacts < most) {
		one_batch(most);
		between_batches();
		some_cases(rnd(12), false);
	}
	some_cases(40, false);
	check_whole();
	some_cases(0, false);
	close_store();
	free_side(&sides[CURRENT]);
}

static long number_from(const char *name, long otherwise)
{
	const char *v = getenv(name);
	return v ? atol(v) : otherwise;
}

static void figures_equal_a_scan(void **unused)
{
	long cases = number_from("CXD_CASES", CASES), first = number_from("CXD_SEED", 1);
	(void)unused;
	for (int i = 0; done < cases; i++) {
		seed = (uint64_t)first + (uint64_t)i;
		one_log((int)(seed & 0xffff));
	}
	print_message("%ld cases\n", done);
}

static int begin(void **unused)
{
	(void)unused;
	cx_lang = CX_EN;
	log_setup("test", LOG_ERROR, "text"); /* days with too many groups are warned of */
	make_types();
	/* In memory where that is: waiting for disks is no part of this test. */
	snprintf(dir, sizeof dir, "%s/cxd-algebra-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	return mkdtemp(dir) ? 0 : -1;
}

static int end(void **unused)
{
	char command[64];
	(void)unused;
	json_doc_free(&doc);
	buf_free(&answer);
	buf_free(&told);
	buf_free(&tells);
	arena_free(&arena);
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_equal_a_scan),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
