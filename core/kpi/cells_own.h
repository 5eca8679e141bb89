/* cells_own.h — inside of the writer's cells.
 * Every change goes to the cached cell at once (an overflow must be known then) and into a list of
 * changes, by which a failed reaction is taken out again, newest first. Set rows are only listed.
 * Callers: cells.c, fold.c. */
#ifndef CX_KPI_CELLS_OWN_H
#define CX_KPI_CELLS_OWN_H

#include "kpi/cells.h"
#include "kpi/cellvalue.h"
#include "kpi/dictionary.h"
#include "kpi/group.h"

struct cell {
	struct cell_at at;
	int nslots;
	bool exists; /* in the store, or will be with this batch */
	bool dirty, hot;
	bool damaged; /* in the store, where it is left alone */
	int64_t v[];  /* then the group's text */
};

enum change_kind {
	CHANGE_ADD,   /* slot n by delta */
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
	bool warned;
};

struct cells {
	struct store *s;
	int64_t max_groups;
	int (*where)(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e);
	void *where_ctx;
	struct dictionary *dictionary;
	struct pmap map;   /* of struct cell */
	struct pmap days;  /* of struct day_groups */
	struct cell *last; /* measures of one event mostly meet in one cell */
	struct change *changes;
	size_t nchanges, cap_changes;
	struct set_seen *seen;
	size_t nseen, cap_seen;
	struct cell **dirty;
	size_t ndirty, cap_dirty;
	struct arena scratch;
	struct buf value;
};

#endif
