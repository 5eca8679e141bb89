#include <string.h>

#include "base/tz.h"
#include "store/impl.h"

/* Rows of the log looked at between two looks at the clock. */
enum { SLICE = 500 };

int store_event_add(struct store *s, const struct event *ev, struct cx_err *e)
{
	int64_t seq;
	int rc = store_known_find(s, ev->source, ev->id, &seq, e);
	if (rc != 0)
		return rc;
	rc = st_run(s, ST_EVENT_ADD,
		ARGS(ARG_INT("seq", ev->seq), ARG_STR("id", ev->id), ARG_STR("source", ev->source),
			ARG_STR("type", ev->type_name), ARG_STR("time", ev->time),
			ARG_INT("time_ms", ev->time_ms), ARG_INT("recorded_ms", ev->recorded_ms),
			ARG_STR("subject", ev->subject), ARG_STR("unit", ev->unit),
			ARG_STR("actor", ev->actor), ARG_STR("sequence", ev->sequence),
			ARG_STR("corrects", ev->corrects),
			ev->root ? ARG_INT("root", ev->root) : ARG_STR("root", (struct str){0}),
			ARG_STR("data", ev->data), ARG_STR("derived", ev->derived),
			ARG_BLOB("digest", ev->digest, EVENT_DIGEST), ARG_INT("job", ev->job),
			ARG_INT("clockahead", ev->clockahead)),
		e);
	if (rc == CX_OK)
		store_known_add(s, ev->source, ev->id, ev->seq);
	return rc;
}

/* Reads a row of EVENT_COLUMNS. */
static void read_event(struct drv_stmt *st, struct event *ev)
{
	size_t n;
	*ev = (struct event){.seq = drv_int(st, 0),
		.id = drv_str(st, 1),
		.source = drv_str(st, 2),
		.type_name = drv_str(st, 3),
		.time = drv_str(st, 4),
		.time_ms = drv_int(st, 5),
		.recorded_ms = drv_int(st, 6),
		.subject = drv_str(st, 7),
		.unit = drv_str(st, 8),
		.actor = drv_str(st, 9),
		.sequence = drv_str(st, 10),
		.corrects = drv_str(st, 11),
		.root = drv_int(st, 12),
		.data = drv_str(st, 13),
		.derived = drv_str(st, 14),
		.job = (uint64_t)drv_int(st, 16),
		.clockahead = drv_int(st, 17) != 0};
	const void *digest = drv_blob(st, 15, &n);
	memcpy(ev->digest, digest, n < EVENT_DIGEST ? n : EVENT_DIGEST);
}

static void keep(struct str *v, struct arena *a)
{
	if (v->p)
		*v = arena_str(a, v->p, v->n);
}

int store_event_get(
	struct store *s, int64_t seq, struct event *ev, struct arena *a, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_EVENT_GET, ARGS(ARG_INT("seq", seq)), &st, e);
	if (rc != CX_OK)
		return rc;
	rc = drv_step(st, e);
	if (rc == 1) {
		read_event(st, ev);
		struct str *all[] = {&ev->id, &ev->source, &ev->type_name, &ev->time, &ev->subject,
			&ev->unit, &ev->actor, &ev->sequence, &ev->corrects, &ev->data,
			&ev->derived};
		for (size_t i = 0; i < sizeof all / sizeof *all; i++)
			keep(all[i], a);
	}
	drv_end(st);
	return rc;
}

int store_event_find(struct store *s, struct str source, struct str id, struct event *ev,
	struct arena *a, struct cx_err *e)
{
	int64_t seq;
	int rc = store_known_find(s, source, id, &seq, e);
	return rc == 1 ? store_event_get(s, seq, ev, a, e) : rc;
}

int store_last_seq(struct store *s, int64_t *seq, struct cx_err *e)
{
	*seq = 0;
	int rc = st_int(s, ST_LAST_SEQ, NULL, 0, seq, e);
	return rc < 0 ? rc : CX_OK;
}

int store_event_set_derived(struct store *s, int64_t seq, struct str derived, struct cx_err *e)
{
	return st_run(
		s, ST_EVENT_SET_DERIVED, ARGS(ARG_INT("seq", seq), ARG_STR("derived", derived)), e);
}

