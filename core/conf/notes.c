#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/nearest.h"
#include "conf/table.h"

struct notes {
	const struct conf *c;
	conf_note *tell;
	void *ctx;
};

static void later(const struct notes *n, const struct conf_place *s)
{
	char msg[160];
	snprintf(msg, sizeof msg,
		CX_T("[%s] não existe nesta versão: ignorado",
			"[%s] is not available in this version: ignored"),
		s->section);
	n->tell(n->ctx, CONF_LATER, s->line, msg);
}

static bool has_lua(const struct conf *c, const char *name)
{
	char path[1200];
	struct stat st;
	snprintf(path, sizeof path, "%s/%.80s/plugin.lua", c->plugins_path, name);
	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The folders of [plugins] path, sorted; -1: it cannot be read, which is said elsewhere. */
static int folders(const struct conf *c, char ***names)
{
	int n = 0;
	DIR *dir = opendir(c->plugins_path);
	*names = NULL;
	if (!dir)
		return -1;
	for (struct dirent *d; (d = readdir(dir));) {
		char path[1400];
		struct stat st;
		snprintf(path, sizeof path, "%s/%s", c->plugins_path, d->d_name);
		if (d->d_name[0] == '.' || stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
			continue;
		*names = xrealloc(*names, (size_t)(n + 1) * sizeof **names);
		(*names)[n++] = xstrdup(d->d_name);
	}
	closedir(dir);
	if (n)
		qsort(*names, (size_t)n, sizeof **names, by_text);
	return n;
}

/* A section [plugin:NAME] that nobody reads. */
static void no_plugin(const struct notes *n, const struct conf_place *s, char **names, int count)
{
	const struct conf *c = n->c;
	const char *name = s->section + strlen("plugin:");
	char msg[400];
	struct nearest near = {.word = name};
	bool there = has_lua(c, name);
	if (there && conf_plugin_enabled(c, name))
		return;
	for (int i = 0; i < count; i++)
		if (has_lua(c, names[i]) && conf_plugin_enabled(c, names[i]))
			nearest_try(&near, names[i]);
	if (there)
		snprintf(msg, sizeof msg,
			CX_T("[%s]: o plugin não está em [plugins] enable = %s%s",
				"[%s]: the plugin is not in [plugins] enable = %s%s"),
			s->section, c->plugins_enable, nearest_hint(&near, "[plugin:", "]"));
	else
		snprintf(msg, sizeof msg,
			CX_T("[%s]: não há %s/%s/plugin.lua%s",
				"[%s]: there is no %s/%s/plugin.lua%s"),
			s->section, c->plugins_path, name, nearest_hint(&near, "[plugin:", "]"));
	n->tell(n->ctx, CONF_NO_PLUGIN, s->line, msg);
}

void conf_notes(const struct conf *c, conf_note *tell, void *ctx)
{
	const struct notes n = {c, tell, ctx};
	char **names, msg[1600];
	int count = folders(c, &names);
	for (int i = 0; i < c->nsections; i++) {
		if (strncmp(c->sections[i].section, "calendar:", 9) == 0)
			continue;
		if (strncmp(c->sections[i].section, "plugin:", 7) != 0)
			later(&n, &c->sections[i]);
		else if (count >= 0)
			no_plugin(&n, &c->sections[i], names, count);
	}
	for (int i = 0; i < count; i++)
		if (!has_lua(c, names[i])) {
			snprintf(msg, sizeof msg,
				CX_T("%s/%s não tem plugin.lua: não é um plugin",
					"%s/%s has no plugin.lua: it is no plugin"),
				c->plugins_path, names[i]);
			tell(ctx, CONF_NO_LUA, 0, msg);
		}
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
}
