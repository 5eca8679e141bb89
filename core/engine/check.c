#include "engine/check.h"

#include <stdio.h>
#include <string.h>

#include "engine/files.h"
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
		.blame = eng->blame,
		.limits = {(size_t)c->lua_memory, (int)c->lua_load, (int)c->lua_handler,
			(int)c->lua_formula, (int)c->lua_script}};
	if (file_read(path, &text, &e) < 0)
		found(l, path, 0, e.msg);
	else if (script_check(shown, text.p, text.len, &opt, &f) < 0)
		found(l, f.file, f.line, f.msg);
	buf_free(&text);
}

static void check_plugins(struct engine *eng, struct findings *l)
{
	struct cx_err e;
	if (engine_load_plugins(eng, GENERATION_DISK, &e) < 0) {
		const struct conf *c = eng->conf;
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

/* For the front: the mistakes of the plugins and the hashes of what was looked at, as a frame. */
static int check_reload(struct engine *eng, struct findings *l)
{
	struct buf b = {0}, out = {0};
	l->as_json = true;
	check_plugins(eng, l);
	jw_obj(&b);
	jw_key(&b, "errors");
	jw_arr(&b);
	buf_add(&b, l->json.p ? l->json.p : "", l->json.len);
	jw_arr_end(&b);
	jw_key(&b, "plugins");
	jw_obj(&b);
	for (int i = 0; i < eng->set.n; i++)
		jw_kstr(&b, eng->set.v[i]->name, eng->set.v[i]->hash);
	jw_obj_end(&b);
	jw_obj_end(&b);
	struct job_head h = {.kind = FRAME_RESULT, .body_len = (uint32_t)b.len};
	frame_add(&out, &h, NULL, b.p);
	int rc = frame_flush(eng->fd, &out);
	buf_free(&b);
	buf_free(&out);
	buf_free(&l->json);
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
	check_plugins(eng, &l);
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
