#include "engine/old.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct old {
	struct plugin_set set;
	uint64_t used;
};
struct olds {
	struct old **v;
	int n;
	uint64_t uses;
};

static bool is(const char *s, struct str v)
{
	return strlen(s) == v.n && memcmp(s, v.p, v.n) == 0;
}

static void drop(struct olds *l, int i)
{
	plugin_set_free(&l->v[i]->set);
	free(l->v[i]);
	l->v[i] = l->v[--l->n];
}

/* Room for one more; those whose code is running stay. */
static void make_room(struct olds *l, int64_t most)
{
	while (l->n >= most) {
		int least = -1;
		for (int i = 0; i < l->n; i++)
			if (!l->v[i]->set.depth && (least < 0 || l->v[i]->used < l->v[least]->used))
				least = i;
		if (least < 0)
			return;
		drop(l, least);
	}
}

static struct plugin *refuse(
	struct lua_fail *f, struct str plugin, const char *why, const struct cx_err *e)
{
	*f = (struct lua_fail){0};
	snprintf(f->file, sizeof f->file, "plugins/%.*s/plugin.lua", (int)plugin.n, plugin.p);
	snprintf(f->msg, sizeof f->msg, "%s%s%s", why, e ? ": " : "", e ? e->msg : "");
	return NULL;
}

/* The sources as the store keeps them: 1 they are there. */
static int sources(struct engine *eng, struct str plugin, struct str hash, struct plugin_sources *s,
	struct cx_err *e)
{
	*s = (struct plugin_sources){.name = xstrndup(plugin.p, plugin.n)};
	snprintf(s->hash, sizeof s->hash, "%.*s", (int)hash.n, hash.p);
	int rc = store_source_get(eng->store, s->hash, &s->files, &s->nfiles, e);
	if (rc >= 0 && s->nfiles)
		return 1;
	free(s->name);
	free(s->files);
	return rc < 0 ? rc : 0;
}

static struct plugin *load(
	struct engine *eng, struct str plugin, struct str hash, struct lua_fail *f)
{
	struct plugin_sources s;
	struct cx_err e;
	int rc = sources(eng, plugin, hash, &s, &e);
	if (rc <= 0)
		return refuse(f, plugin, "its sources of then are not there", rc < 0 ? &e : NULL);
	struct olds *l = eng->olds;
	make_room(l, eng->conf->lua_old_versions);
	struct old *o = xcalloc(1, sizeof *o);
	if (plugin_set_alone(&o->set, eng->conf, &s, eng->blame, f) < 0) {
		plugin_set_free(&o->set);
		free(o);
		return NULL;
	}
	l->v = xrealloc(l->v, (size_t)(l->n + 1) * sizeof(struct old *));
	l->v[l->n++] = o;
	o->used = ++l->uses;
	return o->set.v[0];
}

struct plugin *old_plugin(
	struct engine *eng, struct str plugin, struct str hash, struct lua_fail *f)
{
	for (int i = 0; i < eng->set.n; i++)
		if (is(eng->set.v[i]->name, plugin) && eng->set.v[i]->state == PLUGIN_OFF)
			return refuse(f, plugin, "the plugin is not running", NULL);
	if (eng->safe)
		return refuse(f, plugin, "no plugin is running (--safe)", NULL);
	if (!eng->olds)
		eng->olds = xcalloc(1, sizeof *eng->olds);
	for (int i = 0; i < eng->olds->n; i++) {
		struct old *o = eng->olds->v[i];
		if (!is(o->set.v[0]->name, plugin) || !is(o->set.v[0]->hash, hash))
			continue;
		o->used = ++eng->olds->uses;
		return o->set.v[0];
	}
	return load(eng, plugin, hash, f);
}

void old_free(struct engine *eng)
{
	while (eng->olds && eng->olds->n)
		drop(eng->olds, 0);
	if (eng->olds)
		free(eng->olds->v);
	free(eng->olds);
	eng->olds = NULL;
}
