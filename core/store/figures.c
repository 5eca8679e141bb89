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
	static const enum st_id steps[] = {
		ST_DROP_CELLS, ST_DROP_ROWS, ST_DROP_BLOBS, ST_DROP_EXCLUSIONS, ST_DROP_CUBES};
	int rc = CX_OK;
	for (size_t i = 0; i < sizeof steps / sizeof *steps && rc == CX_OK; i++)
		rc = st_run(s, steps[i], ARGS(ARG_TEXT("plugin", plugin)), e);
	return rc;
}

/* ---- cells ---- */

int store_cell_get(
	struct store *s, int cube, int32_t day, struct str group, struct buf *out, struct cx_err *e)
{
	struct drv_stmt *st;
	size_t n;
	int rc = st_start(s, ST_CELL_GET,
		ARGS(ARG_INT("cube", cube), ARG_INT("day", day), ARG_STR("grp", group)), &st, e);
	if (rc != CX_OK)
		return rc;
	rc = drv_step(st, e);
	if (rc == 1) {
		const void *p = drv_blob(st, 0, &n);
		buf_clear(out);
		buf_add(out, p, n);
	}
	drv_end(st);
	return rc;
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

/* ---- sets ---- */

int store_set_add(struct store *s, int cube, int set, int32_t day, struct str group, uint32_t id,
	uint32_t n, struct cx_err *e)
{
	return st_run(s, ST_SET_ADD,
		ARGS(ARG_INT("cube", cube), ARG_INT("setno", set), ARG_INT("day", day),
			ARG_STR("grp", group), ARG_INT("id", id), ARG_INT("n", n)),
		e);
}

static int compare(struct drv_stmt *a, struct drv_stmt *b)
{
	int64_t x = drv_int(a, 0), y = drv_int(b, 0);
	if (x != y)
		return x < y ? -1 : 1;
	struct str g = drv_str(a, 1), h = drv_str(b, 1);
	int c = memcmp(g.p, h.p, g.n < h.n ? g.n : h.n);
	return c ? c : g.n < h.n ? -1 : g.n > h.n;
}

/* Two ordered streams, folded and open, become one. */
static int merge(
	struct drv_stmt *blobs, struct drv_stmt *rows, store_set_f f, void *ctx, struct cx_err *e)
{
	int b = drv_step(blobs, e), r = b < 0 ? b : drv_step(rows, e), rc = 0;
	while (b >= 0 && r >= 0 && b + r > 0 && rc == 0) {
		if (b == 1 && (r == 0 || compare(blobs, rows) <= 0)) {
			size_t n;
			const void *p = drv_blob(blobs, 2, &n);
			rc = f(ctx, (int32_t)drv_int(blobs, 0), drv_str(blobs, 1), p, n, 0, 0);
			b = rc == 0 ? drv_step(blobs, e) : b;
		} else {
			rc = f(ctx, (int32_t)drv_int(rows, 0), drv_str(rows, 1), NULL, 0,
				(uint32_t)drv_int(rows, 2), (uint32_t)drv_int(rows, 3));
			r = rc == 0 ? drv_step(rows, e) : r;
		}
	}
	return b < 0 ? b : r < 0 ? r : rc < 0 ? rc : CX_OK;
}

int store_sets(struct store *s, int cube, int set, int32_t first, int32_t last, store_set_f f,
	void *ctx, struct cx_err *e)
{
	struct drv_stmt *blobs, *rows;
	int rc = st_start(s, ST_SET_BLOBS,
		ARGS(ARG_INT("cube", cube), ARG_INT("setno", set), ARG_INT("first", first),
			ARG_INT("last", last)),
		&blobs, e);
	if (rc != CX_OK)
		return rc;
	rc = st_start(s, ST_SET_ROWS,
		ARGS(ARG_INT("cube", cube), ARG_INT("setno", set), ARG_INT("first", first),
			ARG_INT("last", last)),
		&rows, e);
	if (rc == CX_OK) {
		rc = merge(blobs, rows, f, ctx, e);
		drv_end(rows);
	}
	drv_end(blobs);
	return rc;
}

/* Looks on from where the last call ended, at most `budget` rows. 1: the position is a ripe group;
 * 0: the end; 2: the budget is used up. */
static int ripe_from(struct store *s, int min_rows, int32_t before, int *budget, struct cx_err *e)
{
	struct drv_stmt *st;
	int run = 0;
	struct str from = {buf_cstr(&s->ripe_group), (uint32_t)s->ripe_group.len};
	struct buf here = {0};
	int rc = st_start(s, ST_SET_RIPE,
		ARGS(ARG_INT("cube", s->ripe_cube), ARG_INT("setno", s->ripe_set),
			ARG_INT("day", s->ripe_day), ARG_STR("grp", from),
			ARG_INT("before", before)),
		&st, e);
	if (rc != CX_OK)
		return rc;
	buf_add(&here, from.p, from.n);
	while ((rc = drv_step(st, e)) == 1) {
		struct str g = drv_str(st, 3);
		int cube = (int)drv_int(st, 0), set = (int)drv_int(st, 1);
		int32_t day = (int32_t)drv_int(st, 2);
		bool same = run > 0 && cube == s->ripe_cube && set == s->ripe_set &&
			    day == s->ripe_day && g.n == here.len && !memcmp(g.p, here.p, g.n);
		if (!same && *budget <= 0) {
			rc = 2;
			break;
		}
		if (!same) {
			run = 0;
			s->ripe_cube = cube, s->ripe_set = set, s->ripe_day = day;
			buf_clear(&here);
			buf_add(&here, g.p, g.n);
		}
		--*budget;
		if (++run >= min_rows)
			break;
	}
	drv_end(st);
	buf_free(&s->ripe_group); /* only now: it was bound */
	s->ripe_group = here;
	return rc;
}

int store_set_ripe(struct store *s, int min_rows, int32_t before_day, int *cube, int *set,
	int32_t *day, struct str *group, struct arena *a, struct cx_err *e)
{
	int budget = 20000;
	bool fresh = s->ripe_cube == 0;
	int rc = ripe_from(s, min_rows, before_day, &budget, e);
	if (rc == 0) { /* the end: begin again, also for what came in behind us */
		s->ripe_cube = 0, s->ripe_set = 0, s->ripe_day = 0;
		buf_clear(&s->ripe_group);
		if (!fresh)
			rc = ripe_from(s, min_rows, before_day, &budget, e);
		if (rc == 0)
			s->ripe_cube = 0;
	}
	if (rc != 1)
		return rc < 0 ? rc : 0;
	*cube = s->ripe_cube, *set = s->ripe_set, *day = s->ripe_day;
	*group = arena_str(a, s->ripe_group.p, s->ripe_group.len);
	return 1;
}

int store_set_fold(struct store *s, int cube, int set, int32_t day, struct str group,
	const void *blob, size_t n, struct cx_err *e)
{
	int rc = st_run(s, ST_SET_FOLD,
		ARGS(ARG_INT("cube", cube), ARG_INT("setno", set), ARG_INT("day", day),
			ARG_STR("grp", group), ARG_BLOB("value", blob, n)),
		e);
	if (rc != CX_OK)
		return rc;
	return st_run(s, ST_SET_FOLDED,
		ARGS(ARG_INT("cube", cube), ARG_INT("setno", set), ARG_INT("day", day),
			ARG_STR("grp", group)),
		e);
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

int store_excluded(
	struct store *s, const char *kpi, int32_t first, int32_t last, int64_t *n, struct cx_err *e)
{
	int rc = st_int(s, ST_EXCLUDED,
		ARGS(ARG_TEXT("kpi", kpi), ARG_INT("first", first), ARG_INT("last", last)), n, e);
	return rc < 0 ? rc : CX_OK;
}
