#include "engine/reload.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/problem.h"
#include "engine/answers.h"
#include "engine/old.h"
#include "engine/quarantine.h"
#include "engine/setconf.h"
#include "engine/timers.h"
#include "engine/sops.h"
#include "json/scan.h"
#include "kpi/cells.h"

struct reload {
	struct ingest *in;
	struct engine *eng;
	const struct meanwhile *m;
	struct json_doc found; /* {"errors":[{file,line,message}],"notes":[{file,line,pt,en}]} */
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

/* What is not taken now, or not read: in the log at each reload. */
static void write_notes(struct reload *r, struct buf *b)
{
	jw_key(b, "notes");
	jw_arr(b);
	EACH(&r->found, json_get(&r->found, 0, "notes"), i)
	{
		int64_t line = 0;
		struct str file = text_of(r, i, "file");
		json_int64(&r->found, json_get(&r->found, i, "line"), &line);
		log_warn("%s:%lld: %s", file.p, (long long)line, text_of(r, i, "en").p);
		jw_obj(b);
		jw_kstr(b, "file", file.p);
		jw_kint(b, "line", line);
		jw_kstr(b, "message", text_of(r, i, CX_T("pt", "en")).p);
		jw_obj_end(b);
	}
	jw_arr_end(b);
}

static void find_changed(
	struct reload *r, const struct conf *c, const struct plugin_sources *v, int n)
{
	const struct engine *eng = r->eng;
	jw_arr(&r->changed);
	for (int i = 0; i < n; i++) {
		const struct plugin *p = plugin_set_find(&eng->set, v[i].name);
		if (!p || strcmp(p->hash, v[i].hash) != 0 || !conf_same_for(eng->conf, c, p->name))
			jw_str(&r->changed, v[i].name);
	}
	for (int i = 0; i < eng->set.n; i++) {
		int k = 0;
		while (k < n && strcmp(v[k].name, eng->set.v[i]->name) != 0)
			k++;
		if (k == n)
			jw_str(&r->changed, eng->set.v[i]->name);
	}
	jw_arr_end(&r->changed);
}

/* Also where only lines moved: mistakes name them. */
static bool conf_moved(const struct conf *a, const struct conf *b)
{
	struct buf x = {0}, y = {0};
	conf_part(a, &x);
	conf_part(b, &y);
	bool moved = x.len != y.len || (x.len && memcmp(x.p, y.p, x.len) != 0);
	buf_free(&x);
	buf_free(&y);
	return moved;
}

/* ---- the body of the job: how long the part of conf is, it, the sources ---- */

void reload_pack(const struct conf *c, const struct plugin_sources *v, int n, struct buf *out)
{
	struct buf part = {0};
	conf_part(c, &part);
	uint64_t len = part.len;
	buf_add(out, &len, sizeof len);
	buf_add(out, buf_cstr(&part), part.len);
	plugin_sources_pack(v, n, out);
	buf_free(&part);
}

static int unpack(
	struct reload *r, const struct frame *f, struct conf **c, struct plugin_sources **v, int *n)
{
	const char *p = f->body, *end = p + f->head.body_len;
	uint64_t len = UINT64_MAX;
	if (f->head.body_len >= sizeof len)
		memcpy(&len, p, sizeof len);
	*c = NULL;
	if (len <= f->head.body_len - sizeof len)
		*c = setconf_parse(r->eng, p + sizeof len, len);
	if (*c) {
		p += sizeof len + len;
		if (plugin_sources_unpack(&p, end, v, n))
			return CX_OK;
		setconf_free(r->eng, *c);
	}
	return cx_fail(&r->e, CX_E_INTERNAL, NULL, "the check sent something else");
}

/* ---- the swap ---- */

int reload_load(struct engine *eng, struct conf *c, struct plugin_sources *v, int n,
	const struct meanwhile *m, struct reload_old *old, struct cx_err *e)
{
	struct plugin_set set;
	struct sops_known known = {0};
	int rc = quarantine_read(eng, e);
	if (rc >= 0)
		rc = quarantine_sources(eng, v, n, e);
	if (rc >= 0)
		rc = sops_known(eng->store, v, n, &known, e);
	if (rc < 0) {
		plugin_sources_free(v, n);
		setconf_free(eng, c);
		return rc;
	}
	plugin_set_renew(&set, &eng->set, c ? c : eng->started, v, n, m, eng->blame);
	sops_known_free(&known);
	old_free(eng); /* they see the conf that goes */
	old->conf = setconf_swap(eng, c);
	old->set = eng->set;
	eng->set = (struct plugin_set){0};
	plugin_set_take(&eng->set, &set);
	quarantine_apply(eng);
	return CX_OK;
}

void reload_done(struct engine *eng, struct reload_old *old)
{
	plugin_set_leave(&old->set, &eng->set);
	setconf_free(eng, old->conf);
}

void reload_undo(struct engine *eng, struct reload_old *old)
{
	struct cx_err why;
	plugin_set_leave(&eng->set, &old->set);
	plugin_set_take(&eng->set, &old->set);
	setconf_free(eng, setconf_swap(eng, old->conf));
	if (store_begin(eng->store, &why) >= 0) {
		engine_bind(eng, &why);
		store_rollback(eng->store);
	}
}

static int settle(struct reload *r)
{
	struct store *s = r->eng->store;
	int rc = store_begin(s, &r->e);
	if (rc >= 0)
		rc = quarantine_settle(r->eng, r->in->next_seq, &r->e);
	if (rc >= 0)
		rc = timers_declare(r->in, clock_now_ms(), &r->e);
	if (rc >= 0)
		rc = store_commit(s, &r->e);
	if (rc < 0)
		store_rollback(s);
	return rc;
}

static int swap(struct reload *r, struct conf *c, struct plugin_sources *v, int n)
{
	struct reload_old old;
	int rc = reload_load(r->eng, c, v, n, r->m, &old, &r->e);
	if (rc < 0)
		return rc;
	rc = engine_keep_plugins(r->eng, &r->e);
	if (rc < 0) {
		reload_undo(r->eng, &old);
		return rc;
	}
	cells_limit(r->in->cells, r->eng->conf->kpi_groups);
	rc = settle(r);
	if (rc >= 0)
		old.set.m = r->m;
	reload_done(r->eng, &old);
	engine_log_plugins(r->eng);
	return rc;
}

static int run(struct reload *r, const struct frame *f, struct buf *reply, int *status)
{
	struct plugin_sources *v;
	struct conf *c;
	int n;
	if (r->eng->alone)
		return cx_fail(&r->e, CX_E_CONFLICT, NULL, "%s",
			CX_T("o servidor não está rodando; ao começar ele carrega o que está nas "
			     "pastas",
				"the server is not running; it loads what is in the folders when "
				"it starts"));
	if (json_scan(&r->found, f->meta, f->head.meta_len, JSON_DEPTH, UINT32_MAX, &r->e) < 0)
		return r->e.code;
	if (refuse(r, reply, status))
		return CX_OK;
	int rc = unpack(r, f, &c, &v, &n);
	if (rc < 0)
		return rc;
	find_changed(r, c, v, n);
	if (r->changed.len > 2 || conf_moved(r->eng->conf, c)) {
		rc = swap(r, c, v, n);
	} else {
		plugin_sources_free(v, n);
		setconf_free(r->eng, c);
	}
	if (rc >= 0)
		rc = store_begin(r->eng->store, &r->e);
	if (rc < 0)
		return rc;
	rc = answer_plugins(r->eng, reply, &r->e);
	store_rollback(r->eng->store);
	reply->len--;
	jw_key(reply, "changed");
	jw_raw(reply, r->changed.p, r->changed.len);
	write_notes(r, reply);
	jw_obj_end(reply);
	return rc;
}

void reload_run(struct ingest *in, const struct frame *f, const struct meanwhile *m,
	struct buf *reply, int *status)
{
	struct reload r = {.in = in, .eng = in->eng, .m = m};
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
