/* Journeys: events by key, pinned definitions, instances, their ways. */
#include "store/journeys.h"

#include "store/impl.h"

#define ARG_OR_NULL(name, v)                                                                       \
	((v) ? ARG_INT(name, v) : (struct drv_arg){":" name, DRV_NULL, 0, NULL, 0})

static void keep(struct str *v, struct arena *a)
{
	if (v->p)
		*v = arena_str(a, v->p, v->n);
}

/* ---- events by key ---- */

int store_journey_event_add(struct store *s, const char *journey, struct str key, int64_t time_ms,
	int64_t seq, struct cx_err *e)
{
	return st_run(s, ST_JOURNEY_EVENT_ADD,
		ARGS(ARG_TEXT("journey", journey), ARG_STR("key", key), ARG_INT("time_ms", time_ms),
			ARG_INT("seq", seq)),
		e);
}

int store_journey_event_drop(struct store *s, const char *journey, struct str key, int64_t time_ms,
	int64_t seq, struct cx_err *e)
{
	return st_run(s, ST_JOURNEY_EVENT_DROP,
		ARGS(ARG_TEXT("journey", journey), ARG_STR("key", key), ARG_INT("time_ms", time_ms),
			ARG_INT("seq", seq)),
		e);
}

int store_journey_events(struct store *s, const char *journey, struct str key, int64_t upto,
	store_journey_event_f f, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_JOURNEY_EVENTS,
		ARGS(ARG_TEXT("journey", journey), ARG_STR("key", key), ARG_INT("upto", upto)), &st,
		e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1)
		if ((rc = f(ctx, drv_int(st, 0), drv_int(st, 1))) != 0)
			break;
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_journey_event_after(struct store *s, const char *journey, struct str key, int64_t time_ms,
	int64_t seq, int64_t upto, struct cx_err *e)
{
	int64_t any;
	return st_int(s, ST_JOURNEY_EVENT_AFTER,
		ARGS(ARG_TEXT("journey", journey), ARG_STR("key", key), ARG_INT("time_ms", time_ms),
			ARG_INT("seq", seq), ARG_INT("upto", upto)),
		&any, e);
}

int store_journey_keys(struct store *s, const char *journey, int (*f)(void *ctx, struct str key),
	void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_JOURNEY_KEYS, ARGS(ARG_TEXT("journey", journey)), &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1)
		if ((rc = f(ctx, drv_str(st, 0))) != 0)
			break;
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

/* ---- definitions ---- */

int store_journey_version_find(struct store *s, struct journey_version_row *r, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_JOURNEY_VERSION_FIND,
		ARGS(ARG_STR("journey", r->journey), ARG_STR("identity", r->identity)), &st, e);
	if (rc != CX_OK)
		return rc;
	if ((rc = drv_step(st, e)) == 1) {
		r->id = drv_int(st, 0);
		r->number = (int)drv_int(st, 1);
	}
	drv_end(st);
	return rc;
}

int store_journey_version(struct store *s, struct journey_version_row *r, struct cx_err *e)
{
	int rc = store_journey_version_find(s, r, e);
	if (rc != 0)
		return rc < 0 ? rc : CX_OK;
	rc = st_run(s, ST_JOURNEY_VERSION_ADD,
		ARGS(ARG_STR("journey", r->journey), ARG_STR("identity", r->identity),
			ARG_STR("plugin", r->plugin), ARG_STR("hash", r->hash),
			ARG_INT("since_ms", r->since_ms), ARG_STR("definition", r->definition)),
		e);
	if (rc >= 0)
		rc = store_journey_version_find(s, r, e);
	return rc < 0 ? rc : CX_OK;
}

