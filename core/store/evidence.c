#include "store/evidence.h"

#include <stdio.h>

#include "store/impl.h"

static void row(struct drv_stmt *st, struct evidence_row *r)
{
	snprintf(r->name, sizeof r->name, "%s", drv_str(st, 0).p);
	r->bytes = drv_int(st, 1);
	snprintf(r->media, sizeof r->media, "%s", drv_str(st, 2).p);
}

int store_evidence_get(struct store *s, const char *name, struct evidence_row *r, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_EVIDENCE_GET, ARGS(ARG_TEXT("sha256", name)), &st, e);
	if (rc != CX_OK)
		return rc;
	rc = drv_step(st, e);
	if (rc == 1)
		row(st, r);
	drv_end(st);
	return rc;
}

int store_evidence_put(struct store *s, const struct evidence_row *r, int64_t now_ms,
	const char *actor, struct cx_err *e)
{
	return st_run(s, ST_EVIDENCE_PUT,
		ARGS(ARG_TEXT("sha256", r->name), ARG_INT("bytes", r->bytes),
			ARG_TEXT("media", r->media), ARG_INT("added_ms", now_ms),
			ARG_TEXT("actor", actor)),
		e);
}

int store_evidence(struct store *s, store_evidence_f f, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_EVIDENCE, NULL, 0, &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		struct evidence_row r;
		row(st, &r);
		if ((rc = f(ctx, &r)) != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}
