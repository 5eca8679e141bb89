/* once.h — a write that is no event is done once, however often its job comes: its answer is kept
 * with what it wrote, in the same transaction, and given again when the job is replayed after the
 * writer's death.
 * Callers: batch.c. Errors: negative: the store's; the batch is lost. */
#ifndef CX_ENGINE_ONCE_H
#define CX_ENGINE_ONCE_H

#include "engine/ingest.h"

/* 1: it was answered so; 0: it is new. Headers and body are appended. */
int once_before(struct ingest *in, const struct frame *f, struct buf *headers, struct buf *reply,
	int *status);
/* This is the answer. */
int once_keep(
	struct ingest *in, const struct frame *f, struct str headers, struct str reply, int status);

#endif
