/* Failed reactions, and plugins that have not dealt with all events. */
#include <string.h>

#include "store/impl.h"

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

/* ---- failed reactions ---- */

int store_failed_add(struct store *s, struct failed_row *row, struct cx_err *e)
{
	int rc = st_run(s, ST_FAILED_ADD,
		ARGS(ARG_INT("seq", row->seq), ARG_INT("at_ms", row->at_ms),
			ARG_TEXT("plugin", or_empty(row->plugin)),
			ARG_TEXT("handler", or_empty(row->handler)),
			ARG_TEXT("file", or_empty(row->file)), ARG_INT("line", row->line),
			ARG_TEXT("message", or_empty(row->message)),
			ARG_TEXT("traceback", or_empty(row->traceback)),
			ARG_INT("tries", row->tries), ARG_INT("nth", row->nth),
			ARG_INT("past", row->past), ARG_INT("timer", row->timer),
			ARG_INT("due_ms", row->due_ms), ARG_TEXT("arg", row->arg)),
		e);
	if (rc == CX_OK)
		row->id = drv_made(s->d);
	return rc;
}

int store_failed_set(struct store *s, const struct failed_row *row, struct cx_err *e)
{
	return st_run(s, ST_FAILED_SET,
		ARGS(ARG_INT("id", row->id), ARG_INT("at_ms", row->at_ms),
			ARG_TEXT("file", or_empty(row->file)), ARG_INT("line", row->line),
			ARG_TEXT("message", or_empty(row->message)),
			ARG_TEXT("traceback", or_empty(row->traceback)),
			ARG_INT("tries", row->tries), ARG_INT("done_ms", row->done_ms)),
		e);
}

static struct failed_row failed_of(struct drv_stmt *st)
{
	return (struct failed_row){.id = drv_int(st, 0),
		.seq = drv_int(st, 1),
		.at_ms = drv_int(st, 2),
		.plugin = drv_str(st, 3).p,
		.handler = drv_str(st, 4).p,
		.file = drv_str(st, 5).p,
		.line = (int)drv_int(st, 6),
		.message = drv_str(st, 7).p,
		.traceback = drv_str(st, 8).p,
		.tries = (int)drv_int(st, 9),
		.nth = (int)drv_int(st, 10),
		.past = drv_int(st, 11) != 0,
		.done_ms = drv_int(st, 12),
		.timer = drv_int(st, 13),
		.due_ms = drv_int(st, 14),
		.arg = drv_str(st, 15).p};
}

static const char *copy(struct arena *a, const char *s)
{
	return arena_str(a, s, strlen(s)).p;
}

int store_failed_get(
	struct store *s, int64_t id, struct failed_row *row, struct arena *a, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_FAILED_GET, ARGS(ARG_INT("id", id)), &st, e);
	if (rc != CX_OK)
		return rc;
	rc = drv_step(st, e);
	if (rc == 1) {
		*row = failed_of(st);
		row->plugin = copy(a, row->plugin);
		row->handler = copy(a, row->handler);
		row->file = copy(a, row->file);
		row->message = copy(a, row->message);
		row->traceback = copy(a, row->traceback);
		row->arg = row->arg ? copy(a, row->arg) : NULL;
	}
	drv_end(st);
	return rc;
}

static int each_failed(struct drv_stmt *st, int (*f)(void *ctx, const struct failed_row *row),
	void *ctx, struct cx_err *e)
{
	int rc;
	while ((rc = drv_step(st, e)) == 1) {
		struct failed_row row = failed_of(st);
		if ((rc = f(ctx, &row)) != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_failed(struct store *s, const struct failed_filter *q,
	int (*f)(void *ctx, const struct failed_row *row), void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = q->seq ? st_start(s, ST_FAILED_OF,
				  ARGS(ARG_INT("seq", q->seq), ARG_INT("after", q->after),
					  ARG_INT("limit", q->limit)),
				  &st, e)
			: st_start(s, ST_FAILED_OPEN,
				  ARGS(ARG_INT("after", q->after),
					  ARG_TEXT("plugin", or_empty(q->plugin)),
					  ARG_TEXT("unit", or_empty(q->unit)),
					  ARG_INT("limit", q->limit)),
				  &st, e);
	return rc != CX_OK ? rc : each_failed(st, f, ctx, e);
}

int store_failed_first(struct store *s, const struct event *ev, int limit,
	int (*f)(void *ctx, const struct failed_row *row), void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	struct buf under = {0};
	buf_add(&under, ev->id.p, ev->id.n);
	buf_puts(&under, "/");
	int rc = st_start(s, ST_FAILED_FIRST,
		ARGS(ARG_INT("seq", ev->seq), ARG_INT("job", ev->job),
			ARG_STR("source", ev->source), ARG_TEXT("under", buf_cstr(&under)),
			ARG_INT("recorded_ms", ev->recorded_ms), ARG_INT("limit", limit)),
		&st, e);
	if (rc == CX_OK)
		rc = each_failed(st, f, ctx, e);
	buf_free(&under);
	return rc;
}

/* ---- plugins ---- */

int store_state_put(struct store *s, const struct state_row *row, struct cx_err *e)
{
	return st_run(s, ST_STATE_PUT,
		ARGS(ARG_TEXT("plugin", row->plugin), ARG_TEXT("state", row->state),
			ARG_TEXT("hash", row->hash), ARG_INT("since_ms", row->since_ms),
			ARG_TEXT("reason", row->reason), ARG_TEXT("strikes", row->strikes),
			ARG_INT("pending", row->pending)),
		e);
}

int store_state_drop(struct store *s, const char *plugin, struct cx_err *e)
{
	return st_run(s, ST_STATE_DROP, ARGS(ARG_TEXT("plugin", plugin)), e);
}

int store_states(struct store *s, int (*f)(void *ctx, const struct state_row *row), void *ctx,
	struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_STATES, NULL, 0, &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		const struct state_row row = {.plugin = drv_str(st, 0).p,
			.state = drv_str(st, 1).p,
			.hash = drv_str(st, 2).p,
			.since_ms = drv_int(st, 3),
			.reason = drv_str(st, 4).p,
			.strikes = drv_str(st, 5).p,
			.pending = drv_int(st, 6)};
		if ((rc = f(ctx, &row)) != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_declared_put(struct store *s, const char *hash, struct str text, struct cx_err *e)
{
	return st_run(s, ST_DECLARED_PUT, ARGS(ARG_TEXT("hash", hash), ARG_STR("text", text)), e);
}

int store_declared_get(struct store *s, const char *hash, struct buf *text, struct cx_err *e)
{
	return st_bytes(s, ST_DECLARED_GET, ARGS(ARG_TEXT("hash", hash)), text, e);
}

/* ---- events that wait for a plugin ---- */

int store_note_add(
	struct store *s, int64_t seq, const char *plugin, const char *note, struct cx_err *e)
{
	return st_run(s, ST_NOTE_ADD,
		ARGS(ARG_INT("seq", seq), ARG_TEXT("plugin", plugin), ARG_TEXT("note", note)), e);
}

int store_note_is(
	struct store *s, int64_t seq, const char *plugin, const char *note, struct cx_err *e)
{
	int64_t n = 0;
	int rc = st_int(s, ST_NOTE_IS,
		ARGS(ARG_INT("seq", seq), ARG_TEXT("plugin", plugin), ARG_TEXT("note", note)), &n,
		e);
	return rc < 0 ? rc : n > 0;
}

int store_notes_drop(struct store *s, int64_t before, struct cx_err *e)
{
	return st_run(s, ST_NOTES_DROP, ARGS(ARG_INT("before", before)), e);
}
