#include "lua/pattern.h"

#include <ctype.h>
#include <string.h>

#include "lua/budget.h"

enum { TICK_STEPS = 4096 };

struct compiler {
	lua_State *L;
	const unsigned char *p, *end;
};

static void set_add(uint64_t set[4], int c)
{
	set[c >> 6] |= 1ULL << (c & 63);
}

static inline bool set_has(const uint64_t set[4], unsigned char c)
{
	return set[c >> 6] >> (c & 63) & 1;
}

static int is_nothing(int c)
{
	(void)c;
	return 0;
}

/* The class %a…; false when the letter names none. */
static bool add_class(uint64_t set[4], int letter)
{
	static int (*const tests[26])(int) = {['a' - 'a'] = isalpha,
		['c' - 'a'] = iscntrl,
		['d' - 'a'] = isdigit,
		['g' - 'a'] = isgraph,
		['l' - 'a'] = islower,
		['p' - 'a'] = ispunct,
		['s' - 'a'] = isspace,
		['u' - 'a'] = isupper,
		['w' - 'a'] = isalnum,
		['x' - 'a'] = isxdigit};
	static uint64_t known[26][4];
	static bool made;
	if (!made) {
		for (int k = 0; k < 26; k++)
			for (int c = 0; c < 256; c++)
				if ((tests[k] ? tests[k] : is_nothing)(c))
					set_add(known[k], c);
		made = true;
	}
	int lower = letter | 32;
	if (letter > 127 || lower < 'a' || lower > 'z' || !tests[lower - 'a'])
		return false;
	uint64_t flip = letter < 'a' ? ~0ULL : 0;
	for (int i = 0; i < 4; i++)
		set[i] |= known[lower - 'a'][i] ^ flip;
	return true;
}

static void set_single(struct item *it, int c)
{
	it->op = ITEM_CHAR;
	it->c = (uint8_t)c;
}

/* After '[': up to and with the closing ']'. */
static void read_set(struct compiler *c, uint64_t set[4])
{
	bool negate = c->p < c->end && *c->p == '^';
	if (negate)
		c->p++;
	bool first = true;
	for (;; first = false) {
		if (c->p >= c->end)
			luaL_error(c->L, "malformed pattern (missing ']')");
		int ch = *c->p++;
		if (ch == ']' && !first)
			break;
		if (ch == '%') {
			if (c->p >= c->end)
				luaL_error(c->L, "malformed pattern (missing ']')");
			ch = *c->p++;
			if (!add_class(set, ch))
				set_add(set, ch);
		} else if (c->end - c->p >= 2 && c->p[0] == '-' && c->p[1] != ']') {
			for (int k = ch; k <= c->p[1]; k++)
				set_add(set, k);
			c->p += 2;
		} else {
			set_add(set, ch);
		}
	}
	for (int i = 0; negate && i < 4; i++)
		set[i] = ~set[i];
}

/* After '%': %b, %f, %1 or a class or an escaped character. True: it may be repeated. */
static bool read_escape(struct compiler *c, struct item *it)
{
	if (c->p >= c->end)
		luaL_error(c->L, "malformed pattern (ends with '%%')");
	int ch = *c->p++;
	if (ch == 'b') {
		if (c->end - c->p < 2)
			luaL_error(c->L, "malformed pattern (missing arguments to '%%b')");
		it->op = ITEM_BALANCE;
		it->c = c->p[0];
		it->d = c->p[1];
		c->p += 2;
		return false;
	}
	if (ch == 'f') {
		if (c->p >= c->end || *c->p != '[')
			luaL_error(c->L, "missing '[' after '%%f' in pattern");
		c->p++;
		it->op = ITEM_FRONTIER;
		read_set(c, it->set);
		return false;
	}
	if (ch >= '0' && ch <= '9') {
		it->op = ITEM_BACK;
		it->c = (uint8_t)(ch - '1');
		return false;
	}
	if (add_class(it->set, ch))
		it->op = ITEM_SET;
	else
		set_single(it, ch);
	return true;
}

struct captures { /* while compiling */
	int n, nopen;
	uint8_t open[PATTERN_CAPTURES];
	bool closed[PATTERN_CAPTURES];
};

static void open_capture(struct compiler *c, struct item *it, struct captures *k)
{
	if (k->n >= PATTERN_CAPTURES)
		luaL_error(c->L, "too many captures");
	it->c = (uint8_t)k->n++;
	it->op = ITEM_OPEN;
	if (c->p < c->end && *c->p == ')') {
		c->p++;
		it->op = ITEM_PLACE;
		k->closed[it->c] = true;
	} else {
		k->open[k->nopen++] = it->c;
	}
}

static void close_capture(struct compiler *c, struct item *it, struct captures *k)
{
	if (!k->nopen)
		luaL_error(c->L, "invalid pattern capture");
	it->op = ITEM_CLOSE;
	it->c = k->open[--k->nopen];
	k->closed[it->c] = true;
}

/* One item; true if a repeat sign may follow. */
static bool read_item(struct compiler *c, struct item *it, struct captures *k)
{
	int ch = *c->p++;
	switch (ch) {
	case '(': open_capture(c, it, k); return false;
	case ')': close_capture(c, it, k); return false;
	case '$':
		if (c->p == c->end) {
			it->op = ITEM_EOS;
			return false;
		}
		set_single(it, ch);
		return true;
	case '.': it->op = ITEM_ANY; return true;
	case '[':
		it->op = ITEM_SET;
		read_set(c, it->set);
		return true;
	case '%': {
		bool repeats = read_escape(c, it);
		if (it->op == ITEM_BACK && (it->c >= k->n || !k->closed[it->c]))
			luaL_error(c->L, "invalid capture index %%%d in pattern", it->c + 1);
		return repeats;
	}
	default: set_single(it, ch); return true;
	}
}

