/* GET /v1/cases */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tz.h"
#include "engine/answers.h"
#include "engine/journeys.h"

enum { LIMIT = 100, LIMIT_MAX = 1000, VALUE = 1024 };

struct page {
	struct engine *eng;
	struct buf *b;
	struct arena a;
	int n, limit;
	int64_t last_ms, last;
	bool more;
	struct cx_err *e;
};

static void key_str(struct buf *b, const char *key, struct str s)
{
	jw_key(b, key);
	if (s.p)
		jw_strn(b, s.p, s.n);
	else
		jw_null(b);
}

static void key_time(struct buf *b, const char *key, int64_t ms)
{
	char text[TZ_TEXT];
	bool is = ms != INT64_MAX;
	if (is)
		tz_format(ms, text);
	jw_kstr(b, key, is ? text : NULL);
}

static int case_json(struct page *p, const struct journey_row *row, int64_t due_ms, struct str is)
{
	struct json_doc state = {0}, definition = {0};
	struct str text = {0};
	struct buf name = {0};
	int version, rc = store_journey_definition(
			     p->eng->store, row->version, &version, &text, &p->a, p->e);
	if (rc >= 0)
		rc = json_scan(&state, row->state.p, row->state.n, JSON_DEPTH, UINT32_MAX, p->e);
	if (rc >= 0)
		rc = json_scan(&definition, text.p ? text.p : "{}", text.p ? text.n : 2, JSON_DEPTH,
			UINT32_MAX, p->e);
	if (rc >= 0) {
		journeys_name(&name, row->key, row->n);
		jw_obj(p->b);
		key_str(p->b, "journey", row->journey);
		jw_key(p->b, "key");
		jw_strn(p->b, name.p, name.len);
		key_str(p->b, "stage", row->stage);
		key_str(p->b, "unit", row->unit);
		key_str(p->b, "subject", row->subject);
		key_time(p->b, "begun", row->begun_ms);
		key_str(p->b, "state", is);
		key_time(p->b, "due", due_ms);
		jw_key(p->b, "clocks");
		clocks_json(p->b, &state, &definition);
		jw_obj_end(p->b);
	}
	buf_free(&name);
	json_doc_free(&state);
	json_doc_free(&definition);
	return rc < 0 ? rc : 0;
}

static int each(void *ctx, int64_t instance, int64_t due_ms, struct str state)
{
	struct page *p = ctx;
	struct journey_row row;
	p->more = p->n == p->limit;
	if (p->more)
		return 1;
	int rc = store_journey_by_id(p->eng->store, instance, &row, &p->a, p->e);
	if (rc == 1)
		rc = case_json(p, &row, due_ms, state);
	arena_reset(&p->a);
	p->last_ms = due_ms;
	p->last = instance;
	p->n++;
	return rc;
}

/* "DUE-ID", as next says. */
static bool read_cursor(const char *v, struct case_filter *q)
{
	long long ms, id;
	int n = 0;
	if (sscanf(v, "%lld-%lld%n", &ms, &id, &n) != 2 || v[n] || id <= 0)
		return false;
	q->after_ms = ms;
	q->after = id;
	return true;
}

static bool is_state(const char *v)
{
	static const char *const states[] = {"running", "overdue", "paused", "stopped", NULL};
	for (int i = 0; states[i]; i++)
		if (strcmp(v, states[i]) == 0)
			return true;
	return false;
}

static bool read_limit(const char *v, int *limit)
{
	char *end;
	long n = strtol(v, &end, 10);
	*limit = (int)n;
	return *v >= '1' && *v <= '9' && !*end && n <= LIMIT_MAX;
}

static int read_query(const struct frame *f, struct case_filter *q, char unit[VALUE],
	char state[VALUE], int *limit, struct cx_err *e)
{
	const char *query = meta_get(f->meta, f->head.meta_len, "query");
	char name[32], value[VALUE];
	for (int i = 0; query_name(query, i, name, sizeof name); i++) {
		int wrong = 0;
		const char *v = query_get(query, name, 0, value, sizeof value, &wrong);
		bool ok = v && !wrong;
		if (ok && strcmp(name, "unit") == 0)
			q->unit = strcpy(unit, v);
		else if (ok && strcmp(name, "state") == 0 && (ok = is_state(v)))
			q->state = strcpy(state, v);
		else if (ok && strcmp(name, "sort") == 0)
			ok = strcmp(v, "due") == 0;
		else if (ok && strcmp(name, "after") == 0)
			ok = read_cursor(v, q);
		else if (ok && strcmp(name, "limit") == 0)
			ok = read_limit(v, limit);
		if (!ok)
			return cx_fail(e, CX_E_BAD_QUERY, name,
				CX_T("%s: este valor não serve", "%s: not a value for it"), name);
	}
	return CX_OK;
}

int answer_cases(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e)
{
	const char *own = f->head.caller.unit;
	char unit[VALUE], state[VALUE];
	struct case_filter q = {.after_ms = INT64_MIN};
	struct page p = {.eng = eng, .b = b, .limit = LIMIT, .e = e};
	int rc = read_query(f, &q, unit, state, &p.limit, e);
	if (rc < 0)
		return rc;
	bool none = *own && q.unit && strcmp(own, q.unit) != 0;
	if (*own)
		q.unit = own;
	jw_obj(b);
	jw_key(b, "cases");
	jw_arr(b);
	if (!none)
		rc = store_cases(eng->store, &q, each, &p, e);
	jw_arr_end(b);
	jw_key(b, "next");
	if (p.more)
		buf_printf(b, "\"%lld-%lld\"", (long long)p.last_ms, (long long)p.last);
	else
		jw_null(b);
	jw_obj_end(b);
	arena_free(&p.a);
	return rc < 0 ? rc : CX_OK;
}
