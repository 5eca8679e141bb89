/* Who met which friction, and what they answered: NPS of customers with and without it. */
#include <stdlib.h>
#include <string.h>

#include "engine/frictions.h"
#include "kpi/group.h"
#include "kpi/standing.h"
#include "lua/chart.h"

/* ---- customers ---- */

static uint64_t hash_of(struct str s)
{
	uint64_t h = (uint64_t)hash_bytes(s.p, s.n, 1) << 32 | hash_bytes(s.p, s.n, 2);
	return h ? h : 1;
}

static struct customer *place_of(const struct customers *c, uint64_t hash)
{
	size_t i = (size_t)(hash & (c->cap - 1));
	while (c->v[i].hash && c->v[i].hash != hash)
		i = (i + 1) & (c->cap - 1);
	return &c->v[i];
}

static void grow(struct customers *c)
{
	struct customers old = *c;
	c->cap = old.cap ? 2 * old.cap : 1024;
	c->v = xcalloc(c->cap, sizeof *c->v);
	for (size_t i = 0; i < old.cap; i++)
		if (old.v[i].hash)
			*place_of(c, old.v[i].hash) = old.v[i];
	free(old.v);
}

static bool has_met(const struct customers *c, const struct customer *x, int friction)
{
	for (uint32_t at = x->met; at; at = c->links[at].next)
		if (c->links[at].friction == (uint32_t)friction)
			return true;
	return false;
}

void customers_met(struct frictions *f, struct str subject, int friction)
{
	struct customers *c = &f->customers;
	uint64_t hash = hash_of(subject);
	if (2 * c->n >= c->cap)
		grow(c);
	struct customer *x = place_of(c, hash);
	c->n += !x->hash;
	x->hash = hash;
	if (friction < 0 || has_met(c, x, friction))
		return;
	if (c->nlinks + 1 >= c->cap_links) {
		c->cap_links = 2 * c->cap_links + 64;
		c->links = xrealloc(c->links, sizeof *c->links * c->cap_links);
	}
	c->links[++c->nlinks].friction = (uint32_t)friction;
	c->links[c->nlinks].next = x->met;
	x->met = c->nlinks;
	f->v[friction].customers++;
}

/* ---- answers ---- */

struct answers {
	struct frictions *f;
	const struct event_type *type;
	int score;
	bool corrected;
	struct arena a;
};

/* The newest of its family counts. */
static int stands(const struct answers *x, const struct event *ev)
{
	struct family family;
	if (!x->corrected)
		return 1;
	int rc = store_family(
		x->f->q->eng->store, ev->root ? ev->root : ev->seq, INT64_MAX, &family, x->f->e);
	return rc < 0 ? rc : family.newest == ev->seq;
}

static int answered(void *ctx, struct event *ev)
{
	struct answers *x = ctx;
	struct frictions *f = x->f;
	const char *unit = f->q->unit;
	bool missing;
	if (!ev->subject.p || !f->customers.cap ||
		(*unit && !(ev->unit.p &&
				  str_same(ev->unit, (struct str){unit, (uint32_t)strlen(unit)}))))
		return 0;
	struct customer *c = place_of(&f->customers, hash_of(ev->subject));
	int rc = c->hash ? stands(x, ev) : 0;
	if (rc <= 0)
		return rc;
	arena_reset(&x->a);
	ev->type = x->type;
	event_reload(ev, f->q->eng->conf->company_currency, &x->a, &missing);
	struct value v = event_get(ev, (struct field_ref){.attr = ATTR_FIELD, .field = x->score});
	if (v.kind != VALUE_INT)
		return 0;
	bool up = v.i >= 9, down = v.i <= 6;
	f->answers++;
	f->promoters += up;
	f->detractors += down;
	for (uint32_t at = c->met; at; at = f->customers.links[at].next) {
		struct friction_sum *s = &f->v[f->customers.links[at].friction];
		s->answers++;
		s->promoters += up;
		s->detractors += down;
	}
	return 0;
}

/* The type that the journey names, and its field score. */
static bool open_type(struct answers *x, struct str *name)
{
	const struct journey_query *q = x->f->q;
	uint32_t at = json_get(&q->def->doc, 0, "nps");
	if (!at)
		return false;
	*name = json_text(&q->def->doc, at, &x->f->a);
	*name = arena_str(&x->f->a, name->p, name->n);
	const struct type_plan *plan = plugin_set_type(&q->eng->set, *name);
	x->type = plan ? plan->type : NULL;
	x->score = plan ? event_type_field(plan->type, "score", 5) : -1;
	return x->score >= 0;
}

int frictions_answers(struct frictions *f)
{
	struct answers x = {.f = f};
	struct store *s = f->q->eng->store;
	struct str name;
	f->answers = open_type(&x, &name) ? 0 : -1;
	if (f->answers < 0)
		return CX_OK;
	int rc = store_corrected(s, f->e);
	x.corrected = rc == 1;
	if (rc >= 0)
		rc = store_events_placed(
			s, name.p, 0, f->q->from_ms, f->q->to_ms, answered, &x, f->e);
	arena_free(&x.a);
	return rc;
}

static int nps_json(
	struct frictions *f, const char *key, int64_t p, int64_t d, int64_t n, struct buf *b)
{
	struct nps_figure is;
	struct lua_fail fail;
	char text[400];
	int rc = nps_figure(f->q->eng->conf, p, d, n, &is, &fail);
	if (rc < 0) {
		engine_fail_text(&fail, text, sizeof text);
		return cx_fail(f->e, CX_E_INTERNAL, NULL, "nps: %s", text);
	}
	if (rc == 0) {
		jw_knull(b, key);
		return CX_OK;
	}
	jw_key(b, key);
	jw_obj(b);
	journey_number_json(b, "value", is.value, "points");
	journey_number_json(b, "low", is.low, "points");
	journey_number_json(b, "high", is.high, "points");
	jw_kint(b, "n", n);
	jw_kstr(b, "method", is.method);
	jw_obj_end(b);
	return CX_OK;
}

int frictions_nps_json(struct frictions *f, const struct friction_sum *s, struct buf *b)
{
	if (f->answers < 0) {
		jw_knull(b, "nps");
		return CX_OK;
	}
	jw_key(b, "nps");
	jw_obj(b);
	int rc = nps_json(f, "with", s->promoters, s->detractors, s->answers, b);
	if (rc >= 0)
		rc = nps_json(f, "without", f->promoters - s->promoters,
			f->detractors - s->detractors, f->answers - s->answers, b);
	jw_obj_end(b);
	return rc;
}
