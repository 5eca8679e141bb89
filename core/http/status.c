#include "http/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/problem.h"
#include "base/version.h"

const uint32_t commit_bounds_us[COMMIT_BUCKETS] = {
	250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 500000};

static bool up(const struct status_engine *e)
{
	return strcmp(e->state, "up") == 0;
}

int status_me(const struct caller *c, struct buf *out)
{
	char name[NAME_MAX_BYTES];
	snprintf(name, sizeof name, "uid/%u", c->uid);
	jw_obj(out);
	jw_kstr(out, "name", c->token[0] ? c->token : name);
	jw_kstr(out, "person", c->person[0] ? c->person : NULL);
	jw_kstr(out, "level", level_name(c->level));
	jw_kstr(out, "unit", c->unit[0] ? c->unit : NULL);
	jw_kstr(out, "locale", c->lang == CX_PT ? "pt-BR" : "en");
	if (c->uid == UINT32_MAX)
		jw_knull(out, "uid");
	else
		jw_kint(out, "uid", c->uid);
	jw_obj_end(out);
	return 200;
}

static void engine(const struct status_engine *e, bool writer, struct buf *out)
{
	jw_obj(out);
	if (e->pid > 0)
		jw_kint(out, "pid", e->pid);
	else
		jw_knull(out, "pid");
	jw_kstr(out, "state", up(e) ? "up" : "restarting");
	if (writer)
		jw_kint(out, "restarts", (int64_t)e->restarts);
	jw_obj_end(out);
}

int status_health(const struct status *s, struct buf *out)
{
	bool well = s->writable && !s->plugins.failed && !s->plugins.quarantined;
	for (int i = 0; i < s->n; i++)
		well = well && up(&s->engine[i]);
	jw_obj(out);
	jw_kstr(out, "status", s->stopping ? "stopping" : well ? "ok" : "degraded");
	jw_kstr(out, "version", CX_VERSION);
	jw_key(out, "front");
	jw_obj(out);
	jw_kint(out, "pid", s->front_pid);
	jw_obj_end(out);
	jw_key(out, "writer");
	engine(&s->engine[0], true, out);
	jw_key(out, "readers");
	jw_arr(out);
	for (int i = 1; i < s->n; i++)
		engine(&s->engine[i], false, out);
	jw_arr_end(out);
	jw_key(out, "store");
	jw_obj(out);
	jw_kbool(out, "writable", s->writable);
	jw_obj_end(out);
	jw_key(out, "quarantined");
	jw_raw(out, s->quarantined, strlen(s->quarantined));
	jw_obj_end(out);
	return 200;
}

int status_ready(const struct status *s, struct buf *out)
{
	struct cx_err e;
	if (s->stopping)
		cx_fail(&e, CX_E_STOPPING, NULL, "%s",
			CX_T("o servidor está parando", "the server is stopping"));
	else if (!up(&s->engine[0]))
		cx_fail(&e, CX_E_ENGINE_RESTARTING, NULL, "%s",
			CX_T("o processo que grava não está atendendo",
				"the writer is not taking events"));
	else if (!s->writable)
		cx_fail(&e, CX_E_STORE_FAILED, NULL, "%s",
			CX_T("o armazenamento não aceita gravações", "the store takes no writes"));
	else if (s->ring_full) /* 503 says "not ready" to whoever probes; 429 would be about the
				  probe */
		cx_fail(&e, CX_E_ENGINE_RESTARTING, NULL, "%s",
			CX_T("a fila está cheia", "the queue is full"));
	else {
		buf_puts(out, "{\"ready\":true}");
		return 200;
	}
	return problem_write(out, &e);
}

static void family(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_printf(b, "# HELP cxd_%s %s\n# TYPE cxd_%s %s\n", name, help, name, type);
}

static void one(struct buf *b, const char *name, const char *type, const char *help, uint64_t v)
{
	family(b, name, type, help);
	buf_printf(b, "cxd_%s %" PRIu64 "\n", name, v);
}

static void requests(const struct http *h, struct buf *b)
{
	family(b, "http_requests_total", "counter", "Answers by route and status class.");
	for (int r = 0; r <= ROUTE_COUNT; r++)
		for (int k = 1; k < 6; k++)
			if (h->answers[r][k])
				buf_printf(b,
					"cxd_http_requests_total{method=\"%s\",route=\"%s\",status="
					"\"%dxx\"} "
					"%" PRIu64 "\n",
					r < ROUTE_COUNT ? routes[r].method : "",
					r < ROUTE_COUNT ? routes[r].path : "", k, h->answers[r][k]);
	one(b, "http_requests_waiting", "gauge", "Requests without an answer yet.",
		(uint64_t)h->outstanding);
	one(b, "http_connections", "gauge", "Open connections.", (uint64_t)h->nconns);
	one(b, "http_streams", "gauge", "Open event streams.", (uint64_t)h->nstreams);
	one(b, "http_connections_total", "counter", "Connections accepted.", h->accepted);
	one(b, "http_connections_refused_total", "counter",
		"Connections refused because there were too many.", h->over_limit);
	one(b, "http_receive_bytes_total", "counter", "Bytes read from clients.", h->bytes_in);
	one(b, "http_send_bytes_total", "counter", "Bytes sent to clients.", h->bytes_out);
}

