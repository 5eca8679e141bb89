/* What is made of sets for reading alone: spans against the blobs of their days, and who was seen
 * when against the events, whose sightings are added up day by day under a secret of this run. One
 * that is missing is no difference: readers do without. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/ids.h"
#include "base/tz.h"
#include "kpi/times.h"
#include "kpi/verify_own.h"

struct verify_seen { /* by a set on a day */
	int set;
	int32_t day;
	uint64_t n, sum;
};
struct verify_span {
	int set;
	bool days, met, damaged; /* damaged: a blob of its days */
	int64_t first;
	struct kset *all;
};

static const struct measure *measure_of(const struct verify *v, int set)
{
	for (int i = 0; i < v->c->nmeasures; i++)
		if (v->c->measures[i]->set == set && !v->c->measures[i]->shared)
			return v->c->measures[i];
	return NULL;
}

static bool is_day(int64_t day)
{
	return day >= tz_day(TZ_MS_MIN) && day < tz_day(TZ_MS_MAX) - SET_SPAN;
}

/* "shop (unit) 2026-03-05–2026-03-20: ", into b */
static void begin(const struct verify *v, int64_t day, int days, struct buf *b)
{
	char text[16];
	buf_printf(b, "%s (%s) ", v->c->plugin, v->c->dims);
	if (is_day(day)) {
		tz_day_text((int32_t)day, text);
		buf_puts(b, text);
	} else {
		buf_printf(b, CX_T("dia %lld", "day %lld"), (long long)day);
	}
	if (is_day(day) && days > 1) {
		tz_day_text((int32_t)day + days - 1, text);
		buf_printf(b, "–%s", text);
	}
	buf_puts(b, ": ");
}

/* A row of a day or set that is not. */
static bool misplaced(struct verify *v, const struct set_row *r, const char *table)
{
	struct buf b = {0};
	if (is_day(r->day) && measure_of(v, r->set))
		return false;
	begin(v, r->day, 1, &b);
	buf_printf(&b,
		CX_T("uma linha de %s do conjunto %d: não há tal dia ou conjunto",
			"a row of %s of set %d: there is no such day or set"),
		table, r->set);
	verify_tell(v, &b);
	return true;
}

/* ---- who was seen when */

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
	x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
	return x ^ (x >> 31);
}

static void add_up(
	const struct verify *v, struct verify_seen *s, int64_t ms, struct str group, uint32_t id)
{
	uint64_t x = v->secret[0];
	x = mix(x + (uint64_t)ms) + v->secret[1];
	x = mix(x ^ hash_bytes(group.p, group.n, v->secret[0]));
	x = mix(x ^ (uint64_t)hash_bytes(group.p, group.n, v->secret[1]) << 32 ^ group.n);
	s->sum += mix(x ^ id);
	s->n++;
}

static bool same_seen(const void *item, const void *key)
{
	const struct verify_seen *a = item, *b = key;
	return a->set == b->set && a->day == b->day;
}

static uint32_t hash_place(int set, int64_t day)
{
	return hash_bytes(&day, sizeof day, (uint64_t)set);
}

void verify_saw(
	struct verify *v, const struct measure *m, int32_t day, struct str group, uint32_t id)
{
	const struct verify_seen key = {.set = m->set, .day = day};
	uint32_t h = hash_place(m->set, day);
	struct verify_seen *s = pmap_find(&v->seen, h, same_seen, &key);
	if (!s) {
		s = arena_alloc(&v->arena, sizeof *s);
		*s = key;
		pmap_add(&v->seen, h, s);
	}
	add_up(v, s, v->at_ms, group, id);
}

struct again {
	const struct verify *v;
	struct verify_seen s;
};

static int see_again(void *ctx, int64_t ms, struct str group, uint32_t id)
{
	struct again *a = ctx;
	add_up(a->v, &a->s, ms, group, id);
	return 0;
}

static int check_times(void *ctx, const struct set_row *r)
{
	struct verify *v = ctx;
	struct again a = {v, {.set = r->set, .day = (int32_t)r->day}};
	const struct times_place at = {v->c->id, r->set, (int32_t)r->day};
	struct buf b = {0};
	if (misplaced(v, r, "set_times") || verify_is_spoilt(v, at.day) || !r->n)
		return 0;
	const struct verify_seen *s =
		pmap_find(&v->seen, hash_place(r->set, r->day), same_seen, &a.s);
	bool sound = times_sound(r->p, r->n, at);
	if (sound)
		times_read(r->p, r->n, at, INT64_MIN, INT64_MAX, see_again, &a);
	if (sound && a.s.n == (s ? s->n : 0) && a.s.sum == (s ? s->sum : 0))
		return 0;
	int rc = store_sets_wait(v->s, v->c->id, r->set, at.day, v->e);
	if (rc != 0) /* nobody reads it until they are folded, and then it is gone */
		return rc < 0 ? rc : 0;
	begin(v, r->day, 1, &b);
	buf_puts(&b, sound ? CX_T("quem foi visto quando difere dos eventos: ",
				     "who was seen when differs from the events: ")
			   : CX_T("quem foi visto quando está danificado: ",
				     "who was seen when is damaged: "));
	verify_say(&b, measure_of(v, r->set), "", (int64_t)a.s.n, s ? (int64_t)s->n : 0);
	verify_tell(v, &b);
	return 0;
}

