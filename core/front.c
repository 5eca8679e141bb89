#include "front.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/tz.h"
#include "http/status.h"
#include "ipc/checker.h"
#include "ipc/lane.h"
#include "ipc/progress.h"
#include "ipc/watch.h"

enum {
	LOCK_WAIT_MS = 5000,
	TICK_MS = 100,
	LANES_MAX = 17,
	FIRST_STARTS = 5,
	WRITER = 0,
	RELOADS_MAX = 32
};
static const int64_t exit_within_us = 10000000; /* an engine after FRAME_STOP */

struct front {
	struct conf *conf;
	uv_loop_t loop;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_timer_t tick;
	uv_signal_t term, intr, hup, child;
	struct watch watch; /* of the plugin folders, where asked for */
	struct http http;
	struct lane lanes[LANES_MAX];
	int nlanes, lock_fd, exit_code, quiet;
	struct lane_told told;
	struct spawn_conf told_conf;
	enum cx_lang lang;
	uint64_t last_job;
	uint8_t dice[512]; /* random bytes, fetched many at a time */
	size_t dice_left;
	enum { SERVING, DRAINING, ENDING, ENDED } phase;
	int64_t phase_until_us;
	bool announced;
	struct ready ready;
	struct buf plugins; /* the body of FRAME_PLUGINS */
	struct status status;
	struct checker checker;
};

/* ---- jobs ---- */

static uint64_t dice(struct front *f)
{
	uint64_t v;
	if (f->dice_left < sizeof v) {
		random_bytes(f->dice, sizeof f->dice);
		f->dice_left = sizeof f->dice;
	}
	f->dice_left -= sizeof v;
	memcpy(&v, f->dice + f->dice_left, sizeof v);
	return v;
}

/* The writer, or the reader with the least to do; one that is up before one that is not. */
static int choose(const struct front *f, enum who who)
{
	int best = WRITER;
	if (who == WHO_WRITER)
		return WRITER;
	for (int i = 1; i < f->nlanes; i++) {
		const struct lane *l = &f->lanes[i], *b = &f->lanes[best];
		bool up = l->state == LANE_UP && !l->frozen;
		bool best_up = b->state == LANE_UP && !b->frozen;
		if (best == WRITER || up > best_up ||
			(up == best_up && l->ring.waiting < b->ring.waiting))
			best = i;
	}
	return best;
}

static void refuse(void *ctx, void *owner, int code);

/* The folders were looked at: what was found goes to the writer with the job. */
static void looked(void *ctx, struct job_head *h, void *owner, const struct frame *found)
{
	struct front *f = ctx;
	h->job = ++f->last_job; /* the ring is in their order */
	if (owner)
		((struct request *)owner)->job = h->job;
	h->meta_len = found ? found->head.meta_len : 0;
	h->body_len = found ? found->head.body_len : 0;
	int rc = found ? lane_add(&f->lanes[WRITER], h, found->meta, found->body, owner)
		       : CX_E_ENGINE_RESTARTING;
	if (rc != CX_OK && owner)
		refuse(f, owner, rc);
	else if (rc != CX_OK)
		log_warn("the plugins are not loaded again");
}

static int submit(void *ctx, struct request *r, struct job_head *h, const char *meta,
	const char *body, struct cx_err *e)
{
	struct front *f = ctx;
	h->kind = FRAME_JOB;
	h->job = r->job = ++f->last_job;
	h->key = dice(f) >> 1;
	h->seed = dice(f);
	h->now_ms = clock_now_ms();
	ulid_make(h->now_ms, h->ulid);
	r->lane = choose(f, routes[r->route].who);
	int rc = r->route == ROUTE_PLUGINS_RELOAD ? checker_add(&f->checker, h, r)
						  : lane_add(&f->lanes[r->lane], h, meta, body, r);
	if (rc == CX_OK)
		return CX_OK;
	if (rc == CX_E_STOPPING)
		return cx_fail(e, rc, NULL, "%s",
			CX_T("o servidor está parando", "the server is stopping"));
	return cx_fail(e, CX_E_QUEUE_FULL, NULL, "%s",
		CX_T("a fila está cheia; tente de novo em um segundo",
			"the queue is full; try again in a second"));
}

