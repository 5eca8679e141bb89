#include "http/scan.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"

static const char token_marks[] = "!#$%&'*+-.^_`|~";
static unsigned char kind[256]; /* bits: what a byte may be part of */
enum { TOKEN = 1, VALUE = 2, TARGET = 4 };

static void kinds_make(void)
{
	for (int c = 0; c < 256; c++) {
		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c && strchr(token_marks, c)))
			kind[c] |= TOKEN;
		if (c == '\t' || (c >= 0x20 && c != 0x7f))
			kind[c] |= VALUE;
		if (c > 0x20 && c < 0x7f && c != '#')
			kind[c] |= TARGET;
	}
}

static bool is(char c, int what)
{
	return kind[(unsigned char)c] & what;
}

static int bad(struct cx_err *e, const char *pt, const char *en)
{
	return cx_fail(e, CX_E_BAD_REQUEST, NULL, "%s", CX_T(pt, en));
}

static int bad_line(struct cx_err *e)
{
	return bad(e, "o cabeçalho tem CR, LF ou caractere de controle fora do lugar",
		"the head has a CR, LF or control character where none may be");
}

/* HTTP/1.0 or 1.1; n may be short of the whole while the line is not complete. */
static int version(const char *p, size_t n, bool whole, uint8_t *minor, struct cx_err *e)
{
	static const char name[] = "HTTP/";
	size_t look = n < 5 ? n : 5;
	if (n > 8 || (whole && n < 8) || memcmp(p, name, look) != 0 ||
		(n > 5 && (p[5] < '0' || p[5] > '9')) || (n > 6 && p[6] != '.') ||
		(n > 7 && (p[7] < '0' || p[7] > '9')))
		return bad(e, "a primeira linha não termina em HTTP/1.1",
			"the request line does not end in HTTP/1.1");
	if ((n > 5 && p[5] != '1') || (n > 7 && p[7] > '1'))
		return cx_fail(e, CX_E_HTTP_VERSION, NULL,
			CX_T("só HTTP/1.0 e HTTP/1.1 são aceitos",
				"only HTTP/1.0 and HTTP/1.1 are spoken here"));
	if (n == 8)
		*minor = (uint8_t)(p[7] - '0');
	return CX_OK;
}

static int request_line(struct head *h, const char *p, size_t n, bool whole, struct cx_err *e)
{
	const char *s = p + h->line;
	size_t i = 0, m;
	while (i < n && is(s[i], TOKEN))
		i++;
	h->method = (struct span){h->line, (uint32_t)i};
	if (i == n && !whole)
		return CX_OK;
	if (i == 0 || i == n || s[i] != ' ')
		return bad(e, "o método não é válido", "the method is not valid");
	for (m = ++i; i < n && is(s[i], TARGET); i++)
		;
	h->target = (struct span){h->line + (uint32_t)m, (uint32_t)(i - m)};
	if (i == n && !whole)
		return CX_OK;
	if (i == m || i == n || s[i] != ' ')
		return bad(e, "o endereço do pedido tem um caractere que não pode",
			"the request target has a character that may not be there");
	i++;
	return version(s + i, n - i, whole, &h->minor, e);
}

static int field_line(struct head *h, const char *p, size_t n, bool whole, struct cx_err *e)
{
	const char *s = p + h->line;
	size_t i = 0;
	if (n && (s[0] == ' ' || s[0] == '\t'))
		return bad(e, "linha de cabeçalho dobrada (obs-fold)",
			"folded header line (obs-fold)");
	while (i < n && is(s[i], TOKEN))
		i++;
	if (i == n && !whole)
		return CX_OK;
	if (i == 0 || i == n || s[i] != ':')
		return bad(e, "um nome de cabeçalho não é válido", "a header name is not valid");
	if (!whole)
		return CX_OK;
	size_t from = i + 1, to = n;
	while (from < to && (s[from] == ' ' || s[from] == '\t'))
		from++;
	while (to > from && (s[to - 1] == ' ' || s[to - 1] == '\t'))
		to--;
	if (h->n == HEAD_FIELDS)
		return cx_fail(e, CX_E_HEAD_TOO_LARGE, NULL,
			CX_T("mais de %d cabeçalhos", "more than %d headers"), HEAD_FIELDS);
	h->f[h->n++] = (struct head_field){
		{h->line, (uint32_t)i}, {h->line + (uint32_t)from, (uint32_t)(to - from)}};
	return CX_OK;
}

