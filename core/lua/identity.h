/* identity.h — what makes a definition this one: hashes of functions, cubes and KPIs (plugins.md).
 * Flow:   function_identity() looks at a function of a plugin that is loaded;
 *         resolve.c plugin_identify() when names are pointers.
 * A function is its bytecode without line numbers and names of locals, its constants, and all it
 * reaches through upvalues: tables by sorted keys, functions likewise, library functions by name,
 * cx.config as the plugin's values, cx.due and its like as what [calendar] says. What cannot be
 * looked into (a coroutine, a table as a key) stands for all of the plugin's sources. So a comment
 * changes nothing, and no helper escapes. Callers: lua/ only. Owns: nothing; names in a function_id
 * live in the arena. Errors: a walk that needs more memory than the plugin may have stands for its
 * sources too. */
#ifndef CX_LUA_IDENTITY_H
#define CX_LUA_IDENTITY_H

#include "lua/plugin.h"

struct function_id {
	char hash[65];
	bool any_field;     /* it may read any field of an event: names are made as it runs */
	const char **texts; /* texts it reaches, sorted: names of the fields that it may read */
	int ntexts;
};
/* Of the function behind a handle; 0: empty. Called with the plugin loaded. */
void function_identity(struct plugin *p, int handle, struct function_id *id, struct arena *a);

/* Sets the hash of each KPI: all it declares, and its functions; and the identity of each cube: all
 * that its cells depend on. Once names are pointers, and the code is there. */
void plugin_identify(struct plugin *p);
/* Of what a choice's candidates depend on: the declarations of key and rank. */
void choice_identity(const struct measure *m, char hash[65]);

#endif
