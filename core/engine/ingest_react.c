#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "engine/journeys.h"
#include "engine/records.h"
#include "engine/sops.h"

enum { WARNINGS = 1000 }; /* of one event, repeated */

static int warn(void *ctx, const struct failed_row *row)
{
	struct ingest *in = ctx;
	struct buf *b = &in->warnings;
	jw_obj(b);
	jw_kstr(b, "plugin", row->plugin);
	jw_kstr(b, "file", row->file);
	jw_kint(b, "line", row->line);
	jw_kstr(b, "message", row->message);
	jw_kint(b, "failed", row->id);
	jw_obj_end(b);
	return 0;
}

int ingest_warn_again(struct ingest *in, const struct event *ev)
{
	struct cx_err e;
	int rc = store_failed_first(in->eng->store, ev, WARNINGS, warn, in, &e);
	return rc < 0 ? ingest_lost(in, &e) : CX_OK;
}

int ingest_failed_row(struct ingest *in, struct failed_row *row, const struct lua_fail *f)
{
	struct cx_err e;
	row->at_ms = in->head->now_ms;
	row->file = f->file;
	row->line = f->line;
	row->message = f->msg;
	row->traceback = f->traceback;
	row->tries = 1;
	row->past = in->past;
	in->counts.reactions_failed++;
	if (store_failed_add(in->eng->store, row, &e) < 0)
		return ingest_lost(in, &e);
	char place[600], said[100]; /* where, not what: a message can quote the event */
	snprintf(place, sizeof place, "%s failed at %s:%d", row->handler, f->file, f->line);
	snprintf(said, sizeof said, "event %lld, failed reaction %lld", (long long)row->seq,
		(long long)row->id);
	log_plugin_place(LOG_WARN, row->plugin, place, said);
	return warn(in, row);
}

int ingest_failed(struct ingest *in, const struct event *ev, const char *plugin,
	const char *handler, int nth, const struct lua_fail *f)
{
	struct failed_row row = {.seq = ev->seq, .plugin = plugin, .handler = handler, .nth = nth};
	return ingest_failed_row(in, &row, f);
}

struct reaction { /* tx of one handler; its savepoint is taken at its first write */
	struct ingest *in;
	const struct handler *h;
	int timers, frictions;           /* that it has set and noted */
	char name[NAME_MAX_BYTES + 160]; /* "sales: on order.placed" */
	bool marked;
	size_t cells;
	struct ingest_mark before;
};

static int begin_write(struct reaction *r, struct cx_err *e)
{
	if (r->marked)
		return CX_OK;
	int rc = store_mark(r->in->eng->store, e);
	if (rc < 0) {
		ingest_lost(r->in, e);
		return rc;
	}
	r->marked = true;
	r->in->marks++;
	r->cells = cells_mark(r->in->cells);
	r->before = ingest_mark(r->in);
	return CX_OK;
}

/* "a → b → a": how an event came to be emitted. */
static void path_text(const struct ingest *in, char *out, size_t cap)
{
	size_t n = 0;
	for (int i = 0; i <= in->depth && n < cap; i++) {
		const struct event *ev = in->path[i];
		n += (size_t)snprintf(out + n, cap - n, "%s%.*s", i ? " → " : "",
			(int)ev->type_name.n, ev->type_name.p);
	}
}

static int emit(void *ctx, struct event *cause, struct str json, struct cx_err *e)
{
	struct reaction *r = ctx;
	struct ingest *in = r->in;
	if (in->store_failed) { /* a handler that caught that; what it writes now would stay */
		*e = in->errs.v[0];
		return e->code;
	}
	if (in->depth + 1 >= INGEST_DEPTH) {
		char path[300];
		path_text(in, path, sizeof path);
		in->loop = true;
		cx_fail(&in->loop_why, CX_E_PLUGIN_FAILED, NULL,
			CX_T("eventos emitidos em %d níveis, parece um laço: %s",
				"events emitted %d levels deep, this looks like a loop: %s"),
			INGEST_DEPTH, path);
		*e = in->loop_why;
		return e->code;
	}
	int rc = begin_write(r, e);
	return rc < 0 ? rc : ingest_emit(in, cause, json, e);
}

