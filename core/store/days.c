/* Days of cubes: when they last learned something, and which are to be counted again. */
#include "store/impl.h"

int store_known_put(struct store *s, int cube, int32_t day, int64_t known_ms, struct cx_err *e)
{
	return st_run(s, ST_DAY_KNOWN_PUT,
		ARGS(ARG_INT("cube", cube), ARG_INT("day", day), ARG_INT("known_ms", known_ms)), e);
}

/* Calls f with the days of an open statement; ends it. */
static int each_day(struct drv_stmt *st, store_day_f f, void *ctx, struct cx_err *e)
{
	int rc;
	while ((rc = drv_step(st, e)) == 1)
		if ((rc = f(ctx, (int32_t)drv_int(st, 0))) != 0)
			break;
	drv_end(st);
	return rc;
}

int store_known_days(struct store *s, int cube, int32_t first, int32_t last, int64_t known_ms,
	store_day_f f, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_DAYS_KNOWN,
		ARGS(ARG_INT("cube", cube), ARG_INT("first", first), ARG_INT("last", last),
			ARG_INT("known_ms", known_ms)),
		&st, e);
	if (rc == CX_OK)
		rc = each_day(st, f, ctx, e);
	return rc < 0 ? rc : CX_OK;
}

int store_spoil(struct store *s, int cube, int32_t day, struct cx_err *e)
{
	return st_run(s, ST_DAY_SPOIL, ARGS(ARG_INT("cube", cube), ARG_INT("day", day)), e);
}

int store_spoilt_days(struct store *s, int cube, int32_t first, int32_t last, store_day_f f,
	void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = cube < 0 ? st_start(s, ST_DAYS_SPOILT_ANY,
				    ARGS(ARG_INT("first", first), ARG_INT("last", last)), &st, e)
			  : st_start(s, ST_DAYS_SPOILT,
				    ARGS(ARG_INT("cube", cube), ARG_INT("first", first),
					    ARG_INT("last", last)),
				    &st, e);
	if (rc == CX_OK)
		rc = each_day(st, f, ctx, e);
	return rc < 0 ? rc : CX_OK;
}

int store_spoilt_any(struct store *s, int *cube, int32_t *day, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_DAY_SPOILT_FIRST, NULL, 0, &st, e);
	if (rc != CX_OK)
		return rc;
	rc = drv_step(st, e);
	if (rc == 1) {
		*cube = (int)drv_int(st, 0);
		*day = (int32_t)drv_int(st, 1);
	}
	drv_end(st);
	return rc;
}

int store_day_drop(struct store *s, int cube, int32_t day, struct cx_err *e)
{
	static const enum st_id steps[] = {
		ST_DAY_DROP_CELLS, ST_DAY_DROP_BLOBS, ST_DAY_DROP_SPOILT};
	int rc = CX_OK;
	for (size_t i = 0; i < sizeof steps / sizeof *steps && rc == CX_OK; i++)
		rc = st_run(s, steps[i], ARGS(ARG_INT("cube", cube), ARG_INT("day", day)), e);
	return rc;
}
