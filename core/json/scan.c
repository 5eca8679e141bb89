#include "json/scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "json/decimal.h"
#include "json/inner.h"

/* Bytes that a string holds as they are, one byte a character. */
static const uint8_t plain[256] = {[0x20 ... 0x21] = 1, [0x23 ... 0x5b] = 1, [0x5d ... 0x7f] = 1};

int json_bad(struct json_scanner *s, const unsigned char *at, const char *pt, const char *en)
{
	return cx_fail(s->e, CX_E_BAD_JSON, NULL,
		CX_T("JSON inválido no byte %zu: %s", "invalid JSON at byte %zu: %s"),
		(size_t)(at - s->src), CX_T(pt, en));
}

static const unsigned char *bad(
	struct json_scanner *s, const unsigned char *at, const char *pt, const char *en)
{
	json_bad(s, at, pt, en);
	return NULL;
}

static int ends_early(struct json_scanner *s)
{
	return json_bad(s, s->end, "o texto termina antes do fim", "the text ends too early");
}

static int hex4(const unsigned char *p, const unsigned char *end)
{
	int v = 0;
	for (int i = 0; i < 4; i++) {
		int digit = p + i < end ? hex_digit((char)p[i]) : -1;
		if (digit < 0)
			return -1;
		v = v << 4 | digit;
	}
	return v;
}

/* p at the backslash; returns what follows the escape. */
static const unsigned char *escape(struct json_scanner *s, const unsigned char *p, uint8_t *escaped)
{
	if (!*escaped)
		*escaped = JSON_ESCAPED;
	if (s->end - p < 2) {
		ends_early(s);
		return NULL;
	}
	if (p[1] != 'u') {
		if (!p[1] || !strchr("\"\\/bfnrt", p[1]))
			return bad(s, p, "escape desconhecido", "unknown escape");
		return p + 2;
	}
	int v = hex4(p + 2, s->end);
	if (v < 0)
		return bad(s, p, "\\u pede quatro dígitos hexadecimais",
			"\\u needs four hexadecimal digits");
	if (v == 0)
		*escaped = JSON_ESCAPED_NUL;
	if (v < 0xd800 || v > 0xdfff)
		return p + 6;
	int low = v < 0xdc00 && s->end - p >= 12 && p[6] == '\\' && p[7] == 'u'
			  ? hex4(p + 8, s->end)
			  : -1;
	if (low < 0xdc00 || low > 0xdfff)
		return bad(s, p, "metade de um par substituto UTF-16 sem a outra",
			"half of a UTF-16 surrogate pair without the other");
	return p + 12;
}

/* p after the opening quote; returns the closing one. */
static const unsigned char *string(struct json_scanner *s, const unsigned char *p, uint8_t *escaped)
{
	const unsigned char *end = s->end;
	for (;;) {
		while (p < end && plain[*p])
			p++;
		if (p == end) {
			ends_early(s);
			return NULL;
		}
		if (*p == '"')
			return p;
		if (*p == '\\') {
			p = escape(s, p, escaped);
			if (!p)
				return NULL;
		} else if (*p < 0x20) {
			return bad(s, p, "caractere de controle num texto",
				"control character in a string");
		} else {
			size_t n = utf8_len((const char *)p, (size_t)(end - p));
			if (!n)
				return bad(s, p, "não é UTF-8 válido", "not valid UTF-8");
			p += n;
		}
	}
}

static bool is_digit(const unsigned char *p, const unsigned char *end)
{
	return p < end && *p >= '0' && *p <= '9';
}

/* Whether a double can hold a number of valid form without becoming infinite. */
static bool in_range(const unsigned char *p, size_t n)
{
	struct json_decimal d;
	bool ok = json_decimal((struct str){(const char *)p, (uint32_t)n}, &d);
	if (!d.n)
		return true;
	if (!ok || d.exp + (int64_t)d.n > 309)
		return false;
	if (d.exp + (int64_t)d.n < 309)
		return true;
	char *text = xstrndup((const char *)p, n);
	bool finite = isfinite(strtod(text, NULL));
	free(text);
	return finite;
}

