#include "engine/reload.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/problem.h"
#include "engine/answers.h"
#include "engine/quarantine.h"
#include "json/scan.h"

struct reload {
	struct ingest *in;
	struct engine *eng;
	struct json_doc found; /* {"errors":[{file,line,message}],"plugins":{name:hash}} */
	struct arena arena;
	struct buf changed; /* JSON texts of names */
	struct cx_err e;
};

#define EACH(d, list, i)                                                                           \
	for (uint32_t i = (list) + 1; (list) && i < (d)->nodes[list].next; i = (d)->nodes[i].next)

static struct str text_of(struct reload *r, uint32_t at, const char *key)
{
	uint32_t i = json_get(&r->found, at, key);
	struct str s = i ? json_text(&r->found, i, &r->arena) : (struct str){0};
	return arena_str(&r->arena, s.p ? s.p : "", s.n);
}

/* "plugins/NAME/…" → NAME */
static struct str plugin_of(struct reload *r, struct str file)
{
	if (file.n < 9 || strncmp(file.p, "plugins/", 8) != 0)
		return STR("");
	return arena_str(&r->arena, file.p + 8, strcspn(file.p + 8, "/"));
}

/* Does the set in force have this mistake? */
static bool known(const struct engine *eng, struct str file, struct str message)
{
	for (int i = 0; i < eng->set.n; i++)
		for (int k = 0; k < eng->set.v[i]->nerrors; k++) {
			const struct plugin_error *x = &eng->set.v[i]->errors[k];
			if (strcmp(x->file, file.p) == 0 && strcmp(x->message, message.p) == 0)
				return true;
		}
	return false;
}

/* All mistakes as plugin_errors, where one of them is new: 1. */
static int refuse(struct reload *r, struct buf *reply, int *status)
{
	struct buf list = {0};
	bool any = false;
	jw_arr(&list);
	EACH(&r->found, json_get(&r->found, 0, "errors"), i)
	{
		int64_t line = 0;
		struct str file = text_of(r, i, "file"), message = text_of(r, i, "message");
		json_int64(&r->found, json_get(&r->found, i, "line"), &line);
		any |= !known(r->eng, file, message);
		jw_obj(&list);
		jw_kstr(&list, "plugin", plugin_of(r, file).p);
		jw_kstr(&list, "file", file.p);
		jw_kint(&list, "line", line);
		jw_kstr(&list, "message", message.p);
		jw_obj_end(&list);
		if (any)
			log_error("reload: %s:%lld: %s", file.p, (long long)line, message.p);
	}
	jw_arr_end(&list);
	if (any) {
		log_warn("reload refused: the plugins in force go on");
		cx_fail(&r->e, CX_E_RELOAD_REFUSED, NULL, "%s",
			CX_T("os plugins têm erros; os que estavam em vigor continuam",
				"the plugins have mistakes; those in force go on"));
		*status = problem_write(reply, &r->e);
		reply->len--; /* } */
		jw_key(reply, "plugin_errors");
		jw_raw(reply, list.p, list.len);
		jw_obj_end(reply);
	}
	buf_free(&list);
	return any;
}

/* Are these the files that were checked? */
static bool as_checked(struct reload *r, const struct plugin_sources *v, int n)
{
	uint32_t list = json_get(&r->found, 0, "plugins");
	if (!list || r->found.nodes[list].count != (uint32_t)n)
		return false;
	for (int i = 0; i < n; i++)
		if (strcmp(text_of(r, list, v[i].name).p, v[i].hash) != 0)
			return false;
	return true;
}

static void find_changed(struct reload *r, const struct plugin_sources *v, int n)
{
	jw_arr(&r->changed);
	for (int i = 0; i < n; i++) {
		const struct plugin *p = plugin_set_find(&r->eng->set, v[i].name);
		if (!p || strcmp(p->hash, v[i].hash) != 0)
			jw_str(&r->changed, v[i].name);
	}
	for (int i = 0; i < r->eng->set.n; i++) {
		int k = 0;
		while (k < n && strcmp(v[k].name, r->eng->set.v[i]->name) != 0)
			k++;
		if (k == n)
			jw_str(&r->changed, r->eng->set.v[i]->name);
	}
	jw_arr_end(&r->changed);
}

