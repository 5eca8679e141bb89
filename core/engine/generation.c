#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/derived.h"
#include "engine/journeys.h"
#include "engine/quarantine.h"
#include "engine/records.h"
#include "engine/setconf.h"
#include "engine/sops.h"
#include "lua/identity.h"

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

static int sources_from_store(
	struct store *s, bool before, struct plugin_sources **v, int *n, struct cx_err *e)
{
	struct kept k = {.store = s};
	int rc = store_plugins(s, before, keep_name, &k, e);
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

int engine_sources(struct engine *eng, struct plugin_sources **v, int *n, struct cx_err *e)
{
	*v = NULL;
	*n = 0;
	return sources_from_store(eng->store, false, v, n, e);
}

int engine_load_plugins(struct engine *eng, enum generation from, struct cx_err *e)
{
	struct plugin_sources *v = NULL;
	int n = 0, rc = CX_OK;
	struct conf *c = NULL;
	if (from == GENERATION_STORE && (rc = setconf_read(eng, false, &c, e)) >= 0) {
		setconf_free(eng, setconf_swap(eng, c));
		rc = sources_from_store(eng->store, false, &v, &n, e);
	} else if (from == GENERATION_DISK)
		rc = plugin_sources_read(eng->conf, &v, &n, e);
	if (rc < 0)
		return rc;
	if (eng->store && (rc = quarantine_read(eng, e)) >= 0)
		rc = quarantine_sources(eng, v, n, e);
	if (rc < 0) {
		plugin_sources_free(v, n);
		return rc;
	}
	struct sops_known known = {0};
	if ((rc = sops_known(eng->store, v, n, &known, e)) < 0) {
		plugin_sources_free(v, n);
		return rc;
	}
	rc = plugin_set_load(&eng->set, eng->conf, v, n, NULL, 0, eng->blame);
	sops_known_free(&known);
	quarantine_apply(eng);
	return rc;
}

/* ---- binding: what the definitions are in the store */

/* upto: what is made there begins with it. */
static int bind_measure(struct engine *eng, struct measure *m, int64_t upto, struct cx_err *e)
{
	int rc = CX_OK;
	char identity[65];
	m->at_slot = m->choice = -1;
	m->choice_upto = STORE_LIVE;
	if (m->at >= 0)
		rc = store_place_slot(eng->store, m->type_name, m->at_name, &m->at_slot, e);
	if (rc < 0 || m->choose == CHOOSE_ALL)
		return rc;
	choice_identity(m, identity);
	struct choice_rule r = {.type = m->type_name,
		.key = m->key_name,
		.rank = m->rank_name,
		.identity = identity,
		.latest = m->choose == CHOOSE_LATEST,
		.upto = upto};
	rc = store_choice_rule(eng->store, &r, e);
	m->choice = r.rule;
	m->choice_upto = r.upto;
	return rc;
}

static int bind_set(
	struct engine *eng, const struct plugin_set *set, int64_t upto, struct cx_err *e)
{
	for (int i = 0; i < set->n; i++) {
		struct plugin *p = set->v[i];
		if (p->state == PLUGIN_FAILED)
			continue;
		int rc = kpi_cubes_bind(eng->store, p->cubes, p->ncubes, upto, e);
		for (int k = 0; k < p->nkpis && rc >= 0; k++)
			for (int j = 0; j < p->kpis[k]->nmeasures && rc >= 0; j++)
				rc = bind_measure(eng, &p->kpis[k]->measures[j], upto, e);
		if (rc < 0)
			return rc;
	}
	for (int i = 0; i < set->nplans; i++) {
		struct type_plan *t = &set->plans[i];
		for (int k = 0; k < t->nat; k++) {
			int rc = store_place_slot(eng->store, t->type->name,
				t->type->fields[t->at_fields[k]].name, &t->at_slots[k], e);
			if (rc < 0)
				return rc;
		}
	}
	return CX_OK;
}

static bool any_cube(const struct plugin_set *set,
	bool (*is)(const struct cube *c, const void *what), const void *what)
{
	for (int i = 0; i < set->n; i++)
		for (int k = 0; k < set->v[i]->ncubes; k++)
			if (is(set->v[i]->cubes[k], what))
				return true;
	return false;
}

static bool has_id(const struct cube *c, const void *id)
{
	return c->id >= 0 && c->id == *(const int *)id;
}

static bool counting(const struct cube *c, const void *none)
{
	(void)none;
	return c->upto != STORE_LIVE && c->nmeasures &&
	       c->measures[0]->kpi->from->state == PLUGIN_RUNNING;
}

bool engine_counting(const struct engine *eng)
{
	for (int i = 0; i < eng->set.nplans; i++)
		if (eng->set.plans[i].derived_upto != STORE_LIVE &&
			eng->set.plans[i].owner->state == PLUGIN_RUNNING)
			return true;
	return any_cube(&eng->set, counting, NULL);
}

static bool runs(const struct engine *eng, const struct plugin *before)
{
	const struct plugin *p = plugin_set_find(&eng->set, before->name);
	return before->state == PLUGIN_RUNNING && p && p->state == PLUGIN_RUNNING;
}

/* Of the plugins before only those cubes matter that are complete and not in force as they are. */
static int bind_before(struct engine *eng, struct cx_err *e)
{
	struct plugin_set *set = &eng->before;
	struct plugin_sources *v = NULL;
	int n = 0;
	engine_forget_before(eng);
	if (!engine_counting(eng))
		return CX_OK;
	int rc = sources_from_store(eng->store, true, &v, &n, e);
	if (rc < 0 || !n)
		return rc;
	rc = setconf_read(eng, true, &eng->before_conf, e);
	if (rc >= 0)
		rc = quarantine_sources(eng, v, n, e);
	if (rc < 0) {
		plugin_sources_free(v, n);
		return rc;
	}
	rc = plugin_set_load(
		set, eng->before_conf ? eng->before_conf : eng->conf, v, n, NULL, 0, eng->blame);
	if (rc >= 0)
		rc = bind_set(eng, set, STORE_GONE, e);
	for (int i = 0; i < set->n && rc >= 0; i++)
		for (int k = 0; k < set->v[i]->ncubes; k++) {
			struct cube *c = set->v[i]->cubes[k];
			if (!runs(eng, set->v[i]) || c->upto != STORE_LIVE ||
				any_cube(&eng->set, has_id, &c->id))
				c->id = -1;
		}
	return rc;
}

/* A reader makes nothing up. */
static void nothing_derived(struct plugin_set *set)
{
	for (int i = 0; i < set->nplans; i++)
		set->plans[i].derived_upto = STORE_LIVE;
}

static int bind(struct engine *eng, int64_t upto, struct cx_err *e)
{
	int rc = engine_generation(eng, &eng->generation, e);
	if (rc >= 0)
		rc = bind_set(eng, &eng->set, upto, e);
	nothing_derived(&eng->set);
	if (rc >= 0 && upto != STORE_GONE)
		rc = derived_bind(eng, upto == STORE_LIVE, e);
	return rc < 0 ? rc : bind_before(eng, e);
}

int engine_bind(struct engine *eng, struct cx_err *e)
{
	return bind(eng, STORE_GONE, e);
}

/* ---- what is not fed any more */

struct ids {
	const struct engine *eng;
	int *v;
	int n;
};

static void add_id(struct ids *l, int id)
{
	l->v = xrealloc(l->v, sizeof *l->v * (size_t)(l->n + 1));
	l->v[l->n++] = id;
}

static int note_cube(void *ctx, const struct cube_row *r)
{
	struct ids *l = ctx;
	if (!any_cube(&l->eng->set, has_id, &r->id) && !any_cube(&l->eng->before, has_id, &r->id))
		add_id(l, r->id);
	return 0;
}

static bool chooses(const struct cube *c, const void *rule)
{
	for (int i = 0; i < c->nmeasures && c->id >= 0; i++)
		if (c->measures[i]->choose != CHOOSE_ALL &&
			c->measures[i]->choice == *(const int *)rule)
			return true;
	return false;
}

static int note_rule(void *ctx, int rule)
{
	struct ids *l = ctx;
	if (!any_cube(&l->eng->set, chooses, &rule) && !any_cube(&l->eng->before, chooses, &rule))
		add_id(l, rule);
	return 0;
}

/* What is not fed from now on is behind, also if it comes back unchanged. */
static int retire(struct engine *eng, struct cx_err *e)
{
	struct ids cubes = {.eng = eng}, rules = {.eng = eng};
	int rc = store_cubes(eng->store, note_cube, &cubes, e);
	if (rc >= 0)
		rc = store_rules(eng->store, note_rule, &rules, e);
	for (int i = 0; i < cubes.n && rc >= 0; i++)
		rc = store_cube_upto(eng->store, cubes.v[i], STORE_GONE, e);
	for (int i = 0; i < rules.n && rc >= 0; i++)
		rc = store_rule_upto(eng->store, rules.v[i], STORE_GONE, e);
	free(cubes.v);
	free(rules.v);
	return rc < 0 ? rc : CX_OK;
}

int engine_generation(const struct engine *eng, int64_t *n, struct cx_err *e)
{
	struct buf text = {0};
	int rc = store_meta_get(eng->store, "generation", &text, e);
	*n = rc == 1 ? strtoll(buf_cstr(&text), NULL, 10) : 0;
	buf_free(&text);
	return rc < 0 ? rc : CX_OK;
}

int engine_next_generation(struct engine *eng, struct cx_err *e)
{
	char text[24];
	int64_t was;
	int rc = engine_generation(eng, &was, e);
	int n = snprintf(text, sizeof text, "%lld", (long long)was + 1);
	return rc < 0 ? rc : store_meta_set(eng->store, "generation", text, (size_t)n, e);
}

int engine_settle(struct engine *eng, struct cx_err *e)
{
	struct plugin_set none = {0}, before = eng->before;
	int rc = store_before_forget(eng->store, e);
	eng->before = none;
	if (rc >= 0)
		rc = retire(eng, e);
	eng->before = before; /* until it is certain */
	return rc < 0 ? rc : engine_next_generation(eng, e);
}

void engine_forget_before(struct engine *eng)
{
	plugin_set_free(&eng->before);
	setconf_free(eng, eng->before_conf);
	eng->before_conf = NULL;
}

/* ---- the set in force */

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
	int rc = store_plugins(eng->store, false, note_name, &l, e);
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

static int keep(struct engine *eng, struct cx_err *e)
{
	const char *currency = eng->conf->company_currency;
	int64_t last;
	int rc = store_last_seq(eng->store, &last, e);
	if (rc >= 0)
		rc = store_meta_set(eng->store, "company_currency", currency, strlen(currency), e);
	if (rc >= 0)
		rc = store_before_keep(eng->store, e);
	if (rc >= 0)
		rc = setconf_keep(eng, e);
	if (rc >= 0)
		rc = forget_absent(eng, e);
	for (int i = 0; i < eng->set.n && rc >= 0; i++)
		rc = keep_one(eng, eng->set.v[i], e);
	if (rc >= 0)
		rc = records_keep(eng, e);
	if (rc >= 0)
		rc = sops_keep(eng, e);
	if (rc >= 0)
		rc = journeys_keep(eng, e);
	if (rc >= 0)
		rc = bind(eng, last ? 0 : STORE_LIVE, e);
	if (rc < 0 || !engine_counting(eng))
		return rc < 0 ? rc : engine_settle(eng, e);
	rc = retire(eng, e);
	return rc < 0 ? rc : engine_next_generation(eng, e);
}

int engine_keep_plugins(struct engine *eng, struct cx_err *e)
{
	int rc = store_begin(eng->store, e);
	if (rc < 0)
		return rc;
	rc = keep(eng, e);
	if (rc >= 0)
		rc = store_commit(eng->store, e);
	if (rc < 0)
		store_rollback(eng->store);
	return rc < 0 ? rc : CX_OK;
}

/* ---- how far it is */

static int so_far(
	const struct engine *eng, const struct cube *c, struct kpi_counting *out, struct cx_err *e)
{
	struct cube_row r = {
		.plugin = c->plugin, .dims = c->dims, .identity = c->identity, .upto = STORE_GONE};
	if (c->upto == STORE_LIVE)
		return CX_OK;
	int rc = store_cube(eng->store, &r, e); /* the writer goes on */
	int64_t done = r.id < 0 ? 0 : r.upto == STORE_LIVE ? out->total : r.upto;
	out->done = out->yes && out->done < done ? out->done : done;
	out->yes = true;
	return rc;
}

int engine_progress(const struct engine *eng, const struct plugin *p, const struct cube *c,
	struct kpi_counting *out, struct cx_err *e)
{
	*out = (struct kpi_counting){0};
	int rc = store_last_seq(eng->store, &out->total, e);
	if (c && rc >= 0)
		rc = so_far(eng, c, out, e);
	for (int i = 0; i < eng->set.n && !c; i++)
		for (int k = 0; k < eng->set.v[i]->ncubes && rc >= 0; k++)
			if (!p || p == eng->set.v[i])
				rc = so_far(eng, eng->set.v[i]->cubes[k], out, e);
	return rc < 0 ? rc : out->yes;
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
