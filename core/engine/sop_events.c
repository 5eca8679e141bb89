/* What cx.sop { emits = … } tells: an event when a run begins and ends, and one for each item of a
 * run that ends. A field of the event is filled by its name; one of another name by that member of
 * the run's context. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/tz.h"
#include "engine/sop_run.h"

struct telling {
	struct ingest *in;
	struct event *cause;
	struct sop_run *r;
	struct json_doc result, context;
	struct arena *a;
};

/* A number as the field takes it: so many digits, or whole. */
static void number(struct buf *b, const struct field *f, double v)
{
	if (f->kind == FIELD_INTEGER || f->kind == FIELD_DURATION)
		jw_int(b, llround(v));
	else
		buf_printf(b, "%s%.*f", "", f->scale, v);
}

static const char *const words[] = {
	"run", "sop", "hash", "state", "journey", "key", "stage", "reason"};

static struct str word_of(const struct sop_run *r, int word)
{
	const struct str all[] = {r->row.run, r->row.sop, r->v.hash, r->row.state, r->row.journey,
		r->row.key, r->row.stage, r->row.reason};
	return all[word];
}

static double json_number(const struct json_doc *d, uint32_t at)
{
	return strtod(d->src + d->nodes[at].at, NULL);
}

static bool is_number(const struct json_doc *d, uint32_t at)
{
	return at && (d->nodes[at].type == JSON_INTEGER || d->nodes[at].type == JSON_NUMBER);
}

static void put_number(struct buf *b, const struct field *f, const struct json_doc *d, uint32_t at)
{
	if (!is_number(d, at))
		return;
	jw_key(b, f->name);
	number(b, f, json_number(d, at));
}

static void put_raw(struct buf *b, const struct field *f, const struct json_doc *d, uint32_t at)
{
	if (!at || d->nodes[at].type == JSON_NULL)
		return;
	struct str raw = json_raw(d, at);
	jw_key(b, f->name);
	jw_raw(b, raw.p, raw.n);
}

/* What both events have; false: no field of the run's. */
static bool of_run(struct telling *t, const struct field *f, struct buf *b)
{
	const struct json_doc *d = &t->result;
	for (int i = 0; i < (int)(sizeof words / sizeof *words); i++) {
		if (strcmp(f->name, words[i]) != 0)
			continue;
		struct str v = word_of(t->r, i);
		if (v.p) {
			jw_key(b, f->name);
			jw_strn(b, v.p, v.n);
		}
		return true;
	}
	if (strcmp(f->name, "version") == 0)
		jw_kint(b, f->name, t->r->v.version);
	else if (strcmp(f->name, "required") == 0)
		jw_kbool(b, f->name, t->r->row.required);
	else if (strcmp(f->name, "passed") == 0)
		put_raw(b, f, d, json_get(d, 0, "passed"));
	else if (strcmp(f->name, "minutes") == 0 && json_get(d, 0, "exposure"))
		put_number(b, f, d, json_get(d, json_get(d, 0, "exposure"), "minutes"));
	else
		return false;
	return true;
}

static bool of_item(struct telling *t, const struct field *f, const struct sop_item *item,
	uint32_t judged, struct buf *b)
{
	const struct json_doc *d = &t->result;
	struct str answer = item->given.answer;
	if (strcmp(f->name, "score") == 0)
		put_number(b, f, d, json_get(d, judged, "score"));
	else if (strcmp(f->name, "item") == 0 ||
		 (strcmp(f->name, "section") == 0 && item->section.p)) {
		struct str v = f->name[0] == 'i' ? item->item : item->section;
		jw_key(b, f->name);
		jw_strn(b, v.p, v.n);
	} else if (strcmp(f->name, "answer") == 0 && answer.p) {
		jw_key(b, f->name);
		if (answer.p[0] == '"')
			jw_raw(b, answer.p, answer.n);
		else
			jw_strn(b, answer.p, answer.n);
	} else if (strcmp(f->name, "value") == 0 && answer.p && answer.p[0] != '"') {
		jw_key(b, f->name);
		number(b, f, strtod(answer.p, NULL));
	} else {
		return false;
	}
	return true;
}

/* item NULL: of the run. */
static void data_json(struct telling *t, const struct event_type *type, const struct sop_item *item,
	uint32_t judged, struct buf *b)
{
	jw_obj(b);
	for (int i = 0; i < type->nfields - type->nderived; i++) {
		const struct field *f = &type->fields[i];
		if (item && of_item(t, f, item, judged, b))
			continue;
		if (!item && strcmp(f->name, "score") == 0)
			put_number(b, f, &t->result, json_get(&t->result, 0, "score"));
		else if (!of_run(t, f, b))
			put_raw(b, f, &t->context, json_get(&t->context, 0, f->name));
	}
	jw_obj_end(b);
}

static void attribute(struct buf *b, const char *name, struct str v)
{
	if (!v.p)
		return;
	jw_key(b, name);
	jw_strn(b, v.p, v.n);
}