static void forget(void *ctx, struct request *r)
{
	struct front *f = ctx;
	checker_forget(&f->checker, r);
	lane_forget(&f->lanes[r->lane], r->job);
}

static void result(void *ctx, void *owner, const struct frame *fr)
{
	struct front *f = ctx;
	struct request *r = owner;
	if (fr->head.status == 503 && r->lane == WRITER)
		f->status.writable = false; /* until a batch gets through */
	http_answer(r, fr->head.status, fr->meta, fr->head.meta_len, fr->body, fr->head.body_len);
}

static void refuse(void *ctx, void *owner, int code)
{
	(void)ctx;
	if (code == CX_E_PLUGIN_CRASHED)
		http_refuse(owner, code, "o código de um plugin derrubou o processo que respondia",
			"a plugin's code took down the process that was answering");
	else if (code == CX_E_STOPPING)
		http_refuse(owner, code, "o servidor parou antes da resposta",
			"the server stopped before there was an answer");
	else
		http_refuse(owner, code, "não houve resposta a tempo; tente de novo",
			"there was no answer in time; try again");
}

static void status_fill(struct front *f)
{
	struct status *s = &f->status;
	s->front_pid = getpid();
	s->n = f->nlanes;
	s->stopping = f->phase != SERVING;
	s->ring_full = ring_full(&f->lanes[WRITER].ring);
	s->ring_limit = (uint64_t)f->conf->limits_queue;
	s->failed = s->quarantined = "[]";
	s->plugins = (struct plugins_told){0};
	if (f->plugins.len > sizeof s->plugins) {
		memcpy(&s->plugins, f->plugins.p, sizeof s->plugins);
		s->failed = f->plugins.p + sizeof s->plugins;
		s->quarantined = s->failed + strlen(s->failed) + 1;
	}
	for (int i = 0; i < f->nlanes; i++) {
		const struct lane *l = &f->lanes[i];
		s->engine[i] = (struct status_engine){.role = l->role,
			.state = lane_state_name(l),
			.pid = (int)l->proc.pid,
			.restarts = l->restarts,
			.strikes = l->strikes,
			.timeouts = l->timeouts,
			.ring_bytes = ring_bytes(&l->ring),
			.waiting = l->ring.waiting};
	}
}

static int own(void *ctx, const struct request *r, struct buf *out, const char **type)
{
	struct front *f = ctx;
	if (r->route == ROUTE_ME_GET)
		return status_me(&r->caller, out);
	status_fill(f);
	if (r->route == ROUTE_HEALTHZ_GET)
		return status_health(&f->status, out);
	if (r->route == ROUTE_READYZ_GET)
		return status_ready(&f->status, out);
	*type = "text/plain; version=0.0.4; charset=utf-8";
	return status_metrics(&f->status, &f->http, out);
}

/* ---- what engines say besides results ---- */

static void notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof a.sun_path)
		return;
	memcpy(a.sun_path, path, strlen(path));
	if (path[0] == '@')
		a.sun_path[0] = 0;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (fd >= 0 && sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&a, n) < 0)
		log_warn("cannot tell systemd: %s", text);
	if (fd >= 0)
		close(fd);
}

static void announce(struct front *f)
{
	const struct conf *c = f->conf;
	f->announced = true;
	log_info("ready: %u plugins, last seq %lld", f->ready.plugins_running,
		(long long)f->ready.last_seq);
	notify("READY=1");
	if (f->quiet)
		return;
	cx_lang = f->lang;
	printf(CX_T("\ncxd está pronto para %s.\n  socket  %s\n",
		       "\ncxd is ready for %s.\n  socket  %s\n"),
		c->company_name, c->server_socket);
	if (f->http.tcp_name[0])
		printf("  tcp     http://%s/\n", f->http.tcp_name);
	if (f->ready.example[0]) {
		printf("%s", CX_T("\nMande um evento:\n\n  ", "\nSend an event:\n\n  "));
		printf("curl --unix-socket %s http://cxd/v1/events \\\n"
		       "    -H 'Content-Type: application/json' \\\n    -d '%s'\n",
			c->server_socket, f->ready.example);
	}
	printf("%s", CX_T("\nVeja os indicadores:\n\n  ", "\nSee the figures:\n\n  "));
	printf("curl --unix-socket %s http://cxd/v1/kpis\n\n", c->server_socket);
	fflush(stdout);
}

