#include "lua/functext.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "lua/bind.h"

/* Chunks are named "@plugins/NAME/PATH" (isolate_new). */
static const struct source_file *file_of(const struct plugin *p, const lua_Debug *at)
{
	char name[320];
	for (int i = 0; i < p->nfiles; i++) {
		snprintf(name, sizeof name, "@plugins/%s/%s", p->name, p->files[i].path);
		if (strcmp(at->source, name) == 0)
			return &p->files[i];
	}
	return NULL;
}

static const char *line_end(const char *s)
{
	const char *nl = strchr(s, '\n');
	return nl ? nl : s + strlen(s);
}

/* White space that all of the lines begin with; the first may stand further right. */
static size_t indentation(const char *from, int lines)
{
	size_t least = SIZE_MAX;
	for (int i = 0; i < lines && *from; i++) {
		size_t n = strspn(from, " \t");
		const char *end = line_end(from);
		if (from + n < end && n < least)
			least = n;
		from = *end ? end + 1 : end;
	}
	return least;
}

static void take_lines(struct buf *out, const char *text, int first, int last)
{
	const char *s = text;
	for (int i = 1; i < first && *s; i++) {
		s = line_end(s);
		s += *s == '\n';
	}
	size_t cut = indentation(s, last - first + 1);
	for (int i = first; i <= last && *s; i++) {
		const char *end = line_end(s);
		size_t n = (size_t)(end - s), skip = n < cut ? n : cut;
		buf_add(out, s + skip, n - skip);
		if (i < last)
			buf_puts(out, "\n");
		s = *end ? end + 1 : end;
	}
}

bool function_text(struct plugin *p, int handle, struct function_text *out)
{
	struct lua_fail f;
	lua_Debug at;
	*out = (struct function_text){0};
	if (!handle || p->state != PLUGIN_RUNNING || plugin_push(p, handle, &f) < 0)
		return false;
	lua_State *L = isolate_state(p->iso);
	bool is_function = lua_isfunction(L, -1);
	if (is_function)
		lua_getinfo(L, ">S", &at);
	else
		lua_pop(L, 1);
	const struct source_file *file = is_function && at.linedefined > 0 ? file_of(p, &at) : NULL;
	if (!file)
		return false;
	out->path = file->path;
	out->line = at.linedefined;
	take_lines(&out->text, file->text, at.linedefined, at.lastlinedefined);
	return true;
}
