/* algebra_plain.h — events as plain rows, KPIs as plain descriptions, and what they come to: every
 * figure by walking over all rows, written from kpi.md and kpi/standing.h alone. Knows nothing of
 * kpi/; of the product only how times are written and moved (base/tz). */
#ifndef CX_TEST_ALGEBRA_PLAIN_H
#define CX_TEST_ALGEBRA_PLAIN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/duration.h"
#include "base/tz.h"

enum { TYPES = 2, FACTS = 200, PEOPLE = 9, UNITS = 3, CHANNELS = 2, SPAN_DAYS = 45 };
enum { NONE = -1, ANY = -2, IDENTS = 256, MEASURES = 6, VIEWS = 4, STEPS = 3 };
#define NEVER INT64_MIN /* also: no beginning */
#define HOUR  (3600 * 1000LL)

static uint64_t dice;

static int rnd(int n)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (int)((dice >> 33) % (uint64_t)n);
}

static bool one_in(int n)
{
	return rnd(n) == 0;
}

/* ---- facts ---- */

struct fact {
	int type, source;
	char id[8];
	int64_t time, recorded;
	int corrects, root; /* index; root of an original: its own */
	int who, unit, channel, order;
	int64_t amount, bought, answered; /* NEVER = null */
};
static struct fact facts[FACTS + 8];
static int nfacts;

/* ---- measures ---- */

enum kind { P_COUNT, P_SUM, P_HISTOGRAM, P_TIMES, P_DAYS };
enum what { W_NOTHING, W_AMOUNT, W_WHO, W_ORDER, W_CHANNEL, W_TIME, W_ANSWERED };
/* Two functions that answer, one that raises on some events. */
enum test { T_NONE, T_BIG, T_UNIT, T_RAISES };
enum pick { PICK_ALL, PICK_LATEST, PICK_FIRST };

struct plain_measure {
	enum kind kind;
	enum what field;
	enum test test;
	enum pick pick;
	enum what key, rank; /* of the pick */
	int type, times;
	int64_t bucket;
	bool bought; /* placed by it */
};
struct plain_kpi {
	char id[8];
	int by[2], nby; /* 0 unit, 1 channel */
	int n;
	struct plain_measure m[MEASURES];
};

/* Idents of different fields meet where their texts are the same: people and orders share theirs.
 */
static bool value_of(const struct fact *f, enum what what, int64_t *v)
{
	switch (what) {
	case W_AMOUNT: *v = f->amount; return f->amount != NEVER;
	case W_WHO: *v = f->who; return f->who != NONE;
	case W_ORDER: *v = f->order; return f->order != NONE;
	case W_CHANNEL: *v = f->channel; return f->channel != NONE;
	case W_ANSWERED: *v = f->answered; return f->answered != NEVER;
	case W_TIME: *v = f->time; return true;
	default: *v = 1; return true;
	}
}

static int ident_of(enum what what, int64_t v)
{
	return (int)(what == W_AMOUNT ? 150 + v : what == W_CHANNEL ? 20 + v : v);
}

/* ---- what stands ---- */

static bool newer(const struct fact *a, const struct fact *b)
{
	return a->recorded != b->recorded ? a->recorded > b->recorded : a > b;
}

static bool newest_of_family(const struct fact *f, int64_t known)
{
	if (f->recorded >= known)
		return false;
	for (int i = 0; i < nfacts; i++)
		if (facts[i].root == f->root && facts[i].recorded < known && newer(&facts[i], f))
			return false;
	return true;
}

static bool goes_before(const struct fact *a, const struct fact *b, const struct plain_measure *m)
{
	int64_t ra, rb;
	bool latest = m->pick == PICK_LATEST;
	bool has_a = value_of(a, m->rank, &ra), has_b = value_of(b, m->rank, &rb);
	if (has_a != has_b)
		return has_a;
	if (has_a && ra != rb)
		return latest ? ra > rb : ra < rb;
	int by_id = strcmp(a->id, b->id);
	if (!by_id)
		by_id = a->source - b->source; /* named in this order */
	return latest ? by_id > 0 : by_id < 0;
}

