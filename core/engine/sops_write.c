/* Runs of checklists over HTTP: begun, answered, finished, abandoned. Each request may come again.
 */
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "base/problem.h"
#include "base/text.h"
#include "engine/sop_body.h"
#include "engine/sop_call.h"

struct change {
	struct ingest *in;
	const struct frame *f;
	struct sop_run r;
	struct sop_body body;
	struct buf *headers, *reply;
	struct arena *a;
	struct cx_err e;
};

static struct str meta_str(const struct change *w, const char *name)
{
	const char *v = meta_get(w->f->meta, w->f->head.meta_len, name);
	return (struct str){v, v ? (uint32_t)strlen(v) : 0};
}

static int read_body(struct change *w, const char *names)
{
	const char *type = meta_get(w->f->meta, w->f->head.meta_len, "content-type");
	if (w->f->head.body_len && (!type || strcmp(type, "application/json") != 0))
		return cx_fail(&w->e, CX_E_UNSUPPORTED_MEDIA_TYPE, "content-type",
			CX_T("mande application/json", "send application/json"));
	return sop_body_read(&w->body, w->f->body, w->f->head.body_len,
		(int)w->in->eng->conf->limits_depth, names);
}

/* Of all that was sent, by value. */
static struct str digest(struct change *w, struct str sop)
{
	uint8_t md[SHA256_DIGEST_LENGTH];
	char hex[2 * SHA256_DIGEST_LENGTH + 1];
	struct buf b = {0};
	buf_printf(&b, "%.*s\n", (int)sop.n, sop.p);
	if (w->body.d.n)
		json_canonical(&w->body.d, 0, &b);
	SHA256((const uint8_t *)b.p, b.len, md);
	buf_free(&b);
	hex_text(md, sizeof md, hex);
	return arena_str(w->a, hex, strlen(hex));
}

static void locate(struct change *w)
{
	buf_add(w->headers, "Location", sizeof "Location");
	buf_puts(w->headers, "/v1/sop-runs/");
	percent_encode(w->headers, w->r.row.run.p);
	buf_add(w->headers, "", 1);
}

/* The HTTP status. */
static int begin(struct change *w)
{
	char by[NAME_MAX_BYTES + 16];
	struct sop_start s = {.sop = meta_str(w, "id")};
	struct sop_run there = {0};
	int rc = read_body(w, SOP_BODY_START);
	if (rc >= 0)
		rc = sop_body_start(&w->body, &s);
	if (rc >= 0 && s.run.p)
		rc = sop_run_find(w->in->eng, s.run, &there, w->a, &w->e);
	else if (rc >= 0)
		rc = 0;
	if (rc < 0)
		return rc;
	s.digest = digest(w, s.sop);
	if (rc == 1 && sop_call_sees(w->f, &there) && sop_same(there.row.digest, s.digest)) {
		w->r = there;
		return 200;
	}
	if (rc == 1)
		return cx_fail(&w->e, CX_E_ID_CONFLICT, "run",
			CX_T("já existe a execução \"%.*s\", de outro começo",
				"run \"%.*s\" is already there, begun otherwise"),
			(int)s.run.n, s.run.p);
	caller_text(&w->f->head.caller, by, sizeof by);
	s.by = (struct str){by, (uint32_t)strlen(by)};
	rc = sop_run_begin(w->in, NULL, &s, &w->r, w->a, &w->e);
	w->r.row.by = arena_str(w->a, by, strlen(by));
	if (rc < 0)
		return rc;
	locate(w);
	return 201;
}

static int answer(struct change *w)
{
	struct sop_given g = {.item = meta_str(w, "item")};
	int rc = read_body(w, SOP_BODY_ANSWER);
	if (rc >= 0)
		rc = sop_body_answer(&w->body, &g);
	if (rc >= 0)
		rc = sop_run_answer(w->in, &w->r, &g, w->a, &w->e);
	return rc < 0 ? rc : 200;
}

static int end(struct change *w, bool finish)
{
	struct str reason;
	int64_t ms;
	int rc = read_body(w, finish ? SOP_BODY_FINISH : SOP_BODY_ABANDON);
	if (rc >= 0)
		rc = sop_body_end(&w->body, finish, &reason, &ms);
	if (rc >= 0)
		rc = sop_run_end(w->in, NULL, &w->r, reason, ms, w->a, &w->e);
	return rc < 0 ? rc : 200;
}

/* ---- the answer ---- */

static void tell(struct change *w)
{
	struct buf *b = w->reply;
	sop_run_json(b, &w->r, sop_call_hides(w->f, &w->r));
	b->len--; /* } */
	if (w->f->head.route == ROUTE_SOP_ITEM_PUT)
		jw_kbool(b, "superseded", w->r.superseded);
	if (w->in->warnings.len) {
		jw_key(b, "reactions");
		jw_arr(b);
		buf_add(b, w->in->warnings.p, w->in->warnings.len);
		jw_arr_end(b);
	}
	jw_obj_end(b);
}

/* With what is still missing, where that is why. */
static int refuse(struct change *w)
{
	struct json_doc d = {0};
	int status = problem_write(w->reply, &w->e);
	if (w->e.code != CX_E_RUN_INCOMPLETE || json_scan(&d, w->r.row.result.p, w->r.row.result.n,
							JSON_DEPTH, UINT32_MAX, NULL) < 0)
		return status;
	struct str missing = json_raw(&d, json_get(&d, 0, "missing"));
	w->reply->len--;
	jw_key(w->reply, "missing");
	jw_raw(w->reply, missing.p, missing.n);
	jw_obj_end(w->reply);
	json_doc_free(&d);
	return status;
}

static int run(struct change *w)
{
	enum route route = w->f->head.route;
	if (route == ROUTE_SOP_RUN_POST)
		return begin(w);
	int rc = sop_call_run(w->in->eng, w->f, &w->r, w->a, &w->e);
	if (rc < 0)
		return rc;
	return route == ROUTE_SOP_ITEM_PUT ? answer(w) : end(w, route == ROUTE_SOP_RUN_FINISH);
}

int sops_write(struct ingest *in, const struct frame *f, struct buf *headers, struct buf *reply,
	int *status)
{
	struct arena a = {0};
	struct event none;
	struct change w = {.in = in, .f = f, .headers = headers, .reply = reply, .a = &a};
	w.body = (struct sop_body){.now_ms = f->head.now_ms,
		.unit = f->head.caller.unit,
		.person = f->head.caller.person,
		.a = &a,
		.e = &w.e};
	ingest_job_begin(in, &f->head, false, in->next_seq);
	ingest_item_begin(in, 0, &none);
	int rc = run(&w);
	bool lost = in->store_failed || rc == CX_E_STORE_FAILED || rc == CX_E_DISK_FULL;
	if (lost && !in->store_failed)
		ingest_lost(in, &w.e);
	if (!lost && rc >= 0)
		tell(&w);
	if (!lost)
		*status = rc >= 0 ? rc : refuse(&w);
	json_doc_free(&w.body.d);
	arena_free(&a);
	return lost ? in->errs.v[0].code : CX_OK;
}
