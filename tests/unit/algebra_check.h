/* algebra_check.h — an answer against the scan: every figure, series, group and comparison; and
 * what is printed where they differ. */
#ifndef CX_TEST_ALGEBRA_CHECK_H
#define CX_TEST_ALGEBRA_CHECK_H

#include <time.h>

#include "algebra_store.h"

struct asked {
	struct kpi_param v[12];
	int n;
	char from[TZ_TEXT], to[TZ_TEXT], known[TZ_TEXT];
	bool by[2]; /* unit, channel */
	const char *every, *compare;
	struct filter where[2];
	int nwhere;
	int64_t known_ms;
	struct span all;
	int kpi;
	const struct plain_kpi *k;
	struct span read[2000], passed[6000]; /* the windows of which groups are shown */
	int nread, npassed;
};
static struct asked asked;
static uint64_t seed;
static long done;

/* ---- failing ---- */

static void print_fact(int i)
{
	const struct fact *f = &facts[i];
	char t[4][TZ_TEXT] = {"", "", "null", "null"};
	tz_format(f->time, t[0]);
	tz_format(f->recorded, t[1]);
	if (f->bought != NEVER)
		tz_format(f->bought, t[2]);
	if (f->answered != NEVER)
		tz_format(f->answered, t[3]);
	print_error(
		"  %d t.%c %s/%s %s recorded %s corrects %d: c%d u%d channel %d order %d amount "
		"%lld bought %s answered %s\n",
		i + 1, "xy"[f->type], sources[f->source], f -> id, t[0], t[1], f -> corrects + 1,
		f -> who, f -> unit, f -> channel, f -> order,
		(long long)(f->amount == NEVER ? -999 : f->amount), t[2], t[3]);
}

static void print_kpi(const struct plain_kpi *k)
{
	static const char *const kinds[] = {"count", "sum", "histogram", "times", "days"};
	static const char *const tests[] = {"", "amount > 10", "unit", "raises at 7"};
	static const char *const picks[] = {"", "latest", "first"};
	print_error("kpi %s by %d dimensions\n", k->id, k->nby);
	for (int j = 0; j < k->n; j++) {
		const struct plain_measure *m = &k->m[j];
		print_error("  m%d %s(t.%c, %s) times %d bucket %lld at %s where \"%s\" %s", j,
			kinds[m->kind], "xy"[m->type], m -> field ? attr_names[m->field] : "-",
			m->times, (long long)m->bucket, m->bought ? "bought" : "time",
			tests[m->test], picks[m->pick]);
		if (m->pick)
			print_error(" {%s, by = %s}", attr_names[m->key], attr_names[m->rank]);
		print_error("\n");
	}
}

static void print_recipe(void)
{
	for (int v = 1; v < recipe.nviews; v++) {
		print_error("view%d =", v);
		for (int i = 0; i < recipe.view[v].n; i++) {
			const struct step *s = &recipe.view[v].step[i];
			if (s->before)
				print_error(" before");
			else
				print_error(" shift %+d × (%d mo %d d %lld ms)", s->sign,
					s->d.months, s->d.days, (long long)s->d.ms);
		}
		print_error("\n");
	}
	for (int i = 0; i < recipe.nops; i++) {
		const struct set_op *o = &recipe.op[i];
		print_error("set view%d.m%d %c view%d.m%d\n", o->view[0], o->measure[0], o->op,
			o->view[1], o->measure[1]);
	}
}

static void differ(const char *what, const char *expected)
{
	print_error("\n%s\nCXD_SEED=%llu, zone %s, %d facts, case %ld\n", what,
		(unsigned long long)seed, getenv("TZ"), nfacts, done);
	for (int i = 0; i < asked.n; i++)
		print_error("  %s=%s\n", asked.v[i].name, asked.v[i].value);
	print_kpi(asked.k);
	print_recipe();
	for (int i = 0; i < nfacts && nfacts <= 60; i++)
		print_fact(i);
	if (expected)
		print_error("expected%s\nthe formula saw\n%s", expected, buf_cstr(&tells));
	print_error("%.3000s\n", buf_cstr(&answer));
	fail();
}

static void want(bool yes, const char *what)
{
	if (!yes)
		differ(what, NULL);
}

/* ---- comparing ---- */

/* A measure raises on an event that stands: in the window, or anywhere. */
static bool raises(struct span w, bool anywhere)
{
	bool newest[FACTS + 8];
	int64_t v;
	for (int i = 0; i < nfacts; i++)
		newest[i] = newest_of_family(&facts[i], asked.known_ms);
	for (int j = 0; j < asked.k->n; j++) {
		const struct plain_measure *m = &asked.k->m[j];
		for (int i = 0; i < nfacts; i++) {
			struct hit h = {.at = m->bought ? facts[i].bought : facts[i].time};
			if (m->test == T_RAISES && facts[i].type == m->type &&
				!passes(&facts[i], m->test) &&
				stands(&facts[i], m, asked.known_ms, newest) &&
				(anywhere || (h.at != NEVER && value_of(&facts[i], m->field, &v) &&
						     within(&h, w, ANY, ANY))))
				return true;
		}
	}
	return false;
}

