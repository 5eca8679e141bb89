/* blame.h — one small shared page per engine process that says what it is doing, so that whoever
 * watches it knows whom to blame when it dies or hangs.
 * Flow:   the parent makes the page (memfd) and hands it over at spawn; the engine writes, the
 *         parent reads. Only phase BLAME_LUA can be "too slow": spawn_hung() compares the
 *         child's CPU time in it with budget_ms. All else is shown, never killed.
 * Callers: engine side blame_*; parent reads the struct. Single writer; torn reads do no harm. */
#ifndef CX_IPC_BLAME_H
#define CX_IPC_BLAME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum blame_phase {
	BLAME_IDLE,
	BLAME_START,
	BLAME_MIGRATE,
	BLAME_REBUILD,
	BLAME_BATCH,
	BLAME_LUA,
	BLAME_COMMIT,
	BLAME_CHECKPOINT
};

struct blame {
	_Atomic uint32_t phase;     /* enum blame_phase */
	_Atomic uint32_t budget_ms; /* of the Lua call that runs; its own hook ends it first */
	_Atomic uint64_t job;       /* of the job that runs, 0 = none */
	_Atomic uint32_t item;      /* of a batch: which of its events */
	_Atomic uint32_t due_kind;  /* of what fires by itself: its kind, from 1; 0 nothing does */
	_Atomic int64_t due;        /* and its id */
	_Atomic uint64_t turn;      /* one more with every phase that begins */
	char plugin[64], handler[96];
};

struct blame *blame_make(
	int *fd); /* parent: page and the fd to hand over; NULL: out of resources */
struct blame *blame_attach(int fd); /* engine */
void blame_free(struct blame *b);

/* b may be NULL (tests, tools). */
void blame_phase(struct blame *b, enum blame_phase phase);
/* Around every run of plugin code; returns the phase to go back to with blame_phase(). */
enum blame_phase blame_lua(
	struct blame *b, const char *plugin, const char *handler, uint32_t budget_ms);
const char *blame_phase_name(uint32_t phase);

#endif