static void start_readers(struct front *f)
{
	for (int i = 1; i < f->nlanes; i++)
		if (!f->lanes[i].started_before && !f->lanes[i].stopping)
			lane_start(&f->lanes[i]);
}

static void batch(struct front *f, const struct batch_done *b)
{
	struct status *s = &f->status;
	int i = 0;
	while (i < COMMIT_BUCKETS && b->commit_us > commit_bounds_us[i])
		i++;
	s->batch = *b;
	s->commits[i]++;
	s->commit_us += b->commit_us;
	s->writable = true;
	stream_wake(&f->http, b->last_seq);
}

static void ready(struct front *f, struct lane *l, const struct ready *r)
{
	progress_end();
	log_info("engine \"%s\" [%d] is ready after %lld ms", l->role, (int)l->proc.pid,
		(long long)((clock_mono_us() - l->started_us) / 1000));
	if (l->index != WRITER)
		return;
	f->ready = *r;
	f->told.n = 0; /* it has kept them */
	f->status.batch.last_seq = r->last_seq;
	f->status.writable = true;
	stream_wake(&f->http, r->last_seq);
	start_readers(f);
	if (!f->announced)
		announce(f);
}

static void frame(struct lane *l, const struct frame *fr)
{
	struct front *f = l->host.ctx;
	size_t n = fr->head.body_len;
	union {
		struct ready ready;
		struct batch_done batch;
		struct progress progress;
	} u = {0}; /* bodies are not aligned */
	memcpy(&u, fr->body, n < sizeof u ? n : sizeof u);
	switch (fr->head.kind) {
	case FRAME_READY: ready(f, l, &u.ready); break;
	case FRAME_BATCH: batch(f, &u.batch); break;
	case FRAME_PROGRESS:
		progress_show(fr, true);
		if (u.progress.done >= u.progress.total)
			progress_end();
		break;
	case FRAME_TOKENS:
		auth_tokens(&f->http.auth, fr->body, (uint32_t)(n / sizeof(struct token_row)));
		break;
	case FRAME_PLUGINS:
		buf_clear(&f->plugins);
		buf_add(&f->plugins, fr->body, n);
		break;
	default: log_warn("engine \"%s\" sent a frame of unknown kind %d", l->role, fr->head.kind);
	}
}

static void stop(struct front *f);

/* Of a reader: the writer keeps it. */
static void struck(struct lane *l, const struct strike *s)
{
	struct front *f = l->host.ctx;
	struct job_head h = {.kind = FRAME_JOB,
		.route = ROUTE_STRIKE,
		.body_len = sizeof *s,
		.job = ++f->last_job,
		.key = dice(f) >> 1,
		.seed = dice(f),
		.now_ms = s->at_ms,
		.caller = {.level = LEVEL_ADMIN, .uid = getuid()}};
	ulid_make(h.now_ms, h.ulid);
	if (lane_add(&f->lanes[WRITER], &h, NULL, (const char *)s, NULL) != CX_OK)
		log_warn("a strike of plugin %s could not be told", s->plugin);
}

static void died(struct lane *l, bool ever_ready, int status)
{
	struct front *f = l->host.ctx;
	if (l->index != WRITER || ever_ready || l->stopping)
		return;
	/* a writer that leaves by itself has said why; one that keeps crashing will not get better
	 */
	if (!WIFEXITED(status) && l->fast_deaths < FIRST_STARTS)
		return;
	log_error("the writer cannot start");
	f->exit_code = 1;
	l->stopping = true;
	l->state = LANE_STOPPED;
	stop(f);
}

/* ---- the end ---- */

static void end_engines(struct front *f)
{
	f->phase = ENDING;
	f->phase_until_us = clock_mono_us() + exit_within_us;
	for (int i = 0; i < f->nlanes; i++) {
		lane_refuse_all(&f->lanes[i], CX_E_STOPPING);
		lane_stop(&f->lanes[i]);
	}
	http_flush(&f->http);
}

