#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/tz.h"
#include "kpi/answer.h"
#include "kpi/cellvalue.h"

struct vcell { /* a cell as the log says it should be */
	struct cell_at at;
	bool met; /* found in the store */
	int64_t *v;
	struct kset **sets;
};
struct verify {
	struct store *s;
	const struct cube *c;
	const struct kpi_host *host;
	void (*differs)(void *ctx, const struct cube *c, const char *what);
	void *ctx;
	struct cx_err *e;
	struct dictionary *dictionary;
	struct arena arena, event, scratch;
	struct pmap map;
	const struct event_type *type; /* whose events are walked */
	int ndiffer;
	/* while sets are compared: the stored one being put together */
	int set;
	struct vcell *open;
	struct kset *stored;
	int32_t day;
	struct buf group;
	bool crashes; /* some events are left out because a plugin crashed on them */
};

static void tell(struct verify *v, struct cell_at at, const char *what)
{
	struct buf b = {0};
	char day[16];
	tz_day_text(at.day, day);
	buf_printf(&b, "%s (%s) %s %.*s: %s", v->c->plugin, v->c->dims, day, (int)at.group.n,
		at.group.p, what);
	v->differs(v->ctx, v->c, buf_cstr(&b));
	v->ndiffer++;
	buf_free(&b);
}

static bool same(const void *item, const void *key)
{
	const struct vcell *c = item;
	const struct cell_at *at = key;
	return c->at.day == at->day && str_same(c->at.group, at->group);
}

static struct vcell *find(struct verify *v, struct cell_at at, bool make)
{
	uint32_t h = hash_bytes(at.group.p, at.group.n, (uint32_t)at.day);
	struct vcell *c = pmap_find(&v->map, h, same, &at);
	if (c || !make)
		return c;
	size_t slots = (size_t)v->c->nslots * sizeof(int64_t);
	size_t sets = (size_t)v->c->nsets * sizeof(struct kset *);
	c = arena_alloc(&v->arena, sizeof *c + slots + sets);
	memset(c, 0, sizeof *c + slots + sets);
	c->at = (struct cell_at){v->c->id, at.day, arena_str(&v->arena, at.group.p, at.group.n)};
	c->v = (int64_t *)(c + 1);
	c->sets = (struct kset **)(c->v + v->c->nslots);
	pmap_add(&v->map, h, c);
	return c;
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
	struct vcell *c = find(v, (struct cell_at){v->c->id, day, group}, true);
	int64_t sum;
	(void)e;
	if (__builtin_add_overflow(c->v[m->slot], delta, &sum))
		return TALLY_TOO_LARGE;
	c->v[m->slot] = sum;
	if (m->kind == MEASURE_SUM)
		c->v[m->slot + 1] += n;
	return CX_OK;
}

static int sink_see(void *ctx, const struct measure *m, int32_t day, struct str group, uint32_t id,
	struct cx_err *e)
{
	struct verify *v = ctx;
	struct vcell *c = find(v, (struct cell_at){v->c->id, day, group}, true);
	(void)e;
	if (!c->sets[m->set])
		c->sets[m->set] = kset_new(KPI_TIMES);
	kset_see(c->sets[m->set], id, 1);
	return CX_OK;
}

static int sink_intern(void *ctx, struct str text, uint32_t *id, struct cx_err *e)
{
	struct verify *v = ctx;
	bool added;
	int rc = dictionary_id(v->dictionary, text, false, id, &added, e);
	if (rc == 0) {
		v->differs(v->ctx, v->c,
			CX_T("um valor do registro não está no dicionário",
				"a value of the log is not in the dictionary"));
		v->ndiffer++;
	}
	return rc;
}

static int sink_exclude(void *ctx, const struct measure *m, int32_t day, const struct event *ev,
	const char *reason, struct cx_err *e)
{
	(void)ctx, (void)m, (void)day, (void)ev, (void)reason, (void)e;
	return CX_OK;
}

