#include "lua/import.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/tz.h"
#include "json/scan.h"
#include "lua/budget.h"
#include "lua/value.h"

static int not_found(const struct plugin_set *set, const char *id, struct cx_err *e)
{
	struct buf names = {0};
	for (int i = 0; i < set->n; i++)
		for (int k = 0; k < set->v[i]->nimports; k++)
			buf_printf(&names, "%s%s", names.len ? ", " : "", set->v[i]->imports[k].id);
	int rc = names.len ? cx_fail(e, CX_E_NOT_FOUND, NULL,
				     CX_T("nenhum plugin declara cx.import \"%s\"; há: %s",
					     "no plugin declares cx.import \"%s\"; there is: %s"),
				     id, buf_cstr(&names))
			   : cx_fail(e, CX_E_NOT_FOUND, NULL,
				     CX_T("nenhum plugin declara cx.import \"%s\"",
					     "no plugin declares cx.import \"%s\""),
				     id);
	buf_free(&names);
	return rc;
}

int import_open(const struct plugin_set *set, const char *id, struct import *im, struct cx_err *e)
{
	*im = (struct import){.set = set};
	for (int i = 0; i < set->n && !im->def; i++)
		for (int k = 0; k < set->v[i]->nimports; k++)
			if (strcmp(set->v[i]->imports[k].id, id) == 0) {
				im->p = set->v[i];
				im->def = &im->p->imports[k];
			}
	if (!im->def)
		return not_found(set, id, e);
	if (im->p->state == PLUGIN_FAILED)
		return cx_fail(e, CX_E_PLUGIN_FAILED, NULL,
			CX_T("o plugin %s não carregou", "plugin %s did not load"), im->p->name);
	return CX_OK;
}

void import_close(struct import *im)
{
	arena_free(&im->a);
	buf_free(&im->json);
	json_doc_free(&im->doc);
	*im = (struct import){0};
}

/* ---- an event of plugin code as strict API JSON */

enum { SHOWN = 60 };

