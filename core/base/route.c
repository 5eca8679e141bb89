#include "base/route.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/nearest.h"
#include "base/text.h"

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

/* Appends the decoded segment; false if its encoding is broken. */
static bool decode(struct buf *out, const char *s, size_t n)
{
	buf_reserve(out, n);
	int len = percent_decode(s, n, false, out->p + out->len, n);
	if (len < 0 || !utf8_ok(out->p + out->len, (size_t)len))
		return false;
	out->len += (size_t)len;
	return true;
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

static bool listed(const char *names, const char *name)
{
	size_t n = strlen(name);
	for (; *names; names += strcspn(names, " "), names += *names == ' ')
		if (*names == '*' || (strcspn(names, " ") == n && strncmp(names, name, n) == 0))
			return true;
	return false;
}

static int unknown(const char *name, const char *names, struct cx_err *e)
{
	struct buf list = {0};
	struct nearest near = {.word = name};
	char words[ROUTE_QUERY_MAX], hint[96] = "";
	snprintf(words, sizeof words, "%s", names);
	for (char *rest, *word = strtok_r(words, " ", &rest); word;
		word = strtok_r(NULL, " ", &rest)) {
		buf_printf(&list, "%s%s", list.len ? ", " : "", word);
		nearest_try(&near, word);
	}
	if (near.best)
		snprintf(hint, sizeof hint, CX_T(" (seria %s?)", " (did you mean %s?)"), near.best);
	int rc = list.len ? cx_fail(e, CX_E_BAD_QUERY, name,
				    CX_T("%s: parâmetro desconhecido%s; há %s",
					    "%s: unknown parameter%s; there are %s"),
				    name, hint, buf_cstr(&list))
			  : cx_fail(e, CX_E_BAD_QUERY, name,
				    CX_T("%s: parâmetro desconhecido; aqui não há nenhum",
					    "%s: unknown parameter; there are none here"),
				    name);
	buf_free(&list);
	return rc;
}

int route_query(enum route route, const char *query, struct cx_err *e)
{
	const char *names = routes[route].query;
	char name[64];
	for (; query && *query; query += strcspn(query, "&"), query += *query == '&')
		if (*query != '&' && query_name(query, 0, name, sizeof name) &&
			!listed(names, name))
			return unknown(*name ? name : "?", names, e);
	return CX_OK;
}
