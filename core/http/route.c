#include "http/route.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

void route_split(const char *target, size_t n, const char **path, size_t *path_n,
	const char **query, size_t *query_n)
{
	size_t from = 0, end;
	if (n >= 7 && strncasecmp(target, "http://", 7) == 0)
		from = 7;
	else if (n >= 8 && strncasecmp(target, "https://", 8) == 0)
		from = 8;
	if (from)
		while (from < n && target[from] != '/' && target[from] != '?')
			from++;
	for (end = from; end < n && target[end] != '?'; end++)
		;
	*path = target + from;
	*path_n = end - from;
	if (*path_n == 0) { /* http://host?query */
		*path = "/";
		*path_n = 1;
	}
	*query = end < n ? target + end + 1 : NULL;
	*query_n = end < n ? n - end - 1 : 0;
}

bool utf8_ok(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	for (size_t i = 0; i < n;) {
		unsigned c = p[i++], more, least;
		if (c && c < 0x80)
			continue;
		if (c >= 0xc2 && c < 0xe0)
			more = 1, least = 0x80, c &= 0x1f;
		else if (c >= 0xe0 && c < 0xf0)
			more = 2, least = 0x800, c &= 0x0f;
		else if (c >= 0xf0 && c < 0xf5)
			more = 3, least = 0x10000, c &= 0x07;
		else
			return false;
		for (; more; more--) {
			if (i == n || (p[i] & 0xc0) != 0x80)
				return false;
			c = c << 6 | (p[i++] & 0x3f);
		}
		if (c < least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			return false;
	}
	return true;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Appends the decoded segment; false if its encoding is broken. */
static bool decode(struct buf *out, const char *s, size_t n)
{
	size_t from = out->len;
	for (size_t i = 0; i < n; i++) {
		char c = s[i];
		if (c == '%') {
			if (n - i < 3 || hex(s[i + 1]) < 0 || hex(s[i + 2]) < 0)
				return false;
			c = (char)(hex(s[i + 1]) * 16 + hex(s[i + 2]));
			i += 2;
		}
		buf_add(out, &c, 1);
	}
	return utf8_ok(out->p + from, out->len - from);
}

/* 1 the path is this row's (parameters appended), 0 not, -1 a parameter is badly encoded. */
static int match(const char *row, const char *path, size_t n, struct buf *meta)
{
	const char *end = path + n;
	while (*row == '/' && path < end && *path == '/') {
		const char *s = ++path;
		size_t want = strcspn(++row, "/");
		while (path < end && *path != '/')
			path++;
		size_t got = (size_t)(path - s);
		if (row[0] != '{') {
			if (want != got || memcmp(row, s, got) != 0)
				return 0;
		} else if (got == 0) {
			return 0;
		} else {
			buf_add(meta, row + 1, want - 2);
			buf_add(meta, "", 1);
			if (!decode(meta, s, got))
				return -1;
			buf_add(meta, "", 1);
		}
		row += want;
	}
	return *row == 0 && path == end;
}

int route_find(const char *method, const char *path, size_t n, enum route *route,
	char allow[ROUTE_ALLOW_MAX], struct buf *meta, struct cx_err *e)
{
	size_t before = meta->len, len = 0;
	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	allow[0] = 0;
	for (int i = 0; i < ROUTE_COUNT; i++) {
		int rc = match(routes[i].path, path, n, meta);
		if (rc == 1 && strcmp(routes[i].method, method) == 0) {
			*route = (enum route)i;
			return CX_OK;
		}
		meta->len = before;
		if (rc < 0)
			return cx_fail(e, CX_E_BAD_REQUEST, NULL, "%s",
				CX_T("o endereço não é UTF-8 bem codificado",
					"the request target is not well-encoded UTF-8"));
		bool get = strcmp(routes[i].method, "GET") == 0;
		if (rc == 1 && len < ROUTE_ALLOW_MAX - 16)
			len += (size_t)snprintf(allow + len, ROUTE_ALLOW_MAX - len, "%s%s%s",
				len ? ", " : "", routes[i].method, get ? ", HEAD" : "");
	}
	if (len)
		return cx_fail(e, CX_E_METHOD_NOT_ALLOWED, NULL,
			CX_T("aqui só se aceita %s", "only %s is possible here"), allow);
	return cx_fail(e, CX_E_NOT_FOUND, NULL,
		CX_T("não há nada em %.*s", "there is nothing at %.*s"), n < 200 ? (int)n : 200,
		path);
}
