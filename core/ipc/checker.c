#include "ipc/checker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/tz.h"

enum { READ_BYTES = 65536, TRIES = 5, NICE = 10 };
static const int64_t most_us = 60000000;

bool checker_busy(const struct checker *c)
{
	return c->proc.pid > 0;
}

static void closed(uv_handle_t *h)
{
	free(h);
}

static void unwatch(struct checker *c)
{
	if (c->poll) {
		uv_poll_stop(c->poll);
		uv_close((uv_handle_t *)c->poll, closed);
	}
	c->poll = NULL;
}

static void read_all(struct checker *c)
{
	for (;;) {
		buf_reserve(&c->in, READ_BYTES);
		ssize_t n = read(c->proc.fd, c->in.p + c->in.len, READ_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		c->in.len += (size_t)n;
	}
}

static void on_poll(uv_poll_t *p, int status, int events)
{
	struct checker *c = p->data;
	(void)events;
	read_all(c);
	if (status < 0)
		uv_poll_stop(p);
	checker_child(c);
}

static int start(struct checker *c, struct cx_err *e)
{
	static const char *const args[] = {"--reload", NULL};
	buf_clear(&c->in);
	c->killed = false;
	c->since_us = clock_mono_us();
	int rc = spawn_engine(&c->proc, "check", c->conf_file, args, -1, e);
	if (rc != CX_OK) {
		c->proc.pid = 0;
		return rc;
	}
	setpriority(PRIO_PROCESS, (id_t)c->proc.pid, NICE); /* clients are served first */
	fcntl(c->proc.fd, F_SETFL, fcntl(c->proc.fd, F_GETFL) | O_NONBLOCK);
	c->poll = xcalloc(1, sizeof *c->poll);
	uv_poll_init(c->loop, c->poll, c->proc.fd);
	c->poll->data = c;
	uv_poll_start(c->poll, UV_READABLE, on_poll);
	return CX_OK;
}

static void look(struct checker *c)
{
	struct cx_err e;
	if (checker_busy(c) || !c->n)
		return;
	c->looked = c->n;
	c->tries = 1;
	if (start(c, &e) != CX_OK)
		log_error("the plugins cannot be checked: %s", e.msg);
}

int checker_add(struct checker *c, const struct job_head *h, void *owner)
{
	if (c->n == CHECKER_MAX)
		return CX_E_QUEUE_FULL;
	c->v[c->n++] = (struct waiting){*h, owner};
	look(c);
	return CX_OK;
}

void checker_forget(struct checker *c, const void *owner)
{
	for (int i = 0; i < c->n; i++)
		if (c->v[i].owner == owner)
			c->v[i].owner = NULL;
}

static void tell(struct checker *c, const struct frame *found)
{
	for (int i = 0; i < c->looked; i++)
		c->done(c->ctx, &c->v[i].head, c->v[i].owner, found);
	c->n -= c->looked;
	memmove(c->v, c->v + c->looked, sizeof *c->v * (size_t)c->n);
	c->looked = 0;
	look(c);
}

/* A mistake of the plugin whose code ran last. */
static void blame(const struct checker *c, struct buf *json)
{
	const struct blame *b = c->proc.blame;
	char plugin[sizeof b->plugin], file[sizeof b->plugin + 32];
	memcpy(plugin, b->plugin, sizeof plugin);
	plugin[sizeof plugin - 1] = 0;
	snprintf(file, sizeof file, "plugins/%s/plugin.lua", plugin[0] ? plugin : "?");
	jw_obj(json);
	jw_key(json, "errors");
	jw_arr(json);
	jw_obj(json);
	jw_kstr(json, "file", file);
	jw_kint(json, "line", 0);
	jw_kstr(json, "message",
		c->killed ? "plugin: loading it does not end"
			  : "plugin: loading it ended the process that checked it");
	jw_obj_end(json);
	jw_arr_end(json);
	jw_obj_end(json);
}

/* Killed, and not by us. */
static bool from_outside(const struct checker *c, int status)
{
	return !c->killed && WIFSIGNALED(status) &&
	       (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM);
}

static bool once_more(struct checker *c)
{
	struct cx_err e;
	log_warn("the process that checked the plugins was killed");
	return c->tries++ < TRIES && start(c, &e) == CX_OK;
}

void checker_child(struct checker *c)
{
	struct frame f;
	struct buf json = {0}, in;
	size_t size;
	int status;
	if (c->proc.pid <= 0 || waitpid(c->proc.pid, &status, WNOHANG) != c->proc.pid)
		return;
	read_all(c);
	in = c->in;
	c->in = (struct buf){0};
	bool whole = WIFEXITED(status) && frame_parse(&in, 0, &f, &size) == 1;
	bool again = !whole && from_outside(c, status);
	if (!whole) {
		blame(c, &json);
		f = (struct frame){.head = {.meta_len = (uint32_t)json.len}, .meta = json.p};
	}
	checker_stop(c);
	if (!again || !once_more(c))
		tell(c, again ? NULL : &f);
	buf_free(&json);
	buf_free(&in);
}

void checker_tick(struct checker *c, int64_t now_us)
{
	if (c->proc.pid <= 0) {
		look(c); /* where it could not be started */
		return;
	}
	if (!c->killed && (spawn_hung(&c->proc) || now_us - c->since_us > most_us)) {
		c->killed = true;
		kill(c->proc.pid, SIGKILL);
	}
	checker_child(c);
}

void checker_stop(struct checker *c)
{
	unwatch(c);
	if (c->proc.pid > 0)
		spawn_close(&c->proc);
	c->proc.pid = 0;
	buf_free(&c->in);
}
