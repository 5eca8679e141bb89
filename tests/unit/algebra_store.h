/* algebra_store.h — the same facts and KPIs in the product: a store in a scratch folder, cubes,
 * events written through count_event(), formulas that write down what they see. */
#ifndef CX_TEST_ALGEBRA_STORE_H
#define CX_TEST_ALGEBRA_STORE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "algebra_plain.h"
#include "kpi_answer.h"
#include "kpi/count.h"
#include "kpi/query.h"
#include "store_rows.h"

enum { KPIS = 3, FIELDS = 5, CURRENT = 0, AGAIN = 1 }; /* plugins: as written, counted again */
static const char *const field_names[FIELDS] = {"amount", "answered", "bought", "channel", "order"};
static const char *const attr_names[] = {
	[W_AMOUNT] = "amount",
	[W_WHO] = "subject",
	[W_ORDER] = "order",
	[W_CHANNEL] = "channel",
	[W_TIME] = "time",
	[W_ANSWERED] = "answered",
};
static const char *const sources[] = {"import/a", "till"};
static const char *const channels[] = {"app \"x\"\n", "café, loja"};

static char dir[40], url[64];
static struct event_type types[TYPES];
static struct field fields[TYPES][FIELDS];
static struct plain_kpi plain[KPIS];
struct side { /* the KPIs of one plugin */
	struct kpi *kpis[KPIS];
	struct cube **cubes;
	int ncubes;
	struct counted of_type[TYPES][KPIS * MEASURES];
	int nof_type[TYPES];
};
static struct side sides[2];
static struct store *store;
static struct cells *cells;
static int max_groups; /* of a cube and day */
static struct arena arena;
static struct cx_err err;

static void ok(int rc)
{
	if (rc < 0)
		print_error("%s: %s\n", cx_err_name(rc), err.msg);
	assert_true(rc >= 0);
}

static void make_types(void)
{
	static const enum field_kind kinds[] = {
		FIELD_INTEGER, FIELD_TIME, FIELD_TIME, FIELD_TEXT, FIELD_TEXT};
	for (int t = 0; t < TYPES; t++) {
		types[t] = (struct event_type){.name = t ? "t.y" : "t.x",
			.plugin = "p",
			.fields = fields[t],
			.nfields = FIELDS};
		for (int i = 0; i < FIELDS; i++) {
			fields[t][i].name = (char *)(uintptr_t)field_names[i];
			fields[t][i].kind = kinds[i];
		}
	}
}

/* ---- KPIs ---- */

static void make_pick(struct measure *m, const struct plain_measure *p)
{
	m->choice = -1;
	m->choose = (enum choose)p->pick;
	if (p->pick == PICK_ALL)
		return;
	m->key_name = xstrdup(attr_names[p->key]);
	m->rank_name = xstrdup(attr_names[p->rank]);
	assert_true(field_ref_resolve(m->type, m->key_name, &m->key));
	assert_true(field_ref_resolve(m->type, m->rank_name, &m->rank));
}

static void make_measure(struct kpi *k, int i, const struct plain_measure *p)
{
	static const enum measure_kind kinds[] = {
		MEASURE_COUNT, MEASURE_SUM, MEASURE_HISTOGRAM, MEASURE_DISTINCT, MEASURE_DISTINCT};
	struct measure *m = &k->measures[i];
	char name[8];
	snprintf(name, sizeof name, "m%d", i);
	m->name = xstrdup(name);
	m->kind = kinds[p->kind];
	m->type = &types[p->type];
	m->type_name = xstrdup(m->type->name);
	m->at = p->bought ? 2 : -1;
	m->at_slot = -1;
	m->at_name = p->bought ? xstrdup("bought") : NULL;
	m->times = p->times;
	m->days = p->kind == P_DAYS;
	m->bucket = p->bucket;
	m->where = (int)p->test;
	if (p->field != W_NOTHING) {
		m->field_name = xstrdup(attr_names[p->field]);
		assert_true(field_ref_resolve(m->type, m->field_name, &m->field));
	}
	make_pick(m, p);
	for (int j = 0; j < k->nby; j++)
		assert_true(field_ref_resolve(m->type, k->by[j], &m->dims[j]));
}

