#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/tz.h"
#include "json/scan.h"
#include "lua/import.h"
#include "lua/value.h"

enum { SHOWN = 60 };

static int wrong(struct cx_err *e, const char *name, const char *kind, const char *text, size_t n)
{
	if (n > SHOWN)
		for (n = SHOWN; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
			n--;
	return cx_fail(e, CX_E_INVALID_FIELD, name,
		CX_T("\"%.*s\" não serve como %s", "\"%.*s\" is not a valid %s"), (int)n, text,
		kind);
}

static int not_utf8(struct cx_err *e, const char *name)
{
	return cx_fail(
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
static int read_time(lua_State *L, const char *name, int64_t *ms, struct cx_err *e)
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
	return cx_fail(e, CX_E_INVALID_FIELD, name,
		CX_T("precisa ser um instante, veio %s", "must be a time, got %s"),
		luaL_typename(L, -1));
}

/* Text by the kind the type declares; what is no text goes as it is. */
static int put_value(
	struct import *im, lua_State *L, const struct field *f, const char *path, struct cx_err *e)
{
	struct value v;
	int64_t ms;
	size_t n;
	if (f && f->kind == FIELD_TIME && lua_isinteger(L, -1)) {
		int rc = read_time(L, path, &ms, e);
		return rc == CX_OK ? put_time(&im->json, ms) : rc;
	}
	if (!f || lua_type(L, -1) != LUA_TSTRING)
		return lua_to_json(L, -1, &im->json, e);
	const char *s = lua_tolstring(L, -1, &n);
	if (!utf8_ok(s, n))
		return not_utf8(e, path);
	if (f->kind == FIELD_TEXT || f->kind == FIELD_CHOICE) {
		jw_strn(&im->json, s, n);
		return CX_OK;
	}
	if (n > EVENT_TEXT_MAX || !value_from_text(f, im->set->conf->company_currency,
					  (struct str){s, (uint32_t)n}, &v, &im->a))
		return wrong(e, path, field_kind_name(f->kind), s, n);
	value_json(&im->json, v, f);
	return CX_OK;
}

static int bad_keys(struct cx_err *e, const char *what)
{
	return cx_fail(e, CX_E_NOT_AN_EVENT, what,
		CX_T("as chaves precisam ser textos em UTF-8", "the keys must be texts in UTF-8"));
}

static int put_data(
	struct import *im, lua_State *L, int data, const struct event_type *t, struct cx_err *e)
{
	char path[96];
	size_t n;
	int rc = CX_OK;
	const char **k = lua_keys(L, data, &n);
	if (!k)
		return bad_keys(e, "data");
	jw_key(&im->json, "data");
	jw_obj(&im->json);
	for (size_t i = 0; i < n && rc == CX_OK; i++) {
		size_t len = strlen(k[i]);
		int at = t ? event_type_field(t, k[i], len) : -1;
		const struct field *f = at >= 0 && !t->fields[at].derived ? &t->fields[at] : NULL;
		snprintf(path, sizeof path, "data.%s", k[i]);
		if (!utf8_ok(k[i], len))
			return not_utf8(e, "data");
		lua_pushlstring(L, k[i], len);
		lua_rawget(L, data);
		jw_key(&im->json, k[i]);
		rc = put_value(im, L, f, path, e);
		lua_pop(L, 1);
	}
	jw_obj_end(&im->json);
	return rc;
}

/* An attribute that is text; whole numbers become text, because ids often are some. */
static int put_attribute(struct import *im, lua_State *L, const char *name, struct cx_err *e)
{
	size_t n;
	if (lua_type(L, -1) != LUA_TSTRING && !lua_isinteger(L, -1))
		return cx_fail(e, CX_E_INVALID_FIELD, name,
			CX_T("precisa ser um texto, veio %s", "must be a text, got %s"),
			luaL_typename(L, -1));
	const char *s = lua_tolstring(L, -1, &n);
	if (!utf8_ok(s, n))
		return not_utf8(e, name);
	jw_key(&im->json, name);
	jw_strn(&im->json, s, n);
	return CX_OK;
}

static bool is_one_of(const char *name, const char *const *list)
{
	while (*list && strcmp(*list, name) != 0)
		list++;
	return *list != NULL;
}

static int put_member(
	struct import *im, lua_State *L, const char *name, int64_t *time_ms, struct cx_err *e)
{
	static const char *const texts[] = {
		"id", "source", "type", "subject", "unit", "actor", "sequence", "corrects", NULL};
	static const char *const times[] = {"time", "recordedtime", NULL};
	if (is_one_of(name, texts))
		return put_attribute(im, L, name, e);
	if (!is_one_of(name, times)) { /* the writer says what is wrong with it */
		jw_key(&im->json, name);
		return lua_to_json(L, -1, &im->json, e);
	}
	int64_t ms;
	int rc = read_time(L, name, &ms, e);
	if (rc != CX_OK)
		return rc;
	if (strcmp(name, "time") == 0)
		*time_ms = ms;
	else if (im->live)
		return CX_OK;
	jw_key(&im->json, name);
	return put_time(&im->json, ms);
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

static int needed(lua_State *L, int index, struct cx_err *e)
{
	static const char *const names[] = {"type", "id", "time"};
	for (int i = 0; i < 3; i++) {
		lua_pushstring(L, names[i]);
		int type = lua_rawget(L, index);
		lua_pop(L, 1);
		if (type == LUA_TNIL)
			return cx_fail(e, CX_E_MISSING_FIELD, names[i],
				CX_T("falta %s", "%s is missing"), names[i]);
	}
	return CX_OK;
}

int import_convert(struct import *im, lua_State *L, int index, int64_t *time_ms, struct cx_err *e)
{
	size_t n;
	bool source = false;
	int top = lua_gettop(L);
	index = lua_absindex(L, index);
	luaL_checkstack(L, 20, NULL);
	buf_clear(&im->json);
	arena_reset(&im->a);
	int rc = needed(L, index, e);
	const struct event_type *t = rc == CX_OK ? type_at(im, L, index) : NULL;
	const char **k = rc == CX_OK ? lua_keys(L, index, &n) : NULL;
	if (rc != CX_OK)
		return rc;
	if (!k)
		return bad_keys(e, NULL);
	jw_obj(&im->json);
	for (size_t i = 0; i < n && rc == CX_OK; i++) {
		source = source || strcmp(k[i], "source") == 0;
		lua_pushstring(L, k[i]);
		int type = lua_rawget(L, index);
		if (strcmp(k[i], "data") == 0 && type == LUA_TTABLE)
			rc = put_data(im, L, lua_gettop(L), t, e);
		else
			rc = put_member(im, L, k[i], time_ms, e);
		lua_settop(L, top + 1);
	}
	lua_settop(L, top);
	if (!source) {
		char text[80];
		snprintf(text, sizeof text, "import/%s", im->def->id);
		jw_kstr(&im->json, "source", text);
	}
	jw_obj_end(&im->json);
	return rc;
}
