#include "http/conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/evidence.h"
#include "base/problem.h"
#include "base/tz.h"
#include "http/answer.h"
#include "http/download.h"
#include "http/stream.h"
#include "http/upload.h"
#include "base/route.h"

static const size_t small_body = 64 * 1024;

/* Of Accept-Language the wanted one of our two; the company's where neither is named. */
static enum cx_lang language(const char *s, size_t n, const char *locale)
{
	enum cx_lang lang = strncasecmp(locale, "en", 2) == 0 ? CX_EN : CX_PT;
	double best = 0;
	char text[256], *save = NULL;
	snprintf(text, sizeof text, "%.*s", (int)n, s);
	for (char *tag = strtok_r(text, ",", &save); tag; tag = strtok_r(NULL, ",", &save)) {
		tag += strspn(tag, " \t");
		const char *weight = strstr(tag, "q=");
		double q = weight ? strtod(weight + 2, NULL) : 1;
		bool pt = strncasecmp(tag, "pt", 2) == 0, en = strncasecmp(tag, "en", 2) == 0;
		if ((pt || en) && q > best) {
			best = q;
			lang = pt ? CX_PT : CX_EN;
		}
	}
	return lang;
}

void request_language(struct conn *c)
{
	/* also for a head that broke off: its text is still in the input */
	const char *p = c->msg.have_head ? c->msg.text.p : c->in.p ? c->in.p + c->at : NULL;
	const struct head_field *f = p ? head_find(&c->msg.head, p, "accept-language", 0) : NULL;
	cx_lang = language(
		f ? p + f->value.at : "", f ? f->value.n : 0, c->http->conf->company_locale);
}

static void meta_add(struct buf *meta, const char *name, const char *v, size_t n)
{
	buf_add(meta, name, strlen(name) + 1);
	buf_add(meta, v, n);
	buf_add(meta, "", 1);
}

static int twice(struct conn *c, const char *name)
{
	return cx_fail(&c->err, CX_E_BAD_REQUEST, name,
		CX_T("o cabeçalho %s veio duas vezes", "the header %s is there twice"), name);
}

/* Type in lower case; parameters are kept only where they say something. */
static void content_type(struct conn *c, const char *s, size_t n)
{
	size_t at = c->meta.len, end = 0;
	while (end < n && s[end] != ';')
		end++;
	size_t par = end;
	while (end && (s[end - 1] == ' ' || s[end - 1] == '\t'))
		end--;
	for (par += par < n; par < n && (s[par] == ' ' || s[par] == '\t'); par++)
		;
	meta_add(&c->meta, "content-type", s, end);
	if (par < n && !(n - par == 13 && strncasecmp(s + par, "charset=utf-8", 13) == 0) &&
		!(n - par == 15 && strncasecmp(s + par, "charset=\"utf-8\"", 15) == 0)) {
		c->meta.len--;
		buf_puts(&c->meta, "; ");
		buf_add(&c->meta, s + par, n - par);
		buf_add(&c->meta, "", 1);
	}
	for (; at < c->meta.len; at++)
		if (c->meta.p[at] >= 'A' && c->meta.p[at] <= 'Z')
			c->meta.p[at] |= 32;
}

static int ce_headers(struct conn *c)
{
	const struct head *h = &c->msg.head;
	const char *p = c->msg.text.p;
	for (int i = 0; i < h->n; i++) {
		const struct head_field *f = &h->f[i];
		char name[64];
		if (f->name.n < 4 || strncasecmp(p + f->name.at, "ce-", 3) != 0)
			continue;
		if (f->name.n >= sizeof name)
			return cx_fail(&c->err, CX_E_BAD_REQUEST, NULL, "%s",
				CX_T("nome de cabeçalho ce- longo demais",
					"ce- header name too long"));
		for (uint32_t k = 0; k < f->name.n; k++) {
			char b = p[f->name.at + k];
			name[k] = b >= 'A' && b <= 'Z' ? (char)(b | 32) : b;
		}
		name[f->name.n] = 0;
		if (head_find(h, p, name, 1))
			return twice(c, name);
		meta_add(&c->meta, name, p + f->value.at, f->value.n);
	}
	return CX_OK;
}

