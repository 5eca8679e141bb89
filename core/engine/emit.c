/* Events that reactions emit. What a correction causes corrects what the corrected event caused, so
 * that facts are not there twice: see counterpart(). */
#include <stdlib.h>
#include <string.h>

#include "engine/journeys.h"
#include "kpi/group.h"

enum { MAX_NODES = 65536 };

static struct str id_at(struct ingest *in, struct str cause, int position)
{
	struct buf id = {0};
	buf_add(&id, cause.p, cause.n);
	buf_printf(&id, "/%d", position);
	struct str text = arena_str(&in->arena, id.p, id.len);
	buf_free(&id);
	return text;
}

/* An emitted event's id is its cause's and a position: counted over all reactions to the cause, and
 * past ids that somebody else has given to an event of the same source. A cause reacts once, so
 * nothing here is a retry. */
static int free_position(struct ingest *in, const struct event *cause, struct cx_err *e)
{
	int *last = &in->emitted[in->depth], found = 1;
	while (found > 0) {
		struct event old = {0};
		found = store_event_find(in->eng->store, cause->source,
			id_at(in, cause->id, ++*last), &old, &in->arena, e);
	}
	return found < 0 ? found : *last;
}

static void attribute(
	struct buf *b, const struct json_doc *d, const char *name, struct str fallback)
{
	uint32_t at = json_get(d, 0, name);
	if (at) {
		struct str raw = json_raw(d, at);
		jw_key(b, name);
		jw_raw(b, raw.p, raw.n);
	} else if (fallback.p) {
		jw_key(b, name);
		jw_strn(b, fallback.p, fallback.n);
	}
}

/* The emitted table as a whole event: what it does not say it takes from its cause. */
static int complete(struct ingest *in, const struct event *cause, struct str id,
	struct str corrects, struct str json, struct str *whole, struct cx_err *e)
{
	struct json_doc d = {0};
	struct buf b = {0};
	int rc = json_scan(&d, json.p, json.n, (int)in->eng->conf->limits_depth, MAX_NODES, e);
	if (rc >= 0 && !json_get(&d, 0, "type"))
		rc = cx_fail(e, CX_E_MISSING_FIELD, "type",
			CX_T("tx:emit precisa de type", "tx:emit needs a type"));
	if (rc >= 0) {
		jw_obj(&b);
		jw_key(&b, "id");
		jw_strn(&b, id.p, id.n);
		jw_key(&b, "source");
		jw_strn(&b, cause->source.p, cause->source.n);
		if (corrects.p) {
			jw_key(&b, "corrects");
			jw_strn(&b, corrects.p, corrects.n);
		}
		attribute(&b, &d, "type", (struct str){0});
		attribute(&b, &d, "time", cause->time);
		attribute(&b, &d, "subject", cause->subject);
		attribute(&b, &d, "unit", cause->unit);
		attribute(&b, &d, "actor", cause->actor);
		attribute(&b, &d, "data", (struct str){0});
		jw_obj_end(&b);
		*whole = arena_str(&in->arena, b.p, b.len);
	}
	buf_free(&b);
	json_doc_free(&d);
	return rc;
}

/* The envelope of what cause emits, under this id. Mistakes go to in->errs. */
static int envelope(struct ingest *in, const struct event *cause, struct str id,
	struct str corrects, struct str json, struct event *ev)
{
	static const struct caller nobody = {.level = LEVEL_ADMIN, .uid = UINT32_MAX};
	const struct event_origin o = {.now_ms = in->head->now_ms,
		.caller = &nobody,
		.ulid = in->head->ulid,
		.max_bytes = (uint32_t)in->eng->conf->limits_event};
	struct json_doc d = {0};
	struct cx_err e;
	struct str whole;
	int rc = complete(in, cause, id, corrects, json, &whole, &e);
	if (rc >= 0)
		rc = json_scan(
			&d, whole.p, whole.n, (int)in->eng->conf->limits_depth, MAX_NODES, &e);
	if (rc < 0) {
		in->errs.n = 1;
		in->errs.v[0] = e;
	} else {
		rc = event_envelope(ev, &d, 0, &o, &in->arena, &in->errs);
		ev->recorded_ms = in->late ? in->head->now_ms : cause->recorded_ms;
	}
	json_doc_free(&d);
	return rc;
}

struct seqs {
	int64_t *v;
	int n;
};

