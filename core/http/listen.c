#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/conn.h"
#include "http/upload.h"
#include "ipc/spawn.h"

enum { BACKLOG = 1024 };

static int sys_fail(struct cx_err *e, const char *what, const char *path)
{
	return cx_fail(e, CX_E_INTERNAL, "socket", "%s %s: %s", what, path, strerror(errno));
}

static void on_local(uv_stream_t *s, int status)
{
	if (status == 0)
		conn_open(s->data, s, false);
}

static void on_tcp(uv_stream_t *s, int status)
{
	if (status == 0)
		conn_open(s->data, s, true);
}

/* A socket nobody listens on any more is removed; a living one, or anything else, is not. */
static int clear_stale(const char *path, const struct sockaddr_un *a, struct cx_err *e)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? CX_OK : sys_fail(e, "stat", path);
	if (!S_ISSOCK(st.st_mode))
		return cx_fail(e, CX_E_CONFLICT, "socket",
			CX_T("%s existe e não é um socket", "%s exists and is no socket"), path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return sys_fail(e, "socket", path);
	bool stale = connect(fd, (const struct sockaddr *)a, sizeof *a) != 0 &&
		     (errno == ECONNREFUSED || errno == ENOENT);
	close(fd);
	if (!stale)
		return cx_fail(e, CX_E_CONFLICT, "socket",
			CX_T("alguém já escuta em %s", "somebody is already listening on %s"),
			path);
	return unlink(path) == 0 || errno == ENOENT ? CX_OK : sys_fail(e, "unlink", path);
}

static int make_parent(const char *path, struct cx_err *e)
{
	char dir[200];
	snprintf(dir, sizeof dir, "%s", path);
	char *slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return CX_OK;
	*slash = 0;
	return spawn_make_folders(dir, 0755) == 0 ? CX_OK : sys_fail(e, "mkdir", dir);
}

static int socket_rights(const struct conf *c, const char *path, struct cx_err *e)
{
	if (chmod(path, (mode_t)strtol(c->server_socket_mode, NULL, 8)) != 0)
		return sys_fail(e, "chmod", path);
	if (!c->server_socket_group[0])
		return CX_OK;
	const struct group *g = getgrnam(c->server_socket_group);
	if (!g)
		return cx_fail(e, CX_E_INVALID_FIELD, "socket_group",
			CX_T("não existe o grupo %s", "there is no group %s"),
			c->server_socket_group);
	return chown(path, (uid_t)-1, g->gr_gid) == 0 ? CX_OK : sys_fail(e, "chgrp", path);
}

static int open_local(struct http *h, struct cx_err *e)
{
	const char *path = h->conf->server_socket;
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct stat st;
	int fd, rc;
	if (strlen(path) >= sizeof a.sun_path)
		return cx_fail(e, CX_E_INVALID_FIELD, "socket",
			CX_T("caminho longo demais para um socket: %s",
				"path too long for a socket: %s"),
			path);
	strcpy(a.sun_path, path);
	if ((rc = make_parent(path, e)) != CX_OK || (rc = clear_stale(path, &a, e)) != CX_OK)
		return rc;
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
		return sys_fail(e, "socket", path);
	/* nobody gets in between bind and chmod */
	mode_t before = umask(0777);
	rc = bind(fd, (struct sockaddr *)&a, sizeof a) == 0 ? CX_OK : sys_fail(e, "bind", path);
	umask(before);
	if (rc == CX_OK && stat(path, &st) == 0)
		h->local_inode = st.st_ino;
	if (rc == CX_OK)
		rc = socket_rights(h->conf, path, e);
	if (rc != CX_OK) {
		close(fd);
		return rc;
	}
	uv_pipe_init(h->loop, &h->local, 0);
	h->local.data = h;
	h->has_local = true;
	if ((rc = uv_pipe_open(&h->local, fd)) != 0 ||
		(rc = uv_listen((uv_stream_t *)&h->local, BACKLOG, on_local)) != 0)
		return cx_fail(e, CX_E_INTERNAL, "socket", "%s: %s", path, uv_strerror(rc));
	return CX_OK;
}

