/* GET /v1/timers */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tz.h"
#include "engine/answers.h"
#include "engine/failed.h"
#include "store/timers.h"

enum { LIMIT = 100, LIMIT_MAX = 1000, VALUE = 256 };

struct page {
	struct engine *eng;
	struct buf *b;
	int n, limit;
	int64_t last_ms, last;
	bool more;
};

static int each(void *ctx, const struct timer_row *row)
{
	struct page *p = ctx;
	const struct plugin *owner = plugin_set_find(&p->eng->set, row->plugin);
	char when[TZ_TEXT];
	p->more = p->n++ == p->limit;
	if (p->more)
		return 1;
	tz_format(row->due_ms, when);
	jw_obj(p->b);
	jw_kint(p->b, "id", row->id);
	jw_kstr(p->b, "plugin", row->plugin);
	jw_kstr(p->b, "name", row->name);
	jw_kstr(p->b, "due", when);
	jw_kbool(p->b, "past", row->past);
	jw_key(p->b, "arg");
	if (row->arg)
		jw_raw(p->b, row->arg, strlen(row->arg));
	else
		jw_null(p->b);
	if (row->seq)
		jw_kint(p->b, "seq", row->seq);
	else
		jw_knull(p->b, "seq");
	jw_kstr(p->b, "every", row->every);
	jw_kbool(p->b, "waits", !owner || owner->state != PLUGIN_RUNNING);
	jw_obj_end(p->b);
	p->last_ms = row->due_ms;
	p->last = row->id;
	return 0;
}

/* "DUE-ID", as next says. */
static bool read_cursor(const char *v, struct timer_filter *q)
{
	long long ms, id;
	int n = 0;
	if (sscanf(v, "%lld-%lld%n", &ms, &id, &n) != 2 || v[n] || id <= 0)
		return false;
	q->after_ms = ms;
	q->after = id;
	return true;
}

static int read_one(const char *name, const char *v, char plugin[VALUE], struct timer_filter *q,
	struct cx_err *e)
{
	int64_t n = failed_number(v);
	if (strcmp(name, "plugin") == 0) {
		snprintf(plugin, VALUE, "%s", v);
		return CX_OK;
	}
	if (strcmp(name, "before") == 0)
		return tz_parse_any(v, strlen(v), &q->before_ms)
			       ? CX_OK
			       : cx_fail(e, CX_E_BAD_QUERY, name,
					 CX_T("before é um instante, uma data ou uma hora local",
						 "before is an instant, a date or a local time"));
	if (strcmp(name, "after") == 0)
		return read_cursor(v, q) ? CX_OK
					 : cx_fail(e, CX_E_BAD_QUERY, name,
						   CX_T("after é o next da página anterior",
							   "after is next of the page before"));
	if (n < 1 || n > LIMIT_MAX)
		return cx_fail(e, CX_E_BAD_QUERY, name,
			CX_T("limit é um número de 1 a 1000", "limit is a number from 1 to 1000"));
	q->limit = (int)n;
	return CX_OK;
}

static int read_params(
	const struct frame *f, char plugin[VALUE], struct timer_filter *q, struct cx_err *e)
{
	const char *query = meta_get(f->meta, f->head.meta_len, "query");
	char name[32], value[VALUE];
	int wrong = 0, rc = CX_OK;
	for (int i = 0; rc >= 0 && query_name(query, i, name, sizeof name); i++) {
		const char *v = query_get(query, name, 0, value, sizeof value, &wrong);
		if (!v || wrong)
			return cx_fail(e, CX_E_BAD_QUERY, name,
				CX_T("valor longo demais ou mal codificado",
					"value too long or badly encoded"));
		rc = read_one(name, v, plugin, q, e);
	}
	return rc;
}

int answer_timers(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e)
{
	char plugin[VALUE] = "", next[64];
	struct timer_filter q = {.plugin = plugin,
		.unit = f->head.caller.unit,
		.before_ms = INT64_MAX,
		.after_ms = INT64_MIN,
		.limit = LIMIT};
	int rc = read_params(f, plugin, &q, e);
	if (rc < 0)
		return rc;
	struct page p = {.eng = eng, .b = b, .limit = q.limit++};
	jw_obj(b);
	jw_key(b, "timers");
	jw_arr(b);
	rc = store_timers(eng->store, &q, each, &p, e);
	jw_arr_end(b);
	snprintf(next, sizeof next, "%lld-%lld", (long long)p.last_ms, (long long)p.last);
	jw_kstr(b, "next", p.more ? next : NULL);
	jw_obj_end(b);
	return rc < 0 ? rc : CX_OK;
}
