#include "lua/hostcall.h"

void hostcall_begin(struct hostcall *h)
{
	arena_reset(&h->arena);
	buf_clear(&h->in);
	buf_clear(&h->out);
	h->e = (struct cx_err){0};
}

void hostcall_free(struct hostcall *h)
{
	arena_free(&h->arena);
	buf_free(&h->in);
	buf_free(&h->out);
}

int hostcall_raise(lua_State *L, const struct cx_err *e)
{
	const char *said = e->msg[0] ? e->msg : cx_err_title(e->code);
	if (e->code == CX_E_BAD_QUERY && e->field[0])
		lua_pushfstring(L, "%s: %s", e->field, said);
	else
		lua_pushstring(L, said);
	return lua_error(L);
}

void hostcall_functions(lua_State *L, const luaL_Reg *functions, void *owner)
{
	lua_pushlightuserdata(L, owner);
	luaL_setfuncs(L, functions, 1);
}

void *hostcall_owner(lua_State *L)
{
	return lua_touserdata(L, lua_upvalueindex(1));
}

int hostcall_kpi(lua_State *L, struct hostcall *h, int index, hostcall_kpi_fn *kpi, void *ctx)
{
	struct kpi_param *p;
	int n;
	const char *id = lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : NULL;
	hostcall_begin(h);
	if (!id)
		return luaL_error(L,
			CX_T("kpi: o id é um texto, não %s", "kpi: the id is a text, not %s"),
			luaL_typename(L, index));
	int rc = lua_to_params(L, index + 1, &p, &n, &h->arena, &h->e);
	if (rc >= 0)
		rc = kpi(ctx, id, p, n, &h->out, &h->e);
	if (rc < 0)
		return hostcall_raise(L, &h->e);
	lua_push_json(L, h->out.p, h->out.len);
	return 1;
}
