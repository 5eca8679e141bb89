#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "lua/budget.h"

enum { FRAMES_SEARCHED = 16, FRAMES_SHOWN = 20 };

void fail_clear(struct lua_fail *f)
{
	f->file[0] = f->msg[0] = f->traceback[0] = 0;
	f->line = 0;
	f->budget = f->memory = f->no_data = false;
}

/* A log line forged with control characters stays one line. */
void fail_text(char *out, size_t cap, const char *s, size_t n)
{
	size_t at = 0;
	for (size_t i = 0; i < n;) {
		const unsigned char *c = (const unsigned char *)s + i;
		char hex[8];
		size_t len = utf8_len((const char *)c, n - i), used = len;
		const char *from = (const char *)c;
		if (*c == '\n' || *c == '\t') {
			from = *c == '\n' ? "\\n" : "\\t";
			used = 2;
		} else if (!len || *c < 0x20 || *c == 0x7f ||
			   (*c == 0xc2 && c[1] < 0xa0)) { /* C1 controls */
			snprintf(hex, sizeof hex, "\\x%02x", *c);
			from = hex;
			used = 4;
			len = 1;
		}
		if (at + used + 1 > cap)
			break;
		memcpy(out + at, from, used);
		at += used;
		i += len;
	}
	out[at] = 0;
}

static bool is_plugin(const lua_Debug *ar)
{
	return ar->source[0] == '@' && ar->currentline > 0;
}

bool isolate_where(lua_State *L, char *file, size_t cap, int *line)
{
	lua_Debug ar;
	for (int level = 0; level < 64 && lua_getstack(L, level, &ar); level++) {
		lua_getinfo(L, "Sl", &ar);
		if (!is_plugin(&ar))
			continue;
		snprintf(file, cap, "%s", ar.source + 1);
		*line = ar.currentline;
		return true;
	}
	return false;
}

/* Does msg begin with this function's "short_src:LINE: "? Its length and the line, or 0. */
static size_t position(const char *msg, size_t n, const lua_Debug *ar, int *line)
{
	size_t len = strlen(ar->short_src), i = len + 1;
	if (n < len + 4 || memcmp(msg, ar->short_src, len) != 0 || msg[len] != ':')
		return 0;
	int v = 0;
	for (; i < n && i < len + 10 && msg[i] >= '0' && msg[i] <= '9'; i++)
		v = v * 10 + (msg[i] - '0');
	if (i + 1 >= n || msg[i] != ':' || msg[i + 1] != ' ')
		return 0;
	*line = v;
	return i + 2;
}

/* The parser's "FILE:LINE: " for a file of this plugin: length, with file and line, or 0. */
static size_t own_file(const struct isolate *iso, const char *msg, size_t n, struct lua_fail *f)
{
	size_t len = strlen(iso->prefix);
	const char *colon =
		n > len && len && memcmp(msg, iso->prefix, len) == 0 ? memchr(msg, ':', n) : NULL;
	if (!colon || colon - msg >= (ptrdiff_t)sizeof f->file)
		return 0;
	lua_Debug ar;
	size_t file = (size_t)(colon - msg);
	int line;
	snprintf(ar.short_src, sizeof ar.short_src, "%.*s", (int)file, msg);
	size_t skip = position(msg, n, &ar, &line);
	if (!skip || msg[file] != ':')
		return 0;
	snprintf(f->file, sizeof f->file, "%.*s", (int)file, msg);
	f->line = line;
	return skip;
}

static void traceback(lua_State *L, char *out, size_t cap)
{
	lua_Debug ar;
	size_t at = 0;
	out[0] = 0;
	for (int level = 0; lua_getstack(L, level, &ar); level++) {
		if (level == FRAMES_SHOWN) {
			snprintf(out + at, cap - at, "\n…");
			return;
		}
		lua_getinfo(L, "Sln", &ar);
		char name[80], raw[96];
		if (ar.name)
			snprintf(raw, sizeof raw, "'%s'", ar.name);
		else if (*ar.what == 'm')
			snprintf(raw, sizeof raw, "main chunk");
		else if (*ar.what == 'C')
			continue;
		else
			snprintf(raw, sizeof raw, "function <line %d>", ar.linedefined);
		fail_text(name, sizeof name, raw, strlen(raw));
		const char *file = ar.source[0] == '@' ? ar.source + 1 : ar.short_src;
		char where[192] = "[C]";
		if (ar.currentline > 0)
			snprintf(where, sizeof where, "%s:%d", file, ar.currentline);
		int n = snprintf(out + at, cap - at, "%s%s: in %s", at ? "\n" : "", where, name);
		if (n < 0 || at + (size_t)n >= cap) { /* whole lines only */
			out[at] = 0;
			return;
		}
		at += (size_t)n;
	}
}

