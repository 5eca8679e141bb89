#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/tz.h"
#include "kpi/verify_own.h"

static void begin(const struct verify *v, struct cell_at at, struct buf *b)
{
	char day[16];
	tz_day_text(at.day, day);
	buf_printf(
		b, "%s (%s) %s %.*s: ", v->c->plugin, v->c->dims, day, (int)at.group.n, at.group.p);
}

static void tell(struct verify *v, struct cell_at at, const char *what)
{
	struct buf b = {0};
	begin(v, at, &b);
	buf_puts(&b, what);
	verify_tell(v, &b);
}

void verify_say(
	struct buf *b, const struct measure *m, const char *what, int64_t stored, int64_t counted)
{
	if (b->len && b->p[b->len - 1] != ' ')
		buf_puts(b, "; ");
	buf_printf(b,
		CX_T("%s.%s%s: %" PRId64 " no armazenamento, %" PRId64 " pelos eventos",
			"%s.%s%s: %" PRId64 " stored, %" PRId64 " from the events"),
		m->kpi->id, m->name, what, stored, counted);
}

static void compare_hists(struct buf *b, const struct measure *m, const struct hist *stored,
	const struct hist *counted)
{
	char what[64];
	size_t i = 0, j = 0;
	while (i < stored->n || j < counted->n) { /* up to the first difference */
		bool mine = j == counted->n ||
			    (i < stored->n && stored->values[i] <= counted->values[j]);
		int64_t value = mine ? stored->values[i] : counted->values[j];
		int64_t x = hist_count(stored, value), y = hist_count(counted, value);
		snprintf(what, sizeof what, CX_T(", valor %" PRId64, ", value %" PRId64), value);
		if (x != y) {
			verify_say(b, m, what, x, y);
			return;
		}
		i++;
		j++;
	}
}

/* All measures that differ in one cell are one difference. */
static void compare_values(struct verify *v, struct cell_at at, const char *missing,
	const struct cell_value *stored, const struct cell_value *counted)
{
	struct buf b = {0};
	begin(v, at, &b);
	buf_puts(&b, missing);
	size_t start = b.len;
	for (int i = 0; i < v->c->nmeasures; i++) {
		const struct measure *m = v->c->measures[i];
		if (m->shared || m->kind == MEASURE_DISTINCT)
			continue;
		if (m->kind == MEASURE_HISTOGRAM) {
			compare_hists(&b, m, &stored->h[m->hist], &counted->h[m->hist]);
			continue;
		}
		int64_t x = stored->v[m->slot], y = counted->v[m->slot];
		if (x != y)
			verify_say(&b, m, "", x, y);
		x = m->kind == MEASURE_SUM ? stored->v[m->slot + 1] : 0;
		y = m->kind == MEASURE_SUM ? counted->v[m->slot + 1] : 0;
		if (x != y)
			verify_say(&b, m, CX_T(", eventos", ", events"), x, y);
	}
	if (b.len > start || *missing)
		verify_tell(v, &b);
	buf_free(&b);
}

static int check_cell(void *ctx, int32_t day, struct str group, const void *p, size_t n)
{
	struct verify *v = ctx;
	struct cell_at at = {v->c->id, day, group};
	if (verify_is_spoilt(v, day))
		return 0;
	struct vcell *c = verify_cell(v, at);
	if (c)
		c->met = true;
	if (!cell_read(p, n, at, &v->stored))
		tell(v, at, CX_T("danificada", "damaged"));
	else
		compare_values(v, at, "", &v->stored, &(c ? c : v->none)->value);
	return 0;
}

static int levels_of(const struct verify *v, const struct measure **any)
{
	int levels = 1;
	for (int i = 0; i < v->c->nmeasures; i++) {
		const struct measure *m = v->c->measures[i];
		if (m->set != v->set)
			continue;
		if (!m->shared)
			*any = m;
		if (!m->days && m->times > levels)
			levels = m->times;
	}
	return levels;
}

static void tell_set(
	struct verify *v, struct cell_at at, const struct kset *stored, const struct kset *counted)
{
	const struct measure *m = NULL;
	struct buf b = {0};
	char what[64] = "";
	int level = 1, levels = levels_of(v, &m);
	if (stored && counted && kset_equal(stored, counted, levels))
		return;
	while (stored && counted && level < levels &&
		kset_count(stored, level) == kset_count(counted, level))
		level++;
	if (level > 1)
		snprintf(what, sizeof what, CX_T(", ao menos %d vezes", ", at least %d times"),
			level);
	begin(v, at, &b);
	buf_puts(&b,
		!counted  ? CX_T("conjunto sem eventos: ", "a set without events: ")
		: !stored ? CX_T("falta um conjunto: ", "a set is missing: ")
			  : CX_T("conjunto difere dos eventos: ", "set differs from the events: "));
	verify_say(&b, m, what, stored ? (int64_t)kset_count(stored, level) : 0,
		counted ? (int64_t)kset_count(counted, level) : 0);
	verify_tell(v, &b);
}

