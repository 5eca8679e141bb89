/* reload.h — the plugins in the folders are put in force while the daemon serves.
 * Flow:   the front has them checked in a process of their own and sends the writer what was found
 *         (mistakes, hashes) as a job; between two batches reload_run() loads what changed beside
 * the set in force and swaps, in one transaction, or refuses the whole. Readers see the generation
 * at their next job. Callers: the writer. Errors: the reply says them; the set in force goes on. */
#ifndef CX_ENGINE_RELOAD_H
#define CX_ENGINE_RELOAD_H

#include "engine/ingest.h"

void reload_run(struct ingest *in, const struct frame *f, struct buf *reply, int *status);
/* Makes eng->set from these sources, which it takes over; what did not change stays. Not yet bound.
 * The set of before is in *old, to be left (plugin_set_leave) or taken back. */
int reload_load(struct engine *eng, struct plugin_sources *v, int n, struct plugin_set *old,
	struct cx_err *e);

#endif