static int line(struct head *h, const char *p, size_t n, bool whole, struct cx_err *e)
{
	return h->started ? field_line(h, p, n, whole, e) : request_line(h, p, n, whole, e);
}

/* What is true of a framing decision and of nothing else. */
static int frame_rules(const struct head *h, const char *p, struct cx_err *e)
{
	const struct head_field *len = head_find(h, p, "content-length", 0),
				*te = head_find(h, p, "transfer-encoding", 0);
	if (len && te)
		return bad(e, "Content-Length e Transfer-Encoding juntos",
			"both Content-Length and Transfer-Encoding");
	if (len) {
		if (head_find(h, p, "content-length", 1))
			return bad(e, "Content-Length repetido", "Content-Length twice");
		bool ok = len->value.n > 0 && len->value.n < 19;
		for (uint32_t i = 0; ok && i < len->value.n; i++)
			ok = p[len->value.at + i] >= '0' && p[len->value.at + i] <= '9';
		if (!ok)
			return bad(
				e, "Content-Length não é um número", "Content-Length is no number");
	}
	if (te && (h->minor == 0 || head_find(h, p, "transfer-encoding", 1) ||
			  !span_is(p, te->value, "chunked")))
		return bad(e, "só Transfer-Encoding: chunked é aceito, em HTTP/1.1",
			"only Transfer-Encoding: chunked is accepted, in HTTP/1.1");
	return CX_OK;
}

static int head_rules(const struct head *h, const char *p, struct cx_err *e)
{
	const struct head_field *host = head_find(h, p, "host", 0);
	if ((!host && h->minor == 1) || head_find(h, p, "host", 1))
		return bad(
			e, "o pedido precisa de exatamente um Host", "exactly one Host is needed");
	for (uint32_t i = 0; host && i < host->value.n; i++) {
		char c = p[host->value.at + i];
		if (!is(c, TARGET) || c == '/' || c == '@' || c == '?')
			return bad(e, "o Host não é válido", "the Host is not valid");
	}
	return frame_rules(h, p, e);
}

static int too_long(const struct head *h, struct cx_err *e)
{
	return h->started ? cx_fail(e, CX_E_HEAD_TOO_LARGE, NULL, "%s",
				    CX_T("os cabeçalhos passam do limite",
					    "the headers are over the limit"))
			  : cx_fail(e, CX_E_URI_TOO_LONG, NULL, "%s",
				    CX_T("o endereço do pedido passa do limite",
					    "the request target is over the limit"));
}

/* The line is complete: n bytes without its CRLF. 1: it was the empty one that ends the head. */
static int take_line(struct head *h, const char *p, size_t n, struct cx_err *e)
{
	if (n == 0 && h->started) {
		int rc = head_rules(h, p, e);
		return rc == CX_OK ? 1 : rc;
	}
	if (n == 0 && ++h->blank_lines > 4)
		return bad(e, "linhas vazias antes do pedido", "empty lines before the request");
	if (n) {
		int rc = line(h, p, n, true, e);
		if (rc != CX_OK)
			return rc;
		h->started = true;
		/* two lengths are wrong however the head goes on */
		uint32_t name = h->n ? h->f[h->n - 1].name.n : 0;
		if ((name == 14 || name == 17) && (rc = frame_rules(h, p, e)) != CX_OK)
			return rc;
	}
	h->line += (uint32_t)n + 2;
	h->checked = 0;
	return 0;
}

int head_scan(struct head *h, const char *p, size_t n, size_t limit, size_t *size, struct cx_err *e)
{
	if (!kind['a'])
		kinds_make();
	for (;;) {
		size_t i = h->line + h->checked, end = n < limit ? n : limit;
		while (i < end && is(p[i], VALUE))
			i++;
		h->checked = (uint32_t)(i - h->line);
		if (i >= limit)
			return too_long(h, e);
		if (i == n || (p[i] == '\r' && i + 1 == n))
			return line(h, p, i - h->line, false, e);
		if (p[i] != '\r' || p[i + 1] != '\n')
			return bad_line(e);
		int rc = take_line(h, p, i - h->line, e);
		if (rc == 1)
			*size = i + 2;
		if (rc != 0)
			return rc;
	}
}

