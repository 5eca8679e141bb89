/* cx.sop: what was declared as structs, and what makes a version of it this one. */
#include <stdlib.h>
#include <string.h>

#include "lua/bind.h"
#include "lua/declared.h"
#include "lua/identity.h"

static void take_sop(struct plugin *p, const struct json_doc *d, uint32_t at)
{
	struct plugin_sop *s = &p->sops[p->nsops++];
	uint32_t fns;
	*s = (struct plugin_sop){.id = declared_text(d, at, "id"),
		.version = declared_int(d, at, "version"),
		.file = declared_text(d, at, "file"),
		.line = (int)declared_int(d, at, "line"),
		.content = declared_json(d, at, "content"),
		.shown = declared_json(d, at, "shown"),
		.run_type = declared_text(d, at, "run"),
		.item_type = declared_text(d, at, "item"),
		.judge = (int)declared_int(d, at, "judge"),
		.fns = declared_list(d, at, "fns", sizeof *s->fns, &fns)};
	int64_t fn = 0;
	JSON_EACH(d, fns, i)
	if (json_int64(d, i, &fn))
		s->fns[s->nfns++] = (int)fn;
}

void sops_take(struct plugin *p, const struct json_doc *d)
{
	uint32_t list;
	p->sops = declared_list(d, 0, "sops", sizeof *p->sops, &list);
	JSON_EACH(d, list, i) take_sop(p, d, i);
}

void sops_drop(struct plugin *p)
{
	for (int i = 0; i < p->nsops; i++) {
		struct plugin_sop *s = &p->sops[i];
		free(s->id);
		free(s->file);
		free(s->content);
		free(s->shown);
		free(s->run_type);
		free(s->item_type);
		free(s->fns);
	}
	free(p->sops);
	p->sops = NULL;
	p->nsops = 0;
}

static void identify(struct plugin *p, struct plugin_sop *s)
{
	struct buf b = {0};
	buf_puts(&b, s->content);
	for (int i = 0; i < s->nfns; i++) {
		struct function_id id;
		struct arena a = {0};
		function_identity(p, s->fns[i], &id, &a);
		buf_puts(&b, id.hash);
		free(id.texts);
		arena_free(&a);
	}
	sha256_text(b.p, b.len, s->hash);
	buf_free(&b);
}

void sops_identify(struct plugin *p)
{
	for (int i = 0; i < p->nsops; i++)
		identify(p, &p->sops[i]);
}

/* Of the same sources it is the same content, also where another Lua makes other bytecode of it. */
void sops_check(struct plugin *p)
{
	const struct sops_known *known = p->run->sops;
	sops_identify(p);
	for (int i = 0; i < p->nsops; i++) {
		const struct plugin_sop *s = &p->sops[i];
		for (int k = 0; known && k < known->n; k++) {
			const struct sop_known *v = &known->v[k];
			if (v->version != s->version || strcmp(v->sop, s->id) != 0 ||
				strcmp(v->hash, s->hash) == 0 || strcmp(v->source, p->hash) == 0)
				continue;
			plugin_mistake(p, s->file, s->line,
				"sop \"%s\": version %lld was in force with other content: give "
				"this content a version of its own",
				s->id, (long long)s->version);
		}
	}
}

const struct plugin_sop *plugin_sop_find(const struct plugin *p, struct str id)
{
	for (int i = 0; i < p->nsops; i++)
		if (strlen(p->sops[i].id) == id.n && memcmp(p->sops[i].id, id.p, id.n) == 0)
			return &p->sops[i];
	return NULL;
}

const struct plugin_sop *plugin_set_sop(
	const struct plugin_set *set, struct str id, struct plugin **owner)
{
	for (int i = 0; i < set->n; i++) {
		const struct plugin_sop *s = plugin_sop_find(set->v[i], id);
		if (s && owner)
			*owner = set->v[i];
		if (s)
			return s;
	}
	return NULL;
}

/* ---- what its answers come to */

struct judging {
	struct plugin *p;
	const struct plugin_sop *sop;
	struct str run;
	struct buf *result;
};

static int judge(lua_State *L)
{
	struct judging *j = lua_touserdata(L, 1);
	struct cx_err e;
	lua_rawgeti(L, LUA_REGISTRYINDEX, j->p->run->handles_ref);
	lua_rawgeti(L, -1, j->sop->judge);
	lua_push_json(L, j->run.p, j->run.n);
	lua_call(L, 1, 1);
	buf_clear(j->result);
	return lua_to_json(L, -1, j->result, &e) < 0 ? luaL_error(L, "%s", e.msg) : 0;
}

int plugin_judge(struct plugin *p, const struct plugin_sop *sop, struct str run, struct buf *result,
	struct lua_fail *f)
{
	struct judging j = {p, sop, run, result};
	int at;
	struct slot *s = call_begin(p, NULL, USE_MEASURE, &at, f);
	if (!s)
		return -1;
	const struct call_about about = {
		p->run->labels[sop->judge], sop->file, sop->line, p->limits.handler_ms};
	return call_run(p, judge, &j, &about, f);
}
