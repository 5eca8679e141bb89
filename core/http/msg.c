#include "http/msg.h"

#include <string.h>

static size_t head_limit;

static int on_headers_complete(http_parser *p)
{
	p->upgrade = 0; /* Upgrade is ignored */
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t n)
{
	struct msg *m = p->data;
	m->body_got += n;
	if (m->body_got > m->body_max)
		return 1;
	if (!m->drop_body)
		buf_add(&m->body, at, n);
	return 0;
}

static int on_complete(http_parser *p)
{
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_complete,
};

void msg_init(struct msg *m, size_t head_max)
{
	*m = (struct msg){0};
	head_limit = head_max;
	http_parser_set_max_header_size(2 * 1024 * 1024); /* ours is the limit */
	msg_reset(m);
}

void msg_reset(struct msg *m)
{
	m->head.line = m->head.checked = 0;
	m->head.started = false;
	m->head.n = 0;
	m->head.blank_lines = 0;
	m->chunk = (struct chunk){0};
	http_parser_init(&m->parser, HTTP_REQUEST);
	m->parser.data = m;
	buf_clear(&m->text);
	if (m->body.cap > MSG_KEEP)
		buf_free(&m->body);
	buf_clear(&m->body);
	m->body_max = m->body_got = 0;
	m->have_head = m->drop_body = m->chunked = m->keep_alive = false;
	m->method = NULL;
	m->length = 0;
}

void msg_free(struct msg *m)
{
	buf_free(&m->text);
	buf_free(&m->body);
}

static int refused(const struct msg *m, struct cx_err *e)
{
	enum http_errno why = HTTP_PARSER_ERRNO(&m->parser);
	if (m->body_got > m->body_max)
		return cx_fail(e, CX_E_BODY_TOO_LARGE, NULL,
			CX_T("o corpo passa de %zu bytes", "the body is over %zu bytes"),
			m->body_max);
	if (why == HPE_INVALID_METHOD)
		return cx_fail(e, CX_E_NOT_IMPLEMENTED, NULL, "%s",
			CX_T("método desconhecido", "unknown method"));
	return cx_fail(e, CX_E_BAD_REQUEST, NULL,
		CX_T("o pedido está malformado (%s)", "the request is malformed (%s)"),
		http_errno_name(why));
}

static bool paused(const struct msg *m)
{
	return HTTP_PARSER_ERRNO(&m->parser) == HPE_PAUSED;
}

static int take_head(struct msg *m, const char *p, size_t size, struct cx_err *e)
{
	const char *name = p + m->head.method.at;
	if (m->head.method.n == 7 && memcmp(name, "CONNECT", 7) == 0)
		return cx_fail(e, CX_E_NOT_IMPLEMENTED, NULL, "%s",
			CX_T("CONNECT não existe aqui", "there is no CONNECT here"));
	size_t done = http_parser_execute(&m->parser, &settings, p, size);
	/* a message without body is complete, and paused, with its head */
	if (done != size || (HTTP_PARSER_ERRNO(&m->parser) != HPE_OK && !paused(m)))
		return refused(m, e);
	m->have_head = true;
	m->method = http_method_str((enum http_method)m->parser.method);
	m->chunked = m->parser.flags & F_CHUNKED;
	m->keep_alive = http_should_keep_alive(&m->parser);
	m->length = m->parser.flags & F_CONTENTLENGTH && !m->chunked && !paused(m)
			    ? m->parser.content_length
			    : 0;
	buf_add(&m->text, p, size);
	return FEED_HEAD;
}

static int take_body(struct msg *m, const char *p, size_t n, size_t *used, struct cx_err *e)
{
	int ours = 0;
	if (m->chunked) {
		ours = chunk_scan(&m->chunk, p, n, used, e);
		if (ours < 0)
			return ours;
		n = *used;
	}
	*used = http_parser_execute(&m->parser, &settings, p, n);
	if (paused(m) && (!m->chunked || (ours == 1 && *used == n)))
		return FEED_WHOLE;
	/* where the two disagree about the end nobody should go on */
	if (HTTP_PARSER_ERRNO(&m->parser) != HPE_OK || ours == 1 || *used != n)
		return refused(m, e);
	return FEED_MORE;
}

int msg_feed(struct msg *m, const char *p, size_t n, size_t *used, struct cx_err *e)
{
	size_t size = 0;
	*used = 0;
	if (m->have_head && paused(m))
		return FEED_WHOLE;
	if (m->have_head)
		return n ? take_body(m, p, n, used, e) : FEED_MORE;
	int rc = head_scan(&m->head, p, n, head_limit, &size, e);
	if (rc != 1)
		return rc;
	rc = take_head(m, p, size, e);
	if (rc == FEED_HEAD)
		*used = size;
	return rc;
}

const char *msg_field(const struct msg *m, const char *name, size_t *n)
{
	const struct head_field *f = head_find(&m->head, m->text.p, name, 0);
	*n = f ? f->value.n : 0;
	return f ? m->text.p + f->value.at : NULL;
}