/* What was left out is said; of a group or filter nobody knows whether it is there. */
static void check_partial(void)
{
	bool partial = is_text(get(0, "note"), "partial");
	if (doc.nodes[get(0, "value")].type == JSON_NULL)
		return;
	want(!partial || raises(asked.all, true), "partial, but nothing is left out");
	want(partial || asked.nwhere || !raises(asked.all, false), "not partial");
}

static void same_figure(struct span w, int unit, int channel, uint32_t j)
{
	static struct buf b;
	int64_t base[MEASURES] = {0}, got;
	char what[80];
	plain_text(&b, asked.k, w, unit, channel, base);
	for (int i = 0; i < asked.k->n; i++) {
		char name[8];
		snprintf(name, sizeof name, "m%d", i);
		if (!json_int64(&doc, get(get(j, "measures"), name), &got) || got != base[i]) {
			snprintf(what, sizeof what, "%s is %lld, not %lld", name,
				(long long)base[i], (long long)got);
			differ(what, buf_cstr(&b));
		}
	}
	uint32_t v = get(j, "value");
	if (recipe.null_of_nothing && !base[0])
		want(doc.nodes[v].type == JSON_NULL && is_text(get(j, "note"), "no_data"),
			"no data is expected");
	else if (strtod(doc.src + doc.nodes[v].at, NULL) != number_of(&b))
		differ("the formula saw something else", buf_cstr(&b));
}

static int64_t instant(uint32_t j, const char *key)
{
	int64_t ms;
	const struct json_node *n = &doc.nodes[get(j, key)];
	want(n->type == JSON_STRING && tz_parse_rfc3339(doc.src + n->at, n->len, &ms), key);
	return ms;
}

static void check_series(int unit, int channel, uint32_t series)
{
	char p[16], q[16], last[16] = "";
	int64_t at = asked.all.from;
	uint32_t b = series + 1, n = series ? doc.nodes[series].count : 0;
	want(!asked.every == !series, "series");
	for (uint32_t i = 0; i < n; i++, b = doc.nodes[b].next) {
		struct span part = {instant(b, "from"), instant(b, "to"), false, false};
		want(part.from < part.to, "an empty bucket");
		want(part.from == at || (!i && at == NEVER), "buckets do not touch");
		at = part.to;
		piece(asked.every, part.from, p);
		piece(asked.every, part.to - 1, q);
		want(strcmp(p, q) == 0 && strcmp(p, last) != 0, "a bucket is no calendar piece");
		memcpy(last, p, sizeof last);
		same_figure(part, unit, channel, b);
	}
	if (n && asked.all.to < INT64_MAX)
		want(at == asked.all.to, "buckets do not reach the end");
}

/* The windows that the formulas read, bucket by bucket, and that open windows show all there is. */
static void find_windows(struct span w)
{
	for (int v = 0; v < recipe.nviews; v++)
		for (int steps = 0; steps <= recipe.view[v].n; steps++) {
			struct view part = recipe.view[v];
			part.n = steps;
			struct span s = seen_by(w, &part);
			if (steps == recipe.view[v].n)
				asked.read[asked.nread++] = s;
			else
				asked.passed[asked.npassed++] = s;
		}
}

static void find_read(void)
{
	uint32_t series = get(0, "series"), b = series + 1,
		 n = series ? doc.nodes[series].count : 0;
	int64_t first = asked.all.to, last = asked.all.from; /* of the buckets */
	asked.nread = asked.npassed = 0;
	find_windows(asked.all);
	for (uint32_t i = 0; i < n && asked.nread < 1990; i++, b = doc.nodes[b].next) {
		struct span part = {instant(b, "from"), instant(b, "to"), false, false};
		first = i ? first : part.from;
		last = part.to;
		find_windows(part);
	}
	if (!series)
		return;
	struct span before = {NEVER, first, false, false}, after = {last, INT64_MAX, false, false};
	if (asked.all.from == NEVER)
		want(!anything(asked.k, before, ANY, ANY), "something before the series");
	if (asked.all.to == INT64_MAX)
		want(!anything(asked.k, after, ANY, ANY), "something after the series");
}

