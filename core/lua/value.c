#include "lua/value.h"

#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tz.h"

enum { DEPTH = 32, NODES = 100000, PATH = 96 };

/* ---- JSON → Lua: the text was checked by json_scan, so this only reads */

static const char *push_any(lua_State *L, const char *p);

static const char *blank(const char *p)
{
	while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
		p++;
	return p;
}

static unsigned hex4(const char *p)
{
	unsigned v = 0;
	for (int i = 0; i < 4; i++) {
		char c = p[i];
		v = v << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
	}
	return v;
}

/* p after "\u"; the code point goes to out; bytes written. */
static const char *unescape_u(const char *p, char out[4], size_t *n)
{
	unsigned c = hex4(p);
	p += 4;
	if (c >= 0xd800 && c < 0xdc00 && p[0] == '\\' && p[1] == 'u') {
		c = 0x10000 + ((c - 0xd800) << 10) + (hex4(p + 2) - 0xdc00);
		p += 6;
	}
	if (c < 0x80) {
		out[0] = (char)c;
		*n = 1;
	} else if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		*n = 2;
	} else if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 63));
		out[2] = (char)(0x80 | (c & 63));
		*n = 3;
	} else {
		out[0] = (char)(0xf0 | c >> 18);
		out[1] = (char)(0x80 | (c >> 12 & 63));
		out[2] = (char)(0x80 | (c >> 6 & 63));
		out[3] = (char)(0x80 | (c & 63));
		*n = 4;
	}
	return p;
}

static const char *push_string(lua_State *L, const char *p)
{
	const char *end = p;
	while (*end != '"' && *end != '\\')
		end++;
	if (*end == '"') {
		lua_pushlstring(L, p, (size_t)(end - p));
		return end + 1;
	}
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	luaL_Buffer b;
	luaL_buffinit(L, &b);
	while (*p != '"') {
		if (*p != '\\') {
			luaL_addchar(&b, *p++);
			continue;
		}
		const char *known = p[1] == 'u' ? NULL : strchr(from, p[1]);
		if (p[1] == 'u') {
			char out[4];
			size_t n;
			p = unescape_u(p + 2, out, &n);
			luaL_addlstring(&b, out, n);
		} else {
			luaL_addchar(&b, known ? to[known - from] : p[1]);
			p += 2;
		}
	}
	luaL_pushresult(&b);
	return p + 1;
}

static const char *push_number(lua_State *L, const char *p)
{
	char text[64], *whole = text, *end;
	size_t n = strspn(p, "+-.0123456789eE");
	bool integer = !memchr(p, '.', n) && !memchr(p, 'e', n) && !memchr(p, 'E', n);
	if (n >= sizeof text)
		whole = xmalloc(n + 1);
	memcpy(whole, p, n);
	whole[n] = 0;
	errno = 0; /* -0 is a double, as in event fields */
	lua_Integer i = integer ? strtoll(whole, &end, 10) : 0;
	bool fits = integer && errno == 0 && strcmp(whole, "-0") != 0;
	double d = fits ? 0 : strtod(whole, NULL);
	if (whole != text)
		free(whole);
	if (fits)
		lua_pushinteger(L, i);
	else
		lua_pushnumber(L, d);
	return p + n;
}

static const char *push_object(lua_State *L, const char *p)
{
	lua_newtable(L);
	p = blank(p);
	while (*p != '}') {
		p = blank(push_string(L, blank(p) + 1));
		p = blank(p + 1); /* ':' */
		if (*p == 'n') {  /* null is absent */
			lua_pop(L, 1);
			p += 4;
		} else {
			p = push_any(L, p);
			lua_rawset(L, -3);
		}
		p = blank(p);
		if (*p == ',')
			p = blank(p + 1);
	}
	return p + 1;
}

static const char *push_array(lua_State *L, const char *p)
{
	lua_newtable(L);
	p = blank(p);
	for (lua_Integer i = 1; *p != ']'; i++) {
		p = blank(push_any(L, p));
		lua_rawseti(L, -2, i);
		if (*p == ',')
			p = blank(p + 1);
	}
	return p + 1;
}

