#include "engine/timers.h"

#include <string.h>

#include "base/log.h"
#include "base/tz.h"
#include "engine/journeys.h"
#include "engine/sop_due.h"
#include "engine/timer.h"

enum {
	SLICE_US = 20000,           /* what a job may wait for timers */
	PAUSE_US = 1000000,         /* after a transaction that was lost */
	IMPORT_QUIET_US = 10000000, /* an import of which nothing comes for so long was cut off */
	LATE_MS = 1000,             /* what counts as late */
	TELL_US = 10000000          /* how often a log line says what fired late */
};

const struct due_kind due_kinds[] = {{"timer", timer_next, timer_fire, store_timer_struck},
	{"journey", journeys_next, journeys_fire, store_journey_struck},
	{"SOP run", sop_next, sop_fire, sop_struck}};
const int due_nkinds = sizeof due_kinds / sizeof *due_kinds;

void timers_due(struct ingest *in, int64_t ms, bool past)
{
	if (ms < in->due.next_ms[past])
		in->due.next_ms[past] = ms;
}

/* Plugins that went on or off, or a transaction that was lost: what is due next is not known. */
static void look_again(struct ingest *in)
{
	if (in->due.turned == in->eng->turned)
		return;
	in->due.turned = in->eng->turned;
	in->due.next_ms[0] = in->due.next_ms[1] = INT64_MIN;
}

struct item {
	struct due due;
	int kind; /* -1: none */
	bool past;
};

static bool sooner(const struct item *a, const struct item *b)
{
	if (b->kind < 0 || a->due.ms != b->due.ms)
		return b->kind < 0 || a->due.ms < b->due.ms;
	return a->kind != b->kind ? a->kind < b->kind : a->due.id < b->due.id;
}

static int earliest(struct ingest *in, bool past, struct item *out, struct cx_err *e)
{
	*out = (struct item){.kind = -1, .past = past};
	for (int i = 0; i < due_nkinds; i++) {
		struct item one = {.kind = i, .past = past};
		int rc = due_kinds[i].next(in, past, &one.due, e);
		if (rc < 0)
			return rc;
		if (rc == 1 && sooner(&one, out))
			*out = one;
	}
	in->due.next_ms[past] = out->kind < 0 ? INT64_MAX : out->due.ms;
	return CX_OK;
}

/* The next item that is due: out->kind -1 where there is none. */
static int find(struct ingest *in, const struct timers_run *r, struct item *out, struct cx_err *e)
{
	const bool wanted[] = {r->present, r->past};
	out->kind = -1;
	for (int past = 0; past < 2; past++) {
		struct item one;
		if (!wanted[past] || in->due.next_ms[past] > r->until_ms)
			continue;
		int rc = earliest(in, past, &one, e);
		if (rc < 0)
			return rc;
		if (one.kind >= 0 && one.due.ms <= r->until_ms && sooner(&one, out))
			*out = one;
	}
	return CX_OK;
}

/* The same item draws the same numbers when it fires again. */
static struct job_head head_of(const struct timers_run *r, const struct item *it)
{
	struct job_head h = {.kind = FRAME_JOB, .now_ms = r->now_ms};
	if (r->job) {
		h = *r->job;
	} else {
		h.caller = (struct caller){.level = LEVEL_ADMIN, .uid = UINT32_MAX};
		h.caller.lang = (uint8_t)cx_lang;
		random_bytes(&h.key, sizeof h.key);
		h.key >>= 1;
	}
	h.seed = (uint64_t)it->due.id << 8 | (uint64_t)it->kind;
	h.seed ^= (uint64_t)it->due.ms * 0x9e3779b97f4a7c15ULL;
	return h;
}

static void note_late(struct ingest *in, const struct firing *f)
{
	in->counts.timers_fired++;
	if (f->late_ms <= LATE_MS)
		return;
	in->counts.timers_late++;
	in->due.late++;
	if (f->late_ms > in->due.late_ms)
		in->due.late_ms = f->late_ms;
}

static int fire(struct ingest *in, struct timers_run *r, const struct item *it)
{
	struct blame *b = in->eng->blame;
	struct event ev;
	struct firing f = {.past = it->past};
	if (r->on_time && it->due.ms > r->now_ms)
		r->now_ms = it->due.ms;
	f.now_ms = it->past ? it->due.ms : r->now_ms;
	f.late_ms = f.now_ms - it->due.ms;
	struct job_head head = head_of(r, it);
	in->due.least_ms = f.now_ms + 1; /* else one could set itself again without end */
	ingest_job_begin(in, &head, it->past, in->next_seq);
	ingest_item_begin(in, r->item, &ev);
	if (b) {
		b->due = it->due.id;
		b->due_kind = (uint32_t)it->kind + 1;
	}
	int rc = due_kinds[it->kind].fire(in, &it->due, &f);
	in->due.least_ms = INT64_MIN;
	if (b)
		b->due_kind = 0;
	if (rc == 0)
		note_late(in, &f);
	if (r->warnings && in->warnings.len) {
		if (r->warnings->len)
			buf_puts(r->warnings, ",");
		buf_add(r->warnings, in->warnings.p, in->warnings.len);
	}
	return rc < 0 ? rc : CX_OK;
}

