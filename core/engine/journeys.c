#include "engine/journeys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/tz.h"
#include "engine/journey_fold.h"
#include "engine/journey_host.h"
#include "kpi/group.h"

/* ---- keys ---- */

/* The key that the event has for the journey; p NULL: none. */
static struct str key_of(const struct plan_journey *pj, const struct event *ev, struct arena *a)
{
	struct field_ref ref = pj->key;
	struct value v = event_get(ev, ref);
	if (ref.attr != ATTR_FIELD)
		return v.kind == VALUE_TEXT ? v.s : (struct str){0};
	const struct field *f = &ev->type->fields[ref.field];
	if (v.kind == VALUE_NULL)
		return (struct str){0};
	return value_text(v, f->kind, f->scale, a);
}

int journeys_need_key(struct ingest *in, const struct event *ev)
{
	const struct type_plan *plan = plugin_set_type(&in->eng->set, ev->type_name);
	for (int i = 0; plan && i < plan->njourneys; i++) {
		const struct plan_journey *pj = &plan->journeys[i];
		bool derived =
			pj->key.attr == ATTR_FIELD && ev->type->fields[pj->key.field].derived;
		char field[96];
		if (!pj->starts || derived || key_of(pj, ev, &in->arena).p)
			continue;
		snprintf(field, sizeof field, "%s%s", pj->key.attr == ATTR_FIELD ? "data." : "",
			pj->journey->key);
		return cx_errs_add(&in->errs, CX_E_MISSING_FIELD, field,
			CX_T("%s: falta; a jornada \"%s\" começa com este evento e se chama por "
			     "ele",
				"%s is missing: the journey \"%s\" begins with this event and is "
				"named by it"),
			field, pj->journey->id);
	}
	return CX_OK;
}

void journeys_name(struct buf *b, struct str key, int n)
{
	buf_add(b, key.p, key.n);
	if (n > 1)
		buf_printf(b, "#%d", n);
}

int journeys_find(struct store *s, const char *journey, struct str name, struct journey_row *r,
	struct arena *a, struct cx_err *e)
{
	uint32_t at = name.n;
	int n = 0, rc;
	while (at > 0 && name.p[at - 1] >= '0' && name.p[at - 1] <= '9')
		at--;
	if (at > 1 && name.n - at <= 6 && at < name.n && name.p[at] != '0' && name.p[at - 1] == '#')
		n = atoi(arena_str(a, name.p + at, name.n - at).p);
	if (n > 1) {
		rc = store_journey_get(s, journey, (struct str){name.p, at - 1}, n, r, a, e);
		if (rc != 0)
			return rc;
	}
	return store_journey_get(s, journey, name, 1, r, a, e);
}

/* ---- one key ---- */

/* After what the instance has seen? Without one: is nothing of the key filed after it? */
static int comes_last(struct fold *f, const struct event *ev)
{
	struct cx_err e;
	if (f->now >= 0) {
		const struct journey_row *r = &f->v[f->now].row;
		return ev->time_ms > r->upto_ms &&
		       (ev->time_ms > r->last_ms ||
			       (ev->time_ms == r->last_ms && ev->seq > r->last_seq));
	}
	int rc = store_journey_event_after(
		f->in->eng->store, f->journey->id, f->key, ev->time_ms, ev->seq, f->bound, &e);
	return rc < 0 ? ingest_lost(f->in, &e) : !rc;
}

static int finish(struct fold *f)
{
	const struct firing now = {f->in->head->now_ms, 0, f->in->past};
	int rc = fold_keep(f);
	return rc < 0 ? rc : fold_act(f, &now);
}

/* The event at hand, or with ev NULL whatever has changed: 1 done, 0 it failed, <0 lost. */
static int fold(struct ingest *in, struct plugin *p, const struct plugin_journey *j, struct str key,
	struct event *ev, bool all, struct lua_fail *fail)
{
	struct fold f;
	bool failed = false;
	fold_begin(&f, in, p, j, key);
	if (in->eng->catching && ev)
		f.bound = ev->seq;
	int rc = journey_ready(in, p, j, &f.fail), last = 0;
	if (rc == 0) {
		*fail = f.fail;
		return 0;
	}
	if (rc >= 0)
		rc = fold_read(&f);
	if (rc >= 0 && !all)
		rc = last = comes_last(&f, ev);
	if (rc >= 0 && last)
		rc = fold_event(&f, ev);
	else if (rc >= 0) {
		rc = fold_again(&f, ev ? ev->seq : 0, &failed);
		rc = rc < 0 ? rc : 1;
	}
	if (rc == 1)
		rc = finish(&f) < 0 ? in->errs.v[0].code : !failed;
	*fail = f.fail;
	fold_free(&f);
	return rc;
}

