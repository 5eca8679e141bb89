#include "lua/script.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/tz.h"
#include "lua/hostcall.h"
#include "lua/inside.h"
#include "lua/textbind.h"

struct report {
	struct hostcall call;
	const struct script_host *host;
	const struct script_options *opt;
	struct buf json, text; /* sections so far */
	struct buf answer;     /* a table instead of a report */
	int sections, failed;
	bool open; /* a section is */
	struct lua_fail first;
};

/* ---- the report grows as the script runs, so that a script that is stopped leaves what it made */

static void underlined(struct buf *b, const char *s, const char *with)
{
	buf_printf(b, "%s\n", s);
	for (; *s; s++)
		if ((*s & 0xc0) != 0x80)
			buf_puts(b, with);
	buf_puts(b, "\n");
}

static void section_end(struct report *r)
{
	if (r->open) {
		jw_arr_end(&r->json);
		jw_obj_end(&r->json);
	}
	r->open = false;
}

static void section(struct report *r, const char *title)
{
	section_end(r);
	jw_obj(&r->json);
	jw_kstr(&r->json, "title", title);
	jw_key(&r->json, "blocks");
	jw_arr(&r->json);
	if (title) {
		buf_puts(&r->text, "\n");
		underlined(&r->text, title, "─");
	}
	r->sections++;
	r->open = true;
}

static void block(struct report *r, const char *json, size_t n, const char *text, size_t ntext)
{
	if (!r->open)
		section(r, NULL);
	jw_raw(&r->json, json, n);
	buf_puts(&r->text, "\n");
	buf_add(&r->text, text, ntext);
}

static void block_error(struct report *r, const struct lua_fail *f)
{
	struct buf json = {0}, text = {0};
	jw_obj(&json);
	jw_kstr(&json, "kind", "error");
	jw_kstr(&json, "message", f->msg);
	jw_kstr(&json, "file", f->file[0] ? f->file : NULL);
	jw_kint(&json, "line", f->line);
	if (f->traceback[0])
		jw_kstr(&json, "traceback", f->traceback);
	jw_obj_end(&json);
	buf_printf(
		&text, CX_T("[ERRO] %s:%d: %s\n", "[ERROR] %s:%d: %s\n"), f->file, f->line, f->msg);
	block(r, json.p, json.len, text.p, text.len);
	buf_free(&json);
	buf_free(&text);
	if (!r->failed++)
		r->first = *f;
}

/* ---- what runtime/report.lua calls */

static int host_section(lua_State *L)
{
	char title[400];
	size_t n;
	const char *s = luaL_checklstring(L, 1, &n);
	fail_text(title, sizeof title, s, n);
	section(hostcall_owner(L), title);
	return 0;
}

static int host_block(lua_State *L)
{
	size_t n, ntext;
	const char *json = luaL_checklstring(L, 1, &n), *text = luaL_checklstring(L, 2, &ntext);
	block(hostcall_owner(L), json, n, text, ntext);
	return 0;
}

static int host_failed(lua_State *L)
{
	struct lua_fail f = {0};
	size_t n;
	const char *s = luaL_checklstring(L, 1, &n);
	/* "cx/report.lua:12: " is no place for the reader of a script */
	const char *own = strncmp(s, "cx/report.lua:", 14) == 0 ? strstr(s, ": ") : NULL;
	if (own) {
		n -= (size_t)(own + 2 - s);
		s = own + 2;
	}
	fail_text(f.msg, sizeof f.msg, s, n);
	isolate_where(L, f.file, sizeof f.file, &f.line);
	block_error(hostcall_owner(L), &f);
	return 0;
}

static int host_kpi(lua_State *L)
{
	struct report *r = hostcall_owner(L);
	lua_settop(L, 2);
	return hostcall_kpi(L, &r->call, 1, r->host->kpi, r->host->ctx);
}

static int host_json(lua_State *L)
{
	struct report *r = hostcall_owner(L);
	hostcall_begin(&r->call);
	if (lua_to_json(L, 1, &r->call.out, &r->call.e) < 0)
		return hostcall_raise(L, &r->call.e);
	lua_pushlstring(L, r->call.out.p, r->call.out.len);
	return 1;
}

static int host_answer(lua_State *L)
{
	struct report *r = hostcall_owner(L);
	size_t n;
	const char *s = luaL_checklstring(L, 1, &n);
	buf_clear(&r->answer);
	buf_add(&r->answer, s, n);
	return 0;
}

static void push_host(lua_State *L, struct report *r)
{
	static const luaL_Reg functions[] = {{"section", host_section}, {"block", host_block},
		{"failed", host_failed}, {"kpi", host_kpi}, {"json", host_json},
		{"answer", host_answer}, {NULL, NULL}};
	cx_push_common(L, r->opt->currency, r->opt->calendar);
	hostcall_functions(L, functions, r);
	text_bind(L);
	lua_pushinteger(L, r->opt->as_of_ms);
	lua_setfield(L, -2, "as_of");
	lua_pushstring(L, r->opt->company ? r->opt->company : "");
	lua_setfield(L, -2, "company");
}

/* ---- the run */

