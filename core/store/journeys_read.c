#include "store/journeys_read.h"

#include "store/impl.h"

static struct way_head head_of(struct drv_stmt *st)
{
	return (struct way_head){.id = drv_int(st, 0),
		.version = drv_int(st, 1),
		.begun_ms = drv_int(st, 2),
		.ended_ms = drv_int(st, 3),
		.n = (int)drv_int(st, 4),
		.lost = drv_int(st, 5) != 0,
		.key = drv_str(st, 6),
		.stage = drv_str(st, 7),
		.outcome = drv_str(st, 8),
		.unit = drv_str(st, 9),
		.subject = drv_str(st, 10),
		.by = drv_str(st, 11)};
}

static int steps(
	struct store *s, int64_t instance, const struct ways *w, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_WAY_STEPS, ARGS(ARG_INT("instance", instance)), &st, e);
	if (rc != CX_OK)
		return rc;
	while (rc == CX_OK && (rc = drv_step(st, e)) == 1) {
		const struct way_step step = {.pos = (int)drv_int(st, 0),
			.time_ms = drv_int(st, 1),
			.type = drv_str(st, 2),
			.source = drv_str(st, 3),
			.target = drv_str(st, 4),
			.pass = (int)drv_int(st, 5),
			.deviation = drv_str(st, 6)};
		rc = w->step(ctx, &step);
	}
	drv_end(st);
	return rc;
}

static int start(struct store *s, enum st_id id, const struct way_filter *q, struct drv_stmt **st,
	struct cx_err *e)
{
	return st_start(s, id,
		ARGS(ARG_TEXT("journey", q->journey), ARG_INT("from_ms", q->from_ms),
			ARG_INT("to_ms", q->to_ms), ARG_TEXT("unit", q->unit),
			ARG_INT("version", q->version), ARG_INT("after_ms", q->after_ms),
			ARG_INT("after", q->after)),
		st, e);
}

int store_ways(struct store *s, const struct way_filter *q, const struct ways *w, void *ctx,
	struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = start(s, ST_WAYS, q, &st, e);
	if (rc != CX_OK)
		return rc;
	while (rc == CX_OK && (rc = drv_step(st, e)) == 1) {
		const struct way_head h = head_of(st);
		rc = w->begin(ctx, &h);
		if (rc == 1) {
			rc = CX_OK;
			continue;
		}
		if (rc == CX_OK)
			rc = steps(s, h.id, w, ctx, e);
		if (rc == CX_OK)
			rc = w->end(ctx, &h);
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_fits(struct store *s, const struct way_filter *q,
	int (*f)(void *ctx, const struct way_head *h, struct str fit), void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = start(s, ST_FITS, q, &st, e);
	if (rc != CX_OK)
		return rc;
	while (rc == CX_OK && (rc = drv_step(st, e)) == 1) {
		const struct way_head h = head_of(st);
		struct str fit = drv_str(st, 12);
		rc = fit.p ? f(ctx, &h, fit) : CX_OK;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_frictions_of(
	struct store *s, int64_t instance, store_friction_f f, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_FRICTIONS_OF, ARGS(ARG_INT("instance", instance)), &st, e);
	if (rc != CX_OK)
		return rc;
	while (rc == CX_OK && (rc = drv_step(st, e)) == 1) {
		const struct friction_row r = {.instance = instance,
			.stage = drv_str(st, 0),
			.pass = (int)drv_int(st, 1),
			.kind = drv_str(st, 2),
			.time_ms = drv_int(st, 3),
			.lost_ms = drv_int(st, 4),
			.severity = drv_int(st, 5),
			.stands = true};
		rc = f(ctx, &r);
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_frictions_any(struct store *s, const char *journey, struct cx_err *e)
{
	int64_t any;
	return st_int(s, ST_FRICTIONS_ANY, ARGS(ARG_TEXT("journey", journey)), &any, e);
}
