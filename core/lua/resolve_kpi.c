/* The names in a KPI: event types, fields, `at`, dimensions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/nearest.h"
#include "lua/bind.h"

__attribute__((format(printf, 4, 5))) static void wrong(
	struct plugin *p, const struct kpi *k, const struct measure *m, const char *fmt, ...)
{
	char what[700];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	if (m)
		plugin_mistake(p, k->file, k->line, "kpi \"%s\": measure \"%s\": %s", k->id,
			m->name, what);
	else
		plugin_mistake(p, k->file, k->line, "kpi \"%s\": %s", k->id, what);
}

/* ", did you mean "x"?" or nothing. */
static void meant(char out[100], const struct nearest *n)
{
	out[0] = 0;
	if (n->best)
		snprintf(out, 100, ", did you mean \"%s\"?", n->best);
}

static void meant_type(char out[100], const struct plugin_set *set, const char *name)
{
	struct nearest n = {.word = name};
	for (int i = 0; i < set->n; i++)
		for (int t = 0; t < set->v[i]->ntypes; t++)
			nearest_try(&n, set->v[i]->types[t]->name);
	meant(out, &n);
}

static void meant_field(char out[100], const struct event_type *t, const char *name)
{
	struct nearest n = {.word = name};
	for (int i = 0; i < t->nfields; i++)
		nearest_try(&n, t->fields[i].name);
	meant(out, &n);
}

static bool resolve_measure_type(struct plugin *p, struct kpi *k, struct measure *m)
{
	char hint[100];
	struct plugin *owner;
	m->type = resolve_type(p, m->type_name, &owner);
	if (m->type)
		return true;
	if (owner) {
		wrong(p, k, m,
			"event \"%s\" belongs to plugin \"%s\": add %s = \">= %s\" to depends",
			m->type_name, owner->name, owner->name,
			owner->version ? owner->version : "0");
	} else {
		meant_type(hint, p->run->set, m->type_name);
		wrong(p, k, m, "no such event type \"%s\"%s", m->type_name, hint);
	}
	return false;
}

static bool has_dim(const struct kpi *k, const char *name)
{
	return kpi_dim(k, name) >= 0;
}

static void check_sum(struct plugin *p, struct kpi *k, struct measure *m)
{
	const struct field *f =
		m->field.attr == ATTR_FIELD ? &m->type->fields[m->field.field] : NULL;
	if (!f || (f->kind != FIELD_INTEGER && f->kind != FIELD_DECIMAL &&
			  f->kind != FIELD_DURATION && f->kind != FIELD_MONEY)) {
		wrong(p, k, m, "\"%s\" cannot be summed: it is %s", m->field_name,
			f ? field_kind_name(f->kind) : "an attribute");
		return;
	}
	if (f->kind != FIELD_MONEY)
		return;
	if (!f->currency[0] && !has_dim(k, "currency")) {
		wrong(p, k, m,
			"a sum of money needs one currency: declare \"%s\" with currency = "
			"\"BRL\", or add \"currency\" to by",
			m->field_name);
		return;
	}
	if (k->format && strcmp(k->format, "money") == 0 && f->currency[0]) {
		if (!k->currency[0])
			memcpy(k->currency, f->currency, sizeof k->currency);
		else if (strcmp(k->currency, f->currency) != 0)
			wrong(p, k, m, "its sums are in %s and %s: one figure needs one currency",
				k->currency, f->currency);
	}
}

static void resolve_field(struct plugin *p, struct kpi *k, struct measure *m)
{
	char hint[100];
	if (!m->field_name)
		return;
	if (!field_ref_resolve(m->type, m->field_name, &m->field)) {
		meant_field(hint, m->type, m->field_name);
		wrong(p, k, m, "event \"%s\" has no field \"%s\"%s", m->type->name, m->field_name,
			hint);
		return;
	}
	if (m->field.attr == ATTR_FIELD && m->type->fields[m->field.field].personal) {
		wrong(p, k, m,
			"may not use the personal field \"%s\"; derive what it needs in the event",
			m->field_name);
		return;
	}
	if (m->kind == MEASURE_SUM)
		check_sum(p, k, m);
}

static void resolve_at(struct plugin *p, struct kpi *k, struct measure *m)
{
	m->at = -1;
	if (!m->at_name || strcmp(m->at_name, "time") == 0)
		return;
	int i = event_type_field(m->type, m->at_name, strlen(m->at_name));
	if (i < 0 || m->type->fields[i].kind != FIELD_TIME) {
		wrong(p, k, m, "at must be a time field of event \"%s\", \"%s\" is %s",
			m->type->name, m->at_name,
			i < 0 ? "none of its fields" : field_kind_name(m->type->fields[i].kind));
		return;
	}
	if (m->type->fields[i].personal) {
		wrong(p, k, m,
			"may not use the personal field \"%s\"; derive what it needs in the event",
			m->at_name);
		return;
	}
	m->at = i;
}

static void resolve_dims(struct plugin *p, struct kpi *k, struct measure *m)
{
	for (int i = 0; i < k->nby; i++) {
		const char *name = k->by[i];
		struct field_ref *ref = &m->dims[i];
		bool there = field_ref_resolve(m->type, name, ref);
		if (there && (ref->attr == ATTR_SUBJECT || ref->attr == ATTR_ID ||
				     ref->attr == ATTR_TIME))
			continue; /* told once, in resolve_kpi */
		if (!there) {
			char hint[100];
			meant_field(hint, m->type, name);
			wrong(p, k, m, "by: event \"%s\" has no field \"%s\"%s", m->type->name,
				name, hint);
		} else if (ref->attr == ATTR_FIELD && m->type->fields[ref->field].personal) {
			wrong(p, k, m,
				"by: may not use the personal field \"%s\"; derive what it needs "
				"in "
				"the event",
				name);
		}
	}
}

static void probe(struct plugin *p, struct kpi *k, struct measure *m)
{
	struct lua_fail f = {0};
	int field = -1;
	enum plugin_state was = p->state;
	if (!m->where || !p->iso || isolate_spoiled(p->iso))
		return;
	p->state = PLUGIN_RUNNING;
	if (!event_probe(p, m, &field, &f))
		wrong(p, k, m,
			"may not read the personal field \"%s\"; derive what it needs in the event",
			m->type->fields[field].name);
	else if (f.budget)
		wrong(p, k, m, "where: %s", f.msg);
	p->state = was;
}

void resolve_kpi(struct plugin *p, struct kpi *k)
{
	for (int i = 0; i < k->nby; i++) {
		const char *name = k->by[i];
		if (strcmp(name, "subject") == 0 || strcmp(name, "id") == 0 ||
			strcmp(name, "time") == 0)
			wrong(p, k, NULL,
				"by: \"%s\" cannot be a dimension; use unit, actor, source, type "
				"or a field",
				name);
	}
	for (int i = 0; i < k->nmeasures; i++) {
		struct measure *m = &k->measures[i];
		if (!resolve_measure_type(p, k, m))
			continue;
		resolve_field(p, k, m);
		resolve_at(p, k, m);
		resolve_dims(p, k, m);
		probe(p, k, m);
	}
}