static int wrong(struct cx_errs *e, const char *name, const char *kind, const char *text, size_t n)
{
	if (n > SHOWN)
		for (n = SHOWN; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
			n--;
	return cx_errs_add(e, CX_E_INVALID_FIELD, name,
		CX_T("\"%.*s\" não serve como %s", "\"%.*s\" is not a valid %s"), (int)n, text,
		kind);
}

static int not_utf8(struct cx_errs *e, const char *name)
{
	return cx_errs_add(
		e, CX_E_INVALID_FIELD, name, CX_T("o texto não é UTF-8", "the text is not UTF-8"));
}

static int put_time(struct buf *b, int64_t ms)
{
	char text[TZ_TEXT];
	tz_format(ms, text);
	jw_str(b, text);
	return CX_OK;
}

/* The instant at the top of the stack: text, wall clock where it has no offset, or ms. */
static int read_time(lua_State *L, const char *name, int64_t *ms, struct cx_errs *e)
{
	size_t n;
	if (lua_isinteger(L, -1)) {
		*ms = lua_tointeger(L, -1);
		if (*ms >= TZ_MS_MIN && *ms <= TZ_MS_MAX)
			return CX_OK;
	} else if (lua_type(L, -1) == LUA_TSTRING) {
		const char *s = lua_tolstring(L, -1, &n);
		return tz_parse_any(s, n, ms) ? CX_OK
					      : wrong(e, name, field_kind_name(FIELD_TIME), s, n);
	}
	return cx_errs_add(e, CX_E_INVALID_FIELD, name,
		CX_T("precisa ser um instante, veio %s", "must be a time, got %s"),
		luaL_typename(L, -1));
}

static int put_lua(struct import *im, lua_State *L, const char *path, struct cx_errs *errs)
{
	struct cx_err e;
	size_t at = im->json.len;
	int rc = lua_to_json(L, -1, &im->json, &e);
	if (rc >= 0)
		return CX_OK;
	im->json.len = at;
	jw_null(&im->json);
	return cx_errs_add(errs, rc, e.field[0] ? e.field : path, "%s", e.msg);
}

/* Text by the kind the type declares; what is no text goes as it is. After a mistake there is
 * null, so that the others can be looked for. */
static int put_value(
	struct import *im, lua_State *L, const struct field *f, const char *path, struct cx_errs *e)
{
	struct value v;
	int64_t ms;
	size_t n;
	int rc;
	if (f && f->kind == FIELD_TIME && lua_isinteger(L, -1)) {
		rc = read_time(L, path, &ms, e);
		if (rc == CX_OK)
			return put_time(&im->json, ms);
	} else if (!f || lua_type(L, -1) != LUA_TSTRING) {
		return put_lua(im, L, path, e);
	} else {
		const char *s = lua_tolstring(L, -1, &n);
		bool text = f->kind == FIELD_TEXT || f->kind == FIELD_CHOICE;
		if (!utf8_ok(s, n)) {
			rc = not_utf8(e, path);
		} else if (text) {
			jw_strn(&im->json, s, n);
			return CX_OK;
		} else if (n > EVENT_TEXT_MAX ||
			   !value_from_text(f, im->set->conf->company_currency,
				   (struct str){s, (uint32_t)n}, &v, &im->a)) {
			rc = wrong(e, path, field_kind_name(f->kind), s, n);
		} else {
			value_json(&im->json, v, f);
			return CX_OK;
		}
	}
	jw_null(&im->json);
	return rc;
}

static int bad_keys(struct cx_errs *e, const char *what)
{
	return cx_errs_add(e, CX_E_NOT_AN_EVENT, what,
		CX_T("as chaves precisam ser textos em UTF-8", "the keys must be texts in UTF-8"));
}

static void put_data(
	struct import *im, lua_State *L, int data, const struct event_type *t, struct cx_errs *e)
{
	char path[96];
	size_t n;
	const char **k = lua_keys(L, data, &n);
	jw_key(&im->json, "data");
	jw_obj(&im->json);
	if (!k)
		bad_keys(e, "data");
	for (size_t i = 0; k && i < n; i++) {
		size_t len = strlen(k[i]);
		int at = t ? event_type_field(t, k[i], len) : -1;
		const struct field *f = at >= 0 && !t->fields[at].derived ? &t->fields[at] : NULL;
		snprintf(path, sizeof path, "data.%s", k[i]);
		if (!utf8_ok(k[i], len)) {
			not_utf8(e, "data");
			continue;
		}
		lua_pushlstring(L, k[i], len);
		lua_rawget(L, data);
		jw_key(&im->json, k[i]);
		put_value(im, L, f, path, e);
		lua_pop(L, 1);
	}
	jw_obj_end(&im->json);
}

/* An attribute that is text; whole numbers become text, because ids often are some. */
static void put_attribute(struct import *im, lua_State *L, const char *name, struct cx_errs *e)
{
	size_t n;
	if (lua_type(L, -1) != LUA_TSTRING && !lua_isinteger(L, -1)) {
		cx_errs_add(e, CX_E_INVALID_FIELD, name,
			CX_T("precisa ser um texto, veio %s", "must be a text, got %s"),
			luaL_typename(L, -1));
		return;
	}
	const char *s = lua_tolstring(L, -1, &n);
	if (!utf8_ok(s, n)) {
		not_utf8(e, name);
		return;
	}
	jw_key(&im->json, name);
	jw_strn(&im->json, s, n);
}

static bool is_one_of(const char *name, const char *const *list)
{
	while (*list && strcmp(*list, name) != 0)
		list++;
	return *list != NULL;
}

static void put_member(
	struct import *im, lua_State *L, const char *name, int64_t *time_ms, struct cx_errs *e)
{
	static const char *const texts[] = {
		"id", "source", "type", "subject", "unit", "actor", "sequence", "corrects", NULL};
	static const char *const times[] = {"time", "recordedtime", NULL};
	int64_t ms;
	if (is_one_of(name, texts)) {
		put_attribute(im, L, name, e);
	} else if (!is_one_of(name, times)) { /* the writer says what is wrong with it */
		jw_key(&im->json, name);
		put_lua(im, L, name, e);
	} else if (read_time(L, name, &ms, e) == CX_OK) {
		if (strcmp(name, "time") == 0)
			*time_ms = ms;
		else if (im->live)
			return;
		jw_key(&im->json, name);
		put_time(&im->json, ms);
	}
}

static const struct event_type *type_at(struct import *im, lua_State *L, int index)
{
	const struct type_plan *plan = NULL;
	size_t n;
	lua_pushliteral(L, "type");
	if (lua_rawget(L, index) == LUA_TSTRING) {
		const char *s = lua_tolstring(L, -1, &n);
		plan = plugin_set_type(im->set, (struct str){s, (uint32_t)n});
	}
	lua_pop(L, 1);
	return plan ? plan->type : NULL;
}

static void needed(lua_State *L, int index, struct cx_errs *e)
{
	static const char *const names[] = {"type", "id", "time"};
	for (int i = 0; i < 3; i++) {
		lua_pushstring(L, names[i]);
		int type = lua_rawget(L, index);
		lua_pop(L, 1);
		if (type == LUA_TNIL)
			cx_errs_add(e, CX_E_MISSING_FIELD, names[i],
				CX_T("falta %s", "%s is missing"), names[i]);
	}
}

static bool has_field(const struct cx_errs *l, const char *field)
{
	for (int i = 0; i < l->n && i < CX_ERRS_MAX; i++)
		if (strcmp(l->v[i].field, field) == 0)
			return true;
	return false;
}

/* An event with mistakes does not go to the writer, so what it would find is looked for here. */
static void find_others(struct import *im, const struct event_type *t, struct cx_errs *errs)
{
	static const uint8_t ulid[16];
	const struct caller caller = {.level = LEVEL_ADMIN, .uid = UINT32_MAX};
	const struct event_origin o = {.now_ms = clock_now_ms(),
		.caller = &caller,
		.ulid = ulid,
		.import = true,
		.max_bytes = (uint32_t)im->set->conf->limits_event};
	struct event ev = {0};
	struct cx_errs more;
	more.n = 0;
	if (json_scan(&im->doc, im->json.p, im->json.len, (int)im->set->conf->limits_depth, 1000000,
		    NULL) < 0)
		return;
	int rc = event_envelope(&ev, &im->doc, 0, &o, &im->a, &more);
	ev.type = t;
	if (rc >= 0 && t)
		event_fields(&ev, im->set->conf->company_currency, &im->a, &more);
	for (int i = 0; i < more.n && i < CX_ERRS_MAX; i++)
		if (!has_field(errs, more.v[i].field))
			cx_errs_add(errs, more.v[i].code, more.v[i].field, "%s", more.v[i].msg);
}

/* The event at index (a plain table) → one line of API JSON in im->json. */
static int convert(struct import *im, lua_State *L, int index, int64_t *time_ms, struct cx_errs *e)
{
	size_t n = 0;
	bool source = false;
	int top = lua_gettop(L);
	index = lua_absindex(L, index);
	luaL_checkstack(L, 20, NULL);
	buf_clear(&im->json);
	arena_reset(&im->a);
	needed(L, index, e);
	const struct event_type *t = type_at(im, L, index);
	const char **k = lua_keys(L, index, &n);
	if (!k)
		return bad_keys(e, NULL);
	jw_obj(&im->json);
	for (size_t i = 0; i < n; i++) {
		source = source || strcmp(k[i], "source") == 0;
		lua_pushstring(L, k[i]);
		int type = lua_rawget(L, index);
		if (strcmp(k[i], "data") == 0 && type == LUA_TTABLE)
			put_data(im, L, lua_gettop(L), t, e);
		else
			put_member(im, L, k[i], time_ms, e);
		lua_settop(L, top + 1);
	}
	lua_settop(L, top);
	if (!source) {
		char text[80];
		snprintf(text, sizeof text, "import/%s", im->def->id);
		jw_kstr(&im->json, "source", text);
	}
	jw_obj_end(&im->json);
	if (e->n)
		find_others(im, t, e);
	return e->n ? e->v[0].code : CX_OK;
}

/* ---- events out of plugin code */

/* What the host does with an event is not the plugin's time; a generator's begins anew with every
 * event. */
static int hand_over(struct import *im, int rc, int64_t time_ms, const char *id, struct cx_errs *e)
{
	struct isolate *iso = im->p->iso;
	int64_t deadline = iso->deadline_us;
	iso->deadline_us = INT64_MAX;
	if (iso->blame)
		blame_phase(iso->blame, BLAME_BATCH);
	if (rc == CX_OK)
		rc = im->sink->event(im->sink->ctx, time_ms, im->place, im->json.p, im->json.len);
	else
		rc = im->sink->refused(im->sink->ctx, im->place, id, e);
	im->place++;
	if (iso->blame)
		blame_lua(iso->blame, im->p->name, iso->handler, (uint32_t)iso->budget_ms);
	iso->deadline_us = deadline;
	if (im->def->generate)
		budget_restart(iso);
	return rc;
}

static void give_event(lua_State *L, struct import *im, int index)
{
	struct cx_errs e;
	int64_t time_ms = 0;
	e.n = 0;
	int rc = convert(im, L, index, &time_ms, &e);
	lua_pushliteral(L, "id");
	lua_rawget(L, index);
	const char *id = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
	rc = hand_over(im, rc, time_ms, id, &e);
	lua_pop(L, 1);
	if (rc < 0) {
		im->stopped = true;
		luaL_error(L, "the import was stopped");
	}
}

/* nil, an event, or a list of events */
static void give(lua_State *L, struct import *im, const char *what)
{
	int at = lua_gettop(L);
	if (lua_isnil(L, at))
		return;
	if (lua_type(L, at) != LUA_TTABLE)
		luaL_error(L, "%s must give nil, an event or a list of events, not a %s", what,
			luaL_typename(L, at));
	lua_pushliteral(L, "type");
	int type = lua_rawget(L, at);
	lua_pop(L, 1);
	int n = (int)lua_rawlen(L, at);
	if (type != LUA_TNIL || (n == 0 && (lua_pushnil(L), lua_next(L, at)))) {
		lua_settop(L, at);
		give_event(L, im, at);
		return;
	}
	for (int i = 1; i <= n; i++) {
		if (lua_rawgeti(L, at, i) != LUA_TTABLE)
			luaL_error(L, "%s: item %d of the list is a %s, not an event", what, i,
				luaL_typename(L, -1));
		give_event(L, im, lua_gettop(L));
		lua_settop(L, at);
	}
}

/* im, map() */
static int map_entry(lua_State *L)
{
	struct import *im = lua_touserdata(L, 1);
	const struct scratch_row *row = im->row;
	lua_createtable(L, 0, row->ncols);
	for (int i = 0; i < row->ncols; i++) {
		lua_pushstring(L, row->names[i]);
		if (row->values[i].p)
			lua_pushlstring(L, row->values[i].p, row->values[i].n);
		else
			lua_pushnil(L); /* also over an earlier column of the same name */
		lua_rawset(L, -3);
	}
	lua_call(L, 1, 1);
	give(L, im, "map");
	return 0;
}

static int emit(lua_State *L)
{
	lua_settop(L, 1);
	give(L, lua_touserdata(L, lua_upvalueindex(1)), "emit");
	return 0;
}

/* im, generate() */
static int generate_entry(lua_State *L)
{
	lua_pushvalue(L, 1);
	lua_pushcclosure(L, emit, 1);
	lua_call(L, 1, 0);
	return 0;
}

static int run(struct import *im, lua_CFunction entry, int handle, int budget_ms,
	const struct import_sink *sink, struct lua_fail *f)
{
	char handler[96];
	snprintf(handler, sizeof handler, "import \"%.70s\"", im->def->id);
	im->sink = sink;
	im->place = 0;
	if (plugin_push(im->p, handle, f) < 0)
		return -1;
	lua_State *L = isolate_state(im->p->iso);
	lua_pushcfunction(L, entry);
	lua_pushlightuserdata(L, im);
	lua_rotate(L, -3, 2);
	return isolate_call(im->p->iso, 2, 0, budget_ms, handler, f);
}

int import_map(struct import *im, int part, const struct scratch_row *row,
	const struct import_sink *sink, struct lua_fail *f)
{
	struct cx_errs e;
	e.n = 0;
	im->part = part;
	im->row = row;
	if (run(im, map_entry, im->def->maps[part], im->p->limits.load_ms, sink, f) >= 0)
		return 0;
	bool over = f->budget || f->memory;
	if (im->stopped || (!over && (!im->p->iso || isolate_spoiled(im->p->iso))))
		return -1;
	if (f->file[0])
		cx_errs_add(&e, CX_E_PLUGIN_FAILED, NULL, "%s:%d: %s", f->file, f->line, f->msg);
	else
		cx_errs_add(&e, CX_E_PLUGIN_FAILED, NULL, "%s", f->msg);
	int rc = sink->refused(sink->ctx, im->place, NULL, &e);
	return rc < 0 ? rc : over ? IMPORT_STOPPED : 0;
}

int import_generate(struct import *im, const struct import_sink *sink, struct lua_fail *f)
{
	return run(im, generate_entry, im->def->generate, im->p->limits.script_ms, sink, f);
}
