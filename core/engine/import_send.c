#include <string.h>

#include "base/tz.h"
#include "engine/import_run.h"

static int lost(struct import_run *r)
{
	return cx_fail(&r->e, CX_E_ENGINE_RESTARTING, NULL,
		CX_T("a conexão com o cxd caiu; importe de novo: o que já entrou não se repete",
			"the connection to cxd is gone; import again: what is in stays in, once"));
}

/* The text under key, NUL-terminated; "" where there is none. */
static const char *member(struct import_run *r, uint32_t obj, const char *key)
{
	uint32_t at = json_get(&r->doc, obj, key);
	if (!at || r->doc.nodes[at].type != JSON_STRING)
		return "";
	struct str s = json_text(&r->doc, at, &r->a);
	return arena_str(&r->a, s.p, s.n).p;
}

static int64_t number(struct import_run *r, const char *key)
{
	int64_t v = 0;
	uint32_t at = json_get(&r->doc, 0, key);
	return at && json_int64(&r->doc, at, &v) ? v : 0;
}

static void read_rejected(struct import_run *r, const struct sent *s)
{
	uint32_t list = json_get(&r->doc, 0, "rejected");
	if (!list || r->doc.nodes[list].type != JSON_ARRAY)
		return;
	for (uint32_t at = list + 1; at < r->doc.nodes[list].next; at = r->doc.nodes[at].next) {
		int64_t index = -1;
		uint32_t i = json_get(&r->doc, at, "index");
		struct origin of = {-1, 0};
		if (i && json_int64(&r->doc, i, &index) && index >= 0 && index < s->n)
			of = s->of[index];
		const char *code = member(r, at, "code");
		if (strcmp(code, cx_err_name(CX_E_ID_CONFLICT)) == 0)
			r->changed++;
		uint32_t errors = json_get(&r->doc, at, "errors");
		tell_refused(
			r, &(struct refusal){.of = of,
				   .id = member(r, at, "id"),
				   .code = code,
				   .field = member(r, at, "field"),
				   .detail = member(r, at, "detail"),
				   .errors = errors ? json_raw(&r->doc, errors) : (struct str){0}});
	}
}

static int read_result(struct import_run *r, const struct frame *f)
{
	struct cx_err e = {0};
	int at = 0;
	while (at < r->nsent && r->sent[at].job != f->head.job)
		at++;
	if (at == r->nsent)
		return CX_OK;
	arena_reset(&r->a);
	int rc = json_scan(&r->doc, f->body, f->head.body_len, JSON_DEPTH, 1000000, &e);
	if (rc != CX_OK || f->head.status >= 400) {
		const char *detail = rc == CX_OK ? member(r, 0, "detail") : e.msg;
		return cx_fail(&r->e, CX_E_INTERNAL, NULL,
			CX_T("o lote foi recusado (%d): %s", "the batch was refused (%d): %s"),
			f->head.status, detail);
	}
	r->accepted += number(r, "accepted");
	r->corrected += number(r, "corrected");
	r->duplicates += number(r, "duplicates");
	read_rejected(r, &r->sent[at]);
	memmove(&r->sent[at], &r->sent[at + 1], sizeof *r->sent * (size_t)(r->nsent - at - 1));
	r->nsent--;
	return CX_OK;
}

/* Waits for the next result. */
static int receive(struct import_run *r)
{
	struct frame f;
	size_t size;
	for (;;) {
		int got = frame_parse(&r->in, r->in_at, &f, &size);
		if (got < 0)
			return lost(r);
		if (got == 1) {
			r->in_at += size;
			if (f.head.kind == FRAME_STOP)
				return lost(r);
			if (f.head.kind == FRAME_RESULT)
				return read_result(r, &f);
			continue;
		}
		buf_drop(&r->in, r->in_at);
		r->in_at = 0;
		if (frame_fill(r->fd, &r->in, 1000) < 0)
			return lost(r);
		tell_progress(r, r->done);
	}
}

static int send_batch(struct import_run *r)
{
	struct buf meta = {0};
	struct job_head h = {.kind = FRAME_JOB,
		.job = ++r->jobs,
		.now_ms = clock_now_ms(),
		.route = r->live ? ROUTE_EVENTS_POST : ROUTE_IMPORT_POST,
		.body_len = (uint32_t)r->body.len,
		.caller = {.level = LEVEL_ADMIN, .uid = UINT32_MAX}};
	int rc = CX_OK;
	if (r->now.n == 0)
		return CX_OK;
	while (rc == CX_OK && r->nsent == IMPORT_WINDOW)
		rc = receive(r);
	if (rc != CX_OK)
		return rc;
	h.caller.lang = (uint8_t)cx_lang;
	random_bytes(&h.key, sizeof h.key);
	h.key >>= 1;
	random_bytes(&h.seed, sizeof h.seed);
	ulid_make(h.now_ms, h.ulid);
	const char *pairs[] = {"content-type", "application/x-ndjson", "name", r->name, "query",
		r->update ? "update=1" : ""};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		buf_add(&meta, pairs[i], strlen(pairs[i]) + 1);
	h.meta_len = (uint32_t)meta.len;
	frame_add(&r->out, &h, meta.p, r->body.p);
	buf_free(&meta);
	if (frame_flush(r->fd, &r->out) != 0)
		return lost(r);
	r->now.job = h.job;
	r->sent[r->nsent++] = r->now;
	r->now.n = 0;
	buf_clear(&r->body);
	return CX_OK;
}

int import_send_event(struct import_run *r, struct origin of, const char *json, size_t n)
{
	int rc = CX_OK;
	if (r->now.n >= r->limit || (r->now.n && r->body.len + n + 1 > IMPORT_BATCH_BYTES))
		rc = send_batch(r);
	if (rc != CX_OK)
		return rc;
	r->now.of[r->now.n++] = of;
	buf_add(&r->body, json, n);
	buf_add(&r->body, "\n", 1);
	return CX_OK;
}

int import_send_rest(struct import_run *r)
{
	int rc = send_batch(r);
	while (rc == CX_OK && r->nsent)
		rc = receive(r);
	return rc;
}

void import_send_free(struct import_run *r)
{
	buf_free(&r->body);
	buf_free(&r->out);
	buf_free(&r->in);
	json_doc_free(&r->doc);
	arena_free(&r->a);
}
