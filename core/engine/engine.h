/* engine/engine.h — what every engine role has open: conf, store, the plugins in force.
 * Flow:   engine_load_plugins() → the role's loop. generation.c decides which sources the
 *         plugins are loaded from.
 * Owns:   everything in struct engine. One per process. */
#ifndef CX_ENGINE_ENGINE_H
#define CX_ENGINE_ENGINE_H

#include "ipc/frame.h"
#include "lua/plugin.h"
#include "store/store.h"

enum { ENGINE_STRUCK_MAX = 16 };

struct engine {
	struct conf *conf, *started; /* in force; as the process read it: setconf.h */
	struct store *store;
	struct plugin_set set;
	/* While figures are counted (projector.h): the plugins whose figures answer until then. Of
	 * their cubes those with an id are fed, the others are those of `set`, or of nobody. */
	struct plugin_set before;
	struct conf *before_conf; /* theirs; NULL: not known, conf */
	int64_t generation;       /* reader: of the two and of what is off, reader_refresh() */
	struct blame *blame;
	struct dictionary *dictionary;           /* reader: of its queries; else NULL */
	int fd;                                  /* to the front or the cli; -1: none */
	struct strike struck[ENGINE_STRUCK_MAX]; /* writer: since the one before it began */
	int nstruck;
	/* quarantine.h */
	struct plugin_outs *outs;
	bool safe;         /* no plugin's code runs */
	bool alone;        /* of a command, without a daemon: nobody waits for the writer but it */
	bool some_out;     /* some plugin is off or behind */
	uint32_t turned;   /* one more whenever plugins may have gone on or off */
	bool catching;     /* writer: those that are behind run now */
	struct olds *olds; /* old.h */
};

/* Where the plugins come from: their folders on disk, which then become the set in force in the
 * store (a writer that starts), or the set in force as the store keeps it (everyone else). */
enum generation { GENERATION_DISK, GENERATION_STORE };
int engine_load_plugins(struct engine *eng, enum generation from, struct cx_err *e);
int engine_sources(struct engine *eng, struct plugin_sources **v, int *n,
	struct cx_err *e); /* of the set in force in the store */
/* Writer, after loading: keeps the sources, makes the views, binds cubes, choices and time slots.
 * What nobody feeds any more goes; when nothing is left to be counted, so do the plugins before. */
int engine_keep_plugins(struct engine *eng, struct cx_err *e);
/* In a batch: the figures of the set in force are complete, the plugins before and theirs go. */
int engine_settle(struct engine *eng, struct cx_err *e);
void engine_forget_before(struct engine *eng); /* after its COMMIT */
/* The number that says what is in force: plugins, conf, which of them are off. In a snapshot; a
 * writer's change of any of it makes it the next one. */
int engine_generation(const struct engine *eng, int64_t *n, struct cx_err *e);
int engine_next_generation(struct engine *eng, struct cx_err *e);
/* Reader: binds cubes, choices and time slots to what the store has; loads the plugins before. */
int engine_bind(struct engine *eng, struct cx_err *e);
bool engine_counting(const struct engine *eng); /* is there anything to be counted? */
/* How far the counting of a plugin's cubes (NULL: of all, c: of this one) is: 1, 0 nothing is. */
int engine_progress(const struct engine *eng, const struct plugin *p, const struct cube *c,
	struct kpi_counting *out, struct cx_err *e);
void engine_log_plugins(const struct engine *eng);

/* The Lua side of figures: ctx is the struct engine. */
int engine_where(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e);
int engine_where_told(struct engine *eng, const struct measure *m, struct event *ev,
	struct lua_fail *f, struct cx_err *e); /* f: filled where it raised */
void engine_kpi_host(struct engine *eng, struct kpi_host *host);
void engine_kpi_meta(const struct engine *eng, const struct plugin *owner, struct kpi_meta *meta);
int engine_no_kpi(const char *id, struct cx_err *e); /* 404 */
/* The definition that answers for a KPI, and whether it is being counted. */
int engine_kpi_find(const struct engine *eng, const char *id, const struct kpi **k,
	struct plugin **owner, struct kpi_counting *counting, struct cx_err *e);
/* A query by name/value pairs, whoever asks; the snapshot is the caller's. */
int engine_kpi(struct engine *eng, const char *id, const struct kpi_param *params, int n,
	int64_t now_ms, struct buf *json, struct cx_err *e);

/* "plugins/acme/plugin.lua:14: message" from a failed call. */
void engine_fail_text(const struct lua_fail *f, char *out, size_t cap);

#endif