/* ---- spans */

static bool same_span(const void *item, const void *key)
{
	const struct verify_span *a = item, *b = key;
	return a->set == b->set && a->first == b->first && a->days == b->days;
}

static int note_span(void *ctx, const struct set_row *r)
{
	struct verify *v = ctx;
	const struct verify_span span = {.set = r->set, .days = r->days, .first = r->day};
	if (misplaced(v, r, "set_span"))
		return 0;
	struct verify_span *s = arena_alloc(&v->arena, sizeof *s);
	*s = span;
	pmap_add(&v->spans, hash_place(r->set, r->day), s);
	return 0;
}

/* The blobs of its days have come. */
static int close_span(struct verify *v, struct verify_span *s)
{
	struct buf value = {0}, b = {0};
	int rc = store_span_get(v->s, v->c->id, s->set, s->days, (int32_t)s->first, &value, v->e);
	struct kset *all = s->all ? s->all : kset_new(KPI_TIMES);
	struct kset *kept = value.len ? kset_read(value.p, value.len) : NULL;
	const char *what = NULL;
	int level = 1;
	s->met = true;
	s->all = NULL;
	if (rc == 0)
		what = CX_T("um conjunto de vários dias fora de lugar: ",
			"a set of several days out of place: ");
	else if (value.len && !kept)
		what = CX_T("o conjunto destes dias está danificado: ",
			"the set of these days is damaged: ");
	else if (kept && !s->damaged && !kset_equal(kept, all, KPI_TIMES))
		what = CX_T("o conjunto destes dias difere dos dias: ",
			"the set of these days differs from the days: ");
	while (kept && level < KPI_TIMES && kset_count(kept, level) == kset_count(all, level))
		level++;
	level = level == KPI_TIMES ? 1 : level;
	if (rc >= 0 && what) {
		begin(v, s->first, SET_SPAN, &b);
		buf_puts(&b, what);
		verify_say(&b, measure_of(v, s->set), "",
			kept ? (int64_t)kset_count(kept, level) : 0,
			(int64_t)kset_count(all, level));
		verify_tell(v, &b);
	}
	kset_free(kept);
	kset_free(all);
	buf_free(&value);
	return rc < 0 ? rc : CX_OK;
}

int verify_united(struct verify *v)
{
	int rc = CX_OK;
	for (int i = 0; i < 2 && rc >= 0; i++) {
		if (v->united[i])
			rc = close_span(v, v->united[i]);
		v->united[i] = NULL;
	}
	v->united_day = INT32_MIN;
	return rc;
}

int verify_unite(struct verify *v, int32_t day, const struct kset *blob)
{
	int32_t first = day - (day & (SET_SPAN - 1));
	if (v->united_day != first) {
		int rc = verify_united(v);
		if (rc < 0)
			return rc;
		v->united_day = first;
		for (int i = 0; i < 2; i++) {
			const struct verify_span key = {.set = v->set, .days = i, .first = first};
			v->united[i] =
				pmap_find(&v->spans, hash_place(v->set, first), same_span, &key);
			if (v->united[i])
				v->united[i]->all = kset_new(KPI_TIMES);
		}
	}
	for (int i = 0; i < 2; i++) {
		struct verify_span *s = v->united[i];
		if (s)
			s->damaged |= !blob;
		if (s && blob && s->days)
			kset_merge_day(s->all, day, blob);
		else if (s && blob)
			kset_merge(s->all, blob);
	}
	return CX_OK;
}

int verify_sets_open(struct verify *v)
{
	random_bytes(v->secret, sizeof v->secret);
	v->united_day = INT32_MIN;
	return store_span_rows(v->s, v->c->id, note_span, v, v->e);
}

int verify_sets_close(struct verify *v)
{
	int rc = CX_OK;
	for (size_t i = 0; i < v->spans.cap && rc >= 0; i++) {
		struct verify_span *s = v->spans.v[i];
		if (s && !s->met)
			rc = close_span(v, s);
	}
	return rc < 0 ? rc : store_times_rows(v->s, v->c->id, check_times, v, v->e);
}

void verify_sets_free(struct verify *v)
{
	for (int i = 0; i < 2; i++)
		if (v->united[i])
			kset_free(v->united[i]->all);
	pmap_free(&v->spans);
	pmap_free(&v->seen);
}

/* ---- rows of no cube */

struct strays {
	verify_differs_f differs;
	void *ctx;
	int n;
};

static int stray(void *ctx, const struct set_row *r)
{
	struct strays *k = ctx;
	struct buf b = {0};
	char day[16] = "?";
	if (is_day(r->day))
		tz_day_text((int32_t)r->day, day);
	buf_printf(&b,
		CX_T("uma linha de %s do cubo %d, conjunto %d, %s: não há tal cubo",
			"a row of %s of cube %d, set %d, %s: there is no such cube"),
		r->table, r->cube, r->set, day);
	k->differs(k->ctx, NULL, buf_cstr(&b));
	k->n++;
	buf_free(&b);
	return 0;
}

int kpi_verify_strays(struct store *s, verify_differs_f differs, void *ctx, struct cx_err *e)
{
	struct strays k = {differs, ctx, 0};
	int rc = store_set_strays(s, stray, &k, e);
	return rc < 0 ? rc : k.n;
}
