/* kpi_scan.h — random events, their stores, and what they come to by a scan over plain arrays that
 * knows nothing of kpi/. */
#ifndef CX_TEST_KPI_SCAN_H
#define CX_TEST_KPI_SCAN_H

#include "kpi_fixture.h"

enum { EVENTS = 320 };

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

/* Which events stand, by enum choose; as known at the time last settled. */
static bool stands[3][EVENTS];

static bool beats(const struct plain *x, const struct plain *y, bool latest)
{
	char a[16], b[16];
	int64_t r = latest ? x->time : x->amount == NONE ? INT64_MAX : x->amount;
	int64_t s = latest ? y->time : y->amount == NONE ? INT64_MAX : y->amount;
	snprintf(a, sizeof a, "e%d", (int)(x - log_) + 1);
	snprintf(b, sizeof b, "e%d", (int)(y - log_) + 1);
	int c = r != s ? (r > s) - (r < s) : strcmp(a, b);
	return latest ? c > 0 : c < 0;
}

static void settle(int64_t known)
{
	for (int i = 0; i < nlog; i++) {
		const struct plain *p = &log_[i];
		bool newest = p->recorded < known;
		for (int j = 0; j < nlog && newest; j++) {
			const struct plain *o = &log_[j];
			int64_t family = p->root ? p->root : i + 1;
			if ((o->root ? o->root : j + 1) == family && o->recorded < known &&
				(o->recorded > p->recorded ||
					(o->recorded == p->recorded && j > i)))
				newest = false;
		}
		stands[CHOOSE_ALL][i] = newest;
	}
	for (int c = CHOOSE_LATEST; c <= CHOOSE_FIRST; c++)
		for (int i = 0; i < nlog; i++) {
			const struct plain *p = &log_[i];
			bool best = stands[CHOOSE_ALL][i];
			for (int j = 0; j < nlog && best && p->order; j++)
				if (j != i && stands[CHOOSE_ALL][j] && log_[j].type == p->type &&
					log_[j].order == p->order)
					best = beats(p, &log_[j], c == CHOOSE_LATEST);
			stands[c][i] = best;
		}
}

static bool fits(int want, int have)
{
	return want == -2 || want == have;
}

static bool counts(const struct plain_measure *m, const struct plain *p, const struct slice *s)
{
	int64_t at = m->bought ? p->bought : p->time;
	if (!stands[m->choose][p - log_])
		return false;
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
		if (m->kind == P_COUNT || m->kind == P_SPREAD)
			sum++;
		else if (m->kind == P_SUM)
			sum += p->amount;
		else if (m->kind == P_TIMES)
			seen[p->who]++;
		else if (!day_seen[p->who]
				  [local_day(m->bought ? p->bought : p->time) - first_day]++)
			seen[p->who]++;
	}
	for (int i = 0; i < PEOPLE && (m->kind == P_TIMES || m->kind == P_DAYS); i++)
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
	p.order = p.type ? 0 : rnd(60);
	p.recorded = p.time + (rnd(3) ? rnd(3600000) : rnd(2) * (int64_t)rnd(86400) * 30000);
	if (nlog && rnd(5) == 0) { /* a correction, at times of a correction */
		int64_t c = rnd(nlog);
		if (log_[c].type == p.type) {
			p.corrects = c + 1;
			p.root = log_[c].root ? log_[c].root : c + 1;
			p.recorded = log_[c].recorded + (rnd(4) ? rnd(864000000) : -rnd(100));
		}
	}
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
		for (int i = rnd(8); i > 0; i--)
			ok(cells_mend(cells, cubes, ncubes, "BRL", &err));
		ok(store_commit(store, &err));
		arena_reset(&arena);
	}
}

/* ---- questions ---- */

static double number(uint32_t node)
{
	return strtod(doc.src + doc.nodes[node].at, NULL);
}

static int64_t instant(uint32_t j, const char *key)
{
	int64_t ms;
	const struct json_node *n = &doc.nodes[get(j, key)];
	assert_true(tz_parse_rfc3339(doc.src + n->at, n->len, &ms));
	return ms;
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

#endif
