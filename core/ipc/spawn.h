/* spawn.h — starting an engine process: the same binary with a role, a socketpair and a blame page.
 * Flow:   front (daemon) and cli (private engine, no daemon) call spawn_engine(); the child's main
 *         finds its ends with spawn_inherited(). The data folder's lock is handed on, so the folder
 *         stays locked until the last engine is gone.
 * Owns:   the parent owns fd, pid (it must waitpid) and blame. A child dies with its parent.
 * Errors: CX_OK or CX_E_INTERNAL with the reason. */
#ifndef CX_IPC_SPAWN_H
#define CX_IPC_SPAWN_H

#include <sys/types.h>

#include "base/err.h"
#include "ipc/blame.h"

enum { SPAWN_FD_SOCKET = 3, SPAWN_FD_BLAME = 4, SPAWN_FD_LOCK = 5, SPAWN_FD_CONF = 6 };
#define SPAWN_CONF "/proc/self/fd/6"

struct spawn_conf {
	const char *file;
	int fd; /* its text as it was read: what the child has instead of the file; -1: the file */
};

struct engine_proc {
	pid_t pid;
	int fd; /* parent's end, non-blocking only if the caller makes it so */
	struct blame *blame;
	uint64_t lua_turn;  /* the Lua call seen last; 0: none */
	int64_t lua_cpu_us; /* the child's CPU time then */
};

/* role: "write", "read", "script", "import", "test", "check"; args: NULL-terminated further
 * arguments (what they are: engine.h); lock_fd: -1 for none. */
int spawn_engine(struct engine_proc *p, const char *role, const struct spawn_conf *conf,
	const char *const *args, int lock_fd, struct cx_err *e);
int spawn_keep_text(const char *p, size_t n); /* a file without a name; -1, errno */

/* Has plugin code run so long that no hook of its own will end it? To be asked every so often.
 * Counts the child's CPU time, as its budgets do: a machine that is busy elsewhere proves nothing.
 */
bool spawn_hung(struct engine_proc *p);
void spawn_close(struct engine_proc *p); /* fd and page; the process ends by itself at EOF */

int spawn_make_folders(
	const char *dir, mode_t mode); /* dir and what is missing above; 0 or -1, errno */
/* Locks DIR/lock for this process (and heirs): fd, or -1 with e naming the holder. Waits up to
 * wait_ms. Creates DIR (0700) where missing. */
int spawn_lock_data(const char *dir, int wait_ms, struct cx_err *e);

#endif
