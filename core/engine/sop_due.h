/* sop_due.h — runs under embargo, as a kind of what is due (timers.h): the events of their end go
 * out when it is over. Callers: timers.c. Errors: as in timers.h. */
#ifndef CX_ENGINE_SOP_DUE_H
#define CX_ENGINE_SOP_DUE_H

#include "engine/timers.h"

int sop_next(struct ingest *in, bool past, struct due *d, struct cx_err *e);
int sop_fire(struct ingest *in, const struct due *d, const struct firing *f);
int sop_struck(struct store *s, int64_t id, struct cx_err *e);

#endif
