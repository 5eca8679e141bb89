#include "engine/writer.h"

#include <string.h>

#include "base/log.h"
#include "base/tz.h"
#include "engine/access.h"
#include "engine/batch.h"
#include "engine/confine.h"
#include "engine/evidence.h"
#include "engine/example.h"
#include "engine/feeds.h"
#include "engine/projector.h"
#include "engine/quarantine.h"
#include "engine/reload.h"
#include "engine/timers.h"

enum {
	IDLE_MS = 50,
	SETTLED_MS = 1000,
	CHECKPOINT_BYTES = 8 << 20,
	CHECKPOINT_FORCED = 64 << 20,
	FOLD_MANY = 2048,
	FOLD_MOST = 4096,
	FEEDS_BEHIND = 200000,  /* events: what readers add up themselves at most */
	MEND_BUSY_US = 1000000, /* while jobs keep coming, a day is counted again so often */
	MEND_SHARE = 10,        /* at most, and for a tenth of the time */
	COUNT_US = 8000,        /* a slice of figures that are counted again: what a job may wait */
	COUNT_BUSY_US = 2000,   /* while jobs keep coming, */
	COUNT_SHARE = 4,        /* of which a fourth of the time is used then */
	LOAD_SHARE = 3, /* between parts of a reload, clients have so many times their time */
	COUNT_FIRST_US = 200000, /* before it is ready: a small log needs no more */
	SWEEP_ROWS = 500
};

struct writer {
	struct engine *eng;
	struct ingest in;
	struct batch *batch;
	struct buf input, output;
	size_t taken;                  /* bytes of input whose frames are in the batch */
	bool settled;                  /* idle work found nothing more to do */
	int64_t mend_us, mend_busy_us; /* the next day is counted again no sooner; when busy */
	int64_t count_us;              /* when busy: the next slice no sooner */
	bool counting;                 /* figures are being counted */
	int64_t fed;                   /* the last event whose source was taken in */
	bool behind;                   /* some plugin has events to catch up with */
	int swept;                     /* folders of evidence that were looked through */
	bool more;                     /* the batch was full before the input was empty */
	struct buf reload;             /* a job frame that waits for the batch before it to end */
	int64_t turned_us;             /* when the part of it that is under way began */
	bool reloading;                /* it is under way, */
	struct buf held;               /* and these wait until it is over */
	bool stop;
};

/* Such a job waits while plugins are loaded: which of them run stays as it is until the swap. */
static bool changes_plugins(const struct frame *f)
{
	int route = f->head.kind == FRAME_JOB ? f->head.route : -1;
	return route == ROUTE_PLUGINS_RELOAD || route == ROUTE_PLUGIN_ENABLE ||
	       route == ROUTE_PLUGIN_DISABLE || route == ROUTE_STRIKE;
}

/* Moves job frames from the input into the batch until that is full. -1: a broken stream. */
static int take(struct writer *w)
{
	struct frame f;
	size_t size, at = 0;
	int rc = 0;
	while (!w->reload.len && !batch_full(w->batch) &&
		(rc = frame_parse(&w->input, at, &f, &size)) == 1) {
		at += size;
		if (w->reloading && changes_plugins(&f))
			buf_add(&w->held, w->input.p + at - size, size);
		else if (f.head.kind == FRAME_JOB && f.head.route == ROUTE_PLUGINS_RELOAD)
			buf_add(&w->reload, w->input.p + at - size, size);
		else if (f.head.kind == FRAME_JOB)
			batch_take(w->batch, &f, &w->output);
		else if (f.head.kind == FRAME_STOP)
			w->stop = true;
	}
	w->taken = at;
	w->more = batch_full(w->batch) || w->reload.len;
	return rc;
}

/* One spoilt day of some plugin, and no more: a job may be waiting. */
static int mend(struct writer *w, struct cx_err *e)
{
	const struct engine *eng = w->eng;
	int64_t from = clock_mono_us(), now;
	int rc = 0;
	for (int i = 0; i < eng->set.n && rc == 0; i++) {
		struct plugin *p = eng->set.v[i];
		for (int k = 0; k < p->ncubes && rc == 0; k++)
			if (p->state == PLUGIN_RUNNING && p->cubes[k]->upto == STORE_LIVE)
				rc = cells_mend(w->in.cells, &p->cubes[k], 1,
					eng->conf->company_currency, e);
	}
	now = clock_mono_us();
	w->mend_us = rc == 1 ? now + MEND_SHARE * (now - from) : now;
	w->mend_busy_us = w->mend_us > now + MEND_BUSY_US ? w->mend_us : now + MEND_BUSY_US;
	return rc;
}

