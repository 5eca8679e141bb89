#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/quarantine.h"
#include "engine/records.h"

struct kept { /* sources read back from the store */
	struct store *store;
	struct plugin_sources *v;
	int n;
};

static int keep_name(void *ctx, const char *plugin, const char *hash)
{
	struct kept *k = ctx;
	k->v = xrealloc(k->v, (size_t)(k->n + 1) * sizeof *k->v);
	struct plugin_sources *s = &k->v[k->n++];
	*s = (struct plugin_sources){.name = xstrdup(plugin)};
	snprintf(s->hash, sizeof s->hash, "%s", hash);
	return 0;
}

static int sources_from_store(struct store *s, struct plugin_sources **v, int *n, struct cx_err *e)
{
	struct kept k = {.store = s};
	int rc = store_plugins(s, keep_name, &k, e);
	for (int i = 0; i < k.n && rc >= 0; i++)
		rc = store_source_get(s, k.v[i].hash, &k.v[i].files, &k.v[i].nfiles, e);
	if (rc < 0) {
		plugin_sources_free(k.v, k.n);
		return rc;
	}
	*v = k.v;
	*n = k.n;
	return CX_OK;
}

int engine_load_plugins(struct engine *eng, enum generation from, struct cx_err *e)
{
	struct plugin_sources *v = NULL;
	int n = 0, rc = CX_OK;
	if (from == GENERATION_STORE)
		rc = sources_from_store(eng->store, &v, &n, e);
	else
		rc = plugin_sources_read(eng->conf, &v, &n, e);
	if (rc < 0)
		return rc;
	if (eng->store && (rc = quarantine_read(eng, e)) >= 0)
		rc = quarantine_sources(eng, v, n, e);
	if (rc < 0) {
		plugin_sources_free(v, n);
		return rc;
	}
	rc = plugin_set_load(&eng->set, eng->conf, v, n, NULL, 0, eng->blame);
	quarantine_apply(eng);
	return rc;
}

static int bind_measure(struct engine *eng, struct measure *m, struct cx_err *e)
{
	int rc = CX_OK;
	m->at_slot = m->choice = -1;
	if (m->at >= 0)
		rc = store_place_slot(eng->store, m->type_name, m->at_name, &m->at_slot, e);
	if (rc >= 0 && m->choose != CHOOSE_ALL)
		rc = store_choice_rule(eng->store, m->type_name, m->key_name, m->rank_name,
			m->choose == CHOOSE_LATEST, &m->choice, e);
	return rc;
}

int engine_bind(struct engine *eng, struct cx_err *e)
{
	for (int i = 0; i < eng->set.n; i++) {
		struct plugin *p = eng->set.v[i];
		int rc = p->state != PLUGIN_FAILED
				 ? kpi_cubes_bind(eng->store, p->cubes, p->ncubes, e)
				 : CX_OK;
		for (int k = 0; k < p->nkpis && rc >= 0; k++)
			for (int j = 0; j < p->kpis[k]->nmeasures && rc >= 0; j++)
				rc = bind_measure(eng, &p->kpis[k]->measures[j], e);
		if (rc < 0)
			return rc;
	}
	for (int i = 0; i < eng->set.nplans; i++) {
		struct type_plan *t = &eng->set.plans[i];
		for (int k = 0; k < t->nat; k++) {
			int rc = store_place_slot(eng->store, t->type->name,
				t->type->fields[t->at_fields[k]].name, &t->at_slots[k], e);
			if (rc < 0)
				return rc;
		}
	}
	return CX_OK;
}

struct names {
	char **v;
	int n;
};

static int note_name(void *ctx, const char *plugin, const char *hash)
{
	struct names *l = ctx;
	(void)hash;
	l->v = xrealloc(l->v, (size_t)(l->n + 1) * sizeof *l->v);
	l->v[l->n++] = xstrdup(plugin);
	return 0;
}

static int forget_absent(struct engine *eng, struct cx_err *e)
{
	struct names l = {0};
	int rc = store_plugins(eng->store, note_name, &l, e);
	for (int i = 0; i < l.n; i++) {
		if (rc >= 0 && !plugin_set_find(&eng->set, l.v[i]))
			rc = store_plugin_remove(eng->store, l.v[i], e);
		free(l.v[i]);
	}
	free(l.v);
	return rc < 0 ? rc : CX_OK;
}

static int keep_one(struct engine *eng, const struct plugin *p, struct cx_err *e)
{
	int rc = CX_OK;
	for (int i = 0; i < p->nfiles && rc >= 0; i++)
		rc = store_source_put(eng->store, p->hash, p->files[i].path, p->files[i].text,
			p->files[i].len, e);
	if (rc >= 0)
		rc = store_plugin_put(eng->store, p->name, p->hash, e);
	if (rc >= 0 && p->state != PLUGIN_FAILED)
		rc = store_declared_put(eng->store, p->hash, plugin_declared(p), e);
	for (int i = 0; i < p->ntypes && rc >= 0 && p->state != PLUGIN_FAILED; i++)
		rc = store_type_view(eng->store, p->types[i], e);
	return rc;
}

int engine_keep_plugins(struct engine *eng, struct cx_err *e)
{
	int rc = store_begin(eng->store, e);
	if (rc < 0)
		return rc;
	const char *currency = eng->conf->company_currency;
	rc = store_meta_set(eng->store, "company_currency", currency, strlen(currency), e);
	if (rc >= 0)
		rc = forget_absent(eng, e);
	for (int i = 0; i < eng->set.n && rc >= 0; i++)
		rc = keep_one(eng, eng->set.v[i], e);
	if (rc >= 0)
		rc = records_keep(eng, e);
	if (rc >= 0)
		rc = engine_bind(eng, e);
	if (rc >= 0)
		rc = store_commit(eng->store, e);
	if (rc < 0)
		store_rollback(eng->store);
	return rc < 0 ? rc : CX_OK;
}

void engine_log_plugins(const struct engine *eng)
{
	for (int i = 0; i < eng->set.n; i++) {
		const struct plugin *p = eng->set.v[i];
		if (p->state == PLUGIN_RUNNING)
			log_info("plugin %s %s %.12s: %d event types, %d KPIs", p->name,
				p->version ? p->version : "-", p->hash, p->ntypes, p->nkpis);
		for (int k = 0; k < p->nerrors; k++)
			log_error("%s:%d: %s", p->errors[k].file, p->errors[k].line,
				p->errors[k].message);
		if (p->state == PLUGIN_OFF)
			log_warn("plugin %s is %s: its events wait", p->name,
				quarantine_state(eng, p));
	}
}
