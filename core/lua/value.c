#include "lua/value.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/tz.h"

enum { DEPTH = 32, NODES = 100000, PATH = 96, PARAMS = 40 };

/* ---- JSON → Lua */

static struct json_doc doc; /* kept from call to call: nothing is lost when Lua raises */
static struct arena texts;

static void push_node(lua_State *L, uint32_t at)
{
	const struct json_node *n = &doc.nodes[at];
	struct str s;
	int64_t i;
	luaL_checkstack(L, 6, "JSON too deep");
	switch ((enum json_type)n->type) {
	case JSON_NULL: lua_push_null(L); return;
	case JSON_FALSE:
	case JSON_TRUE: lua_pushboolean(L, n->type == JSON_TRUE); return;
	case JSON_INTEGER:
		if (json_int64(&doc, at, &i)) {
			lua_pushinteger(L, i);
			return;
		}
		/* fall through */
	case JSON_NUMBER: lua_pushnumber(L, strtod(doc.src + n->at, NULL)); return;
	case JSON_STRING:
		s = json_text(&doc, at, &texts);
		lua_pushlstring(L, s.p, s.n);
		return;
	case JSON_ARRAY:
		lua_createtable(L, (int)n->count, 0);
		i = 0;
		for (uint32_t k = at + 1; k < n->next; k = doc.nodes[k].next) {
			push_node(L, k);
			lua_rawseti(L, -2, ++i);
		}
		return;
	case JSON_OBJECT:
		lua_createtable(L, 0, (int)n->count);
		for (uint32_t k = at + 1; k < n->next; k = doc.nodes[k + 1].next) {
			if (doc.nodes[k + 1].type == JSON_NULL) /* null is absent */
				continue;
			push_node(L, k);
			push_node(L, k + 1);
			lua_rawset(L, -3);
		}
	}
}

void lua_push_null(lua_State *L)
{
	lua_pushlightuserdata(L, NULL);
}

void lua_push_json(lua_State *L, const char *json, size_t n)
{
	const char *text = lua_pushlstring(L, json, n); /* strtod needs its end */
	arena_reset(&texts);
	if (json_scan(&doc, text, n, DEPTH + 1, UINT32_MAX, NULL) < 0)
		luaL_error(L, "not JSON");
	push_node(L, 0);
	lua_remove(L, -2);
}

void lua_push_value(lua_State *L, struct value v, enum field_kind kind)
{
	switch (v.kind) {
	case VALUE_NULL: lua_pushnil(L); return;
	case VALUE_INT:
		if (kind == FIELD_BOOLEAN)
			lua_pushboolean(L, v.i != 0);
		else
			lua_pushinteger(L, v.i);
		return;
	case VALUE_BOOL: lua_pushboolean(L, v.i != 0); return;
	case VALUE_TEXT: lua_pushlstring(L, v.s.p, v.s.n); return;
	case VALUE_MONEY:
		lua_createtable(L, 0, 2);
		lua_pushinteger(L, v.i);
		lua_setfield(L, -2, "amount");
		lua_pushstring(L, v.currency);
		lua_setfield(L, -2, "currency");
		return;
	}
}

/* ---- Lua → JSON */

struct writer {
	lua_State *L;
	struct buf *out;
	struct cx_err *e;
	int nodes, depth;
	size_t npath;
	char path[PATH];
};

static int write_any(struct writer *w, int index);

static int complain(struct writer *w, const char *what)
{
	return cx_fail(
		w->e, CX_E_INVALID_FIELD, w->path, "%s%s%s", w->path, w->npath ? ": " : "", what);
}

static int too_many(struct writer *w)
{
	return complain(
		w, CX_T("valores demais (mais de 100000)", "too many values (more than 100000)"));
}

/* The value on top, which stands under key, or at place i. */
static int write_part(struct writer *w, const char *key, lua_Integer i)
{
	size_t was = w->npath, room = PATH - was;
	if (key)
		snprintf(w->path + was, room, "%s%.40s", was ? "." : "", key);
	else
		snprintf(w->path + was, room, "[%lld]", (long long)i);
	w->npath = strlen(w->path);
	int rc = write_any(w, lua_gettop(w->L));
	lua_pop(w->L, 1);
	if (!rc)
		w->path[w->npath = was] = 0;
	return rc;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **lua_keys(lua_State *L, int index, size_t *n)
{
	size_t count = 0;
	index = lua_absindex(L, index);
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
		count++;
	const char **keys = lua_newuserdatauv(L, (count + 1) * sizeof *keys, 0);
	*n = 0;
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		size_t len = 0;
		const char *key =
			lua_type(L, -2) == LUA_TSTRING ? lua_tolstring(L, -2, &len) : NULL;
		if (!key || !utf8_ok(key, len)) {
			lua_pop(L, 2);
			return NULL;
		}
		keys[(*n)++] = key;
	}
	if (*n)
		qsort(keys, *n, sizeof *keys, by_text);
	return keys;
}