static int fold(struct writer *w, struct cx_err *e)
{
	return cells_fold(w->in.cells, FOLD_MANY, FOLD_MOST, e);
}

/* One span of some plugin, of days that are over. */
static int unite(struct writer *w, struct cx_err *e)
{
	const struct engine *eng = w->eng;
	int rc = 0;
	for (int i = 0; i < eng->set.n && rc == 0; i++) {
		struct plugin *p = eng->set.v[i];
		for (int k = 0; k < p->ncubes && rc == 0; k++)
			if (p->state == PLUGIN_RUNNING && p->cubes[k]->upto == STORE_LIVE)
				rc = cells_unite(w->in.cells, &p->cubes[k], 1,
					tz_day(clock_now_ms()), eng->conf->company_currency, e);
	}
	return rc;
}

static int fold_feeds(struct writer *w, struct cx_err *e)
{
	return feeds_fold(w->eng, &w->fed, e);
}

static int sweep(struct writer *w, struct cx_err *e)
{
	int rc = store_sweep(w->eng->store, SWEEP_ROWS, e);
	if (rc != 0) /* the number of a rule that is gone may be given again */
		cells_rechosen(w->in.cells);
	return rc;
}

/* A slice of the figures that are to be counted. */
static void count(struct writer *w, int64_t us)
{
	struct cx_err e;
	int64_t from = clock_mono_us();
	int rc = projector_step(&w->in, us, PROJECTOR_EVENTS, &e);
	if (rc < 0)
		log_warn("counting figures again: %s", e.msg);
	w->counting = rc != 0;
	w->settled = false; /* what was before goes */
	w->count_us = clock_mono_us();
	w->count_us += rc < 0 ? 1000000 : COUNT_SHARE * (w->count_us - from);
}

/* 1 it did something. */
static int in_a_batch(
	struct writer *w, const char *what, int (*f)(struct writer *, struct cx_err *))
{
	struct cx_err e;
	struct store *s = w->eng->store;
	int rc = store_begin(s, &e);
	int did = rc < 0 ? rc : f(w, &e);
	if (did >= 0)
		rc = store_commit(s, &e);
	if (did >= 0 && rc >= 0)
		return did;
	log_warn("%s: %s", what, e.msg);
	store_rollback(s);
	cells_forget(w->in.cells);
	return 0;
}

/* Plugins that missed events deal with some of them. 1 it did something. */
static int catch_up(struct writer *w)
{
	struct cx_err e;
	int64_t last = w->in.next_seq;
	bool changed;
	w->behind = false;
	if (!w->eng->some_out)
		return 0;
	blame_phase(w->eng->blame, BLAME_BATCH);
	int rc = quarantine_work(&w->in, &changed, &e);
	if (rc < 0)
		log_warn("catching up: %s", e.msg);
	if (changed && rc == 1)
		quarantine_push(w->eng, &w->output);
	if (rc == 1 && last != w->in.next_seq)
		batch_run(w->batch, &w->output); /* tells how far the log has come */
	blame_phase(w->eng->blame, BLAME_IDLE);
	w->behind = rc == 1;
	return w->behind;
}

/* What is due fires, for a while. 1 it did something. */
static int fire_due(struct writer *w)
{
	struct cx_err e;
	int64_t last = w->in.next_seq;
	blame_phase(w->eng->blame, BLAME_BATCH);
	int rc = timers_work(&w->in, &e);
	if (rc < 0)
		log_warn("timers: %s", e.msg);
	if (rc == 1 && batch_idle(w->batch))
		batch_run(w->batch, &w->output); /* tells what there is now */
	if (last != w->in.next_seq)
		w->settled = false;
	blame_phase(w->eng->blame, BLAME_IDLE);
	return rc == 1;
}

/* A folder that may hold what an earlier daemon's death left; true while there are more. */
static bool sweep_evidence(struct writer *w)
{
	while (w->swept < EVIDENCE_FOLDERS && !evidence_sweep(w->eng, w->swept++))
		;
	return w->swept < EVIDENCE_FOLDERS;
}

