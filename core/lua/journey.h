/* journey.h — journeys as a plugin declares them, and what an event or a deadline does to one of
 * their instances.
 * Flow:   define_journey.c reads the declarations; engine/journeys.h asks plugin_journey() with an
 *         instance's state and an event, and keeps what came of it; runtime/journey.lua decides.
 * Owns:   definitions are the plugin's; what came of a call lives in the caller's arena.
 * Errors: -1 with struct lua_fail filled: then nothing came of it.
 * Units:  *_ms UTC. */
#ifndef CX_LUA_JOURNEY_H
#define CX_LUA_JOURNEY_H

#include "lua/plugin.h"

struct plugin_journey {
	char *id, *title, *key, *file; /* key: a field, or "subject"; NULL: only inside others */
	int line;
	int64_t version;            /* the engine's: its row of journey_version, 0 not known */
	bool inside;                /* it begins only inside others */
	bool past;                  /* it is not in force: only its types and key are known */
	char *definition;           /* JSON: stages, ways, deadlines; functions by number */
	char identity[65];          /* of the definition with its functions */
	int *functions, nfunctions; /* handles */
	char **types;               /* event types it follows, sorted */
	int ntypes;
	char **starts; /* of those, which begin an instance */
	int nstarts;
	char **within; /* the journeys inside its stages, with theirs */
	int nwithin;
	bool acts; /* it has on_late */
};
/* An old definition as the store keeps it, without its functions: it is the plugin's, as long as
 * that lives, and the same when it is asked for again. */
struct plugin_journey *plugin_journey_past(struct plugin *p, struct str definition);
const struct plugin_journey *plugin_journey_find(const struct plugin *p, struct str id);
/* Is this one of the types that begin an instance? */
bool plugin_journey_starts(const struct plugin_journey *j, const char *type);

enum journey_op {
	JOURNEY_BEGIN,  /* does the event begin the n-th instance of the key? */
	JOURNEY_EVENT,  /* an event of an open instance, after all that is in its state */
	JOURNEY_STRAY,  /* an event after the end */
	JOURNEY_ADVANCE /* what is due before at_ms; through: and just then */
};
struct journey_ask {
	enum journey_op op;
	struct str key;           /* of the events, without #n */
	int n;                    /* BEGIN */
	struct str state;         /* of the instance; BEGIN: of the one before it, p NULL none */
	struct str subject, unit; /* of the instance */
	int64_t at_ms;
	bool through;
	void *ctx;
	/* The start event of an instance, for j.data: 1, 0 it is gone. */
	int (*start)(void *ctx, int64_t seq, struct event *ev);
	/* Is the run finished that this stage's pass needs? */
	bool (*finished)(void *ctx, struct str journey, struct str key, struct str stage, int pass,
		int64_t at_ms);
};

struct journey_move {
	struct str journey, type, from, to, deviation; /* p NULL: none */
	int n, pos, pass;
	int64_t seq, time_ms; /* seq 0: a deadline */
};
struct journey_left { /* the move at pos entered a stage that is left now */
	struct str journey;
	int n, pos;
	int64_t time_ms;
};
struct journey_late {
	struct str journey, stage, j; /* j: JSON, what the handler sees */
	int n, pass;
	int64_t due_ms;
};
struct journey_sop { /* a stage was entered that has one */
	struct str sop, journey, stage;
	int n, pass;
	bool required;
	int64_t start; /* seq of the start event */
};
struct journey_state {
	struct str journey; /* of an inner one */
	int n;
	struct str json; /* of the fold */
	struct str stage, outcome, subject, unit, by;
	bool lost, late;
	int64_t start, begun_ms, ended_ms, due_ms; /* 0: none */
	struct str case_state; /* p NULL: no clocks are declared; empty: it is none */
	int64_t case_ms;       /* when the first that runs is due */
};
struct journey_came {
	bool any; /* BEGIN: it begins one */
	struct journey_state state;
	struct journey_state *inner; /* journeys inside stages that have changed */
	struct journey_move *moves;
	struct journey_left *left;
	struct journey_late *late;
	struct journey_sop *sops;
	int ninner, nmoves, nleft, nlate, nsops;
	int64_t upto_ms; /* the last deadline that passed, 0 none */
};
int plugin_journey(struct plugin *p, const struct plugin_journey *j, const struct journey_ask *ask,
	struct event *ev, struct arena *a, struct journey_came *out, struct lua_fail *f);
/* on_late of that journey; cause: what its tx:emit inherits from. */
int plugin_journey_late(struct plugin *p, const struct plugin_journey *j,
	const struct journey_ask *ask, const struct journey_late *l, struct event *cause,
	struct tx *tx, struct lua_fail *f);

#endif
