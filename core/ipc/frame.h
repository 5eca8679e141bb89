/* frame.h — job_head + meta + body over a socketpair; see base/job.h for what they mean.
 * Flow:   front: frames are appended to the ring (ring.h) and written from there; read side uses
 *         frame_parse() on its input buffer. Engines and cli: frame_read()/frame_write(), blocking.
 * Errors: 0 more needed / 1 a frame / -1 the other end broke the protocol or is gone. */
#ifndef CX_IPC_FRAME_H
#define CX_IPC_FRAME_H

#include "base/buf.h"
#include "base/job.h"

struct frame {
	struct job_head head;
	const char *meta, *body; /* into the buffer it was parsed from */
};

/* Looks at the bytes from in->p + at. 1: *f points into in, *size is what it took. */
int frame_parse(const struct buf *in, size_t at, struct frame *f, size_t *size);
/* Appends a whole frame; head->meta_len and body_len say the sizes. */
void frame_add(struct buf *out, const struct job_head *head, const char *meta, const char *body);

/* Blocking ends. frame_fill reads what is there, waiting timeout_ms (-1: for ever) for the first
 * byte: bytes read, 0 on timeout, -1 at the end of the stream. */
int frame_fill(int fd, struct buf *in, int timeout_ms);
int frame_flush(int fd, struct buf *out); /* writes all of it; 0 or -1 */

#endif
