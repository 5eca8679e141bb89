/* What the fold asks for, what it wants done, and how it is told when it fails. */
#include "engine/journey_host.h"

#include <stdio.h>
#include <string.h>

#include "base/tz.h"
#include "engine/journey_fold.h"
#include "engine/sops.h"
#include "kpi/group.h"

int journey_event_open(struct ingest *in, int64_t seq, struct event *ev)
{
	struct cx_err e;
	bool missing;
	int rc = store_event_get(in->eng->store, seq, ev, &in->arena, &e);
	if (rc < 0)
		return ingest_lost(in, &e);
	const struct type_plan *plan = rc ? plugin_set_type(&in->eng->set, ev->type_name) : NULL;
	if (!plan)
		return 0;
	ev->type = plan->type;
	event_reload(ev, in->eng->conf->company_currency, &in->arena, &missing);
	return 1;
}

static int start(void *ctx, int64_t seq, struct event *ev)
{
	struct ingest *in = ctx;
	struct event *now = in->path[in->depth];
	if (now && now->seq == seq && now->type) {
		*ev = *now;
		return 1;
	}
	return journey_event_open(in, seq, ev);
}

/* By the instant at which the stage would be left: a run that is finished later lets later events
 * through. */
static bool finished(
	void *ctx, struct str journey, struct str key, struct str stage, int pass, int64_t at_ms)
{
	struct ingest *in = ctx;
	struct cx_err e;
	int rc = sops_finished(in, journey, key, stage, pass, at_ms, &e);
	if (rc < 0)
		ingest_lost(in, &e);
	return rc == 1;
}

void journey_host(struct ingest *in, struct journey_ask *ask)
{
	ask->ctx = in;
	ask->start = start;
	ask->finished = finished;
}

/* ---- effects ---- */

struct late_call {
	const struct plugin_journey *journey;
	const struct journey_late *late;
	const struct journey_row *row;
};

static int tell(const struct handler *h, struct tx *tx, struct lua_fail *f)
{
	const struct late_call *c = h->ctx;
	struct journey_ask ask = {0};
	journey_host(h->in, &ask);
	return plugin_journey_late(h->plugin, c->journey, &ask, c->late, h->cause, tx, f);
}

/* What on_late emits and sets comes from this: like an event, about the instance, at the deadline.
 */
static void make_cause(struct ingest *in, const struct late_call *c, struct event *ev)
{
	struct buf id = {0};
	char when[TZ_TEXT];
	journeys_name(&id, c->row->key, c->row->n);
	buf_printf(&id, "/%.*s/%d", (int)c->late->stage.n, c->late->stage.p, c->late->pass);
	*ev = (struct event){.seq = c->row->start_seq,
		.id = arena_str(&in->arena, id.p, id.len),
		.time_ms = c->late->due_ms,
		.recorded_ms = in->head->now_ms,
		.subject = c->row->subject,
		.unit = c->row->unit};
	buf_clear(&id);
	buf_printf(&id, "/cxd/journey/%.*s", (int)c->row->journey.n, c->row->journey.p);
	ev->source = arena_str(&in->arena, id.p, id.len);
	buf_free(&id);
	ev->type_name = STR("journey.late");
	tz_format(ev->time_ms, when);
	ev->time = arena_str(&in->arena, when, strlen(when));
}

static struct str late_json(struct ingest *in, const struct late_call *c)
{
	struct buf b = {0};
	jw_obj(&b);
	jw_kint(&b, "instance", c->row->id);
	jw_key(&b, "stage");
	jw_strn(&b, c->late->stage.p, c->late->stage.n);
	jw_kint(&b, "pass", c->late->pass);
	jw_kint(&b, "due", c->late->due_ms);
	jw_key(&b, "j");
	jw_raw(&b, c->late->j.p, c->late->j.n);
	jw_obj_end(&b);
	struct str s = arena_str(&in->arena, b.p, b.len);
	buf_free(&b);
	return s;
}

