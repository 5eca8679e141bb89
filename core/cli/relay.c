#include "cli/relay.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/proc.h"
#include "ipc/progress.h"
#include "cli/request.h"

/* The job's route with its parameters and query filled in from meta. */
static void path_of(const struct frame *f, struct buf *path)
{
	for (const char *p = routes[f->head.route].path; *p; p++) {
		if (*p != '{') {
			buf_add(path, p, 1);
			continue;
		}
		char name[32];
		size_t n = strcspn(p, "}");
		snprintf(name, sizeof name, "%.*s", (int)n - 1, p + 1);
		const char *value = meta_get(f->meta, f->head.meta_len, name);
		percent_encode(path, value ? value : "");
		p += n;
	}
	const char *query = meta_get(f->meta, f->head.meta_len, "query");
	if (query && *query)
		buf_printf(path, "?%s", query);
}

/* A busy or restarting server is waited for: what a role sends can be sent again. */
static int forward(struct cli *c, const struct frame *f, struct reply *reply)
{
	enum { TRIES = 120, PAUSE_US = 500000 };
	struct buf path = {0};
	path_of(f, &path);
	struct request r = {.method = routes[f->head.route].method,
		.path = buf_cstr(&path),
		.type = meta_get(f->meta, f->head.meta_len, "content-type"),
		.body = f->head.body_len ? f->body : NULL,
		.size = f->head.body_len};
	int rc = EXIT_DONE;
	for (int i = 0; i < TRIES; i++) {
		rc = cli_request(c, &r, reply);
		if (rc != EXIT_DONE || (reply->status != 429 && reply->status != 503))
			break;
		if (i + 1 < TRIES) {
			reply_free(reply);
			usleep(PAUSE_US);
		}
	}
	buf_free(&path);
	return rc;
}

int cli_relay(struct cli *c, const char *role, const char *const *args, bool store)
{
	struct proc p;
	struct frame f;
	struct reply reply;
	int lock = -1, failed = EXIT_DONE;
	int rc = store ? reach_open(c, &lock) : EXIT_DONE;
	if (rc == EXIT_DONE)
		rc = proc_start(&p, role, c, args, lock);
	if (rc != EXIT_DONE)
		return rc;
	while (failed == EXIT_DONE && proc_next(&p, &f) > 0) {
		if (f.head.kind != FRAME_JOB || f.head.route >= ROUTE_COUNT)
			continue;
		failed = forward(c, &f, &reply);
		struct job_head h = {.kind = FRAME_RESULT,
			.route = f.head.route,
			.job = f.head.job,
			.status = (uint16_t)reply.status,
			.body_len = (uint32_t)reply.body.len};
		if (failed == EXIT_DONE)
			proc_send(&p, &h, NULL, reply.body.p);
		reply_free(&reply);
	}
	progress_end();
	if (failed != EXIT_DONE) { /* it would wait for an answer that cannot come */
		p.killed = true;
		kill(p.child.pid, SIGKILL);
	}
	rc = proc_end(&p);
	return failed != EXIT_DONE ? failed : rc;
}