int store_journey_version_get(struct store *s, int64_t id, struct journey_version_row *r,
	struct arena *a, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_JOURNEY_VERSION_WHOSE, ARGS(ARG_INT("id", id)), &st, e);
	if (rc != CX_OK)
		return rc;
	if ((rc = drv_step(st, e)) == 1) {
		*r = (struct journey_version_row){.id = id,
			.journey = drv_str(st, 0),
			.number = (int)drv_int(st, 1),
			.identity = drv_str(st, 2),
			.plugin = drv_str(st, 3),
			.hash = drv_str(st, 4)};
		keep(&r->journey, a);
		keep(&r->identity, a);
		keep(&r->plugin, a);
		keep(&r->hash, a);
	}
	drv_end(st);
	return rc;
}

int store_journey_versions(struct store *s, store_journey_version_f f, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_JOURNEY_VERSIONS, NULL, 0, &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		const struct journey_version_row r = {.id = drv_int(st, 0),
			.journey = drv_str(st, 1),
			.number = (int)drv_int(st, 2),
			.identity = drv_str(st, 3),
			.plugin = drv_str(st, 4),
			.hash = drv_str(st, 5),
			.since_ms = drv_int(st, 6),
			.definition = drv_str(st, 7)};
		if ((rc = f(ctx, &r)) != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_journey_pinned(struct store *s, int64_t version, struct cx_err *e)
{
	int64_t any;
	return st_int(s, ST_JOURNEY_PINNED, ARGS(ARG_INT("version", version)), &any, e);
}

int store_journey_definition(struct store *s, int64_t version, int *number, struct str *definition,
	struct arena *a, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_JOURNEY_VERSION_GET, ARGS(ARG_INT("id", version)), &st, e);
	if (rc != CX_OK)
		return rc;
	if ((rc = drv_step(st, e)) == 1) {
		*number = (int)drv_int(st, 0);
		*definition = drv_str(st, 1);
		keep(definition, a);
	}
	drv_end(st);
	return rc;
}

/* ---- instances ---- */

static struct journey_row read_row(struct drv_stmt *st)
{
	return (struct journey_row){.id = drv_int(st, 0),
		.journey = drv_str(st, 1),
		.key = drv_str(st, 2),
		.n = (int)drv_int(st, 3),
		.version = drv_int(st, 4),
		.outer = drv_int(st, 5),
		.stage = drv_str(st, 6),
		.outcome = drv_str(st, 7),
		.lost = drv_int(st, 8) != 0,
		.late = drv_int(st, 9) != 0,
		.unit = drv_str(st, 10),
		.subject = drv_str(st, 11),
		.by = drv_str(st, 12),
		.start_seq = drv_int(st, 13),
		.begun_ms = drv_int(st, 14),
		.ended_ms = drv_int(st, 15),
		.due_ms = drv_int(st, 16),
		.past_ms = drv_int(st, 17),
		.last_ms = drv_int(st, 18),
		.last_seq = drv_int(st, 19),
		.upto_ms = drv_int(st, 20),
		.strikes = (int)drv_int(st, 21),
		.state = drv_str(st, 22),
		.queued_ms = drv_int(st, 23),
		.queued_past = drv_int(st, 24) != 0};
}

/* The one row of a statement that was started, copied to a. */
static int one_row(struct drv_stmt *st, struct journey_row *r, struct arena *a, struct cx_err *e)
{
	int rc = drv_step(st, e);
	if (rc == 1) {
		*r = read_row(st);
		keep(&r->journey, a);
		keep(&r->key, a);
		keep(&r->stage, a);
		keep(&r->outcome, a);
		keep(&r->unit, a);
		keep(&r->subject, a);
		keep(&r->by, a);
		keep(&r->state, a);
	}
	drv_end(st);
	return rc;
}

int store_journey_get(struct store *s, const char *journey, struct str key, int n,
	struct journey_row *r, struct arena *a, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = n ? st_start(s, ST_JOURNEY_GET,
			     ARGS(ARG_TEXT("journey", journey), ARG_STR("key", key),
				     ARG_INT("n", n)),
			     &st, e)
		   : st_start(s, ST_JOURNEY_LAST,
			     ARGS(ARG_TEXT("journey", journey), ARG_STR("key", key)), &st, e);
	return rc == CX_OK ? one_row(st, r, a, e) : rc;
}

int store_journey_by_id(
	struct store *s, int64_t id, struct journey_row *r, struct arena *a, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_JOURNEY_BY_ID, ARGS(ARG_INT("id", id)), &st, e);
	return rc == CX_OK ? one_row(st, r, a, e) : rc;
}

