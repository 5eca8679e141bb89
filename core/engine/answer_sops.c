/* What readers answer about checklists and their runs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sop_call.h"

enum { LIMIT = 100, LIMIT_MAX = 1000, VALUE = 1024 };
enum { PAGE_BYTES = 32 << 20 }; /* a page ends early rather than fill a frame (ipc/frame.h) */

/* ---- who sees what ---- */

static bool is(struct str v, const char *s)
{
	return v.p && v.n == strlen(s) && memcmp(v.p, s, v.n) == 0;
}

/* Whoever began it, or is the one who fills it in. */
static bool is_own(const struct frame *f, const struct sop_run *r)
{
	char by[NAME_MAX_BYTES + 16];
	const struct caller *c = &f->head.caller;
	caller_text(c, by, sizeof by);
	return is(r->row.by, by) || (c->person[0] && is(r->row.actor, c->person));
}

static bool under_embargo(const struct frame *f, const struct sop_run *r)
{
	const struct caller *c = &f->head.caller;
	if (f->head.now_ms >= sop_run_embargo(r))
		return false;
	return c->unit[0] || c->level < LEVEL_MANAGER;
}

bool sop_call_sees(const struct frame *f, const struct sop_run *r)
{
	const char *unit = f->head.caller.unit;
	if (*unit && !is(r->row.unit, unit))
		return false;
	return !(sop_run_is(r, "open") && under_embargo(f, r)) || is_own(f, r);
}

bool sop_call_hides(const struct frame *f, const struct sop_run *r)
{
	bool shown = sop_run_is(r, "open") || !f->head.caller.unit[0];
	return under_embargo(f, r) && !(shown && is_own(f, r));
}

static int none(struct str run, struct cx_err *e)
{
	return cx_fail(e, CX_E_NOT_FOUND, "run",
		CX_T("não há execução \"%.*s\"", "there is no run \"%.*s\""), (int)run.n, run.p);
}

int sop_call_run(struct engine *eng, const struct frame *f, struct sop_run *r, struct arena *a,
	struct cx_err *e)
{
	const char *name = meta_get(f->meta, f->head.meta_len, "run");
	struct str run = {name ? name : "", name ? (uint32_t)strlen(name) : 0};
	int rc = sop_run_find(eng, run, r, a, e);
	if (rc < 0)
		return rc;
	return rc == 1 && sop_call_sees(f, r) ? CX_OK : none(run, e);
}

/* ---- checklists ---- */

static void sop_json(
	struct buf *b, const struct plugin *p, const struct plugin_sop *s, enum level level)
{
	const char *content = s->shown && level < LEVEL_MANAGER ? s->shown : s->content;
	jw_obj(b);
	jw_kstr(b, "plugin", p->name);
	jw_kstr(b, "hash", s->hash[0] ? s->hash : NULL);
	jw_kstr(b, "emits", s->run_type);
	jw_kstr(b, "emits_items", s->item_type);
	buf_puts(b, ",");
	buf_add(b, content + 1, strlen(content) - 1); /* its members, and } */
}

int answer_sops(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e)
{
	(void)e;
	jw_obj(b);
	jw_key(b, "sops");
	jw_arr(b);
	for (int i = 0; i < eng->set.n; i++)
		for (int k = 0; k < eng->set.v[i]->nsops; k++)
			sop_json(b, eng->set.v[i], &eng->set.v[i]->sops[k],
				(enum level)f->head.caller.level);
	jw_arr_end(b);
	jw_knull(b, "next");
	jw_obj_end(b);
	return CX_OK;
}

/* ---- runs ---- */

int answer_sop_run(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e)
{
	struct arena a = {0};
	struct sop_run r = {0};
	int rc = sop_call_run(eng, f, &r, &a, e);
	if (rc >= 0)
		sop_run_json(b, &r, sop_call_hides(f, &r));
	arena_free(&a);
	return rc;
}