/* on_late in its savepoint: 1 done, 0 it failed, <0 lost. */
static int run_late(struct ingest *in, struct plugin *p, const struct late_call *c,
	const struct firing *at, struct lua_fail *fail)
{
	char what[160];
	struct event cause, *outer = in->path[in->depth];
	int emitted = in->emitted[in->depth];
	bool past = in->past;
	snprintf(what, sizeof what, "journey %s: on_late", c->journey->id);
	make_cause(in, c, &cause);
	const struct handler h = {.plugin = p,
		.in = in,
		.what = what,
		.file = c->journey->file,
		.line = c->journey->line,
		.cause = &cause,
		.late = c->late,
		.now_ms = at->now_ms,
		.late_ms = at->now_ms > c->late->due_ms ? at->now_ms - c->late->due_ms : 0,
		.call = tell,
		.ctx = c};
	in->past = c->late->due_ms <= c->row->past_ms;
	in->path[in->depth] = &cause;
	in->emitted[in->depth] = 0;
	int rc = ingest_handle(in, &h, fail);
	in->path[in->depth] = outer;
	in->emitted[in->depth] = emitted;
	in->past = past;
	return rc;
}

static int late(struct fold *f, const struct effect *x, const struct firing *at)
{
	struct lua_fail fail;
	char handler[160];
	struct journey_row *row = &f->v[x->inst].row;
	struct plugin *p = f->plugin;
	const struct plugin_journey *j = f->journey;
	struct cx_err e;
	int rc = store_journey_told(f->in->eng->store, row, x->late.stage, x->late.pass, &e);
	if (rc != 1)
		return rc < 0 ? ingest_lost(f->in, &e) : CX_OK;
	rc = journey_version(f->in, &p, &j, row->version, &fail);
	const struct plugin_journey *own = rc == 1 ? plugin_journey_find(p, x->late.journey) : NULL;
	const struct late_call c = {own ? own : f->journey, &x->late, row};
	const struct firing now = {
		row->past_ms >= x->late.due_ms ? x->late.due_ms : at->now_ms, 0, false};
	if (rc == 1)
		rc = run_late(f->in, p, &c, &now, &fail);
	if (rc != 0)
		return rc < 0 ? rc : CX_OK;
	snprintf(handler, sizeof handler, "journey %s: on_late", c.journey->id);
	struct str arg = late_json(f->in, &c);
	struct failed_row failed = {.seq = row->start_seq,
		.plugin = f->plugin->name,
		.handler = handler,
		.due_ms = x->late.due_ms,
		.arg = arg.p};
	return ingest_failed_row(f->in, &failed, &fail);
}

static int64_t number(const struct json_doc *d, const char *key)
{
	int64_t v = 0;
	uint32_t at = json_get(d, 0, key);
	return at && json_int64(d, at, &v) ? v : 0;
}

static struct str text(const struct json_doc *d, const char *key, struct arena *a)
{
	uint32_t at = json_get(d, 0, key);
	return at ? json_text(d, at, a) : (struct str){0};
}

int journey_late_again(struct ingest *in, struct plugin *p, const struct plugin_journey *j,
	const char *arg, struct lua_fail *f)
{
	struct json_doc d = {0};
	struct journey_row row;
	struct cx_err e;
	if (json_scan(&d, arg, strlen(arg), JSON_DEPTH, UINT32_MAX, &e) < 0)
		return CX_E_CONFLICT;
	const struct journey_late late = {.stage = text(&d, "stage", &in->arena),
		.j = json_raw(&d, json_get(&d, 0, "j")),
		.pass = (int)number(&d, "pass"),
		.due_ms = number(&d, "due")};
	int rc = store_journey_by_id(in->eng->store, number(&d, "instance"), &row, &in->arena, &e);
	if (rc < 0)
		rc = ingest_lost(in, &e);
	else if (rc == 0)
		rc = CX_E_CONFLICT;
	else
		rc = journey_version(in, &p, &j, row.version, f);
	if (rc == 1) {
		const struct plugin_journey *own = plugin_journey_find(p, row.journey);
		const struct late_call c = {own ? own : j, &late, &row};
		const struct firing now = {in->head->now_ms, 0, false};
		rc = run_late(in, p, &c, &now, f);
	}
	json_doc_free(&d);
	return rc;
}

