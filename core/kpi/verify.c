#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "kpi/verify_own.h"

void verify_tell(struct verify *v, struct buf *b)
{
	v->differs(v->ctx, v->c, buf_cstr(b));
	v->ndiffer++;
	buf_free(b);
}

static int compare_day(const void *x, const void *y)
{
	int32_t a = *(const int32_t *)x, b = *(const int32_t *)y;
	return (a > b) - (a < b);
}

bool verify_is_spoilt(const struct verify *v, int32_t day)
{
	return v->nspoilt && bsearch(&day, v->spoilt, v->nspoilt, sizeof day, compare_day);
}

static bool same(const void *item, const void *key)
{
	const struct vcell *c = item;
	const struct cell_at *at = key;
	return c->at.day == at->day && str_same(c->at.group, at->group);
}

struct vcell *verify_cell(const struct verify *v, struct cell_at at)
{
	return pmap_find(&v->map, verify_hash(at), same, &at);
}

static bool same_excluded(const void *item, const void *key)
{
	const struct vexcluded *a = item, *b = key;
	return a->seq == b->seq && a->m == b->m && a->day == b->day;
}

struct vexcluded *verify_excluded(const struct verify *v, const struct vexcluded *key)
{
	return pmap_find(&v->excluded, verify_hash_excluded(key), same_excluded, key);
}

static int note_spoilt(void *ctx, int32_t day)
{
	struct verify *v = ctx;
	v->spoilt = xrealloc(v->spoilt, (v->nspoilt + 1) * sizeof *v->spoilt);
	v->spoilt[v->nspoilt++] = day;
	return 0;
}

static struct vcell *new_cell(struct verify *v, struct cell_at at)
{
	size_t slots = (size_t)v->c->nslots * sizeof(int64_t);
	size_t hists = (size_t)v->c->nhists * sizeof(struct hist);
	size_t sets = (size_t)v->c->nsets * sizeof(struct kset *);
	struct vcell *c = arena_alloc(&v->arena, sizeof *c + slots + hists + sets);
	memset(c, 0, sizeof *c + slots + hists + sets);
	c->at = (struct cell_at){v->c->id, at.day, arena_str(&v->arena, at.group.p, at.group.n)};
	c->value = (struct cell_value){.nslots = v->c->nslots, .nhists = v->c->nhists};
	c->value.v = (int64_t *)(c + 1);
	c->value.h = (struct hist *)(c->value.v + v->c->nslots);
	c->sets = (struct kset **)(c->value.h + v->c->nhists);
	return c;
}

static int has_row(struct verify *v, int32_t day, struct str group)
{
	struct buf value = {0};
	int rc = store_cell_get(v->s, v->c->id, day, group, &value, v->e);
	buf_free(&value);
	return rc;
}

/* The cell that counts a group: "…" where the store has a row for that and none for the group. What
 * is once a row stays one until its day is counted again, so this is exact. */
static int cell_of(struct verify *v, int32_t day, struct str group, struct vcell **out)
{
	struct cell_at at = {v->c->id, day, group};
	int rc = 1;
	struct vcell *c = verify_cell(v, at);
	if (!c) {
		c = new_cell(v, at);
		pmap_add(&v->map, verify_hash(at), c);
		rc = v->c->ndims ? has_row(v, day, group) : 1;
		if (rc == 0) {
			at.group = group_rest(v->c->ndims, &v->scratch);
			rc = str_same(at.group, group) ? 0 : has_row(v, day, at.group);
			if (rc == 1)
				rc = cell_of(v, day, at.group, &c->rest);
		}
	}
	*out = c->rest ? c->rest : c;
	return rc < 0 ? rc : CX_OK;
}

static int sink_where(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e)
{
	struct verify *v = ctx;
	return v->host->where(v->host->ctx, m, ev, e);
}

static int sink_add(void *ctx, const struct measure *m, int32_t day, struct str group,
	int64_t delta, int n, struct cx_err *e)
{
	struct verify *v = ctx;
	struct vcell *c;
	int64_t sum;
	(void)e;
	v->counted = true;
	if (verify_is_spoilt(v, day))
		return CX_OK;
	int rc = cell_of(v, day, group, &c);
	if (rc < 0)
		return rc;
	if (__builtin_add_overflow(c->value.v[m->slot], delta, &sum))
		return TALLY_TOO_LARGE;
	c->value.v[m->slot] = sum;
	if (m->kind == MEASURE_SUM)
		c->value.v[m->slot + 1] += n;
	return CX_OK;
}

static int sink_put(void *ctx, const struct measure *m, int32_t day, struct str group,
	int64_t value, int n, struct cx_err *e)
{
	struct verify *v = ctx;
	struct vcell *c;
	(void)e;
	v->counted = true;
	if (verify_is_spoilt(v, day))
		return CX_OK;
	int rc = cell_of(v, day, group, &c);
	if (rc < 0)
		return rc;
	return hist_add(&c->value.h[m->hist], value, n) ? CX_OK : TALLY_TOO_MANY;
}

static int sink_see(void *ctx, const struct measure *m, int32_t day, struct str group, uint32_t id,
	struct cx_err *e)
{
	struct verify *v = ctx;
	struct vcell *c;
	(void)e;
	v->counted = true;
	if (verify_is_spoilt(v, day))
		return CX_OK;
	verify_saw(v, m, day, group, id);
	int rc = cell_of(v, day, group, &c);
	if (rc < 0)
		return rc;
	if (!c->sets[m->set])
		c->sets[m->set] = kset_new(KPI_TIMES);
	kset_see(c->sets[m->set], id, 1);
	return CX_OK;
}

