/* tally.h — what one event adds to which cells.
 * Flow:   for each measure of the event's type: where? → day (by `time` or `at`) → group → delta.
 *         The same code feeds the writer's cells (cells.h), a rebuild, and the scan of a window's
 *         edge days (query.h); only the sink differs.
 * Pure but for its callbacks. */
#ifndef CX_KPI_TALLY_H
#define CX_KPI_TALLY_H

#include "base/tz.h"
#include "kpi/def.h"

enum {
	TALLY_TOO_LARGE = 1, /* the sum would leave int64 */
	TALLY_TOO_MANY = 2,  /* more different values than a histogram holds */
};

struct tally_sink {
	void *ctx;
	/* Measure's where-function: 1 yes, 0 no, <0 it raised (e says why). */
	int (*where)(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e);
	/* count, sum: delta to its integer, from n events (−1: one less).
	 * TALLY_TOO_LARGE: nothing was added, the event is to be excluded. */
	int (*add)(void *ctx, const struct measure *m, int32_t day, struct str group, int64_t delta,
		int n, struct cx_err *e);
	/* histogram: value (of its bucket) n times more. TALLY_TOO_MANY as above. */
	int (*put)(void *ctx, const struct measure *m, int32_t day, struct str group, int64_t value,
		int n, struct cx_err *e);
	int (*see)(void *ctx, const struct measure *m, int32_t day, struct str group, uint32_t id,
		struct cx_err *e);
	/* distinct, sign −1: what cannot be subtracted; NULL where signs are always 1. */
	int (*spoil)(void *ctx, const struct measure *m, int32_t day, struct cx_err *e);
	/* 1 id, 0 skip */
	int (*intern)(void *ctx, struct str text, uint32_t *id, struct cx_err *e);
	int (*exclude)(void *ctx, const struct measure *m, int32_t day, const struct event *ev,
		const char *reason, struct cx_err *e);
};

/* Are their events found in one walk: of one type, placed by one time? */
bool tally_together(const struct measure *x, const struct measure *y);
/* The slot by which store_events_placed() finds them, -1 the event's time; *none: nothing was ever
 * placed so. */
int tally_slot(struct store *s, const struct measure *m, int *slot, bool *none, struct cx_err *e);
/* Where a measure places the event: its instant, or false when `at` is null. */
bool tally_instant(const struct measure *m, const struct event *ev, int64_t *ms);
/* Applies ev to one measure (its type must match), or with sign −1 takes it out. Scratch memory
 * from a. */
int tally_measure(const struct measure *m, struct event *ev, int sign,
	const struct tally_sink *sink, struct arena *a, struct cx_err *e);

#endif
