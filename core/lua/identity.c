/* Identity of functions: a walk of what they are, in breadth, so that no depth of data can harm.
 * The layout of lua_dump() is that of Lua 5.4 (ldump.c); of another version the whole dump counts,
 * lines too, which is safe. */
#include "lua/identity.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/bind.h"
#include "lua/sandbox.h"

enum { FLUSH = 1 << 20, TEXTS_MAX = 8192, TEXT_LONG = 250, NAMES_DEEP = 4, PATH_ROOM = 300 };
enum { NAMES = 2, SEEN, QUEUE }; /* of walk(): stack */
enum { OP_GETTABLE = 12, CODE_HEAD = 32 };

struct walk {
	struct plugin *p;
	int handle;
	EVP_MD_CTX *md;
	struct buf out, dump;
	lua_Integer found, done; /* objects in the queue */
	bool opaque, config, calendar, any_field;
	struct arena *a;
	const char **texts;
	int ntexts;
};

/* ---- what is written down */

static void put(struct walk *w, const void *p, size_t n)
{
	buf_add(&w->out, p, n);
	if (w->out.len > FLUSH) {
		EVP_DigestUpdate(w->md, w->out.p, w->out.len);
		buf_clear(&w->out);
	}
}

/* By a name of common.lua's calendar it may reach what [calendar] says. */
static bool of_calendar(const char *s, size_t n)
{
	static const char *const words[] = {"due", "holiday", "business_day", "open_between"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strlen(words[i]) == n && memcmp(words[i], s, n) == 0)
			return true;
	return false;
}

static void note_text(struct walk *w, const char *s, size_t n)
{
	static const char *const readers[] = {"pairs", "next", "rawget", "load"};
	for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
		w->any_field |= strlen(readers[i]) == n && memcmp(readers[i], s, n) == 0;
	w->config |= n == 6 && memcmp(s, "config", 6) == 0;
	w->calendar |= of_calendar(s, n);
	if (n > TEXT_LONG || memchr(s, 0, n))
		return;
	if (w->ntexts == TEXTS_MAX) {
		w->any_field = true;
		return;
	}
	if ((w->ntexts & (w->ntexts + 1)) == 0 || !w->texts)
		w->texts = xrealloc(w->texts, sizeof(const char *) * (size_t)(2 * w->ntexts + 2));
	w->texts[w->ntexts++] = arena_str(w->a, s, n).p;
}

static void put_text(struct walk *w, const char *s, size_t n)
{
	char head[32];
	int k = snprintf(head, sizeof head, "s%zu:", n);
	put(w, head, (size_t)k);
	put(w, s, n);
	note_text(w, s, n);
}

/* ---- bytecode */

struct code {
	const uint8_t *p, *end;
};

static size_t number(struct code *c)
{
	size_t v = 0;
	while (c->p < c->end) {
		uint8_t b = *c->p++;
		v = v << 7 | (b & 0x7f);
		if (b & 0x80)
			break;
	}
	return v;
}

static const uint8_t *bytes(struct code *c, size_t n)
{
	const uint8_t *at = c->p;
	if (n > (size_t)(c->end - c->p))
		abort(); /* not what lua_dump() writes */
	c->p += n;
	return at;
}

static void copy(struct walk *w, struct code *c, size_t n)
{
	put(w, bytes(c, n), n);
}

static size_t count(struct walk *w, struct code *c)
{
	char head[32];
	size_t n = number(c);
	int k = snprintf(head, sizeof head, "%zu,", n);
	put(w, head, (size_t)k);
	return n;
}

static void constants(struct walk *w, struct code *c)
{
	for (size_t n = count(w, c); n; n--) {
		uint8_t type = *bytes(c, 1);
		put(w, &type, 1);
		size_t size;
		switch (type) {
		case 3:
		case 19: copy(w, c, 8); break; /* integer, float */
		case 4:
		case 20: /* short and long string */
			size = number(c) - 1;
			put_text(w, (const char *)bytes(c, size), size);
			break;
		default: break;
		}
	}
}

