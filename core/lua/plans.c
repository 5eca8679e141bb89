/* What happens to one event type, worked out once: its derives' owner, measures, reactions. */
#include <stdlib.h>
#include <string.h>

#include "lua/bind.h"

static int by_type(const void *a, const void *b)
{
	return strcmp(((const struct type_plan *)a)->type->name,
		((const struct type_plan *)b)->type->name);
}

static void add_measure(struct type_plan *t, struct plugin *p, const struct measure *m)
{
	t->measures = xrealloc(t->measures, (size_t)(t->nmeasures + 1) * sizeof *t->measures);
	t->measures[t->nmeasures].plugin = p;
	t->measures[t->nmeasures++].m = m;
	for (int i = 0; i < t->nat; i++)
		if (t->at_fields[i] == m->at)
			return;
	if (m->at < 0)
		return;
	t->at_slots = xrealloc(t->at_slots, (size_t)(t->nat + 1) * sizeof *t->at_slots);
	t->at_fields = xrealloc(t->at_fields, (size_t)(t->nat + 1) * sizeof *t->at_fields);
	t->at_slots[t->nat] = -1;
	t->at_fields[t->nat++] = m->at;
}

static struct type_plan *find(struct plugin_set *set, const char *name)
{
	return (struct type_plan *)plugin_set_type(set, (struct str){name, (uint32_t)strlen(name)});
}

static void add_uses(struct plugin_set *set, struct plugin *p)
{
	for (int i = 0; i < p->nkpis; i++)
		for (int k = 0; k < p->kpis[i]->nmeasures; k++) {
			struct measure *m = &p->kpis[i]->measures[k];
			add_measure(find(set, m->type_name), p, m);
		}
	for (int i = 0; i < p->nons; i++) {
		struct type_plan *t = find(set, p->ons[i].type_name);
		t->ons = xrealloc(t->ons, (size_t)(t->nons + 1) * sizeof *t->ons);
		t->ons[t->nons].plugin = p;
		t->ons[t->nons++].on = &p->ons[i];
	}
}

void plans_build(struct plugin_set *set, struct plugin **order)
{
	for (int i = 0; i < set->n; i++)
		for (int k = 0; set->v[i]->state == PLUGIN_RUNNING && k < set->v[i]->ntypes; k++) {
			set->plans = xrealloc(
				set->plans, (size_t)(set->nplans + 1) * sizeof *set->plans);
			set->plans[set->nplans++] =
				(struct type_plan){.type = set->v[i]->types[k], .owner = set->v[i]};
		}
	if (set->nplans)
		qsort(set->plans, (size_t)set->nplans, sizeof *set->plans, by_type);
	for (int i = 0; i < set->n; i++)
		if (order[i]->state == PLUGIN_RUNNING)
			add_uses(set, order[i]);
}

void plans_free(struct plugin_set *set)
{
	for (int i = 0; i < set->nplans; i++) {
		free(set->plans[i].measures);
		free(set->plans[i].ons);
		free(set->plans[i].at_slots);
		free(set->plans[i].at_fields);
	}
	free(set->plans);
	set->plans = NULL;
	set->nplans = 0;
}
