#include "store/sops.h"

#include "store/impl.h"

static void keep(struct str *v, struct arena *a)
{
	if (v->p)
		*v = arena_str(a, v->p, v->n);
}

/* ---- versions ---- */

static struct sop_version_row version_of(struct drv_stmt *st)
{
	return (struct sop_version_row){.id = drv_int(st, 0),
		.sop = drv_str(st, 1),
		.version = drv_int(st, 2),
		.hash = drv_str(st, 3),
		.plugin = drv_str(st, 4),
		.source = drv_str(st, 5),
		.definition = drv_str(st, 6)};
}

static int one_version(
	struct drv_stmt *st, struct sop_version_row *r, struct arena *a, struct cx_err *e)
{
	int rc = drv_step(st, e);
	if (rc == 1) {
		*r = version_of(st);
		keep(&r->sop, a);
		keep(&r->hash, a);
		keep(&r->plugin, a);
		keep(&r->source, a);
		keep(&r->definition, a);
	}
	drv_end(st);
	return rc;
}

int store_sop_version_add(struct store *s, struct sop_version_row *r, struct cx_err *e)
{
	int rc = st_run(s, ST_SOP_VERSION_ADD,
		ARGS(ARG_STR("sop", r->sop), ARG_INT("version", r->version),
			ARG_STR("hash", r->hash), ARG_STR("plugin", r->plugin),
			ARG_STR("source", r->source), ARG_STR("definition", r->definition)),
		e);
	if (rc == CX_OK)
		r->id = drv_made(s->d);
	return rc;
}

int store_sop_version_find(struct store *s, struct str sop, int64_t version,
	struct sop_version_row *r, struct arena *a, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_SOP_VERSION_FIND,
		ARGS(ARG_STR("sop", sop), ARG_INT("version", version)), &st, e);
	return rc == CX_OK ? one_version(st, r, a, e) : rc;
}

int store_sop_version_get(
	struct store *s, int64_t id, struct sop_version_row *r, struct arena *a, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_SOP_VERSION_GET, ARGS(ARG_INT("id", id)), &st, e);
	return rc == CX_OK ? one_version(st, r, a, e) : rc;
}

int store_sop_versions(struct store *s, int (*f)(void *ctx, const struct sop_version_row *r),
	void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_SOP_VERSIONS, NULL, 0, &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		struct sop_version_row r = version_of(st);
		if ((rc = f(ctx, &r)) != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

/* ---- runs ---- */

static struct sop_run_row run_of(struct drv_stmt *st)
{
	return (struct sop_run_row){.id = drv_int(st, 0),
		.run = drv_str(st, 1),
		.version = drv_int(st, 2),
		.sop = drv_str(st, 3),
		.state = drv_str(st, 4),
		.begun_ms = drv_int(st, 5),
		.ended_ms = drv_int(st, 6),
		.unit = drv_str(st, 7),
		.actor = drv_str(st, 8),
		.subject = drv_str(st, 9),
		.journey = drv_str(st, 10),
		.key = drv_str(st, 11),
		.stage = drv_str(st, 12),
		.pass = (int)drv_int(st, 13),
		.required = drv_int(st, 14) != 0,
		.context = drv_str(st, 15),
		.by = drv_str(st, 16),
		.digest = drv_str(st, 17),
		.reason = drv_str(st, 18),
		.result = drv_str(st, 21)};
}

static void keep_run(struct sop_run_row *r, struct arena *a)
{
	struct str *all[] = {&r->run, &r->sop, &r->state, &r->unit, &r->actor, &r->subject,
		&r->journey, &r->key, &r->stage, &r->context, &r->by, &r->digest, &r->reason,
		&r->result};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		keep(all[i], a);
}

static int one_run(struct drv_stmt *st, struct sop_run_row *r, struct arena *a, struct cx_err *e)
{
	int rc = drv_step(st, e);
	if (rc == 1) {
		*r = run_of(st);
		keep_run(r, a);
	}
	drv_end(st);
	return rc;
}

int store_sop_run_add(struct store *s, struct sop_run_row *r, struct cx_err *e)
{
	int rc = st_run(s, ST_SOP_RUN_ADD,
		ARGS(ARG_STR("run", r->run), ARG_INT("version", r->version), ARG_STR("sop", r->sop),
			ARG_INT("begun_ms", r->begun_ms), ARG_STR("unit", r->unit),
			ARG_STR("actor", r->actor), ARG_STR("subject", r->subject),
			ARG_STR("journey", r->journey), ARG_STR("key", r->key),
			ARG_STR("stage", r->stage), ARG_INT("pass", r->pass),
			ARG_INT("required", r->required), ARG_STR("context", r->context),
			ARG_STR("by", r->by), ARG_STR("digest", r->digest)),
		e);
	if (rc == CX_OK)
		r->id = drv_made(s->d);
	return rc;
}

int store_sop_run_set(struct store *s, const struct sop_run_row *r, struct cx_err *e)
{
	return st_run(s, ST_SOP_RUN_SET,
		ARGS(ARG_INT("id", r->id), ARG_STR("state", r->state),
			ARG_INT("ended_ms", r->ended_ms), ARG_STR("reason", r->reason),
			ARG_STR("result", r->result), ARG_INT("due_ms", r->due_ms)),
		e);
}

int store_sop_run_get(
	struct store *s, struct str run, struct sop_run_row *r, struct arena *a, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_SOP_RUN_GET, ARGS(ARG_STR("run", run)), &st, e);
	return rc == CX_OK ? one_run(st, r, a, e) : rc;
}

int store_sop_run_of(struct store *s, struct str sop, struct str key, struct sop_run_row *r,
	struct arena *a, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_SOP_RUN_OF, ARGS(ARG_STR("sop", sop), ARG_STR("key", key)), &st, e);
	return rc == CX_OK ? one_run(st, r, a, e) : rc;
}