void pattern_compile(lua_State *L, struct pattern *p, const char *text, size_t n, bool anchor,
	struct item *local)
{
	struct compiler c = {L, (const unsigned char *)text, (const unsigned char *)text + n};
	struct captures k = {0};
	struct item *items = local;
	int repeats = 0, at = 0;
	if (n >= PATTERN_LOCAL)
		items = lua_newuserdatauv(L, (n + 1) * sizeof *items, 0);
	*p = (struct pattern){.L = L, .items = items};
	p->anchored = anchor && n && *c.p == '^';
	if (p->anchored)
		c.p++;
	for (; c.p < c.end; at++) {
		items[at] = (struct item){0};
		if (!read_item(&c, &items[at], &k) || c.p == c.end || !strchr("*+-?", *c.p) ||
			!*c.p)
			continue;
		items[at].repeat = *c.p++;
		if (++repeats > PATTERN_REPEATS)
			luaL_error(L, "pattern too complex");
	}
	items[at] = (struct item){.op = ITEM_END};
	if (k.nopen)
		luaL_error(L, "unfinished capture");
	p->ncaptures = k.n;
}

static inline bool one(const struct pattern *p, const struct item *it, const char *s)
{
	if (s >= p->end)
		return false;
	unsigned char c = (unsigned char)*s;
	return it->op == ITEM_CHAR ? c == it->c : it->op == ITEM_ANY || set_has(it->set, c);
}

static void work(struct pattern *p, size_t steps)
{
	p->steps += steps < TICK_STEPS ? (uint32_t)steps : TICK_STEPS;
	if (p->steps >= TICK_STEPS) {
		p->steps = 0;
		budget_tick(p->L);
	}
}

static const char *balance(struct pattern *p, const struct item *it, const char *s)
{
	if (s >= p->end || (uint8_t)*s != it->c)
		return NULL;
	const char *from = s;
	int depth = 1;
	while (++s < p->end) {
		uint8_t c = (uint8_t)*s;
		if (c == it->d) {
			if (--depth == 0) {
				work(p, (size_t)(s - from));
				return s + 1;
			}
		} else if (c == it->c) {
			depth++;
		}
	}
	work(p, (size_t)(s - from));
	return NULL;
}

static const char *run(struct pattern *p, const struct item *it, const char *s);

static const char *repeat(struct pattern *p, const struct item *it, const char *s)
{
	const char *to = s, *r;
	if (it->repeat == '-') {
		for (;; s++) {
			work(p, 1);
			r = run(p, it + 1, s);
			if (r || !one(p, it, s))
				return r;
		}
	}
	const char *last = it->repeat == '?' && s < p->end ? s + 1 : p->end;
	while (to < last && one(p, it, to))
		to++;
	work(p, (size_t)(to - s));
	const char *least = s + (it->repeat == '+');
	for (; to >= least; to--) {
		work(p, 1);
		r = run(p, it + 1, to);
		if (r)
			return r;
	}
	return NULL;
}

/* Only repeats recurse, so the depth is at most their number. Captures need no undoing: every
 * path to the end opens and closes each of them anew. */
static const char *run(struct pattern *p, const struct item *it, const char *s)
{
	for (;; it++) {
		if (it->repeat)
			return repeat(p, it, s);
		switch ((enum item_op)it->op) {
		case ITEM_END: return s;
		case ITEM_OPEN: p->captures[it->c].at = s; break;
		case ITEM_PLACE:
			p->captures[it->c].at = s;
			p->captures[it->c].len = -1;
			break;
		case ITEM_CLOSE: p->captures[it->c].len = s - p->captures[it->c].at; break;
		case ITEM_EOS:
			if (s != p->end)
				return NULL;
			break;
		case ITEM_BALANCE:
			s = balance(p, it, s);
			if (!s)
				return NULL;
			break;
		case ITEM_FRONTIER: {
			unsigned char before = s == p->subject ? 0 : (unsigned char)s[-1];
			unsigned char after = s == p->end ? 0 : (unsigned char)*s;
			if (set_has(it->set, before) || !set_has(it->set, after))
				return NULL;
			break;
		}
		case ITEM_BACK: {
			ptrdiff_t len = p->captures[it->c].len;
			if (len < 0) /* a position: nothing to compare with */
				return NULL;
			if (p->end - s < len || memcmp(s, p->captures[it->c].at, (size_t)len) != 0)
				return NULL;
			work(p, (size_t)len);
			s += len;
			break;
		}
		default:
			if (!one(p, it, s))
				return NULL;
			s++;
		}
	}
}

const char *pattern_match(struct pattern *p, const char *s)
{
	work(p, 1);
	return run(p, p->items, s);
}

void pattern_push_one(struct pattern *p, int i, const char *from, const char *to)
{
	if (i >= p->ncaptures) {
		if (i)
			luaL_error(p->L, "invalid capture index %%%d", i + 1);
		lua_pushlstring(p->L, from, (size_t)(to - from));
	} else if (p->captures[i].len < 0) {
		lua_pushinteger(p->L, p->captures[i].at - p->subject + 1);
	} else {
		lua_pushlstring(p->L, p->captures[i].at, (size_t)p->captures[i].len);
	}
}

int pattern_push(struct pattern *p, const char *from, const char *to, bool whole)
{
	int n = p->ncaptures ? p->ncaptures : whole;
	luaL_checkstack(p->L, n, "too many captures");
	for (int i = 0; i < n; i++)
		pattern_push_one(p, i, from, to);
	return n;
}