bool span_is(const char *p, struct span s, const char *lower)
{
	return strncasecmp(p + s.at, lower, s.n) == 0 && lower[s.n] == 0;
}

const struct head_field *head_find(const struct head *h, const char *p, const char *name, int i)
{
	size_t n = strlen(name);
	for (int k = 0; k < h->n; k++) {
		const struct head_field *f = &h->f[k];
		if (f->name.n == n && (p[f->name.at] | 32) == name[0] &&
			strncasecmp(p + f->name.at, name, n) == 0 && i-- == 0)
			return f;
	}
	return NULL;
}

enum {
	SIZE,
	EXT,
	EXT_NAME,
	EXT_VALUE,
	EXT_TOKEN,
	EXT_QUOTED,
	EXT_ESCAPED,
	EXT_END,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER,
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	LAST_LF
};
enum { EXTRA_MAX = 8 * 1024, DIGITS_MAX = 15 };

/* The size and its extensions: 1*HEXDIG *( ";" token [ "=" ( token / quoted ) ] ) CR. */
static int size_state(struct chunk *c, char b)
{
	switch (c->state) {
	case SIZE:
		if (hex_digit(b) >= 0 && c->digits < DIGITS_MAX) {
			c->digits++;
			c->left = c->left * 16 + (unsigned)hex_digit(b);
			return SIZE;
		}
		if (!c->digits)
			return -1;
		return b == ';' ? EXT : b == '\r' ? SIZE_LF : -1;
	case EXT: return is(b, TOKEN) ? EXT_NAME : -1;
	case EXT_NAME:
		if (is(b, TOKEN))
			return EXT_NAME;
		return b == '=' ? EXT_VALUE : b == ';' ? EXT : b == '\r' ? SIZE_LF : -1;
	case EXT_VALUE: return b == '"' ? EXT_QUOTED : is(b, TOKEN) ? EXT_TOKEN : -1;
	case EXT_TOKEN:
		if (is(b, TOKEN))
			return EXT_TOKEN;
		return b == ';' ? EXT : b == '\r' ? SIZE_LF : -1;
	case EXT_QUOTED:
		return b == '"'       ? EXT_END
		       : b == '\\'    ? EXT_ESCAPED
		       : is(b, VALUE) ? EXT_QUOTED
				      : -1;
	case EXT_ESCAPED: return is(b, VALUE) ? EXT_QUOTED : -1;
	case EXT_END: return b == ';' ? EXT : b == '\r' ? SIZE_LF : -1;
	default: return -1;
	}
}

static int line_state(struct chunk *c, char b)
{
	switch (c->state) {
	case SIZE_LF: return b != '\n' ? -1 : c->left ? DATA : TRAILER;
	case DATA_CR: return b == '\r' ? DATA_LF : -1;
	case DATA_LF: c->digits = 0; return b == '\n' ? SIZE : -1;
	case TRAILER: return b == '\r' ? LAST_LF : is(b, TOKEN) ? TRAILER_NAME : -1;
	case TRAILER_NAME: return is(b, TOKEN) ? TRAILER_NAME : b == ':' ? TRAILER_VALUE : -1;
	case TRAILER_VALUE: return is(b, VALUE) ? TRAILER_VALUE : b == '\r' ? TRAILER_LF : -1;
	case TRAILER_LF: return b == '\n' ? TRAILER : -1;
	default: return -1;
	}
}

int chunk_scan(struct chunk *c, const char *p, size_t n, size_t *used, struct cx_err *e)
{
	for (size_t i = 0; i < n;) {
		if (c->state == DATA) {
			size_t take = n - i < c->left ? n - i : (size_t)c->left;
			i += take;
			c->left -= take;
			if (c->left == 0)
				c->state = DATA_CR;
			continue;
		}
		if (c->state == LAST_LF && p[i] == '\n') {
			*used = i + 1;
			return 1;
		}
		int next = c->state < SIZE_LF ? size_state(c, p[i]) : line_state(c, p[i]);
		c->extra += (next > SIZE && next < SIZE_LF) || next > TRAILER;
		if (next < 0 || c->extra > EXTRA_MAX)
			return bad(e, "o corpo em partes (chunked) está malformado",
				"the chunked body is malformed");
		c->state = (uint8_t)next;
		i++;
	}
	*used = n;
	return 0;
}