static int walk_event(void *ctx, struct event *ev)
{
	struct verify *v = ctx;
	const struct tally_sink sink = {.ctx = v,
		.where = sink_where,
		.add = sink_add,
		.see = sink_see,
		.intern = sink_intern,
		.exclude = sink_exclude};
	bool missing;
	arena_reset(&v->event);
	ev->type = v->type;
	event_reload(ev, v->host->company_currency ? v->host->company_currency : "XXX", &v->event,
		&missing);
	for (int i = 0; i < v->c->nmeasures; i++) {
		if (v->c->measures[i]->type != v->type || v->c->measures[i]->shared)
			continue;
		const struct measure *m = v->c->measures[i];
		int rc = v->crashes ? store_crashed(v->s, m->kpi->id, m->name, ev->seq, v->e) : 0;
		if (rc < 0)
			return rc;
		if (rc == 1)
			continue; /* left out, and it would crash again */
		arena_reset(&v->scratch);
		rc = tally_measure(m, ev, 1, &sink, &v->scratch, v->e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int walk_log(struct verify *v)
{
	int crashes = store_crashed(v->s, NULL, NULL, 0, v->e);
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

/* Cells of the log that the store counts in its group "…": those it has no row for on such a day.
 * What is once a row stays one, so this is exact. */
static int fold_rest(struct verify *v)
{
	struct str rest = group_rest(v->c->ndims, &v->arena);
	size_t cap = v->map.cap;
	struct vcell **all = xmalloc(cap * sizeof(struct vcell *));
	struct buf value = {0};
	size_t n = 0;
	int rc = CX_OK;
	for (size_t i = 0; i < cap; i++)
		if (v->map.v[i])
			all[n++] = v->map.v[i];
	for (size_t i = 0; i < n && rc >= 0; i++) {
		struct vcell *c = all[i];
		rc = store_cell_get(v->s, v->c->id, c->at.day, c->at.group, &value, v->e);
		if (rc != 0)
			continue;
		rc = store_cell_get(v->s, v->c->id, c->at.day, rest, &value, v->e);
		if (rc != 1)
			continue;
		struct vcell *to = find(v, (struct cell_at){v->c->id, c->at.day, rest}, true);
		for (int j = 0; j < v->c->nslots; j++)
			to->v[j] += c->v[j];
		for (int j = 0; j < v->c->nsets; j++) {
			if (c->sets[j] && !to->sets[j])
				to->sets[j] = kset_new(KPI_TIMES);
			if (c->sets[j])
				kset_merge(to->sets[j], c->sets[j]);
			kset_free(c->sets[j]);
			c->sets[j] = NULL;
		}
		c->met = true;
	}
	free(all);
	buf_free(&value);
	return rc < 0 ? rc : CX_OK;
}

static int check_cell(void *ctx, int32_t day, struct str group, const void *p, size_t n)
{
	struct verify *v = ctx;
	struct cell_at at = {v->c->id, day, group};
	struct vcell *c = find(v, at, false);
	int64_t *stored = arena_alloc(&v->scratch, (size_t)v->c->nslots * sizeof *stored + 1);
	struct cell_value value = {v->c->nslots, v->c->nhists, stored, NULL};
	if (c)
		c->met = true;
	if (!cell_read(p, n, at, &value)) {
		tell(v, at, CX_T("danificada", "damaged"));
	} else if (!c) {
		tell(v, at, CX_T("não vem de nenhum evento", "comes from no event"));
	} else if (memcmp(stored, c->v, (size_t)v->c->nslots * sizeof *stored) != 0) {
		tell(v, at, CX_T("difere dos eventos", "differs from the events"));
	}
	arena_reset(&v->scratch);
	return 0;
}

static int levels_of(const struct verify *v)
{
	int levels = 1;
	for (int i = 0; i < v->c->nmeasures; i++) {
		const struct measure *m = v->c->measures[i];
		if (m->set == v->set && !m->days && m->times > levels)
			levels = m->times;
	}
	return levels;
}

/* The stored set of a group is complete. */
static void end_set(struct verify *v)
{
	struct cell_at at = {v->c->id, v->day, {v->group.p, (uint32_t)v->group.len}};
	if (!v->stored)
		return;
	if (!v->open || !v->open->sets[v->set]) {
		tell(v, at, CX_T("conjunto sem eventos", "a set without events"));
	} else {
		if (!kset_equal(v->stored, v->open->sets[v->set], levels_of(v)))
			tell(v, at,
				CX_T("conjunto difere dos eventos", "set differs from the events"));
		kset_free(v->open->sets[v->set]);
		v->open->sets[v->set] = NULL; /* met */
	}
	kset_free(v->stored);
	v->stored = NULL;
}

static int check_set(void *ctx, int32_t day, struct str group, const void *blob, size_t n,
	uint32_t id, uint32_t count)
{
	struct verify *v = ctx;
	struct cell_at at = {v->c->id, day, group};
	struct str was = {v->group.p, (uint32_t)v->group.len};
	if (!v->stored || v->day != day || !str_same(was, group)) {
		end_set(v);
		v->day = day;
		buf_clear(&v->group);
		buf_add(&v->group, group.p, group.n);
		v->open = find(v, at, false);
		v->stored = kset_new(KPI_TIMES);
	}
	struct kset *folded = blob ? kset_read(blob, n) : NULL;
	if (!blob)
		kset_see(v->stored, id, count);
	else if (!folded)
		tell(v, at, CX_T("conjunto danificado", "damaged set"));
	else
		kset_merge(v->stored, folded);
	kset_free(folded);
	return 0;
}

static int compare(struct verify *v)
{
	int rc = store_cells(v->s, v->c->id, INT32_MIN, INT32_MAX, check_cell, v, v->e);
	for (v->set = 0; v->set < v->c->nsets && rc >= 0; v->set++) {
		rc = store_sets(v->s, v->c->id, v->set, INT32_MIN, INT32_MAX, check_set, v, v->e);
		end_set(v);
	}
	for (size_t i = 0; i < v->map.cap && rc >= 0; i++) {
		struct vcell *c = v->map.v[i];
		if (!c)
			continue;
		if (!c->met)
			tell(v, c->at, CX_T("falta no armazenamento", "is missing in the store"));
		for (int j = 0; j < v->c->nsets; j++)
			if (c->sets[j])
				tell(v, c->at, CX_T("falta um conjunto", "a set is missing"));
	}
	return rc;
}

int kpi_verify(struct store *s, const struct cube *c, const struct kpi_host *host,
	void (*differs)(void *ctx, const struct cube *c, const char *what), void *ctx,
	struct cx_err *e)
{
	struct verify v = {.s = s, .c = c, .host = host, .differs = differs, .ctx = ctx, .e = e};
	v.dictionary = dictionary_new(s);
	int rc = walk_log(&v);
	if (rc >= 0)
		rc = fold_rest(&v);
	if (rc >= 0)
		rc = compare(&v);
	for (size_t i = 0; i < v.map.cap; i++)
		for (int j = 0; v.map.v[i] && j < c->nsets; j++)
			kset_free(((struct vcell *)v.map.v[i])->sets[j]);
	kset_free(v.stored);
	dictionary_free(v.dictionary);
	pmap_free(&v.map);
	buf_free(&v.group);
	arena_free(&v.arena);
	arena_free(&v.event);
	arena_free(&v.scratch);
	return rc < 0 ? rc : v.ndiffer;
}