static void stop(struct front *f)
{
	if (f->phase != SERVING)
		return;
	log_info("stopping: %d requests are still open", f->http.outstanding);
	notify("STOPPING=1");
	f->phase = DRAINING;
	f->phase_until_us = clock_mono_us() + f->conf->server_drain * 1000;
	http_stop(&f->http);
}

static void close_all(struct front *f)
{
	f->phase = ENDED;
	if (checker_busy(&f->checker))
		kill(f->checker.proc.pid, SIGKILL);
	checker_stop(&f->checker);
	watch_stop(&f->watch);
	http_close(&f->http);
	for (int i = 0; i < f->nlanes; i++)
		lane_free(&f->lanes[i]);
	uv_handle_t *handles[] = {(uv_handle_t *)&f->prepare, (uv_handle_t *)&f->check,
		(uv_handle_t *)&f->tick, (uv_handle_t *)&f->term, (uv_handle_t *)&f->intr,
		(uv_handle_t *)&f->hup, (uv_handle_t *)&f->child};
	for (size_t i = 0; i < sizeof handles / sizeof *handles; i++)
		uv_close(handles[i], NULL);
}

static void drain(struct front *f, int64_t now)
{
	bool late = now > f->phase_until_us, gone = true;
	if (f->phase == DRAINING && (!http_busy(&f->http) || late || f->exit_code))
		end_engines(f);
	if (f->phase != ENDING)
		return;
	for (int i = 0; i < f->nlanes; i++) {
		gone = gone && f->lanes[i].proc.pid <= 0;
		if (now > f->phase_until_us)
			lane_kill(&f->lanes[i]);
	}
	if (gone)
		close_all(f);
}

/* ---- the loop ---- */

static void flush(struct front *f)
{
	http_flush(&f->http);
	for (int i = 0; i < f->nlanes; i++)
		lane_flush(&f->lanes[i]);
}

static void on_prepare(uv_prepare_t *p)
{
	flush(p->data);
}

static void on_check(uv_check_t *c)
{
	struct front *f = c->data;
	flush(f);
	if (f->phase == ENDING)
		drain(f, clock_mono_us());
}

static void on_tick(uv_timer_t *t)
{
	struct front *f = t->data;
	int64_t now = clock_mono_us();
	for (int i = 0; i < f->nlanes; i++)
		lane_tick(&f->lanes[i], now);
	checker_tick(&f->checker, now);
	http_tick(&f->http);
	if (f->phase == DRAINING || f->phase == ENDING)
		drain(f, now);
}

static void reload_unasked(struct front *f)
{
	struct job_head h = {.kind = FRAME_JOB,
		.route = ROUTE_PLUGINS_RELOAD,
		.job = ++f->last_job,
		.key = dice(f) >> 1,
		.seed = dice(f),
		.now_ms = clock_now_ms(),
		.caller = {.level = LEVEL_ADMIN, .uid = getuid()}};
	log_info("the plugins are loaded again");
	if (checker_add(&f->checker, &h, NULL) != CX_OK)
		log_warn("too many reloads wait");
}

static void files_changed(void *ctx)
{
	struct front *f = ctx;
	if (f->phase == SERVING)
		reload_unasked(f);
}

static void on_signal(uv_signal_t *s, int number)
{
	struct front *f = s->data;
	if (number == SIGHUP) { /* also of a terminal that closes */
		if (f->phase == SERVING)
			reload_unasked(f);
		return;
	}
	if (number == SIGINT && f->phase != SERVING) {
		http_stop(&f->http);
		_exit(130); /* the engines end with us */
	}
	stop(f);
}

static void on_child(uv_signal_t *s, int number)
{
	struct front *f = s->data;
	(void)number;
	for (int i = 0; i < f->nlanes; i++)
		lane_child(&f->lanes[i]);
	checker_child(&f->checker);
}

