/* kpi_fixture.h — two event types, three KPIs over them, a store in a scratch folder, and events as
 * plain rows; for the tests of kpi/. */
#ifndef CX_TEST_KPI_FIXTURE_H
#define CX_TEST_KPI_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/tz.h"
#include "kpi_answer.h"
#include "kpi/count.h"
#include "kpi/query.h"
#include "store_rows.h"

enum { PEOPLE = 12, UNITS = 3, CHANNELS = 2, NONE = -1, DAYS = 70, NM = 15 };

/* ---- what the test knows: plain rows and plain measures ---- */

struct plain {
	int type;                       /* 0 "t.x", 1 "t.y" */
	int64_t time, bought;           /* bought 0 = null */
	int who, unit, channel, amount; /* NONE = null */
	int order;                      /* 0 = null */
	int64_t recorded;               /* 0: when it happened */
	int64_t corrects, root;         /* seqs; 0 = none */
};

enum plain_kind { P_COUNT, P_SUM, P_TIMES, P_DAYS, P_SPREAD };
struct plain_measure {
	const char *name;
	enum plain_kind kind;
	int type;
	bool amount, big, bought; /* needs amount; only amount > 50; placed by bought */
	int times;                /* of a spread: the width of its buckets */
	enum choose choose;       /* latest by time, first by amount; of an order */
};
static const struct plain_measure plain_measures[NM] = {
	{"a_count", P_COUNT, 0, false, false, false, 1, CHOOSE_ALL},
	{"b_amounts", P_COUNT, 0, true, false, false, 1, CHOOSE_ALL},
	{"c_sum", P_SUM, 0, true, false, false, 1, CHOOSE_ALL},
	{"d_big", P_COUNT, 0, false, true, false, 1, CHOOSE_ALL},
	{"e_people", P_TIMES, 0, false, false, false, 1, CHOOSE_ALL},
	{"f_twice", P_TIMES, 0, false, false, false, 2, CHOOSE_ALL},
	{"g_days", P_DAYS, 0, false, false, false, 3, CHOOSE_ALL},
	{"h_bought", P_SUM, 0, true, false, true, 1, CHOOSE_ALL},
	{"i_other", P_COUNT, 1, false, false, false, 1, CHOOSE_ALL},
	{"j_other_days", P_DAYS, 1, false, false, false, 2, CHOOSE_ALL},
	{"j_spread", P_SPREAD, 0, true, false, false, 1, CHOOSE_ALL},
	{"jl_latest", P_COUNT, 0, false, false, false, 1, CHOOSE_LATEST},
	{"jm_first", P_SUM, 0, true, true, false, 1, CHOOSE_FIRST},
	{"js_bought_spread", P_SPREAD, 0, true, false, true, 7, CHOOSE_LATEST},
	{"k_bought_days", P_DAYS, 0, false, false, true, 2, CHOOSE_ALL},
};

/* ---- the same in cxd ---- */

static char dir[] = "/tmp/cxd-kpi-XXXXXX";
static struct event_type types[2];
static struct field fields[2][4];
static struct kpi *kpis[3];
static struct cube **cubes;
static int ncubes, slot, choices[3], failing_where;
static struct counted counted[2][3 * NM]; /* by type */
static int ncounted[2];
static struct store *store;
static struct cells *cells;
static struct arena arena;
static int64_t seq, now_ms;
static struct cx_err err;

static jmp_buf *on_failure; /* where to go on when the store fails */

static void ok(int rc)
{
	if (rc < 0 && on_failure)
		longjmp(*on_failure, 1);
	if (rc < 0)
		print_error("%s: %s\n", cx_err_name(rc), err.msg);
	assert_true(rc >= 0);
}

static void make_types(void)
{
	static const char *const names[] = {"amount", "bought", "channel", "order"};
	for (int t = 0; t < 2; t++) {
		types[t] = (struct event_type){.name = t ? "t.y" : "t.x",
			.plugin = "p",
			.fields = fields[t],
			.nfields = 4};
		for (int i = 0; i < 4; i++)
			fields[t][i].name = (char *)(uintptr_t)names[i];
		fields[t][0].kind = FIELD_INTEGER;
		fields[t][1].kind = FIELD_TIME;
		fields[t][2].kind = fields[t][3].kind = FIELD_TEXT;
	}
}