void fail_here(struct isolate *iso, lua_State *L, const char *msg, size_t n)
{
	if (iso->failed)
		return;
	struct lua_fail *f = &iso->fail;
	lua_Debug ar;
	fail_clear(f);
	iso->failed = true;
	size_t skip = 0;
	for (int level = 0; level < FRAMES_SEARCHED && lua_getstack(L, level, &ar); level++) {
		lua_getinfo(L, "Sl", &ar);
		bool host = strncmp(ar.source, "=cx/", 4) == 0;
		if (ar.source[0] != '@' && !host)
			continue;
		int line;
		skip = position(msg, n, &ar, &line);
		if (!skip)
			continue;
		if (!host) {
			snprintf(f->file, sizeof f->file, "%s", ar.source + 1);
			f->line = line;
		}
		break;
	}
	if (!skip)
		skip = own_file(iso, msg, n, f);
	if (!f->line && !isolate_where(L, f->file, sizeof f->file, &f->line) && L != iso->L)
		isolate_where(iso->L, f->file, sizeof f->file, &f->line);
	fail_text(f->msg, sizeof f->msg, msg + skip, n - skip);
	traceback(L, f->traceback, sizeof f->traceback);
}

static int to_text(lua_State *L)
{
	luaL_tolstring(L, 1, NULL);
	return 1;
}

/* Text for the error value at 1, pushed; NULL: none can be had. */
static const char *error_text(lua_State *L, size_t *n)
{
	int type = lua_type(L, 1);
	if (type == LUA_TSTRING) /* no call: the stack may be full */
		return lua_tolstring(L, 1, n);
	if (type != LUA_TNUMBER && luaL_getmetafield(L, 1, "__tostring") == LUA_TNIL)
		return NULL;
	lua_pushcfunction(L, to_text);
	lua_pushvalue(L, 1);
	return lua_pcall(L, 1, 1, 0) == LUA_OK ? lua_tolstring(L, -1, n) : NULL;
}

/* The error value of "no data": one userdata per state, made when first needed. */
static const char no_data_key;

static int no_data_text(lua_State *L)
{
	lua_pushliteral(L, "no data");
	return 1;
}

int fail_no_data(lua_State *L)
{
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &no_data_key) != LUA_TUSERDATA) {
		lua_newuserdatauv(L, 0, 0);
		lua_createtable(L, 0, 2);
		lua_pushcfunction(L, no_data_text);
		lua_setfield(L, -2, "__tostring");
		lua_pushboolean(L, 0);
		lua_setfield(L, -2, "__metatable");
		lua_setmetatable(L, -2);
		lua_pushvalue(L, -1);
		lua_rawsetp(L, LUA_REGISTRYINDEX, &no_data_key);
	}
	lua_error(L);
	abort(); /* lua_error does not return */
}

static bool is_no_data(lua_State *L)
{
	if (lua_type(L, 1) != LUA_TUSERDATA)
		return false;
	bool same = lua_rawgetp(L, LUA_REGISTRYINDEX, &no_data_key) == LUA_TUSERDATA &&
		    lua_rawequal(L, 1, -1);
	lua_pop(L, 1);
	return same;
}

int fail_handler(lua_State *L)
{
	struct isolate *iso = isolate_of(L);
	if (iso->killed)
		return 1;
	iso->failed = false; /* an earlier error was caught */
	char msg[160];
	size_t n;
	const char *s = error_text(L, &n);
	if (!s && !iso->killed) {
		bool nil = lua_isnil(L, 1);
		n = (size_t)snprintf(msg, sizeof msg,
			nil ? "an error without a message (nil)" : "an error whose value is a %s",
			lua_typename(L, lua_type(L, 1)));
		s = msg;
	}
	if (!iso->killed)
		fail_here(iso, L, s, n);
	if (!iso->killed)
		iso->fail.no_data = is_no_data(L);
	lua_settop(L, 1);
	return 1;
}

void fail_take(struct isolate *iso, int status, struct lua_fail *f)
{
	lua_State *L = iso->L;
	struct lua_fail *mine = &iso->fail;
	if (iso->killed || status == LUA_ERRMEM) {
		if (!iso->killed) { /* no handler runs when memory is refused */
			fail_clear(mine);
			budget_text(iso, !iso->overdue, mine->msg, sizeof mine->msg);
			memcpy(mine->file, iso->oom_file, sizeof mine->file);
			mine->line = iso->oom_line;
			mine->budget = true;
			mine->memory = !iso->overdue;
		}
		iso->spoiled = true;
	} else if (!iso->failed) { /* the handler itself failed, or no handler ran */
		size_t n = 0;
		const char *s = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &n) : "";
		fail_clear(mine);
		fail_text(mine->msg, sizeof mine->msg, s, n);
		if (!mine->msg[0])
			snprintf(mine->msg, sizeof mine->msg, "error while handling an error");
	}
	if (f)
		*f = *mine;
	iso->failed = false;
	lua_pop(L, 1);
}
