/* status.h — what the front says about itself: /v1/me, /healthz, /readyz, /metrics.
 * Callers: front.c, which fills struct status. Pure but for reading struct http's counters.
 * Errors: none; each returns the HTTP status. */
#ifndef CX_HTTP_STATUS_H
#define CX_HTTP_STATUS_H

#include "http/http.h"

enum { STATUS_ENGINES = 17, COMMIT_BUCKETS = 10 };
extern const uint32_t commit_bounds_us[COMMIT_BUCKETS];

struct status_engine {
	const char *role, *state; /* "up", "restarting", "starting", "stopped" */
	int pid;
	uint64_t restarts, strikes, timeouts, ring_bytes, waiting;
};
struct status {
	int front_pid, n;
	struct status_engine engine[STATUS_ENGINES]; /* the writer first */
	bool stopping, writable, ring_full;
	const char *failed, *quarantined; /* JSON lists of plugins */
	struct plugins_told plugins;
	uint64_t ring_limit;
	struct batch_done batch;
	uint64_t commits[COMMIT_BUCKETS + 1], commit_us;
};

int status_me(const struct caller *c, struct buf *out);
int status_health(const struct status *s, struct buf *out);
int status_ready(const struct status *s, struct buf *out);
int status_metrics(const struct status *s, const struct http *h, struct buf *out);

#endif
