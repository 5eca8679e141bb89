#include "engine/post.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/problem.h"
#include "engine/timers.h"

/* The charset that a content type names, "" = none; quotes are not part of it. */
static const char *charset(const char *type, char out[32])
{
	const char *p = type ? strchr(type, ';') : NULL;
	out[0] = 0;
	for (; p; p = strchr(p, ';')) {
		p += strspn(p, "; \t");
		if (strncasecmp(p, "charset=", 8) != 0)
			continue;
		p += 8 + (p[8] == '"');
		snprintf(out, 32, "%.*s", (int)strcspn(p, "\"; \t"), p);
		break;
	}
	return out;
}

static bool is_utf8(const char *name)
{
	static const char *const names[] = {"", "utf-8", "utf8", "us-ascii", "ascii"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}

enum post_mode post_mode(const struct frame *f)
{
	static const struct {
		const char *type;
		enum post_mode mode;
	} types[] = {{"application/cloudevents+json", POST_STRUCTURED},
		{"application/json", POST_PLAIN},
		{"application/cloudevents-batch+json", POST_ARRAY},
		{"application/x-ndjson", POST_LINES}};
	const char *type = meta_get(f->meta, f->head.meta_len, "content-type");
	size_t n = type ? strcspn(type, "; \t") : 0;
	enum post_mode mode = POST_NONE;
	char set[32];
	if (!is_utf8(charset(type, set)))
		return POST_NONE;
	for (size_t i = 0; i < sizeof types / sizeof *types && type; i++)
		if (n == strlen(types[i].type) && strncasecmp(type, types[i].type, n) == 0)
			mode = types[i].mode;
	if (f->head.route == ROUTE_IMPORT_POST)
		return mode == POST_LINES ? mode : POST_NONE;
	if (mode != POST_STRUCTURED && mode != POST_ARRAY && mode != POST_LINES &&
		meta_get(f->meta, f->head.meta_len, "ce-specversion"))
		return POST_BINARY;
	return mode;
}

static int refuse_type(const struct frame *f, struct buf *reply)
{
	struct cx_err e;
	char set[32];
	if (!is_utf8(charset(meta_get(f->meta, f->head.meta_len, "content-type"), set)))
		cx_fail(&e, CX_E_UNSUPPORTED_MEDIA_TYPE, "content-type",
			CX_T("mande JSON em UTF-8, não em %s", "send JSON in UTF-8, not in %s"),
			set);
	else
		cx_fail(&e, CX_E_UNSUPPORTED_MEDIA_TYPE, "content-type",
			CX_T("mande application/cloudevents+json, application/json, "
			     "application/cloudevents-batch+json ou application/x-ndjson",
				"send application/cloudevents+json, application/json, "
				"application/cloudevents-batch+json or application/x-ndjson"));
	return problem_write(reply, &e);
}

static int refusal(const struct cx_errs *errs, struct buf *reply)
{
	return errs->n > 1 ? problem_write_list(reply, errs) : problem_write(reply, &errs->v[0]);
}

int post_single(struct ingest *in, const struct frame *f, struct buf *reply, int *status)
{
	enum post_mode mode = post_mode(f);
	struct ingest_source src = {f->body, f->meta, f->head.body_len, f->head.meta_len,
		mode == POST_STRUCTURED, mode == POST_BINARY};
	struct event ev;
	enum outcome out = INGEST_STORED;
	ingest_job_begin(in, &f->head, false, in->next_seq);
	if (mode == POST_NONE) {
		*status = refuse_type(f, reply);
		return CX_OK;
	}
	int rc = ingest_item(in, &src, 0, &ev, &out);
	if (rc < 0) {
		if (in->store_failed)
			return rc;
		*status = refusal(&in->errs, reply);
		return CX_OK;
	}
	ingest_receipt(in, &ev, reply);
	*status = out == INGEST_STORED ? 201 : 200;
	return CX_OK;
}

struct tally { /* of a batch so far; copied before a step, so that the step can be undone */
	uint32_t next;
	bool id_made; /* of some event: sent again, it would be another one */
	int64_t accepted, corrected, duplicates, first_seq, last_seq;
	size_t rejected_len, receipts_len;
};

struct post_batch {
	char import[80]; /* "import:NAME": what the store remembers of it; "" = none */
	bool finished;
	struct job_head head;
	bool structured, lines, past, update, receipts;
	struct buf body;
	struct json_items items;
	struct tally now, before;
	int64_t began; /* see struct ingest */
	struct buf rejected, receipts_json;
};

const struct job_head *post_batch_head(const struct post_batch *b)
{
	return &b->head;
}

void post_batch_free(struct post_batch *b)
{
	if (!b)
		return;
	buf_free(&b->body);
	buf_free(&b->rejected);
	buf_free(&b->receipts_json);
	free(b->items.v);
	free(b);
}

struct post_batch *post_batch_new(
	struct ingest *in, const struct frame *f, struct buf *reply, int *status)
{
	struct cx_err e = {0};
	char flag[8];
	int bad = 0;
	uint32_t max = (uint32_t)in->eng->conf->limits_batch_items;
	const char *query = meta_get(f->meta, f->head.meta_len, "query");
	const char *want = query_get(query, "receipts", 0, flag, sizeof flag, &bad);
	struct post_batch *b = xcalloc(1, sizeof *b);
	cx_lang = f->head.caller.lang;
	b->head = f->head;
	b->lines = post_mode(f) == POST_LINES;
	b->structured = !b->lines;
	b->past = f->head.route == ROUTE_IMPORT_POST;
	b->receipts = want && strcmp(want, "1") == 0;
	want = query_get(query, "update", 0, flag, sizeof flag, &bad);
	b->update = want && strcmp(want, "1") == 0;
	if (b->past) {
		const char *name = meta_get(f->meta, f->head.meta_len, "name");
		const char *end = query_get(query, "finished", 0, flag, sizeof flag, &bad);
		snprintf(b->import, sizeof b->import, "import:%s", name ? name : "");
		b->finished = end && strcmp(end, "1") == 0;
	}
	buf_add(&b->body, f->body, f->head.body_len);
	int rc = CX_OK;
	if (b->lines)
		json_split_lines(&b->items, b->body.p, b->body.len, max);
	else
		rc = json_split_array(&b->items, b->body.p, b->body.len, max, &e);
	if (rc >= 0 && b->items.more)
		rc = cx_fail(&e, CX_E_BODY_TOO_LARGE, NULL,
			CX_T("um lote tem no máximo %u eventos", "a batch has at most %u events"),
			max);
	if (rc < 0) {
		*status = problem_write(reply, &e);
		post_batch_free(b);
		return NULL;
	}
	return b;
}

static void reject(struct post_batch *b, const struct cx_errs *errs, const struct event *ev)
{
	const struct cx_err *e = &errs->v[0];
	jw_obj(&b->rejected);
	jw_kint(&b->rejected, "index", b->now.next);
	jw_key(&b->rejected, "id");
	if (ev && ev->id.p && !ev->id_made)
		jw_strn(&b->rejected, ev->id.p, ev->id.n);
	else
		jw_null(&b->rejected);
	jw_kstr(&b->rejected, "code", cx_err_name(e->code));
	jw_kstr(&b->rejected, "field", e->field);
	jw_kstr(&b->rejected, "detail", e->msg);
	if (errs->n > 1) {
		jw_key(&b->rejected, "errors");
		problem_errors(&b->rejected, errs);
	}
	jw_obj_end(&b->rejected);
}

static void accept(
	struct ingest *in, struct post_batch *b, const struct event *ev, enum outcome out)
{
	if (out == INGEST_STORED) {
		b->now.accepted++;
		b->now.corrected += in->corrected;
		if (!b->now.first_seq)
			b->now.first_seq = ev->seq;
		b->now.last_seq = ev->seq;
	} else {
		b->now.duplicates++;
	}
	b->now.id_made |= ev->id_made;
	if (!b->receipts)
		return;
	struct buf *r = &b->receipts_json;
	jw_obj(r);
	jw_kint(r, "index", b->now.next);
	jw_kint(r, "status", out == INGEST_STORED ? 201 : 200);
	size_t at = r->len;
	ingest_receipt(in, ev, r);
	memmove(r->p + at + 1, r->p + at + 2, r->len - at - 2); /* ,{"id"… joins the object */
	r->len--;
}

/* An import that was cut off can be told from one that came to its end. */
static int remember(struct ingest *in, struct post_batch *b)
{
	struct buf was = {0};
	struct cx_err e;
	const char *state = b->finished ? "finished" : "started";
	int rc = store_meta_get(in->eng->store, b->import, &was, &e);
	if (rc == 0 || (rc == 1 && b->finished))
		rc = store_meta_set(in->eng->store, b->import, state, strlen(state), &e);
	buf_free(&was);
	return rc < 0 ? ingest_lost(in, &e) : CX_OK;
}

/* What is due before the next item, or with none left before now, fires first. 1: not all of it did
 * yet. */
static int history(struct ingest *in, const struct post_batch *b, const struct ingest_source *src)
{
	struct cx_err e;
	int64_t until = in->head->now_ms;
	if (!b->past || !timers_history(in))
		return 0;
	if (src && !ingest_time(in, src, b->now.next, &until))
		return 0;
	return timers_import(in, b->now.next, until, &e);
}

/* The end of a step: of the last part of an import all that is due fires, too. */
static int step_end(struct ingest *in, const struct post_batch *b, bool *done)
{
	int rc = 0;
	*done = b->now.next == b->items.n;
	if (*done && b->finished) {
		rc = history(in, b, NULL);
		*done = rc == 0;
		if (*done)
			timers_imported(in);
	}
	return rc < 0 ? rc : CX_OK;
}

int post_batch_step(struct ingest *in, struct post_batch *b, uint32_t max, bool *done)
{
	b->now.rejected_len = b->rejected.len;
	b->now.receipts_len = b->receipts_json.len;
	b->before = b->now;
	if (!b->began)
		b->began = in->next_seq;
	ingest_job_begin(in, &b->head, b->past, b->began);
	in->update = b->update;
	if (b->import[0] && b->now.next == 0 && remember(in, b) < 0)
		return in->errs.v[0].code;
	for (uint32_t i = 0; i < max && b->now.next < b->items.n; i++, b->now.next++) {
		struct str item = b->items.v[b->now.next];
		struct ingest_source src = {
			.body = item.p, .body_len = item.n, .structured = b->structured};
		struct event ev;
		enum outcome out = INGEST_STORED;
		int rc = history(in, b, &src);
		if (rc != 0)
			return rc < 0 ? rc : CX_OK;
		rc = ingest_item(in, &src, b->now.next, &ev, &out);
		if (rc < 0 && in->store_failed)
			return rc;
		if (rc < 0)
			reject(b, &in->errs, &ev);
		else
			accept(in, b, &ev, out);
	}
	return step_end(in, b, done);
}

void post_batch_undo(struct post_batch *b)
{
	b->now = b->before;
	b->rejected.len = b->now.rejected_len;
	b->receipts_json.len = b->now.receipts_len;
}

void post_batch_reply(struct post_batch *b, struct buf *reply, int *status)
{
	jw_obj(reply);
	jw_kint(reply, "accepted", b->now.accepted);
	if (b->update)
		jw_kint(reply, "corrected", b->now.corrected);
	jw_kint(reply, "duplicates", b->now.duplicates);
	jw_key(reply, "rejected");
	jw_arr(reply);
	buf_add(reply, b->rejected.p, b->rejected.len);
	jw_arr_end(reply);
	jw_key(reply, "first_seq");
	if (b->now.first_seq)
		jw_int(reply, b->now.first_seq);
	else
		jw_null(reply);
	jw_key(reply, "last_seq");
	if (b->now.last_seq)
		jw_int(reply, b->now.last_seq);
	else
		jw_null(reply);
	if (b->now.id_made)
		jw_kbool(reply, "retry_safe", false);
	if (b->receipts) {
		jw_key(reply, "receipts");
		jw_arr(reply);
		buf_add(reply, b->receipts_json.p, b->receipts_json.len);
		jw_arr_end(reply);
	}
	jw_obj_end(reply);
	*status = 200;
}
