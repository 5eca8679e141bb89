/* reader.h — a process that only reads: each job in a snapshot of its own, taken when it begins, so
 * that it sees every event acknowledged before.
 * Flow:   open (the set of plugins in force in the store), READY, then one job after the other.
 * Errors: a job's error is its answer; the exit code is for a store that cannot be opened. */
#ifndef CX_ENGINE_READER_H
#define CX_ENGINE_READER_H

#include "engine/engine.h"

int reader_main(struct engine *eng);
/* In a snapshot: takes what the writer has put in force since. */
int reader_refresh(struct engine *eng, struct cx_err *e);
/* Opens the store and the plugins in force, for every role that reads. */
int reader_open(struct engine *eng, struct cx_err *e);

#endif