static struct str by_of(const struct journey_row *r)
{
	return r->by.p ? r->by : STR("{}");
}

static bool due_past(const struct journey_row *r)
{
	return r->due_ms <= r->past_ms;
}

/* An entry for what is due, where none tells of it in time. 1: there is a new one. */
static int queue(struct store *s, struct journey_row *r, struct cx_err *e)
{
	bool past = due_past(r);
	if (!r->due_ms || (r->queued_ms && r->queued_past == past && r->queued_ms <= r->due_ms))
		return 0;
	int rc = st_run(s, ST_JOURNEY_QUEUE,
		ARGS(ARG_STR("journey", r->journey), ARG_INT("past", past),
			ARG_INT("due_ms", r->due_ms), ARG_INT("id", r->id)),
		e);
	r->queued_ms = r->due_ms;
	r->queued_past = past;
	return rc < 0 ? rc : 1;
}

static int set_queued(struct store *s, const struct journey_row *r, struct cx_err *e)
{
	return st_run(s, ST_JOURNEY_QUEUED,
		ARGS(ARG_INT("id", r->id), ARG_OR_NULL("queued_ms", r->queued_ms),
			ARG_INT("queued_past", r->queued_past)),
		e);
}

int store_journey_add(struct store *s, struct journey_row *r, struct cx_err *e)
{
	int rc = st_run(s, ST_JOURNEY_ADD,
		ARGS(ARG_STR("journey", r->journey), ARG_STR("key", r->key), ARG_INT("n", r->n),
			ARG_INT("version", r->version), ARG_OR_NULL("outer", r->outer),
			ARG_INT("open", r->stage.p != NULL), ARG_STR("stage", r->stage),
			ARG_STR("outcome", r->outcome), ARG_INT("lost", r->lost),
			ARG_INT("late", r->late), ARG_STR("unit", r->unit),
			ARG_STR("subject", r->subject), ARG_STR("by", by_of(r)),
			ARG_INT("start_seq", r->start_seq), ARG_INT("begun_ms", r->begun_ms),
			ARG_OR_NULL("ended_ms", r->ended_ms), ARG_OR_NULL("due_ms", r->due_ms),
			ARG_INT("past_ms", r->past_ms), ARG_INT("last_ms", r->last_ms),
			ARG_INT("last_seq", r->last_seq), ARG_INT("upto_ms", r->upto_ms),
			ARG_STR("state", r->state)),
		e);
	r->id = drv_made(s->d);
	r->queued_ms = 0;
	if (rc >= 0)
		rc = queue(s, r, e);
	return rc > 0 ? set_queued(s, r, e) : rc;
}

int store_journey_set(struct store *s, struct journey_row *r, struct cx_err *e)
{
	int rc = queue(s, r, e);
	const struct drv_arg args[] = {ARG_INT("id", r->id), ARG_INT("version", r->version),
		ARG_OR_NULL("outer", r->outer), ARG_INT("open", r->stage.p != NULL),
		ARG_STR("stage", r->stage), ARG_STR("outcome", r->outcome),
		ARG_INT("lost", r->lost), ARG_INT("late", r->late), ARG_STR("unit", r->unit),
		ARG_STR("subject", r->subject), ARG_STR("by", by_of(r)),
		ARG_INT("start_seq", r->start_seq), ARG_INT("begun_ms", r->begun_ms),
		ARG_OR_NULL("ended_ms", r->ended_ms), ARG_OR_NULL("due_ms", r->due_ms),
		ARG_OR_NULL("queued_ms", r->queued_ms), ARG_INT("queued_past", r->queued_past),
		ARG_INT("past_ms", r->past_ms), ARG_INT("last_ms", r->last_ms),
		ARG_INT("last_seq", r->last_seq), ARG_INT("upto_ms", r->upto_ms),
		ARG_STR("state", r->state)};
	const int n = (int)(sizeof args / sizeof *args);
	if (rc >= 0)
		rc = st_run(s, ST_JOURNEY_MOVED, args, n, e);
	if (rc >= 0 && drv_changes(s->d) == 0)
		rc = st_run(s, ST_JOURNEY_SET, args, n, e);
	return rc < 0 ? rc : CX_OK;
}