static struct kpi *make_kpi(const struct plain_kpi *p, const char *plugin)
{
	struct kpi *k = xcalloc(1, sizeof *k);
	k->id = xstrdup(p->id);
	k->plugin = xstrdup(plugin);
	k->nby = p->nby;
	for (int i = 0; i < p->nby; i++)
		k->by[i] = xstrdup(p->by[i] ? "channel" : "unit");
	k->nmeasures = p->n;
	k->measures = xcalloc((size_t)p->n, sizeof *k->measures);
	for (int i = 0; i < p->n; i++)
		make_measure(k, i, &p->m[i]);
	return k;
}

static void make_side(struct side *s, const char *plugin)
{
	memset(s, 0, sizeof *s);
	for (int i = 0; i < KPIS; i++)
		s->kpis[i] = make_kpi(&plain[i], plugin);
	kpi_cubes_build(s->kpis, KPIS, &s->cubes, &s->ncubes);
	for (int c = 0; c < s->ncubes; c++)
		for (int i = 0; i < s->cubes[c]->nmeasures; i++) {
			const struct measure *m = s->cubes[c]->measures[i];
			int t = (int)(m->type - types);
			s->of_type[t][s->nof_type[t]++] = (struct counted){.m = m};
		}
}

static void free_side(struct side *s)
{
	kpi_cubes_free(s->cubes, s->ncubes);
	for (int i = 0; i < KPIS; i++)
		kpi_free(s->kpis[i]);
}

/* Numbers that the store gives to cubes, places and choices. */
static void bind_side(struct side *s)
{
	ok(kpi_cubes_bind(store, s->cubes, s->ncubes, STORE_LIVE, &err));
	for (int k = 0; k < KPIS; k++)
		for (int i = 0; i < s->kpis[k]->nmeasures; i++) {
			struct measure *m = &s->kpis[k]->measures[i];
			if (m->choose != CHOOSE_ALL)
				ok(rule_of(store, m->type_name, m->key_name, m->rank_name,
					m->choose == CHOOSE_LATEST, &m->choice, &err));
			if (m->at >= 0)
				ok(store_place_slot(
					store, m->type_name, "bought", &m->at_slot, &err));
		}
}

/* ---- where ---- */

static bool passes_event(const struct event *ev, enum test t, bool *raised)
{
	struct value amount = ev->fields[0];
	*raised = t == T_RAISES && amount.kind == VALUE_INT && amount.i == 7;
	if (t == T_BIG)
		return amount.kind == VALUE_INT && amount.i > 10;
	return t != T_UNIT || ev->unit.p;
}

static int where(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e)
{
	bool raised, yes = passes_event(ev, (enum test)m->where, &raised);
	(void)ctx;
	return raised ? cx_fail(e, CX_E_PLUGIN_FAILED, NULL, "it raised") : yes;
}

/* ---- formulas ---- */

static struct buf told, tells; /* what one formula saw; all of a query */

static void same_number(double a, double b)
{
	assert_true(fabs(a - b) <= 1e-9 * (1 + fabs(b)));
}

