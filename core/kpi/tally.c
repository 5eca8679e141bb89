#include "kpi/tally.h"

bool tally_instant(const struct measure *m, const struct event *ev, int64_t *ms)
{
	if (m->at < 0) {
		*ms = ev->time_ms;
		return true;
	}
	const struct value *v = &ev->fields[m->at];
	*ms = v->i;
	return v->kind != VALUE_NULL;
}

/* The text that names a value of a distinct measure in the dictionary. */
static struct str ident_text(const struct measure *m, struct value v, struct arena *a)
{
	if (v.kind == VALUE_TEXT)
		return v.s;
	if (m->field.attr != ATTR_FIELD)
		return value_text(v, m->field.attr == ATTR_TIME ? FIELD_TIME : FIELD_TEXT, 0, a);
	const struct field *f = &m->type->fields[m->field.field];
	return value_text(v, f->kind, f->scale, a);
}

static int count_it(const struct measure *m, struct event *ev, int32_t day, struct value v,
	const struct tally_sink *sink, struct arena *a, struct cx_err *e)
{
	struct str group = kpi_group(m, m->kpi->nby, ev, a);
	if (m->kind == MEASURE_DISTINCT) {
		uint32_t id;
		int rc = sink->intern(sink->ctx, ident_text(m, v, a), &id, e);
		return rc > 0 ? sink->see(sink->ctx, m, day, group, id, e) : rc;
	}
	int rc = sink->add(sink->ctx, m, day, group, m->kind == MEASURE_COUNT ? 1 : v.i, e);
	if (rc != TALLY_TOO_LARGE)
		return rc;
	return sink->exclude(sink->ctx, m, day, ev,
		CX_T("a soma passou de 64 bits", "the sum exceeded 64 bits"), e);
}

int tally_measure(const struct measure *m, struct event *ev, const struct tally_sink *sink,
	struct arena *a, struct cx_err *e)
{
	int64_t ms;
	struct value v = {0};
	if (!tally_instant(m, ev, &ms))
		return CX_OK;
	if (m->field.attr != ATTR_NONE) {
		v = event_get(ev, m->field);
		if (v.kind == VALUE_NULL)
			return CX_OK;
	}
	int32_t day = tz_day(ms);
	if (m->where) {
		struct cx_err why = {0};
		int yes = sink->where(sink->ctx, m, ev, &why);
		if (yes < 0)
			return sink->exclude(sink->ctx, m, day, ev, why.msg, e);
		if (!yes)
			return CX_OK;
	}
	return count_it(m, ev, day, v, sink, a, e);
}