/* The stored set of a group is complete. */
static void end_set(struct verify *v)
{
	struct cell_at at = {v->c->id, v->day, {v->group.p, (uint32_t)v->group.len}};
	if (!v->sees)
		return;
	tell_set(v, at, v->sees, v->open ? v->open->sets[v->set] : NULL);
	if (v->open) {
		kset_free(v->open->sets[v->set]);
		v->open->sets[v->set] = NULL; /* met */
	}
	kset_free(v->sees);
	v->sees = NULL;
}

static int check_set(void *ctx, int32_t day, struct str group, const void *blob, size_t n,
	uint32_t id, uint32_t count)
{
	struct verify *v = ctx;
	struct cell_at at = {v->c->id, day, group};
	struct str was = {v->group.p, (uint32_t)v->group.len};
	struct kset *folded = blob ? kset_read(blob, n) : NULL;
	int rc = blob ? verify_unite(v, day, folded) : CX_OK;
	if (rc < 0 || verify_is_spoilt(v, day)) {
		kset_free(folded);
		return rc;
	}
	if (!v->sees || v->day != day || !str_same(was, group)) {
		end_set(v);
		v->day = day;
		buf_clear(&v->group);
		buf_add(&v->group, group.p, group.n);
		v->open = verify_cell(v, at);
		v->sees = kset_new(KPI_TIMES);
	}
	if (!blob)
		kset_see(v->sees, id, count);
	else if (!folded)
		tell(v, at, CX_T("conjunto danificado", "damaged set"));
	else
		kset_merge(v->sees, folded);
	kset_free(folded);
	return 0;
}

static void tell_excluded(struct verify *v, const char *kpi, const char *measure, int32_t day,
	int64_t seq, const char *what)
{
	struct buf b = {0};
	char text[16];
	tz_day_text(day, text);
	buf_printf(&b,
		CX_T("%s (%s) %s %s.%s: exclusão do evento %" PRId64 ": %s",
			"%s (%s) %s %s.%s: exclusion of event %" PRId64 ": %s"),
		v->c->plugin, v->c->dims, text, kpi, measure, seq, what);
	verify_tell(v, &b);
}

static int check_excluded(void *ctx, const struct excluded *row)
{
	struct verify *v = ctx;
	struct vexcluded key = {.day = row->day, .seq = row->seq}, *x = NULL;
	for (int i = 0; i < v->c->nmeasures && !key.m; i++) {
		const struct measure *m = v->c->measures[i];
		if (strcmp(m->kpi->id, row->kpi) == 0 && strcmp(m->name, row->measure) == 0)
			key.m = m;
	}
	if (verify_is_spoilt(v, row->day) || strcmp(row->reason, STORE_CRASHED) == 0)
		return 0;
	if (key.m)
		x = verify_excluded(v, &key);
	if (x)
		x->met = true;
	else
		tell_excluded(v, row->kpi, row->measure, row->day, row->seq,
			CX_T("nenhum evento a pede", "no event asks for it"));
	return 0;
}

static int check_exclusions(struct verify *v)
{
	int rc = CX_OK;
	for (int i = 0; i < v->c->nmeasures && rc >= 0; i++) {
		const struct kpi *k = v->c->measures[i]->kpi;
		int before = 0;
		while (v->c->measures[before]->kpi != k)
			before++;
		if (before == i)
			rc = store_exclusions(v->s, v->c->id, k->id, check_excluded, v, v->e);
	}
	for (size_t i = 0; i < v->excluded.cap && rc >= 0; i++) {
		const struct vexcluded *x = v->excluded.v[i];
		if (x && !x->met)
			tell_excluded(v, x->m->kpi->id, x->m->name, x->day, x->seq,
				CX_T("falta no armazenamento", "is missing in the store"));
	}
	return rc;
}

int verify_compare(struct verify *v)
{
	int rc = store_cells(v->s, v->c->id, INT32_MIN, INT32_MAX, check_cell, v, v->e);
	for (v->set = 0; v->set < v->c->nsets && rc >= 0; v->set++) {
		rc = store_sets(
			v->s, v->c->id, v->set, INT32_MIN, INT32_MAX, NULL, check_set, v, v->e);
		end_set(v);
		if (rc >= 0)
			rc = verify_united(v);
	}
	for (size_t i = 0; i < v->map.cap && rc >= 0; i++) {
		struct vcell *c = v->map.v[i];
		if (!c || c->rest)
			continue;
		if (!c->met)
			compare_values(v, c->at,
				CX_T("falta no armazenamento ", "is missing in the store "),
				&v->none->value, &c->value);
		for (v->set = 0; v->set < v->c->nsets; v->set++)
			if (c->sets[v->set])
				tell_set(v, c->at, NULL, c->sets[v->set]);
	}
	return rc < 0 ? rc : check_exclusions(v);
}
