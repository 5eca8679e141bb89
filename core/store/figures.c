#include <inttypes.h>
#include <string.h>

#include "store/impl.h"

int store_cube(struct store *s, struct cube_row *r, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_CUBE_FIND,
		ARGS(ARG_TEXT("plugin", r->plugin), ARG_TEXT("dims", r->dims),
			ARG_TEXT("identity", r->identity)),
		&st, e);
	if (rc != CX_OK)
		return rc;
	r->id = -1;
	if ((rc = drv_step(st, e)) == 1) {
		r->id = (int)drv_int(st, 0);
		r->upto = drv_int(st, 1);
	}
	drv_end(st);
	if (rc == 0 && s->mode == STORE_WRITE && r->upto != STORE_GONE) {
		rc = st_run(s, ST_CUBE_ADD,
			ARGS(ARG_TEXT("plugin", r->plugin), ARG_TEXT("dims", r->dims),
				ARG_TEXT("identity", r->identity), ARG_INT("upto", r->upto)),
			e);
		r->id = (int)drv_made(s->d);
	}
	return rc < 0 ? rc : CX_OK;
}

int store_cube_upto(struct store *s, int cube, int64_t upto, struct cx_err *e)
{
	return st_run(s, ST_CUBE_UPTO, ARGS(ARG_INT("cube", cube), ARG_INT("upto", upto)), e);
}

int store_cube_spoil(struct store *s, int cube, struct cx_err *e)
{
	return st_run(s, ST_CUBE_SPOIL, ARGS(ARG_INT("cube", cube)), e);
}

int store_cubes(
	struct store *s, int (*f)(void *ctx, const struct cube_row *r), void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_CUBES, NULL, 0, &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		rc = f(ctx, &(struct cube_row){.id = (int)drv_int(st, 0),
				    .plugin = drv_str(st, 1).p,
				    .dims = drv_str(st, 2).p,
				    .identity = drv_str(st, 3).p,
				    .upto = drv_int(st, 4)});
		if (rc != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

static int sweep_rule(struct store *s, int rows, struct cx_err *e)
{
	int64_t rule;
	int rc = st_int(s, ST_RULE_GONE, NULL, 0, &rule, e);
	if (rc != 1)
		return rc;
	rc = st_run(s, ST_SWEEP_CANDIDATES, ARGS(ARG_INT("rule", rule), ARG_INT("rows", rows)), e);
	if (rc >= 0 && drv_changes(s->d) < rows)
		rc = st_run(s, ST_RULE_DROP, ARGS(ARG_INT("rule", rule)), e);
	return rc < 0 ? rc : 1;
}

int store_sweep(struct store *s, int rows, struct cx_err *e)
{
	static const enum st_id steps[] = {ST_SWEEP_CELLS, ST_SWEEP_BLOBS, ST_SWEEP_EXCLUSIONS,
		ST_SWEEP_KNOWN, ST_SWEEP_SPOILT};
	int64_t cube;
	int rc = st_int(s, ST_CUBE_GONE, NULL, 0, &cube, e);
	if (rc != 1)
		return rc < 0 ? rc : sweep_rule(s, rows, e);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		rc = st_run(s, steps[i], ARGS(ARG_INT("cube", cube), ARG_INT("rows", rows)), e);
		if (rc < 0)
			return rc;
		if (drv_changes(s->d) >= rows)
			return 1;
	}
	rc = st_run(s, ST_CUBE_DROP, ARGS(ARG_INT("cube", cube)), e);
	if (rc >= 0)
		rc = store_set_strays_drop(s, e);
	return rc < 0 ? rc : 1;
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

int store_exclude(struct store *s, int cube, const char *kpi, const char *measure, int32_t day,
	int64_t seq, const char *reason, struct cx_err *e)
{
	return st_run(s, ST_EXCLUDE,
		ARGS(ARG_INT("cube", cube), ARG_TEXT("kpi", kpi), ARG_INT("day", day),
			ARG_TEXT("measure", measure), ARG_INT("seq", seq),
			ARG_TEXT("reason", reason)),
		e);
}

int store_readmit(struct store *s, int cube, const char *kpi, const char *measure, int64_t seq,
	struct cx_err *e)
{
	int rc = st_run(s, ST_READMIT,
		ARGS(ARG_INT("cube", cube), ARG_TEXT("kpi", kpi), ARG_TEXT("measure", measure),
			ARG_INT("seq", seq)),
		e);
	return rc != CX_OK ? rc : drv_changes(s->d) > 0;
}

int store_exclusions_drop(struct store *s, int cube, const char *kpi, int32_t day, struct cx_err *e)
{
	return st_run(s, ST_DAY_DROP_EXCLUSIONS,
		ARGS(ARG_INT("cube", cube), ARG_TEXT("kpi", kpi), ARG_INT("day", day),
			ARG_TEXT("reason", STORE_CRASHED)),
		e);
}

int store_crashed(struct store *s, int cube, const char *kpi, const char *measure, int64_t seq,
	struct cx_err *e)
{
	int64_t n = 0;
	int rc = measure ? st_int(s, ST_CRASHED,
				   ARGS(ARG_INT("cube", cube), ARG_TEXT("kpi", kpi),
					   ARG_TEXT("measure", measure), ARG_INT("seq", seq),
					   ARG_TEXT("reason", STORE_CRASHED)),
				   &n, e)
			 : st_int(s, ST_CRASHED_ANY, NULL, 0, &n, e);
	return rc < 0 ? rc : n > 0;
}

int store_excluded(struct store *s, int cube, const char *kpi, int32_t first, int32_t last,
	int64_t *n, struct cx_err *e)
{
	int rc = st_int(s, ST_EXCLUDED,
		ARGS(ARG_INT("cube", cube), ARG_TEXT("kpi", kpi), ARG_INT("first", first),
			ARG_INT("last", last)),
		n, e);
	return rc < 0 ? rc : CX_OK;
}

int store_exclusions(struct store *s, int cube, const char *kpi,
	int (*f)(void *ctx, const struct excluded *x), void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(
		s, ST_EXCLUSIONS, ARGS(ARG_INT("cube", cube), ARG_TEXT("kpi", kpi)), &st, e);
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
