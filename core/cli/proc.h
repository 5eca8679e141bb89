/* proc.h — an engine process of our own: frames to it and from it, without deadlock and without
 * waiting for one that hangs.
 * Flow:   proc_start() → proc_send() / proc_next() in any order → proc_end().
 * Owns:   the caller; a zeroed struct is one that never ran. A frame from proc_next() is valid
 * until the next call. Errors: EXIT_REFUSED, said on stderr. */
#ifndef CX_CLI_PROC_H
#define CX_CLI_PROC_H

#include "cli/cli.h"
#include "ipc/frame.h"
#include "ipc/spawn.h"

struct proc {
	const char *role; /* NULL: not running */
	struct engine_proc child;
	struct buf in, out;
	size_t at; /* bytes of in already handed out */
	bool killed;
};

int proc_start(struct proc *p, const char *role, const struct cli *c, const char *const *args,
	int lock_fd);
void proc_send(struct proc *p, const struct job_head *head, const char *meta, const char *body);
/* 1: the next frame, 0: the stream ended. Shows FRAME_PROGRESS itself. */
int proc_next(struct proc *p, struct frame *f);
int proc_end(struct proc *p);   /* no more input for it; its exit code, a signal is EXIT_REFUSED */
void proc_stop(struct proc *p); /* FRAME_STOP, then proc_end() */

#endif
