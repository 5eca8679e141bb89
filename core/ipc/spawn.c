#include "ipc/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/tz.h"

/* Child, between fork and exec: the ends go to their fixed numbers, everything else is closed. */
static void become(const int ends[4], char **argv, pid_t parent)
{
	int from[4];
	for (int i = 0; i < 4; i++) /* first out of the way of the fixed numbers */
		from[i] = ends[i] >= 0 ? fcntl(ends[i], F_DUPFD, 16) : -1;
	for (int i = 0; i < 4; i++)
		if (from[i] >= 0)
			dup2(from[i], SPAWN_FD_SOCKET + i);
		else
			close(SPAWN_FD_SOCKET + i);
	close_range(SPAWN_FD_CONF + 1, ~0u, 0);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* these come to the whole group or service: they are the front's, which drains and then
	 * says stop */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	execv("/proc/self/exe", argv);
	_exit(127);
}

int spawn_engine(struct engine_proc *p, const char *role, const struct spawn_conf *conf,
	const char *const *args, int lock_fd, struct cx_err *e)
{
	enum { ARGS = 32 };
	char *argv[ARGS] = {"cxd", "--engine", (char *)role, (char *)conf->file};
	int n = 4, pair[2], page;
	for (; args && *args && n < ARGS - 1; args++)
		argv[n++] = (char *)*args;
	*p = (struct engine_proc){.fd = -1, .pid = -1};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return cx_fail(e, CX_E_INTERNAL, NULL, "socketpair: %s", strerror(errno));
	int size = 4 << 20;
	for (int i = 0; i < 2; i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	p->blame = blame_make(&page);
	pid_t parent = getpid();
	pid_t pid = p->blame ? fork() : -1;
	if (pid == 0)
		become((const int[]){pair[1], page, lock_fd, conf->fd}, argv, parent);
	int why = errno;
	close(pair[1]);
	if (p->blame)
		close(page);
	p->fd = pair[0];
	p->pid = pid;
	if (pid < 0) {
		spawn_close(p);
		return cx_fail(e, CX_E_INTERNAL, NULL, "fork: %s", strerror(why));
	}
	return CX_OK;
}

static int64_t cpu_of(pid_t pid)
{
	clockid_t clock;
	struct timespec t;
	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
		return 0;
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

bool spawn_hung(struct engine_proc *p)
{
	const int64_t grace_us =
		1000000; /* beyond the budget, which its own hook should have kept */
	const struct blame *b = p->blame;
	if (!b || b->phase != BLAME_LUA || !b->budget_ms) {
		p->lua_turn = 0;
		return false;
	}
	int64_t now = cpu_of(p->pid);
	if (p->lua_turn != b->turn) {
		p->lua_turn = b->turn;
		p->lua_cpu_us = now;
	}
	return now - p->lua_cpu_us > (int64_t)b->budget_ms * 1000 + grace_us &&
	       b->phase == BLAME_LUA && b->turn == p->lua_turn;
}

int spawn_keep_text(const char *p, size_t n)
{
	int fd = memfd_create("cxd.ini", MFD_CLOEXEC);
	if (fd >= 0 && write(fd, p, n) != (ssize_t)n) {
		close(fd);
		return -1;
	}
	return fd;
}

void spawn_close(struct engine_proc *p)
{
	if (p->fd >= 0)
		close(p->fd);
	blame_free(p->blame);
	p->fd = -1;
	p->blame = NULL;
}

int spawn_make_folders(const char *dir, mode_t mode)
{
	char part[4096];
	snprintf(part, sizeof part, "%s", dir);
	for (char *s = part + 1; *s; s++)
		if (*s == '/') {
			*s = 0;
			if (mkdir(part, mode) != 0 && errno != EEXIST)
				return -1;
			*s = '/';
		}
	return mkdir(part, mode) == 0 || errno == EEXIST ? 0 : -1;
}

int spawn_lock_data(const char *dir, int wait_ms, struct cx_err *e)
{
	char path[4096], holder[64] = "";
	if (spawn_make_folders(dir, 0700) != 0)
		return cx_fail(e, CX_E_STORE_FAILED, "data",
			CX_T("não consigo criar a pasta de dados %s: %s",
				"cannot make the data folder %s: %s"),
			dir, strerror(errno));
	snprintf(path, sizeof path, "%s/lock", dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return cx_fail(e, CX_E_STORE_FAILED, "data",
			CX_T("não consigo abrir %s: %s", "cannot open %s: %s"), path,
			strerror(errno));
	int64_t until = clock_mono_us() + wait_ms * 1000LL;
	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (clock_mono_us() < until) {
			usleep(20000);
			continue;
		}
		ssize_t n = pread(fd, holder, sizeof holder - 1, 0);
		holder[n > 0 ? n : 0] = 0;
		holder[strcspn(holder, "\n")] = 0;
		close(fd);
		cx_fail(e, CX_E_CONFLICT, "data",
			CX_T("a pasta de dados %s está em uso pelo processo %s",
				"the data folder %s is in use by process %s"),
			dir, holder[0] ? holder : "?");
		return -1;
	}
	char text[32];
	int n = snprintf(text, sizeof text, "%d\n", (int)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
		(void)0;
	return fd;
}
