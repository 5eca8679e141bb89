#include "http/answer.h"

#include <http_parser.h>
#include <string.h>

#include "base/job.h"

#define ADD(b, lit) buf_add(b, "" lit, sizeof(lit) - 1)

static void add_number(struct buf *b, size_t v)
{
	char t[24], *p = t + sizeof t;
	do
		*--p = (char)('0' + v % 10);
	while (v /= 10);
	buf_add(b, p, (size_t)(t + sizeof t - p));
}

/* "name\0value\0…"; a value with a line's end would be another header. */
static void add_headers(struct buf *out, const char *p, size_t n)
{
	const char *end = p + n;
	while (p < end) {
		const char *name = p, *value = name + strlen(name) + 1;
		p = value + strlen(value) + 1;
		if (strpbrk(value, "\r\n"))
			continue;
		buf_puts(out, name);
		ADD(out, ": ");
		buf_puts(out, value);
		ADD(out, "\r\n");
	}
}

void answer_write(struct buf *out, const struct answer *a)
{
	buf_reserve(out, 512 + (a->head_only || a->follows ? 0 : a->n));
	ADD(out, "HTTP/1.1 ");
	add_number(out, (size_t)a->status);
	ADD(out, " ");
	buf_puts(out, http_status_str((enum http_status)a->status));
	bool no_body = a->status == 204 || a->status == 304;
	if (!no_body) {
		ADD(out, "\r\nContent-Type: ");
		buf_puts(out, a->type            ? a->type
			      : a->status >= 400 ? "application/problem+json"
						 : "application/json");
	}
	if (a->stream) {
		if (!a->http10)
			ADD(out, "\r\nTransfer-Encoding: chunked");
	} else if (!no_body) {
		ADD(out, "\r\nContent-Length: ");
		add_number(out, a->n);
	}
	if (!meta_get(a->headers, (uint32_t)a->nheaders, "Cache-Control"))
		ADD(out, "\r\nCache-Control: no-store");
	ADD(out, "\r\nX-Content-Type-Options: nosniff\r\n");
	add_headers(out, a->headers, a->nheaders);
	if (a->status == 401)
		ADD(out, "WWW-Authenticate: Bearer realm=\"cxd\"\r\n");
	if (a->retry_after) {
		ADD(out, "Retry-After: ");
		add_number(out, (size_t)a->retry_after);
		ADD(out, "\r\n");
	}
	if (a->status == 405 && a->allow) {
		ADD(out, "Allow: ");
		buf_puts(out, a->allow);
		ADD(out, "\r\n");
	}
	if (!a->keep_alive)
		ADD(out, "Connection: close\r\n");
	else if (a->http10)
		ADD(out, "Connection: keep-alive\r\n");
	ADD(out, "\r\n");
	if (!a->head_only && !a->follows && !no_body)
		buf_add(out, a->body, a->n);
}