static void prototype(struct walk *w, struct code *c)
{
	size_t source = number(c);
	if (source)
		bytes(c, source - 1);
	number(c); /* the lines where it begins and ends */
	number(c);
	copy(w, c, 3);
	size_t n = count(w, c);
	const uint8_t *code = bytes(c, 4 * n);
	for (size_t i = 0; i < n; i++) {
		uint32_t op;
		memcpy(&op, code + 4 * i, sizeof op);
		w->any_field |= (op & 0x7f) == OP_GETTABLE;
	}
	put(w, code, 4 * n);
	constants(w, c);
	copy(w, c, 3 * count(w, c)); /* upvalues */
	for (n = count(w, c); n; n--)
		prototype(w, c);
	for (int i = 0; i < 4; i++) /* what a stripped dump has none of */
		number(c);
}

static int write_dump(lua_State *L, const void *p, size_t n, void *ctx)
{
	(void)L;
	buf_add(ctx, p, n);
	return 0;
}

/* ---- values */

static void put_value(lua_State *L, struct walk *w, int at);

static void put_object(lua_State *L, struct walk *w, int at)
{
	char head[32];
	lua_pushvalue(L, at);
	if (lua_rawget(L, NAMES) == LUA_TSTRING) {
		const char *name = lua_tostring(L, -1);
		put(w, "L", 1);
		put(w, name, strlen(name) + 1);
		w->config |= strcmp(name, "cx.config") == 0;
		w->calendar |=
			strncmp(name, "cx.", 3) == 0 && of_calendar(name + 3, strlen(name) - 3);
		lua_pop(L, 1);
		return;
	}
	lua_pop(L, 1);
	bool known = lua_istable(L, at) || (lua_isfunction(L, at) && !lua_iscfunction(L, at));
	if (!known) {
		w->opaque = true;
		return;
	}
	lua_pushvalue(L, at);
	if (lua_rawget(L, SEEN) != LUA_TNUMBER) {
		lua_pop(L, 1);
		lua_pushvalue(L, at);
		lua_rawseti(L, QUEUE, ++w->found);
		lua_pushvalue(L, at);
		lua_pushinteger(L, w->found);
		lua_rawset(L, SEEN);
		lua_pushinteger(L, w->found);
	}
	int k = snprintf(head, sizeof head, "#%lld;", (long long)lua_tointeger(L, -1));
	put(w, head, (size_t)k);
	lua_pop(L, 1);
}

static void put_value(lua_State *L, struct walk *w, int at)
{
	char text[64];
	size_t n;
	const char *s;
	at = lua_absindex(L, at);
	switch (lua_type(L, at)) {
	case LUA_TNIL: put(w, "n", 1); break;
	case LUA_TBOOLEAN: put(w, lua_toboolean(L, at) ? "t" : "f", 1); break;
	case LUA_TNUMBER:
		if (lua_isinteger(L, at))
			n = (size_t)snprintf(
				text, sizeof text, "i%lld;", (long long)lua_tointeger(L, at));
		else
			n = (size_t)snprintf(text, sizeof text, "d%a;", lua_tonumber(L, at));
		put(w, text, n);
		break;
	case LUA_TSTRING:
		s = lua_tolstring(L, at, &n);
		put_text(w, s, n);
		break;
	default: put_object(L, w, at);
	}
}

struct key {
	enum { KEY_BOOL, KEY_NUMBER, KEY_TEXT } kind;
	bool integer;
	lua_Integer i; /* boolean, integer */
	lua_Number d;
	const char *s;
	size_t n;
};

static int by_key(const void *x, const void *y)
{
	const struct key *a = x, *b = y;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->kind == KEY_TEXT) {
		int c = memcmp(a->s, b->s, a->n < b->n ? a->n : b->n);
		return c ? c : (a->n > b->n) - (a->n < b->n);
	}
	if (a->integer && b->integer)
		return (a->i > b->i) - (a->i < b->i);
	if (a->integer != b->integer)
		return a->integer ? -1 : 1;
	return (a->d > b->d) - (a->d < b->d);
}

