/* An answer to an item: is it one, and which of two stands. */
#include <string.h>

#include "base/tz.h"
#include "engine/sop_run.h"
#include "store/evidence.h"

static int wrong(struct cx_err *e, const struct sop_item *item, const char *what)
{
	return cx_fail(
		e, CX_E_INVALID_FIELD, "answer", "%.*s: %s", (int)item->item.n, item->item.p, what);
}

static bool is_text(const struct json_doc *d, const char *s)
{
	struct str raw = json_raw(d, 0);
	return d->nodes[0].type == JSON_STRING && raw.n == strlen(s) + 2 &&
	       memcmp(raw.p + 1, s, raw.n - 2) == 0;
}

static bool a_choice(const struct json_doc *d, const struct sop_item *item, struct arena *a)
{
	struct str s = json_text(d, 0, a);
	for (int i = 0; i < item->nchoices; i++)
		if (sop_same(item->choices[i], s))
			return true;
	return false;
}

static bool blank(struct str s)
{
	for (uint32_t i = 0; i < s.n; i++)
		if (!strchr(" \t\r\n", s.p[i]))
			return false;
	return true;
}

static int check_text(
	const struct json_doc *d, const struct sop_item *item, struct arena *a, struct cx_err *e)
{
	int64_t ms;
	struct str s = json_text(d, 0, a);
	if (item->kind == SOP_CHOICE && !a_choice(d, item, a))
		return wrong(e, item, CX_T("não é uma das opções", "none of its choices"));
	if (item->kind == SOP_TIME && !tz_parse_rfc3339(s.p, s.n, &ms))
		return wrong(e, item,
			CX_T("um instante como 2026-11-20T12:00:00-03:00",
				"an instant as 2026-11-20T12:00:00-03:00"));
	if (d->nodes[0].escaped == JSON_ESCAPED_NUL || s.n > EVENT_TEXT_MAX || blank(s))
		return wrong(e, item,
			CX_T("um texto de 1 a 4096 bytes, não só de brancos",
				"a text of 1 to 4096 bytes, not only blanks"));
	return CX_OK;
}

/* d: the answer. */
static int check_answer(
	const struct json_doc *d, const struct sop_item *item, struct arena *a, struct cx_err *e)
{
	enum json_type type = d->nodes[0].type;
	int64_t n;
	if (is_text(d, "na"))
		return item->na ? CX_OK
				: wrong(e, item,
					  CX_T("\"na\" não é aceito aqui",
						  "\"na\" is no answer here"));
	switch (item->kind) {
	case SOP_YES_NO:
	case SOP_PHOTO:
	case SOP_FILE:
		if (is_text(d, "yes") || is_text(d, "no"))
			return CX_OK;
		return wrong(e, item,
			CX_T("a resposta é \"yes\", \"no\" ou \"na\"",
				"the answer is \"yes\", \"no\" or \"na\""));
	case SOP_NUMBER:
		if (type == JSON_INTEGER || type == JSON_NUMBER)
			return CX_OK;
		return wrong(e, item, CX_T("a resposta é um número", "the answer is a number"));
	case SOP_COUNT:
		if (json_int64(d, 0, &n) && n >= 0 && n <= EVENT_INT_MAX)
			return CX_OK;
		return wrong(e, item,
			CX_T("a resposta é um inteiro, 0 ou mais",
				"the answer is an integer, 0 or more"));
	default:
		if (type == JSON_STRING)
			return check_text(d, item, a, e);
		return wrong(e, item, CX_T("a resposta é um texto", "the answer is a text"));
	}
}