static const char *push_any(lua_State *L, const char *p)
{
	luaL_checkstack(L, 8, "JSON too deep");
	p = blank(p);
	switch (*p) {
	case '{': return push_object(L, p + 1);
	case '[': return push_array(L, p + 1);
	case '"': return push_string(L, p + 1);
	case 't': lua_pushboolean(L, 1); return p + 4;
	case 'f': lua_pushboolean(L, 0); return p + 5;
	case 'n': lua_push_null(L); return p + 4;
	default: return push_number(L, p);
	}
}

void lua_push_null(lua_State *L)
{
	lua_pushlightuserdata(L, NULL);
}

void lua_push_json(lua_State *L, const char *json, size_t n)
{
	/* Reads up to a NUL at most: slices of a larger text are copied first. */
	lua_pushlstring(L, json, n);
	push_any(L, lua_tostring(L, -1));
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

/* ---- Lua → JSON: never raises, so that it may run outside protected calls */

struct writer {
	lua_State *L;
	struct buf *out;
	struct cx_err *e;
	int nodes, depth;
	size_t npath;
	char path[PATH];
};

static int write_any(struct writer *w, int index);

static int complain(struct writer *w, const char *pt, const char *en)
{
	return cx_fail(w->e, CX_E_INVALID_FIELD, w->path, "%s%s%s", w->path, w->npath ? ": " : "",
		CX_T(pt, en));
}

static size_t path_key(struct writer *w, const char *key)
{
	size_t was = w->npath;
	snprintf(w->path + was, PATH - was, "%s%.40s", was ? "." : "", key);
	w->npath = strlen(w->path);
	return was;
}

static size_t path_index(struct writer *w, lua_Integer i)
{
	size_t was = w->npath;
	snprintf(w->path + was, PATH - was, "[%lld]", (long long)i);
	w->npath = strlen(w->path);
	return was;
}

static void path_back(struct writer *w, size_t was)
{
	w->npath = was;
	w->path[was] = 0;
}

/* UTF-8 without U+0000, which JSON input refuses too. */
static bool text_ok(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + n;
	while (p < end) {
		unsigned char c = *p++;
		if (c && c < 0x80)
			continue;
		int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
		if (c < 0xc2 || c > 0xf4 || end - p < more)
			return false;
		unsigned char d = *p;
		if ((c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f) || (c == 0xf0 && d < 0x90) ||
			(c == 0xf4 && d > 0x8f))
			return false;
		for (; more; more--)
			if ((*p++ & 0xc0) != 0x80)
				return false;
	}
	return true;
}

static int write_string(struct writer *w, int index)
{
	size_t n;
	const char *s = lua_tolstring(w->L, index, &n);
	if (!text_ok(s, n))
		return complain(w, "o texto não é UTF-8 válido", "the text is not valid UTF-8");
	jw_strn(w->out, s, n);
	return 0;
}

static int write_number(struct writer *w, int index)
{
	if (lua_isinteger(w->L, index)) {
		jw_int(w->out, lua_tointeger(w->L, index));
		return 0;
	}
	double d = lua_tonumber(w->L, index);
	if (isnan(d))
		return complain(w, "NaN não é permitido", "NaN is not allowed");
	if (isinf(d))
		return complain(w, "infinito não é permitido", "infinity is not allowed");
	jw_double(w->out, d);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In key order: the order of a Lua table differs from run to run. */
static int write_object(struct writer *w, int index, size_t count)
{
	lua_State *L = w->L;
	const char **keys = xmalloc((count + 1) * sizeof *keys);
	size_t n = 0;
	int rc = 0;
	for (lua_pushnil(L); lua_next(L, index) && n < count; lua_pop(L, 1)) {
		size_t len;
		keys[n] = lua_tolstring(L, -2, &len);
		if (!text_ok(keys[n++], len))
			rc = complain(
				w, "uma chave não é UTF-8 válido", "a key is not valid UTF-8");
	}
	qsort(keys, n, sizeof *keys, by_text);
	jw_obj(w->out);
	for (size_t i = 0; i < n && !rc; i++) {
		size_t was = path_key(w, keys[i]);
		jw_key(w->out, keys[i]);
		lua_getfield(L, index, keys[i]); /* no metatable: cannot raise but for memory */
		rc = write_any(w, lua_gettop(L));
		lua_pop(L, 1);
		path_back(w, was);
	}
	jw_obj_end(w->out);
	free(keys);
	return rc;
}

static int write_array(struct writer *w, int index, lua_Integer n)
{
	int rc = 0;
	jw_arr(w->out);
	for (lua_Integer i = 1; i <= n && !rc; i++) {
		size_t was = path_index(w, i);
		lua_rawgeti(w->L, index, i);
		rc = write_any(w, lua_gettop(w->L));
		lua_pop(w->L, 1);
		path_back(w, was);
	}
	jw_arr_end(w->out);
	return rc;
}

static int write_table(struct writer *w, int index)
{
	lua_State *L = w->L;
	lua_Integer top = 0, list = 0, named = 0;
	if (lua_getmetatable(L, index)) {
		lua_pop(L, 1);
		return complain(w, "tabelas com metatable não são dados",
			"a table with a metatable is no data");
	}
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		lua_Integer i = lua_isinteger(L, -2) ? lua_tointeger(L, -2) : 0;
		bool text = lua_type(L, -2) == LUA_TSTRING;
		if (text)
			named++;
		else if (i >= 1)
			list++;
		if (i > top)
			top = i;
		const char *bad = NULL, *ruim = NULL;
		if (!text && i < 1) {
			ruim = "chaves são textos, ou 1, 2, 3…";
			bad = "keys are texts, or 1, 2, 3…";
		} else if (named && list) {
			ruim = "lista e chaves na mesma tabela";
			bad = "list and keys in one table";
		} else if (named + list > NODES) {
			ruim = "valores demais (mais de 100000)";
			bad = "too many values (more than 100000)";
		}
		if (bad) {
			lua_pop(L, 2);
			return complain(w, ruim, bad);
		}
	}
	if (list != top)
		return complain(w, "a lista tem buracos", "the list has holes");
	return list ? write_array(w, index, list) : write_object(w, index, (size_t)named);
}

static int write_any(struct writer *w, int index)
{
	lua_State *L = w->L;
	int rc = 0;
	if (++w->nodes > NODES)
		return complain(
			w, "valores demais (mais de 100000)", "too many values (more than 100000)");
	if (!lua_checkstack(L, 8))
		return complain(w, "profundo demais", "too deep");
	switch (lua_type(L, index)) {
	case LUA_TBOOLEAN: jw_bool(w->out, lua_toboolean(L, index)); return 0;
	case LUA_TNUMBER: return write_number(w, index);
	case LUA_TSTRING: return write_string(w, index);
	case LUA_TLIGHTUSERDATA:
		if (lua_touserdata(L, index))
			break;
		jw_null(w->out);
		return 0;
	case LUA_TNIL: jw_null(w->out); return 0;
	case LUA_TTABLE:
		if (++w->depth > DEPTH)
			return complain(
				w, "profundo demais (mais de 32)", "too deep (more than 32)");
		rc = write_table(w, index);
		w->depth--;
		return rc;
	default: break;
	}
	return cx_fail(w->e, CX_E_INVALID_FIELD, w->path,
		CX_T("%s%s%s não é um dado", "%s%s%s is no data"), w->path, w->npath ? ": " : "",
		lua_typename(L, lua_type(L, index)));
}

int lua_to_json(lua_State *L, int index, struct buf *out, struct cx_err *e)
{
	struct writer w = {.L = L, .out = out, .e = e};
	size_t before = out->len;
	int top = lua_gettop(L);
	int rc = write_any(&w, lua_absindex(L, index));
	lua_settop(L, top);
	if (rc)
		out->len = before;
	return rc;
}

/* ---- query tables (kpi.md): by = "unit" or a list, where = { dim = value or null } */

struct params {
	struct kpi_param *v;
	int n, cap;
	struct arena *a;
	struct cx_err *e;
};

static int param_fail(struct params *p, const char *name, const char *pt, const char *en)
{
	return cx_fail(p->e, CX_E_BAD_QUERY, name, "%s: %s", name, CX_T(pt, en));
}

static int param_add(struct params *p, const char *name, const char *value, size_t n)
{
	if (p->n == p->cap)
		return param_fail(p, name, "parâmetros demais", "too many parameters");
	if (memchr(value, 0, n))
		return param_fail(p, name, "o texto tem um NUL", "the text has a NUL");
	p->v[p->n++] = (struct kpi_param){
		arena_str(p->a, name, strlen(name)).p, arena_str(p->a, value, n).p};
	return 0;
}

/* The scalar at the top as the URL would say it; false: not one. */
static bool scalar(lua_State *L, const char *name, char *out, size_t cap, const char **s, size_t *n)
{
	bool instant = strcmp(name, "from") == 0 || strcmp(name, "to") == 0;
	*s = out;
	switch (lua_type(L, -1)) {
	case LUA_TSTRING: *s = lua_tolstring(L, -1, n); return true;
	case LUA_TBOOLEAN: snprintf(out, cap, "%s", lua_toboolean(L, -1) ? "true" : "false"); break;
	case LUA_TNUMBER: {
		lua_Number d = lua_tonumber(L, -1);
		if (!(fabs(d) < 9e15))
			return false;
		if (instant && d > (double)TZ_MS_MIN && d < (double)TZ_MS_MAX)
			tz_format((int64_t)d, out);
		else if (d == floor(d))
			snprintf(out, cap, "%lld", (long long)d);
		else
			snprintf(out, cap, "%.17g", d);
		break;
	}
	case LUA_TLIGHTUSERDATA: *out = 0; break;
	default: return false;
	}
	*n = strlen(out);
	return true;
}

static int add_where(struct params *p, lua_State *L, const char *key, const char *s, size_t n)
{
	char text[600];
	int len = snprintf(text, sizeof text, "%s:%.*s", key, (int)n, s);
	if (len < 0 || (size_t)len >= sizeof text)
		return param_fail(p, "where", "texto longo demais", "text too long");
	(void)L;
	return param_add(p, "where", text, (size_t)len);
}

/* { unit = "b07", channel = cx.null } or { "unit:b07" } on top. */
static int read_where(struct params *p, lua_State *L)
{
	int t = lua_gettop(L), rc = 0;
	for (lua_pushnil(L); !rc && lua_next(L, t); lua_pop(L, 1)) {
		char out[64];
		const char *s;
		size_t n;
		bool named = lua_type(L, -2) == LUA_TSTRING;
		if (!scalar(L, "where", out, sizeof out, &s, &n))
			rc = param_fail(
				p, "where", "cada filtro é um valor", "each filter is one value");
		else if (named)
			rc = add_where(p, L, lua_tostring(L, -2), s, n);
		else
			rc = param_add(p, "where", s, n);
	}
	lua_settop(L, t);
	return rc;
}

static int read_list(struct params *p, lua_State *L, const char *name)
{
	char joined[600];
	size_t at = 0, n;
	lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
	joined[0] = 0;
	for (lua_Integer i = 1; i <= count; i++) {
		lua_rawgeti(L, -1, i);
		const char *s = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &n) : NULL;
		int len = s ? snprintf(joined + at, sizeof joined - at, "%s%s", at ? "," : "", s)
			    : -1;
		lua_pop(L, 1);
		if (len < 0 || at + (size_t)len >= sizeof joined)
			return param_fail(p, name, "é um texto ou uma lista de textos",
				"must be a text or a list of texts");
		at += (size_t)len;
	}
	return param_add(p, name, joined, at);
}

int lua_to_params(
	lua_State *L, int index, struct kpi_param **out, int *n, struct arena *a, struct cx_err *e)
{
	struct params p = {.cap = 40, .a = a, .e = e};
	*out = p.v = arena_alloc(a, sizeof *p.v * (size_t)p.cap);
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
		char text[64];
		const char *s;
		size_t len;
		if (lua_type(L, top + 1) != LUA_TSTRING) {
			rc = cx_fail(e, CX_E_BAD_QUERY, NULL,
				CX_T("a consulta tem só chaves: from, to, last, every, by, where",
					"the query has keys only: from, to, last, every, by, "
					"where"));
			break;
		}
		const char *name = lua_tostring(L, top + 1);
		bool table = lua_type(L, -1) == LUA_TTABLE;
		if (table && strcmp(name, "where") == 0)
			rc = read_where(&p, L);
		else if (table)
			rc = read_list(&p, L, name);
		else if (scalar(L, name, text, sizeof text, &s, &len))
			rc = param_add(&p, name, s, len);
		else
			rc = param_fail(&p, name, "o valor não serve", "not a usable value");
	}
	lua_settop(L, top);
	*n = p.n;
	return rc;
}