static int write_object(struct writer *w, int index)
{
	size_t n;
	int rc = 0;
	const char **keys = lua_keys(w->L, index, &n);
	if (!keys)
		return complain(
			w, CX_T("uma chave não é UTF-8 válido", "a key is not valid UTF-8"));
	jw_obj(w->out);
	for (size_t i = 0; i < n && !rc; i++) {
		jw_key(w->out, keys[i]);
		lua_pushstring(w->L, keys[i]);
		lua_rawget(w->L, index);
		rc = write_part(w, keys[i], 0);
	}
	jw_obj_end(w->out);
	return rc;
}

static int write_array(struct writer *w, int index, lua_Integer n)
{
	int rc = 0;
	jw_arr(w->out);
	for (lua_Integer i = 1; i <= n && !rc; i++) {
		lua_rawgeti(w->L, index, i);
		rc = write_part(w, NULL, i);
	}
	jw_arr_end(w->out);
	return rc;
}

static int write_table(struct writer *w, int index)
{
	lua_State *L = w->L;
	lua_Integer top = 0, list = 0, named = 0;
	bool empty_list = false;
	if (lua_getmetatable(L, index)) { /* our own: a reply of report.lua, and lists */
		lua_pushliteral(L, "__name");
		const char *name = lua_rawget(L, -2) == LUA_TSTRING ? lua_tostring(L, -1) : "";
		empty_list = strcmp(name, "cx.list") == 0;
		if (!empty_list && strcmp(name, "cx.kpi") != 0)
			return complain(w, CX_T("tabelas com metatable não são dados",
						   "a table with a metatable is no data"));
		lua_pop(L, 2);
	}
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		lua_Integer i = lua_isinteger(L, -2) ? lua_tointeger(L, -2) : 0;
		bool text = lua_type(L, -2) == LUA_TSTRING;
		named += text;
		list += i >= 1;
		top = i > top ? i : top;
		if (!text && i < 1)
			return complain(w, CX_T("chaves são textos, ou 1, 2, 3…",
						   "keys are texts, or 1, 2, 3…"));
		if (named && list)
			return complain(w, CX_T("lista e chaves na mesma tabela",
						   "list and keys in one table"));
		if (named + list > NODES)
			return too_many(w);
	}
	if (list != top)
		return complain(w, CX_T("a lista tem buracos", "the list has holes"));
	return list || empty_list ? write_array(w, index, list) : write_object(w, index);
}

static int write_plain(struct writer *w, int index)
{
	size_t n;
	const char *s;
	double d;
	switch (lua_type(w->L, index)) {
	case LUA_TBOOLEAN: jw_bool(w->out, lua_toboolean(w->L, index)); return 0;
	case LUA_TNUMBER:
		if (lua_isinteger(w->L, index)) {
			jw_int(w->out, lua_tointeger(w->L, index));
			return 0;
		}
		d = lua_tonumber(w->L, index);
		if (isnan(d))
			return complain(w, CX_T("NaN não é permitido", "NaN is not allowed"));
		if (isinf(d))
			return complain(
				w, CX_T("infinito não é permitido", "infinity is not allowed"));
		jw_double(w->out, d);
		return 0;
	case LUA_TSTRING:
		s = lua_tolstring(w->L, index, &n);
		if (!utf8_ok(s, n))
			return complain(w,
				CX_T("o texto não é UTF-8 válido", "the text is not valid UTF-8"));
		jw_strn(w->out, s, n);
		return 0;
	case LUA_TLIGHTUSERDATA:
		if (lua_touserdata(w->L, index))
			break;
		jw_null(w->out);
		return 0;
	case LUA_TNIL: jw_null(w->out); return 0;
	default: break;
	}
	return cx_fail(w->e, CX_E_INVALID_FIELD, w->path,
		CX_T("%s%s%s não é um dado", "%s%s%s is no data"), w->path, w->npath ? ": " : "",
		luaL_typename(w->L, index));
}

static int write_any(struct writer *w, int index)
{
	if (++w->nodes > NODES)
		return too_many(w);
	if (lua_type(w->L, index) != LUA_TTABLE)
		return write_plain(w, index);
	luaL_checkstack(w->L, 8, NULL);
	if (++w->depth > DEPTH)
		return complain(w, CX_T("profundo demais (mais de 32)", "too deep (more than 32)"));
	int top = lua_gettop(w->L), rc = write_table(w, index);
	lua_settop(w->L, top);
	w->depth--;
	return rc;
}

int lua_to_json(lua_State *L, int index, struct buf *out, struct cx_err *e)
{
	struct writer w = {.L = L, .out = out, .e = e};
	size_t before = out->len;
	int top = lua_gettop(L), rc = write_any(&w, lua_absindex(L, index));
	lua_settop(L, top);
	if (rc)
		out->len = before;
	return rc;
}

/* ---- query tables (kpi.md): by = "unit" or a list, where = { dim = value or null } */

struct params {
	lua_State *L;
	struct kpi_param *v;
	int n;
	struct arena *a;
	struct cx_err *e;
};

static int param_fail(struct params *p, const char *name, const char *what)
{
	return cx_fail(p->e, CX_E_BAD_QUERY, name, "%s: %s", name, what);
}