static int check_evidence(
	struct ingest *in, const struct sop_given *g, struct buf *list, struct cx_err *e)
{
	jw_arr(list);
	for (int i = 0; i < g->nevidence; i++) {
		struct str s = g->evidence[i];
		struct evidence_row file;
		bool ok = strncmp(s.p, "sha256:", 7) == 0 && evidence_name_ok(s.p + 7);
		int rc = ok && !g->unseen ? store_evidence_get(in->eng->store, s.p + 7, &file, e)
					  : ok;
		if (rc < 0)
			return rc;
		if (rc == 0)
			return cx_fail(e, CX_E_INVALID_FIELD, "evidence",
				ok ? CX_T("%.*s não foi enviado: mande-o antes por PUT "
					  "/v1/evidence/",
					     "%.*s has not been sent: PUT it to /v1/evidence/ "
					     "first")
				   : CX_T("\"%.*s\" não é \"sha256:\" e 64 dígitos hexadecimais",
					     "\"%.*s\" is not \"sha256:\" and 64 hexadecimal "
					     "digits"),
				(int)(s.n < 100 ? s.n : 100), s.p);
		jw_strn(list, s.p, s.n);
	}
	jw_arr_end(list);
	return CX_OK;
}

/* Does what is there stand before what came? By the answer's own time, then its number on the
 * device; of equal ones the last that came. */
static bool newer(const struct sop_answer_row *there, const struct sop_given *g, int64_t time_ms)
{
	if (!there->item.p || there->time_ms < time_ms)
		return false;
	return there->time_ms > time_ms ||
	       (sop_same(there->device, g->device) && there->sequence > g->sequence);
}

int sop_run_over(const struct sop_run *r, struct cx_err *e)
{
	return cx_fail(e, CX_E_RUN_ENDED, NULL,
		CX_T("a execução %.*s já terminou (%.*s)", "run %.*s has ended (%.*s)"),
		(int)r->row.run.n, r->row.run.p, (int)r->row.state.n, r->row.state.p);
}

/* answer and evidence as they are kept. */
static int read_given(struct ingest *in, const struct sop_item *item, const struct sop_given *g,
	struct str *answer, struct str *evidence, struct arena *a, struct cx_err *e)
{
	struct json_doc d = {0};
	struct buf list = {0}, text = {0};
	int rc = CX_OK;
	*answer = (struct str){0};
	if (g->answer.p) {
		rc = json_scan(&d, g->answer.p, g->answer.n, 1, 2, e);
		if (rc >= 0)
			rc = check_answer(&d, item, a, e);
		if (rc >= 0) {
			json_compact(&d, 0, &text);
			*answer = arena_str(a, text.p, text.len);
		}
	}
	if (rc >= 0)
		rc = check_evidence(in, g, &list, e);
	if (rc >= 0)
		*evidence = arena_str(a, list.p, list.len);
	json_doc_free(&d);
	buf_free(&text);
	buf_free(&list);
	return rc;
}

int sop_run_answer(struct ingest *in, struct sop_run *r, const struct sop_given *g, struct arena *a,
	struct cx_err *e)
{
	struct sop_item *item = sop_item_of(r, g->item);
	struct str answer, evidence;
	if (!item)
		return cx_fail(e, CX_E_NOT_FOUND, "item",
			CX_T("o POP %.*s não tem o item \"%.*s\"", "SOP %.*s has no item \"%.*s\""),
			(int)r->row.sop.n, r->row.sop.p, (int)g->item.n, g->item.p);
	int rc = read_given(in, item, g, &answer, &evidence, a, e);
	if (rc < 0)
		return rc;
	int64_t time_ms = g->time_ms < g->now_ms ? g->time_ms : g->now_ms;
	bool as_is =
		sop_same(item->given.answer, answer) && sop_same(item->given.evidence, evidence);
	if (!sop_run_is(r, "open"))
		return as_is ? CX_OK : sop_run_over(r, e);
	if (as_is && item->given.item.p && !g->timed)
		return CX_OK; /* sent again */
	if (newer(&item->given, g, time_ms)) {
		r->superseded = !as_is;
		return CX_OK;
	}
	item->given = (struct sop_answer_row){
		item->item, answer, evidence, time_ms, g->now_ms, g->sequence, g->actor, g->device};
	rc = store_sop_answer_put(in->eng->store, r->row.id, &item->given, e);
	if (rc < 0)
		return rc;
	sop_run_judge(in, r, a);
	return store_sop_run_set(in->eng->store, &r->row, e);
}