static int one(struct ingest *in, struct plugin *p, const struct plugin_journey *j, struct str key,
	struct event *ev, bool all)
{
	char handler[160];
	struct lua_fail fail = {0};
	int rc = 0;
	if (ingest_part(in, p) == PART_CRASHED)
		fail = ingest_crashed(p->name, j->file, j->line);
	else
		rc = fold(in, p, j, key, ev, all, &fail);
	if (rc != 0)
		return rc < 0 ? rc : CX_OK;
	snprintf(handler, sizeof handler, "journey %s", j->id);
	return ingest_failed(in, ev, p->name, handler, 1, &fail);
}

int journeys_refold(struct ingest *in, struct str journey, struct str name)
{
	struct journey_row row;
	struct lua_fail fail = {0};
	struct cx_err e;
	const struct plugin_set *set = &in->eng->set;
	const char *id = arena_str(&in->arena, journey.p, journey.n).p;
	int rc = journeys_find(in->eng->store, id, name, &row, &in->arena, &e);
	if (rc <= 0)
		return rc < 0 ? ingest_lost(in, &e) : CX_OK;
	for (int i = 0; i < set->n; i++)
		for (int k = 0; k < set->v[i]->njourneys; k++) {
			const struct plugin_journey *j = &set->v[i]->journeys[k];
			if (strcmp(j->id, id) != 0 || ingest_part(in, set->v[i]) != PART_RUNS)
				continue;
			rc = fold(in, set->v[i], j, row.key, NULL, true, &fail);
			if (rc == 0)
				log_warn("journey %s: folding it again failed at %s:%d", id,
					fail.file, fail.line);
			return rc < 0 ? rc : CX_OK;
		}
	return CX_OK;
}

/* ---- corrections ---- */

struct family_keys { /* what the others of a family are filed under */
	struct ingest *in;
	const struct plan_journey *pj;
	const struct event *ev;
	struct str *v;
	int n;
};

static int unfile(void *ctx, int64_t seq, int64_t recorded_ms)
{
	struct family_keys *x = ctx;
	struct event old = {0};
	struct cx_err e;
	(void)recorded_ms;
	if (seq == x->ev->seq)
		return 0;
	int rc = journey_event_open(x->in, seq, &old);
	struct str key = rc == 1 ? key_of(x->pj, &old, &x->in->arena) : (struct str){0};
	if (rc <= 0 || !key.p)
		return rc;
	if (store_journey_event_drop(
		    x->in->eng->store, x->pj->journey->id, key, old.time_ms, seq, &e) < 0)
		return ingest_lost(x->in, &e);
	for (int i = 0; i < x->n; i++)
		if (str_same(x->v[i], key))
			return 0;
	x->v = xrealloc(x->v, sizeof *x->v * (size_t)(x->n + 1));
	x->v[x->n++] = key;
	return 0;
}

/* Files a correction in the place of what it corrects; the keys of before, but its own. 0: it is
 * not the newest, and changes nothing. */
static int refile(struct family_keys *x)
{
	struct store *s = x->in->eng->store;
	struct family family;
	struct cx_err e;
	if (store_family(s, x->ev->root, INT64_MAX, &family, &e) < 0)
		return ingest_lost(x->in, &e);
	if (family.newest != x->ev->seq)
		return 0;
	int rc = unfile(x, x->ev->root, 0);
	if (rc >= 0 && store_members(s, x->ev->root, unfile, x, &e) < 0)
		rc = x->in->store_failed ? x->in->errs.v[0].code : ingest_lost(x->in, &e);
	return rc < 0 ? rc : 1;
}

/* ---- an event ---- */

static int follow(struct ingest *in, const struct plan_journey *pj, struct event *ev, bool runs)
{
	struct cx_err e;
	struct family_keys x = {.in = in, .pj = pj, .ev = ev};
	struct str key = key_of(pj, ev, &in->arena);
	int rc = ev->root ? refile(&x) : 1;
	if (rc == 1 && key.p &&
		store_journey_event_add(
			in->eng->store, pj->journey->id, key, ev->time_ms, ev->seq, &e) < 0)
		rc = ingest_lost(in, &e);
	for (int i = 0; i < x.n && rc == 1 && runs; i++)
		if (!key.p || !str_same(x.v[i], key))
			rc = one(in, pj->plugin, pj->journey, x.v[i], ev, true) < 0
				     ? in->errs.v[0].code
				     : 1;
	if (rc == 1 && runs && key.p)
		rc = one(in, pj->plugin, pj->journey, key, ev, ev->root != 0);
	free(x.v);
	return rc < 0 ? rc : CX_OK;
}

int journeys_event(struct ingest *in, const struct type_plan *plan, struct event *ev,
	bool (*wanted)(void *ctx, const struct plugin *p), void *ctx)
{
	int rc = CX_OK;
	for (int i = 0; i < plan->njourneys && rc >= 0; i++) {
		const struct plan_journey *pj = &plan->journeys[i];
		if (wanted && !wanted(ctx, pj->plugin))
			continue;
		rc = follow(in, pj, ev, wanted || ingest_part(in, pj->plugin) != PART_WAITS);
	}
	return rc;
}

