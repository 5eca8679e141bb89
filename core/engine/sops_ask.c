/* tx:sop: runs of checklists as handlers and tests see and write them. */
#include <string.h>

#include "base/tz.h"
#include "engine/sop_body.h"

struct asking {
	struct ingest *in;
	struct event *cause;
	const char *by;
	bool trusted;
	struct sop_ask *ask;
	struct sop_body body;
	struct sop_run r;
	struct arena *a;
	struct cx_err *e;
};

/* The newest with that key, or the one that is called so. */
static int find(struct asking *q)
{
	struct engine *eng = q->in->eng;
	struct sop_ask *ask = q->ask;
	if (ask->run.p)
		return sop_run_find(eng, ask->run, &q->r, q->a, q->e);
	int rc = store_sop_run_of(eng->store, ask->sop, ask->key, &q->r.row, q->a, q->e);
	if (rc == 1)
		rc = sop_run_load(eng, &q->r, q->a, q->e) < 0 ? q->e->code : 1;
	if (rc == 0) {
		rc = sop_run_find(eng, ask->key, &q->r, q->a, q->e);
		if (rc == 1 && !sop_same(q->r.row.sop, ask->sop))
			rc = 0;
	}
	return rc;
}

static int begin(struct asking *q)
{
	struct sop_start s = {.sop = q->ask->sop, .by = {q->by, (uint32_t)strlen(q->by)}};
	const struct event *cause = q->cause;
	struct sop_run there = {0};
	int rc = sop_body_start(&q->body, &s);
	if (rc >= 0 && s.run.p)
		rc = sop_run_find(q->in->eng, s.run, &there, q->a, q->e);
	if (rc < 0)
		return rc;
	if (there.row.id)
		return cx_fail(q->e, CX_E_CONFLICT, NULL,
			CX_T("já existe a execução \"%.*s\"", "run \"%.*s\" is already there"),
			(int)s.run.n, s.run.p);
	if (cause && !s.unit.p)
		s.unit = cause->unit;
	if (cause && !s.subject.p)
		s.subject = cause->subject;
	if (cause && !s.actor.p)
		s.actor = cause->actor;
	return sop_run_begin(q->in, q->cause, &s, &q->r, q->a, q->e);
}

/* A time as Lua has it becomes one as the API takes it. */
static void instant(struct asking *q, struct sop_given *g)
{
	const struct sop_item *item = sop_item_of(&q->r, g->item);
	uint32_t at = q->body.d.n ? json_get(&q->body.d, 0, "answer") : 0;
	int64_t ms;
	char time[TZ_TEXT + 2];
	if (!item || item->kind != SOP_TIME || !at || !json_int64(&q->body.d, at, &ms) ||
		ms < TZ_MS_MIN || ms > TZ_MS_MAX)
		return;
	tz_format(ms, time + 1);
	time[0] = '"';
	strcat(time, "\"");
	g->answer = arena_str(q->a, time, strlen(time));
}

static int answer(struct asking *q)
{
	struct sop_given g = {.item = q->ask->item, .unseen = q->trusted};
	int rc = sop_body_answer(&q->body, &g);
	if (rc >= 0)
		instant(q, &g);
	return rc < 0 ? rc : sop_run_answer(q->in, &q->r, &g, q->a, q->e);
}

static int end(struct asking *q)
{
	struct str reason;
	int64_t ms;
	int rc = sop_body_end(&q->body, q->ask->op == SOP_FINISH, &reason, &ms);
	return rc < 0 ? rc : sop_run_end(q->in, q->cause, &q->r, reason, ms, q->a, q->e);
}

static int run(struct asking *q)
{
	static const char *const names[] = {
		" ", SOP_BODY_START, SOP_BODY_ANSWER, SOP_BODY_FINISH, SOP_BODY_ABANDON};
	struct sop_ask *ask = q->ask;
	int rc = sop_body_read(&q->body, ask->more.p, ask->more.n, JSON_DEPTH, names[ask->op]);
	if (rc >= 0 && ask->op != SOP_BEGIN)
		rc = find(q);
	if (rc < 0 || (rc == 0 && ask->op == SOP_GET))
		return rc;
	switch (ask->op) {
	case SOP_GET: return 1;
	case SOP_BEGIN: rc = begin(q); break;
	case SOP_ANSWER: rc = answer(q); break;
	default: rc = end(q);
	}
	return rc < 0 ? rc : 1;
}

int sops_ask(struct ingest *in, struct event *cause, const char *by, bool trusted,
	struct sop_ask *ask, struct arena *a, struct cx_err *e)
{
	struct buf b = {0};
	struct asking q = {.in = in,
		.cause = cause,
		.by = by,
		.trusted = trusted,
		.ask = ask,
		.body = {.now_ms = in->head->now_ms, .unit = "", .person = "", .a = a, .e = e},
		.a = a,
		.e = e};
	int rc = run(&q);
	if (rc == 1) {
		sop_run_json(&b, &q.r, false);
		ask->json = arena_str(a, b.p, b.len);
	}
	buf_free(&b);
	json_doc_free(&q.body.d);
	return rc < 0 ? rc : CX_OK;
}
