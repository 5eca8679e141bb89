#include "ipc/lane.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/tz.h"

enum { READ_BYTES = 256 * 1024 };
static const int64_t grace_us = 1000000; /* between the socket's end and the exit */
static const int64_t fast_us = 1000000;  /* a death younger than this counts for the backoff */

void lane_init(struct lane *l, uv_loop_t *loop, const struct conf *c,
	const struct spawn_conf *conf_file, const char *role, int index, int lock_fd,
	struct lane_told *told, struct lane_host host)
{
	*l = (struct lane){.conf = c,
		.conf_file = conf_file,
		.role = role,
		.index = index,
		.lock_fd = lock_fd,
		.loop = loop,
		.host = host,
		.told = told,
		.is_query = strcmp(role, "write") != 0,
		.proc = {.pid = -1, .fd = -1}};
	ring_init(&l->ring, (size_t)c->limits_queue);
}

const char *lane_state_name(const struct lane *l)
{
	if (l->stopping)
		return "stopped";
	if (l->state == LANE_UP)
		return l->frozen ? "frozen" : "up";
	return l->ever_ready ? "restarting" : "starting";
}

static void on_poll(uv_poll_t *p, int status, int events);

static void on_poll_closed(uv_handle_t *h)
{
	free(h);
}

static void watch(struct lane *l, bool out)
{
	if (l->poll) {
		l->polls_out = out;
		uv_poll_start(l->poll, UV_READABLE | (out ? UV_WRITABLE : 0), on_poll);
	}
}

static void unwatch(struct lane *l)
{
	if (!l->poll)
		return;
	uv_poll_stop(l->poll);
	uv_close((uv_handle_t *)l->poll, on_poll_closed);
	l->poll = NULL;
}

void lane_start(struct lane *l)
{
	char texts[LANE_STRUCK_MAX][sizeof(struct strike) + 64];
	const char *args[LANE_STRUCK_MAX + 3];
	struct cx_err e;
	int n = 0;
	if (l->ever_ready && !l->is_query) /* what it had in force, not what lies there now */
		args[n++] = "--restart";
	if (l->told->safe)
		args[n++] = "--safe";
	for (int i = 0; i < l->told->n && !l->is_query; i++) {
		const struct strike *s = &l->told->struck[i];
		snprintf(texts[i], sizeof texts[i], "--struck=%lld,%u,%u,%u,%u,%lld,%s,%s",
			(long long)s->at_ms, s->item, s->loading, s->of_job, s->due_kind,
			(long long)s->due, s->plugin, s->handler);
		args[n++] = texts[i];
	}
	args[n] = NULL;
	l->started_us = clock_mono_us();
	l->eof = l->reaped = l->watchdog = l->frozen = false;
	l->wait_status = 0;
	buf_clear(&l->in);
	if (spawn_engine(&l->proc, l->role, l->conf_file, args, l->lock_fd, &e) != CX_OK) {
		log_error("cannot start the engine \"%s\": %s", l->role, e.msg);
		l->next_start_us = l->started_us + grace_us;
		return;
	}
	l->started_before = true;
	l->state = LANE_STARTING;
	fcntl(l->proc.fd, F_SETFL, fcntl(l->proc.fd, F_GETFL) | O_NONBLOCK);
	l->poll = xcalloc(1, sizeof *l->poll);
	uv_poll_init(l->loop, l->poll, l->proc.fd);
	l->poll->data = l;
	watch(l, false);
}

int lane_add(struct lane *l, const struct job_head *head, const char *meta, const char *body,
	void *owner)
{
	if (l->stopping) /* nothing comes after FRAME_STOP */
		return CX_E_STOPPING;
	return ring_add(&l->ring, head, meta, body, owner, clock_mono_us()) == 0 ? CX_OK
										 : CX_E_QUEUE_FULL;
}

void lane_forget(struct lane *l, uint64_t job)
{
	struct ring_job *j = ring_find(&l->ring, job);
	if (!j)
		return;
	j->owner = NULL;
	if (l->is_query && !j->sent)
		ring_done(&l->ring, j); /* nobody would read the answer */
}

/* Ends a job that gets no result: its owner is told. */
static void give_up(struct lane *l, struct ring_job *j, int code)
{
	void *owner = j->owner;
	ring_done(&l->ring, j);
	if (owner)
		l->host.refuse(l->host.ctx, owner, code);
}

void lane_flush(struct lane *l)
{
	if (l->state != LANE_UP || l->polls_out || !ring_unsent(&l->ring))
		return;
	if (ring_write(&l->ring, l->proc.fd) == 1)
		watch(l, true);
	/* -1: the end of the socket will be read and believed */
}

