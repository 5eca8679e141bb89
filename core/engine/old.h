/* old.h — plugins as they were: the functions of what journeys and SOP runs began on and the
 * plugins in force declare otherwise by now. Flow:   old_plugin() loads the sources of that hash
 * (plugin_source) when one of their functions is to be called; at most [lua] old_versions stay
 * loaded, the least used goes first. They see today's conf, and have the budgets of a plugin.
 * Callers: sop_run.c, journeys.c. Owns: eng->olds; a plugin is there until the next call.
 * Errors: of the plugin, as any call of its code. A plugin that is off now is off here too. */
#ifndef CX_ENGINE_OLD_H
#define CX_ENGINE_OLD_H

#include "engine/engine.h"

/* NULL: f says why. */
struct plugin *old_plugin(
	struct engine *eng, struct str plugin, struct str hash, struct lua_fail *f);
void old_free(struct engine *eng); /* all of them; none may be running */

#endif
