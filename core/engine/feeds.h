/* feeds.h — what each CloudEvents source has sent: how many events, the last sequence number, and
 * the numbers that are missing, so that an app can prove that nothing of it was lost. Flow:   an
 * idle writer takes the log's new events into the table feed, slice by slice (feeds_fold); a reader
 * adds what is not in there yet by walking the rest (answer_sources). Live events pay nothing.
 * Rules:  the first number seen of a source begins it; a greater one than last + 1 leaves a gap;
 * one inside a gap fills it; one that was there changes nothing. Callers: writer, reader. */
#ifndef CX_ENGINE_FEEDS_H
#define CX_ENGINE_FEEDS_H

#include "engine/engine.h"

/* In a batch: 1 some events were taken in, 0 all are. *upto: the last one that is. */
int feeds_fold(struct engine *eng, int64_t *upto, struct cx_err *e);
/* What the table says against what the log up to there does; a reader's. */
int feeds_verify(struct engine *eng, void (*differs)(void *ctx, const char *what), void *ctx,
	struct cx_err *e);

#endif
