/* pattern.h — Lua's patterns (manual §6.4.1) with a matcher that a budget can stop.
 * Flow:   pattern_compile() turns the text into items, pattern_match() tries them at one place.
 * Why own: stock matching backtracks in C, where no hook runs. No cap on sizes bounds that — ten
 *         ".-" in a row over one kilobyte are 10^23 steps — and leaving it to the watchdog of the
 *         process would answer a slip in a pattern by starting the engine anew and, the second
 *         time, by leaving the plugin out, where a budget's error with file and line will do.
 * Owns:   items live in the given array or in a userdata left on the Lua stack.
 * Errors: raised: malformed patterns, and the kill when time is over. */
#ifndef CX_LUA_PATTERN_H
#define CX_LUA_PATTERN_H

#include "lua/inside.h"

enum { PATTERN_CAPTURES = 32, PATTERN_LOCAL = 48, PATTERN_REPEATS = 150 };

enum item_op {
	ITEM_END,
	ITEM_CHAR,
	ITEM_ANY,
	ITEM_SET,
	ITEM_OPEN,
	ITEM_PLACE,
	ITEM_CLOSE,
	ITEM_BALANCE,
	ITEM_FRONTIER,
	ITEM_BACK,
	ITEM_EOS
};

struct item {
	uint8_t op, repeat; /* repeat: 0 * + - ? */
	uint8_t c, d;       /* character, capture, or the two of %b */
	uint64_t set[4];
};

struct pattern {
	lua_State *L;
	const struct item *items;
	bool anchored;
	int ncaptures;
	uint32_t steps;
	const char *subject, *end;
	struct {
		const char *at;
		ptrdiff_t len; /* PLACE: -1 */
	} captures[PATTERN_CAPTURES];
};

/* local: PATTERN_LOCAL items; a longer pattern pushes one userdata. anchor: '^' means the start. */
void pattern_compile(lua_State *L, struct pattern *p, const char *text, size_t n, bool anchor,
	struct item *local);
/* NULL: no match that begins at s; else its end, with captures filled. */
const char *pattern_match(struct pattern *p, const char *s);
/* Pushes the captures, or the whole match where there are none; their number. */
int pattern_push(struct pattern *p, const char *from, const char *to, bool whole);
void pattern_push_one(struct pattern *p, int i, const char *from, const char *to);

#endif
