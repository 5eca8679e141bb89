/* timer.h — timers of plugins, as a kind of what is due (timers.h).
 * Flow:   timer_next() asks for each plugin that runs; timer_fire() ends the row, sets the next one
 *         of an interval, and runs the function with tx and the arg. What it emits has the source
 *         /cxd/timer/PLUGIN/NAME and the timer's id with a position: the same when it fires again
 *         after the process died.
 * Callers: timers.c. Errors: as in timers.h. */
#ifndef CX_ENGINE_TIMER_H
#define CX_ENGINE_TIMER_H

#include "engine/timers.h"

int timer_next(struct ingest *in, bool past, struct due *d, struct cx_err *e);
int timer_fire(struct ingest *in, const struct due *d, const struct firing *f);

#endif
