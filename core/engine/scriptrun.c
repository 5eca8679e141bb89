#include "engine/scriptrun.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/tz.h"
#include "base/nearest.h"
#include "engine/files.h"
#include "engine/reader.h"
#include "lua/script.h"

struct run {
	struct engine *eng;
	const char *name, *out;
	bool json, past;
	int64_t now_ms; /* inside the day the report is of */
	int64_t end_ms; /* with past: what happened from here on does not exist */
};

/* What lies after the script's date does not exist for it: windows end there. */
static int run_kpi(void *ctx, const char *id, const struct kpi_param *p, int n, struct buf *json,
	struct cx_err *e)
{
	struct run *r = ctx;
	struct kpi_param all[64];
	char end[TZ_TEXT];
	int64_t to;
	bool bounded = false;
	if (n > 62)
		return cx_fail(
			e, CX_E_BAD_QUERY, NULL, CX_T("parâmetros demais", "too many parameters"));
	tz_format(r->end_ms, end);
	for (int i = 0; i < n; i++) {
		all[i] = p[i];
		if (strcmp(p[i].name, "last") == 0)
			bounded = true;
		if (strcmp(p[i].name, "to") != 0)
			continue;
		bounded = true;
		if (r->past && tz_parse_any(p[i].value, strlen(p[i].value), &to) && to > r->end_ms)
			all[i].value = end;
	}
	if (r->past && !bounded)
		all[n++] = (struct kpi_param){"to", end};
	return engine_kpi(r->eng, id, all, n, r->now_ms, json, e);
}

static int usage(const char *what)
{
	fprintf(stderr, "cxd run: %s\n", what);
	return 2;
}

static int read_args(struct run *r, int argc, char **argv)
{
	int32_t day = tz_day(r->now_ms);
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			r->json = true;
		} else if (strcmp(argv[i], "--as-of") == 0 && i + 1 < argc) {
			i++;
			if (!tz_parse_day(argv[i], strlen(argv[i]), &day))
				return usage(CX_T("--as-of quer uma data como 2018-08-31",
					"--as-of takes a date such as 2018-08-31"));
			r->past = true;
		} else if (strcmp(argv[i], "--out") == 0 && i + 1 < argc) {
			r->out = argv[++i];
		} else if (argv[i][0] == '-' || r->name) {
			return usage(CX_T("cxd run NOME [--as-of DATA] [--json] [--out ARQUIVO]",
				"cxd run NAME [--as-of DATE] [--json] [--out FILE]"));
		} else {
			r->name = argv[i];
		}
	}
	if (!r->name)
		return usage(CX_T("falta o nome do roteiro", "the script's name is missing"));
	r->end_ms = tz_day_start(day + 1);
	if (r->past)
		r->now_ms = r->end_ms - 1;
	return 0;
}

static int keep(struct run *r, const char *base, const struct buf *json, const struct buf *text,
	struct cx_err *e)
{
	struct buf path = {0};
	char day[16];
	int rc;
	tz_day_text(tz_day(r->now_ms), day);
	if (r->out) {
		size_t n = strlen(r->out);
		bool as_json = r->json || (n > 5 && strcmp(r->out + n - 5, ".json") == 0);
		return file_write(r->out, as_json ? json : text, e);
	}
	buf_printf(&path, "%s/reports", r->eng->conf->server_data);
	mkdir(buf_cstr(&path), 0700);
	buf_printf(&path, "/%s-%s.json", base, day);
	rc = file_write(buf_cstr(&path), json, e);
	path.len -= 4;
	buf_puts(&path, "txt");
	if (rc >= 0)
		rc = file_write(buf_cstr(&path), text, e);
	path.len -= 4;
	if (rc >= 0)
		fprintf(stderr,
			CX_T("relatório guardado em %s.{json,txt}\n",
				"report kept in %s.{json,txt}\n"),
			buf_cstr(&path));
	buf_free(&path);
	return rc;
}

static int run(struct run *r, const char *path, const char *base, const struct buf *source)
{
	struct conf *c = r->eng->started; /* a script is no plugin in force */
	struct script_host host = {.ctx = r, .kpi = run_kpi};
	struct script_options opt = {.name = base,
		.company = c->company_name,
		.currency = c->company_currency,
		.calendar = c->calendar,
		.as_of_ms = r->now_ms,
		.blame = r->eng->blame,
		.limits = {(size_t)c->lua_memory, (int)c->lua_load, (int)c->lua_handler,
			(int)c->lua_formula, (int)c->lua_script}};
	struct buf json = {0}, text = {0}, shown = {0};
	struct lua_fail f = {0};
	struct cx_err e;
	char why[700];
	buf_printf(&shown, "scripts/%s.lua", base);
	int rc =
		script_run(buf_cstr(&shown), source->p, source->len, &host, &opt, &json, &text, &f);
	if (rc < 0) {
		engine_fail_text(&f, why, sizeof why);
		fprintf(stderr, "cxd run: %s\n", f.file[0] ? why : path);
	} else {
		const struct buf *b = r->json ? &json : &text;
		fwrite(b->p, 1, b->len, stdout);
		if (b->len && b->p[b->len - 1] != '\n')
			fputc('\n', stdout);
		fflush(stdout);
		if (keep(r, base, &json, &text, &e) < 0) {
			fprintf(stderr, "cxd run: %s\n", e.msg);
			rc = 1;
		}
	}
	buf_free(&json);
	buf_free(&text);
	buf_free(&shown);
	return rc != 0;
}

static void say_scripts(const char *folder, const char *name)
{
	char **paths;
	struct nearest near = {.word = name};
	struct buf names = {0};
	int n = files_list(folder, ".lua", &paths);
	for (int i = 0; i < n; i++) {
		char *base = strrchr(paths[i], '/') + 1;
		base[strlen(base) - 4] = 0;
		nearest_try(&near, base);
		buf_printf(&names, "%s%s", names.len ? ", " : "", base);
	}
	fprintf(stderr,
		CX_T("cxd run: não há roteiro \"%s\" (%s/%s.lua); há: %s%s\n",
			"cxd run: there is no script \"%s\" (%s/%s.lua); there is: %s%s\n"),
		name, folder, name, n ? buf_cstr(&names) : CX_T("nenhum", "none"),
		nearest_hint(&near, "\"", "\""));
	buf_free(&names);
	files_free(paths, n);
}

int scriptrun_main(struct engine *eng, int argc, char **argv)
{
	struct run r = {.eng = eng, .now_ms = clock_now_ms()};
	struct buf path = {0}, source = {0};
	struct cx_err e;
	int rc = read_args(&r, argc, argv);
	if (rc)
		return rc;
	bool by_path = strchr(r.name, '/') || strstr(r.name, ".lua");
	if (by_path)
		buf_puts(&path, r.name);
	else
		buf_printf(&path, "%s/%s.lua", eng->conf->scripts_path, r.name);
	const char *base = strrchr(buf_cstr(&path), '/');
	char *name = xstrdup(base ? base + 1 : path.p);
	name[strcspn(name, ".")] = 0;
	if (!by_path && access(path.p, F_OK) != 0) {
		say_scripts(eng->conf->scripts_path, r.name);
		rc = 1;
	} else if (file_read(path.p, &source, &e) < 0 || reader_open(eng, &e) < 0 ||
		   store_begin(eng->store, &e) < 0) {
		fprintf(stderr, "cxd run: %s\n", e.msg);
		rc = 1;
	} else {
		rc = run(&r, path.p, name, &source);
		store_rollback(eng->store);
	}
	free(name);
	buf_free(&path);
	buf_free(&source);
	return rc;
}
