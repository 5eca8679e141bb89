#include "base/buf.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"

static void out_of_memory(void)
{
	fputs("cxd: out of memory\n", stderr);
	abort();
}

void *xmalloc(size_t n)
{
	void *p = malloc(n ? n : 1);
	if (!p)
		out_of_memory();
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);
	if (!p)
		out_of_memory();
	return p;
}

void *xrealloc(void *old, size_t n)
{
	void *p = realloc(old, n ? n : 1);
	if (!p)
		out_of_memory();
	return p;
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *xstrndup(const char *s, size_t n)
{
	char *p = xmalloc(n + 1);
	memcpy(p, s, n);
	p[n] = 0;
	return p;
}

void buf_reserve(struct buf *b, size_t more)
{
	size_t need = b->len + more + 1;
	if (need <= b->cap)
		return;
	size_t cap = b->cap ? b->cap : 64;
	while (cap < need)
		cap *= 2;
	b->p = xrealloc(b->p, cap);
	b->cap = cap;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	buf_reserve(b, n);
	if (n)
		memcpy(b->p + b->len, p, n);
	b->len += n;
}

void buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_reserve(b, 128);
	int n = vsnprintf(b->p + b->len, b->cap - b->len, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= b->cap - b->len) {
		buf_reserve(b, (size_t)n);
		va_start(ap, fmt);
		vsnprintf(b->p + b->len, b->cap - b->len, fmt, ap);
		va_end(ap);
	}
	b->len += (size_t)n;
}

void buf_drop(struct buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->p, b->p + n, b->len - n);
	b->len -= n;
}

char *buf_cstr(struct buf *b)
{
	buf_reserve(b, 0);
	b->p[b->len] = 0;
	return b->p;
}

void buf_clear(struct buf *b)
{
	b->len = 0;
}

void buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){0};
}

static void comma(struct buf *b)
{
	if (!b->len)
		return;
	char c = b->p[b->len - 1];
	if (c != '{' && c != '[' && c != ':' && c != ',' && c != '\n')
		buf_add(b, ",", 1);
}

void jw_obj(struct buf *b)
{
	comma(b);
	buf_add(b, "{", 1);
}

void jw_obj_end(struct buf *b)
{
	buf_add(b, "}", 1);
}

void jw_arr(struct buf *b)
{
	comma(b);
	buf_add(b, "[", 1);
}

void jw_arr_end(struct buf *b)
{
	buf_add(b, "]", 1);
}

void jw_strn(struct buf *b, const char *s, size_t n)
{
	comma(b);
	buf_reserve(b, n + 2);
	buf_add(b, "\"", 1);
	size_t from = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
			continue;
		buf_add(b, s + from, i - from);
		from = i + 1;
		switch (c) {
		case '"': buf_puts(b, "\\\""); break;
		case '\\': buf_puts(b, "\\\\"); break;
		case '\n': buf_puts(b, "\\n"); break;
		case '\r': buf_puts(b, "\\r"); break;
		case '\t': buf_puts(b, "\\t"); break;
		default: buf_printf(b, "\\u%04x", c);
		}
	}
	buf_add(b, s + from, n - from);
	buf_add(b, "\"", 1);
}

void jw_str(struct buf *b, const char *s)
{
	if (s)
		jw_strn(b, s, strlen(s));
	else
		jw_null(b);
}

void jw_key(struct buf *b, const char *key)
{
	jw_str(b, key);
	buf_add(b, ":", 1);
}

void jw_int(struct buf *b, int64_t v)
{
	char t[24];
	char *p = t + sizeof t;
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	do
		*--p = (char)('0' + u % 10);
	while (u /= 10);
	if (v < 0)
		*--p = '-';
	comma(b);
	buf_add(b, p, (size_t)(t + sizeof t - p));
}

static int put_digits(char *out, const struct digits *x)
{
	char *o = out;
	for (int i = x->point > 0 ? 0 : x->point - 1; i < x->n || i < x->point; i++) {
		if (i == x->point)
			*o++ = '.';
		*o++ = i >= 0 && i < x->n ? x->d[i] : '0';
	}
	return (int)(o - out);
}

/* As "%.*g" with as many digits as are needed. */
void jw_double(struct buf *b, double v)
{
	char t[40], *o = t;
	struct digits x;
	if (!isfinite(v)) {
		jw_null(b);
		return;
	}
	digits_of(v, &x);
	if (signbit(v))
		*o++ = '-';
	if (x.point < -3 || x.point > x.tried) { /* 1.5e+21 */
		int power = x.point - 1;
		x.point = 1;
		o += put_digits(o, &x);
		o += sprintf(o, "e%+03d", power);
	} else {
		o += put_digits(o, &x);
	}
	comma(b);
	buf_add(b, t, (size_t)(o - t));
}

void jw_bool(struct buf *b, bool v)
{
	comma(b);
	buf_puts(b, v ? "true" : "false");
}

void jw_null(struct buf *b)
{
	comma(b);
	buf_puts(b, "null");
}

void jw_raw(struct buf *b, const char *json, size_t n)
{
	comma(b);
	buf_add(b, json, n);
}

void jw_kstr(struct buf *b, const char *key, const char *s)
{
	jw_key(b, key);
	jw_str(b, s);
}

void jw_kint(struct buf *b, const char *key, int64_t v)
{
	jw_key(b, key);
	jw_int(b, v);
}

void jw_kbool(struct buf *b, const char *key, bool v)
{
	jw_key(b, key);
	jw_bool(b, v);
}

void jw_kdouble(struct buf *b, const char *key, double v)
{
	jw_key(b, key);
	jw_double(b, v);
}

void jw_knull(struct buf *b, const char *key)
{
	jw_key(b, key);
	jw_null(b);
}
