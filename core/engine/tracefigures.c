#include "engine/tracefigures.h"

#include "base/tz.h"
#include "kpi/dictionary.h"
#include "kpi/standing.h"
#include "kpi/tally.h"

struct part {
	struct engine *eng;
	struct event *ev;
	struct standing *standing;
	struct buf *b;
	struct cx_err *e;
	struct arena a;
	const char *fallen; /* why it does not stand; NULL: it does */
};

static void begin(struct part *x, const struct measure *m)
{
	jw_obj(x->b);
	jw_kstr(x->b, "kpi", m->kpi->id);
	jw_kstr(x->b, "measure", m->name);
	jw_kstr(x->b, "plugin", m->kpi->plugin);
}

static int sink_where(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e)
{
	struct part *x = ctx;
	return engine_where(x->eng, m, ev, e);
}

static int sink_add(void *ctx, const struct measure *m, int32_t day, struct str group,
	int64_t delta, int n, struct cx_err *e)
{
	struct part *x = ctx;
	char text[TZ_TEXT];
	(void)n, (void)e;
	begin(x, m);
	tz_format(tz_day_start(day), text);
	text[10] = 0;
	jw_kstr(x->b, "day", text);
	jw_key(x->b, "by");
	jw_arr(x->b);
	for (int i = 0; i < m->kpi->nby; i++)
		jw_str(x->b, m->kpi->by[i]);
	jw_arr_end(x->b);
	jw_key(x->b, "group");
	jw_raw(x->b, group.p, group.n);
	if (x->fallen)
		jw_kstr(x->b, "excluded", x->fallen);
	else
		jw_kint(x->b, "counts", delta);
	jw_obj_end(x->b);
	return CX_OK;
}

static int sink_put(void *ctx, const struct measure *m, int32_t day, struct str group,
	int64_t value, int n, struct cx_err *e)
{
	return sink_add(ctx, m, day, group, value, n, e);
}

/* Ids are nobody's business: that the event is in the set is what counts. */
static int sink_see(void *ctx, const struct measure *m, int32_t day, struct str group, uint32_t id,
	struct cx_err *e)
{
	(void)id;
	return sink_add(ctx, m, day, group, 1, 1, e);
}

static int sink_intern(void *ctx, struct str text, uint32_t *id, struct cx_err *e)
{
	(void)ctx, (void)text, (void)e;
	*id = 0;
	return 1;
}

static void left_out(struct part *x, const struct measure *m, const char *reason)
{
	begin(x, m);
	jw_kstr(x->b, "excluded", reason);
	jw_obj_end(x->b);
}

static int sink_exclude(void *ctx, const struct measure *m, int32_t day, const struct event *ev,
	const char *reason, struct cx_err *e)
{
	struct part *x = ctx;
	(void)day, (void)ev, (void)e;
	left_out(x, m, x->fallen ? x->fallen : reason);
	return CX_OK;
}

static int measure(struct part *x, const struct measure *m)
{
	const struct tally_sink sink = {.ctx = x,
		.where = sink_where,
		.add = sink_add,
		.put = sink_put,
		.see = sink_see,
		.intern = sink_intern,
		.exclude = sink_exclude};
	if (m->kpi->suppress) {
		begin(x, m);
		jw_kbool(x->b, "protected", true);
		jw_obj_end(x->b);
		return CX_OK;
	}
	int rc = store_crashed(
		x->eng->store, m->kpi->cube->id, m->kpi->id, m->name, x->ev->seq, x->e);
	if (rc == 1)
		left_out(x, m, STORE_CRASHED);
	if (rc != 0)
		return rc < 0 ? rc : CX_OK;
	rc = standing_event(x->standing, m, x->ev, x->e);
	if (rc < 0)
		return rc;
	x->fallen = rc ? NULL
		    : m->choose == CHOOSE_LATEST
			    ? CX_T("corrigido, ou não é o último da sua chave",
				      "corrected, or not the latest of its key")
		    : m->choose == CHOOSE_FIRST
			    ? CX_T("corrigido, ou não é o primeiro da sua chave",
				      "corrected, or not the first of its key")
			    : CX_T("corrigido por outro evento", "corrected by another event");
	return tally_measure(m, x->ev, 1, &sink, &x->a, x->e);
}

/* Who counts of the event's key, if it has one under the measure's choice. */
static int choice(struct part *x, const struct measure *m)
{
	struct str key;
	int64_t rank;
	uint32_t ident;
	bool added;
	struct best best = {0};
	struct event by = {0};
	if (m->choose == CHOOSE_ALL || m->kpi->suppress || m->choice < 0 ||
		!standing_key(m, x->ev, &x->a, &key, &rank))
		return CX_OK;
	int rc = dictionary_id(x->eng->dictionary, key, false, &ident, &added, x->e);
	if (rc == 1)
		rc = standing_best(x->eng->store, m, ident, INT64_MAX, &x->a, &best, x->e);
	if (rc >= 0 && best.c.seq)
		rc = store_event_get(x->eng->store, best.c.seq, &by, &x->a, x->e);
	if (rc < 0)
		return rc;
	begin(x, m);
	jw_kstr(x->b, "choice", m->choose == CHOOSE_LATEST ? "latest" : "first");
	jw_kstr(x->b, "key", m->key_name);
	jw_kstr(x->b, "rank", m->rank_name);
	jw_kbool(x->b, "won", best.c.seq == x->ev->seq);
	if (by.seq && by.seq != x->ev->seq)
		jw_kint(x->b, "winner", by.seq);
	jw_obj_end(x->b);
	return CX_OK;
}

static int each(struct part *x, const struct type_plan *plan, const char *key,
	int (*tell)(struct part *, const struct measure *))
{
	int rc = CX_OK;
	jw_key(x->b, key);
	jw_arr(x->b);
	for (int i = 0; plan && i < plan->nmeasures && rc >= 0; i++)
		if (plan->measures[i].plugin->state == PLUGIN_RUNNING)
			rc = tell(x, plan->measures[i].m);
	jw_arr_end(x->b);
	return rc < 0 ? rc : CX_OK;
}

int trace_figures(struct engine *eng, struct event *ev, struct buf *b, struct cx_err *e)
{
	const struct type_plan *plan = plugin_set_type(&eng->set, ev->type_name);
	struct part x = {.eng = eng, .ev = ev, .b = b, .e = e};
	x.standing = standing_new(eng->store, INT64_MAX);
	int rc = each(&x, plan, "measures", measure);
	if (rc >= 0)
		rc = each(&x, plan, "choices", choice);
	standing_free(x.standing);
	arena_free(&x.a);
	return rc;
}
