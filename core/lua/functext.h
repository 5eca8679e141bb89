/* functext.h — the source text of a plugin's function, for people who ask how a figure is made.
 * Callers: engine/answer_explain.c. The text is whole lines of the plugin's file, from where the
 *         function begins to where it ends, without their common indentation. */
#ifndef CX_LUA_FUNCTEXT_H
#define CX_LUA_FUNCTEXT_H

#include "lua/plugin.h"

struct function_text {
	const char *path; /* within the plugin's folder; the plugin's */
	int line;
	struct buf text;
};
/* false: there is none (handle 0, or the plugin does not run). The caller frees text. */
bool function_text(struct plugin *p, int handle, struct function_text *out);

#endif