int store_journey_take_due(struct store *s, int64_t id, const char *journey, bool past,
	int64_t due_ms, struct journey_row *r, struct arena *a, struct cx_err *e)
{
	int rc = st_run(s, ST_JOURNEY_UNQUEUE,
		ARGS(ARG_TEXT("journey", journey), ARG_INT("past", past), ARG_INT("due_ms", due_ms),
			ARG_INT("id", id)),
		e);
	if (rc >= 0)
		rc = store_journey_by_id(s, id, r, a, e);
	if (rc <= 0)
		return rc;
	bool due = r->due_ms == due_ms && due_past(r) == past;
	if (r->queued_ms == due_ms && r->queued_past == past)
		r->queued_ms = 0;
	rc = due ? 1 : queue(s, r, e);
	if (rc >= 0)
		rc = set_queued(s, r, e);
	return rc < 0 ? rc : due;
}

int store_journey_struck(struct store *s, int64_t id, struct cx_err *e)
{
	return st_run(s, ST_JOURNEY_STRUCK, ARGS(ARG_INT("id", id)), e);
}

int store_journey_drop(struct store *s, int64_t id, struct cx_err *e)
{
	int rc = store_journey_moves_drop(s, id, e);
	if (rc >= 0)
		rc = store_frictions_stand(s, id, e);
	if (rc >= 0)
		rc = store_case_drop(s, id, e);
	return rc < 0 ? rc : st_run(s, ST_JOURNEY_DROP, ARGS(ARG_INT("id", id)), e);
}

int store_journey_due(struct store *s, const char *journey, bool past, int64_t *id, int64_t *due_ms,
	struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_JOURNEY_DUE,
		ARGS(ARG_TEXT("journey", journey), ARG_INT("past", past)), &st, e);
	if (rc != CX_OK)
		return rc;
	if ((rc = drv_step(st, e)) == 1) {
		*id = drv_int(st, 0);
		*due_ms = drv_int(st, 1);
	}
	drv_end(st);
	return rc;
}