static int sink_intern(void *ctx, struct str text, uint32_t *id, struct cx_err *e)
{
	struct verify *v = ctx;
	struct buf b = {0};
	bool added;
	int rc = dictionary_id(v->dictionary, text, false, id, &added, e);
	if (rc == 0) {
		buf_printf(&b,
			CX_T("%s (%s): um valor dos eventos %s não está no dicionário",
				"%s (%s): a value of the events %s is not in the dictionary"),
			v->c->plugin, v->c->dims, v->type->name);
		verify_tell(v, &b);
	}
	return rc;
}

static int sink_exclude(void *ctx, const struct measure *m, int32_t day, const struct event *ev,
	const char *reason, struct cx_err *e)
{
	struct verify *v = ctx;
	(void)reason, (void)e;
	for (int i = 0; i < v->c->nmeasures && !verify_is_spoilt(v, day); i++) {
		const struct measure *x = v->c->measures[i];
		if (x->slot != m->slot || x->hist != m->hist || x->set != m->set)
			continue;
		struct vexcluded *out = arena_alloc(&v->arena, sizeof *out);
		*out = (struct vexcluded){x, day, ev->seq, false};
		pmap_add(&v->excluded, verify_hash_excluded(out), out);
	}
	return CX_OK;
}

/* 1 ev counts in m. */
static int counts(struct verify *v, const struct measure *m, const struct event *ev)
{
	if (m->type != v->type || m->shared)
		return 0;
	int rc = standing_event(v->now, m, ev, v->e);
	if (rc == 1 && v->crashes) { /* it is left out, and would crash again */
		rc = store_crashed(v->s, v->c->id, m->kpi->id, m->name, ev->seq, v->e);
		return rc < 0 ? rc : !rc;
	}
	return rc;
}

static int walk_event(void *ctx, struct event *ev)
{
	struct verify *v = ctx;
	const struct tally_sink sink = {.ctx = v,
		.where = sink_where,
		.add = sink_add,
		.put = sink_put,
		.see = sink_see,
		.intern = sink_intern,
		.exclude = sink_exclude};
	bool missing;
	arena_reset(&v->event);
	ev->type = v->type;
	event_reload(ev, v->host->company_currency ? v->host->company_currency : CURRENCY_NONE,
		&v->event, &missing);
	for (int i = 0; i < v->c->nmeasures; i++) {
		const struct measure *m = v->c->measures[i];
		int rc = counts(v, m, ev);
		bool stands = rc == 1;
		arena_reset(&v->scratch);
		v->counted = false;
		if (stands && m->set >= 0)
			tally_instant(m, ev, &v->at_ms);
		if (stands)
			rc = tally_measure(m, ev, 1, &sink, &v->scratch, v->e);
		if (rc >= 0 && m->type == v->type && !m->shared)
			rc = verify_known(v, m, ev, stands);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int walk_log(struct verify *v)
{
	int crashes = store_crashed(v->s, -1, NULL, NULL, 0, v->e);
	if (crashes < 0)
		return crashes;
	v->crashes = crashes;
	for (int i = 0; i < v->c->nmeasures; i++) {
		int before = 0;
		v->type = v->c->measures[i]->type;
		while (v->c->measures[before]->type != v->type)
			before++;
		if (before < i)
			continue;
		struct event_filter q = {.type = v->c->measures[i]->type_name,
			.from_ms = INT64_MIN,
			.to_ms = INT64_MAX};
		int64_t last = 0;
		for (bool done = false; !done; q.after = last) {
			int rc = store_events(v->s, &q, walk_event, v, &last, &done, v->e);
			if (rc < 0)
				return rc;
		}
	}
	return CX_OK;
}

static void free_all(struct verify *v)
{
	for (size_t i = 0; i < v->map.cap; i++) {
		struct vcell *c = v->map.v[i];
		for (int j = 0; c && j < v->c->nsets; j++)
			kset_free(c->sets[j]);
		for (int j = 0; c && j < v->c->nhists; j++)
			hist_free(&c->value.h[j]);
	}
	for (int j = 0; j < v->c->nhists; j++)
		hist_free(&v->stored.h[j]);
	kset_free(v->sees);
	dictionary_free(v->dictionary);
	standing_free(v->now);
	pmap_free(&v->map);
	pmap_free(&v->excluded);
	free(v->spoilt);
	verify_known_free(v);
	verify_sets_free(v);
	buf_free(&v->group);
	arena_free(&v->arena);
	arena_free(&v->event);
	arena_free(&v->scratch);
}

int kpi_verify(struct store *s, const struct cube *c, const struct kpi_host *host,
	void (*differs)(void *ctx, const struct cube *c, const char *what), void *ctx,
	struct cx_err *e)
{
	struct verify v = {.s = s, .c = c, .host = host, .differs = differs, .ctx = ctx, .e = e};
	v.dictionary = dictionary_new(s);
	v.now = standing_new(s, INT64_MAX);
	v.none = new_cell(&v, (struct cell_at){.group = STR("")});
	v.stored = new_cell(&v, v.none->at)->value;
	int rc = store_spoilt_days(s, c->id, INT32_MIN, INT32_MAX, note_spoilt, &v, e);
	if (rc >= 0)
		rc = verify_known_open(&v);
	if (rc >= 0)
		rc = verify_sets_open(&v);
	if (rc >= 0)
		rc = walk_log(&v);
	if (rc >= 0)
		rc = verify_compare(&v);
	if (rc >= 0)
		rc = verify_sets_close(&v);
	if (rc >= 0)
		rc = verify_known_close(&v);
	free_all(&v);
	return rc < 0 ? rc : v.ndiffer;
}