static void idle_work(struct writer *w)
{
	log_plugin_dropped(false);
	if (w->counting) {
		count(w, COUNT_US);
		store_checkpoint(w->eng->store, CHECKPOINT_BYTES, false);
		return;
	}
	if (w->settled)
		return;
	if (catch_up(w)) /* and nothing else before that is done */
		return;
	blame_phase(w->eng->blame, BLAME_CHECKPOINT);
	int folded = in_a_batch(w, "folding sets", fold);
	bool later = clock_mono_us() < w->mend_us; /* then it is looked for more */
	int mended = later || in_a_batch(w, "counting a day again", mend);
	int fed = in_a_batch(w, "folding sources", fold_feeds);
	int united = folded || mended ? 0 : in_a_batch(w, "uniting days of sets", unite);
	int swept = in_a_batch(w, "removing old figures", sweep);
	bool sweeping = sweep_evidence(w);
	w->settled = !folded && !mended && !fed && !united && !swept && !sweeping;
	store_checkpoint(w->eng->store, 1 << 20, false);
	blame_phase(w->eng->blame, BLAME_IDLE);
}

/* Between batches that leave no idle moment. */
static void busy_work(struct writer *w)
{
	struct store *s = w->eng->store;
	if (store_checkpoint(s, CHECKPOINT_FORCED, true) < 0 ||
		store_checkpoint(s, CHECKPOINT_BYTES, false) < 0)
		log_warn("checkpoint failed; the log grows until one succeeds");
	catch_up(w);
	int64_t now = clock_mono_us();
	if (w->counting && now >= w->count_us)
		count(w, COUNT_BUSY_US);
	if (now < w->mend_busy_us)
		return;
	blame_phase(w->eng->blame, BLAME_CHECKPOINT);
	in_a_batch(w, "counting a day again", mend);
	blame_phase(w->eng->blame, BLAME_IDLE);
}

static void run_batch(struct writer *w)
{
	batch_run(w->batch, &w->output);
	w->settled = false;
	if (w->in.next_seq - w->fed > FEEDS_BEHIND)
		in_a_batch(w, "folding sources", fold_feeds);
}

/* What came while a part of a reload was done: a batch, and while clients go on more of them, so
 * that parts do not follow each other closely. What goes wrong with the stream is met again after
 * it. */
static void serve_meanwhile(void *ctx)
{
	struct writer *w = ctx;
	enum cx_lang lang = cx_lang;
	int64_t now = clock_mono_us(), until = now + LOAD_SHARE * (now - w->turned_us);
	int wait = 0;
	do {
		if (frame_fill(w->eng->fd, &w->input, wait) < 0 || take(w) < 0)
			break;
		bool idle = batch_idle(w->batch);
		if (!idle)
			run_batch(w);
		buf_drop(&w->input, w->taken);
		if (frame_flush(w->eng->fd, &w->output) < 0 || idle)
			break;
		now = clock_mono_us();
		wait = (int)((until - now) / 1000);
	} while (now < until);
	cx_lang = lang;
	w->turned_us = clock_mono_us();
}

static void run_reload(struct writer *w)
{
	const struct meanwhile m = {serve_meanwhile, w};
	struct buf job = w->reload, reply = {0};
	struct frame f;
	size_t size;
	int status = 200;
	w->reload = (struct buf){0};
	w->reloading = true;
	w->turned_us = clock_mono_us();
	if (frame_parse(&job, 0, &f, &size) == 1) {
		reload_run(&w->in, &f, &m, &reply, &status);
		quarantine_push(w->eng, &w->output);
		batch_answer(&w->output, &f.head, status, NULL, &reply);
	}
	buf_free(&reply);
	buf_free(&job);
	w->reloading = false;
	if (w->held.len) {
		buf_add(&w->held, w->input.p, w->input.len);
		buf_free(&w->input);
		w->input = w->held;
		w->held = (struct buf){0};
	}
	w->settled = false;
	blame_phase(w->eng->blame, BLAME_IDLE);
}

