#include "engine/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tz.h"
#include "engine/files.h"
#include "engine/sops.h"
#include "engine/reload.h"
#include "engine/setconf.h"
#include "lua/script.h"

struct findings {
	const struct conf *conf;
	struct buf json, notes; /* JSON objects */
	bool as_json;
	int n;
};

static void object(struct buf *b, const char *file, int line, const char *message)
{
	jw_obj(b);
	jw_kstr(b, "file", file);
	jw_kint(b, "line", line);
	jw_kstr(b, "message", message);
	jw_obj_end(b);
}

static void found(struct findings *l, const char *file, int line, const char *message)
{
	l->n++;
	if (!l->as_json && line > 0)
		printf("%s:%d: %s\n", file, line, message);
	else if (!l->as_json)
		printf("%s: %s\n", file, message);
	else
		object(&l->json, file, line, message);
}

static void note(void *ctx, enum conf_note_kind kind, int line, const char *msg)
{
	struct findings *l = ctx;
	if (kind == CONF_NO_PLUGIN)
		found(l, l->conf->file, line, msg);
	else if (l->as_json)
		object(&l->notes, kind == CONF_NO_LUA ? l->conf->plugins_path : l->conf->file, line,
			msg);
	else if (line > 0)
		printf("%s: %s:%d: %s\n", CX_T("nota", "note"), l->conf->file, line, msg);
	else
		printf("%s: %s\n", CX_T("nota", "note"), msg);
}

static void check_script(struct engine *eng, const char *path, struct findings *l)
{
	struct buf text = {0};
	struct cx_err e;
	struct lua_fail f = {0};
	const struct conf *c = eng->conf;
	char shown[300];
	snprintf(shown, sizeof shown, "scripts/%s", strrchr(path, '/') + 1);
	struct script_options opt = {.name = shown + 8,
		.currency = c->company_currency,
		.calendar = c->calendar,
		.blame = eng->blame,
		.limits = {(size_t)c->lua_memory, (int)c->lua_load, (int)c->lua_handler,
			(int)c->lua_formula, (int)c->lua_script}};
	if (file_read(path, &text, &e) < 0)
		found(l, path, 0, e.msg);
	else if (script_check(shown, text.p, text.len, &opt, &f) < 0)
		found(l, f.file, f.line, f.msg);
	buf_free(&text);
}

/* What was in force is in the data, if there are any. */
static void load_plugins(struct engine *eng, struct plugin_sources *v, int n)
{
	const struct conf *c = eng->conf;
	struct sops_known known = {0};
	struct store *s = NULL;
	struct cx_err e;
	if (store_open(&s, c->store_url, c->server_data, STORE_READ, &e) >= 0)
		sops_known(s, v, n, &known, &e);
	plugin_set_load(&eng->set, c, v, n, NULL, 0, eng->blame);
	sops_known_free(&known);
	store_close(s);
}

/* read: what is loaded, as the body of a reload; may be NULL. */
static void check_plugins(struct engine *eng, struct findings *l, struct buf *read)
{
	struct plugin_sources *v;
	struct cx_err e;
	int n;
	const struct conf *c = eng->conf;
	if (plugin_sources_read(c, &v, &n, &e) >= 0) {
		if (read)
			reload_pack(c, v, n, read);
		load_plugins(eng, v, n);
	} else {
		bool path = strcmp(e.field, "plugins_path") == 0;
		if (path || strcmp(e.field, "plugins_enable") == 0)
			found(l, c->file, conf_line(c, "plugins", path ? "path" : "enable"), e.msg);
		else
			found(l, c->plugins_path, 0, e.msg);
	}
	for (int i = 0; i < eng->set.n; i++) {
		const struct plugin *p = eng->set.v[i];
		for (int k = 0; k < p->nerrors; k++)
			found(l, p->errors[k].file, p->errors[k].line, p->errors[k].message);
	}
}

static void all_good(int plugins, int types, int kpis, int scripts)
{
	printf("%s: %d %s, %d %s, %d %s, %d %s\n", CX_T("tudo certo", "all good"), plugins,
		CX_N(plugins, "plugin", "plugins"), types,
		CX_N(types, CX_T("tipo de evento", "event type"),
			CX_T("tipos de evento", "event types")),
		kpis, CX_N(kpis, "KPI", "KPIs"), scripts,
		CX_N(scripts, CX_T("roteiro", "script"), CX_T("roteiros", "scripts")));
}

/* ---- for the front: what a reload would put in force ---- */

struct told { /* the notes, in both languages */
	struct buf *json;
	const struct conf *now;
	enum cx_lang lang;
	struct buf texts; /* those of the first language, each with its NUL */
	size_t at;
};

