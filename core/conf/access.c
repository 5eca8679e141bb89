#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/load.h"
#include "conf/nearest.h"

/* "frontline b07" or "manager". */
void conf_access_add(struct conf_reading *r, struct conf *c, const char *key, const char *value)
{
	struct conf_access a = {.gid = strncmp(key, "gid.", 4) == 0};
	char level[32] = "", unit[128] = "", more[2] = "", *end;
	bool named = a.gid || strncmp(key, "uid.", 4) == 0;
	errno = 0;
	unsigned long long id = strtoull(named ? key + 4 : "x", &end, 10);
	if (!named || end == key + 4 || *end || errno || id >= UINT32_MAX || strpbrk(key, "+- ")) {
		conf_mistake(r, CX_E_UNKNOWN_FIELD, key,
			CX_T("em [access] a chave é uid.NÚMERO ou gid.NÚMERO, não %s",
				"in [access] the key is uid.NUMBER or gid.NUMBER, not %s"),
			key);
		return;
	}
	a.id = (uint32_t)id;
	sscanf(value, "%31s %127s %1s", level, unit, more);
	if (level_parse(level, &a.level) != 0) {
		struct nearest near = {.word = level, .best = NULL};
		for (int l = LEVEL_FRONTLINE; l <= LEVEL_ADMIN; l++)
			nearest_try(&near, level_name((enum level)l));
		conf_mistake(r, CX_E_INVALID_FIELD, key,
			CX_T("nível desconhecido: \"%s\"%s", "unknown level: \"%s\"%s"), level,
			near.best
				? nearest_hint(&near, "")
				: CX_T("; existem frontline, manager, integrator e admin",
					  "; there are frontline, manager, integrator and admin"));
		return;
	}
	if (more[0] || strlen(unit) >= sizeof a.unit) {
		conf_mistake(r, CX_E_INVALID_FIELD, key,
			CX_T("depois do nível vem no máximo uma unidade, de até %d bytes",
				"after the level comes at most one unit, of up to %d bytes"),
			NAME_MAX_BYTES - 1);
		return;
	}
	memcpy(a.unit, unit, strlen(unit) + 1);
	c->access = xrealloc(c->access, (size_t)(c->naccess + 1) * sizeof a);
	c->access[c->naccess++] = a;
}
