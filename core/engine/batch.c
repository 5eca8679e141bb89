#include "engine/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/problem.h"
#include "base/tz.h"
#include "engine/access.h"
#include "engine/evidence.h"
#include "engine/failed.h"
#include "engine/once.h"
#include "engine/quarantine.h"
#include "engine/records.h"
#include "engine/sops.h"

enum { JOBS = 1024, BULKS = 64 };

struct run { /* one job's part of the transaction at hand */
	struct frame f;
	int status;
	size_t at, len;           /* its answer in replies */
	size_t head_at, head_len; /* and in headers */
};

struct batch {
	struct ingest *in;
	struct run jobs[JOBS];
	int njobs;
	struct post_batch *bulks[BULKS];
	bool done[BULKS];
	int nbulks;
	struct buf replies, headers;
	bool tokens_changed, states_changed;
	struct batch_done stats;
};

struct batch *batch_new(struct ingest *in)
{
	struct batch *b = xcalloc(1, sizeof *b);
	b->in = in;
	return b;
}

void batch_free(struct batch *b)
{
	if (!b)
		return;
	for (int i = 0; i < b->nbulks; i++)
		post_batch_free(b->bulks[i]);
	buf_free(&b->replies);
	buf_free(&b->headers);
	free(b);
}

bool batch_full(const struct batch *b)
{
	return b->njobs == JOBS || b->nbulks == BULKS;
}

bool batch_idle(const struct batch *b)
{
	return !b->njobs && !b->nbulks;
}

void batch_answer(struct buf *out, const struct job_head *job, int status,
	const struct buf *headers, const struct buf *body)
{
	struct job_head h = {.kind = FRAME_RESULT,
		.route = job->route,
		.job = job->job,
		.status = (uint16_t)status,
		.meta_len = headers ? (uint32_t)headers->len : 0,
		.body_len = (uint32_t)body->len};
	frame_add(out, &h, headers ? headers->p : NULL, body->p);
}

void batch_take(struct batch *b, const struct frame *f, struct buf *out)
{
	enum post_mode mode = post_mode(f);
	if ((f->head.route == ROUTE_EVENTS_POST || f->head.route == ROUTE_IMPORT_POST) &&
		(mode == POST_ARRAY || mode == POST_LINES)) {
		struct buf reply = {0};
		int status = 0;
		struct post_batch *p = post_batch_new(b->in, f, &reply, &status);
		if (p)
			b->bulks[b->nbulks++] = p;
		else
			batch_answer(out, &f->head, status, NULL, &reply);
		buf_free(&reply);
		return;
	}
	b->jobs[b->njobs++] = (struct run){.f = *f};
}

static struct str since(const struct buf *b, size_t at)
{
	return (struct str){b->p + at, (uint32_t)(b->len - at)};
}

static bool of_sops(enum route route)
{
	return route == ROUTE_SOP_RUN_POST || route == ROUTE_SOP_ITEM_PUT ||
	       route == ROUTE_SOP_RUN_FINISH || route == ROUTE_SOP_RUN_ABANDON;
}

/* A write that is no event. */
static int run_once(struct batch *b, struct run *r)
{
	int rc = once_before(b->in, &r->f, &b->headers, &b->replies, &r->status);
	if (rc != 0)
		return rc;
	if (r->f.head.route == ROUTE_EVIDENCE_PUT)
		rc = evidence_write(b->in, &r->f, &b->headers, &b->replies, &r->status);
	else if (of_sops(r->f.head.route))
		rc = sops_write(b->in, &r->f, &b->headers, &b->replies, &r->status);
	else
		rc = records_write(b->in, &r->f, &b->headers, &b->replies, &r->status);
	return rc < 0 ? rc
		      : once_keep(b->in, &r->f, since(&b->headers, r->head_at),
				since(&b->replies, r->at), r->status);
}

static bool is_once(enum route route)
{
	return route == ROUTE_RECORD_PUT || route == ROUTE_RECORD_PATCH ||
	       route == ROUTE_RECORD_DELETE || route == ROUTE_EVIDENCE_PUT;
}