static void push_key(lua_State *L, const struct key *k)
{
	if (k->kind == KEY_TEXT)
		lua_pushlstring(L, k->s, k->n);
	else if (k->kind == KEY_BOOL)
		lua_pushboolean(L, (int)k->i);
	else if (k->integer)
		lua_pushinteger(L, k->i);
	else
		lua_pushnumber(L, k->d);
}

/* The keys of the table at `at`, sorted, as a userdata on the stack; others are left out, *all
 * tells. Texts live as long as the table. */
static struct key *sorted_keys(lua_State *L, int at, size_t *n, bool *all)
{
	size_t room = 0;
	*n = 0;
	*all = true;
	for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1))
		room++;
	struct key *v = lua_newuserdatauv(L, room * sizeof *v + 1, 0);
	for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1)) {
		struct key k = {0};
		switch (lua_type(L, -2)) {
		case LUA_TBOOLEAN: k.i = lua_toboolean(L, -2); break;
		case LUA_TNUMBER:
			k.kind = KEY_NUMBER;
			k.integer = lua_isinteger(L, -2);
			k.i = k.integer ? lua_tointeger(L, -2) : 0;
			k.d = k.integer ? 0 : lua_tonumber(L, -2);
			break;
		case LUA_TSTRING:
			k.kind = KEY_TEXT;
			k.s = lua_tolstring(L, -2, &k.n);
			break;
		default: *all = false; continue;
		}
		v[(*n)++] = k;
	}
	if (*n)
		qsort(v, *n, sizeof *v, by_key);
	return v;
}

static void put_table(lua_State *L, struct walk *w, int at)
{
	size_t n;
	bool all;
	put(w, "{", 1);
	if (lua_getmetatable(L, at)) {
		put(w, "m", 1);
		put_value(L, w, -1);
		lua_pop(L, 1);
	}
	struct key *v = sorted_keys(L, at, &n, &all);
	w->opaque |= !all;
	for (size_t i = 0; i < n; i++) {
		push_key(L, &v[i]);
		put_value(L, w, -1);
		lua_rawget(L, at);
		put_value(L, w, -1);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	put(w, "}", 1);
}

static void put_function(lua_State *L, struct walk *w, int at)
{
	put(w, "(", 1);
	buf_clear(&w->dump);
	lua_pushvalue(L, at);
	lua_dump(L, write_dump, &w->dump, 1);
	lua_pop(L, 1);
	const uint8_t *p = (const uint8_t *)w->dump.p;
	if (w->dump.len > CODE_HEAD && p[4] == 0x54) {
		struct code c = {p + CODE_HEAD, p + w->dump.len};
		prototype(w, &c);
	} else {
		put(w, p, w->dump.len);
		w->any_field = w->config = w->calendar = true;
	}
	for (int i = 1; lua_getupvalue(L, at, i); i++) {
		put_value(L, w, -1);
		lua_pop(L, 1);
	}
	put(w, ")", 1);
}

/* ---- names of what is the host's */

static bool push_inside(lua_State *L, int at) /* the table behind a read-only view */
{
	if (!lua_getmetatable(L, at))
		return false;
	lua_pushliteral(L, "__index");
	bool table = lua_rawget(L, -2) == LUA_TTABLE;
	lua_remove(L, -2);
	if (!table)
		lua_pop(L, 1);
	return table;
}

static void name_all(lua_State *L, int at, const char *path, int depth);

static void name_one(lua_State *L, int at, const char *path, int depth)
{
	lua_pushvalue(L, at);
	bool named = lua_rawget(L, NAMES) == LUA_TSTRING;
	lua_pop(L, 1);
	if (named)
		return;
	lua_pushvalue(L, at);
	lua_pushstring(L, path);
	lua_rawset(L, NAMES);
	if (!lua_istable(L, at) || depth == NAMES_DEEP || strcmp(path, "cx.config") == 0)
		return;
	name_all(L, at, path, depth + 1);
	if (push_inside(L, at)) {
		name_one(L, lua_gettop(L), path, depth + 1);
		lua_pop(L, 1);
	}
}

static void name_all(lua_State *L, int at, const char *path, int depth)
{
	char below[PATH_ROOM];
	size_t n;
	bool all;
	luaL_checkstack(L, 10, NULL);
	struct key *v = sorted_keys(L, at, &n, &all);
	for (size_t i = 0; i < n; i++) {
		if (v[i].kind != KEY_TEXT)
			continue;
		snprintf(below, sizeof below, "%s%s%s", path, *path ? "." : "", v[i].s);
		push_key(L, &v[i]);
		int type = lua_rawget(L, at);
		if (type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA ||
			type == LUA_TLIGHTUSERDATA)
			name_one(L, lua_gettop(L), below, depth);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

/* Pushes the names of what the plugin's globals hold, which stays as it is. */
static void push_names(lua_State *L)
{
	static const char names_key;
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &names_key) == LUA_TTABLE)
		return;
	lua_settop(L, NAMES - 1);
	lua_newtable(L);
	sandbox_push_view(L);
	lua_pushvalue(L, -1);
	lua_pushliteral(L, "_G");
	lua_rawset(L, NAMES);
	sandbox_push_globals(L);
	name_all(L, lua_gettop(L), "", 0);
	lua_settop(L, NAMES);
	lua_pushvalue(L, NAMES);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &names_key);
}

