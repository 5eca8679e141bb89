/* ring.h — the jobs one engine process has not answered yet, which is also its send buffer.
 * Flow:   ring_add() appends a job's frame; ring_write() sends what the socket takes; a result ends
 *         its job with ring_done(). After a death ring_rewind() puts the cursor back to the first
 *         unanswered job, so that the successor gets the same jobs again in the same order.
 *         Results may come in any order: bytes are given back from the head on.
 * Callers: the front (lane.c).
 * Owns:   copies of the frames; owner pointers are the caller's (NULL: nobody waits any more).
 * Errors: ring_add() -1: over the limit, answer 429. ring_write() -1: the other end is gone.
 * Units:  bytes; *_us of the caller's clock. */
#ifndef CX_IPC_RING_H
#define CX_IPC_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/job.h"

struct ring_job {
	uint64_t job, at; /* at: of its frame, counted from the ring's first byte ever */
	uint32_t len;
	bool done;
	uint8_t off;    /* how often it was sent again without a plugin's code */
	bool sent;      /* to the engine that runs now, at least in part */
	uint8_t deaths; /* engines that died holding it */
	int64_t since_us;
	void *owner;
};

struct ring {
	char *p; /* circular, cap is a power of two */
	size_t cap, limit;
	uint64_t head, tail;
	struct ring_job *jobs; /* circular too */
	uint32_t njobs_cap;
	uint64_t first, end, cursor; /* entries; cursor is the next to be written… */
	uint32_t cursor_off;         /* …of which these bytes went out already */
	uint32_t waiting;            /* jobs not done */
};

void ring_init(struct ring *r, size_t limit);
void ring_free(struct ring *r);

/* A job may be larger than the limit when it is alone. Job numbers must grow. */
int ring_add(struct ring *r, const struct job_head *head, const char *meta, const char *body,
	void *owner, int64_t now_us);
size_t ring_bytes(const struct ring *r);
bool ring_full(const struct ring *r);

int ring_write(struct ring *r, int fd); /* 0 all is out, 1 the socket is full, -1 gone */
bool ring_unsent(const struct ring *r); /* would ring_write() have anything to do? */

struct ring_job *ring_find(struct ring *r, uint64_t job); /* NULL: unknown, or done */
void ring_done(struct ring *r, struct ring_job *j);       /* j is not valid afterwards */
/* Unanswered jobs in order: *it begins at 0; NULL at the end. ring_done() on it is allowed. */
struct ring_job *ring_next(struct ring *r, uint64_t *it);

/* Jobs that were sent get JOB_REPLAY and count a death. */
void ring_rewind(struct ring *r);
/* From the next time on it is sent with JOB_NO_PLUGIN, off = plugin and off_item = item (job.h). */
void ring_without(struct ring *r, struct ring_job *j, const char *plugin, uint32_t item);

#endif
