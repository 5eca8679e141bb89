/* Which definition an instance runs on: that in force, or the one it began with, out of the sources
 * of then. Types that only old definitions follow are followed as long as an instance needs them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/tz.h"
#include "engine/journey_host.h"
#include "engine/old.h"

static struct str text(const char *s)
{
	return (struct str){s, (uint32_t)strlen(s)};
}

int journey_version(struct ingest *in, struct plugin **p, const struct plugin_journey **j,
	int64_t version, struct lua_fail *f)
{
	struct cx_err e;
	struct journey_version_row row;
	if (version == (*j)->version)
		return 1;
	int rc = store_journey_version_get(in->eng->store, version, &row, &in->arena, &e);
	if (rc < 0)
		return ingest_lost(in, &e);
	struct plugin *old = rc ? old_plugin(in->eng, row.plugin, row.hash, f) : NULL;
	const struct plugin_journey *is = old ? plugin_journey_find(old, row.journey) : NULL;
	if (!is) {
		if (!old && rc)
			return 0;
		*f = (struct lua_fail){.msg = "the definition it began with is not there"};
		return 0;
	}
	*p = old;
	*j = is;
	return 1;
}

static int keep_one(
	struct engine *eng, struct plugin *p, struct plugin_journey *j, struct cx_err *e)
{
	struct journey_version_row r = {.since_ms = clock_now_ms(),
		.journey = text(j->id),
		.identity = text(j->identity),
		.plugin = text(p->name),
		.hash = text(p->hash),
		.definition = text(j->definition)};
	int rc = store_journey_version(eng->store, &r, e);
	j->version = r.id;
	return rc;
}

int journey_ready(
	struct ingest *in, struct plugin *p, const struct plugin_journey *j, struct lua_fail *f)
{
	struct cx_err e;
	if (j->version || j->past)
		return 1;
	if (plugin_wake(p, f) < 0)
		return 0;
	int rc = keep_one(in->eng, p, (struct plugin_journey *)j, &e);
	return rc < 0 ? ingest_lost(in, &e) : 1;
}

/* ---- what is followed ---- */

/* The types of an old definition move its instances too: they are found under j. */
static void follow(struct engine *eng, struct plugin *p, const struct plugin_journey *j,
	const struct plugin_journey *old)
{
	for (int i = 0; i < old->ntypes; i++) {
		struct type_plan *plan =
			(struct type_plan *)plugin_set_type(&eng->set, text(old->types[i]));
		int k = 0;
		while (plan && k < plan->njourneys && plan->journeys[k].journey != j)
			k++;
		if (!plan || k < plan->njourneys)
			continue;
		plan->journeys = xrealloc(plan->journeys, (size_t)(k + 1) * sizeof *plan->journeys);
		plan->journeys[k] = (struct plan_journey){.plugin = p, .journey = j};
		if (field_ref_resolve(plan->type, old->key, &plan->journeys[k].key))
			plan->njourneys++;
	}
}

struct keeping {
	struct engine *eng;
	struct journey_version_row *v;
	int n;
	struct arena a;
};

static int note(void *ctx, const struct journey_version_row *r)
{
	struct keeping *k = ctx;
	struct journey_version_row row = *r;
	struct str *texts[] = {
		&row.journey, &row.identity, &row.plugin, &row.hash, &row.definition};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = arena_str(&k->a, texts[i]->p, texts[i]->n);
	k->v = xrealloc(k->v, sizeof *k->v * (size_t)(k->n + 1));
	k->v[k->n++] = row;
	return 0;
}

/* An old definition that has open instances. */
static int keep_old(struct keeping *k, const struct journey_version_row *row, struct cx_err *e)
{
	struct engine *eng = k->eng;
	struct plugin *p = plugin_set_find(&eng->set, row->plugin.p);
	const struct plugin_journey *now = p ? plugin_journey_find(p, row->journey) : NULL;
	if (!p || p->state == PLUGIN_FAILED || (now && now->version == row->id))
		return CX_OK;
	int rc = store_journey_pinned(eng->store, row->id, e);
	if (rc != 1)
		return rc;
	struct plugin_journey *old = plugin_journey_past(p, row->definition);
	if (old->key)
		follow(eng, p, now ? now : old, old);
	return CX_OK;
}

int journeys_keep(struct engine *eng, struct cx_err *e)
{
	struct keeping k = {.eng = eng};
	int rc = CX_OK;
	for (int i = 0; i < eng->set.n; i++) {
		struct plugin *p = eng->set.v[i];
		if (p->state != PLUGIN_RUNNING && p->state != PLUGIN_BEHIND)
			continue;
		for (int n = 0; n < p->njourneys && rc >= 0; n++)
			rc = keep_one(eng, p, &p->journeys[n], e);
	}
	if (rc >= 0)
		rc = store_journey_versions(eng->store, note, &k, e);
	for (int i = 0; i < k.n && rc >= 0; i++)
		rc = keep_old(&k, &k.v[i], e);
	free(k.v);
	arena_free(&k.a);
	return rc < 0 ? rc : CX_OK;
}