/* The window to compare with, from kpi.md and the answer. */
static struct span previous_of(uint32_t p)
{
	struct span w = asked.all, said = {instant(p, "from"), instant(p, "to"), false, false};
	int32_t d1 = tz_day(w.from), d2 = tz_day(w.to);
	int y1, m1, y2, m2, a, b;
	civil_from_day(d1, &y1, &m1, &a);
	civil_from_day(d2, &y2, &m2, &b);
	bool days = tz_day_start(d1) == w.from && tz_day_start(d2) == w.to;
	int months = (y2 - y1) * 12 + m2 - m1;
	if (strcmp(asked.compare, "year") == 0) {
		struct duration year = {.months = 12};
		want(llabs(said.from - duration_add(w.from, year, -1)) <= HOUR &&
				llabs(said.to - duration_add(w.to, year, -1)) <= HOUR,
			"not a year earlier");
		return said;
	}
	w.to = w.from;
	if (days && a == 1 && b == 1)
		w.from = tz_day_start(civil_add_months(d1, -months));
	else if (days)
		w.from = tz_day_start(d1 - (d2 - d1));
	else
		w.from -= asked.all.to - asked.all.from;
	want(said.from == w.from && said.to == w.to, "not the window before");
	return said;
}

static void check_previous(int unit, int channel, uint32_t j)
{
	uint32_t p = get(j, "previous");
	want(!asked.compare == !p, "previous");
	if (!p)
		return;
	same_figure(previous_of(p), unit, channel, p);
	uint32_t change = get(j, "change"), v = get(j, "value"), was = get(p, "value");
	if (doc.nodes[v].type == JSON_NULL || doc.nodes[was].type == JSON_NULL)
		want(doc.nodes[change].type == JSON_NULL, "a change of no data");
	else
		want(strtod(doc.src + doc.nodes[change].at, NULL) ==
				strtod(doc.src + doc.nodes[v].at, NULL) -
					strtod(doc.src + doc.nodes[was].at, NULL),
			"change");
}

static int index_of(uint32_t v, bool channel)
{
	for (int i = 0; i < (channel ? CHANNELS : UNITS); i++) {
		char unit[8];
		snprintf(unit, sizeof unit, "u%d", i);
		if (is_text(v, channel ? channels[i] : unit))
			return i;
	}
	want(doc.nodes[v].type == JSON_NULL, "a group that is not in the log");
	return NONE;
}

static bool in_any(const struct span *v, int n, int unit, int channel)
{
	for (int i = 0; i < n; i++)
		if (anything(asked.k, v[i], unit, channel))
			return true;
	return false;
}

/* More groups than a day may have: those beyond it are in "…", but all add up. */
static void check_sums(uint32_t groups)
{
	int64_t sum[MEASURES] = {0}, v;
	uint32_t g = groups + 1;
	for (uint32_t i = 0; groups && i < doc.nodes[groups].count; i++, g = doc.nodes[g].next)
		for (int j = 0; j < asked.k->n; j++) {
			char name[8];
			snprintf(name, sizeof name, "m%d", j);
			want(json_int64(&doc, get(get(g, "measures"), name), &v), name);
			sum[j] += v;
			json_int64(&doc, get(get(0, "measures"), name), &v);
			if (i + 1 == doc.nodes[groups].count && asked.k->m[j].kind < P_TIMES)
				want(sum[j] == v, "the groups do not add up");
		}
}

/* Groups are those of every window read; one that was only passed on the way to another (before the
 * one before) may add to them, and so may what is shifted of an open series beyond what it shows.
 */
static void check_groups(uint32_t groups)
{
	bool met[UNITS + 1][CHANNELS + 1] = {{0}};
	uint32_t g = groups + 1;
	bool open = asked.every && (asked.all.from == NEVER || asked.all.to == INT64_MAX);
	want(!groups == !(asked.by[0] || asked.by[1]), "groups");
	if (!groups)
		return;
	for (uint32_t i = 0; i < doc.nodes[groups].count; i++, g = doc.nodes[g].next) {
		uint32_t by = get(g, "by");
		int u = asked.by[0] ? index_of(get(by, "unit"), false) : ANY;
		int c = asked.by[1] ? index_of(get(by, "channel"), true) : ANY;
		bool *m = &met[asked.by[0] ? u + 1 : 0][asked.by[1] ? c + 1 : 0];
		want(!*m, "a group twice");
		want(in_any(asked.read, asked.nread, u, c) ||
				in_any(asked.passed, asked.npassed, u, c) || open,
			"a group of nothing");
		*m = true;
		same_figure(asked.all, u, c, g);
		check_series(u, c, get(g, "series"));
		check_previous(u, c, g);
	}
	for (int u = asked.by[0] ? NONE : ANY; u < (asked.by[0] ? UNITS : NONE); u++)
		for (int c = asked.by[1] ? NONE : ANY; c < (asked.by[1] ? CHANNELS : NONE); c++)
			if (!met[asked.by[0] ? u + 1 : 0][asked.by[1] ? c + 1 : 0])
				want(!in_any(asked.read, asked.nread, u, c), "a group is missing");
}

#endif
