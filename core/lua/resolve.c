/* Names between plugins: what depends on what, who owns which id. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/nearest.h"
#include "lua/bind.h"

/* ---- order ---- */

struct order {
	struct plugin_set *set;
	struct plugin **v; /* dependencies first */
	int n;
	char *state; /* 0 new, 1 on the way, 2 done */
	int *path;   /* of those on the way */
	int depth;
};

static int index_of(const struct plugin_set *set, const char *name)
{
	for (int i = 0; i < set->n; i++)
		if (strcmp(set->v[i]->name, name) == 0)
			return i;
	return -1;
}

static void cycle(struct order *o, int from)
{
	struct buf b = {0};
	int first = 0;
	while (o->path[first] != from)
		first++;
	for (int i = first; i < o->depth; i++)
		buf_printf(&b, "%s → ", o->set->v[o->path[i]]->name);
	buf_puts(&b, o->set->v[from]->name);
	for (int i = first; i < o->depth; i++) {
		struct plugin *p = o->set->v[o->path[i]];
		plugin_mistake(p, p->run->file, p->run->line,
			"plugin: depends goes in a circle: %s", buf_cstr(&b));
	}
	buf_free(&b);
}

static void visit(struct order *o, int i)
{
	struct plugin *p = o->set->v[i];
	o->state[i] = 1;
	o->path[o->depth++] = i;
	for (int k = 0; k < p->ndepends; k++) {
		int on = index_of(o->set, p->depends[k]);
		if (on < 0)
			continue; /* told in check_depends */
		if (o->state[on] == 1)
			cycle(o, on);
		else if (o->state[on] == 0)
			visit(o, on);
	}
	o->depth--;
	o->state[i] = 2;
	o->v[o->n++] = p;
}

static void check_depends(struct plugin_set *set, struct plugin *p)
{
	for (int k = 0; k < p->ndepends; k++) {
		int on = index_of(set, p->depends[k]);
		struct plugin *d = on < 0 ? NULL : set->v[on];
		if (!d) {
			plugin_mistake(p, p->run->file, p->run->line,
				"plugin: depends on \"%s\", which is not there or not enabled",
				p->depends[k]);
		} else if (d->version && !version_satisfies(d->version, p->run->wants[k])) {
			plugin_mistake(p, p->run->file, p->run->line,
				"plugin: depends on \"%s\" %s, but version %s is here", d->name,
				p->run->wants[k], d->version);
		} else if (d->nerrors) {
			plugin_mistake(p, p->run->file, p->run->line,
				"plugin: depends on \"%s\", which has errors of its own", d->name);
		}
	}
}

/* ---- ids ---- */

static const struct event_type *find_type(const struct plugin *p, const char *name)
{
	for (int i = 0; i < p->ntypes; i++)
		if (strcmp(p->types[i]->name, name) == 0)
			return p->types[i];
	return NULL;
}

const struct event_type *resolve_type(struct plugin *p, const char *name, struct plugin **owner)
{
	const struct plugin_set *set = p->run->set;
	*owner = NULL;
	for (int i = 0; i < set->n; i++) {
		const struct event_type *t = find_type(set->v[i], name);
		if (!t)
			continue;
		*owner = set->v[i];
		if (set->v[i] == p)
			return t;
		for (int k = 0; k < p->ndepends; k++)
			if (strcmp(p->depends[k], set->v[i]->name) == 0)
				return t;
	}
	return NULL;
}

/* Ids of p against those of q, which comes first; within p they have been checked. */
static void check_ids(struct plugin *p, const struct plugin *q)
{
	for (int i = 0; i < p->ntypes; i++) {
		const struct event_type *t = p->types[i], *other = find_type(q, t->name);
		if (other)
			plugin_mistake(p, t->file, t->line,
				"event \"%s\": plugin \"%s\" declares it already (%s:%d)", t->name,
				q->name, other->file, other->line);
	}
	for (int i = 0; i < p->nkpis; i++)
		for (int k = 0; k < q->nkpis; k++)
			if (strcmp(p->kpis[i]->id, q->kpis[k]->id) == 0)
				plugin_mistake(p, p->kpis[i]->file, p->kpis[i]->line,
					"kpi \"%s\": plugin \"%s\" declares it already (%s:%d)",
					p->kpis[i]->id, q->name, q->kpis[k]->file,
					q->kpis[k]->line);
	for (int i = 0; i < p->nimports; i++)
		for (int k = 0; k < q->nimports; k++)
			if (strcmp(p->imports[i].id, q->imports[k].id) == 0)
				plugin_mistake(p, p->imports[i].file, p->imports[i].line,
					"import \"%s\": plugin \"%s\" declares it already (%s:%d)",
					p->imports[i].id, q->name, q->imports[k].file,
					q->imports[k].line);
}

