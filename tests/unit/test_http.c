/* Requests as bytes: what is read, what is refused, where it goes, who may call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/answer.h"
#include "http/auth.h"
#include "http/msg.h"
#include "base/route.h"

/* Reads one request, in pieces of the given size; body is left in *m. */
static int read_pieces(struct msg *m, const char *text, size_t piece, struct cx_err *e)
{
	struct buf in = {0};
	size_t n = strlen(text), used;
	int rc = FEED_MORE;
	e->code = 0;
	msg_init(m, 1024);
	for (size_t at = 0; at < n && rc >= 0 && rc != FEED_WHOLE; at += piece) {
		buf_add(&in, text + at, n - at < piece ? n - at : piece);
		do {
			rc = msg_feed(m, in.p, in.len, &used, e);
			if (rc == FEED_HEAD)
				m->body_max = 100;
			if (rc >= 0)
				buf_drop(&in, used);
		} while (rc == FEED_HEAD);
	}
	buf_free(&in);
	return rc;
}

#define HEAD    "POST /v1/events HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED HEAD "Transfer-Encoding: chunked\r\n\r\n"

static void test_messages(void **state)
{
	static const struct {
		const char *text, *body;
	} good[] = {
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""},
		{"\r\nGET / HTTP/1.0\r\n\r\n", ""},
		{HEAD "Content-Length: 3\r\n\r\nabc", "abc"},
		{HEAD "Content-Length: 003\r\n\r\nabc", "abc"},
		{HEAD "Content-Length: 0\r\n\r\n", ""},
		{HEAD "Upgrade: ws\r\nConnection: upgrade\r\nContent-Length: 1\r\n\r\nx", "x"},
		{CHUNKED "3\r\nabc\r\n0\r\n\r\n", "abc"},
		{CHUNKED "3;a=b;c=\"d\\\";\"\r\nabc\r\n02\r\nde\r\n000\r\nX: y\r\n\r\n", "abcde"},
		{"PATCH /x HTTP/1.1\r\nHost:\t[::1]:80 \r\nX-\xc3: 1\r\n\r\n", NULL},
		{"PATCH /x HTTP/1.1\r\nHost:\t[::1]:80 \r\nX: \xc3\r\n\r\n", ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		for (size_t piece = 1; piece < 300; piece = piece * 3 + 1) {
			struct msg m;
			struct cx_err e;
			int rc = read_pieces(&m, good[i].text, piece, &e);
			if (!good[i].body) {
				assert_int_equal(rc, CX_E_BAD_REQUEST);
			} else {
				assert_int_equal(rc, FEED_WHOLE);
				assert_string_equal(buf_cstr(&m.body), good[i].body);
			}
			msg_free(&m);
		}
}

static void test_refusals(void **state)
{
	static const struct {
		const char *text;
		int code;
	} bad[] = {
		{"GET / HTTP/1.1\r\n\r\n", CX_E_BAD_REQUEST},
		{"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", CX_E_BAD_REQUEST},
		{"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", CX_E_BAD_REQUEST},
		{"GET / HTTP/5.6", CX_E_HTTP_VERSION},
		{"GET / HTTP/1.2\r\n", CX_E_HTTP_VERSION},
		{"GET / HTTP/1.10\r\n", CX_E_BAD_REQUEST},
		{"GET  / HTTP/1.1\r\n", CX_E_BAD_REQUEST},
		{"GET /a b HTTP/1.1\r\n", CX_E_BAD_REQUEST},
		{"GET /\x7f HTTP/1.1\r\n", CX_E_BAD_REQUEST},
		{"GET / HTTP/1.1\nHost: a\n\n", CX_E_BAD_REQUEST},
		{"GET / HTTP/1.1\r\nHost: a\r\n x", CX_E_BAD_REQUEST},
		{HEAD "X : y\r\n", CX_E_BAD_REQUEST},
		{HEAD "X: a\rb\r\n", CX_E_BAD_REQUEST},
		{HEAD "X: a\x01\r\n", CX_E_BAD_REQUEST},
		{HEAD "Content-Length: 1\r\nContent-Length: 1\r\n", CX_E_BAD_REQUEST},
		{HEAD "Content-Length: +1\r\n", CX_E_BAD_REQUEST},
		{HEAD "Content-Length: 99999999999999999999\r\n", CX_E_BAD_REQUEST},
		{HEAD "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", CX_E_BAD_REQUEST},
		{HEAD "Transfer-Encoding: gzip, chunked\r\n", CX_E_BAD_REQUEST},
		{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", CX_E_BAD_REQUEST},
		{"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", CX_E_NOT_IMPLEMENTED},
		{"MKCOLA / HTTP/1.1\r\nHost: a\r\n\r\n", CX_E_NOT_IMPLEMENTED},
		{CHUNKED "3 \r\nabc", CX_E_BAD_REQUEST},
		{CHUNKED "0x3\r\nabc", CX_E_BAD_REQUEST},
		{CHUNKED "3;\r\nabc", CX_E_BAD_REQUEST},
		{CHUNKED "3;a=\"b\r\nabc", CX_E_BAD_REQUEST},
		{CHUNKED "3\r\nabcd\r\n", CX_E_BAD_REQUEST},
		{CHUNKED "3\nabc\r\n", CX_E_BAD_REQUEST},
		{CHUNKED "0\r\nX y\r\n", CX_E_BAD_REQUEST},
		{CHUNKED "fffffffffffffffff\r\n", CX_E_BAD_REQUEST},
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		for (size_t piece = 1; piece < 300; piece = piece * 3 + 1) {
			struct msg m;
			struct cx_err e;
			int rc = read_pieces(&m, bad[i].text, piece, &e);
			if (rc != bad[i].code)
				print_error("%s: %d\n", bad[i].text, rc);
			assert_int_equal(rc, bad[i].code);
			assert_int_equal(e.code, bad[i].code);
			msg_free(&m);
		}
}

/* However many chunks a body has; only their extensions and the trailers are limited. */
static void test_many_chunks(void **state)
{
	struct chunk c = {0};
	struct cx_err e;
	size_t used;
	(void)state;
	for (int i = 0; i < 20000; i++)
		assert_int_equal(chunk_scan(&c, "1\r\nx\r\n", 6, &used, &e), 0);
	assert_int_equal(chunk_scan(&c, "0\r\n\r\n", 5, &used, &e), 1);
	for (int which = 0; which < 2; which++) {
		int rc = 0;
		c = (struct chunk){0};
		if (which)
			assert_int_equal(chunk_scan(&c, "0\r\n", 3, &used, &e), 0);
		for (int i = 0; i < 20000 && rc == 0; i++)
			rc = which ? chunk_scan(&c, "X: y\r\n", 6, &used, &e)
				   : chunk_scan(&c, "1;a\r\nx\r\n", 8, &used, &e);
		assert_int_equal(rc, CX_E_BAD_REQUEST);
	}
}

static void test_limits(void **state)
{
	char text[5000] = "GET /";
	struct msg m;
	struct cx_err e;
	(void)state;
	memset(text + 5, 'a', 2000);
	assert_int_equal(read_pieces(&m, text, 100, &e), CX_E_URI_TOO_LONG);
	msg_free(&m);
	strcpy(text, HEAD "X: ");
	memset(text + strlen(text), 'b', 2000);
	assert_int_equal(read_pieces(&m, text, 100, &e), CX_E_HEAD_TOO_LARGE);
	msg_free(&m);
	strcpy(text, HEAD);
	for (int i = 0; i < HEAD_FIELDS; i++)
		strcat(text, "a:b\r\n");
	assert_int_equal(read_pieces(&m, text, 100, &e), CX_E_HEAD_TOO_LARGE);
	msg_free(&m);
	memset(text, 0, sizeof text);
	strcpy(text, CHUNKED "65\r\n");
	memset(text + strlen(text), 'c', 101);
	assert_int_equal(read_pieces(&m, text, 7, &e), CX_E_BODY_TOO_LARGE);
	msg_free(&m);
}

static void test_routes(void **state)
{
	static const struct {
		const char *method, *path;
		int code;
		enum route route;
		const char *allow, *name, *value;
	} rows[] = {
		{"GET", "/v1/kpis/a%2Fb%20c", CX_OK, ROUTE_KPI_GET, "", "id", "a/b c"},
		{"HEAD", "/v1/kpis", CX_OK, ROUTE_KPIS_GET, "", NULL, NULL},
		{"DELETE", "/v1/tokens/pdv", CX_OK, ROUTE_TOKEN_DELETE, "", "name", "pdv"},
		{"PUT", "/v1/events", CX_E_METHOD_NOT_ALLOWED, 0, "POST, GET, HEAD", NULL, NULL},
		{"OPTIONS", "/v1/me", CX_E_METHOD_NOT_ALLOWED, 0, "GET, HEAD", NULL, NULL},
		{"GET", "/v1/kpis/", CX_E_NOT_FOUND, 0, "", NULL, NULL},
		{"GET", "/v1/kpis/a/b", CX_E_NOT_FOUND, 0, "", NULL, NULL},
		{"GET", "/v1/kpi", CX_E_NOT_FOUND, 0, "", NULL, NULL},
		{"GET", "/", CX_E_NOT_FOUND, 0, "", NULL, NULL},
		{"GET", "*", CX_E_NOT_FOUND, 0, "", NULL, NULL},
		{"GET", "/v1/kpis/%00", CX_E_BAD_REQUEST, 0, "", NULL, NULL},
		{"GET", "/v1/kpis/%c3", CX_E_BAD_REQUEST, 0, "", NULL, NULL},
		{"GET", "/v1/kpis/%2", CX_E_BAD_REQUEST, 0, "", NULL, NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf meta = {0};
		enum route route = ROUTE_COUNT;
		char allow[ROUTE_ALLOW_MAX];
		int rc = route_find(rows[i].method, rows[i].path, strlen(rows[i].path), &route,
			allow, &meta, NULL);
		assert_int_equal(rc, rows[i].code);
		assert_string_equal(allow, rows[i].allow);
		if (rc == CX_OK)
			assert_int_equal(route, rows[i].route);
		if (rows[i].name)
			assert_string_equal(
				meta_get(meta.p, (uint32_t)meta.len, rows[i].name), rows[i].value);
		else
			assert_int_equal(meta.len, 0);
		buf_free(&meta);
	}
}

static void test_targets(void **state)
{
	static const char *const rows[][3] = {{"/a?b=c", "/a", "b=c"}, {"/a", "/a", NULL},
		{"http://h:1/a?b", "/a", "b"}, {"http://h?b", "/", "b"}, {"HTTP://h", "/", NULL},
		{"/http://x", "/http://x", NULL}, {"/a?", "/a", ""}};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *path, *query;
		size_t n, qn;
		route_split(rows[i][0], strlen(rows[i][0]), &path, &n, &query, &qn);
		assert_int_equal(n, strlen(rows[i][1]));
		assert_memory_equal(path, rows[i][1], n);
		assert_int_equal(query != NULL, rows[i][2] != NULL);
		if (query)
			assert_memory_equal(query, rows[i][2], qn);
	}
}

static struct conf conf = {.server_hosts = (char *)"cx.loja.example, outro:81"};

static struct msg head_of(const char *fields)
{
	struct msg m;
	struct cx_err e;
	char text[900];
	snprintf(text, sizeof text, "GET / HTTP/1.1\r\n%s\r\n", fields);
	assert_int_equal(read_pieces(&m, text, sizeof text, &e), FEED_WHOLE);
	return m;
}

static void test_places(void **state)
{
	static const struct {
		const char *fields;
		int host, origin;
	} rows[] = {
		{"Host: localhost:7878\r\n", CX_OK, CX_OK},
		{"Host: 127.0.0.1:7878\r\nOrigin: http://127.0.0.1:7878\r\n", CX_OK, CX_OK},
		{"Host: [::1]:7878\r\n", CX_OK, CX_OK},
		{"Host: CX.loja.example\r\n", CX_OK, CX_OK},
		{"Host: cx.loja.example:443\r\nOrigin: https://cx.loja.example:443\r\n", CX_OK,
			CX_OK},
		{"Host: outro:81\r\n", CX_OK, CX_OK},
		{"Host: outro\r\n", CX_E_MISDIRECTED, CX_OK},
		{"Host: localhost\r\n", CX_E_MISDIRECTED, CX_OK},
		{"Host: localhost:78\r\n", CX_E_MISDIRECTED, CX_OK},
		{"Host: evil.example:7878\r\n", CX_E_MISDIRECTED, CX_OK},
		{"Host: \r\n", CX_E_MISDIRECTED, CX_OK},
		{"Host: localhost:7878\r\nOrigin: http://localhost:78\r\n", CX_OK,
			CX_E_CROSS_ORIGIN},
		{"Host: localhost:7878\r\nOrigin: null\r\n", CX_OK, CX_E_CROSS_ORIGIN},
		{"Host: localhost:7878\r\nSec-Fetch-Site: cross-site\r\n", CX_OK,
			CX_E_CROSS_ORIGIN},
		{"Host: localhost:7878\r\nSec-Fetch-Site: same-origin\r\n", CX_OK, CX_OK},
	};
	struct auth a;
	(void)state;
	auth_init(&a, &conf);
	strcpy(a.tcp_port, "7878");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct msg m = head_of(rows[i].fields);
		assert_int_equal(auth_host(&a, &m, NULL), rows[i].host);
		assert_int_equal(auth_origin(&m, NULL), rows[i].origin);
		msg_free(&m);
	}
}

static void test_tokens(void **state)
{
	struct token_row rows[3] = {{.name = "pdv", .unit = "b07", .level = LEVEL_FRONTLINE},
		{.name = "old", .level = LEVEL_ADMIN, .expires_ms = 1000},
		{.name = "ana", .level = 2}};
	struct auth a;
	struct auth_seen seen = {0};
	struct caller c = {.level = LEVEL_ADMIN};
	(void)state;
	auth_init(&a, &conf);
	struct msg m = head_of("Host: a\r\nAuthorization: bearer  cxd_one\r\n");
	assert_int_equal(auth_token(&a, &m, 0, &seen, &c, NULL), CX_E_ENGINE_RESTARTING);
	SHA256((const unsigned char *)"cxd_one", 7, rows[0].sha256);
	SHA256((const unsigned char *)"cxd_two", 7, rows[1].sha256);
	auth_tokens(&a, rows, 3);
	for (int i = 0; i < 2; i++) { /* the second time it is remembered */
		assert_int_equal(auth_token(&a, &m, 0, &seen, &c, NULL), CX_OK);
		assert_int_equal(c.level, LEVEL_FRONTLINE);
		assert_string_equal(c.token, "pdv");
		assert_string_equal(c.unit, "b07");
	}
	auth_tokens(&a, rows + 1, 2); /* revoked: also where it was remembered */
	assert_int_equal(auth_token(&a, &m, 0, &seen, &c, NULL), CX_E_UNAUTHENTICATED);
	msg_free(&m);
	m = head_of("Host: a\r\nAuthorization: Bearer cxd_two\r\n");
	assert_int_equal(auth_token(&a, &m, 999, &seen, &c, NULL), CX_OK);
	assert_int_equal(auth_token(&a, &m, 1000, &seen, &c, NULL), CX_E_UNAUTHENTICATED);
	msg_free(&m);
	m = head_of("Host: a\r\nAuthorization: Basic eA==\r\n");
	assert_int_equal(auth_token(&a, &m, 0, &seen, &c, NULL), CX_E_UNAUTHENTICATED);
	msg_free(&m);
	auth_free(&a);
}

static void test_peer(void **state)
{
	struct auth a;
	struct caller c = {0};
	int fd[2];
	(void)state;
	auth_init(&a, &conf);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	auth_peer(&a, fd[0], &c);
	assert_int_equal(c.uid, getuid());
	assert_int_equal(c.level, LEVEL_ADMIN);
	close(fd[0]);
	close(fd[1]);
}

static void test_answers(void **state)
{
	struct buf b = {0};
	(void)state;
	answer_write(
		&b, &(struct answer){.status = 405, .body = "{}", .n = 2, .allow = "GET, HEAD"});
	assert_string_equal(buf_cstr(&b),
		"HTTP/1.1 405 Method Not Allowed\r\nContent-Type: application/problem+json\r\n"
		"Content-Length: 2\r\nCache-Control: no-store\r\nX-Content-Type-Options: "
		"nosniff\r\n"
		"Allow: GET, HEAD\r\nConnection: close\r\n\r\n{}");
	buf_clear(&b);
	answer_write(&b, &(struct answer){.status = 200,
				 .body = "{}",
				 .n = 2,
				 .head_only = true,
				 .keep_alive = true,
				 .http10 = true});
	assert_string_equal(buf_cstr(&b),
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
		"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
		"Connection: keep-alive\r\n\r\n");
	buf_clear(&b);
	answer_write(&b, &(struct answer){.status = 503, .retry_after = 11, .keep_alive = true});
	assert_non_null(strstr(buf_cstr(&b), "503 Service Unavailable\r\n"));
	assert_non_null(strstr(buf_cstr(&b), "\r\nRetry-After: 11\r\n"));
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_many_chunks),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_peer),
		cmocka_unit_test(test_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
