/* algebra_random.h — random KPIs, facts and formulas for test_algebra.c: corrections of
 * corrections, ties, nulls, late and out-of-order arrivals, days of clock changes. */
#ifndef CX_TEST_ALGEBRA_RANDOM_H
#define CX_TEST_ALGEBRA_RANDOM_H

#include "algebra_store.h"

static struct { /* of the log being made */
	int64_t start, clock;
	int imports;    /* of ten facts so many say themselves when they were recorded */
	int kind;       /* of 4: are there corrections, choices */
	int32_t change; /* the day when the clocks are changed */
	bool sets;  /* KPIs of sets alone: of parts of days they are told by who was seen when */
	bool dense; /* few people and days, many corrections: everything meets everything */
} now;

/* Zones whose clocks change at midnight, and one that is simple; each with a change in the span. */
static void random_zone(void)
{
	static const struct {
		const char *zone, *day;
	} v[] = {{"America/Sao_Paulo", "2018-02-01"}, {"America/Sao_Paulo", "2018-10-15"},
		{"Asia/Beirut", "2018-03-01"}, {"Asia/Beirut", "2018-10-05"},
		{"Europe/Lisbon", "2018-03-05"}, {"Asia/Kolkata", "2018-01-20"}};
	int i = rnd(one_in(4) ? 6 : 4);
	assert_true(tz_setup(v[i].zone));
	assert_true(tz_parse_any(v[i].day, 10, &now.start));
	now.change = tz_day(now.start) + 10;
	for (int d = 0; d < SPAN_DAYS; d++) {
		int32_t day = tz_day(now.start) + d;
		if (tz_day_start(day + 1) - tz_day_start(day) != 24 * HOUR)
			now.change = day;
	}
	if (now.dense)
		now.start = tz_day_start(now.change - 2);
}

/* ---- KPIs ---- */

static struct plain_measure random_measure(bool choices)
{
	static const enum what counted[] = {W_NOTHING, W_AMOUNT, W_WHO, W_CHANNEL};
	static const enum what idents[] = {W_WHO, W_WHO, W_ORDER, W_AMOUNT};
	static const enum what keys[] = {W_ORDER, W_ORDER, W_WHO, W_AMOUNT};
	static const enum what ranks[] = {W_ANSWERED, W_TIME, W_AMOUNT};
	static const int64_t buckets[] = {1, 1, 7, 20};
	struct plain_measure m = {.kind = (enum kind)rnd(5), .type = one_in(4), .times = 1};
	if (now.sets && rnd(16))
		m.kind = (enum kind)(P_TIMES + rnd(2));
	m.bucket = 1;
	m.test = one_in(now.sets ? 2 : 3) ? (enum test)(1 + rnd(3)) : T_NONE;
	m.bought = one_in(3);
	if (m.kind == P_COUNT)
		m.field = counted[rnd(4)];
	else if (m.kind < P_TIMES)
		m.field = W_AMOUNT;
	else
		m.field = idents[rnd(4)];
	if (m.kind == P_HISTOGRAM)
		m.bucket = buckets[rnd(4)];
	if (m.kind >= P_TIMES)
		m.times = 1 + rnd(3);
	else if (choices && rnd(2))
		m.pick = (enum pick)(1 + rnd(2));
	m.key = keys[rnd(4)];
	m.rank = ranks[rnd(3)];
	return m;
}

static void random_kpis(void)
{
	static const struct {
		int by[2], n;
	} dims[] = {{{0, 1}, 2}, {{0, 1}, 2}, {{1, 0}, 2}, {{0}, 1}, {{1}, 1}, {{0}, 0}};
	for (int i = 0; i < KPIS; i++) {
		int d = rnd(6);
		plain[i] = (struct plain_kpi){
			.n = 1 + (now.sets && one_in(2) ? 0 : rnd(MEASURES)), .nby = dims[d].n};
		snprintf(plain[i].id, sizeof plain[i].id, "k%d", i);
		memcpy(plain[i].by, dims[d].by, sizeof plain[i].by);
		for (int j = 0; j < plain[i].n; j++)
			plain[i].m[j] = random_measure(now.kind & 1);
	}
	for (int j = 0; j < plain[0].n && j < plain[1].n; j += 2) /* also the same measure twice */
		plain[1].m[j] = plain[0].m[j];
}

/* ---- facts ---- */

static int64_t random_instant(void)
{
	int64_t ms = now.start + rnd((now.dense ? 6 : SPAN_DAYS) * 24) * HOUR + rnd(3600) * 1000;
	if (one_in(8)) /* about midnight */
		ms = tz_day_start(one_in(3) ? now.change : tz_day(ms)) +
		     (rnd(3) - 1) * (one_in(2) ? 1 : HOUR);
	return one_in(10) ? ms + rnd(1000) : ms;
}

static bool id_taken(const char *id, int source)
{
	for (int i = 0; i < nfacts; i++)
		if (facts[i].source == source && strcmp(facts[i].id, id) == 0)
			return true;
	return false;
}