/* ---- what comes back ---- */

static void take_frame(struct lane *l, const struct frame *f)
{
	if (f->head.kind == FRAME_RESULT) {
		struct ring_job *j = ring_find(&l->ring, f->head.job);
		if (!j)
			return; /* answered already: 503 after answer_within */
		void *owner = j->owner;
		ring_done(&l->ring, j);
		if (owner)
			l->host.result(l->host.ctx, owner, f);
		return;
	}
	if (f->head.kind == FRAME_READY) {
		l->state = LANE_UP;
		l->ever_ready = true;
	}
	l->host.frame(l, f);
}

static void take_frames(struct lane *l)
{
	struct frame f;
	size_t at = 0, size = 0;
	int rc;
	while ((rc = frame_parse(&l->in, at, &f, &size)) == 1) {
		at += size;
		take_frame(l, &f);
	}
	buf_drop(&l->in, at);
	if (l->in.len == 0 && l->in.cap > 4 * READ_BYTES)
		buf_free(&l->in);
	if (rc < 0) {
		log_error("engine \"%s\" broke the protocol", l->role);
		kill(l->proc.pid, SIGKILL);
		buf_clear(&l->in);
	}
}

static void read_socket(struct lane *l)
{
	while (!l->eof) {
		buf_reserve(&l->in, READ_BYTES);
		ssize_t n = read(l->proc.fd, l->in.p + l->in.len, READ_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n > 0) {
			l->in.len += (size_t)n;
			take_frames(l);
			if (n < READ_BYTES / 2 && !l->reaped)
				return;
			continue;
		}
		l->eof = true;
		l->eof_us = clock_mono_us();
	}
}

/* ---- death ---- */

static bool own_signal(int status)
{
	if (!WIFSIGNALED(status))
		return false;
	switch (WTERMSIG(status)) {
	case SIGSEGV:
	case SIGBUS:
	case SIGABRT:
	case SIGSYS:
	case SIGILL:
	case SIGFPE: return true;
	default: return false;
	}
}

/* The writer's own strikes wait for its successor; the oldest go where they are too many. */
static void tell_strike(struct lane *l, const struct strike *s)
{
	struct lane_told *t = l->told;
	if (l->is_query) {
		l->host.struck(l, s);
		return;
	}
	if (t->n == LANE_STRUCK_MAX)
		memmove(t->struck, t->struck + 1, sizeof *s * (size_t)--t->n);
	t->struck[t->n++] = *s;
}

static void strike(struct lane *l)
{
	const struct blame *b = l->proc.blame;
	uint64_t job = b->job;
	struct strike s = {.at_ms = clock_now_ms(),
		.item = b->item,
		.loading = l->state == LANE_STARTING,
		.of_job = job != 0,
		.due_kind = b->due_kind,
		.due = b->due};
	memcpy(s.plugin, b->plugin, sizeof s.plugin - 1);
	memcpy(s.handler, b->handler, sizeof s.handler - 1);
	const char *plugin = s.plugin;
	l->strikes++;
	log_error("strike: plugin %s (%s) %s engine \"%s\", job %llu", plugin, s.handler,
		l->watchdog ? "hung" : "killed", l->role, (unsigned long long)job);
	tell_strike(l, &s);
	struct ring_job *j = job ? ring_find(&l->ring, job) : NULL;
	if (!j)
		return;
	if (l->is_query || j->off > 1)
		give_up(l, j, CX_E_PLUGIN_CRASHED);
	else if (j->off) /* another event of the batch, or another plugin: now without any */
		ring_without(&l->ring, j, "*", UINT32_MAX);
	else
		ring_without(&l->ring, j, plugin, b->item);
}