static void plugin_log(void *ctx, const char *plugin, int level, const char *text)
{
	(void)ctx;
	log_plugin((enum log_level)level, plugin, text);
}

static int tx_kpi(void *ctx, const char *id, const struct kpi_param *p, int n, struct buf *json,
	struct cx_err *e)
{
	const struct reaction *r = ctx;
	struct ingest *in = r->in;
	if (in->store_failed) {
		*e = in->errs.v[0];
		return e->code;
	}
	if (in->marks) /* flushed cells could not be taken back with the savepoint */
		return cx_fail(e, CX_E_PLUGIN_FAILED, NULL,
			CX_T("chame tx:kpi antes de tx:emit e de escrever registros",
				"call tx:kpi before tx:emit and before writing records"));
	int rc = cells_flush(in->cells, e); /* a query sees what this batch has added so far */
	if (rc < 0)
		return ingest_lost(in, e);
	rc = engine_kpi(in->eng, id, p, n, r->h->now_ms, json, e);
	return store_in_batch(in->eng->store) ? rc : ingest_lost(in, e);
}

static int tx_record(void *ctx, struct record_ask *ask, struct arena *a, struct cx_err *e)
{
	struct reaction *r = ctx;
	struct ingest *in = r->in;
	const struct record_who who = {r->name, r->h->cause->seq, in->head->now_ms};
	int rc = CX_OK;
	if (in->store_failed) {
		*e = in->errs.v[0];
		return e->code;
	}
	if (ask->op == RECORD_PUT || ask->op == RECORD_DELETE)
		rc = begin_write(r, e);
	if (rc < 0)
		return rc;
	rc = records_ask(in->eng, ask, &who, a, e);
	return rc == CX_E_STORE_FAILED || rc == CX_E_DISK_FULL ? ingest_lost(in, e) : rc;
}

static int after(void *ctx, const struct timer_ask *ask, struct cx_err *e)
{
	struct reaction *r = ctx;
	if (r->in->store_failed) {
		*e = r->in->errs.v[0];
		return e->code;
	}
	int rc = begin_write(r, e);
	return rc < 0 ? rc : timers_after(r->in, r->h, ++r->timers, ask, e);
}

static int sop(void *ctx, struct sop_ask *ask, struct arena *a, struct cx_err *e)
{
	struct reaction *r = ctx;
	struct ingest *in = r->in;
	if (in->store_failed) {
		*e = in->errs.v[0];
		return e->code;
	}
	int rc = ask->op == SOP_GET ? CX_OK : begin_write(r, e);
	if (rc < 0)
		return rc;
	rc = sops_ask(in, r->h->cause, r->name, false, ask, a, e);
	return rc == CX_E_STORE_FAILED || rc == CX_E_DISK_FULL ? ingest_lost(in, e) : rc;
}

static int friction(void *ctx, const struct friction_ask *ask, struct cx_err *e)
{
	struct reaction *r = ctx;
	if (r->in->store_failed) {
		*e = r->in->errs.v[0];
		return e->code;
	}
	int rc = begin_write(r, e);
	return rc < 0 ? rc : journeys_friction(r->in, r->h, ++r->frictions, ask, e);
}

static int journey(void *ctx, struct str id, struct str key, struct buf *json, struct cx_err *e)
{
	struct ingest *in = ((struct reaction *)ctx)->in;
	struct arena a = {0};
	struct journey_row row;
	if (in->store_failed) {
		*e = in->errs.v[0];
		return e->code;
	}
	id = arena_str(&a, id.p, id.n);
	int rc = journeys_find(in->eng->store, id.p, key, &row, &a, e);
	if (rc == 1)
		rc = journey_instance_json(in->eng->store, &row, &a, json, e) < 0 ? e->code : 1;
	arena_free(&a);
	return rc < 0 ? ingest_lost(in, e) : rc;
}