/* What is asked of a histogram, against its values one by one. */
static void check_hist(const struct hist *h)
{
	static const double ps[] = {0, 0.1, 0.5, 0.9, 1};
	static double x[FACTS + 8];
	int n = 0;
	double sum = 0, square = 0, got;
	int64_t least, greatest;
	for (size_t i = 0; i < h->n; i++)
		for (int64_t c = 0; c < h->counts[i]; c++)
			x[n++] = (double)h->values[i];
	assert_int_equal(h->total, n);
	for (int i = 0; i < n; i++)
		sum += x[i];
	assert_int_equal(hist_mean(h, &got), n > 0);
	if (n)
		same_number(got, sum / n);
	for (int i = 0; i < n; i++)
		square += (x[i] - sum / n) * (x[i] - sum / n);
	assert_int_equal(hist_variance(h, &got), n > 1);
	if (n > 1)
		same_number(got, square / (n - 1));
	for (int i = 0; i < 5; i++) {
		assert_int_equal(hist_quantile(h, ps[i], &got), n > 0);
		double at = (n - 1) * ps[i];
		int lo = (int)at;
		if (n)
			same_number(
				got, x[lo] + (lo + 1 < n ? (at - lo) * (x[lo + 1] - x[lo]) : 0));
	}
	assert_int_equal(hist_min(h, &least), n > 0);
	assert_int_equal(hist_max(h, &greatest), n > 0);
	if (n)
		assert_true((double)least == x[0] && (double)greatest == x[n - 1]);
}

static void tell_view(const struct kpi *k, const struct kpi_measured *m)
{
	for (int j = 0; j < k->nmeasures; j++) {
		buf_printf(&told, " m%d=%lld", j, (long long)m[j].i);
		if (k->measures[j].kind == MEASURE_HISTOGRAM) {
			static const struct hist none;
			const struct hist *h = m[j].hist ? m[j].hist : &none;
			check_hist(h);
			assert_int_equal(h->total, m[j].i);
			write_pairs(&told, h->values, h->counts, (int)h->n);
		}
		if (m[j].set)
			assert_int_equal(kset_count(m[j].set, 1), m[j].i);
	}
}

/* 1 *v, 0 no data */
static int open_view(
	struct kpi_view *from, const struct view *how, struct kpi_view **v, struct cx_err *e)
{
	int rc = 1;
	*v = from;
	for (int i = 0; i < how->n && rc > 0; i++) {
		const struct step *s = &how->step[i];
		rc = s->before ? kpi_view_before(*v, v, e)
			       : kpi_view_shift(*v, s->d, s->sign, v, e);
	}
	return rc;
}

static void tell_op(const struct set_op *o, struct kpi_view *const *views)
{
	struct kset *s[2], *none = kset_new(1);
	if (!views[o->view[0]] || !views[o->view[1]]) {
		kset_free(none);
		return;
	}
	for (int i = 0; i < 2; i++) {
		s[i] = kpi_view_measured(views[o->view[i]])[o->measure[i]].set;
		s[i] = s[i] ? s[i] : none;
	}
	struct kset *out = kset_combine(s[0], s[1],
		o->op == '&'   ? KSET_AND
		: o->op == '|' ? KSET_OR
			       : KSET_MINUS);
	buf_printf(&told, " %c%lld", o->op, (long long)kset_count(out, 1));
	kset_free(out);
	kset_free(none);
}

static int formula(void *ctx, const struct kpi *k, struct kpi_view *view, double *value, bool *null,
	struct cx_err *e)
{
	struct kpi_view *views[VIEWS];
	(void)ctx;
	buf_clear(&told);
	for (int v = 0; v < recipe.nviews; v++) {
		int rc = open_view(view, &recipe.view[v], &views[v], e);
		if (rc < 0)
			return rc;
		buf_printf(&told, " view%d", v);
		if (rc)
			tell_view(k, kpi_view_measured(views[v]));
		else
			buf_puts(&told, " none");
		views[v] = rc ? views[v] : NULL;
	}
	for (int i = 0; i < recipe.nops; i++)
		tell_op(&recipe.op[i], views);
	buf_printf(&tells, "  %s\n", buf_cstr(&told));
	*value = number_of(&told);
	*null = recipe.null_of_nothing && !kpi_view_measured(view)[0].i;
	return CX_OK;
}

static const struct kpi_host host = {.where = where, .formula = formula, .company_currency = "BRL"};
static const struct kpi_meta meta = {
	.plugin_version = "1.0.0", .company_currency = "BRL", .min_n = 10};