/* where: the dimension that value is of, NULL none. */
static int param_add(
	struct params *p, const char *name, const char *where, const char *value, size_t n)
{
	char text[600];
	if (p->n == PARAMS)
		return param_fail(p, name, CX_T("parâmetros demais", "too many parameters"));
	if (memchr(value, 0, n))
		return param_fail(p, name, CX_T("o texto tem um NUL", "the text has a NUL"));
	if (where) {
		n = (size_t)snprintf(text, sizeof text, "%s:%.*s", where, (int)n, value);
		if (n >= sizeof text)
			return param_fail(p, name, CX_T("texto longo demais", "text too long"));
		value = text;
	}
	p->v[p->n++] = (struct kpi_param){
		arena_str(p->a, name, strlen(name)).p, arena_str(p->a, value, n).p};
	return 0;
}

/* The scalar at the top as the URL would say it. */
static int add_scalar(struct params *p, const char *name, const char *where)
{
	char out[64] = "";
	size_t n;
	bool instant = strcmp(name, "from") == 0 || strcmp(name, "to") == 0 ||
		       strcmp(name, "as_known") == 0;
	lua_Number d = lua_tonumber(p->L, -1);
	switch (lua_type(p->L, -1)) {
	case LUA_TSTRING: {
		const char *s = lua_tolstring(p->L, -1, &n);
		return param_add(p, name, where, s, n);
	}
	case LUA_TLIGHTUSERDATA: break;
	case LUA_TBOOLEAN:
		snprintf(out, sizeof out, "%s", lua_toboolean(p->L, -1) ? "true" : "false");
		break;
	case LUA_TNUMBER:
		if (fabs(d) < 9e15) {
			if (instant && d > (double)TZ_MS_MIN && d < (double)TZ_MS_MAX)
				tz_format((int64_t)d, out);
			else
				snprintf(out, sizeof out, d == floor(d) ? "%.0f" : "%.17g", d);
			break;
		}
		/* fall through */
	default:
		return param_fail(p, name,
			strcmp(name, "where") == 0
				? CX_T("cada filtro é um valor", "each filter is one value")
				: CX_T("o valor não serve", "not a usable value"));
	}
	return param_add(p, name, where, out, strlen(out));
}

/* { unit = "b07", channel = cx.null } or { "unit:b07" } on top. */
static int add_where(struct params *p)
{
	int t = lua_gettop(p->L), rc = 0;
	for (lua_pushnil(p->L); !rc && lua_next(p->L, t); lua_pop(p->L, 1))
		rc = add_scalar(p, "where",
			lua_type(p->L, -2) == LUA_TSTRING ? lua_tostring(p->L, -2) : NULL);
	lua_settop(p->L, t);
	return rc;
}

static int add_list(struct params *p, const char *name)
{
	char joined[600] = "";
	size_t at = 0;
	lua_Integer count = (lua_Integer)lua_rawlen(p->L, -1);
	for (lua_Integer i = 1; i <= count; i++) {
		bool text = lua_rawgeti(p->L, -1, i) == LUA_TSTRING;
		if (text)
			at += (size_t)snprintf(joined + at, sizeof joined - at, "%s%s",
				i > 1 ? "," : "", lua_tostring(p->L, -1));
		lua_pop(p->L, 1);
		if (!text || at >= sizeof joined)
			return param_fail(p, name,
				CX_T("é um texto ou uma lista de textos",
					"must be a text or a list of texts"));
	}
	return param_add(p, name, NULL, joined, at);
}

int lua_to_params(
	lua_State *L, int index, struct kpi_param **out, int *n, struct arena *a, struct cx_err *e)
{
	struct params p = {.L = L, .a = a, .e = e};
	*out = p.v = arena_alloc(a, sizeof *p.v * PARAMS);
	*n = 0;
	if (lua_isnoneornil(L, index))
		return 0;
	int top = lua_gettop(L), rc = 0;
	index = lua_absindex(L, index);
	if (lua_type(L, index) != LUA_TTABLE || !lua_checkstack(L, 10))
		return cx_fail(e, CX_E_BAD_QUERY, NULL,
			CX_T("a consulta é uma tabela, não %s", "the query is a table, not %s"),
			luaL_typename(L, index));
	for (lua_pushnil(L); !rc && lua_next(L, index); lua_settop(L, top + 1)) {
		if (lua_type(L, top + 1) != LUA_TSTRING) {
			rc = cx_fail(e, CX_E_BAD_QUERY, NULL,
				CX_T("a consulta tem só chaves: from, to, last, every, by, where, "
				     "compare, as_known, pool",
					"the query has keys only: from, to, last, every, by, "
					"where, compare, as_known, pool"));
			break;
		}
		const char *name = lua_tostring(L, top + 1);
		if (lua_type(L, -1) != LUA_TTABLE)
			rc = add_scalar(&p, name, NULL);
		else
			rc = strcmp(name, "where") == 0 ? add_where(&p) : add_list(&p, name);
	}
	lua_settop(L, top);
	*n = p.n;
	return rc;
}
