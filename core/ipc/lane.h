/* lane.h — one engine process and the jobs on their way to it: starting, feeding, watching,
 * burying, starting again.
 * Flow:   DOWN → lane_start() → STARTING → FRAME_READY → UP → socket's end and waitpid → DOWN →
 *         (backoff; the first restart at once) → STARTING …; lane_stop(): FRAME_STOP → STOPPED.
 *         lane_add() takes jobs in every state; they wait in the ring (ring.h).
 *         A death by a signal of its own, or by our watchdog, while plugin code ran is a strike:
 *         the job of the blame page goes on without that plugin, a query is answered with
 *         plugin_crashed. The writer keeps count of strikes (engine/quarantine.h): its own are told
 *         to its successor before that loads anything, a reader's by a job.
 * Callers: front.c; lane_flush() once per turn of the loop, lane_tick() every 100 ms or so.
 * Owns:   the process, its socket, page and ring. owner pointers of jobs are the caller's.
 * Errors: lane_add() CX_E_QUEUE_FULL, CX_E_STOPPING. What happens to the process is logged and
 * reported through struct lane_host. Units:  *_us clock_mono_us(). */
#ifndef CX_IPC_LANE_H
#define CX_IPC_LANE_H

#include <uv.h>

#include "conf/conf.h"
#include "ipc/frame.h"
#include "ipc/ring.h"
#include "ipc/spawn.h"

enum lane_state { LANE_DOWN, LANE_STARTING, LANE_UP, LANE_STOPPED };
enum { LANE_STRUCK_MAX = 16 };

struct lane;
struct lane_told { /* what every engine is told at its start; shared by all lanes */
	bool safe; /* no plugin code */
	int n;     /* strikes that the writer has not kept yet */
	struct strike struck[LANE_STRUCK_MAX];
};

struct lane_host {
	void *ctx;
	void (*result)(void *ctx, void *owner, const struct frame *f);
	void (*refuse)(
		void *ctx, void *owner, int code); /* CX_E_ENGINE_RESTARTING, PLUGIN_CRASHED */
	void (*frame)(struct lane *l, const struct frame *f); /* the other kinds; READY too */
	void (*struck)(struct lane *l, const struct strike *s);
	void (*died)(struct lane *l, bool ever_ready, int wait_status);
};

struct lane {
	const struct conf *conf;
	const struct spawn_conf *conf_file;
	const char *role;
	int index, lock_fd;
	uv_loop_t *loop;
	struct lane_host host;
	struct lane_told *told;
	enum lane_state state;
	struct engine_proc proc;
	uv_poll_t *poll;
	struct ring ring;
	struct buf in;
	bool is_query; /* a job is sent twice at most */
	bool ever_ready, started_before, eof, reaped, watchdog, polls_out, stopping;
	bool frozen; /* by SIGSTOP, from outside: alive, but no job is done */
	int wait_status, fast_deaths;
	int64_t started_us, next_start_us, eof_us;
	uint64_t restarts, strikes, timeouts;
};

void lane_init(struct lane *l, uv_loop_t *loop, const struct conf *c,
	const struct spawn_conf *conf_file, const char *role, int index, int lock_fd,
	struct lane_told *told, struct lane_host host);
void lane_start(struct lane *l);
int lane_add(struct lane *l, const struct job_head *head, const char *meta, const char *body,
	void *owner);
void lane_forget(struct lane *l, uint64_t job); /* its owner is gone */
void lane_flush(struct lane *l);                /* sends what the socket takes */
void lane_tick(struct lane *l, int64_t now_us); /* watchdog, deadlines, restarts */
void lane_child(struct lane *l);                /* SIGCHLD: is it ours? */
void lane_stop(struct lane *l);                 /* no restart any more; FRAME_STOP after the jobs */
void lane_refuse_all(struct lane *l, int code); /* every job that is still open */
void lane_kill(struct lane *l);                 /* SIGKILL, when stopping takes too long */
void lane_free(struct lane *l);                 /* once STOPPED or DOWN; the loop runs once more */

const char *lane_state_name(const struct lane *l); /* "up", "restarting", "stopped" */

#endif