static void warn(struct telling *t, const struct event_type *type, const struct cx_err *e)
{
	struct buf *b = &t->in->warnings;
	log_warn("SOP run: event %s was refused (%s)", type->name, cx_err_name(e->code));
	jw_obj(b);
	jw_kstr(b, "plugin", type->plugin);
	jw_kstr(b, "file", type->file);
	jw_kint(b, "line", type->line);
	jw_kstr(b, "message", e->msg);
	jw_knull(b, "failed");
	jw_obj_end(b);
}

static int emit(struct telling *t, const struct event_type *type, const struct sop_item *item,
	uint32_t judged, struct cx_err *e)
{
	struct ingest *in = t->in;
	const struct sop_run *r = t->r;
	struct buf b = {0};
	char time[TZ_TEXT];
	tz_format(r->row.ended_ms ? r->row.ended_ms : r->row.begun_ms, time);
	jw_obj(&b);
	jw_kstr(&b, "type", type->name);
	jw_kstr(&b, "time", time);
	attribute(&b, "subject", r->row.subject);
	attribute(&b, "unit", r->row.unit);
	attribute(&b, "actor", item && item->given.actor.p ? item->given.actor : r->row.actor);
	jw_key(&b, "data");
	data_json(t, type, item, judged, &b);
	jw_obj_end(&b);
	int rc = ingest_emit(in, t->cause, (struct str){b.p, (uint32_t)b.len}, e);
	buf_free(&b);
	if (rc < 0 && !in->store_failed) {
		warn(t, type, e);
		return CX_OK;
	}
	return rc;
}

static const struct event_type *type_of(const struct ingest *in, const char *name)
{
	const struct type_plan *plan =
		name ? plugin_set_type(&in->eng->set, (struct str){name, (uint32_t)strlen(name)})
		     : NULL;
	return plan ? plan->type : NULL;
}

static int tell_items(struct telling *t, const struct event_type *type, struct cx_err *e)
{
	uint32_t list = json_get(&t->result, 0, "items");
	int rc = CX_OK, i = 0;
	SOP_EACH(&t->result, list, at)
	{
		const struct sop_item *item = &t->r->items[i++];
		uint32_t applies = json_get(&t->result, at, "applies");
		if (rc >= 0 && sop_is_given(item) && applies &&
			t->result.nodes[applies].type == JSON_TRUE)
			rc = emit(t, type, item, at, e);
	}
	return rc;
}

/* Without an event at hand the run itself is the cause: its name, and its own source. */
static void own_cause(struct telling *t, struct event *ev)
{
	struct buf source = {0};
	char time[TZ_TEXT];
	struct ingest *in = t->in;
	buf_printf(&source, "/v1/sops/%.*s", (int)t->r->row.sop.n, t->r->row.sop.p);
	tz_format(in->head->now_ms, time);
	*ev = (struct event){.id = t->r->row.run,
		.source = arena_str(t->a, source.p, source.len),
		.time = arena_str(t->a, time, strlen(time)),
		.type_name = STR("sop"),
		.time_ms = in->head->now_ms,
		.recorded_ms = in->head->now_ms};
	buf_free(&source);
	t->cause = ev;
}

int sop_run_tell(struct ingest *in, struct event *cause, struct sop_run *r, struct arena *a,
	struct cx_err *e)
{
	struct telling t = {.in = in, .cause = cause, .r = r, .a = a};
	struct event own;
	const struct plugin_sop *sop = plugin_set_sop(&in->eng->set, r->row.sop, NULL);
	const struct event_type *run = sop ? type_of(in, sop->run_type) : NULL;
	const struct event_type *item = sop ? type_of(in, sop->item_type) : NULL;
	bool open = sop_run_is(r, "open");
	if (in->past || (!run && !item) || (open && (!run || r->embargo_ms)))
		return CX_OK;
	if (in->depth + 1 >= INGEST_DEPTH)
		return cx_fail(e, CX_E_PLUGIN_FAILED, NULL,
			CX_T("eventos emitidos em %d níveis, parece um laço",
				"events emitted %d levels deep, this looks like a loop"),
			INGEST_DEPTH);
	struct event *was = in->path[in->depth];
	int emitted = in->emitted[in->depth];
	if (!cause) {
		own_cause(&t, &own);
		in->path[in->depth] = &own;
		in->emitted[in->depth] = 0;
	}
	int rc = json_scan(&t.result, r->row.result.p, r->row.result.n, JSON_DEPTH, UINT32_MAX, e);
	if (rc >= 0)
		rc = json_scan(
			&t.context, r->row.context.p, r->row.context.n, JSON_DEPTH, UINT32_MAX, e);
	if (rc >= 0 && run)
		rc = emit(&t, run, NULL, 0, e);
	if (rc >= 0 && item && !open)
		rc = tell_items(&t, item, e);
	if (!cause) {
		in->path[in->depth] = was;
		in->emitted[in->depth] = emitted;
	}
	json_doc_free(&t.result);
	json_doc_free(&t.context);
	return rc;
}