/* "host:port", of loopback: conf/ has seen to that. */
static void tcp_address(const char *text, struct sockaddr_storage *a)
{
	int port = atoi(strrchr(text, ':') + 1);
	if (text[0] == '[')
		uv_ip6_addr("::1", port, (struct sockaddr_in6 *)a);
	else
		uv_ip4_addr("127.0.0.1", port, (struct sockaddr_in *)a);
}

static int open_tcp(struct http *h, struct cx_err *e)
{
	const char *text = h->conf->server_tcp;
	struct sockaddr_storage a;
	int n = sizeof a, rc;
	if (strcmp(text, "off") == 0)
		return CX_OK;
	tcp_address(text, &a);
	uv_tcp_init(h->loop, &h->tcp);
	h->tcp.data = h;
	h->has_tcp = true;
	rc = uv_tcp_bind(&h->tcp, (struct sockaddr *)&a, 0);
	if (rc == 0)
		rc = uv_listen((uv_stream_t *)&h->tcp, BACKLOG, on_tcp);
	if (rc != 0)
		return cx_fail(e, CX_E_CONFLICT, "tcp", "%s: %s", text, uv_strerror(rc));
	uv_tcp_getsockname(&h->tcp, (struct sockaddr *)&a, &n);
	int port = ntohs(((struct sockaddr_in *)&a)->sin_port); /* at the same place in both */
	snprintf(h->auth.tcp_port, sizeof h->auth.tcp_port, "%d", port);
	snprintf(h->tcp_name, sizeof h->tcp_name, "%.*s:%d", (int)(strrchr(text, ':') - text), text,
		port);
	return CX_OK;
}

static void stop_listening(struct http *h)
{
	struct stat st;
	const char *path = h->conf->server_socket;
	/* before the close: a successor may bind the path at once */
	if (h->local_inode && stat(path, &st) == 0 && st.st_ino == h->local_inode)
		unlink(path);
	h->local_inode = 0;
	if (h->has_local)
		uv_close((uv_handle_t *)&h->local, NULL);
	if (h->has_tcp)
		uv_close((uv_handle_t *)&h->tcp, NULL);
	h->has_local = h->has_tcp = false;
}

int http_open(struct http *h, uv_loop_t *loop, const struct conf *c, struct http_host host,
	struct cx_err *e)
{
	*h = (struct http){.loop = loop, .conf = c, .host = host};
	h->read_buf = xmalloc(CONN_READ);
	auth_init(&h->auth, c);
	int rc = uploads_open(c, e);
	if (rc == CX_OK)
		rc = open_local(h, e);
	if (rc == CX_OK)
		rc = open_tcp(h, e);
	if (rc != CX_OK) {
		stop_listening(h);
		return rc;
	}
	uv_timer_init(loop, &h->gather);
	h->gather.data = h;
	return CX_OK;
}

void http_stop(struct http *h)
{
	h->stopping = true;
	stream_stop(h);
	stop_listening(
		h); /* idle connections end at the next tick: requests on their way get a 503 */
}

bool http_busy(const struct http *h)
{
	bool busy = h->outstanding > 0;
	for (const struct conn *c = h->conns; c && !busy; c = c->next)
		busy = c->parked || c->out.len > 0 || c->write_pending ||
		       (c->upload && upload_busy(c->upload));
	return busy;
}

void http_close(struct http *h)
{
	stop_listening(h);
	while (h->conns)
		conn_close(h->conns);
	if (h->gather.data)
		uv_close((uv_handle_t *)&h->gather, NULL);
	h->gather.data = NULL;
}

void http_free(struct http *h)
{
	while (h->spare) {
		struct request *r = h->spare;
		h->spare = r->next;
		buf_free(&r->answer);
		free(r);
	}
	auth_free(&h->auth);
	free(h->read_buf);
	h->read_buf = NULL;
}

void http_flush(struct http *h)
{
	/* what becomes dirty again on the way is done too: nothing would wake us for it */
	while (h->dirty) {
		struct conn *c = h->dirty;
		h->dirty = c->dirty_next;
		c->dirty = false;
		conn_flush(c);
	}
}

void http_tick(struct http *h)
{
	uint64_t now = uv_now(h->loop);
	for (struct conn *c = h->conns, *next; c; c = next) {
		next = c->next;
		conn_tick(c, now);
	}
	stream_tick(h);
}
