/* reload.h — the plugins in the folders, and their part of conf, are put in force while the daemon
 * serves.
 * Flow:   the front has them checked in a process of their own, which sends what it found
 * (mistakes, notes: meta) and what it read (reload_pack(): body); the front makes that a job of the
 *         writer. reload_run() loads what changed of just that beside the set in force, which goes
 *         on with batches in between, and swaps between two of them, in one transaction, or refuses
 *         the whole. Readers see the generation at their next job.
 * Callers: the writer; readers for what they have to load. Errors: the reply says them; the set in
 *         force goes on. */
#ifndef CX_ENGINE_RELOAD_H
#define CX_ENGINE_RELOAD_H

#include "engine/ingest.h"

/* m: batches while plugins are loaded, without jobs that change which plugins run. */
void reload_run(struct ingest *in, const struct frame *f, const struct meanwhile *m,
	struct buf *reply, int *status);
/* What the check read, as the body of the job. */
void reload_pack(const struct conf *c, const struct plugin_sources *v, int n, struct buf *out);

struct reload_old { /* what was in force */
	struct plugin_set set;
	struct conf *conf;
};
/* Makes eng->set from these sources and eng->conf from c (NULL: as the process was started), both
 * of which it takes over; what did not change stays. Not yet bound. Then either of the others. */
int reload_load(struct engine *eng, struct conf *c, struct plugin_sources *v, int n,
	const struct meanwhile *m, struct reload_old *old, struct cx_err *e);
void reload_done(struct engine *eng, struct reload_old *old);
void reload_undo(struct engine *eng, struct reload_old *old);

#endif
