/* tracefigures.h — the part of one event in the figures, for GET /v1/trace/{id}: what it counts in
 * which measure of which KPI, from which it is left out and why, and of which choices
 * (latest, first) it is the one that counts.
 * Callers: trace.c, in a snapshot. A KPI that protects small groups says only that it does. */
#ifndef CX_ENGINE_TRACEFIGURES_H
#define CX_ENGINE_TRACEFIGURES_H

#include "engine/engine.h"

/* Appends "measures":[…] and "choices":[…] to the object that is open in b. */
int trace_figures(struct engine *eng, struct event *ev, struct buf *b, struct cx_err *e);

#endif
