/* Identity of definitions: what a KPI says and does, what a cube's cells and a choice's candidates
 * depend on. */
#include "lua/identity.h"

#include <stdlib.h>
#include <string.h>

#include "lua/bind.h"

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool may_read(const struct function_id *id, const char *name)
{
	return id->any_field || (id->ntexts && bsearch(&name, id->texts, (size_t)id->ntexts,
						       sizeof *id->texts, by_text));
}

static void write_field(struct buf *b, const struct field *f)
{
	jw_arr(b);
	jw_str(b, f->name);
	jw_str(b, field_kind_name(f->kind));
	jw_int(b, f->scale);
	jw_str(b, f->currency);
	jw_bool(b, f->derived);
	jw_int(b, f->fallback.kind);
	jw_int(b, f->fallback.i);
	jw_strn(b, f->fallback.s.p ? f->fallback.s.p : "", f->fallback.s.n);
	jw_str(b, f->fallback.currency);
	jw_arr_end(b);
}

static void write_ref(struct buf *b, const struct event_type *t, struct field_ref r)
{
	if (r.attr == ATTR_FIELD && t)
		write_field(b, &t->fields[r.field]);
	else
		jw_int(b, r.attr);
}

/* What a measure keeps, and of what. */
static void write_measure(struct buf *b, const struct measure *m, struct plugin *p)
{
	struct function_id where;
	struct arena a = {0};
	const struct event_type *t = m->type;
	function_identity(p, m->where, &where, &a);
	jw_arr(b);
	jw_str(b, m->name);
	jw_int(b, m->kind);
	jw_str(b, m->type_name);
	jw_str(b, m->field_name);
	write_ref(b, t, m->field);
	jw_str(b, m->at_name);
	if (m->at >= 0 && t)
		write_field(b, &t->fields[m->at]);
	jw_int(b, m->bucket);
	jw_int(b, m->choose);
	if (m->choose != CHOOSE_ALL) {
		jw_str(b, m->key_name);
		write_ref(b, t, m->key);
		jw_str(b, m->rank_name);
		write_ref(b, t, m->rank);
	}
	for (int i = 0; i < m->kpi->nby; i++)
		write_ref(b, t, m->dims[i]);
	jw_str(b, where.hash);
	for (int i = 0; m->where && t && i < t->nfields; i++)
		if (may_read(&where, t->fields[i].name))
			write_field(b, &t->fields[i]);
	jw_arr_end(b);
	free(where.texts);
	arena_free(&a);
}

static void write_company(struct buf *b, const struct plugin *p)
{
	jw_str(b, p->run->set->conf->company_timezone);
	jw_str(b, p->run->set->conf->company_currency);
}

static void cube_identify(struct cube *c, struct plugin *p)
{
	struct buf b = {0};
	jw_arr(&b);
	write_company(&b, p);
	jw_str(&b, c->dims);
	for (int i = 0; i < c->nmeasures; i++) {
		jw_str(&b, c->measures[i]->kpi->id);
		write_measure(&b, c->measures[i], p);
	}
	jw_arr_end(&b);
	sha256_text(b.p, b.len, c->identity);
	buf_free(&b);
}

void choice_identity(const struct measure *m, char hash[65])
{
	struct buf b = {0};
	jw_arr(&b);
	write_ref(&b, m->type, m->key);
	write_ref(&b, m->type, m->rank);
	jw_arr_end(&b);
	sha256_text(b.p, b.len, hash);
	buf_free(&b);
}

static void write_function(struct buf *b, struct plugin *p, int handle)
{
	struct function_id id;
	struct arena a = {0};
	function_identity(p, handle, &id, &a);
	jw_str(b, id.hash);
	free(id.texts);
	arena_free(&a);
}

static void kpi_identify(struct kpi *k, struct plugin *p)
{
	struct buf b = {0};
	jw_arr(&b);
	write_company(&b, p);
	jw_str(&b, k->id);
	jw_str(&b, k->title);
	jw_str(&b, k->format);
	jw_str(&b, k->better);
	jw_str(&b, k->tier);
	jw_str(&b, k->owner);
	jw_bool(&b, k->has_target);
	jw_double(&b, k->target);
	jw_int(&b, k->min_n);
	jw_int(&b, k->suppress);
	for (int i = 0; i < k->nby; i++)
		jw_str(&b, k->by[i]);
	for (int i = 0; i < k->nmeasures; i++) {
		jw_int(&b, k->measures[i].times);
		jw_bool(&b, k->measures[i].days);
		write_measure(&b, &k->measures[i], p);
	}
	write_function(&b, p, k->formula);
	write_function(&b, p, k->interval);
	jw_arr_end(&b);
	sha256_text(b.p, b.len, k->hash);
	buf_free(&b);
}

void plugin_identify(struct plugin *p)
{
	for (int i = 0; i < p->nkpis; i++)
		kpi_identify(p->kpis[i], p);
	for (int i = 0; i < p->ncubes; i++)
		cube_identify(p->cubes[i], p);
	journeys_identify(p);
	p->run->identified = true;
}