static void handles_start(struct front *f)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
	uv_signal_t *signals[] = {&f->term, &f->intr, &f->hup, &f->child};
	for (int i = 0; i < 4; i++) {
		uv_signal_init(&f->loop, signals[i]);
		signals[i]->data = f;
		uv_signal_start(signals[i], i < 3 ? on_signal : on_child, numbers[i]);
	}
	uv_prepare_init(&f->loop, &f->prepare);
	uv_check_init(&f->loop, &f->check);
	uv_timer_init(&f->loop, &f->tick);
	f->prepare.data = f->check.data = f->tick.data = f;
	uv_prepare_start(&f->prepare, on_prepare);
	uv_check_start(&f->check, on_check);
	uv_timer_start(&f->tick, on_tick, TICK_MS, TICK_MS);
}

static void raise_files(const struct conf *c)
{
	struct rlimit r;
	rlim_t need = 2 * (rlim_t)c->limits_connections + 256; /* each may have a file open */
	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= need)
		return;
	struct rlimit most = {r.rlim_max, r.rlim_max};
	r.rlim_cur = need;
	if (r.rlim_max < need)
		r.rlim_max = need;
	if (setrlimit(RLIMIT_NOFILE, &r) != 0 && setrlimit(RLIMIT_NOFILE, &most) == 0)
		log_warn(
			"cannot raise the limit of open files to %llu: fewer than %lld connections",
			(unsigned long long)need, (long long)c->limits_connections);
}

static void note(void *ctx, enum conf_note_kind kind, int line, const char *msg)
{
	const struct conf *c = ctx;
	if (kind != CONF_NO_LUA)
		log_warn("%s:%d: %s", c->file, line, msg);
}

/* Log lines are English. */
static void log_notes(struct conf *c)
{
	enum cx_lang lang = cx_lang;
	cx_lang = CX_EN;
	conf_notes(c, note, c);
	cx_lang = lang;
}

static void process_setup(const struct conf *c)
{
	static const char *const levels[] = {"error", "warn", "info", "debug"};
	enum log_level least = LOG_INFO;
	for (int i = 0; i < 4; i++)
		if (strcmp(c->log_level, levels[i]) == 0)
			least = (enum log_level)i;
	log_setup("front", least, c->log_format);
	tz_setup(c->company_timezone);
	signal(SIGPIPE, SIG_IGN);
	raise_files(c);
}

static void lanes_init(struct front *f)
{
	struct lane_host host = {f, result, refuse, frame, struck, died};
	f->nlanes = 1 + (int)f->conf->engine_readers;
	for (int i = 0; i < f->nlanes; i++)
		lane_init(&f->lanes[i], &f->loop, f->conf, &f->told_conf,
			i == WRITER ? "write" : "read", i, f->lock_fd, &f->told, host);
}

int front_main(struct conf *c, const char *conf_file, int quiet, int safe)
{
	struct front *f = xcalloc(1, sizeof *f);
	struct http_host host = {f, submit, forget, own};
	struct cx_err e;
	f->conf = c;
	f->quiet = quiet;
	f->told.safe = safe;
	f->lang = cx_lang;
	process_setup(c);
	log_notes(c);
	if ((f->lock_fd = spawn_lock_data(c->server_data, LOCK_WAIT_MS, &e)) < 0)
		cx_die("%s", e.msg);
	uv_loop_init(&f->loop);
	if (http_open(&f->http, &f->loop, c, host, &e) != CX_OK)
		cx_die("%s", e.msg);
	f->told_conf = (struct spawn_conf){conf_file, spawn_keep_text(c->text.p, c->text.len)};
	if (f->told_conf.fd < 0)
		cx_die("memfd: %s", strerror(errno));
	lanes_init(f);
	f->checker = (struct checker){
		.loop = &f->loop, .conf_file = &f->told_conf, .done = looked, .ctx = f};
	handles_start(f);
	if (c->plugins_watch) {
		f->watch = (struct watch){.loop = &f->loop,
			.path = c->plugins_path,
			.conf = conf_file,
			.changed = files_changed,
			.ctx = f};
		watch_start(&f->watch);
	}
	lane_start(&f->lanes[WRITER]);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&f->loop) != 0)
		log_warn("handles were left open at the end");
	http_free(&f->http);
	buf_free(&f->plugins);
	close(f->lock_fd);
	close(f->told_conf.fd);
	int code = f->exit_code;
	free(f);
	return code;
}