static void engines(const struct status *s, struct buf *b)
{
	static const struct {
		const char *name, *type, *help;
	} rows[] = {
		{"engine_up", "gauge", "1 while the engine process takes jobs."},
		{"engine_restarts_total", "counter", "Times the engine process was started again."},
		{"engine_strikes_total", "counter", "Deaths caused by plugin code."},
		{"engine_timeouts_total", "counter", "Jobs answered 503 after answer_within."},
		{"ring_bytes", "gauge", "Bytes of jobs waiting for an answer."},
		{"ring_jobs", "gauge", "Jobs waiting for an answer."},
	};
	for (int k = 0; k < (int)(sizeof rows / sizeof *rows); k++) {
		family(b, rows[k].name, rows[k].type, rows[k].help);
		for (int i = 0; i < s->n; i++) {
			const struct status_engine *e = &s->engine[i];
			uint64_t v[] = {up(e), e->restarts, e->strikes, e->timeouts, e->ring_bytes,
				e->waiting};
			buf_printf(b, "cxd_%s{role=\"%s\",index=\"%d\"} %" PRIu64 "\n",
				rows[k].name, e->role, i ? i - 1 : 0, v[k]);
		}
	}
	one(b, "ring_limit_bytes", "gauge", "Above this many bytes requests are answered 429.",
		s->ring_limit);
}

static void plugins(const struct plugins_told *p, struct buf *b)
{
	const struct {
		const char *state;
		uint32_t n;
	} rows[] = {{"running", p->running}, {"failed", p->failed}, {"quarantined", p->quarantined},
		{"disabled", p->disabled}, {"rebuilding", p->rebuilding}};
	family(b, "plugins", "gauge", "Plugins by state.");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		buf_printf(b, "cxd_plugins{state=\"%s\"} %" PRIu32 "\n", rows[i].state, rows[i].n);
}

static void commits(const struct status *s, struct buf *b)
{
	uint64_t sum = 0;
	family(b, "writer_commit_seconds", "histogram", "Time of each COMMIT.");
	for (int i = 0; i <= COMMIT_BUCKETS; i++) {
		sum += s->commits[i];
		if (i < COMMIT_BUCKETS)
			buf_printf(b, "cxd_writer_commit_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
				commit_bounds_us[i] / 1e6, sum);
	}
	buf_printf(b, "cxd_writer_commit_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", sum);
	buf_printf(b, "cxd_writer_commit_seconds_sum %.6f\n", (double)s->commit_us / 1e6);
	buf_printf(b, "cxd_writer_commit_seconds_count %" PRIu64 "\n", sum);
}

int status_metrics(const struct status *s, const struct http *h, struct buf *out)
{
	requests(h, out);
	engines(s, out);
	one(out, "writer_batches_total", "counter", "Transactions committed.", s->batch.batches);
	one(out, "writer_jobs_total", "counter", "Jobs done by the writer.", s->batch.jobs);
	one(out, "writer_events_total", "counter", "Events stored.", s->batch.events);
	one(out, "writer_duplicates_total", "counter", "Events that were stored before.",
		s->batch.duplicates);
	one(out, "writer_rejected_total", "counter", "Events refused.", s->batch.rejected);
	one(out, "writer_reactions_failed_total", "counter", "Reactions of plugins that failed.",
		s->batch.reactions_failed);
	one(out, "timers_waiting", "gauge", "Timers that have not fired yet.",
		(uint64_t)s->batch.timers_waiting);
	one(out, "timers_fired_total", "counter", "Timers and deadlines of journeys that fired.",
		s->batch.timers_fired);
	one(out, "timers_late_total", "counter",
		"Those of them that fired more than a second after they were due.",
		s->batch.timers_late);
	one(out, "store_last_seq", "gauge", "Number of the newest event.",
		(uint64_t)s->batch.last_seq);
	plugins(&s->plugins, out);
	commits(s, out);
	one(out, "store_writable", "gauge", "0 while the store takes no writes.", s->writable);
	return 200;
}