/* The job under way goes on as it was. */
struct job_state {
	const struct job_head *head;
	bool past, late, update;
	int64_t began;
	uint64_t random;
};

int timers_run(struct ingest *in, struct timers_run *r, struct cx_err *e)
{
	const struct job_state s = {r->job, in->past, in->late, in->update, in->began, in->random};
	struct item it;
	int rc;
	bool more = false;
	look_again(in);
	while ((rc = find(in, r, &it, e)) >= 0 && it.kind >= 0 && !more) {
		rc = fire(in, r, &it);
		if (rc < 0) {
			*e = in->errs.v[0];
			break;
		}
		more = r->stop_us && clock_mono_us() > r->stop_us;
	}
	if (s.head) /* in->head may be that of a job long over */
		ingest_job_begin(in, s.head, s.past, s.began);
	in->head = s.head;
	in->past = s.past;
	in->late = s.late;
	in->update = s.update;
	in->random = s.random;
	if (rc < 0)
		return ingest_lost(in, e);
	return it.kind >= 0;
}

/* ---- imports ---- */

bool timers_history(struct ingest *in)
{
	in->due.import_us = clock_mono_us();
	look_again(in);
	return in->due.next_ms[1] <= in->head->now_ms;
}

int timers_import(struct ingest *in, uint32_t item, int64_t until_ms, struct cx_err *e)
{
	const struct job_head *job = in->head;
	struct timers_run r = {.until_ms = until_ms < job->now_ms ? until_ms : job->now_ms,
		.now_ms = job->now_ms,
		.past = true,
		.stop_us = clock_mono_us() + SLICE_US,
		.job = job,
		.item = item};
	return timers_run(in, &r, e);
}

void timers_imported(struct ingest *in)
{
	in->due.import_us = INT64_MIN / 2;
}

/* ---- the writer between batches ---- */

/* What an import's facts set may have to fire before the next of its events. */
static int64_t quiet_in_us(const struct ingest *in, int64_t mono_us)
{
	int64_t left = in->due.import_us + IMPORT_QUIET_US - mono_us;
	return left > 0 ? left : 0;
}

int timers_wait(struct ingest *in, int64_t now_ms, int max_ms)
{
	int64_t mono = clock_mono_us(), left = max_ms;
	if (in->eng->alone)
		return max_ms;
	look_again(in);
	for (int past = 0; past < 2; past++) {
		int64_t next = in->due.next_ms[past], wait = next <= now_ms ? 0 : next - now_ms;
		if (past && wait < quiet_in_us(in, mono) / 1000)
			wait = quiet_in_us(in, mono) / 1000 + 1;
		left = wait < left ? wait : left;
	}
	if (in->due.pause_us > mono && left < (in->due.pause_us - mono) / 1000 + 1)
		left = (in->due.pause_us - mono) / 1000 + 1;
	return left < max_ms ? (int)left : max_ms;
}

static void tell_late(struct ingest *in)
{
	int64_t now = clock_mono_us();
	if (!in->due.late || now - in->due.told_us < TELL_US)
		return;
	log_warn("%lld timers fired late, by %lld s at most", (long long)in->due.late,
		(long long)(in->due.late_ms / 1000));
	in->due.late = in->due.late_ms = 0;
	in->due.told_us = now;
}

int timers_work(struct ingest *in, struct cx_err *e)
{
	struct store *s = in->eng->store;
	int64_t now = clock_now_ms(), mono = clock_mono_us();
	tell_late(in);
	if (in->eng->alone || timers_wait(in, now, 1) > 0)
		return 0;
	struct timers_run r = {.until_ms = now,
		.now_ms = now,
		.present = true,
		.past = !quiet_in_us(in, mono),
		.stop_us = mono + SLICE_US};
	struct ingest_mark mark = ingest_mark(in);
	cx_lang = cx_lang_wanted(in->eng->conf->company_locale);
	int rc = store_begin(s, e);
	if (rc >= 0)
		rc = timers_run(in, &r, e);
	if (rc >= 0)
		rc = cells_flush(in->cells, e);
	if (rc >= 0)
		rc = store_commit(s, e);
	if (rc >= 0)
		return mark.counts.timers_fired != in->counts.timers_fired;
	store_rollback(s);
	ingest_rewind(in, mark);
	in->due.pause_us = clock_mono_us() + PAUSE_US;
	return rc;
}
