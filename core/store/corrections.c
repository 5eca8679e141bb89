/* Families of corrections, and the candidates of latest/first. */
#include "store/impl.h"

int store_correction_add(struct store *s, const struct event *ev, struct cx_err *e)
{
	return st_run(s, ST_CORRECTION_ADD,
		ARGS(ARG_INT("root", ev->root), ARG_INT("recorded_ms", ev->recorded_ms),
			ARG_INT("seq", ev->seq)),
		e);
}

int store_corrected(struct store *s, struct cx_err *e)
{
	int64_t any;
	return st_int(s, ST_CORRECTED, NULL, 0, &any, e);
}

/* The root itself, where it was recorded before known_ms. */
static int root_of_family(
	struct store *s, int64_t root, int64_t known_ms, struct family *f, struct cx_err *e)
{
	int64_t recorded_ms;
	int rc = st_int(s, ST_EVENT_RECORDED, ARGS(ARG_INT("seq", root)), &recorded_ms, e);
	if (rc == 1 && recorded_ms < known_ms) {
		f->newest = root;
		f->newest_ms = recorded_ms;
	}
	return rc;
}

int store_family(
	struct store *s, int64_t root, int64_t known_ms, struct family *f, struct cx_err *e)
{
	struct drv_stmt *st;
	*f = (struct family){0};
	int rc = root_of_family(s, root, known_ms, f, e);
	if (rc >= 0)
		rc = st_int(s, ST_FAMILY_SIZE, ARGS(ARG_INT("root", root)), &f->corrections, e);
	if (rc < 0 || !f->corrections)
		return rc < 0 ? rc : CX_OK;
	rc = st_start(s, ST_FAMILY_NEWEST,
		ARGS(ARG_INT("root", root), ARG_INT("known_ms", known_ms)), &st, e);
	if (rc != CX_OK)
		return rc;
	rc = drv_step(st, e);
	if (rc == 1) {
		int64_t ms = drv_int(st, 0), seq = drv_int(st, 1);
		if (!f->newest || ms > f->newest_ms || (ms == f->newest_ms && seq > f->newest)) {
			f->newest = seq;
			f->newest_ms = ms;
		}
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_members(struct store *s, int64_t root, store_member_f f, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_FAMILY, ARGS(ARG_INT("root", root)), &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		rc = f(ctx, drv_int(st, 1), drv_int(st, 0));
		if (rc != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

/* ---- latest/first ---- */

int store_choice_rule(struct store *s, struct choice_rule *r, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_RULE_FIND,
		ARGS(ARG_TEXT("type", r->type), ARG_TEXT("key", r->key), ARG_TEXT("rank", r->rank),
			ARG_INT("latest", r->latest), ARG_TEXT("identity", r->identity)),
		&st, e);
	if (rc != CX_OK)
		return rc;
	r->rule = -1;
	if ((rc = drv_step(st, e)) == 1) {
		r->rule = (int)drv_int(st, 0);
		r->upto = drv_int(st, 1);
	}
	drv_end(st);
	if (rc == 0 && s->mode == STORE_WRITE && r->upto != STORE_GONE) {
		rc = st_run(s, ST_RULE_ADD,
			ARGS(ARG_TEXT("type", r->type), ARG_TEXT("key", r->key),
				ARG_TEXT("rank", r->rank), ARG_INT("latest", r->latest),
				ARG_TEXT("identity", r->identity), ARG_INT("upto", r->upto)),
			e);
		r->rule = (int)drv_made(s->d);
	}
	return rc < 0 ? rc : CX_OK;
}

int store_rule_upto(struct store *s, int rule, int64_t upto, struct cx_err *e)
{
	return st_run(s, ST_RULE_UPTO, ARGS(ARG_INT("rule", rule), ARG_INT("upto", upto)), e);
}

int store_rules(struct store *s, int (*f)(void *ctx, int rule), void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_RULES, NULL, 0, &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1)
		if ((rc = f(ctx, (int)drv_int(st, 0))) != 0)
			break;
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_candidate_add(
	struct store *s, int rule, uint32_t ident, int64_t rank, int64_t seq, struct cx_err *e)
{
	return st_run(s, ST_CANDIDATE_ADD,
		ARGS(ARG_INT("rule", rule), ARG_INT("ident", ident), ARG_INT("rank", rank),
			ARG_INT("seq", seq)),
		e);
}

int store_candidate_drop(
	struct store *s, int rule, uint32_t ident, int64_t rank, int64_t seq, struct cx_err *e)
{
	return st_run(s, ST_CANDIDATE_DROP,
		ARGS(ARG_INT("rule", rule), ARG_INT("ident", ident), ARG_INT("rank", rank),
			ARG_INT("seq", seq)),
		e);
}

int store_candidates(struct store *s, int rule, uint32_t ident, bool latest, store_candidate_f f,
	void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, latest ? ST_CANDIDATES_LATEST : ST_CANDIDATES_FIRST,
		ARGS(ARG_INT("rule", rule), ARG_INT("ident", ident)), &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		const struct candidate c = {.rank = drv_int(st, 0),
			.seq = drv_int(st, 1),
			.recorded_ms = drv_int(st, 2),
			.root = drv_int(st, 3),
			.id = drv_str(st, 4),
			.source = drv_str(st, 5)};
		rc = f(ctx, &c);
		if (rc != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

int store_rule_candidates(struct store *s, int rule, store_rule_f f, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_CANDIDATES_OF_RULE, ARGS(ARG_INT("rule", rule)), &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		rc = f(ctx, (uint32_t)drv_int(st, 0), drv_int(st, 1), drv_int(st, 2));
		if (rc != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}