static bool stands(
	const struct fact *f, const struct plain_measure *m, int64_t known, const bool *newest)
{
	int64_t mine, other;
	(void)known;
	if (!newest[f - facts])
		return false;
	if (m->pick == PICK_ALL || !value_of(f, m->key, &mine))
		return true;
	for (int i = 0; i < nfacts; i++)
		if (facts[i].type == f->type && newest[i] && &facts[i] != f &&
			value_of(&facts[i], m->key, &other) && other == mine &&
			goes_before(&facts[i], f, m))
			return false;
	return true;
}

static bool passes(const struct fact *f, enum test t)
{
	switch (t) {
	case T_BIG: return f->amount != NEVER && f->amount > 10;
	case T_UNIT: return f->unit != NONE;
	case T_RAISES: return f->amount != 7;
	default: return true;
	}
}

/* ---- what counts in a question ---- */

struct filter {
	int dim, value;
};
struct hit {
	int64_t at, value;
	int day, unit, channel;
};
static struct hit hits[MEASURES][FACTS + 8];
static int nhits[MEASURES];

/* The greatest multiple of width that is not greater. */
static int64_t bucket_of(int64_t v, int64_t width)
{
	int64_t b = v / width * width;
	return b > v ? b - width : b;
}

static void collect(const struct plain_kpi *k, int64_t known, const struct filter *w, int nw)
{
	static bool newest[FACTS + 8];
	for (int i = 0; i < nfacts; i++)
		newest[i] = newest_of_family(&facts[i], known);
	for (int j = 0; j < k->n; j++) {
		const struct plain_measure *m = &k->m[j];
		nhits[j] = 0;
		for (int i = 0; i < nfacts; i++) {
			const struct fact *f = &facts[i];
			struct hit h = {.at = m->bought ? f->bought : f->time,
				.unit = f->unit,
				.channel = f->channel};
			bool in = f->type == m->type && h.at != NEVER &&
				  value_of(f, m->field, &h.value) && passes(f, m->test);
			for (int x = 0; x < nw; x++)
				in &= (w[x].dim ? f->channel : f->unit) == w[x].value;
			if (!in || !stands(f, m, known, newest))
				continue;
			if (m->kind == P_HISTOGRAM)
				h.value = bucket_of(h.value, m->bucket);
			if (m->kind >= P_TIMES)
				h.value = ident_of(m->field, h.value);
			h.day = tz_day(h.at);
			hits[j][nhits[j]++] = h;
		}
	}
}

struct span {
	int64_t from, to;
	bool behind;  /* all time before something: from is open, but it can be moved */
	bool no_data; /* what could not be moved */
};

static bool within(const struct hit *h, struct span w, int unit, int channel)
{
	return !w.no_data && h->at >= w.from && h->at < w.to && (unit == ANY || unit == h->unit) &&
	       (channel == ANY || channel == h->channel);
}

static bool anything(const struct plain_kpi *k, struct span w, int unit, int channel)
{
	for (int j = 0; j < k->n; j++)
		for (int i = 0; i < nhits[j]; i++)
			if (within(&hits[j][i], w, unit, channel))
				return true;
	return false;
}

