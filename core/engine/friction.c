/* tx:friction: what cost the customer something, noted once for what it came from. */
#include <stdio.h>
#include <string.h>

#include "base/tz.h"
#include "engine/journeys.h"

/* The stage's pass where it is the deadline's own stage. */
static int pass_of(const struct handler *h, const struct friction_ask *ask)
{
	const struct journey_late *l = h->late;
	return l && l->stage.n == ask->stage.n && memcmp(l->stage.p, ask->stage.p, l->stage.n) == 0
		       ? l->pass
		       : 0;
}

/* The same thing again has the same name: of a reaction its event (whatever its correction) and
 * which one it is, of a deadline or timer what it is called by. */
static struct str once_of(struct ingest *in, const struct handler *h, int at)
{
	const struct event *c = h->cause;
	struct buf b = {0};
	if (c->type)
		buf_printf(&b, "%s/%lld/%d/%d", h->plugin->name,
			(long long)(c->root ? c->root : c->seq), h->nth, at);
	else
		buf_printf(
			&b, "%s/%s/%.*s/%d", h->plugin->name, h->what, (int)c->id.n, c->id.p, at);
	struct str s = arena_str(&in->arena, b.p, b.len);
	buf_free(&b);
	return s;
}

int journeys_friction(struct ingest *in, const struct handler *h, int at,
	const struct friction_ask *ask, struct cx_err *e)
{
	struct journey_row row;
	struct str journey = arena_str(&in->arena, ask->journey.p, ask->journey.n);
	int rc = journeys_find(in->eng->store, journey.p, ask->key, &row, &in->arena, e);
	if (rc < 0)
		return ingest_lost(in, e);
	if (rc == 0)
		return cx_fail(e, CX_E_NOT_FOUND, NULL,
			CX_T("a jornada \"%.*s\" não tem a instância \"%.*s\"",
				"the journey \"%.*s\" has no instance \"%.*s\""),
			(int)ask->journey.n, ask->journey.p, (int)ask->key.n, ask->key.p);
	const struct friction_row friction = {.journey = row.journey,
		.instance = row.id,
		.stage = ask->stage,
		.pass = pass_of(h, ask),
		.kind = ask->kind,
		.time_ms = h->cause->time_ms,
		.lost_ms = ask->lost_ms,
		.severity = ask->severity,
		.seq = h->cause->type ? h->cause->seq : -1,
		.subject = row.subject,
		.unit = row.unit,
		.once = once_of(in, h, at)};
	rc = store_friction_add(in->eng->store, &friction, e);
	return rc < 0 ? ingest_lost(in, e) : CX_OK;
}

static int friction_json(void *ctx, const struct friction_row *r)
{
	struct buf *b = ctx, name = {0};
	char when[TZ_TEXT];
	journeys_name(&name, r->key, r->n);
	tz_format(r->time_ms, when);
	jw_obj(b);
	jw_key(b, "key");
	jw_strn(b, name.p, name.len);
	jw_key(b, "stage");
	jw_strn(b, r->stage.p, r->stage.n);
	jw_key(b, "kind");
	jw_strn(b, r->kind.p, r->kind.n);
	jw_kstr(b, "time", when);
	if (r->pass)
		jw_kint(b, "pass", r->pass);
	if (r->lost_ms >= 0)
		jw_kint(b, "lost_ms", r->lost_ms);
	if (r->severity >= 0)
		jw_kint(b, "severity", r->severity);
	if (r->subject.p) {
		jw_key(b, "subject");
		jw_strn(b, r->subject.p, r->subject.n);
	}
	if (r->unit.p) {
		jw_key(b, "unit");
		jw_strn(b, r->unit.p, r->unit.n);
	}
	jw_obj_end(b);
	buf_free(&name);
	return 0;
}

int frictions_json(struct store *s, const char *journey, struct buf *b, struct cx_err *e)
{
	jw_arr(b);
	int rc = store_frictions(s, journey, friction_json, b, e);
	jw_arr_end(b);
	return rc;
}