static int walk(lua_State *L)
{
	struct walk *w = lua_touserdata(L, 1);
	push_names(L);
	lua_newtable(L);
	lua_newtable(L);
	lua_rawgeti(L, LUA_REGISTRYINDEX, w->p->run->handles_ref);
	lua_rawgeti(L, -1, w->handle);
	put_value(L, w, -1);
	while (w->done < w->found) {
		lua_settop(L, QUEUE);
		lua_rawgeti(L, QUEUE, ++w->done);
		if (lua_istable(L, -1))
			put_table(L, w, lua_gettop(L));
		else
			put_function(L, w, lua_gettop(L));
	}
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void function_identity(struct plugin *p, int handle, struct function_id *id, struct arena *a)
{
	struct walk w = {.p = p, .handle = handle, .md = EVP_MD_CTX_new(), .a = a};
	struct lua_fail f;
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	*id = (struct function_id){0};
	if (!w.md || !EVP_DigestInit_ex(w.md, EVP_sha256(), NULL))
		abort();
	if (handle && p->iso && !isolate_spoiled(p->iso)) {
		lua_State *L = isolate_state(p->iso);
		lua_pushcfunction(L, walk);
		lua_pushlightuserdata(L, &w);
		w.opaque = isolate_call(p->iso, 1, 0, 0, "identity", &f) < 0 || w.opaque;
	}
	if (w.opaque) {
		put(&w, p->hash, sizeof p->hash);
		w.any_field = w.config = w.calendar = true;
	}
	if (w.config)
		put(&w, p->run->config, strlen(p->run->config) + 1);
	if (w.calendar) {
		const char *text = calendar_text(p->run->set->conf->calendar);
		put(&w, text, strlen(text) + 1);
	}
	EVP_DigestUpdate(w.md, w.out.p ? w.out.p : "", w.out.len);
	EVP_DigestFinal_ex(w.md, md, &n);
	EVP_MD_CTX_free(w.md);
	hex_text(md, n, id->hash);
	if (!handle)
		id->hash[0] = 0;
	if (w.ntexts)
		qsort(w.texts, (size_t)w.ntexts, sizeof *w.texts, by_text);
	id->any_field = w.any_field;
	id->texts = w.texts;
	id->ntexts = w.ntexts;
	buf_free(&w.out);
	buf_free(&w.dump);
}
