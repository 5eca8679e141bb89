#include "ipc/frame.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { READ_MORE = 256 * 1024 };
static const uint32_t frame_max = 64u << 20;

int frame_parse(const struct buf *in, size_t at, struct frame *f, size_t *size)
{
	if (in->len - at < sizeof f->head)
		return 0;
	memcpy(&f->head, in->p + at, sizeof f->head);
	if (f->head.meta_len > frame_max || f->head.body_len > frame_max)
		return -1;
	size_t all = sizeof f->head + f->head.meta_len + f->head.body_len;
	if (in->len - at < all)
		return 0;
	f->meta = in->p + at + sizeof f->head;
	f->body = f->meta + f->head.meta_len;
	*size = all;
	return 1;
}

void frame_add(struct buf *out, const struct job_head *head, const char *meta, const char *body)
{
	buf_reserve(out, sizeof *head + head->meta_len + head->body_len);
	buf_add(out, head, sizeof *head);
	buf_add(out, meta, head->meta_len);
	buf_add(out, body, head->body_len);
}

int frame_fill(int fd, struct buf *in, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int ready = poll(&p, 1, timeout_ms);
	if (ready == 0 || (ready < 0 && errno == EINTR))
		return 0;
	buf_reserve(in, READ_MORE);
	ssize_t n = read(fd, in->p + in->len, in->cap - in->len - 1);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -1;
	if (n == 0)
		return -1;
	in->len += (size_t)n;
	return (int)n;
}

int frame_flush(int fd, struct buf *out)
{
	size_t done = 0;
	while (done < out->len) {
		ssize_t n = write(fd, out->p + done, out->len - done);
		if (n < 0 && errno == EAGAIN) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};
			poll(&p, 1, -1);
		} else if (n < 0 && errno != EINTR) {
			return -1;
		} else if (n > 0) {
			done += (size_t)n;
		}
	}
	buf_clear(out);
	return 0;
}
