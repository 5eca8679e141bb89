#include "store/impl.h"

int store_sequences(struct store *s, int64_t after, int64_t upto, store_sequence_f f, void *ctx,
	struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(
		s, ST_SEQUENCES, ARGS(ARG_INT("after", after), ARG_INT("upto", upto)), &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		rc = f(ctx, drv_int(st, 0), drv_str(st, 1), drv_str(st, 2), drv_int(st, 3));
		if (rc != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_feed_put(struct store *s, const struct feed_row *r, struct cx_err *e)
{
	return st_run(s, ST_FEED_PUT,
		ARGS(ARG_STR("source", r->source), ARG_INT("count", r->count),
			ARG_INT("last", r->last), ARG_INT("last_ms", r->last_ms),
			ARG_BLOB("gaps", r->gaps, r->ngaps)),
		e);
}

static int rows(struct drv_stmt *st, store_feed_f f, void *ctx, struct cx_err *e)
{
	int rc;
	while ((rc = drv_step(st, e)) == 1) {
		struct feed_row r = {.source = drv_str(st, 0),
			.count = drv_int(st, 1),
			.last = drv_int(st, 2),
			.last_ms = drv_int(st, 3)};
		r.gaps = drv_blob(st, 4, &r.ngaps);
		rc = f(ctx, &r);
		if (rc != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_feed_get(struct store *s, struct str source, store_feed_f f, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_FEED_GET, ARGS(ARG_STR("source", source)), &st, e);
	return rc == CX_OK ? rows(st, f, ctx, e) : rc;
}

int store_feeds(struct store *s, const char *after, store_feed_f f, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_FEEDS, ARGS(ARG_TEXT("after", after)), &st, e);
	return rc == CX_OK ? rows(st, f, ctx, e) : rc;
}