static int conditions(struct conn *c)
{
	static const char *const names[] = {"if-match", "if-none-match", "range", "if-range"};
	bool ranges = c->route == ROUTE_EVIDENCE_GET && strcmp(c->msg.method, "GET") == 0;
	size_t n;
	for (int i = 0; i < (ranges ? 4 : 2); i++) {
		const char *v = msg_field(&c->msg, names[i], &n);
		if (v && head_find(&c->msg.head, c->msg.text.p, names[i], 1))
			return twice(c, names[i]);
		if (v)
			meta_add(&c->meta, names[i], v, n);
	}
	return CX_OK;
}

/* Of the routes of evidence: its name, and what it is to be given back as. */
static int file_named(struct conn *c)
{
	if (c->route != ROUTE_EVIDENCE_PUT && c->route != ROUTE_EVIDENCE_GET)
		return CX_OK;
	const char *media = meta_get(c->meta.p, (uint32_t)c->meta.len, "content-type");
	if (!evidence_name_ok(meta_get(c->meta.p, (uint32_t)c->meta.len, "sha256")))
		return cx_fail(&c->err, CX_E_BAD_REQUEST, "sha256", "%s",
			CX_T("o nome é o sha256 do conteúdo: 64 algarismos hexadecimais, "
			     "minúsculos",
				"the name is the sha256 of the content: 64 hexadecimal digits in "
				"lower case"));
	if (c->route == ROUTE_EVIDENCE_PUT && media && !evidence_media_ok(media))
		return cx_fail(&c->err, CX_E_BAD_REQUEST, "content-type", "%s",
			CX_T("Content-Type deve ser como image/jpeg",
				"Content-Type must be like image/jpeg"));
	return CX_OK;
}

static int describe(struct conn *c, const char *query, size_t query_n)
{
	size_t n;
	const char *v;
	if (query)
		meta_add(&c->meta, "query", query, query_n);
	if (head_find(&c->msg.head, c->msg.text.p, "content-type", 1))
		return twice(c, "content-type");
	if ((v = msg_field(&c->msg, "content-type", &n)) != NULL)
		content_type(c, v, n);
	if ((v = msg_field(&c->msg, "last-event-id", &n)) != NULL)
		meta_add(&c->meta, "last-event-id", v, n);
	if ((v = msg_field(&c->msg, "content-encoding", &n)) != NULL &&
		!(n == 8 && strncasecmp(v, "identity", 8) == 0))
		return cx_fail(&c->err, CX_E_UNSUPPORTED_MEDIA_TYPE, "content-encoding", "%s",
			CX_T("corpo comprimido não é aceito", "a compressed body is not accepted"));
	if (conditions(c) != CX_OK || file_named(c) != CX_OK)
		return c->err.code;
	return ce_headers(c);
}

static int plan(struct conn *c)
{
	struct http *h = c->http;
	struct cx_err *e = &c->err;
	const char *path, *query;
	size_t path_n, query_n;
	int rc = CX_OK, found;
	c->caller = c->peer;
	c->caller.lang = (uint8_t)cx_lang;
	c->route = ROUTE_COUNT;
	buf_clear(&c->meta);
	if (c->is_tcp && (rc = auth_host(&h->auth, &c->msg, e)) != CX_OK)
		return rc;
	if ((rc = auth_origin(&c->msg, e)) != CX_OK)
		return rc;
	struct span target = c->msg.head.target;
	route_split(c->msg.text.p + target.at, target.n, &path, &path_n, &query, &query_n);
	struct cx_err unknown;
	found = route_find(c->msg.method, path, path_n, &c->route, c->allow, &c->meta, &unknown);
	enum level least = found == CX_OK ? routes[c->route].level : LEVEL_FRONTLINE;
	if (h->stopping && least > LEVEL_NONE) /* how it is doing can be asked to the end */
		return cx_fail(e, CX_E_STOPPING, NULL, "%s",
			CX_T("o servidor está parando", "the server is stopping"));
	if (least > LEVEL_NONE) {
		rc = auth_token(&h->auth, &c->msg, clock_now_ms(), &c->seen, &c->caller, e);
		if (rc != CX_OK)
			return rc;
		if (c->caller.level == LEVEL_NONE)
			return cx_fail(e, CX_E_UNAUTHENTICATED, NULL, "%s",
				CX_T("identifique-se com Authorization: Bearer TOKEN, ou peça a um "
				     "administrador uma linha em [access]",
					"authenticate with Authorization: Bearer TOKEN, or ask an "
					"administrator for a line in [access]"));
	}
	if (found != CX_OK) {
		*e = unknown;
		return found;
	}
	if (c->caller.level < least)
		return cx_fail(e, CX_E_FORBIDDEN, NULL,
			CX_T("isto exige o nível %s; o seu é %s",
				"this needs the level %s; yours is %s"),
			level_name(least), level_name(c->caller.level));
	rc = describe(c, query, query_n);
	return rc < 0 ? rc
		      : route_query(
				c->route, meta_get(c->meta.p, (uint32_t)c->meta.len, "query"), e);
}