struct page {
	struct engine *eng;
	const struct frame *f;
	struct buf *b;
	struct arena arena;
	struct sop_filter q;
	char values[SOP_FILTERS][VALUE];
	int n, limit;
	int64_t last;
	bool more;
	struct cx_err *e;
};

static int wrong(const char *name, struct cx_err *e, const char *what)
{
	return cx_fail(e, CX_E_BAD_QUERY, name, "%s: %s", name, what);
}

static int number(
	const char *name, const char *text, int64_t min, int64_t max, int64_t *v, struct cx_err *e)
{
	char *end;
	errno = 0;
	*v = strtoll(text, &end, 10);
	if (*text && !*end && !errno && *v >= min && *v <= max)
		return CX_OK;
	return cx_fail(e, CX_E_BAD_QUERY, name,
		CX_T("%s é um número de %lld a %lld", "%s is a number from %lld to %lld"), name,
		(long long)min, (long long)max);
}

static int read_param(struct page *p, const char *name, struct cx_err *e)
{
	static const char *const names[SOP_FILTERS] = {
		"sop", "state", "unit", "actor", "journey", "key"};
	const char *query = meta_get(p->f->meta, p->f->head.meta_len, "query");
	char value[VALUE], again[VALUE];
	int bad = 0;
	int64_t limit;
	const char *v = query_get(query, name, 0, value, sizeof value, &bad);
	if (bad || !v)
		return wrong(name, e,
			CX_T("valor longo demais ou mal codificado",
				"value too long or badly encoded"));
	if (query_get(query, name, 1, again, sizeof again, &bad) || bad)
		return wrong(name, e, CX_T("dado duas vezes", "given twice"));
	if (strcmp(name, "after") == 0)
		return number(name, v, 0, INT64_MAX, &p->q.after, e);
	if (strcmp(name, "limit") == 0) {
		int rc = number(name, v, 1, LIMIT_MAX, &limit, e);
		p->limit = (int)limit;
		return rc;
	}
	for (int i = 0; i < SOP_FILTERS; i++)
		if (strcmp(name, names[i]) == 0) {
			p->q.is[i] = strcpy(p->values[i], v);
			return CX_OK;
		}
	return CX_OK; /* routes.def lets no other pass */
}

static int each(void *ctx, const struct sop_run_row *row)
{
	struct page *p = ctx;
	struct sop_run r = {.row = *row};
	p->more = p->n == p->limit || p->b->len > PAGE_BYTES;
	if (p->more)
		return 1;
	arena_reset(&p->arena);
	int rc = sop_run_load(p->eng, &r, &p->arena, p->e);
	if (rc < 0)
		return rc;
	if (!sop_call_sees(p->f, &r))
		return 0;
	sop_run_json(p->b, &r, sop_call_hides(p->f, &r));
	p->last = row->id;
	p->n++;
	return 0;
}

int answer_sop_runs(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e)
{
	struct page p = {.eng = eng, .f = f, .b = b, .limit = LIMIT, .e = e};
	const char *query = meta_get(f->meta, f->head.meta_len, "query");
	const char *unit = f->head.caller.unit;
	char name[64];
	int rc = CX_OK;
	for (int i = 0; rc >= 0 && query_name(query, i, name, sizeof name); i++)
		rc = read_param(&p, name, e);
	if (rc < 0)
		return rc;
	bool others = *unit && p.q.is[SOP_BY_UNIT] && strcmp(p.q.is[SOP_BY_UNIT], unit) != 0;
	if (*unit)
		p.q.is[SOP_BY_UNIT] = unit;
	jw_obj(b);
	jw_key(b, "sop_runs");
	jw_arr(b);
	if (!others)
		rc = store_sop_runs(eng->store, &p.q, each, &p, e);
	jw_arr_end(b);
	jw_key(b, "next");
	if (p.more)
		jw_int(b, p.last);
	else
		jw_null(b);
	jw_obj_end(b);
	arena_free(&p.arena);
	return rc;
}
