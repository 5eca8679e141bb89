/* batch.h — group commit: whatever arrived while the last batch was being flushed is the next one.
 * Flow:   batch_take() for each job frame; batch_run(): BEGIN, each job, cells, COMMIT, answers.
 *         A single event is one job; a POSTed batch takes a step of at most POST_STEP events in
 * each transaction, so that it stalls nobody. Errors: if the transaction is lost (disk full, I/O
 * error: SQLite may roll all of it back), nobody was told anything yet: every job runs again in a
 * transaction of its own; one that fails there is answered 503. COMMIT failing is the same. Owns:
 * frames taken point into the caller's input buffer until batch_run() returns; the bodies of POSTed
 * batches are copied. Answers are appended to out. */
#ifndef CX_ENGINE_BATCH_H
#define CX_ENGINE_BATCH_H

#include "engine/post.h"

struct batch;
struct batch *batch_new(struct ingest *in);
void batch_free(struct batch *b);

bool batch_full(const struct batch *b); /* run it before taking more */
bool batch_idle(const struct batch *b); /* nothing taken, no POSTed batch under way */
void batch_take(struct batch *b, const struct frame *f, struct buf *out);
void batch_run(struct batch *b, struct buf *out);

/* The answer of a job, as a frame. headers as in base/job.h, NULL: none. */
void batch_answer(struct buf *out, const struct job_head *job, int status,
	const struct buf *headers, const struct buf *body);

#endif