/* Runs runtime/report.lua and the script's file; its title goes to title. */
static int load_script(struct isolate *iso, struct report *r, const char *file, const char *text,
	size_t len, char *title, size_t cap, struct lua_fail *f)
{
	lua_State *L = isolate_state(iso);
	static const char *const chunks[] = {"stats", "common", "control", "reply", "report", NULL};
	int ms = r->opt->limits.load_ms;
	push_host(L, r);
	if (isolate_runtime(iso, chunks, 2, ms, f) < 0) /* 1: check, 2: run */
		return -1;
	if (isolate_load(iso, file, text, len, f) < 0 ||
		isolate_call(iso, 0, 1, ms, r->opt->name, f) < 0) /* 3: script */
		return -1;
	lua_pushvalue(L, 1);
	lua_pushvalue(L, 3);
	if (isolate_call(iso, 1, 1, ms, r->opt->name, f) < 0)
		return -1;
	size_t n;
	const char *s = lua_tolstring(L, -1, &n);
	fail_text(title, cap, s ? s : r->opt->name, s ? n : strlen(r->opt->name));
	lua_pop(L, 1);
	return 0;
}

static void write_json(const struct report *r, const char *title, struct buf *b)
{
	char day[16]; /* no clock: the same store and day give the same bytes */
	tz_day_text(tz_day(r->opt->as_of_ms), day);
	jw_obj(b);
	jw_kstr(b, "script", r->opt->name);
	jw_kstr(b, "title", title);
	jw_kstr(b, "company", r->opt->company && r->opt->company[0] ? r->opt->company : NULL);
	jw_kstr(b, "as_of", day);
	jw_kint(b, "errors", r->failed);
	jw_key(b, "sections");
	jw_arr(b);
	jw_raw(b, r->json.p ? r->json.p : "", r->json.len);
	jw_arr_end(b);
	jw_obj_end(b);
}

static void write_text(const struct report *r, const char *title, struct buf *b)
{
	char day[40];
	int y, m, d;
	civil_from_day(tz_day(r->opt->as_of_ms), &y, &m, &d);
	if (cx_lang == CX_PT)
		snprintf(day, sizeof day, "%02d/%02d/%04d", d, m, y);
	else
		snprintf(day, sizeof day, "%04d-%02d-%02d", y, m, d);
	underlined(b, title, "═");
	buf_printf(b, "%s%s", r->opt->company ? r->opt->company : "",
		r->opt->company && r->opt->company[0] ? " · " : "");
	buf_printf(b, CX_T("até %s\n", "as of %s\n"), day);
	buf_add(b, r->text.p, r->text.len);
}

/* `return cx.script { … }` is a tail call, which leaves no position behind: where it stands. */
static void place(struct lua_fail *f, const char *path, const char *text, size_t len)
{
	const char *at = len ? memmem(text, len, "cx.script", 9) : NULL;
	if (!f->file[0])
		snprintf(f->file, sizeof f->file, "%s", path);
	if (f->line > 0)
		return;
	f->line = 1;
	for (const char *p = text; at && p < at; p++)
		f->line += *p == '\n';
}

static int folder_length(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? (int)(slash + 1 - path) : 0;
}

static struct isolate *open_script(struct report *r, const char *path, const char *text, size_t len,
	char *title, size_t cap, int *rc, struct lua_fail *f)
{
	char prefix[160];
	int folder = folder_length(path);
	snprintf(prefix, sizeof prefix, "%.*s", folder, path);
	struct isolate *iso = isolate_new(r->opt->name, prefix, &r->opt->limits, r->opt->blame);
	*rc = load_script(iso, r, path + folder, text, len, title, cap, f);
	if (*rc < 0)
		place(f, path, text, len);
	return iso;
}

int script_check(const char *path, const char *text, size_t len, const struct script_options *opt,
	struct lua_fail *f)
{
	static const struct script_host nothing;
	struct report r = {.host = &nothing, .opt = opt};
	char title[400];
	int rc;
	isolate_free(open_script(&r, path, text, len, title, sizeof title, &rc, f));
	hostcall_free(&r.call);
	return rc;
}

int script_run(const char *path, const char *text, size_t len, const struct script_host *host,
	const struct script_options *opt, struct buf *json, struct buf *text_out,
	struct lua_fail *f)
{
	struct report r = {.host = host, .opt = opt};
	char title[400];
	int rc;
	struct isolate *iso = open_script(&r, path, text, len, title, sizeof title, &rc, f);
	lua_State *L = isolate_state(iso);
	if (rc >= 0) {
		struct lua_fail mine;
		lua_pushvalue(L, 2);
		lua_pushvalue(L, 3);
		if (isolate_call(iso, 1, 0, opt->limits.script_ms, opt->name, &mine) < 0)
			block_error(&r, &mine);
		section_end(&r);
		if (r.answer.len && !r.sections) {
			buf_add(json, r.answer.p, r.answer.len);
			if (text_out)
				buf_printf(text_out, "%s\n", buf_cstr(&r.answer));
		} else {
			write_json(&r, title, json);
			if (text_out)
				write_text(&r, title, text_out);
		}
		if (r.failed)
			*f = r.first;
		rc = r.failed ? 1 : 0;
	}
	isolate_free(iso);
	hostcall_free(&r.call);
	buf_free(&r.json);
	buf_free(&r.text);
	buf_free(&r.answer);
	return rc;
}