/* One job inside the open transaction; negative: the transaction is lost. */
static int run_job(struct batch *b, struct run *r)
{
	int rc;
	r->head_at = b->headers.len;
	buf_puts(&b->replies, "\n"); /* between answers: no comma follows it */
	r->at = b->replies.len;
	if (r->f.head.route == ROUTE_EVENTS_POST || r->f.head.route == ROUTE_IMPORT_POST)
		rc = post_single(b->in, &r->f, &b->replies, &r->status);
	else if (r->f.head.route == ROUTE_STRIKE || r->f.head.route == ROUTE_PLUGIN_ENABLE ||
		 r->f.head.route == ROUTE_PLUGIN_DISABLE)
		rc = quarantine_write(b->in, &r->f, &b->replies, &r->status, &b->states_changed);
	else if (r->f.head.route == ROUTE_FAILED_RETRY)
		rc = failed_write(b->in, &r->f, &b->replies, &r->status);
	else if (is_once(r->f.head.route) || of_sops(r->f.head.route))
		rc = run_once(b, r);
	else
		rc = access_write(b->in, &r->f, &b->replies, &r->status, &b->tokens_changed);
	r->len = b->replies.len - r->at;
	r->head_len = b->headers.len - r->head_at;
	return rc;
}

static int finish(struct batch *b)
{
	struct cx_err e;
	struct ingest *in = b->in;
	int rc = cells_flush(in->cells, &e);
	if (rc >= 0) {
		blame_phase(in->eng->blame, BLAME_COMMIT);
		int64_t from = clock_mono_us();
		rc = store_commit(in->eng->store, &e);
		b->stats.commit_us = (uint64_t)(clock_mono_us() - from);
		blame_phase(in->eng->blame, BLAME_BATCH);
	}
	return rc < 0 ? ingest_lost(in, &e) : CX_OK;
}

/* Is no answer of an earlier transaction needed any more? What this writer answered is out; what
 * one before it kept may still be asked for until a job comes that was never sent before: those
 * that were all come first. */
static bool told(const struct batch *b)
{
	for (int i = 0; i < b->njobs; i++)
		if (b->jobs[i].f.head.flags & JOB_REPLAY)
			return false;
	return b->njobs > 0;
}

static int begin(struct batch *b, bool clear)
{
	struct cx_err e;
	int rc = store_begin(b->in->eng->store, &e);
	if (rc >= 0 && clear)
		rc = store_jobs_clear(b->in->eng->store, &e);
	return rc < 0 ? ingest_lost(b->in, &e) : CX_OK;
}

static void roll_back(struct batch *b, struct ingest_mark mark)
{
	struct engine *eng = b->in->eng;
	struct cx_err e;
	store_rollback(eng->store);
	ingest_rewind(b->in, mark);
	for (int i = b->njobs - 1; i >= 0; i--)
		evidence_undo(eng, &b->jobs[i].f);
	if (b->states_changed && quarantine_read(eng, &e) >= 0)
		quarantine_apply(eng);
}

static int run_together(struct batch *b)
{
	int rc = begin(b, told(b));
	for (int i = 0; i < b->njobs && rc >= 0; i++)
		rc = run_job(b, &b->jobs[i]);
	for (int i = 0; i < b->nbulks && rc >= 0; i++)
		rc = post_batch_step(b->in, b->bulks[i], POST_STEP, &b->done[i]);
	return rc >= 0 ? finish(b) : rc;
}

static void unavailable(struct batch *b, struct buf *reply, int *status)
{
	struct cx_err e = b->in->errs.v[0];
	*status = problem_write(reply, &e);
}

/* Each job in its own transaction; those that cannot be stored even so are answered 503. */
static void run_apart(struct batch *b)
{
	for (int i = 0; i < b->njobs; i++) {
		struct run *r = &b->jobs[i];
		struct ingest_mark mark = ingest_mark(b->in);
		int rc = begin(b, false);
		if (rc >= 0)
			rc = run_job(b, r);
		if (rc >= 0)
			rc = finish(b);
		if (rc < 0) {
			roll_back(b, mark);
			buf_puts(&b->replies, "\n");
			r->at = b->replies.len;
			unavailable(b, &b->replies, &r->status);
			r->len = b->replies.len - r->at;
			r->head_len = 0;
		}
	}
}

