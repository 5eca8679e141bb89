#include "store/timers.h"

#include <string.h>

#include "store/impl.h"

int store_timer_add(struct store *s, struct timer_row *row, struct cx_err *e)
{
	int rc = st_run(s, ST_TIMER_ADD,
		ARGS(ARG_INT("due_ms", row->due_ms), ARG_TEXT("plugin", row->plugin),
			ARG_TEXT("name", row->name), ARG_TEXT("arg", row->arg),
			ARG_INT("past", row->past), ARG_INT("seq", row->seq),
			ARG_INT("nth", row->nth), ARG_INT("pos", row->pos),
			ARG_TEXT("every", row->every), ARG_INT("since_ms", row->since_ms)),
		e);
	if (rc == CX_OK)
		row->id = drv_made(s->d);
	return rc;
}

int store_timer_next(struct store *s, const char *plugin, bool past, int64_t *due_ms, int64_t *id,
	struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(
		s, ST_TIMER_NEXT, ARGS(ARG_TEXT("plugin", plugin), ARG_INT("past", past)), &st, e);
	if (rc != CX_OK)
		return rc;
	rc = drv_step(st, e);
	if (rc == 1) {
		*due_ms = drv_int(st, 0);
		*id = drv_int(st, 1);
	}
	drv_end(st);
	return rc;
}

static struct timer_row row_of(struct drv_stmt *st)
{
	return (struct timer_row){.id = drv_int(st, 0),
		.due_ms = drv_int(st, 1),
		.plugin = drv_str(st, 2).p,
		.name = drv_str(st, 3).p,
		.arg = drv_str(st, 4).p,
		.past = drv_int(st, 5) != 0,
		.seq = drv_int(st, 6),
		.nth = (int)drv_int(st, 7),
		.pos = (int)drv_int(st, 8),
		.strikes = (int)drv_int(st, 9),
		.every = drv_str(st, 10).p,
		.since_ms = drv_int(st, 11)};
}

static const char *copy(struct arena *a, const char *s)
{
	return s ? arena_str(a, s, strlen(s)).p : NULL;
}

int store_timer_get(
	struct store *s, int64_t id, struct timer_row *row, struct arena *a, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_TIMER_GET, ARGS(ARG_INT("id", id)), &st, e);
	if (rc != CX_OK)
		return rc;
	rc = drv_step(st, e);
	if (rc == 1) {
		*row = row_of(st);
		row->plugin = copy(a, row->plugin);
		row->name = copy(a, row->name);
		row->arg = copy(a, row->arg);
		row->every = copy(a, row->every);
	}
	drv_end(st);
	return rc;
}

int store_timer_drop(struct store *s, int64_t id, struct cx_err *e)
{
	return st_run(s, ST_TIMER_DROP, ARGS(ARG_INT("id", id)), e);
}

int store_timer_struck(struct store *s, int64_t id, struct cx_err *e)
{
	return st_run(s, ST_TIMER_STRUCK, ARGS(ARG_INT("id", id)), e);
}

int store_timer_count(struct store *s, int64_t *n, struct cx_err *e)
{
	int rc = st_int(s, ST_TIMERS_COUNT, NULL, 0, n, e);
	return rc < 0 ? rc : CX_OK;
}

/* ---- lists ---- */

static int each(struct drv_stmt *st, store_timer_f f, void *ctx, struct cx_err *e)
{
	int rc;
	while ((rc = drv_step(st, e)) == 1) {
		struct timer_row row = row_of(st);
		if ((rc = f(ctx, &row)) != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_timers(
	struct store *s, const struct timer_filter *q, store_timer_f f, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_TIMERS,
		ARGS(ARG_INT("after_ms", q->after_ms), ARG_INT("after", q->after),
			ARG_INT("before_ms", q->before_ms),
			ARG_TEXT("plugin", q->plugin ? q->plugin : ""),
			ARG_TEXT("unit", q->unit ? q->unit : ""), ARG_INT("limit", q->limit)),
		&st, e);
	return rc < 0 ? rc : each(st, f, ctx, e);
}

int store_intervals(struct store *s, store_timer_f f, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_TIMERS_EVERY, NULL, 0, &st, e);
	return rc < 0 ? rc : each(st, f, ctx, e);
}

int store_timers_of(
	struct store *s, int64_t seq, int limit, store_timer_f f, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(
		s, ST_TIMERS_OF, ARGS(ARG_INT("seq", seq), ARG_INT("limit", limit)), &st, e);
	return rc < 0 ? rc : each(st, f, ctx, e);
}

/* ---- those that fired ---- */

int store_timers_fired_of(struct store *s, int64_t seq, int limit,
	int (*f)(void *ctx, const struct timer_fired *t), void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(
		s, ST_TIMERS_FIRED_OF, ARGS(ARG_INT("seq", seq), ARG_INT("limit", limit)), &st, e);
	if (rc < 0)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		struct timer_fired t = {.id = drv_int(st, 0),
			.due_ms = drv_int(st, 1),
			.plugin = drv_str(st, 2).p,
			.name = drv_str(st, 3).p,
			.fired_ms = drv_int(st, 4),
			.failed = drv_int(st, 5)};
		if ((rc = f(ctx, &t)) != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_timer_fired(struct store *s, const struct timer_row *row, int64_t fired_ms,
	int64_t failed, struct cx_err *e)
{
	return st_run(s, ST_TIMER_FIRED,
		ARGS(ARG_INT("id", row->id), ARG_INT("due_ms", row->due_ms),
			ARG_TEXT("plugin", row->plugin), ARG_TEXT("name", row->name),
			ARG_INT("seq", row->seq), ARG_INT("nth", row->nth),
			ARG_INT("pos", row->pos), ARG_INT("fired_ms", fired_ms),
			ARG_INT("failed", failed)),
		e);
}

int store_timer_fired_seq(struct store *s, int64_t id, int64_t *seq, struct cx_err *e)
{
	return st_int(s, ST_TIMER_FIRED_GET, ARGS(ARG_INT("id", id)), seq, e);
}

int store_timer_fired_is(
	struct store *s, int64_t seq, const struct timer_row *row, struct cx_err *e)
{
	int64_t one;
	return st_int(s, ST_TIMER_FIRED_IS,
		ARGS(ARG_INT("seq", seq), ARG_TEXT("plugin", row->plugin), ARG_INT("nth", row->nth),
			ARG_INT("pos", row->pos), ARG_TEXT("name", row->name)),
		&one, e);
}

int store_timers_drop_of(
	struct store *s, int64_t seq, const char *plugin, int nth, int64_t *n, struct cx_err *e)
{
	int rc = st_run(s, ST_TIMERS_DROP_OF,
		ARGS(ARG_INT("seq", seq), ARG_TEXT("plugin", plugin), ARG_INT("nth", nth)), e);
	*n = rc < 0 ? 0 : drv_changes(s->d);
	return rc;
}
