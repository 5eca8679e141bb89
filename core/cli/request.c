#include "cli/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/ids.h"
#include "base/problem.h"
#include "base/route.h"
#include "base/tz.h"
#include "cli/print.h"
#include "cli/proc.h"
#include "ipc/progress.h"

struct reach {
	bool daemon;
	int lock;
	struct proc writer, reader;
	uint64_t jobs;
};

/* 1: somebody answers there, 0: nobody, -1: we may not. */
static int knock(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return 0;
	memcpy(at.sun_path, path, strnlen(path, sizeof at.sun_path - 1));
	int rc = connect(fd, (struct sockaddr *)&at, sizeof at);
	int why = errno;
	close(fd);
	if (rc == 0 || why == EAGAIN) /* EAGAIN: a long queue at its door */
		return 1;
	return why == EACCES || why == EPERM ? -1 : 0;
}

/* A daemon that is starting or stopping holds the lock but does not answer: a few seconds. */
static int find_daemon(struct cli *c)
{
	enum { PATIENCE_MS = 5000, STEP_MS = 100 };
	struct reach *reach = c->reach;
	struct cx_err e;
	for (int waited = 0;; waited += STEP_MS) {
		int there = knock(c->conf.server_socket);
		if (there < 0)
			return cli_fail(CX_T("sem permissão para o socket %s",
						"no permission for the socket %s"),
				c->conf.server_socket);
		reach->daemon = there == 1;
		if (reach->daemon)
			return EXIT_DONE;
		reach->lock = spawn_lock_data(c->conf.server_data, STEP_MS, &e);
		if (reach->lock >= 0)
			return EXIT_DONE;
		if (e.code != CX_E_CONFLICT || waited >= PATIENCE_MS)
			return cli_fail("%s", e.msg);
	}
}

/* Private engines are heard only when something is wrong. */
static int start(struct cli *c, struct proc *p, const char *role)
{
	static const char *const args[] = {"--quiet", NULL};
	struct frame f;
	int rc = proc_start(p, role, c, args, c->reach->lock);
	if (rc != EXIT_DONE)
		return rc;
	while (proc_next(p, &f) > 0)
		if (f.head.kind == FRAME_READY) {
			progress_end();
			return EXIT_DONE;
		}
	progress_end();
	rc = proc_end(p);
	return cli_fail(CX_T("o processo %s terminou antes de ficar pronto (saída %d)",
				"the process %s ended before it was ready (exit %d)"),
		role, rc);
}

int reach_open(struct cli *c, int *lock_fd)
{
	if (!c->reach) {
		c->reach = xcalloc(1, sizeof *c->reach);
		c->reach->lock = -1;
		int rc = find_daemon(c);
		if (rc == EXIT_DONE && !c->reach->daemon)
			rc = start(c, &c->reach->writer, "write");
		if (rc != EXIT_DONE)
			return rc;
	}
	if (lock_fd)
		*lock_fd = c->reach->lock;
	return c->reach->daemon || c->reach->writer.role ? EXIT_DONE : EXIT_REFUSED;
}

void reach_close(struct cli *c)
{
	if (!c->reach)
		return;
	proc_stop(&c->reach->reader);
	proc_stop(&c->reach->writer);
	if (c->reach->lock >= 0)
		close(c->reach->lock);
	free(c->reach);
	c->reach = NULL;
	call_close();
}

static void meta_add(struct buf *meta, const char *name, const char *value)
{
	buf_add(meta, name, strlen(name) + 1);
	buf_add(meta, value, strlen(value) + 1);
}

static int ask(struct proc *p, const struct job_head *h, const char *meta, const char *body,
	struct reply *reply)
{
	struct frame f;
	proc_send(p, h, meta, body);
	while (proc_next(p, &f) > 0) {
		if (f.head.kind != FRAME_RESULT || f.head.job != h->job)
			continue;
		reply->status = f.head.status;
		buf_add(&reply->body, f.body, f.head.body_len);
		progress_end();
		return EXIT_DONE;
	}
	const char *role = p->role;
	int rc = proc_end(p);
	return cli_fail(CX_T("o processo %s terminou sem responder (saída %d)",
				"the process %s ended without an answer (exit %d)"),
		role, rc);
}

static int ask_private(struct cli *c, const struct request *r, struct reply *reply)
{
	struct buf meta = {0};
	struct cx_err e;
	enum route route;
	char allow[ROUTE_ALLOW_MAX];
	const char *path, *query;
	size_t path_n, query_n;
	int rc = EXIT_DONE;
	route_split(r->path, strlen(r->path), &path, &path_n, &query, &query_n);
	if (route_find(r->method, path, path_n, &route, allow, &meta, &e) != CX_OK ||
		route_query(route, query, &e) != CX_OK) {
		reply->status = problem_write(&reply->body, &e);
		buf_free(&meta);
		return EXIT_DONE;
	}
	if (routes[route].who == WHO_FRONT || route == ROUTE_EVIDENCE_PUT ||
		route == ROUTE_EVIDENCE_GET) {
		buf_free(&meta);
		return cli_fail(CX_T("%s é do servidor, que não está no ar (cxd serve)",
					"%s is the server's, which is not running (cxd serve)"),
			r->path);
	}
	struct proc *p = routes[route].who == WHO_READER ? &c->reach->reader : &c->reach->writer;
	if (query)
		meta_add(&meta, "query", query);
	if (r->body)
		meta_add(&meta, "content-type", r->type ? r->type : "application/json");
	struct job_head h = {.kind = FRAME_JOB,
		.route = (uint16_t)route,
		.job = ++c->reach->jobs,
		.meta_len = (uint32_t)meta.len,
		.body_len = r->body ? (uint32_t)r->size : 0,
		.now_ms = clock_now_ms()};
	random_bytes(&h.key, sizeof h.key);
	h.key >>= 1;
	random_bytes(&h.seed, sizeof h.seed);
	ulid_make(h.now_ms, h.ulid);
	h.caller.level = LEVEL_ADMIN;
	h.caller.lang = (uint8_t)cx_lang;
	h.caller.uid = getuid();
	if (!p->role)
		rc = start(c, p, p == &c->reach->reader ? "read" : "write");
	if (rc == EXIT_DONE)
		rc = ask(p, &h, meta.p, r->body, reply);
	buf_free(&meta);
	return rc;
}

int cli_request(struct cli *c, const struct request *r, struct reply *reply)
{
	*reply = (struct reply){0};
	int rc = reach_open(c, NULL);
	if (rc != EXIT_DONE)
		return rc;
	return c->reach->daemon ? call_http(c->conf.server_socket, r, reply)
				: ask_private(c, r, reply);
}

int cli_get(struct cli *c, const char *path, const char *query, struct reply *reply)
{
	struct buf url = {0};
	buf_printf(&url, "%s%s%s", path, query && *query ? "?" : "", query ? query : "");
	int rc = cli_request(c, &(struct request){.method = "GET", .path = buf_cstr(&url)}, reply);
	buf_free(&url);
	return rc == EXIT_DONE ? reply_refused(reply) : rc;
}

void reply_free(struct reply *reply)
{
	buf_free(&reply->body);
}