static void give_id(struct fact *f)
{
	if (nfacts && one_in(3)) { /* one of another source, perhaps with the same key and rank */
		const struct fact *other = &facts[rnd(nfacts)];
		memcpy(f->id, other->id, sizeof f->id);
		if (one_in(2) && f->corrects == NONE) {
			f->order = other->order;
			f->answered = other->answered;
		}
	}
	while (!f->id[0] || id_taken(f->id, f->source))
		snprintf(f->id, sizeof f->id, "%c%d", 'a' + rnd(3), rnd(1000));
}

static void random_part(struct fact *f, int part)
{
	switch (part) {
	case 0: f->unit = rnd(UNITS + 1) - 1; break;
	case 1: f->channel = rnd(CHANNELS + 1) - 1; break;
	case 2: f->who = rnd(6) ? rnd(now.dense ? 3 : PEOPLE) : NONE; break;
	case 3: f->order = rnd(5) ? rnd(now.dense ? 3 : PEOPLE) : NONE; break;
	case 4:
		f->amount = rnd(6) ? rnd(one_in(3) ? 8 : 60) - 15 : NEVER;
		if (one_in(8))
			f->amount = 7; /* on which some measures raise */
		break;
	case 5: f->bought = rnd(4) ? f->time + rnd(30 * 24) * HOUR - 20 * 24 * HOUR : NEVER; break;
	case 6:
		f->answered = rnd(4) ? now.start + rnd(now.dense ? 3 : 12) * 72 * HOUR : NEVER;
		break;
	default: f->time = random_instant();
	}
}

/* When it happened, and when it became known. */
static void random_arrival(struct fact *f)
{
	if (rnd(10) < now.imports) {
		f->recorded = f->time + (rnd(14 * 24) - 24) * HOUR;
		if (one_in(4) && nfacts)
			f->recorded = facts[rnd(nfacts)].recorded;
		if (now.dense)
			f->recorded = now.start + rnd(30) * 6 * HOUR;
		return;
	}
	now.clock += one_in(5) ? 0 : rnd(one_in(4) ? 40 : 6) * HOUR / 2;
	f->recorded = now.clock;
	if (f->corrects != NONE)
		return;
	f->time = now.clock - (one_in(4) ? rnd(10 * 24) * HOUR : rnd(60) * 1000);
	if (f->bought != NEVER)
		f->bought = f->time + rnd(25 * 24) * HOUR - 20 * 24 * HOUR;
}

static struct fact random_fact(void)
{
	struct fact f = {.type = one_in(4), .corrects = NONE, .root = nfacts};
	if (nfacts && now.kind & 2 &&
		one_in(now.dense ? 2 : 4)) { /* bias to the families there are */
		int of = rnd(nfacts);
		for (int i = 0; i < 3 && facts[of].corrects == NONE; i++)
			of = rnd(nfacts);
		f = facts[of];
		f.corrects = of;
		f.id[0] = 0;
		for (int i = rnd(4); i > 0; i--)
			random_part(&f, rnd(8));
	} else {
		f.source = one_in(3);
		for (int i = 7; i >= 0; i--)
			random_part(&f, i);
	}
	random_arrival(&f);
	give_id(&f);
	return f;
}

/* ---- formulas ---- */

static struct view random_view(bool open)
{
	static const char *const moves[] = {
		"1d", "3d", "1w", "1mo", "2mo", "12mo", "1h", "90min", "30d", "1y"};
	struct view v = {.n = 1 + (one_in(3) ? rnd(STEPS) : 0)};
	int befores = 0;
	for (int i = 0; i < v.n; i++) {
		const char *d = moves[one_in(4) ? 6 + rnd(2) : rnd(10)];
		struct step *s = &v.step[i];
		s->before = one_in(3);
		s->sign = one_in(4) ? 1 : -1;
		assert_true(duration_parse(d, strlen(d), &s->d));
		/* What is before all there is cannot be moved any more. */
		if (s->before && (open || befores++))
			v.n = i + 1;
	}
	return v;
}

static void random_recipe(const struct plain_kpi *k, bool open)
{
	int sets[MEASURES], n = 0;
	recipe = (struct recipe){.nviews = 1 + (one_in(2) ? rnd(VIEWS) : 0)};
	recipe.null_of_nothing = one_in(4);
	for (int i = 1; i < recipe.nviews; i++)
		recipe.view[i] = random_view(open);
	if (!open && one_in(8)) { /* two ends within a day */
		recipe.nviews = 3;
		recipe.view[1] = (struct view){.step = {{.before = true}}, .n = 1};
		recipe.view[2] = recipe.view[1];
		recipe.view[2].step[recipe.view[2].n++] = (struct step){
			.d = {.ms = HOUR * (1 + rnd(12))}, .sign = one_in(4) ? -1 : 1};
	}
	for (int j = 0; j < k->n; j++)
		if (k->m[j].kind >= P_TIMES)
			sets[n++] = j;
	recipe.nops = n ? rnd(4) : 0;
	for (int i = 0; i < recipe.nops; i++) {
		struct set_op *o = &recipe.op[i];
		o->op = "&|-"[rnd(3)];
		for (int x = 0; x < 2; x++) {
			o->view[x] = rnd(recipe.nviews);
			o->measure[x] = sets[rnd(n)];
		}
	}
}

#endif
