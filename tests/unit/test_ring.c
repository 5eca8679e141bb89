/* The job ring: order, replay, limits, and bytes that survive every wrap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/frame.h"
#include "ipc/ring.h"

static int add(struct ring *r, uint64_t job, const char *body, size_t n)
{
	struct job_head h = {.kind = FRAME_JOB, .job = job, .body_len = (uint32_t)n};
	return ring_add(r, &h, NULL, body, (void *)(uintptr_t)job, (int64_t)job);
}

struct pipe_end {
	int fd[2];
	struct buf in;
};

static void pair(struct pipe_end *p)
{
	memset(p, 0, sizeof *p);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p->fd), 0);
	fcntl(p->fd[0], F_SETFL, O_NONBLOCK);
}

static void unpair(struct pipe_end *p)
{
	close(p->fd[0]);
	close(p->fd[1]);
	buf_free(&p->in);
}

/* The next frame at the other end. */
static struct job_head take(struct pipe_end *p, struct buf *body)
{
	struct frame f;
	size_t size;
	while (frame_parse(&p->in, 0, &f, &size) != 1)
		assert_true(frame_fill(p->fd[1], &p->in, 1000) > 0);
	if (body) {
		buf_clear(body);
		buf_add(body, f.body, f.head.body_len);
	}
	buf_drop(&p->in, size);
	return f.head;
}

static void end(struct ring *r, uint64_t job)
{
	struct ring_job *j = ring_find(r, job);
	assert_non_null(j);
	ring_done(r, j);
	assert_null(ring_find(r, job));
}

static void test_order_and_end(void **state)
{
	struct ring r;
	struct pipe_end p;
	(void)state;
	ring_init(&r, 1 << 20);
	pair(&p);
	for (uint64_t i = 1; i <= 200; i++)
		assert_int_equal(add(&r, i, "body", 4), 0);
	assert_int_equal(r.waiting, 200);
	assert_true(ring_unsent(&r));
	assert_int_equal(ring_write(&r, p.fd[0]), 0);
	assert_false(ring_unsent(&r));
	for (uint64_t i = 1; i <= 200; i++) {
		struct job_head h = take(&p, NULL);
		assert_int_equal(h.job, i);
		assert_int_equal(h.flags, 0);
	}
	size_t all = ring_bytes(&r);
	end(&r, 2); /* out of order: the bytes stay until the head is done */
	assert_int_equal(ring_bytes(&r), all);
	end(&r, 1);
	assert_int_equal(ring_bytes(&r), all / 200 * 198);
	for (uint64_t i = 3; i <= 200; i++)
		end(&r, i);
	assert_int_equal(ring_bytes(&r), 0);
	assert_int_equal(r.waiting, 0);
	assert_null(ring_find(&r, 1));
	assert_null(ring_find(&r, 1000));
	ring_free(&r);
	unpair(&p);
}

static void test_limit(void **state)
{
	struct ring r;
	char body[4000] = "";
	(void)state;
	ring_init(&r, 10000);
	assert_int_equal(add(&r, 1, body, sizeof body), 0);
	assert_int_equal(add(&r, 2, body, sizeof body), 0);
	assert_int_equal(add(&r, 3, body, sizeof body), -1);
	end(&r, 1);
	assert_int_equal(add(&r, 4, body, sizeof body), 0);
	end(&r, 2);
	end(&r, 4);
	/* one larger than the limit passes when it is alone */
	char *large = calloc(1, 50000);
	assert_int_equal(add(&r, 5, large, 50000), 0);
	assert_true(ring_full(&r));
	assert_int_equal(add(&r, 6, "", 0), -1);
	free(large);
	ring_free(&r);
}

