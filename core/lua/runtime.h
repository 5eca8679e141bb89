/* runtime.h — the host's own Lua, embedded in the binary from core/lua/runtime/.
 * Owns:   static text. Errors: NULL for an unknown name. */
#ifndef CX_LUA_RUNTIME_H
#define CX_LUA_RUNTIME_H

#include <stddef.h>

enum {
	RUNTIME_TEXTS =
#define X(name) 1 +
#include "lua/runtime.def"
#undef X
		0
};

const char *runtime_text(const char *name, size_t *len); /* "report" for runtime/report.lua */

#endif
