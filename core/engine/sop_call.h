/* sop_call.h — a request about runs of checklists: who may see and write which, and how its body is
 * read.
 * Callers: sops_write.c, answer_sops.c. Owns: the body's nodes, until sop_call_free().
 * Errors: as routes say; another unit's run is not there. */
#ifndef CX_ENGINE_SOP_CALL_H
#define CX_ENGINE_SOP_CALL_H

#include "engine/sop_run.h"

/* Whoever is bound to a unit sees that unit's; 404 for others. */
int sop_call_run(struct engine *eng, const struct frame *f, struct sop_run *r, struct arena *a,
	struct cx_err *e);
/* May this caller know that there is such a run? */
bool sop_call_sees(const struct frame *f, const struct sop_run *r);
/* Does its embargo hide score and answers from this caller? */
bool sop_call_hides(const struct frame *f, const struct sop_run *r);

#endif
