/* Cases: open instances with clocks, by when they are due. */
#include "store/impl.h"
#include "store/journeys.h"

int store_case_set(
	struct store *s, int64_t instance, int64_t due_ms, struct str state, struct cx_err *e)
{
	return st_run(s, ST_CASE_SET,
		ARGS(ARG_INT("instance", instance), ARG_INT("due_ms", due_ms),
			ARG_STR("state", state)),
		e);
}

int store_case_drop(struct store *s, int64_t instance, struct cx_err *e)
{
	return st_run(s, ST_CASE_DROP, ARGS(ARG_INT("instance", instance)), e);
}

int store_cases(
	struct store *s, const struct case_filter *q, store_case_f f, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_CASES,
		ARGS(ARG_INT("after_ms", q->after_ms), ARG_INT("after", q->after),
			ARG_TEXT("unit", q->unit), ARG_TEXT("state", q->state)),
		&st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1)
		if ((rc = f(ctx, drv_int(st, 0), drv_int(st, 1), drv_str(st, 2))) != 0)
			break;
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}