static void check_views(struct plugin *p, const struct plugin *q)
{
	char mine[320], theirs[320];
	for (int i = 0; i < p->ntypes; i++) {
		store_view_name(p->types[i]->name, mine, sizeof mine);
		for (int k = 0; k < q->ntypes && (p != q || k < i); k++) {
			const struct event_type *t = p->types[i], *o = q->types[k];
			store_view_name(o->name, theirs, sizeof theirs);
			if (strcmp(mine, theirs) == 0 && strcmp(t->name, o->name) != 0)
				plugin_mistake(p, t->file, t->line,
					"event \"%s\": its view would be called %s, as that of "
					"event "
					"\"%s\" (%s:%d)",
					t->name, mine, o->name, o->file, o->line);
		}
	}
}

static void check_ons(struct plugin *p)
{
	for (int i = 0; i < p->nons; i++) {
		const struct plugin_on *on = &p->ons[i];
		struct plugin *owner;
		if (resolve_type(p, on->type_name, &owner))
			continue;
		if (owner) {
			plugin_mistake(p, on->file, on->line,
				"on \"%s\": the event belongs to plugin \"%s\": add %s = \">= %s\" "
				"to "
				"depends",
				on->type_name, owner->name, owner->name,
				owner->version ? owner->version : "0");
			continue;
		}
		struct nearest n = {.word = on->type_name};
		const struct plugin_set *set = p->run->set;
		for (int k = 0; k < set->n; k++)
			for (int t = 0; t < set->v[k]->ntypes; t++)
				nearest_try(&n, set->v[k]->types[t]->name);
		plugin_mistake(p, on->file, on->line, "on \"%s\": no such event type%s%s%s",
			on->type_name, n.best ? ", did you mean \"" : "", n.best ? n.best : "",
			n.best ? "\"?" : "");
	}
}

/* ---- the whole ---- */

static void identify(struct plugin *p)
{
	const struct plugin_set *set = p->run->set;
	struct buf b = {0};
	jw_arr(&b);
	jw_str(&b, p->hash);
	jw_str(&b, p->run->config);
	jw_str(&b, set->conf->company_timezone);
	jw_str(&b, set->conf->company_currency);
	for (int i = 0; i < p->ndepends; i++) {
		struct plugin *d = plugin_set_find(set, p->depends[i]);
		jw_str(&b, d ? d->identity : NULL);
	}
	jw_arr_end(&b);
	sha256_text(b.p, b.len, p->identity);
	buf_free(&b);
}

static void sort_errors(struct plugin *p) /* by file and line, else as found */
{
	for (int i = 1; i < p->nerrors; i++) {
		struct plugin_error e = p->errors[i];
		int k = i;
		for (; k > 0; k--) {
			int c = strcmp(p->errors[k - 1].file, e.file);
			if (c < 0 || (c == 0 && p->errors[k - 1].line <= e.line))
				break;
			p->errors[k] = p->errors[k - 1];
		}
		p->errors[k] = e;
	}
}

static void resolve_one(struct order *o, int i)
{
	struct plugin *p = o->v[i];
	check_depends(o->set, p);
	for (int k = 0; k < i; k++) {
		check_ids(p, o->v[k]);
		check_views(p, o->v[k]);
	}
	check_views(p, p);
	check_ons(p);
	for (int k = 0; k < p->nkpis; k++)
		resolve_kpi(p, p->kpis[k]);
	identify(p);
}

void resolve_set(struct plugin_set *set)
{
	struct order o = {.set = set};
	o.v = xcalloc((size_t)set->n + 1, sizeof(struct plugin *));
	o.state = xcalloc((size_t)set->n + 1, 1);
	o.path = xcalloc((size_t)set->n + 1, sizeof *o.path);
	for (int i = 0; i < set->n; i++)
		if (o.state[i] == 0)
			visit(&o, i);
	for (int i = 0; i < set->n; i++)
		resolve_one(&o, i);
	for (int i = 0; i < set->n; i++) {
		struct plugin *p = o.v[i];
		sort_errors(p);
		p->state = p->nerrors ? PLUGIN_FAILED : PLUGIN_RUNNING;
		if (p->state == PLUGIN_RUNNING) {
			kpi_cubes_build(p->kpis, p->nkpis, &p->cubes, &p->ncubes);
			continue;
		}
	}
	for (int i = 0; i < set->n; i++)
		if (set->v[i]->state == PLUGIN_FAILED) {
			declared_drop(set->v[i]);
			isolate_free(set->v[i]->iso);
			set->v[i]->iso = NULL;
		}
	plans_build(set, o.v);
	free(o.v);
	free(o.state);
	free(o.path);
}
