#include "engine/late.h"

#include <string.h>

#include "kpi/late.h"

int late_open(struct ingest *in, const struct job_head *head, int64_t seq, bool past,
	struct event *ev, const struct type_plan **plan, bool *missing)
{
	struct cx_err e;
	ingest_job_begin(in, head, past, in->next_seq);
	ingest_item_begin(in, (uint32_t)seq, ev);
	in->late = true;
	int rc = store_event_get(in->eng->store, seq, ev, &in->arena, &e);
	if (rc < 0)
		return ingest_lost(in, &e);
	*plan = rc == 1 ? plugin_set_type(&in->eng->set, ev->type_name) : NULL;
	if (!*plan)
		return 0;
	ev->type = (*plan)->type;
	event_reload(ev, in->eng->conf->company_currency, &in->arena, missing);
	return 1;
}

static struct late late_of(struct ingest *in, const struct type_plan *plan,
	bool (*wanted)(void *ctx, const struct plugin *p), void *ctx)
{
	struct late l = {.c = in->cells,
		.s = in->eng->store,
		.company_currency = in->eng->conf->company_currency,
		.known_ms = in->head->now_ms};
	l.v = arena_alloc(&in->arena, sizeof *l.v * (size_t)(plan->nmeasures + 1));
	for (int i = 0; i < plan->nmeasures; i++)
		if (!wanted || wanted(ctx, plan->measures[i].plugin))
			l.v[l.n++] = plan->measures[i].m;
	return l;
}

int late_figures(struct ingest *in, const struct type_plan *plan, struct event *ev,
	bool (*wanted)(void *ctx, const struct plugin *p), void *ctx)
{
	struct cx_err e;
	struct late l = late_of(in, plan, wanted, ctx);
	int rc = ingest_place(in, plan, ev);
	if (rc < 0)
		return rc;
	rc = late_come(&l, ev, &e);
	return rc < 0 ? ingest_lost(in, &e) : CX_OK;
}

/* What was null is what was computed now; the rest stays. */
static void choose(
	struct event *ev, const struct value *had, const struct value *got, const char *field)
{
	int first = ev->type->nfields - ev->type->nderived;
	for (int i = 0; i < ev->type->nderived; i++) {
		bool take = had[i].kind == VALUE_NULL &&
			    (!field || strcmp(ev->type->fields[first + i].name, field) == 0);
		ev->fields[first + i] = take ? got[i] : had[i];
	}
}

int late_derive(struct ingest *in, const struct type_plan *plan, struct event *ev,
	const char *field, bool counted,
	void (*failed)(void *ctx, const char *handler, const struct lua_fail *f), void *ctx)
{
	struct cx_err e;
	int first = ev->type->nfields - ev->type->nderived, rc = CX_OK;
	size_t size = sizeof(struct value) * (size_t)ev->type->nderived;
	struct value *had = arena_alloc(&in->arena, size + 1), *got;
	memcpy(had, ev->fields + first, size);
	plugin_derive(plan->owner, ev, failed, ctx);
	got = arena_alloc(&in->arena, size + 1);
	memcpy(got, ev->fields + first, size);
	memcpy(ev->fields + first, had, size);
	if (counted) {
		struct late l = late_of(in, plan, NULL, NULL);
		rc = late_leave(&l, ev, &e);
	}
	choose(ev, had, got, field);
	ev->derived = event_derived_json(ev, &in->arena);
	if (rc >= 0)
		rc = store_event_set_derived(in->eng->store, ev->seq, ev->derived, &e);
	return rc < 0 ? ingest_lost(in, &e) : CX_OK;
}
