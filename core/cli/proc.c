#include "cli/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/tz.h"
#include "ipc/progress.h"

enum { LOOK_MS = 200, READ_MORE = 256 * 1024 };

int proc_start(
	struct proc *p, const char *role, const struct cli *c, const char *const *args, int lock_fd)
{
	struct cx_err e;
	*p = (struct proc){0};
	fflush(stdout); /* what we printed comes before what it prints */
	const struct spawn_conf conf = {c->conf.file, -1};
	if (spawn_engine(&p->child, role, &conf, args, lock_fd, &e) < 0)
		return cli_fail("%s", e.msg);
	p->role = role;
	fcntl(p->child.fd, F_SETFL, O_NONBLOCK);
	return EXIT_DONE;
}

void proc_send(struct proc *p, const struct job_head *head, const char *meta, const char *body)
{
	frame_add(&p->out, head, meta, body);
}

/* Its own hook ends a Lua call at its budget; this is for what no hook can see. */
static void kill_if_hung(struct proc *p)
{
	const struct blame *b = p->child.blame;
	if (p->killed || !spawn_hung(&p->child))
		return;
	cli_fail(CX_T("%.63s: %.95s passou do tempo e não parou; encerrado",
			 "%.63s: %.95s ran out of time and did not stop; killed"),
		b->plugin, b->handler);
	p->killed = true;
	kill(p->child.pid, SIGKILL);
}

/* One turn: write what can be written, read what is there. -1: the stream ended. */
static int pump(struct proc *p)
{
	struct pollfd fd = {.fd = p->child.fd, .events = POLLIN};
	if (p->out.len > 0)
		fd.events |= POLLOUT;
	if (poll(&fd, 1, LOOK_MS) <= 0) {
		kill_if_hung(p);
		return 0;
	}
	if (fd.revents & POLLOUT) {
		ssize_t n = send(fd.fd, p->out.p, p->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			buf_drop(&p->out, (size_t)n);
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			buf_clear(&p->out); /* gone; what it still said is read to the end */
	}
	if (!(fd.revents & (POLLIN | POLLHUP | POLLERR)))
		return 0;
	buf_drop(&p->in, p->at);
	p->at = 0;
	buf_reserve(&p->in, READ_MORE);
	ssize_t n = recv(fd.fd, p->in.p + p->in.len, p->in.cap - p->in.len - 1, MSG_DONTWAIT);
	if (n > 0)
		p->in.len += (size_t)n;
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)) ? 0 : -1;
}

int proc_next(struct proc *p, struct frame *f)
{
	for (;;) {
		size_t size;
		int rc = frame_parse(&p->in, p->at, f, &size);
		if (rc < 0)
			return 0;
		if (rc == 0 && pump(p) < 0)
			return 0;
		if (rc == 0)
			continue;
		p->at += size;
		if (f->head.kind != FRAME_PROGRESS)
			return 1;
		progress_show(f, false);
	}
}

int proc_end(struct proc *p)
{
	int status = 0;
	if (!p->role)
		return EXIT_DONE;
	shutdown(p->child.fd, SHUT_WR);
	while (waitpid(p->child.pid, &status, 0) < 0 && errno == EINTR)
		;
	spawn_close(&p->child);
	buf_free(&p->in);
	buf_free(&p->out);
	const char *role = p->role;
	bool killed = p->killed;
	*p = (struct proc){0};
	if (WIFSIGNALED(status) && !killed)
		return cli_fail(CX_T("o processo %s caiu com o sinal %d (%s)",
					"the process %s died of signal %d (%s)"),
			role, WTERMSIG(status), strsignal(WTERMSIG(status)));
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_REFUSED;
}

void proc_stop(struct proc *p)
{
	struct frame f;
	if (!p->role)
		return;
	struct job_head stop = {.kind = FRAME_STOP};
	proc_send(p, &stop, NULL, NULL);
	while (proc_next(p, &f) > 0)
		;
	proc_end(p);
}
