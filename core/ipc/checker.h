/* checker.h — one look at the plugin folders in a process of its own, so that a runaway at load
 * disturbs nobody.
 * Flow:   checker_add() → the child loads all and says what it found (engine/check.c) → done() for
 *         each job that waited when it began, with that frame; of a child that died or hung, with a
 *         mistake of the plugin to blame, but one that was killed from outside has done nothing:
 *         it looks again. Who came later waits for another look.
 * Callers: front.c; checker_tick() every 100 ms or so, checker_child() at SIGCHLD.
 * Owns:   the child, at most one. */
#ifndef CX_IPC_CHECKER_H
#define CX_IPC_CHECKER_H

#include <uv.h>

#include "base/buf.h"
#include "base/job.h"
#include "ipc/frame.h"
#include "ipc/spawn.h"

enum { CHECKER_MAX = 32 };

struct waiting {
	struct job_head head;
	void *owner; /* NULL: nobody */
};

struct checker {
	uv_loop_t *loop;
	const struct spawn_conf *conf_file;
	/* found: its frame; NULL: it was killed from outside each time */
	void (*done)(void *ctx, struct job_head *h, void *owner, const struct frame *found);
	void *ctx;
	struct engine_proc proc; /* pid 0: none */
	uv_poll_t *poll;
	struct buf in;
	int64_t since_us;
	bool killed;
	struct waiting v[CHECKER_MAX];
	int n, looked; /* the first `looked` wait for the look that is under way */
	int tries;     /* of that look */
};

int checker_add(struct checker *c, const struct job_head *h, void *owner); /* or CX_E_QUEUE_FULL */
void checker_forget(struct checker *c, const void *owner);
bool checker_busy(const struct checker *c);
void checker_child(struct checker *c);
void checker_tick(struct checker *c, int64_t now_us);
void checker_stop(struct checker *c); /* nobody waits any more */

#endif
