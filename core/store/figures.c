#include <inttypes.h>
#include <string.h>

#include "store/impl.h"

int store_cube_id(struct store *s, const char *plugin, const char *dims, int *id, struct cx_err *e)
{
	int64_t found = -1;
	int rc = st_int(s, ST_CUBE_FIND, ARGS(ARG_TEXT("plugin", plugin), ARG_TEXT("dims", dims)),
		&found, e);
	if (rc == 0 && s->mode == STORE_WRITE) {
		rc = st_run(s, ST_CUBE_ADD,
			ARGS(ARG_TEXT("plugin", plugin), ARG_TEXT("dims", dims)), e);
		found = drv_made(s->d);
	}
	*id = (int)found;
	return rc < 0 ? rc : CX_OK;
}

int store_cubes_drop(struct store *s, const char *plugin, struct cx_err *e)
{
	static const enum st_id steps[] = {ST_DROP_CELLS, ST_DROP_BLOBS, ST_DROP_EXCLUSIONS,
		ST_DROP_KNOWN, ST_DROP_SPOILT, ST_DROP_CUBES};
	int rc = CX_OK;
	for (size_t i = 0; i < sizeof steps / sizeof *steps && rc == CX_OK; i++)
		rc = st_run(s, steps[i], ARGS(ARG_TEXT("plugin", plugin)), e);
	return rc;
}

/* ---- cells ---- */

int store_cell_get(
	struct store *s, int cube, int32_t day, struct str group, struct buf *out, struct cx_err *e)
{
	return st_bytes(s, ST_CELL_GET,
		ARGS(ARG_INT("cube", cube), ARG_INT("day", day), ARG_STR("grp", group)), out, e);
}

int store_cell_put(struct store *s, int cube, int32_t day, struct str group, const void *value,
	size_t n, struct cx_err *e)
{
	return st_run(s, ST_CELL_PUT,
		ARGS(ARG_INT("cube", cube), ARG_INT("day", day), ARG_STR("grp", group),
			ARG_BLOB("value", value, n)),
		e);
}

int store_cell_count(struct store *s, int cube, int32_t day, int64_t *n, struct cx_err *e)
{
	int rc = st_int(s, ST_CELL_COUNT, ARGS(ARG_INT("cube", cube), ARG_INT("day", day)), n, e);
	return rc < 0 ? rc : CX_OK;
}

int store_cells(struct store *s, int cube, int32_t first, int32_t last, store_cell_f f, void *ctx,
	struct cx_err *e)
{
	struct drv_stmt *st;
	size_t n;
	int rc = st_start(s, ST_CELLS,
		ARGS(ARG_INT("cube", cube), ARG_INT("first", first), ARG_INT("last", last)), &st,
		e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		const void *p = drv_blob(st, 2, &n);
		rc = f(ctx, (int32_t)drv_int(st, 0), drv_str(st, 1), p, n);
		if (rc != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_cell_days(struct store *s, int cube, int32_t *first, int32_t *last, struct cx_err *e)
{
	int64_t a, b;
	int rc = st_int(s, ST_CELL_FIRST, ARGS(ARG_INT("cube", cube)), &a, e);
	if (rc == 1)
		rc = st_int(s, ST_CELL_LAST, ARGS(ARG_INT("cube", cube)), &b, e);
	if (rc == 1) {
		*first = (int32_t)a;
		*last = (int32_t)b;
	}
	return rc;
}

/* ---- exclusions ---- */

int store_exclude(struct store *s, const char *plugin, const char *kpi, const char *measure,
	int32_t day, int64_t seq, const char *reason, struct cx_err *e)
{
	return st_run(s, ST_EXCLUDE,
		ARGS(ARG_TEXT("kpi", kpi), ARG_INT("day", day), ARG_TEXT("measure", measure),
			ARG_INT("seq", seq), ARG_TEXT("plugin", plugin),
			ARG_TEXT("reason", reason)),
		e);
}

int store_readmit(
	struct store *s, const char *kpi, const char *measure, int64_t seq, struct cx_err *e)
{
	int rc = st_run(s, ST_READMIT,
		ARGS(ARG_TEXT("kpi", kpi), ARG_TEXT("measure", measure), ARG_INT("seq", seq)), e);
	return rc != CX_OK ? rc : drv_changes(s->d) > 0;
}

int store_exclusions_drop(struct store *s, const char *kpi, int32_t day, struct cx_err *e)
{
	return st_run(s, ST_DAY_DROP_EXCLUSIONS,
		ARGS(ARG_TEXT("kpi", kpi), ARG_INT("day", day), ARG_TEXT("reason", STORE_CRASHED)),
		e);
}

int store_crashed(
	struct store *s, const char *kpi, const char *measure, int64_t seq, struct cx_err *e)
{
	int64_t n = 0;
	int rc =
		measure ? st_int(s, ST_CRASHED,
				  ARGS(ARG_TEXT("kpi", kpi), ARG_TEXT("measure", measure),
					  ARG_INT("seq", seq), ARG_TEXT("reason", STORE_CRASHED)),
				  &n, e)
			: st_int(s, ST_CRASHED_ANY, ARGS(ARG_TEXT("reason", STORE_CRASHED)), &n, e);
	return rc < 0 ? rc : n > 0;
}

int store_excluded(
	struct store *s, const char *kpi, int32_t first, int32_t last, int64_t *n, struct cx_err *e)
{
	int rc = st_int(s, ST_EXCLUDED,
		ARGS(ARG_TEXT("kpi", kpi), ARG_INT("first", first), ARG_INT("last", last)), n, e);
	return rc < 0 ? rc : CX_OK;
}

int store_exclusions(struct store *s, const char *kpi,
	int (*f)(void *ctx, const struct excluded *x), void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_EXCLUSIONS, ARGS(ARG_TEXT("kpi", kpi)), &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		rc = f(ctx, &(struct excluded){.kpi = kpi,
				    .day = (int32_t)drv_int(st, 0),
				    .measure = drv_str(st, 1).p,
				    .seq = drv_int(st, 2),
				    .reason = drv_str(st, 3).p});
		if (rc != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}