static void bury(struct lane *l)
{
	struct ring_job *j;
	int status = l->wait_status;
	pid_t pid = l->proc.pid;
	bool struck = (own_signal(status) || l->watchdog) && l->proc.blame->phase == BLAME_LUA;
	char why[64];
	if (WIFSIGNALED(status))
		snprintf(why, sizeof why, "signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else
		snprintf(why, sizeof why, "exit code %d", WEXITSTATUS(status));
	bool well = l->stopping && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	log_at(well ? LOG_DEBUG : LOG_WARN, "engine \"%s\" [%d] ended: %s, phase %s, %u jobs open",
		l->role, (int)pid, why, blame_phase_name(l->proc.blame->phase),
		l->ring.waiting - l->stopping);
	if (struck)
		strike(l);
	unwatch(l);
	spawn_close(&l->proc);
	l->proc.pid = -1;
	l->polls_out = false;
	buf_clear(&l->in);
	ring_rewind(&l->ring);
	if (l->is_query)
		for (uint64_t it = 0; (j = ring_next(&l->ring, &it));)
			if (j->deaths >= 2)
				give_up(l, j, CX_E_ENGINE_RESTARTING);
	int64_t now = clock_mono_us();
	/* killed from outside while serving says nothing about the next start */
	bool fast = l->state == LANE_STARTING ||
		    (now - l->started_us < fast_us && (WIFEXITED(status) || own_signal(status)));
	l->fast_deaths = fast ? l->fast_deaths + 1 : 0;
	int64_t wait =
		l->fast_deaths < 2 ? 0 : 50000LL << (l->fast_deaths < 6 ? l->fast_deaths - 2 : 4);
	l->next_start_us = l->stopping ? 0 : now + wait;
	l->state = l->stopping ? LANE_STOPPED : LANE_DOWN;
	l->host.died(l, l->ever_ready, status);
	if (!l->stopping && l->state == LANE_DOWN && wait == 0) {
		l->restarts++;
		lane_start(l);
	}
}

/* Dead only when its last word was read and its end was collected. */
static void check_death(struct lane *l)
{
	if (l->proc.pid > 0 && l->eof && l->reaped)
		bury(l);
}

void lane_child(struct lane *l)
{
	if (l->proc.pid <= 0)
		return;
	int status;
	while (!l->reaped &&
		waitpid(l->proc.pid, &status, WNOHANG | WUNTRACED | WCONTINUED) == l->proc.pid) {
		l->frozen = WIFSTOPPED(status);
		if (WIFSTOPPED(status) || WIFCONTINUED(status))
			continue;
		l->reaped = true;
		l->wait_status = status;
		read_socket(l);
		l->eof = true; /* nobody else holds the other end */
	}
	check_death(l);
}

static void on_poll(uv_poll_t *p, int status, int events)
{
	struct lane *l = p->data;
	if (status < 0 || events & (UV_READABLE | UV_DISCONNECT))
		read_socket(l);
	if (l->eof || status < 0) {
		uv_poll_stop(p);
		l->eof = true;
		lane_child(l);
		return;
	}
	if (events & UV_WRITABLE && l->state == LANE_UP && ring_write(&l->ring, l->proc.fd) != 1)
		watch(l, false);
}

/* ---- time ---- */

static void watch_budget(struct lane *l)
{
	if (l->watchdog || !spawn_hung(&l->proc))
		return;
	l->watchdog = true;
	log_error("engine \"%s\" [%d] is stuck in plugin code: killed", l->role, (int)l->proc.pid);
	kill(l->proc.pid, SIGKILL);
}

void lane_tick(struct lane *l, int64_t now_us)
{
	struct ring_job *j;
	int64_t oldest = now_us - l->conf->engine_answer_within * 1000;
	for (uint64_t it = 0; (j = ring_next(&l->ring, &it)) && j->since_us < oldest;) {
		l->timeouts++;
		give_up(l, j, CX_E_ENGINE_RESTARTING);
	}
	if (l->state == LANE_DOWN && l->next_start_us && now_us >= l->next_start_us) {
		l->restarts += l->started_before;
		lane_start(l);
		return;
	}
	if (l->proc.pid <= 0)
		return;
	if (l->eof && !l->reaped && now_us - l->eof_us > grace_us)
		kill(l->proc.pid, SIGKILL);
	if (!l->reaped)
		watch_budget(l);
	lane_child(l);
}

/* ---- the end ---- */

void lane_stop(struct lane *l)
{
	struct job_head h = {.kind = FRAME_STOP, .job = UINT64_MAX};
	if (l->stopping)
		return;
	l->stopping = true;
	if (l->state == LANE_UP) {
		l->ring.limit = SIZE_MAX; /* the last word always has a place */
		ring_add(&l->ring, &h, NULL, NULL, NULL, INT64_MAX);
		lane_flush(l);
	} else if (l->state == LANE_STARTING) {
		kill(l->proc.pid, SIGKILL); /* it has no jobs yet, and may be busy for minutes */
	} else {
		l->state = LANE_STOPPED;
	}
	l->next_start_us = 0;
}

void lane_refuse_all(struct lane *l, int code)
{
	struct ring_job *j;
	for (uint64_t it = 0; (j = ring_next(&l->ring, &it));)
		give_up(l, j, code);
}

void lane_kill(struct lane *l)
{
	if (l->proc.pid > 0)
		kill(l->proc.pid, SIGKILL);
}

void lane_free(struct lane *l)
{
	unwatch(l);
	spawn_close(&l->proc);
	ring_free(&l->ring);
	buf_free(&l->in);
}