int request_plan(struct conn *c)
{
	request_language(c);
	c->plan = plan(c);
	return c->plan;
}

/* Does the request carry many events? */
static bool is_batch(const struct conn *c)
{
	static const char *const many[] = {
		"application/cloudevents-batch+json", "application/x-ndjson"};
	const char *type = meta_get(c->meta.p, (uint32_t)c->meta.len, "content-type");
	for (int i = 0; type && i < 2; i++) {
		size_t n = strlen(many[i]);
		if (strncmp(type, many[i], n) == 0 && (type[n] == 0 || type[n] == ';'))
			return true;
	}
	return false;
}

size_t request_body_max(const struct conn *c, bool *drop)
{
	enum body_limit limit = c->plan == CX_OK ? routes[c->route].body : BODY_NONE;
	*drop = limit == BODY_NONE;
	const struct conf *conf = c->http->conf;
	if (limit == BODY_EVIDENCE)
		return (size_t)conf->limits_evidence;
	if (limit == BODY_EVENT)
		return (size_t)conf->limits_event;
	if (limit != BODY_EVENTS)
		return small_body;
	return (size_t)(is_batch(c) ? conf->limits_batch : conf->limits_body);
}

bool request_must_wait(const struct conn *c)
{
	return c->plan == CX_OK && c->jobs > 0 &&
	       (c->jobs_batch || c->jobs_who != routes[c->route].who);
}

static struct request *request_new(struct conn *c)
{
	struct http *h = c->http;
	struct request *r = h->spare;
	if (r)
		h->spare = r->next;
	else
		r = xcalloc(1, sizeof *r);
	struct buf keep = r->answer;
	*r = (struct request){.conn = c, .route = ROUTE_COUNT, .answer = keep};
	buf_clear(&r->answer);
	*c->last = r;
	c->last = &r->next;
	c->nrequests++;
	h->outstanding++;
	return r;
}

void request_let_go(struct request *r)
{
	if (r->upload)
		upload_free(r->upload);
	if (r->download)
		download_free(r->download);
	r->upload = NULL;
	r->download = NULL;
}

void request_pop(struct conn *c)
{
	struct request *r = c->first;
	c->first = r->next;
	if (!c->first)
		c->last = &c->first;
	c->nrequests--;
	if (r->answer.cap > MSG_KEEP)
		buf_free(&r->answer);
	r->next = c->http->spare;
	c->http->spare = r;
}

/* Seconds until it is worth asking again: a queue drains and an engine restarts at once, a daemon
 * that stops ends its drain first. */
static int retry_after(const struct http *h, int status)
{
	if (status == 503 && h->stopping)
		return 1 + (int)((h->conf->server_drain + 999) / 1000);
	return status == 503 ? 2 : status == 429;
}

void request_sent(struct request *r)
{
	struct conn *c = r->conn;
	if (r->stream)
		stream_free(r->stream);
	request_let_go(r);
	c->http->outstanding--;
	c->jobs -= r->submitted;
	r->done = true;
	if (r == c->first) {
		request_pop(c);
		while (c->first && c->first->done) {
			buf_add(&c->out, c->first->answer.p, c->first->answer.len);
			request_pop(c);
		}
	}
	if (!c->first && !c->msg.have_head && c->in.len == c->at)
		c->since = uv_now(c->http->loop); /* idle from here on */
	conn_dirty(c);
}

void request_finish(struct request *r, struct answer a)
{
	struct conn *c = r->conn;
	if (c->http->stopping && !r->next && !c->parked && !c->msg.have_head) {
		r->keep_alive = false;
		c->closing = true;
	}
	a.allow = c->allow; /* a 405 is answered at once */
	a.retry_after = retry_after(c->http, a.status);
	a.head_only = r->head_only;
	a.keep_alive = r->keep_alive;
	a.http10 = r->http10;
	int class = a.status / 100;
	answer_write(r == c->first ? &c->out : &r->answer, &a);
	c->http->answers[r->route][class >= 1 && class <= 5 ? class : 0]++;
	if (!a.follows)
		request_sent(r);
}