static void make_measure(struct kpi *k, int i, const struct plain_measure *p)
{
	struct measure *m = &k->measures[i];
	static const enum measure_kind kinds[] = {
		MEASURE_COUNT, MEASURE_SUM, MEASURE_DISTINCT, MEASURE_DISTINCT, MEASURE_HISTOGRAM};
	m->name = xstrdup(p->name);
	m->kind = kinds[p->kind];
	m->type = &types[p->type];
	m->type_name = xstrdup(m->type->name);
	m->at = p->bought ? 1 : -1;
	m->at_slot = p->bought ? slot : -1;
	m->at_name = p->bought ? xstrdup("bought") : NULL;
	m->times = p->kind == P_SPREAD ? 1 : p->times;
	m->bucket = p->kind == P_SPREAD ? p->times : 1;
	m->days = p->kind == P_DAYS;
	m->where = p->big;
	m->choose = p->choose;
	m->choice = choices[p->choose];
	if (p->choose != CHOOSE_ALL) {
		m->key_name = xstrdup("order");
		m->rank_name = xstrdup(p->choose == CHOOSE_LATEST ? "time" : "amount");
		assert_true(field_ref_resolve(m->type, m->key_name, &m->key));
		assert_true(field_ref_resolve(m->type, m->rank_name, &m->rank));
	}
	m->field.attr = p->amount                                 ? ATTR_FIELD
			: p->kind == P_TIMES || p->kind == P_DAYS ? ATTR_SUBJECT
								  : ATTR_NONE;
	m->field.field = 0;
	for (int j = 0; j < k->nby; j++)
		assert_true(field_ref_resolve(m->type, k->by[j], &m->dims[j]));
}

static struct kpi *make_kpi(const char *id, const char *const *by, int nby, int first, int n)
{
	struct kpi *k = xcalloc(1, sizeof *k);
	k->id = xstrdup(id);
	k->plugin = xstrdup("p");
	k->nby = nby;
	for (int i = 0; i < nby; i++)
		k->by[i] = xstrdup(by[i]);
	k->nmeasures = n;
	k->measures = xcalloc((size_t)n, sizeof *k->measures);
	for (int i = 0; i < n; i++)
		make_measure(k, i, &plain_measures[first + i]);
	return k;
}

static int where(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e)
{
	(void)ctx, (void)m;
	if (failing_where)
		return cx_fail(e, CX_E_PLUGIN_FAILED, NULL, "it raised");
	return ev->fields[0].kind == VALUE_INT && ev->fields[0].i > 50;
}

static int formula(void *ctx, const struct kpi *k, struct kpi_view *view, double *value, bool *null,
	struct cx_err *e)
{
	const struct kpi_measured *m = kpi_view_measured(view);
	(void)ctx, (void)e;
	*value = (double)m[0].i / (double)m[k->nmeasures - 1].i;
	*null = false;
	return CX_OK;
}

static const struct kpi_host host = {.where = where, .formula = formula};
static const struct kpi_meta meta = {
	.plugin_version = "1.0.0", .company_currency = "BRL", .min_n = 10};

static void open_store(int64_t max_groups)
{
	static const char *const by[] = {"unit", "channel"};
	static int n;
	char url[64];
	snprintf(url, sizeof url, "sqlite:%s/%d.db", dir, n++);
	ok(store_open(&store, url, dir, STORE_WRITE, &err));
	ok(store_begin(store, &err));
	ok(store_place_slot(store, "t.x", "bought", &slot, &err));
	choices[CHOOSE_ALL] = -1;
	ok(rule_of(store, "t.x", "order", "time", true, &choices[CHOOSE_LATEST], &err));
	ok(rule_of(store, "t.x", "order", "amount", false, &choices[CHOOSE_FIRST], &err));
	kpis[0] = make_kpi("one", by, 2, 0, NM);
	kpis[1] = make_kpi("three", by, 2, 8, 1); /* shares a cube with the first */
	kpis[2] = make_kpi("two", by, 0, 0, NM);
	kpi_cubes_build(kpis, 3, &cubes, &ncubes);
	assert_int_equal(ncubes, 2);
	ok(kpi_cubes_bind(store, cubes, ncubes, STORE_LIVE, &err));
	ok(store_commit(store, &err));
	ncounted[0] = ncounted[1] = 0;
	for (int c = 0; c < ncubes; c++)
		for (int i = 0; i < cubes[c]->nmeasures; i++) {
			int t = cubes[c]->measures[i]->type == &types[1];
			counted[t][ncounted[t]++] = (struct counted){.m = cubes[c]->measures[i]};
		}
	cells = cells_new(store, max_groups, where, NULL);
	seq = 0;
}

