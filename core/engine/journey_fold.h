/* journey_fold.h — the fold of one key, in memory: instances as they are to be, and what is to be
 * done.
 * Flow:   fold_begin() → fold_step() of the event at hand, or fold_again() of all that is filed
 *         under the key → fold_keep(): rows, then fold_act(): effects. Callers: engine/journeys.c.
 * Owns:   fold_free() releases the lists; texts live in the ingest's arena.
 * Errors: as journeys.h; a plugin's mistake is 0 with fail filled, and nothing has come of it. */
#ifndef CX_ENGINE_JOURNEY_FOLD_H
#define CX_ENGINE_JOURNEY_FOLD_H

#include "engine/journeys.h"

struct inst {                   /* an instance, also of a journey inside another */
	struct journey_row row; /* id 0: it is not in the store */
	struct journey_move_row *moves;
	int nmoves;
	bool changed;
	struct str case_state; /* p NULL: nothing to say; empty: it is none */
	int64_t case_ms;
	struct { /* moves of before that are left now */
		int pos;
		int64_t ms;
	} * left;
	int nleft;
};
struct effect {
	bool is_late;
	struct journey_late late;
	struct journey_sop sop;
	struct str key;
	int inst; /* in the fold's list */
};
struct fold {
	struct ingest *in;
	struct plugin *plugin; /* that runs it */
	const struct plugin_journey *journey;
	struct str key;
	int64_t bound; /* events up to this seq are known */
	bool whole;    /* all of the key is folded anew */
	bool looks;    /* nothing is written (cxd verify) */
	struct inst *v;
	int n;
	int64_t begins_on;       /* the version of an instance that an event may begin */
	int now;                 /* the last instance of the journey itself, -1 none */
	struct journey_row *was; /* whole: what there was */
	int nwas;
	struct effect *effects;
	int neffects;
	struct lua_fail fail;
};
void fold_begin(struct fold *f, struct ingest *in, struct plugin *p, const struct plugin_journey *j,
	struct str key);
void fold_free(struct fold *f);
/* The last instance of the key, as it is kept. */
int fold_read(struct fold *f);
/* 1 done, 0 it failed. */
int fold_event(struct fold *f, struct event *ev);
int fold_advance(struct fold *f, int64_t till_ms, bool through);
/* Everything from the first event; what fails is left out, and told unless it is seq. */
int fold_again(struct fold *f, int64_t seq, bool *failed);
int fold_keep(struct fold *f);
int fold_act(struct fold *f, const struct firing *at);

#endif