void request_end_stream(struct request *r)
{
	struct conn *c = r->conn;
	stream_free(r->stream);
	c->http->answers[r->route][2]++;
	c->http->outstanding--;
	c->jobs--;
	c->closing = true;
	r->done = true;
	request_pop(c);
	conn_dirty(c);
}

static void finish_error(struct request *r, const struct cx_err *e)
{
	struct buf body = {0};
	int status = problem_write(&body, e);
	request_finish(r, (struct answer){.status = status, .body = body.p, .n = body.len});
	buf_free(&body);
}

void http_answer(struct request *r, int status, const char *headers, size_t nheaders,
	const char *json, size_t n)
{
	if (r->stream && (status == 200 || r->stream->begun)) {
		stream_page(r->stream, status, json, n);
		return;
	}
	if (r->download && (status == 200 || status == 206)) {
		download_begin(r->download, status, headers, nheaders, json, n);
		return;
	}
	request_finish(r, (struct answer){.status = status,
				  .body = json,
				  .n = n,
				  .headers = headers,
				  .nheaders = nheaders});
}

void http_refuse(struct request *r, int code, const char *pt, const char *en)
{
	struct cx_err e;
	if (r->stream && stream_refused(r->stream))
		return;
	cx_lang = (enum cx_lang)r->caller.lang;
	cx_fail(&e, code, NULL, "%s", CX_T(pt, en));
	finish_error(r, &e);
}

void request_fail(struct conn *c, const struct cx_err *e)
{
	struct request *r = request_new(c);
	r->route = c->msg.have_head ? c->route : ROUTE_COUNT;
	r->head_only = c->msg.have_head && strcmp(c->msg.method, "HEAD") == 0;
	c->closing = true;
	c->want_continue = false;
	if (c->upload)
		upload_free(c->upload);
	c->upload = NULL;
	finish_error(r, e);
}

static void own(struct conn *c, struct request *r)
{
	struct buf body = {0};
	const char *type = NULL;
	int status = c->http->host.own(c->http->host.ctx, r, &body, &type);
	request_finish(
		r, (struct answer){.status = status, .type = type, .body = body.p, .n = body.len});
	buf_free(&body);
}

/* Hands the request to the engine that answers it. */
static void submit(struct conn *c, struct request *r)
{
	if (r->upload)
		upload_describe(r->upload, &c->meta);
	else if (c->route == ROUTE_EVIDENCE_GET)
		r->download =
			download_open(r, meta_get(c->meta.p, (uint32_t)c->meta.len, "sha256"));
	struct job_head h = {.meta_len = (uint32_t)c->meta.len,
		.body_len = (uint32_t)c->msg.body.len,
		.route = (uint16_t)c->route,
		.caller = c->caller};
	r->submitted = true;
	c->jobs++;
	c->jobs_who = routes[c->route].who;
	c->jobs_batch = routes[c->route].body == BODY_EVENTS && is_batch(c);
	if (c->http->host.submit(c->http->host.ctx, r, &h, c->meta.p, c->msg.body.p, &c->err) !=
		CX_OK)
		finish_error(r, &c->err);
}

void request_take(struct conn *c)
{
	struct msg *m = &c->msg;
	struct request *r = request_new(c);
	r->route = c->route;
	r->caller = c->caller;
	r->upload = c->upload;
	c->upload = NULL;
	r->head_only = m->parser.method == HTTP_HEAD;
	r->http10 = m->head.minor == 0;
	r->keep_alive = m->keep_alive && !c->http->stopping;
	if (!r->keep_alive)
		c->closing = true;
	cx_lang = (enum cx_lang)r->caller.lang;
	if (c->plan == CX_OK && r->upload)
		c->plan = upload_check(
			r->upload, meta_get(c->meta.p, (uint32_t)c->meta.len, "sha256"), &c->err);
	if (c->plan != CX_OK) {
		finish_error(r, &c->err);
	} else if (routes[c->route].who == WHO_FRONT) {
		own(c, r);
	} else if (c->route == ROUTE_STREAM_GET && !r->head_only) {
		r->submitted = true;
		c->jobs++;
		c->jobs_who = WHO_READER;
		stream_open(c, r);
	} else {
		submit(c, r);
	}
	msg_reset(m);
}