static int loop(struct writer *w)
{
	while (!w->stop || w->more || !batch_idle(w->batch)) {
		bool busy = w->more || !batch_idle(w->batch);
		w->counting = engine_counting(w->eng);
		bool more = busy || w->behind || w->counting;
		int wait = more ? 0 : w->settled ? SETTLED_MS : IDLE_MS;
		wait = timers_wait(&w->in, clock_now_ms(), wait);
		int got = frame_fill(w->eng->fd, &w->input, wait);
		if (got < 0 || take(w) < 0)
			return 1; /* the front is gone: what was told is on disk */
		bool idle = batch_idle(w->batch), fired = !w->stop && fire_due(w);
		if (!idle)
			run_batch(w);
		buf_drop(&w->input, w->taken); /* the batch's frames pointed into it until now */
		if (w->reload.len) {
			run_reload(w);
			w->more = true; /* what came after it */
		}
		if (frame_flush(w->eng->fd, &w->output) < 0)
			return 1;
		if (idle && !got && !fired && !w->stop)
			idle_work(w);
		else if (!idle)
			busy_work(w);
	}
	log_plugin_dropped(true);
	return 0;
}

static void say_ready(struct writer *w)
{
	struct ready r = {.last_seq = w->in.next_seq - 1, .events = w->in.next_seq > 1};
	for (int i = 0; i < w->eng->set.n; i++) {
		if (w->eng->set.v[i]->state == PLUGIN_RUNNING)
			r.plugins_running++;
		else
			r.plugins_failed++;
	}
	example_event(w->eng, clock_now_ms(), r.example, sizeof r.example);
	access_push(w->eng, &w->output);
	quarantine_push(w->eng, &w->output);
	struct job_head h = {.kind = FRAME_READY, .body_len = sizeof r};
	frame_add(&w->output, &h, NULL, (const char *)&r);
}

static int settle(struct writer *w, struct cx_err *e)
{
	struct store *s = w->eng->store;
	int rc = store_begin(s, e);
	if (rc >= 0)
		rc = quarantine_settle(w->eng, w->in.next_seq, e);
	if (rc >= 0)
		rc = timers_declare(&w->in, clock_now_ms(), e);
	if (rc >= 0)
		rc = store_commit(s, e);
	if (rc < 0)
		store_rollback(s);
	return rc;
}

static int open_all(struct writer *w, bool restart, struct cx_err *e)
{
	struct engine *eng = w->eng;
	int rc = store_open(
		&eng->store, eng->conf->store_url, eng->conf->server_data, STORE_WRITE, e);
	if (rc >= 0)
		confine((const char *const[]){eng->conf->server_data, NULL},
			(const char *const[]){eng->conf->plugins_path, NULL});
	if (rc >= 0)
		rc = quarantine_strikes(eng, e);
	if (rc >= 0)
		rc = engine_load_plugins(eng, restart ? GENERATION_STORE : GENERATION_DISK, e);
	if (rc >= 0)
		rc = engine_keep_plugins(eng, e);
	if (rc < 0)
		return rc;
	if (!restart)
		engine_log_plugins(eng);
	else /* what lies there may be a job's that will be sent again */
		w->swept = EVIDENCE_FOLDERS;
	ingest_init(&w->in, eng);
	rc = ingest_open(&w->in, e);
	if (rc >= 0)
		rc = settle(w, e);
	int64_t until = clock_mono_us() + COUNT_FIRST_US;
	w->counting = engine_counting(eng);
	while (rc >= 0 && !restart && w->counting && (eng->alone || clock_mono_us() < until)) {
		rc = projector_step(&w->in, COUNT_FIRST_US / 4, PROJECTOR_EVENTS, e);
		w->counting = rc != 0;
	}
	if (rc >= 0)
		w->batch = batch_new(&w->in);
	return rc;
}

int writer_main(struct engine *eng, bool restart)
{
	struct writer w = {.eng = eng};
	struct cx_err e;
	int rc = 1;
	if (open_all(&w, restart, &e) < 0) {
		log_error("%s", e.msg);
	} else {
		say_ready(&w);
		blame_phase(eng->blame, BLAME_IDLE);
		batch_run(w.batch, &w.output); /* tells what there is */
		if (frame_flush(eng->fd, &w.output) == 0)
			rc = loop(&w);
		blame_phase(eng->blame, BLAME_CHECKPOINT);
		store_checkpoint(eng->store, 0, true);
	}
	batch_free(w.batch);
	if (w.in.eng)
		ingest_free(&w.in);
	buf_free(&w.input);
	buf_free(&w.reload);
	buf_free(&w.held);
	buf_free(&w.output);
	return rc;
}
