/* What is made of sets for reading alone: spans, and who was seen when. Triggers of the schema drop
 * them. */
#include "store/impl.h"

/* SET_SPAN is 1 << 4, as the triggers have it; days before 1970 are negative. */
int32_t span_of(int32_t day)
{
	return (day - (day & (SET_SPAN - 1))) / SET_SPAN;
}

int store_span_missing(struct store *s, int cube, int set, bool days, int32_t before,
	int32_t *first, struct cx_err *e)
{
	int64_t day = INT32_MIN, is;
	int rc;
	while ((rc = st_int(s, ST_SET_DAY_FROM,
			ARGS(ARG_INT("cube", cube), ARG_INT("setno", set), ARG_INT("day", day)),
			&day, e)) == 1) {
		int32_t span = span_of((int32_t)day);
		day = ((int64_t)span + 1) * SET_SPAN;
		if (day > before)
			return 0;
		rc = st_int(s, ST_SET_SPAN_IS,
			ARGS(ARG_INT("cube", cube), ARG_INT("setno", set), ARG_INT("days", days),
				ARG_INT("span", span)),
			&is, e);
		*first = span * SET_SPAN;
		if (rc != 1)
			return rc < 0 ? rc : 1;
	}
	return rc;
}

int store_span_put(struct store *s, int cube, int set, bool days, int32_t first, const void *blob,
	size_t n, struct cx_err *e)
{
	return st_run(s, ST_SET_SPAN_PUT,
		ARGS(ARG_INT("cube", cube), ARG_INT("setno", set), ARG_INT("days", days),
			ARG_INT("span", span_of(first)), ARG_BLOB("value", blob, n)),
		e);
}

int store_times_due(
	struct store *s, int cube, int set, int32_t before, int32_t *day, struct cx_err *e)
{
	int64_t found = 0;
	int rc = st_int(s, ST_SET_STALE,
		ARGS(ARG_INT("cube", cube), ARG_INT("setno", set), ARG_INT("before", before)),
		&found, e);
	*day = (int32_t)found;
	return rc;
}

int store_times_put(
	struct store *s, int cube, int set, int32_t day, const void *p, size_t n, struct cx_err *e)
{
	int rc = st_run(s, ST_SET_STALE_DROP,
		ARGS(ARG_INT("cube", cube), ARG_INT("setno", set), ARG_INT("day", day)), e);
	if (rc < 0)
		return rc;
	return st_run(s, ST_SET_TIMES_PUT,
		ARGS(ARG_INT("cube", cube), ARG_INT("setno", set), ARG_INT("day", day),
			ARG_BLOB("value", p, n)),
		e);
}

int store_times_get(
	struct store *s, int cube, int set, int32_t day, struct buf *out, struct cx_err *e)
{
	int rc = st_bytes(s, ST_SET_TIMES,
		ARGS(ARG_INT("cube", cube), ARG_INT("setno", set), ARG_INT("day", day)), out, e);
	if (rc != 1)
		return rc;
	rc = store_sets_wait(s, cube, set, day, e);
	return rc < 0 ? rc : !rc;
}

/* ---- whatever there is, to be checked ---- */

static void span_row(struct drv_stmt *st, struct set_row *r)
{
	r->set = (int)drv_int(st, 0);
	r->days = drv_int(st, 1) != 0;
	r->day = drv_int(st, 2);
}

static void times_row(struct drv_stmt *st, struct set_row *r)
{
	r->set = (int)drv_int(st, 0);
	r->day = drv_int(st, 1);
	r->p = drv_blob(st, 2, &r->n);
}

static void stray_row(struct drv_stmt *st, struct set_row *r)
{
	r->cube = (int)drv_int(st, 0);
	r->set = (int)drv_int(st, 1);
	r->day = drv_int(st, 2);
	r->table = drv_str(st, 3).p;
}

static int each_row(struct store *s, enum st_id id, int cube,
	void (*read)(struct drv_stmt *st, struct set_row *r), store_set_row_f f, void *ctx,
	struct cx_err *e)
{
	struct drv_stmt *st;
	const struct drv_arg of[] = {ARG_INT("cube", cube)};
	int rc = st_start(s, id, of, cube >= 0, &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		struct set_row r = {.cube = cube};
		read(st, &r);
		rc = f(ctx, &r);
		if (rc != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_span_rows(struct store *s, int cube, store_set_row_f f, void *ctx, struct cx_err *e)
{
	return each_row(s, ST_SET_SPAN_ROWS, cube, span_row, f, ctx, e);
}

int store_span_get(struct store *s, int cube, int set, bool days, int32_t first, struct buf *out,
	struct cx_err *e)
{
	return st_bytes(s, ST_SET_SPAN_GET,
		ARGS(ARG_INT("cube", cube), ARG_INT("setno", set), ARG_INT("days", days),
			ARG_INT("span", span_of(first))),
		out, e);
}

int store_times_rows(struct store *s, int cube, store_set_row_f f, void *ctx, struct cx_err *e)
{
	return each_row(s, ST_SET_TIMES_ROWS, cube, times_row, f, ctx, e);
}

int store_set_strays(struct store *s, store_set_row_f f, void *ctx, struct cx_err *e)
{
	return each_row(s, ST_SET_STRAYS, -1, stray_row, f, ctx, e);
}

int store_set_strays_drop(struct store *s, struct cx_err *e)
{
	static const enum st_id all[] = {
		ST_SET_STRAYS_DROP_SPANS, ST_SET_STRAYS_DROP_TIMES, ST_SET_STRAYS_DROP_STALE};
	int rc = CX_OK;
	for (size_t i = 0; i < sizeof all / sizeof *all && rc >= 0; i++)
		rc = st_run(s, all[i], NULL, 0, e);
	return rc;
}