static int all_rows(struct drv_stmt *st, store_journey_f f, void *ctx, struct cx_err *e)
{
	int rc;
	while ((rc = drv_step(st, e)) == 1) {
		const struct journey_row r = read_row(st);
		if ((rc = f(ctx, &r)) != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_journeys(struct store *s, const struct journey_filter *q, store_journey_f f, void *ctx,
	struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_JOURNEYS,
		ARGS(ARG_TEXT("journey", q->journey), ARG_INT("after", q->after),
			ARG_TEXT("stage", q->stage), ARG_TEXT("unit", q->unit),
			ARG_INT("late", q->late)),
		&st, e);
	return rc == CX_OK ? all_rows(st, f, ctx, e) : rc;
}

int store_journeys_of(struct store *s, const char *journey, struct str key, store_journey_f f,
	void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(
		s, ST_JOURNEYS_OF, ARGS(ARG_TEXT("journey", journey), ARG_STR("key", key)), &st, e);
	return rc == CX_OK ? all_rows(st, f, ctx, e) : rc;
}

/* ---- moves ---- */

int store_journey_move_add(
	struct store *s, int64_t instance, const struct journey_move_row *r, struct cx_err *e)
{
	return st_run(s, ST_MOVE_ADD,
		ARGS(ARG_INT("instance", instance), ARG_INT("pos", r->pos),
			ARG_OR_NULL("seq", r->seq), ARG_INT("time_ms", r->time_ms),
			ARG_STR("type", r->type), ARG_STR("source", r->source),
			ARG_STR("target", r->target), ARG_INT("pass", r->pass),
			ARG_STR("deviation", r->deviation), ARG_OR_NULL("left_ms", r->left_ms)),
		e);
}

int store_journey_left(
	struct store *s, int64_t instance, int pos, int64_t left_ms, struct cx_err *e)
{
	return st_run(s, ST_MOVE_LEFT,
		ARGS(ARG_INT("instance", instance), ARG_INT("pos", pos),
			ARG_INT("left_ms", left_ms)),
		e);
}

int store_journey_moves_drop(struct store *s, int64_t instance, struct cx_err *e)
{
	return st_run(s, ST_MOVES_DROP, ARGS(ARG_INT("instance", instance)), e);
}

int store_journey_moves(
	struct store *s, int64_t instance, store_journey_move_f f, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_MOVES, ARGS(ARG_INT("instance", instance)), &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		const struct journey_move_row r = {.pos = (int)drv_int(st, 0),
			.seq = drv_int(st, 1),
			.time_ms = drv_int(st, 2),
			.type = drv_str(st, 3),
			.source = drv_str(st, 4),
			.target = drv_str(st, 5),
			.pass = (int)drv_int(st, 6),
			.deviation = drv_str(st, 7),
			.left_ms = drv_int(st, 8)};
		if ((rc = f(ctx, &r)) != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_journey_told(
	struct store *s, const struct journey_row *r, struct str stage, int pass, struct cx_err *e)
{
	int rc = st_run(s, ST_JOURNEY_TOLD,
		ARGS(ARG_STR("journey", r->journey), ARG_STR("key", r->key), ARG_INT("n", r->n),
			ARG_STR("stage", stage), ARG_INT("pass", pass)),
		e);
	return rc < 0 ? rc : drv_changes(s->d) == 1;
}

/* ---- frictions ---- */

static struct drv_arg number(const char *name, int64_t v)
{
	return (struct drv_arg){name, v < 0 ? DRV_NULL : DRV_INT, v, NULL, 0};
}

int store_friction_add(struct store *s, const struct friction_row *r, struct cx_err *e)
{
	return st_run(s, ST_FRICTION_ADD,
		ARGS(ARG_STR("journey", r->journey), ARG_INT("instance", r->instance),
			ARG_STR("stage", r->stage), ARG_OR_NULL("pass", r->pass),
			ARG_STR("kind", r->kind), ARG_INT("time_ms", r->time_ms),
			number(":lost_ms", r->lost_ms), number(":severity", r->severity),
			number(":seq", r->seq), ARG_STR("subject", r->subject),
			ARG_STR("unit", r->unit), ARG_STR("once", r->once)),
		e);
}

int store_frictions_stand(struct store *s, int64_t instance, struct cx_err *e)
{
	return st_run(s, ST_FRICTIONS_STAND, ARGS(ARG_INT("instance", instance)), e);
}

int store_frictions(
	struct store *s, const char *journey, store_friction_f f, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_FRICTIONS, ARGS(ARG_TEXT("journey", journey)), &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		struct friction_row r = {.id = drv_int(st, 0),
			.journey = drv_str(st, 1),
			.instance = drv_int(st, 2),
			.stage = drv_str(st, 3),
			.pass = (int)drv_int(st, 4),
			.kind = drv_str(st, 5),
			.time_ms = drv_int(st, 6),
			.lost_ms = drv_int(st, 7),
			.severity = drv_int(st, 8),
			.seq = drv_int(st, 9),
			.subject = drv_str(st, 10),
			.unit = drv_str(st, 11),
			.stands = drv_int(st, 12) != 0,
			.once = drv_str(st, 13),
			.key = drv_str(st, 14),
			.n = (int)drv_int(st, 15)};
		r.lost_ms = drv_str(st, 7).p ? r.lost_ms : -1;
		r.severity = drv_str(st, 8).p ? r.severity : -1;
		if ((rc = f(ctx, &r)) != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}