static int note_seq(void *ctx, int64_t seq, int64_t recorded_ms)
{
	struct seqs *l = ctx;
	(void)recorded_ms;
	l->v = xrealloc(l->v, sizeof *l->v * (size_t)(l->n + 1));
	l->v[l->n++] = seq;
	return 0;
}

/* What an earlier version of cause, the newest that did so, emitted at this position, if it is of
 * this type: 1 found, 0 not. A version that emitted the same again has stored nothing. */
static int counterpart(struct ingest *in, const struct event *cause, int position, struct str type,
	struct event *out, struct cx_err *e)
{
	struct store *s = in->eng->store;
	struct seqs l = {0};
	if (!cause->root)
		return 0;
	note_seq(&l, cause->root, 0);
	int rc = store_members(s, cause->root, note_seq, &l, e);
	bool found = false;
	for (int i = l.n - 1; i >= 0 && rc >= 0 && !found; i--) {
		struct event version = {0};
		if (l.v[i] == cause->seq)
			continue;
		rc = store_event_get(s, l.v[i], &version, &in->arena, e);
		if (rc == 1)
			rc = store_event_find(s, cause->source, id_at(in, version.id, position),
				out, &in->arena, e);
		found = rc == 1 && str_same(out->type_name, type);
	}
	free(l.v);
	return rc < 0 ? rc : found;
}

/* Says the newest version of what is there just the same? 1 yes, 0 no; *ev is not changed. */
static int says_the_same(struct ingest *in, const struct event *cause, const struct event *there,
	struct str json, struct cx_err *e)
{
	struct family f;
	struct event newest = {0}, again = {0};
	struct store *s = in->eng->store;
	int rc = store_family(s, there->root ? there->root : there->seq, INT64_MAX, &f, e);
	if (rc >= 0)
		rc = store_event_get(s, f.newest, &newest, &in->arena, e);
	if (rc < 0)
		return ingest_lost(in, e);
	rc = envelope(in, cause, newest.id, newest.corrects, json, &again);
	return rc < 0 ? rc : memcmp(newest.digest, again.digest, EVENT_DIGEST) == 0;
}

/* The event as it is to be stored: 1, or 0 where there is nothing new to say. */
static int prepare(struct ingest *in, const struct event *cause, int position, struct str json,
	struct event *ev, struct cx_err *e)
{
	struct event there = {0};
	struct str id = id_at(in, cause->id, position);
	int rc = envelope(in, cause, id, (struct str){0}, json, ev);
	if (rc < 0)
		return rc;
	rc = counterpart(in, cause, position, ev->type_name, &there, e);
	if (rc <= 0)
		return rc < 0 ? ingest_lost(in, e) : 1;
	rc = says_the_same(in, cause, &there, json, e);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = envelope(in, cause, id, there.id, json, ev);
	return rc < 0 ? rc : 1;
}

static int store_prepared(struct ingest *in, struct event *ev)
{
	const struct type_plan *plan = plugin_set_type(&in->eng->set, ev->type_name);
	enum outcome out;
	if (!plan)
		return cx_errs_add(&in->errs, CX_E_UNKNOWN_TYPE, "type",
			CX_T("nenhum plugin declara o tipo \"%.*s\"",
				"no plugin declares the type \"%.*s\""),
			(int)ev->type_name.n, ev->type_name.p);
	ev->type = plan->type;
	int rc = event_fields(ev, in->eng->conf->company_currency, &in->arena, &in->errs);
	if (rc >= 0)
		rc = journeys_need_key(in, ev);
	return rc < 0 ? rc : ingest_store(in, ev, &out);
}

int ingest_emit(struct ingest *in, struct event *cause, struct str json, struct cx_err *e)
{
	struct event ev = {0};
	int position = free_position(in, cause, e);
	if (position < 0)
		return ingest_lost(in, e);
	struct cx_errs keep = in->errs;
	in->errs.n = 0;
	int rc = prepare(in, cause, position, json, &ev, e);
	if (rc > 0) {
		in->path[++in->depth] = &ev;
		in->emitted[in->depth] = 0;
		rc = store_prepared(in, &ev);
		in->depth--;
	}
	if (rc < 0)
		*e = in->errs.v[0];
	if (!in->store_failed)
		in->errs = keep;
	return rc < 0 ? rc : CX_OK;
}
