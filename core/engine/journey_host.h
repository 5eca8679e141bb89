/* journey_host.h — what the fold of a journey asks the engine for, and what it does with the
 * effects.
 * Callers: journeys.c, journey_fold.c. Owns: nothing. Errors: as journeys.h. */
#ifndef CX_ENGINE_JOURNEY_HOST_H
#define CX_ENGINE_JOURNEY_HOST_H

#include "engine/journeys.h"

/* Fills in what a call asks for. */
void journey_host(struct ingest *in, struct journey_ask *ask);
/* An event of the log with its fields: 1, 0 it is gone or of no known type, <0 lost. */
int journey_event_open(struct ingest *in, int64_t seq, struct event *ev);
/* A row in `failed` for an event that fails when its key is folded again, unless there is one. */
int journey_failed_again(struct ingest *in, const struct plugin *p, const struct plugin_journey *j,
	int64_t seq, const struct lua_fail *fail);
/* on_late that failed, by the arg of its row: 1 done, 0 it failed (f), <0 lost. */
int journey_late_again(struct ingest *in, struct plugin *p, const struct plugin_journey *j,
	const char *arg, struct lua_fail *f);
/* The definition of that version, and the plugin that runs it, in the place of those in force: 1, 0
 * it is not to be had (f), <0 lost. */
int journey_version(struct ingest *in, struct plugin **p, const struct plugin_journey **j,
	int64_t version, struct lua_fail *f);
/* The definition in force has its row, also of a plugin that was off when it was loaded: as above.
 */
int journey_ready(
	struct ingest *in, struct plugin *p, const struct plugin_journey *j, struct lua_fail *f);

#endif