static void close_store(void)
{
	cells_free(cells);
	kpi_cubes_free(cubes, ncubes);
	for (int i = 0; i < 3; i++)
		kpi_free(kpis[i]);
	store_close(store);
	arena_free(&arena);
}

static struct str text(const char *prefix, int n)
{
	char t[32];
	if (n == NONE)
		return (struct str){0};
	int len = snprintf(t, sizeof t, "%s%d", prefix, n);
	return arena_str(&arena, t, (size_t)len);
}

static void add_event(const struct plain *p)
{
	static const struct count_host counting = {.company_currency = "BRL"};
	struct event ev = {.seq = ++seq,
		.time_ms = p->time,
		.recorded_ms = p->recorded ? p->recorded : p->time,
		.root = p->root};
	struct buf data = {0};
	char t[TZ_TEXT];
	bool missing;
	jw_obj(&data);
	if (p->amount != NONE)
		jw_kint(&data, "amount", p->amount);
	if (p->bought) {
		tz_format(p->bought, t);
		jw_kstr(&data, "bought", t);
	}
	if (p->channel != NONE) /* a name that needs escaping */
		jw_kstr(&data, "channel", p->channel ? "app \"x\"\n" : "café, loja");
	if (p->order)
		jw_kstr(&data, "order", text("o", p->order).p);
	jw_obj_end(&data);
	tz_format(p->time, t);
	ev.id = text("e", (int)seq);
	ev.source = STR("test");
	ev.type = &types[p->type];
	ev.type_name = p->type ? STR("t.y") : STR("t.x");
	ev.time = arena_str(&arena, t, strlen(t));
	ev.subject = text("c", p->who);
	ev.unit = text("u", p->unit);
	if (p->corrects)
		ev.corrects = text("e", (int)p->corrects);
	ev.data = arena_str(&arena, data.p, data.len);
	buf_free(&data);
	ok(store_event_add(store, &ev, &err));
	event_reload(&ev, "BRL", &arena, &missing);
	if (p->bought && !p->type)
		ok(store_place_add(store, slot, p->bought, ev.seq, &err));
	ok(count_event(cells, counted[p->type], ncounted[p->type], &ev, &counting, &err));
}

/* ---- answers ---- */

static int ask(const struct kpi *k, const struct kpi_param *v, int n)
{
	struct kpi_query q;
	err.code = CX_OK;
	int rc = kpi_query_parse(&q, k, v, n, now_ms, &err);
	buf_clear(&answer);
	if (rc >= 0)
		rc = kpi_query_run(store, k, &q, &host, &meta, &answer, &err);
	if (rc >= 0)
		ok(json_scan(&doc, answer.p, answer.len, JSON_DEPTH, 10000000, &err));
	return rc;
}

static int64_t measure(uint32_t node, const char *name)
{
	int64_t v = INT64_MIN;
	assert_true(json_int64(&doc, get(get(node, "measures"), name), &v));
	return v;
}

static int fixture_start(void **unused)
{
	(void)unused;
	cx_lang = CX_EN;
	make_types();
	return mkdtemp(dir) && tz_setup("America/Sao_Paulo") ? 0 : -1;
}

static int fixture_end(void **unused)
{
	char command[64];
	(void)unused;
	json_doc_free(&doc);
	buf_free(&answer);
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command);
}

#endif
