#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/tz.h"
#include "engine/answers.h"

enum { PAGE_EVENTS = 500, PAGE_BYTES = 256 * 1024, BUDGET_US = 500000, TYPES = 4096 };

struct page {
	struct engine *eng;
	struct buf *b;
	const char *types; /* "a,b", NULL = all */
	bool personal;
	int n;
	struct arena arena;
	struct buf json;
};

static bool wanted(const char *types, struct str type)
{
	for (const char *p = types; p; p = *p ? p + 1 : NULL) {
		size_t n = strcspn(p, ",");
		if (n == type.n && memcmp(p, type.p, n) == 0)
			return true;
		p += n;
	}
	return !types;
}

static int each(void *ctx, struct event *ev)
{
	struct page *p = ctx;
	bool missing;
	if (!wanted(p->types, ev->type_name))
		return 0;
	const struct type_plan *plan = plugin_set_type(&p->eng->set, ev->type_name);
	arena_reset(&p->arena);
	if (plan) {
		ev->type = plan->type;
		event_reload(ev, p->eng->conf->company_currency, &p->arena, &missing);
	}
	buf_clear(&p->json);
	event_json(&p->json, ev, p->personal);
	buf_printf(p->b, "id: %lld\nevent: %.*s\ndata: ", (long long)ev->seq, (int)ev->type_name.n,
		ev->type_name.p);
	buf_add(p->b, p->json.p, p->json.len);
	buf_puts(p->b, "\n\n");
	return ++p->n == PAGE_EVENTS || p->b->len > PAGE_BYTES;
}

/* A seq as text; NULL: not said. */
static int read_seq(const char *field, const char *text, int64_t *seq, struct cx_err *e)
{
	char *end;
	if (!text)
		return CX_OK;
	errno = 0;
	*seq = strtoll(text, &end, 10);
	if (*text && !*end && !errno && *seq >= 0)
		return CX_OK;
	return cx_fail(e, CX_E_BAD_QUERY, field,
		CX_T("%s não é o número (seq) de um evento",
			"%s is not the number (seq) of an event"),
		field);
}

/* What the caller asks for: ?types= and ?after=; each once. */
static int read_query(const char *query, char types[TYPES], char after[32], struct cx_err *e)
{
	char name[32];
	int wrong = 0;
	types[0] = after[0] = 0;
	for (int i = 0; query_name(query, i, name, sizeof name); i++) {
		bool is_types = strcmp(name, "types") == 0;
		char *to = is_types ? types : after, again[8];
		const char *v = query_get(query, name, 0, to, is_types ? TYPES : 32, &wrong);
		if (!v || wrong || query_get(query, name, 1, again, sizeof again, &wrong) || wrong)
			return cx_fail(e, CX_E_BAD_QUERY, name,
				CX_T("%s: valor longo demais, mal codificado ou dado duas vezes",
					"%s: value too long, badly encoded or given twice"),
				name);
	}
	return CX_OK;
}

/* Where this page begins: the stream's own position, else Last-Event-ID, else after, else here. */
static int position(struct engine *eng, const struct frame *f, const char *after, int64_t *seq,
	struct cx_err *e)
{
	const char *own = meta_get(f->meta, f->head.meta_len, "position");
	const char *last = meta_get(f->meta, f->head.meta_len, "last-event-id");
	if (own)
		return read_seq("position", own, seq, e);
	if (last && *last)
		return read_seq("Last-Event-ID", last, seq, e);
	if (*after)
		return read_seq("after", after, seq, e);
	return store_last_seq(eng->store, seq, e);
}

int answer_stream(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e)
{
	char types[TYPES], after[32];
	const char *unit = f->head.caller.unit;
	struct page page = {.eng = eng, .personal = f->head.caller.level >= LEVEL_ADMIN};
	struct event_filter q = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
	struct buf text = {0};
	bool done;
	int rc = read_query(meta_get(f->meta, f->head.meta_len, "query"), types, after, e);
	if (rc >= 0)
		rc = position(eng, f, after, &q.after, e);
	if (rc < 0)
		return rc;
	page.b = &text;
	page.types = types[0] ? types : NULL;
	q.unit = unit[0] ? unit : NULL;
	q.until_us = clock_mono_us() + BUDGET_US;
	int64_t last = q.after;
	rc = store_events(eng->store, &q, each, &page, &last, &done, e);
	buf_printf(b, "%lld\n", (long long)(last > q.after ? last : q.after));
	buf_add(b, text.p, text.len);
	arena_free(&page.arena);
	buf_free(&page.json);
	buf_free(&text);
	return rc < 0 ? rc : CX_OK;
}