static void test_replay(void **state)
{
	struct ring r;
	struct pipe_end p, q;
	(void)state;
	ring_init(&r, 1 << 20);
	pair(&p);
	for (uint64_t i = 1; i <= 5; i++)
		add(&r, i, "x", 1);
	assert_int_equal(ring_write(&r, p.fd[0]), 0);
	add(&r, 6, "y", 1); /* never sent */
	end(&r, 1);
	end(&r, 3);
	ring_rewind(&r);
	ring_without(&r, ring_find(&r, 4), "acme", 3);
	assert_int_equal(ring_find(&r, 2)->deaths, 1);
	assert_int_equal(ring_find(&r, 6)->deaths, 0);
	pair(&q);
	assert_int_equal(ring_write(&r, q.fd[0]), 0);
	struct job_head h = take(&q, NULL);
	assert_int_equal(h.job, 2);
	assert_int_equal(h.flags, JOB_REPLAY);
	h = take(&q, NULL);
	assert_int_equal(h.job, 4);
	assert_int_equal(h.flags, JOB_REPLAY | JOB_NO_PLUGIN);
	assert_string_equal(h.off, "acme");
	assert_int_equal(take(&q, NULL).job, 5);
	h = take(&q, NULL);
	assert_int_equal(h.job, 6);
	assert_int_equal(h.flags, 0);
	uint64_t it = 0, seen = 0;
	for (struct ring_job *j; (j = ring_next(&r, &it)); seen++)
		ring_done(&r, j);
	assert_int_equal(seen, 4);
	assert_int_equal(r.waiting, 0);
	ring_free(&r);
	unpair(&p);
	unpair(&q);
}

/* Given up before it was sent: not sent. Given up half sent: the frame is completed. */
static void test_done_before_written(void **state)
{
	struct ring r;
	struct pipe_end p;
	size_t large = 4 << 20;
	char *body = malloc(large);
	(void)state;
	memset(body, 'z', large);
	ring_init(&r, 64 << 20);
	pair(&p);
	add(&r, 1, body, large);
	add(&r, 2, "2", 1);
	add(&r, 3, "3", 1);
	assert_int_equal(ring_write(&r, p.fd[0]), 1);
	end(&r, 1);
	end(&r, 2);
	struct frame f;
	size_t size;
	while (frame_parse(&p.in, 0, &f, &size) != 1) {
		assert_true(frame_fill(p.fd[1], &p.in, 1000) >= 0);
		ring_write(&r, p.fd[0]);
	}
	assert_int_equal(f.head.job, 1);
	assert_memory_equal(f.body, body, large);
	buf_drop(&p.in, size);
	assert_int_equal(ring_write(&r, p.fd[0]), 0);
	assert_int_equal(take(&p, NULL).job, 3);
	end(&r, 3);
	assert_int_equal(ring_bytes(&r), 0);
	/* half sent, then a death: begins anew */
	add(&r, 4, body, large);
	assert_int_equal(ring_write(&r, p.fd[0]), 1);
	ring_rewind(&r);
	struct pipe_end q;
	pair(&q);
	while (ring_write(&r, q.fd[0]) == 1)
		assert_true(frame_fill(q.fd[1], &q.in, 1000) >= 0);
	assert_int_equal(take(&q, NULL).job, 4);
	free(body);
	ring_free(&r);
	unpair(&p);
	unpair(&q);
}

/* Random sizes, results in random order, deaths at random: what arrives is what was put in. */
static void test_random(void **state)
{
	struct ring r;
	struct pipe_end p;
	struct buf body = {0};
	uint64_t next = 1, open[64];
	int n = 0;
	(void)state;
	srand(7);
	ring_init(&r, 1 << 20);
	pair(&p);
	for (int round = 0; round < 20000; round++) {
		int what = rand() % 100;
		if (what < 45 && n < 64) {
			char text[3000];
			size_t len = (size_t)rand() % sizeof text;
			memset(text, (int)(next & 0xff), len);
			assert_int_equal(add(&r, next, text, len), 0);
			open[n++] = next++;
		} else if (what < 60) {
			assert_true(ring_write(&r, p.fd[0]) >= 0);
		} else if (what < 97 && n) {
			int i = rand() % n;
			end(&r, open[i]);
			open[i] = open[--n];
		} else if (what >= 99) {
			unpair(&p);
			pair(&p);
			ring_rewind(&r);
		}
		struct frame f;
		size_t size;
		frame_fill(p.fd[1], &p.in, 0);
		while (frame_parse(&p.in, 0, &f, &size) == 1) {
			assert_true(f.head.job < next && f.head.job > 0);
			for (uint32_t i = 0; i < f.head.body_len; i += 97)
				assert_int_equal((unsigned char)f.body[i], f.head.job & 0xff);
			buf_drop(&p.in, size);
		}
	}
	while (n)
		end(&r, open[--n]);
	assert_int_equal(ring_bytes(&r), 0);
	buf_free(&body);
	ring_free(&r);
	unpair(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_end),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_done_before_written),
		cmocka_unit_test(test_random),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
