/* cells.h — the writer's side of the figures: touched cells of the batch, written once before
 * COMMIT.
 * Flow:   per job: cells_tally() for each event; a reaction that fails is undone with
 *         cells_rewind(mark). Before COMMIT cells_flush(). After a batch that died cells_forget().
 * Callers: the writer only. Owns its cache of cells, and of dictionary ids.
 * Errors: CX_OK or what the store says; an overflowing sum excludes the event with that reason; a
 *         damaged cell or set is logged and counted again at the next start. */
#ifndef CX_KPI_CELLS_H
#define CX_KPI_CELLS_H

#include "kpi/tally.h"
#include "store/store.h"

struct cells;
struct cells *cells_new(struct store *s, int64_t max_groups,
	int (*where)(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e),
	void *ctx);
void cells_free(struct cells *c);
void cells_limit(struct cells *c, int64_t max_groups); /* [kpi] groups, from now on */

/* sign 1: ev counts from now on; −1: no longer (a measure that cannot subtract spoils the day).
 * known_ms: when this became known, recordedtime of the event that caused it, or later. */
int cells_tally(struct cells *c, const struct measure *m, struct event *ev, int sign,
	int64_t known_ms, struct cx_err *e);
/* ev is stored without standing: the day where m places it learned something at known_ms. */
int cells_known(struct cells *c, const struct measure *m, const struct event *ev, int64_t known_ms,
	struct cx_err *e);
/* The dictionary's id of a text, made if need be, and taken back by cells_rewind(). 1, or <0. */
int cells_ident(struct cells *c, struct str text, uint32_t *id, struct cx_err *e);
/* The day of this cube is to be counted again from the log (store_spoil): readers scan it until
 * cells_mend() did it. */
int cells_spoil(struct cells *c, const struct cube *cube, int32_t day, struct cx_err *e);
/* Counts one spoilt day of these cubes again, in a batch of its own. 1 did one, 0 there is none. */
int cells_mend(struct cells *c, struct cube *const *cubes, int ncubes, const char *company_currency,
	struct cx_err *e);
/* Candidates changed in another way than by count_event(). */
void cells_rechosen(struct cells *c);
/* Yes: what is tallied from now on comes in order of the log by itself, behind what is live. */
void cells_in_turn(struct cells *c, bool yes);
size_t cells_mark(const struct cells *c);        /* how far the batch has come */
void cells_rewind(struct cells *c, size_t mark); /* drops what was added since */
/* Writes what was added so far: before COMMIT, or for a query within the batch (tx:kpi) while no
 * mark is in use: marks end here. */
int cells_flush(struct cells *c, struct cx_err *e);
void cells_forget(struct cells *c);
/* Folds at least `most` entries of sets into their blobs, once so `many` wait: part of every
 * cells_flush(), and done with fewer when there is time. 1 did something, 0 nothing to do. */
int cells_fold(struct cells *c, size_t many, size_t most, struct cx_err *e);
/* Makes what long windows (spans) and edges (times.h) read of the sets of these cubes, of days
 * before one. 1 did one piece, 0 all is there. */
int cells_unite(struct cells *c, struct cube *const *cubes, int ncubes, int32_t before,
	const char *company_currency, struct cx_err *e);

#endif
