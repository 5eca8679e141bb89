#include "kpi/tally.h"

#include "kpi/hist.h"
#include "store/store.h"

bool tally_together(const struct measure *x, const struct measure *y)
{
	return x->type == y->type && x->at == y->at;
}

int tally_slot(struct store *s, const struct measure *m, int *slot, bool *none, struct cx_err *e)
{
	*slot = m->at < 0 ? -1 : m->at_slot;
	*none = false;
	if (m->at < 0 || *slot > 0)
		return CX_OK;
	int rc = store_place_slot(s, m->type_name, m->at_name, slot, e);
	*none = *slot <= 0;
	return rc < 0 ? rc : CX_OK;
}

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

static const char *too_much(int rc)
{
	if (rc == TALLY_TOO_LARGE)
		return CX_T("a soma passou de 64 bits", "the sum exceeded 64 bits");
	return CX_T("valores diferentes demais num dia: declare bucket no histograma",
		"too many different values in a day: declare a bucket for the histogram");
}

static int count_it(const struct measure *m, struct event *ev, int32_t day, struct value v,
	int sign, const struct tally_sink *sink, struct arena *a, struct cx_err *e)
{
	if (m->kind == MEASURE_DISTINCT && sign < 0)
		return sink->spoil(sink->ctx, m, day, e);
	struct str group = kpi_group(m, m->kpi->nby, ev, a);
	int64_t delta = 1;
	uint32_t id;
	int rc;
	switch (m->kind) {
	case MEASURE_DISTINCT:
		rc = sink->intern(sink->ctx, ident_text(m, v, a), &id, e);
		return rc > 0 ? sink->see(sink->ctx, m, day, group, id, e) : rc;
	case MEASURE_HISTOGRAM:
		v.i = hist_bucket(v.i, m->bucket);
		rc = sink->put(sink->ctx, m, day, group, v.i, sign, e);
		break;
	case MEASURE_SUM: delta = v.i; /* fall through */
	default:
		if (__builtin_mul_overflow(delta, sign, &delta))
			rc = TALLY_TOO_LARGE;
		else
			rc = sink->add(sink->ctx, m, day, group, delta, sign, e);
	}
	return rc > 0 ? sink->exclude(sink->ctx, m, day, ev, too_much(rc), e) : rc;
}

int tally_measure(const struct measure *m, struct event *ev, int sign,
	const struct tally_sink *sink, struct arena *a, struct cx_err *e)
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
	return count_it(m, ev, day, v, sign, sink, a, e);
}