/* Steps through a statement of EVENT_COLUMNS; 1 = f stopped it, *at its row. */
static int each(struct drv_stmt *st, store_event_f f, void *ctx, int64_t *at, struct cx_err *e)
{
	struct event ev;
	int rc;
	while ((rc = drv_step(st, e)) == 1) {
		read_event(st, &ev);
		*at = ev.seq;
		rc = f(ctx, &ev);
		if (rc != 0)
			break;
	}
	drv_end(st);
	return rc;
}

int store_events(struct store *s, const struct event_filter *q, store_event_f f, void *ctx,
	int64_t *last, bool *done, struct cx_err *e)
{
	int64_t end, at = q->after, stopped = 0;
	*last = q->after;
	*done = false;
	int rc = store_last_seq(s, &end, e);
	while (rc == CX_OK && at < end) {
		struct drv_stmt *st;
		int64_t upto = at + SLICE < end ? at + SLICE : end;
		rc = st_start(s, ST_EVENTS,
			ARGS(ARG_INT("after", at), ARG_INT("upto", upto), ARG_TEXT("type", q->type),
				ARG_TEXT("subject", q->subject), ARG_TEXT("unit", q->unit),
				ARG_INT("from_ms", q->from_ms), ARG_INT("to_ms", q->to_ms)),
			&st, e);
		if (rc == CX_OK)
			rc = each(st, f, ctx, &stopped, e);
		if (rc == 1) {
			*last = stopped;
			return CX_OK;
		}
		if (rc != CX_OK)
			break;
		*last = at = upto;
		if (q->until_us && at < end && clock_mono_us() >= q->until_us)
			return CX_OK;
	}
	*done = rc == CX_OK;
	return rc;
}

int store_events_placed(struct store *s, const char *type, int slot, int64_t from_ms, int64_t to_ms,
	store_event_f f, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int64_t at;
	int rc;
	if (slot <= 0)
		rc = st_start(s, ST_EVENTS_BY_TIME,
			ARGS(ARG_TEXT("type", type), ARG_INT("from_ms", from_ms),
				ARG_INT("to_ms", to_ms)),
			&st, e);
	else
		rc = st_start(s, ST_EVENTS_BY_SLOT,
			ARGS(ARG_INT("slot", slot), ARG_TEXT("type", type),
				ARG_INT("from_ms", from_ms), ARG_INT("to_ms", to_ms)),
			&st, e);
	if (rc == CX_OK)
		rc = each(st, f, ctx, &at, e);
	return rc < 0 ? rc : CX_OK;
}

int store_events_outlined(struct store *s, const char *type, int64_t from_ms, int64_t to_ms,
	store_event_f f, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	const struct str type_name = {type, (uint32_t)strlen(type)};
	int rc = st_start(s, ST_EVENTS_OUTLINED,
		ARGS(ARG_STR("type", type_name), ARG_INT("from_ms", from_ms),
			ARG_INT("to_ms", to_ms)),
		&st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		struct event ev = {.seq = drv_int(st, 0),
			.type_name = type_name,
			.time_ms = drv_int(st, 1),
			.recorded_ms = drv_int(st, 2),
			.root = drv_int(st, 3),
			.subject = drv_str(st, 4),
			.unit = drv_str(st, 5)};
		rc = f(ctx, &ev);
		if (rc != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_place_slot(
	struct store *s, const char *type, const char *field, int *slot, struct cx_err *e)
{
	int64_t found = -1;
	int rc = st_int(
		s, ST_SLOT_FIND, ARGS(ARG_TEXT("type", type), ARG_TEXT("field", field)), &found, e);
	if (rc == 0 && s->mode == STORE_WRITE) {
		rc = st_run(
			s, ST_SLOT_ADD, ARGS(ARG_TEXT("type", type), ARG_TEXT("field", field)), e);
		found = drv_made(s->d);
	}
	*slot = (int)found;
	return rc < 0 ? rc : CX_OK;
}

int store_place_add(struct store *s, int slot, int64_t ms, int64_t seq, struct cx_err *e)
{
	return st_run(s, ST_PLACE_ADD,
		ARGS(ARG_INT("slot", slot), ARG_INT("ms", ms), ARG_INT("seq", seq)), e);
}

int store_places(struct store *s, int slot, store_place_f f, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_PLACES, ARGS(ARG_INT("slot", slot)), &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		rc = f(ctx, drv_int(st, 0), drv_int(st, 1));
		if (rc != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}