static int64_t entered_at(const struct inst *x, const struct journey_sop *s)
{
	for (int i = 0; i < x->nmoves; i++)
		if (x->moves[i].pass == s->pass && str_same(x->moves[i].target, s->stage))
			return x->moves[i].time_ms;
	return x->row.begun_ms;
}

/* Its failure is told like any other of the journey's plugin. */
static int sop_failed(struct fold *f, const struct effect *x, const struct cx_err *e)
{
	struct lua_fail fail = {.line = f->journey->line};
	const struct event at = {.seq = x->sop.start};
	char handler[160];
	if (f->in->store_failed)
		return f->in->errs.v[0].code;
	if (e->code == CX_E_STORE_FAILED || e->code == CX_E_DISK_FULL)
		return ingest_lost(f->in, e);
	snprintf(fail.file, sizeof fail.file, "%s", f->journey->file);
	snprintf(fail.msg, sizeof fail.msg, "%s", e->msg);
	snprintf(handler, sizeof handler, "journey %s", f->journey->id);
	return ingest_failed(f->in, &at, f->plugin->name, handler, 1, &fail);
}

/* The run of a stage that was entered; what it may look at is the start event's data. */
static int open_sop(struct fold *f, const struct effect *x)
{
	struct ingest *in = f->in;
	const struct journey_row *row = &f->v[x->inst].row;
	struct event begun = {0}, *cause = in->path[in->depth];
	struct buf name = {0};
	struct cx_err e;
	int rc = start(in, x->sop.start, &begun);
	if (rc < 0)
		return rc;
	journeys_name(&name, row->key, row->n);
	const struct sop_start s = {.sop = x->sop.sop,
		.journey = row->journey,
		.key = {name.p, (uint32_t)name.len},
		.stage = x->sop.stage,
		.pass = x->sop.pass,
		.required = x->sop.required,
		.unit = row->unit,
		.subject = row->subject,
		.context = begun.data,
		.time_ms = entered_at(&f->v[x->inst], &x->sop)};
	rc = sops_open(in, cause && cause->type ? cause : NULL, &s, &e);
	buf_free(&name);
	return rc < 0 ? sop_failed(f, x, &e) : CX_OK;
}

int fold_act(struct fold *f, const struct firing *at)
{
	int rc = CX_OK;
	for (int i = 0; i < f->neffects && rc >= 0; i++)
		rc = f->effects[i].is_late ? late(f, &f->effects[i], at)
					   : open_sop(f, &f->effects[i]);
	return rc;
}

/* ---- failures ---- */

struct known {
	const char *plugin, *handler;
	bool open;
};

static int look(void *ctx, const struct failed_row *row)
{
	struct known *k = ctx;
	k->open |= !row->done_ms && strcmp(row->plugin, k->plugin) == 0 &&
		   strcmp(row->handler, k->handler) == 0;
	return k->open;
}

int journey_failed_again(struct ingest *in, const struct plugin *p, const struct plugin_journey *j,
	int64_t seq, const struct lua_fail *fail)
{
	char handler[160];
	struct cx_err e;
	struct known k = {p->name, handler, false};
	const struct failed_filter q = {.seq = seq, .limit = 1000};
	const struct event ev = {.seq = seq};
	snprintf(handler, sizeof handler, "journey %s", j->id);
	if (store_failed(in->eng->store, &q, look, &k, &e) < 0)
		return ingest_lost(in, &e);
	return k.open ? CX_OK : ingest_failed(in, &ev, p->name, handler, 1, fail);
}
