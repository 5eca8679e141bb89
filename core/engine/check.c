#include "engine/check.h"

#include <stdio.h>
#include <string.h>

#include "engine/files.h"
#include "lua/script.h"

struct findings {
	struct buf json;
	bool as_json;
	int n;
};

static void found(struct findings *l, const char *file, int line, const char *message)
{
	l->n++;
	if (!l->as_json) {
		printf("%s:%d: %s\n", file, line, message);
		return;
	}
	jw_obj(&l->json);
	jw_kstr(&l->json, "file", file);
	jw_kint(&l->json, "line", line);
	jw_kstr(&l->json, "message", message);
	jw_obj_end(&l->json);
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
	if (engine_load_plugins(eng, GENERATION_DISK, &e) < 0)
		found(l, eng->conf->plugins_path, 0, e.msg);
	for (int i = 0; i < eng->set.n; i++) {
		const struct plugin *p = eng->set.v[i];
		for (int k = 0; k < p->nerrors; k++)
			found(l, p->errors[k].file, p->errors[k].line, p->errors[k].message);
	}
}

int check_main(struct engine *eng, int argc, char **argv)
{
	struct findings l = {.as_json = argc > 0 && strcmp(argv[0], "--json") == 0};
	char **scripts;
	int kpis = 0, types = 0;
	jw_obj(&l.json);
	jw_key(&l.json, "errors");
	jw_arr(&l.json);
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
	jw_obj_end(&l.json);
	if (l.as_json)
		printf("%s\n", buf_cstr(&l.json));
	else if (l.n)
		printf(CX_T("%d erro(s)\n", "%d error(s)\n"), l.n);
	else
		printf(CX_T("tudo certo: %d plugins, %d tipos de evento, %d KPIs, %d roteiros\n",
			       "all good: %d plugins, %d event types, %d KPIs, %d scripts\n"),
			eng->set.n, types, kpis, n);
	buf_free(&l.json);
	return l.n > 0;
}