/* Ends the handler's savepoint: kept, or undone with all it stored and counted. */
static int end(struct reaction *r, bool keep)
{
	struct ingest *in = r->in;
	struct cx_err e;
	if (!r->marked)
		return CX_OK;
	in->marks--;
	int rc = keep ? store_release(in->eng->store, &e) : store_rewind(in->eng->store, &e);
	if (rc < 0)
		return ingest_lost(in, &e);
	if (!keep) {
		cells_rewind(in->cells, r->cells);
		in->next_seq = r->before.next_seq;
		in->counts = r->before.counts;
	}
	return CX_OK;
}

static int call(struct reaction *r, struct lua_fail *f)
{
	const struct handler *h = r->h;
	struct tx tx = {.ctx = r,
		.now_ms = h->now_ms,
		.late_ms = h->late_ms,
		.past = r->in->past,
		.random = &r->in->random,
		.emit = emit,
		.log = plugin_log,
		.kpi = tx_kpi,
		.record = tx_record,
		.after = after,
		.sop = sop,
		.friction = friction,
		.journey = journey};
	if (!ingest_left_out(r->in, h->plugin->name))
		return h->call(h, &tx, f);
	*f = ingest_crashed(h->plugin->name, h->file, h->line);
	return -1;
}

int ingest_handle(struct ingest *in, const struct handler *h, struct lua_fail *f)
{
	struct reaction r = {.in = in, .h = h};
	size_t warned = in->warnings.len;
	snprintf(r.name, sizeof r.name, "%s: %s", h->plugin->name, h->what);
	*f = (struct lua_fail){0};
	int rc = call(&r, f);
	if (in->loop)
		rc = -1; /* also where the handler caught the error: nothing of a loop is kept */
	if (in->store_failed)
		return in->errs.v[0].code;
	if (end(&r, rc >= 0) < 0)
		return in->errs.v[0].code;
	if (in->loop && in->depth > 0)
		return cx_errs_add(&in->errs, CX_E_PLUGIN_FAILED, NULL, "%s", in->loop_why.msg);
	if (in->loop)
		snprintf(f->msg, sizeof f->msg, "%s", in->loop_why.msg);
	in->loop = false;
	if (rc < 0)
		in->warnings.len = warned; /* those of undone events went with them */
	return rc >= 0;
}

static int react(const struct handler *h, struct tx *tx, struct lua_fail *f)
{
	return plugin_react(h->plugin, h->ctx, h->cause, tx, f);
}

int ingest_react_one(struct ingest *in, struct plugin *p, const struct plugin_on *on, int nth,
	struct event *ev, struct lua_fail *f)
{
	char what[NAME_MAX_BYTES + 96];
	const struct handler h = {.plugin = p,
		.what = what,
		.file = on->file,
		.line = on->line,
		.cause = ev,
		.now_ms = in->head->now_ms,
		.nth = nth,
		.call = react,
		.ctx = on};
	snprintf(what, sizeof what, "on %s", on->type_name);
	int rc = ingest_handle(in, &h, f);
	if (rc == 1 && ev->root && timers_supersede(in, &h, ev) < 0)
		return in->errs.v[0].code;
	return rc;
}

int ingest_nth(const struct type_plan *plan, int on)
{
	int nth = 1;
	for (int i = 0; i < on; i++)
		nth += plan->ons[i].plugin == plan->ons[on].plugin;
	return nth;
}

int ingest_react_nth(struct ingest *in, const struct type_plan *plan, int i, struct event *ev)
{
	char handler[96];
	struct lua_fail f;
	struct plugin *p = plan->ons[i].plugin;
	int nth = ingest_nth(plan, i), rc = ingest_react_one(in, p, plan->ons[i].on, nth, ev, &f);
	if (rc != 0)
		return rc < 0 ? rc : CX_OK;
	snprintf(handler, sizeof handler, "on %s", plan->ons[i].on->type_name);
	return ingest_failed(in, ev, p->name, handler, nth, &f);
}

int ingest_react(struct ingest *in, const struct type_plan *plan, struct event *ev)
{
	for (int i = 0; i < plan->nons; i++) {
		int rc = ingest_part(in, plan->ons[i].plugin) == PART_WAITS
				 ? CX_OK
				 : ingest_react_nth(in, plan, i, ev);
		if (rc < 0)
			return rc;
	}
	return CX_OK;
}
