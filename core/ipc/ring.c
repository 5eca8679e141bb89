#include "ipc/ring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/buf.h"

enum { BYTES_MIN = 64 * 1024, JOBS_MIN = 64, PIECES = 64 };
static const size_t keep_max = 4u << 20; /* an empty ring gives more than this back */

void ring_init(struct ring *r, size_t limit)
{
	*r = (struct ring){.limit = limit};
}

void ring_free(struct ring *r)
{
	free(r->p);
	free(r->jobs);
	*r = (struct ring){.limit = r->limit};
}

size_t ring_bytes(const struct ring *r)
{
	return (size_t)(r->tail - r->head);
}

bool ring_full(const struct ring *r)
{
	return ring_bytes(r) >= r->limit;
}

static struct ring_job *entry(const struct ring *r, uint64_t i)
{
	return &r->jobs[i & (r->njobs_cap - 1)];
}

/* Copies between the circle and flat memory. */
static void put(struct ring *r, uint64_t at, const void *p, size_t n)
{
	size_t i = at & (r->cap - 1), flat = r->cap - i < n ? r->cap - i : n;
	if (flat)
		memcpy(r->p + i, p, flat);
	if (n > flat)
		memcpy(r->p, (const char *)p + flat, n - flat);
}

static void get(const struct ring *r, uint64_t at, void *p, size_t n)
{
	size_t i = at & (r->cap - 1), flat = r->cap - i < n ? r->cap - i : n;
	memcpy(p, r->p + i, flat);
	if (n > flat)
		memcpy((char *)p + flat, r->p, n - flat);
}

static void grow_bytes(struct ring *r, size_t need)
{
	size_t cap = r->cap ? r->cap : BYTES_MIN;
	while (cap < need)
		cap *= 2;
	if (cap == r->cap)
		return;
	struct ring old = *r;
	r->p = xmalloc(cap);
	r->cap = cap;
	for (uint64_t at = old.head; at < old.tail;) { /* whole old pieces up to its wrap */
		size_t i = at & (old.cap - 1), n = old.cap - i;
		if (n > old.tail - at)
			n = (size_t)(old.tail - at);
		put(r, at, old.p + i, n);
		at += n;
	}
	free(old.p);
}

static void grow_jobs(struct ring *r)
{
	if (r->end - r->first < r->njobs_cap)
		return;
	struct ring old = *r;
	r->njobs_cap = old.njobs_cap ? old.njobs_cap * 2 : JOBS_MIN;
	r->jobs = xcalloc(r->njobs_cap, sizeof *r->jobs);
	for (uint64_t i = old.first; i < old.end; i++)
		*entry(r, i) = *entry(&old, i);
	free(old.jobs);
}

int ring_add(struct ring *r, const struct job_head *head, const char *meta, const char *body,
	void *owner, int64_t now_us)
{
	size_t n = sizeof *head + head->meta_len + head->body_len;
	if (ring_bytes(r) > 0 && ring_bytes(r) + n > r->limit)
		return -1;
	grow_bytes(r, ring_bytes(r) + n);
	grow_jobs(r);
	*entry(r, r->end++) = (struct ring_job){.job = head->job,
		.at = r->tail,
		.len = (uint32_t)n,
		.since_us = now_us,
		.owner = owner};
	put(r, r->tail, head, sizeof *head);
	put(r, r->tail + sizeof *head, meta, head->meta_len);
	put(r, r->tail + sizeof *head + head->meta_len, body, head->body_len);
	r->tail += n;
	r->waiting++;
	return 0;
}

/* Adds [at, at+n) to the list; neighbours become one piece. */
static int piece(const struct ring *r, struct iovec *v, int n, uint64_t at, size_t len)
{
	while (len) {
		size_t i = at & (r->cap - 1), flat = r->cap - i < len ? r->cap - i : len;
		char *p = r->p + i;
		if (n && (char *)v[n - 1].iov_base + v[n - 1].iov_len == p)
			v[n - 1].iov_len += flat;
		else
			v[n++] = (struct iovec){p, flat};
		at += flat;
		len -= flat;
	}
	return n;
}

static bool skipped(const struct ring *r, uint64_t i)
{
	return entry(r, i)->done && !(i == r->cursor && r->cursor_off);
}

static int collect(const struct ring *r, struct iovec *v)
{
	int n = 0;
	for (uint64_t i = r->cursor; i < r->end && n < PIECES - 2; i++) {
		const struct ring_job *j = entry(r, i);
		uint32_t off = i == r->cursor ? r->cursor_off : 0;
		if (!skipped(r, i))
			n = piece(r, v, n, j->at + off, j->len - off);
	}
	return n;
}

static void advance(struct ring *r, size_t n)
{
	while (r->cursor < r->end && (n || skipped(r, r->cursor))) {
		struct ring_job *j = entry(r, r->cursor);
		if (!skipped(r, r->cursor)) {
			size_t left = j->len - r->cursor_off;
			j->sent = true;
			if (n < left) {
				r->cursor_off += (uint32_t)n;
				return;
			}
			n -= left;
		}
		r->cursor++;
		r->cursor_off = 0;
	}
}

/* Gives back what is done at the head. */
static void drop(struct ring *r)
{
	while (r->first < r->end && skipped(r, r->first)) {
		r->head = entry(r, r->first)->at + entry(r, r->first)->len;
		if (r->cursor == r->first)
			r->cursor++;
		r->first++;
	}
	if (r->first == r->end && r->cap > keep_max) {
		free(r->p);
		r->p = NULL;
		r->cap = 0;
	}
}

bool ring_unsent(const struct ring *r)
{
	return r->cursor < r->end;
}

int ring_write(struct ring *r, int fd)
{
	struct iovec v[PIECES];
	int n;
	while ((n = collect(r, v)) > 0) {
		ssize_t w = writev(fd, v, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 1 : -1;
		advance(r, (size_t)w);
	}
	advance(r, 0);
	drop(r);
	return 0;
}

struct ring_job *ring_find(struct ring *r, uint64_t job)
{
	uint64_t lo = r->first, hi = r->end;
	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;
		if (entry(r, mid)->job < job)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == r->end || entry(r, lo)->job != job || entry(r, lo)->done)
		return NULL;
	return entry(r, lo);
}

void ring_done(struct ring *r, struct ring_job *j)
{
	j->done = true;
	j->owner = NULL;
	r->waiting--;
	drop(r);
}

struct ring_job *ring_next(struct ring *r, uint64_t *it)
{
	if (*it < r->first)
		*it = r->first;
	while (*it < r->end) {
		struct ring_job *j = entry(r, (*it)++);
		if (!j->done)
			return j;
	}
	return NULL;
}

static void change_head(
	struct ring *r, const struct ring_job *j, int flag, const char *off, uint32_t item)
{
	struct job_head h;
	get(r, j->at, &h, sizeof h);
	h.flags |= (uint16_t)flag;
	if (off) {
		snprintf(h.off, sizeof h.off, "%s", off);
		h.off_item = item;
	}
	put(r, j->at, &h, sizeof h);
}

void ring_rewind(struct ring *r)
{
	struct ring_job *j;
	r->cursor = r->first;
	r->cursor_off = 0;
	drop(r);
	for (uint64_t it = 0; (j = ring_next(r, &it));) {
		if (!j->sent)
			continue;
		j->sent = false;
		j->deaths++;
		change_head(r, j, JOB_REPLAY, NULL, 0);
	}
}

void ring_without(struct ring *r, struct ring_job *j, const char *plugin, uint32_t item)
{
	j->off++;
	change_head(r, j, JOB_NO_PLUGIN, plugin, item);
}
