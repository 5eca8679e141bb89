/* cells_own.h — inside of the writer's cells.
 * Every change goes to the cached cell at once (an overflow must be known then) and into a list of
 * changes, by which a failed reaction is taken out again, newest first. Set rows are only listed.
 * Callers: cells.c, cellsink.c, daymarks.c, flush.c, fold.c, mend.c. */
#ifndef CX_KPI_CELLS_OWN_H
#define CX_KPI_CELLS_OWN_H

#include "kpi/cells.h"
#include "kpi/cellvalue.h"
#include "kpi/chosen.h"
#include "kpi/dictionary.h"
#include "kpi/group.h"

struct cell {
	struct cell_at at;
	struct cell_value value; /* its arrays and the group's text come behind the cell */
	bool exists;             /* in the store, or will be with this batch */
	bool dirty, hot;
	bool damaged; /* in the store, where it is left alone */
	bool rest;    /* the group "…" */
};

enum change_kind {
	CHANGE_ADD,   /* slot n by delta */
	CHANGE_PUT,   /* value delta in histogram n, once more */
	CHANGE_TAKE,  /* the same, once less */
	CHANGE_SEE,   /* id delta in set n */
	CHANGE_NEW,   /* the cell came to be */
	CHANGE_IDENT, /* the dictionary grew */
};
struct change {
	enum change_kind kind;
	uint32_t n;
	struct cell *cell;
	int64_t delta;
};

/* A damaged cell or set refuses no event: it is left as it is, for readers to say so, until the
 * plugin's figures are counted again. */
int cells_damaged(struct cells *c, struct cell_at at, struct cx_err *e);

struct day_groups {
	int cube;
	int32_t day;
	int64_t n;
	bool rest; /* there is a group "…": nothing new but in there */
	bool warned;
};

struct day_mark { /* what the batch did to a day, beside its cells; see daymarks.c */
	int cube;
	int32_t day;
	int64_t known_ms; /* INT64_MIN: learned nothing after its end */
	bool spoilt;
};
/* The day learned something at known_ms, if that was after its end. */
void cells_learned(struct cells *c, int cube, int32_t day, int64_t known_ms);
int cells_write_marks(struct cells *c, struct cx_err *e);
void cells_forget_marks(struct cells *c);
/* The cache, nothing of which is dirty, forgets a day; what was not used lately, where it is large.
 */
void cells_drop_day(struct cells *c, int cube, int32_t day);
void cells_sweep(struct cells *c);

struct cells {
	struct store *s;
	int64_t max_groups;
	int (*where)(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e);
	void *where_ctx;
	struct dictionary *dictionary;
	struct chosen *chosen;
	struct pmap map;   /* of struct cell */
	struct pmap days;  /* of struct day_groups */
	struct cell *last; /* measures of one event mostly meet in one cell */
	size_t nvalues;    /* of all histograms in the map */
	struct pmap marks; /* of struct day_mark */
	struct day_mark *last_mark;
	int32_t end_day; /* the day whose end was asked for last, and it */
	int64_t end_ms;
	int64_t last_seq; /* of the events tallied so far */
	int64_t known_ms; /* of the tally at hand */
	int sign;         /* of the same */
	bool late;    /* it is not the next event of the log: sign −1, or one that counts again */
	bool mending; /* a day is walked in order of the log, by itself */
	struct change *changes;
	size_t nchanges, cap_changes;
	struct set_seen *seen;
	size_t nseen, cap_seen;
	struct cell **dirty;
	size_t ndirty, cap_dirty;
	struct arena scratch;
	struct buf value;
};

/* The next of the changes; the cell is written with the batch. */
struct change *cells_note(struct cells *c, enum change_kind kind, struct cell *cell);
void cells_dirty(struct cells *c, struct cell *cell);
bool cells_change_hist(struct cells *c, struct cell *cell, uint32_t hist, int64_t value, int n);
/* 1: a cell that is in the store or will be; a new one is counted, and one too many is the group
 * "…". 0, where something is taken out: there is no such cell. */
int cells_find(struct cells *c, const struct measure *m, int32_t day, struct str group,
	struct cell **out, struct cx_err *e);

#endif