/* A step of a POSTed batch alone; if that fails too the whole POST is answered 503: what earlier
 * steps stored stays, and the client's retry finds it there. */
static void step_apart(struct batch *b, int i, struct buf *out)
{
	struct ingest_mark mark = ingest_mark(b->in);
	int rc = begin(b, false);
	if (rc >= 0)
		rc = post_batch_step(b->in, b->bulks[i], POST_STEP, &b->done[i]);
	if (rc >= 0)
		rc = finish(b);
	if (rc < 0) {
		struct buf reply = {0};
		int status;
		roll_back(b, mark);
		unavailable(b, &reply, &status);
		batch_answer(out, post_batch_head(b->bulks[i]), status, NULL, &reply);
		buf_free(&reply);
		post_batch_free(b->bulks[i]);
		b->bulks[i] = NULL;
	}
}

static void answer_all(struct batch *b, struct buf *out)
{
	for (int i = 0; i < b->njobs; i++) {
		struct run *r = &b->jobs[i];
		struct buf body = {.p = b->replies.p + r->at, .len = r->len};
		struct buf headers = {.p = b->headers.p + r->head_at, .len = r->head_len};
		batch_answer(out, &r->f.head, r->status, r->head_len ? &headers : NULL, &body);
	}
	int kept = 0;
	for (int i = 0; i < b->nbulks; i++) {
		if (b->bulks[i] && b->done[i]) {
			struct buf body = {0};
			int status;
			post_batch_reply(b->bulks[i], &body, &status);
			batch_answer(out, post_batch_head(b->bulks[i]), status, NULL, &body);
			buf_free(&body);
			post_batch_free(b->bulks[i]);
		} else if (b->bulks[i]) {
			b->bulks[kept++] = b->bulks[i];
		}
	}
	b->nbulks = kept;
}

static void report(struct batch *b, struct buf *out)
{
	struct batch_done *s = &b->stats;
	s->last_seq = b->in->next_seq - 1;
	s->batches++;
	s->jobs += (uint64_t)b->njobs;
	s->events = b->in->counts.events;
	s->duplicates = b->in->counts.duplicates;
	s->rejected = b->in->counts.rejected;
	s->reactions_failed = b->in->counts.reactions_failed;
	s->timers_fired = b->in->counts.timers_fired;
	s->timers_late = b->in->counts.timers_late;
	s->timers_waiting = b->in->counts.timers_waiting;
	struct job_head h = {.kind = FRAME_BATCH, .body_len = sizeof *s};
	frame_add(out, &h, NULL, (const char *)s);
}

void batch_run(struct batch *b, struct buf *out)
{
	struct ingest_mark mark = ingest_mark(b->in);
	buf_clear(&b->replies);
	buf_clear(&b->headers);
	b->tokens_changed = b->states_changed = false;
	memset(b->done, 0, sizeof b->done);
	blame_phase(b->in->eng->blame, BLAME_BATCH);
	if (run_together(b) < 0) {
		log_warn("a batch of %d jobs was rolled back (%s), running them one by one",
			b->njobs + b->nbulks, b->in->errs.v[0].msg);
		roll_back(b, mark);
		buf_clear(&b->replies);
		buf_clear(&b->headers);
		for (int i = 0; i < b->nbulks; i++)
			post_batch_undo(b->bulks[i]);
		run_apart(b);
		for (int i = 0; i < b->nbulks; i++)
			step_apart(b, i, out);
	}
	if (b->tokens_changed)
		access_push(b->in->eng, out);
	if (b->states_changed)
		quarantine_push(b->in->eng, out);
	answer_all(b, out);
	report(b, out);
	b->njobs = 0;
	if (b->in->eng->blame)
		b->in->eng->blame->job = 0;
	blame_phase(b->in->eng->blame, BLAME_IDLE);
}