int store_sop_run_of_stage(struct store *s, struct str journey, struct str key, struct str stage,
	int pass, struct str sop, struct sop_run_row *r, struct arena *a, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_SOP_RUN_OF_STAGE,
		ARGS(ARG_STR("journey", journey), ARG_STR("key", key), ARG_STR("stage", stage),
			ARG_INT("pass", pass), ARG_STR("sop", sop)),
		&st, e);
	return rc == CX_OK ? one_run(st, r, a, e) : rc;
}

int store_sop_run_due(struct store *s, int64_t *due_ms, int64_t *id, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_SOP_RUN_DUE, NULL, 0, &st, e);
	if (rc != CX_OK)
		return rc;
	rc = drv_step(st, e);
	if (rc == 1) {
		*due_ms = drv_int(st, 0);
		*id = drv_int(st, 1);
	}
	drv_end(st);
	return rc;
}

int store_sop_run_at(
	struct store *s, int64_t id, struct sop_run_row *r, struct arena *a, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_SOP_RUN_AT, ARGS(ARG_INT("id", id)), &st, e);
	return rc == CX_OK ? one_run(st, r, a, e) : rc;
}

int store_sop_run_told(struct store *s, int64_t id, struct cx_err *e)
{
	return st_run(s, ST_SOP_RUN_TOLD, ARGS(ARG_INT("id", id)), e);
}

int store_sop_run_last(struct store *s, int64_t *id, struct cx_err *e)
{
	*id = 0;
	int rc = st_int(s, ST_SOP_RUN_LAST, NULL, 0, id, e);
	return rc < 0 ? rc : CX_OK;
}

int store_sop_runs(
	struct store *s, const struct sop_filter *q, store_sop_run_f f, void *ctx, struct cx_err *e)
{
	static const char *const columns[SOP_FILTERS] = {
		"sop", "state", "unit", "actor", "journey", "key"};
	static const char *const names[SOP_FILTERS] = {":v0", ":v1", ":v2", ":v3", ":v4", ":v5"};
	struct drv_arg args[SOP_FILTERS + 1] = {ARG_INT("after", q->after)};
	struct drv_stmt *st;
	struct buf sql = {0};
	int nargs = 1;
	buf_puts(&sql, "SELECT " SOP_RUN_COLUMNS " FROM sop_run WHERE id > :after");
	for (int i = 0; i < SOP_FILTERS; i++) {
		if (!q->is[i])
			continue;
		buf_printf(&sql, " AND %s = %s", columns[i], names[i]);
		args[nargs++] = drv_text_arg(names[i], q->is[i]);
	}
	buf_puts(&sql, " ORDER BY id");
	int rc = drv_prepare(s->d, buf_cstr(&sql), "SOP runs", true, &st, e);
	buf_free(&sql);
	if (rc != CX_OK)
		return rc;
	rc = drv_start(st, args, nargs, e);
	while (rc == CX_OK && (rc = drv_step(st, e)) == 1) {
		struct sop_run_row r = run_of(st);
		if ((rc = f(ctx, &r)) != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}

/* ---- answers ---- */

int store_sop_answer_put(
	struct store *s, int64_t run, const struct sop_answer_row *r, struct cx_err *e)
{
	return st_run(s, ST_SOP_ANSWER_PUT,
		ARGS(ARG_INT("run", run), ARG_STR("item", r->item), ARG_STR("answer", r->answer),
			ARG_STR("evidence", r->evidence), ARG_INT("time_ms", r->time_ms),
			ARG_INT("recorded_ms", r->recorded_ms), ARG_STR("actor", r->actor),
			ARG_STR("device", r->device), ARG_INT("sequence", r->sequence)),
		e);
}

int store_sop_answers(
	struct store *s, int64_t run, store_sop_answer_f f, void *ctx, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_SOP_ANSWERS, ARGS(ARG_INT("run", run)), &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		struct sop_answer_row r = {.item = drv_str(st, 0),
			.answer = drv_str(st, 1),
			.evidence = drv_str(st, 2),
			.time_ms = drv_int(st, 3),
			.recorded_ms = drv_int(st, 4),
			.actor = drv_str(st, 5),
			.device = drv_str(st, 6),
			.sequence = drv_int(st, 7)};
		if ((rc = f(ctx, &r)) != 0)
			break;
	}
	drv_end(st);
	return rc < 0 ? rc : CX_OK;
}
