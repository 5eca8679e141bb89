/* post.h — POST /v1/events and imports: one event, or a batch that takes several transactions.
 * Flow:   post_single() answers at once. A batch is post_batch_new() (its body is split and kept),
 *         then post_batch_step() once per transaction until done, then post_batch_reply().
 * Errors: replies are problem+json of the right status; a lost batch is told by the negative value
 *         together with in->store_failed. */
#ifndef CX_ENGINE_POST_H
#define CX_ENGINE_POST_H

#include "engine/ingest.h"

enum { POST_STEP = 1000 }; /* events in one transaction */

/* How a body has to be read, by its content type and ce-* headers. */
enum post_mode { POST_NONE, POST_PLAIN, POST_STRUCTURED, POST_BINARY, POST_ARRAY, POST_LINES };
enum post_mode post_mode(const struct frame *f);

/* Appends the answer to reply and sets *status. */
int post_single(struct ingest *in, const struct frame *f, struct buf *reply, int *status);

struct post_batch;
/* NULL: refused as a whole, answer in reply and *status. */
struct post_batch *post_batch_new(
	struct ingest *in, const struct frame *f, struct buf *reply, int *status);
void post_batch_free(struct post_batch *b);
const struct job_head *post_batch_head(const struct post_batch *b);
/* Stores the next events, at most max; *done when none are left. After a lost transaction call
 * post_batch_undo() and step again. */
int post_batch_step(struct ingest *in, struct post_batch *b, uint32_t max, bool *done);
void post_batch_undo(struct post_batch *b); /* back to before the last step */
void post_batch_reply(struct post_batch *b, struct buf *reply, int *status);

#endif
