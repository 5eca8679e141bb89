/* projector.h — the writer counts figures from the log while it serves: of cubes whose definition
 * is new or has changed (generation.c), beside the ones that answer until then. Flow:
 * projector_step() between two batches, each in a transaction of its own: a slice of the log into
 * all cubes that are not complete. First those rules of latest/first that are new get their
 * candidates. When the end of the log is reached, in that same transaction, all of them answer and
 * what was before goes (engine_settle). How it stays exact: a cube that is being counted holds the
 * events up to its `upto` as they stand now. The slice moves upto on; of a live event, count.h lets
 * such a cube have only what it changes of the events up to upto. Owns:   the positions are in the
 * store; a kill loses the slice at hand and nothing else. Errors: what the store says; the step is
 * undone and can be tried again. */
#ifndef CX_ENGINE_PROJECTOR_H
#define CX_ENGINE_PROJECTOR_H

#include "engine/ingest.h"

enum { PROJECTOR_EVENTS = 4000 };
/* About that long, and at most so many events (up to PROJECTOR_EVENTS). 1 there is more to do, 0
 * nothing is left. */
int projector_step(struct ingest *in, int64_t us, int events, struct cx_err *e);

#endif
