#include "kpi/evaluate.h"

#include <string.h>

#include "base/buf.h"

static bool sums_money(const struct measure *m)
{
	if ((m->kind != MEASURE_SUM && m->kind != MEASURE_HISTOGRAM) || m->field.attr != ATTR_FIELD)
		return false;
	const struct field *f = &m->type->fields[m->field.field];
	return f->kind == FIELD_MONEY && !f->currency[0];
}

/* The currency dimension of a KPI whose money may be in any; -1: it is all in one. */
static int currency_dim(const struct kpi *k)
{
	bool any = false;
	for (int i = 0; i < k->nmeasures && !k->currency[0]; i++)
		any = any || sums_money(&k->measures[i]);
	return any && k->format && strcmp(k->format, "money") == 0 ? kpi_dim(k, "currency") : -1;
}

void currency_of(const struct answer *a, const struct answer_group *g, char out[4])
{
	const struct kpi *k = a->k;
	int dim = currency_dim(k);
	struct str text = {0};
	const char *one = k->currency[0] ? k->currency : a->meta->company_currency;
	memset(out, 0, 4);
	if (dim < 0) {
		memcpy(out, one, 3);
		return;
	}
	for (int i = 0; i < a->q->nwhere; i++)
		if (a->q->where[i].dim == dim)
			text = (struct str){
				a->q->where[i].text, (uint32_t)strlen(a->q->where[i].text)};
	for (int i = 0; g && i < a->q->nby; i++)
		if (a->q->by[i] == dim && g->el[i].n == 5) /* "USD" */
			text = (struct str){g->el[i].p + 1, 3};
	if (text.n == 3 && text.p[0] >= 'A' && text.p[0] <= 'Z')
		memcpy(out, text.p, 3);
}

static void mixed(struct shown *f)
{
	f->mixed = f->null = true;
	f->value = 0;
	f->iv.none = true;
}

static void hide(struct evaluation *v, const struct answer_group *g, struct shown *total,
	struct shown *series, struct compared *c)
{
	char currency[4];
	currency_of(v->a, g, currency);
	if (currency[0])
		return;
	mixed(total);
	for (int i = 0; series && i < v->a->nbuckets; i++)
		mixed(&series[i]);
	if (!c)
		return;
	mixed(&c->was);
	c->has_change = c->has_p = false;
	c->verdict = NULL;
	c->test[0] = 0;
}

void hide_mixed_currencies(struct evaluation *v)
{
	hide(v, NULL, &v->total, v->series, v->compared);
	for (int i = 0; i < v->ngroups; i++) {
		struct shown_group *g = v->groups[i];
		hide(v, g->g, &g->total, g->series, g->compared);
	}
}