int journeys_again(struct ingest *in, struct plugin *p, const struct type_plan *plan,
	struct event *ev, const struct failed_row *row, struct lua_fail *f)
{
	const char *id = row->handler + strlen("journey ");
	size_t n = strcspn(id, ":");
	for (int i = 0; i < plan->njourneys; i++) {
		const struct plan_journey *pj = &plan->journeys[i];
		if (pj->plugin != p || strlen(pj->journey->id) != n ||
			memcmp(pj->journey->id, id, n) != 0)
			continue;
		if (row->arg)
			return journey_late_again(in, p, pj->journey, row->arg, f);
		struct str key = key_of(pj, ev, &in->arena);
		return key.p ? fold(in, p, pj->journey, key, ev, true, f) : 1;
	}
	return CX_E_CONFLICT;
}

/* ---- deadlines ---- */

/* The k-th of the plugin's journeys, those that it no longer declares last; NULL: no more. */
static const struct plugin_journey *followed(const struct plugin *p, int k)
{
	if (k < p->njourneys)
		return &p->journeys[k];
	return k - p->njourneys < p->npast_journeys ? p->past_journeys[k - p->njourneys] : NULL;
}

int journeys_next(struct ingest *in, bool past, struct due *d, struct cx_err *e)
{
	bool found = false;
	for (int i = 0; i < in->eng->set.n; i++) {
		const struct plugin *p = in->eng->set.v[i];
		for (int k = 0; p->state == PLUGIN_RUNNING && k < p->njourneys; k++) {
			struct due one = {.of = p->journeys[k].id};
			if (p->journeys[k].inside)
				continue;
			int rc = store_journey_due(
				in->eng->store, p->journeys[k].id, past, &one.id, &one.ms, e);
			if (rc < 0)
				return rc;
			if (rc == 1 &&
				(!found || one.ms < d->ms || (one.ms == d->ms && one.id < d->id)))
				*d = one;
			found |= rc == 1;
		}
	}
	return found;
}

static const struct plugin_journey *owner_of(
	struct engine *eng, struct str journey, struct plugin **p)
{
	const struct plugin_journey *j;
	for (int i = 0; i < eng->set.n; i++)
		for (int k = 0; (j = followed(eng->set.v[i], k)); k++)
			if (eng->set.v[i]->state == PLUGIN_RUNNING && strlen(j->id) == journey.n &&
				memcmp(j->id, journey.p, journey.n) == 0) {
				*p = eng->set.v[i];
				return j;
			}
	return NULL;
}

/* The deadline is over, whatever became of it. */
static int give_up(struct ingest *in, const struct plugin *p, struct journey_row *row,
	const struct lua_fail *fail)
{
	struct cx_err e;
	char handler[160];
	const struct event ev = {.seq = row->start_seq};
	row->due_ms = 0;
	if (store_journey_set(in->eng->store, row, &e) < 0)
		return ingest_lost(in, &e);
	snprintf(handler, sizeof handler, "journey %.*s", (int)row->journey.n, row->journey.p);
	return ingest_failed(in, &ev, p->name, handler, 1, fail);
}

int journeys_fire(struct ingest *in, const struct due *d, const struct firing *at)
{
	struct journey_row row;
	struct cx_err e;
	struct fold f;
	struct plugin *p;
	const struct plugin_journey *j =
		owner_of(in->eng, (struct str){d->of, (uint32_t)strlen(d->of)}, &p);
	if (!j)
		return 1;
	int rc = store_journey_take_due(
		in->eng->store, d->id, d->of, at->past, d->ms, &row, &in->arena, &e);
	if (rc <= 0)
		return rc < 0 ? ingest_lost(in, &e) : 1;
	fold_begin(&f, in, p, j, row.key);
	rc = fold_read(&f);
	if (row.strikes >= TIMER_STRIKES) {
		snprintf(f.fail.file, sizeof f.fail.file, "%s", f.journey->file);
		f.fail.line = f.journey->line;
		snprintf(f.fail.msg, sizeof f.fail.msg, "%s",
			CX_T("o plugin derrubou o motor neste prazo",
				"the plugin crashed on this deadline"));
		rc = rc < 0 ? rc : 0;
	}
	if (rc == 1)
		rc = fold_advance(&f, d->ms, true);
	if (rc == 1)
		rc = fold_keep(&f);
	else if (rc == 0)
		rc = give_up(in, p, &row, &f.fail);
	if (rc >= 0)
		rc = fold_act(&f, at);
	fold_free(&f);
	return rc < 0 ? rc : CX_OK;
}