int reload_load(struct engine *eng, struct plugin_sources *v, int n, struct plugin_set *old,
	struct cx_err *e)
{
	struct plugin_set set;
	int rc = quarantine_read(eng, e);
	if (rc >= 0)
		rc = quarantine_sources(eng, v, n, e);
	if (rc < 0) {
		plugin_sources_free(v, n);
		return rc;
	}
	plugin_set_renew(&set, &eng->set, eng->conf, v, n, NULL, 0, eng->blame);
	*old = eng->set;
	eng->set = (struct plugin_set){0};
	plugin_set_take(&eng->set, &set);
	quarantine_apply(eng);
	return CX_OK;
}

static int settle(struct reload *r)
{
	struct store *s = r->eng->store;
	int rc = store_begin(s, &r->e);
	if (rc >= 0)
		rc = quarantine_settle(r->eng, r->in->next_seq, &r->e);
	if (rc >= 0)
		rc = store_commit(s, &r->e);
	if (rc < 0)
		store_rollback(s);
	return rc;
}

static int swap(struct reload *r, struct plugin_sources *v, int n)
{
	struct plugin_set old;
	int rc = reload_load(r->eng, v, n, &old, &r->e);
	if (rc < 0)
		return rc;
	rc = engine_keep_plugins(r->eng, &r->e);
	if (rc < 0) { /* back to what was in force */
		plugin_set_leave(&r->eng->set, &old);
		plugin_set_take(&r->eng->set, &old);
		struct cx_err why;
		if (store_begin(r->eng->store, &why) >= 0) {
			engine_bind(r->eng, &why);
			store_rollback(r->eng->store);
		}
		return rc;
	}
	plugin_set_leave(&old, &r->eng->set);
	engine_log_plugins(r->eng);
	return settle(r);
}

static int run(struct reload *r, const struct frame *f, struct buf *reply, int *status)
{
	struct plugin_sources *v;
	int n;
	if (json_scan(&r->found, f->body, f->head.body_len, JSON_DEPTH, UINT32_MAX, &r->e) < 0)
		return r->e.code;
	if (refuse(r, reply, status))
		return CX_OK;
	int rc = plugin_sources_read(r->eng->conf, &v, &n, &r->e);
	if (rc < 0)
		return rc;
	if (!as_checked(r, v, n)) {
		plugin_sources_free(v, n);
		return cx_fail(&r->e, CX_E_CONFLICT, NULL, "%s",
			CX_T("os arquivos mudaram enquanto eram conferidos; tente de novo",
				"the files changed while they were checked; try again"));
	}
	find_changed(r, v, n);
	if (r->changed.len == 2)
		plugin_sources_free(v, n);
	else
		rc = swap(r, v, n);
	if (rc >= 0)
		rc = store_begin(r->eng->store, &r->e);
	if (rc < 0)
		return rc;
	rc = answer_plugins(r->eng, reply, &r->e);
	store_rollback(r->eng->store);
	reply->len--;
	jw_key(reply, "changed");
	jw_raw(reply, r->changed.p, r->changed.len);
	jw_obj_end(reply);
	return rc;
}

void reload_run(struct ingest *in, const struct frame *f, struct buf *reply, int *status)
{
	struct reload r = {.in = in, .eng = in->eng};
	cx_lang = f->head.caller.lang;
	*status = 200;
	if (run(&r, f, reply, status) < 0) {
		buf_clear(reply);
		*status = problem_write(reply, &r.e);
		log_warn("reload: %s", r.e.msg);
	}
	json_doc_free(&r.found);
	arena_free(&r.arena);
	buf_free(&r.changed);
}
