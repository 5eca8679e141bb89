/* sandbox.h — the libraries a plugin sees: allow-listed, read-only, without clock, chance or files.
 * Flow:   sandbox_open() runs once per isolate (protected): it builds the private tables, the
 *         runtime's environment, and the plugin's globals, a read-only view.
 * Owns:   three registry values: the globals behind the view, the view, the runtime's environment.
 * Errors: raises (memory only). */
#ifndef CX_LUA_SANDBOX_H
#define CX_LUA_SANDBOX_H

#include "lua/inside.h"

int sandbox_open(lua_State *L);
void sandbox_push_view(lua_State *L);    /* _ENV of plugin chunks */
void sandbox_push_globals(lua_State *L); /* what the view shows */
void sandbox_push_runtime(lua_State *L); /* _ENV of runtime chunks */
bool sandbox_is_frozen(lua_State *L, int index);

#endif