static void tell(void *ctx, int line, const char *msg)
{
	struct told *t = ctx;
	if (t->lang == CX_PT) {
		buf_add(&t->texts, msg, strlen(msg) + 1);
		return;
	}
	const char *pt = t->texts.p + t->at;
	t->at += strlen(pt) + 1;
	jw_obj(t->json);
	jw_kstr(t->json, "file", t->now->file);
	jw_kint(t->json, "line", line);
	jw_kstr(t->json, "pt", pt);
	jw_kstr(t->json, "en", msg);
	jw_obj_end(t->json);
}

static void tell_note(void *ctx, enum conf_note_kind kind, int line, const char *msg)
{
	if (kind == CONF_NO_PLUGIN)
		tell(ctx, line, msg);
}

static void reload_notes(const struct conf *running, const struct conf *now, struct findings *l)
{
	enum cx_lang lang = cx_lang;
	struct told t = {.json = &l->notes, .now = now};
	for (int i = 0; i < 2; i++) {
		cx_lang = t.lang = i ? CX_EN : CX_PT;
		conf_waits(running, now, tell, &t);
		conf_notes(now, tell_note, &t);
	}
	cx_lang = lang;
	buf_free(&t.texts);
}

/* "FILE:12: message" */
static void conf_mistakes(const char *file, const struct cx_errs *errs, struct findings *l)
{
	for (int i = 0; i < errs->n && i < CX_ERRS_MAX; i++) {
		const char *msg = errs->v[i].msg, *says;
		int line;
		const char *end = conf_mistake_at(msg, &line, &says);
		char *place = end ? xstrndup(msg, (size_t)(end - msg)) : xstrdup(file);
		found(l, place, line, says);
		free(place);
	}
}

/* conf as a reload would have it is eng->conf then; false: it has mistakes, which were found. */
static bool conf_again(struct engine *eng, struct findings *l)
{
	struct conf now;
	struct cx_errs errs = {0};
	struct buf part = {0};
	bool good = conf_load(&now, eng->started->file, &errs) >= 0;
	if (good) {
		reload_notes(eng->started, &now, l);
		conf_part(&now, &part);
		struct conf *c = setconf_parse(eng, buf_cstr(&part), part.len);
		if (c)
			setconf_swap(eng, c);
	} else {
		conf_mistakes(eng->started->file, &errs, l);
	}
	tz_setup(eng->started->company_timezone); /* loading a conf sets it */
	conf_free(&now);
	buf_free(&part);
	return good;
}

static int check_reload(struct engine *eng, struct findings *l)
{
	struct buf b = {0}, read = {0}, out = {0};
	l->as_json = true;
	if (conf_again(eng, l))
		check_plugins(eng, l, &read);
	jw_obj(&b);
	jw_key(&b, "errors");
	jw_arr(&b);
	buf_add(&b, buf_cstr(&l->json), l->json.len);
	jw_arr_end(&b);
	jw_key(&b, "notes");
	jw_arr(&b);
	buf_add(&b, buf_cstr(&l->notes), l->notes.len);
	jw_arr_end(&b);
	jw_obj_end(&b);
	struct job_head h = {
		.kind = FRAME_RESULT, .meta_len = (uint32_t)b.len, .body_len = (uint32_t)read.len};
	frame_add(&out, &h, b.p, buf_cstr(&read));
	int rc = frame_flush(eng->fd, &out);
	buf_free(&b);
	buf_free(&read);
	buf_free(&out);
	buf_free(&l->json);
	buf_free(&l->notes);
	return rc < 0;
}

int check_main(struct engine *eng, int argc, char **argv)
{
	struct findings l = {
		.conf = eng->conf, .as_json = argc > 0 && strcmp(argv[0], "--json") == 0};
	char **scripts;
	int kpis = 0, types = 0;
	if (argc > 0 && strcmp(argv[0], "--reload") == 0)
		return check_reload(eng, &l);
	jw_obj(&l.json);
	jw_key(&l.json, "errors");
	jw_arr(&l.json);
	conf_notes(eng->conf, note, &l);
	check_plugins(eng, &l, NULL);
	int n = files_list(eng->conf->scripts_path, ".lua", &scripts);
	for (int i = 0; i < n; i++)
		check_script(eng, scripts[i], &l);
	files_free(scripts, n);
	for (int i = 0; i < eng->set.n; i++) {
		kpis += eng->set.v[i]->nkpis;
		types += eng->set.v[i]->ntypes;
	}
	jw_arr_end(&l.json);
	if (l.notes.len) {
		jw_key(&l.json, "notes");
		jw_arr(&l.json);
		buf_add(&l.json, l.notes.p, l.notes.len);
		jw_arr_end(&l.json);
	}
	jw_obj_end(&l.json);
	if (l.as_json)
		printf("%s\n", buf_cstr(&l.json));
	else if (l.n)
		printf("%d %s\n", l.n, CX_N(l.n, CX_T("erro", "error"), CX_T("erros", "errors")));
	else
		all_good(eng->set.n, types, kpis, n);
	buf_free(&l.json);
	buf_free(&l.notes);
	return l.n > 0;
}
