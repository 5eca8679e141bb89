/* failed.h — failed reactions, derives and measures: listed, and run again.
 * Flow:   a reader lists them (answers.h: answer_failed); failed_write() runs one again on its
 *         event, inside the batch. tx.now is now, tx.past is what it was. Success keeps the row as
 *         done, for traces; failure updates it. One that is done is not run again.
 * Callers: batch.c. Errors: negative: the transaction is lost. */
#ifndef CX_ENGINE_FAILED_H
#define CX_ENGINE_FAILED_H

#include "engine/ingest.h"

/* POST /v1/failed/{id}/retry */
int failed_write(struct ingest *in, const struct frame *f, struct buf *reply, int *status);
/* Appends a row as an object that stays open. */
void failed_json(struct buf *b, const struct failed_row *row);
/* "7" → 7; 0: no number above zero. */
int64_t failed_number(const char *text);

#endif
