#include "conf/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "conf/table.h"

static bool given_twice(struct conf_reading *r, struct conf_load *l, const char *section,
	const char *key, const char *value)
{
	for (int i = 0; i < l->npairs; i++) {
		struct conf_free *p = &l->pairs[i];
		if (strcmp(p->section, section) == 0 && strcmp(p->key, key) == 0) {
			conf_mistake(r, CX_E_INVALID_FIELD, key,
				CX_T("[%s] %s já foi dado na linha %d",
					"[%s] %s was given in line %d already"),
				section, key, p->line);
			return true;
		}
	}
	if ((l->npairs & (l->npairs - 1)) == 0)
		l->pairs = xrealloc(
			l->pairs, (l->npairs ? 2 * (size_t)l->npairs : 1) * sizeof *l->pairs);
	l->pairs[l->npairs++] =
		(struct conf_free){xstrdup(section), xstrdup(key), xstrdup(value), r->line};
	return false;
}

static void unknown_section(struct conf_reading *r, const char *section)
{
	struct nearest near = {.word = section};
	for (int i = 0; i < CONF_ROWS; i++)
		nearest_try(&near, conf_rows[i].section);
	nearest_try(&near, "access");
	for (int i = 0; conf_free_sections[i]; i++)
		nearest_try(&near, conf_free_sections[i]);
	conf_mistake(r, CX_E_UNKNOWN_FIELD, section,
		CX_T("seção desconhecida [%s]%s", "unknown section [%s]%s"), section,
		nearest_hint(&near, "[", "]"));
}

static void unknown_key(struct conf_reading *r, const char *section, const char *key)
{
	struct nearest near = {.word = key};
	const char *other = NULL;
	for (int i = 0; i < CONF_ROWS; i++) {
		if (strcmp(conf_rows[i].section, section) == 0)
			nearest_try(&near, conf_rows[i].key);
		if (strcmp(conf_rows[i].key, key) == 0)
			other = conf_rows[i].section;
	}
	if (near.best || !other)
		conf_mistake(r, CX_E_UNKNOWN_FIELD, key,
			CX_T("chave desconhecida em [%s]: %s%s", "unknown key in [%s]: %s%s"),
			section, key, nearest_hint(&near, "", ""));
	else
		conf_mistake(r, CX_E_UNKNOWN_FIELD, key,
			CX_T("%s não é chave de [%s]; ela é de [%s]",
				"%s is no key of [%s]; it is one of [%s]"),
			key, section, other);
}

/* "frontline b07" or "manager". */
static void add_access(struct conf_reading *r, struct conf *c, const char *key, const char *value)
{
	struct conf_access a = {.gid = strncmp(key, "gid.", 4) == 0, .line = r->line};
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
				? nearest_hint(&near, "", "")
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

static void add_section(struct conf *c, const char *section, int line)
{
	if (conf_line(c, section, NULL))
		return;
	c->sections = xrealloc(c->sections, (size_t)(c->nsections + 1) * sizeof *c->sections);
	c->sections[c->nsections++] = (struct conf_place){xstrdup(section), line};
}

static void on_line(struct conf_reading *r, const char *section, const char *key, const char *value)
{
	struct conf_load *l = r->ctx;
	bool freely = conf_is_free_section(section);
	if (!key) {
		if (!freely && !conf_is_section(section))
			unknown_section(r, section);
		else if (freely)
			add_section(l->c, section, r->line);
		return;
	}
	if (!section[0]) {
		conf_mistake(r, CX_E_UNKNOWN_FIELD, key,
			CX_T("%s está antes da primeira [seção]",
				"%s comes before the first [section]"),
			key);
		return;
	}
	int row = conf_row_find(section, key);
	if (!freely && !conf_is_section(section))
		return; /* said where it began */
	if (row < 0 && !freely && strcmp(section, "access") != 0) {
		unknown_key(r, section, key);
		return;
	}
	if (given_twice(r, l, section, key, value))
		return;
	char why[300];
	if (strcmp(section, "access") == 0)
		add_access(r, l->c, key, value);
	if (row < 0)
		return;
	l->given[row] = l->npairs; /* its pair, counted from 1 */
	if (!conf_set(l->c, &conf_rows[row], value, l->folder, why, sizeof why))
		conf_mistake(
			r, CX_E_INVALID_FIELD, key, "[%s] %s = %s: %s", section, key, value, why);
}

static char *folder_of(const char *file)
{
	const char *slash = strrchr(file, '/');
	char *dir =
		slash ? xstrndup(file, slash > file ? (size_t)(slash - file) : 1) : xstrdup(".");
	char *real = realpath(dir, NULL);
	if (!real)
		return dir;
	free(dir);
	return real;
}

static void set_default(struct conf_load *l, int row, struct cx_errs *errs)
{
	const struct conf_row *r = &conf_rows[row];
	char why[300];
	if (!conf_set(l->c, r, r->def, l->folder, why,
		    sizeof why)) { /* no tzdata, folder too deep… */
		cx_errs_add(errs, CX_E_INVALID_FIELD, r->key, "[%s] %s = %s: %s", r->section,
			r->key, r->def, why);
		if (conf_row_is_text(r))
			*(char **)((char *)l->c + r->at) = xstrdup("");
	}
}

void conf_load_begin(struct conf_load *l, struct conf *c, const char *file, const char *from,
	struct cx_errs *errs)
{
	const char *slash = strrchr(file, '/');
	struct buf path = {0};
	*c = (struct conf){0};
	*l = (struct conf_load){.c = c, .folder = folder_of(file)};
	buf_printf(&path, "%s/%s", strcmp(l->folder, "/") == 0 ? "" : l->folder,
		slash ? slash + 1 : file);
	c->file = buf_cstr(&path);
	struct conf_reading r = {.on = on_line, .file = file, .from = from, .errs = errs, .ctx = l};
	conf_read(&r);
	c->text = r.text;
	for (int i = 0; i < CONF_ROWS; i++) {
		char **text = (char **)((char *)c + conf_rows[i].at);
		if (!l->given[i])
			set_default(l, i, errs);
		else if (conf_row_is_text(&conf_rows[i]) && !*text) /* its value was refused */
			*text = xstrdup("");
	}
}

void conf_load_end(struct conf_load *l)
{
	for (int i = 0; i < l->npairs; i++) {
		free(l->pairs[i].section);
		free(l->pairs[i].key);
		free(l->pairs[i].value);
	}
	free(l->pairs);
	free(l->folder);
}