static const struct count_host counting = {.company_currency = "BRL"};

/* ---- the store ---- */

static void open_store(void)
{
	ok(store_open(&store, url, dir, STORE_WRITE, &err));
	ok(store_begin(store, &err));
	bind_side(&sides[CURRENT]);
	ok(store_commit(store, &err));
	cells = cells_new(store, max_groups, where, NULL);
}

static void close_store(void)
{
	cells_free(cells);
	store_close(store);
	arena_reset(&arena);
}

static struct str text(const char *prefix, int n)
{
	char t[32];
	if (n == NONE)
		return (struct str){0};
	int len = snprintf(t, sizeof t, "%s%d", prefix, n);
	return arena_str(&arena, t, (size_t)len);
}

static void put_time(struct buf *b, const char *key, int64_t ms)
{
	char t[TZ_TEXT];
	if (ms == NEVER)
		return;
	tz_format(ms, t);
	jw_kstr(b, key, t);
}

static struct str put_data(const struct fact *f)
{
	struct buf b = {0};
	char order[16];
	jw_obj(&b);
	if (f->amount != NEVER)
		jw_kint(&b, "amount", f->amount);
	put_time(&b, "answered", f->answered);
	put_time(&b, "bought", f->bought);
	if (f->channel != NONE)
		jw_kstr(&b, "channel", channels[f->channel]);
	snprintf(order, sizeof order, "c%d", f->order);
	if (f->order != NONE)
		jw_kstr(&b, "order", order);
	jw_obj_end(&b);
	struct str s = arena_str(&arena, b.p, b.len);
	buf_free(&b);
	return s;
}

/* The event of a fact, as the writer has it before it is stored. */
static struct event event_of(int i)
{
	const struct fact *f = &facts[i];
	struct event ev = {.seq = i + 1, .time_ms = f->time, .recorded_ms = f->recorded};
	char t[TZ_TEXT];
	tz_format(f->time, t);
	ev.id = arena_str(&arena, f->id, strlen(f->id));
	ev.source = arena_str(&arena, sources[f->source], strlen(sources[f->source]));
	ev.type = &types[f->type];
	ev.type_name = arena_str(&arena, ev.type->name, strlen(ev.type->name));
	ev.time = arena_str(&arena, t, strlen(t));
	ev.subject = text("c", f->who);
	ev.unit = text("u", f->unit);
	ev.data = put_data(f);
	if (f->corrects != NONE) {
		const char *id = facts[f->corrects].id;
		ev.corrects = arena_str(&arena, id, strlen(id));
		ev.root = f->root + 1;
	}
	return ev;
}

static void add_fact(int i)
{
	struct event ev = event_of(i);
	struct side *s = &sides[CURRENT];
	int slot = -1;
	bool missing;
	int rc = store_event_add(store, &ev, &err);
	ok(rc);
	assert_int_equal(rc, 0);
	event_reload(&ev, "BRL", &arena, &missing);
	if (facts[i].bought != NEVER) {
		ok(store_place_slot(store, ev.type->name, "bought", &slot, &err));
		ok(store_place_add(store, slot, facts[i].bought, ev.seq, &err));
	}
	ok(count_event(cells, s->of_type[facts[i].type], s->nof_type[facts[i].type], &ev, &counting,
		&err));
}

/* ---- answers ---- */

static int ask(struct store *s, const struct kpi *k, const struct kpi_param *v, int n)
{
	struct kpi_query q;
	err.code = CX_OK;
	int rc = kpi_query_parse(&q, k, v, n, 0, &err);
	buf_clear(&answer);
	buf_clear(&tells);
	if (rc >= 0)
		rc = kpi_query_run(s, k, &q, &host, &meta, &answer, &err);
	if (rc >= 0)
		ok(json_scan(&doc, answer.p, answer.len, JSON_DEPTH, 10000000, &err));
	return rc;
}

#endif