/* p at '-' or a digit; returns what follows the number. */
static const unsigned char *number(struct json_scanner *s, const unsigned char *p, uint8_t *type)
{
	const unsigned char *from = p, *end = s->end;
	p += *p == '-';
	if (!is_digit(p, end))
		return bad(s, p, "falta um dígito", "a digit is missing");
	bool zero = *p == '0';
	while (is_digit(++p, end))
		if (zero)
			return bad(s, from, "zero à esquerda num número",
				"number with a leading zero");
	*type = zero && *from == '-' ? JSON_NUMBER : JSON_INTEGER;
	bool wide = p - from > 300;
	if (p < end && *p == '.') {
		*type = JSON_NUMBER;
		if (!is_digit(++p, end))
			return bad(s, p, "falta um dígito", "a digit is missing");
		while (is_digit(p, end))
			p++;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		*type = JSON_NUMBER;
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		if (!is_digit(p, end))
			return bad(s, p, "falta um dígito", "a digit is missing");
		while (is_digit(p, end))
			p++;
		wide = true;
	}
	if (wide && !in_range(from, (size_t)(p - from))) {
		cx_fail(s->e, CX_E_NUMBER_RANGE, NULL,
			CX_T("no byte %zu: número grande demais (mais de 1,797e308)",
				"at byte %zu: the number is too large (over 1.797e308)"),
			(size_t)(from - s->src));
		return NULL;
	}
	return p;
}

static struct json_node *node_add(struct json_scanner *s, uint8_t type, const unsigned char *at)
{
	struct json_doc *d = s->d;
	if (d->n >= s->max_nodes) {
		cx_fail(s->e, CX_E_BODY_TOO_LARGE, NULL,
			CX_T("no byte %zu: mais de %u valores", "at byte %zu: more than %u values"),
			(size_t)(at - s->src), s->max_nodes);
		return NULL;
	}
	if (d->n == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 64;
		d->nodes = xrealloc(d->nodes, d->cap * sizeof *d->nodes);
	}
	struct json_node *n = &d->nodes[d->n++];
	*n = (struct json_node){.type = type, .at = (uint32_t)(at - s->src), .next = d->n};
	return n;
}

void json_skip_space(struct json_scanner *s)
{
	const unsigned char *p = s->p, *end = s->end;
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	s->p = p;
}

static bool string_node(struct json_scanner *s)
{
	struct json_node *n = node_add(s, JSON_STRING, s->p + 1);
	const unsigned char *close = n ? string(s, s->p + 1, &n->escaped) : NULL;
	if (!close)
		return false;
	n->len = (uint32_t)(close - s->p - 1);
	s->p = close + 1;
	return true;
}

static bool word(struct json_scanner *s, const char *text, size_t len, uint8_t type)
{
	if ((size_t)(s->end - s->p) < len || memcmp(s->p, text, len) != 0)
		return bad(s, s->p, "palavra desconhecida", "unknown word");
	struct json_node *n = node_add(s, type, s->p);
	if (!n)
		return false;
	n->len = (uint32_t)len;
	s->p += len;
	return true;
}

static bool scalar(struct json_scanner *s)
{
	const unsigned char *from = s->p;
	switch (*from) {
	case '"': return string_node(s);
	case 't': return word(s, "true", 4, JSON_TRUE);
	case 'f': return word(s, "false", 5, JSON_FALSE);
	case 'n': return word(s, "null", 4, JSON_NULL);
	default: break;
	}
	if (*from != '-' && (*from < '0' || *from > '9'))
		return bad(s, from, "aqui devia começar um valor", "a value should begin here");
	struct json_node *n = node_add(s, JSON_NUMBER, from);
	const unsigned char *after = n ? number(s, from, &n->type) : NULL;
	if (!after)
		return false;
	n->len = (uint32_t)(after - from);
	s->p = after;
	return true;
}

static bool key(struct json_scanner *s)
{
	json_skip_space(s);
	if (s->p == s->end)
		return ends_early(s) == CX_OK;
	if (*s->p != '"')
		return bad(s, s->p, "falta o nome de um campo entre aspas",
			"a quoted field name is missing");
	if (!string_node(s))
		return false;
	json_skip_space(s);
	if (s->p == s->end)
		return ends_early(s) == CX_OK;
	if (*s->p != ':')
		return bad(s, s->p, "falta ':'", "':' is missing");
	s->p++;
	return true;
}

static bool key_twice(struct json_scanner *s, uint32_t node)
{
	char shown[SHOWN_MAX];
	const struct json_node *n = &s->d->nodes[node];
	cx_fail(s->e, CX_E_BAD_JSON, NULL,
		CX_T("JSON inválido no byte %u: o campo \"%s\" aparece duas vezes no objeto",
			"invalid JSON at byte %u: the key \"%s\" appears twice in the object"),
		n->at, words_show(shown, (struct str){(const char *)s->src + n->at, n->len}));
	return false;
}