/* How often each ident was seen, or on how many different days. */
static void seen(const struct plain_measure *m, int j, struct span w, int unit, int channel,
	int times[IDENTS])
{
	memset(times, 0, IDENTS * sizeof *times);
	for (int i = 0; i < nhits[j]; i++) {
		const struct hit *h = &hits[j][i];
		bool again = false;
		if (!within(h, w, unit, channel))
			continue;
		for (int o = 0; o < i && m->kind == P_DAYS && !again; o++)
			again = within(&hits[j][o], w, unit, channel) &&
				hits[j][o].value == h->value && hits[j][o].day == h->day;
		times[h->value] += !again;
	}
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

/* One measure as the formulas of this test write it down. */
static void write_pairs(struct buf *b, const int64_t *values, const int64_t *counts, int n)
{
	buf_puts(b, "{");
	for (int i = 0; i < n; i++)
		buf_printf(b, "%lld:%lld ", (long long)values[i], (long long)counts[i]);
	buf_puts(b, "}");
}

static int64_t plain_measure(
	struct buf *b, const struct plain_kpi *k, int j, struct span w, int unit, int channel)
{
	static int64_t values[FACTS + 8], counts[FACTS + 8];
	const struct plain_measure *m = &k->m[j];
	int64_t sum = 0;
	int times[IDENTS], n = 0, different = 0;
	if (m->kind >= P_TIMES)
		seen(m, j, w, unit, channel, times);
	for (int i = 0; i < IDENTS && m->kind >= P_TIMES; i++)
		sum += times[i] >= m->times;
	for (int i = 0; i < nhits[j] && m->kind < P_TIMES; i++) {
		if (!within(&hits[j][i], w, unit, channel))
			continue;
		values[n++] = hits[j][i].value;
		sum += m->kind == P_SUM ? hits[j][i].value : 1;
	}
	buf_printf(b, " m%d=%lld", j, (long long)sum);
	if (m->kind != P_HISTOGRAM)
		return sum;
	qsort(values, (size_t)n, sizeof *values, by_value);
	for (int i = 0; i < n; i++) {
		if (different && values[different - 1] == values[i]) {
			counts[different - 1]++;
			continue;
		}
		values[different] = values[i];
		counts[different++] = 1;
	}
	write_pairs(b, values, counts, different);
	return sum;
}

/* ---- formulas: which windows they read, and what they make of sets ---- */

struct step {
	bool before;
	struct duration d;
	int sign;
};
struct view {
	struct step step[STEPS];
	int n;
};
struct set_op {
	int view[2], measure[2];
	char op;
};
struct recipe {
	struct view view[VIEWS]; /* the first is the window itself */
	int nviews;
	struct set_op op[3];
	int nops;
	bool null_of_nothing; /* no data where the first measure is 0 */
};
static struct recipe recipe;

/* Days stay days: an end that is the first instant of one is moved to the first of another, also
 * where a clock change took a midnight away. */
static int64_t moved_end(int64_t ms, const struct step *s)
{
	int32_t day = tz_day(ms);
	if (s->d.ms || tz_day_start(day) != ms)
		return duration_add(ms, s->d, s->sign);
	return tz_day_start(civil_add_months(day, s->sign * s->d.months) + s->sign * s->d.days);
}

static struct span moved(struct span w, const struct step *s)
{
	if (s->before) {
		w.to = w.from;
		w.from = NEVER;
		w.behind = true;
		return w;
	}
	if (w.from == NEVER && !w.behind)
		w.no_data = true;
	if (w.from != NEVER)
		w.from = moved_end(w.from, s);
	if (w.to != INT64_MAX && w.to != NEVER)
		w.to = moved_end(w.to, s);
	return w;
}

static struct span seen_by(struct span w, const struct view *v)
{
	for (int i = 0; i < v->n && !w.no_data; i++)
		w = moved(w, &v->step[i]);
	return w;
}

static double number_of(const struct buf *b)
{
	uint64_t h = 14695981039346656037u;
	for (size_t i = 0; i < b->len; i++)
		h = (h ^ (unsigned char)b->p[i]) * 1099511628211u;
	return (double)(h >> 12);
}

static void plain_op(struct buf *b, const struct plain_kpi *k, const struct set_op *o,
	struct span w, int unit, int channel)
{
	int t[2][IDENTS], n = 0;
	for (int i = 0; i < 2; i++) {
		struct span v = seen_by(w, &recipe.view[o->view[i]]);
		if (v.no_data)
			return;
		seen(&k->m[o->measure[i]], o->measure[i], v, unit, channel, t[i]);
	}
	for (int i = 0; i < IDENTS; i++) {
		bool x = t[0][i] >= k->m[o->measure[0]].times;
		bool y = t[1][i] >= k->m[o->measure[1]].times;
		n += o->op == '&' ? x && y : o->op == '|' ? x || y : x && !y;
	}
	buf_printf(b, " %c%d", o->op, n);
}

/* What the formula is to see, as text; base: the measures of the window itself. */
static void plain_text(struct buf *b, const struct plain_kpi *k, struct span w, int unit,
	int channel, int64_t base[MEASURES])
{
	buf_clear(b);
	for (int v = 0; v < recipe.nviews; v++) {
		struct span s = seen_by(w, &recipe.view[v]);
		buf_printf(b, " view%d", v);
		if (s.no_data) {
			buf_puts(b, " none");
			continue;
		}
		for (int j = 0; j < k->n; j++) {
			int64_t i = plain_measure(b, k, j, s, unit, channel);
			if (!v)
				base[j] = i;
		}
	}
	for (int i = 0; i < recipe.nops; i++)
		plain_op(b, k, &recipe.op[i], w, unit, channel);
}

#endif
