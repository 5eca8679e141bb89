#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tz.h"
#include "engine/answers.h"

enum { LIMIT = 100, LIMIT_MAX = 1000, BUDGET_US = 2000000, VALUE = 1024 };
enum { PAGE_BYTES = 32 << 20 }; /* a page ends early rather than fill a frame (ipc/frame.h) */

struct page {
	struct engine *eng;
	struct buf *b;
	int n, limit;
	bool personal;
	struct arena arena;
};

static int each(void *ctx, struct event *ev)
{
	struct page *p = ctx;
	const struct type_plan *plan = plugin_set_type(&p->eng->set, ev->type_name);
	bool missing;
	arena_reset(&p->arena);
	if (plan) {
		ev->type = plan->type;
		event_reload(ev, p->eng->conf->company_currency, &p->arena, &missing);
	}
	event_json(p->b, ev, p->personal);
	return ++p->n == p->limit || p->b->len > PAGE_BYTES;
}

struct params {
	char type[VALUE], subject[VALUE], unit[VALUE];
	struct event_filter q;
	int limit;
};

static int bad(const char *field, struct cx_err *e, const char *what)
{
	return cx_fail(e, CX_E_BAD_QUERY, field, "%s: %s", field, what);
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

static int one(struct params *p, const char *name, const char *v, struct cx_err *e)
{
	int64_t n;
	if (strcmp(name, "after") == 0)
		return number(name, v, 0, INT64_MAX, &p->q.after, e);
	if (strcmp(name, "limit") == 0) {
		int rc = number(name, v, 1, LIMIT_MAX, &n, e);
		p->limit = (int)n;
		return rc;
	}
	if (strcmp(name, "from") == 0 || strcmp(name, "to") == 0) {
		if (tz_parse_any(v, strlen(v), *name == 'f' ? &p->q.from_ms : &p->q.to_ms))
			return CX_OK;
		return bad(name, e,
			CX_T("não é uma data nem um instante RFC 3339",
				"neither a date nor an RFC 3339 time"));
	}
	char *to = *name == 't' ? p->type : *name == 's' ? p->subject : p->unit;
	const char **use = *name == 't' ? &p->q.type : *name == 's' ? &p->q.subject : &p->q.unit;
	snprintf(to, VALUE, "%s", v);
	*use = to;
	return CX_OK;
}

static int read_params(const struct frame *f, struct params *p, struct cx_err *e)
{
	const char *query = meta_get(f->meta, f->head.meta_len, "query");
	char name[64], value[VALUE];
	*p = (struct params){.limit = LIMIT, .q = {.from_ms = INT64_MIN, .to_ms = INT64_MAX}};
	for (int i = 0; query_name(query, i, name, sizeof name); i++) {
		int wrong = 0;
		const char *v = query_get(query, name, 0, value, sizeof value, &wrong);
		if (wrong || !v)
			return bad(name, e,
				CX_T("valor longo demais ou mal codificado",
					"value too long or badly encoded"));
		char again[VALUE];
		if (query_get(query, name, 1, again, sizeof again, &wrong) || wrong)
			return bad(name, e, CX_T("dado duas vezes", "given twice"));
		int rc = one(p, name, v, e);
		if (rc < 0)
			return rc;
	}
	if (p->q.from_ms >= p->q.to_ms)
		return bad("from", e, CX_T("a janela está vazia", "the window is empty"));
	return CX_OK;
}

int answer_events(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e)
{
	struct params p;
	struct page page = {.eng = eng, .b = b, .personal = f->head.caller.level >= LEVEL_ADMIN};
	int64_t last = 0;
	bool done = true;
	int rc = read_params(f, &p, e);
	if (rc < 0)
		return rc;
	page.limit = p.limit;
	p.q.until_us = clock_mono_us() + BUDGET_US;
	const char *own = f->head.caller.unit;
	bool foreign = own[0] && p.q.unit && strcmp(p.q.unit, own) != 0;
	if (own[0])
		p.q.unit = own;
	jw_obj(b);
	jw_key(b, "events");
	jw_arr(b);
	if (!foreign) /* another unit's rows do not exist for this caller */
		rc = store_events(eng->store, &p.q, each, &page, &last, &done, e);
	jw_arr_end(b);
	jw_key(b, "next");
	if (done)
		jw_null(b);
	else
		jw_int(b, last);
	jw_obj_end(b);
	arena_free(&page.arena);
	return rc < 0 ? rc : CX_OK;
}