/* s->p at the closing bracket of the innermost open container. */
static bool close_container(struct json_scanner *s)
{
	uint32_t top = s->open[--s->depth];
	struct json_node *n = &s->d->nodes[top];
	s->p++;
	n->len = (uint32_t)(s->p - s->src) - n->at;
	n->next = s->d->n;
	if (n->type == JSON_OBJECT && n->count > 1) {
		uint32_t twice = json_key_twice(s->d, top);
		if (twice)
			return key_twice(s, twice);
	}
	if (s->lean) {
		s->d->n = top + 1;
		n->next = top + 1;
	}
	return true;
}

/* s->p at '{' or '['. *empty: it is already closed again. */
static bool open_container(struct json_scanner *s, bool *empty)
{
	bool object = *s->p == '{';
	if (s->depth >= s->max_depth) {
		cx_fail(s->e, CX_E_TOO_DEEP, NULL,
			CX_T("no byte %zu: mais de %d níveis de aninhamento",
				"at byte %zu: nested more than %d levels deep"),
			(size_t)(s->p - s->src), s->max_depth);
		return false;
	}
	if (!node_add(s, object ? JSON_OBJECT : JSON_ARRAY, s->p))
		return false;
	s->open[s->depth++] = s->d->n - 1;
	s->p++;
	json_skip_space(s);
	*empty = s->p < s->end && *s->p == (object ? '}' : ']');
	if (*empty)
		return close_container(s);
	return !object || key(s);
}

/* After a value: closes what ends here. *more: another value follows. */
static bool after_value(struct json_scanner *s, bool *more)
{
	for (*more = false; s->depth && !*more;) {
		struct json_node *top = &s->d->nodes[s->open[s->depth - 1]];
		bool object = top->type == JSON_OBJECT;
		top->count++;
		if (s->lean && !object)
			s->d->n = s->open[s->depth - 1] + 1;
		json_skip_space(s);
		if (s->p == s->end)
			return ends_early(s) == CX_OK;
		if (*s->p == ',') {
			s->p++;
			if (object && !key(s))
				return false;
			*more = true;
		} else if (*s->p != (object ? '}' : ']')) {
			return object ? bad(s, s->p, "falta ',' ou '}'", "',' or '}' is missing")
				      : bad(s, s->p, "falta ',' ou ']'", "',' or ']' is missing");
		} else if (!close_container(s)) {
			return false;
		}
	}
	return true;
}

static bool values(struct json_scanner *s)
{
	bool more = true;
	while (more) {
		bool complete = true;
		json_skip_space(s);
		if (s->p == s->end)
			return ends_early(s) == CX_OK;
		if (*s->p == '{' || *s->p == '[') {
			if (!open_container(s, &complete))
				return false;
		} else if (!scalar(s)) {
			return false;
		}
		if (complete && !after_value(s, &more))
			return false;
	}
	return true;
}

int json_scan_value(struct json_scanner *s)
{
	struct cx_err local, *given = s->e;
	if (!given)
		s->e = &local;
	int rc = values(s) ? CX_OK : s->e->code;
	s->e = given;
	return rc;
}

void json_scanner_init(
	struct json_scanner *s, struct json_doc *d, const char *src, size_t len, struct cx_err *e)
{
	d->src = src;
	d->n = 0;
	s->d = d;
	s->src = s->p = (const unsigned char *)src;
	s->end = s->src + len;
	s->e = e;
	s->max_nodes = UINT32_MAX;
	s->max_depth = JSON_DEPTH;
	s->depth = 0;
	s->lean = false;
}

int json_scan(struct json_doc *d, const char *src, size_t len, int depth, uint32_t max_nodes,
	struct cx_err *e)
{
	struct json_scanner s;
	if (len > UINT32_MAX)
		return cx_fail(e, CX_E_BODY_TOO_LARGE, NULL, "%s",
			CX_T("o texto passa de 4 GiB", "the text is over 4 GiB"));
	json_scanner_init(&s, d, src ? src : "", len, e);
	s.max_depth = depth < JSON_DEPTH ? depth : JSON_DEPTH;
	s.max_nodes = max_nodes;
	int rc = json_scan_value(&s);
	if (rc != CX_OK)
		return rc;
	json_skip_space(&s);
	if (s.p != s.end)
		return json_bad(&s, s.p, "há texto depois do fim", "there is text after the end");
	return CX_OK;
}

void json_doc_free(struct json_doc *d)
{
	free(d->nodes);
	*d = (struct json_doc){0};
}
