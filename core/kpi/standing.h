/* standing.h — does an event count? Corrections and latest/first (kpi.md), as known at an instant.
 * An event stands for a measure when
 *   - it was recorded before known_ms, and so was none of the corrections that are newer than it
 *     in its family. A family is an event and all that correct it, or correct a correction of it;
 *     the newest is the one with the greatest (recordedtime, seq);
 *   - and, with latest (first) = { KEY, by = RANK }, it has the greatest (least) RANK of the events
 *     of its type that stand and have its KEY; no RANK loses against any, equal ones are decided by
 *     the greatest (least) id, then source. An event without KEY counts by itself.
 * This comes before where, window, dimensions and the measure's own `at`.
 * Flow:   readers, rebuild and verify ask standing_event() for each event they walk over; the
 *         writer's count.h keeps the figures so that they agree with it at INT64_MAX.
 * Callers: kpi/, engine/rebuild. Owns a dictionary cache; needs a batch or snapshot. */
#ifndef CX_KPI_STANDING_H
#define CX_KPI_STANDING_H

#include "kpi/def.h"
#include "store/store.h"

struct standing;
struct standing *standing_new(struct store *s, int64_t known_ms); /* INT64_MAX: as known now */
void standing_free(struct standing *st);
/* 1 it stands, 0 not. ev has its fields (event_reload). */
int standing_event(
	struct standing *st, const struct measure *m, const struct event *ev, struct cx_err *e);
/* The same as known now, and when ev last came to stand or ceased to: to mark its day with. */
int standing_since(struct standing *st, const struct measure *m, const struct event *ev,
	int64_t *known_ms, struct cx_err *e);

/* ---- what count.h needs besides ---- */
/* ev's key and rank under a choice; false: it has no key. The text may lie in a. */
bool standing_key(const struct measure *m, const struct event *ev, struct arena *a, struct str *key,
	int64_t *rank);
/* Does x beat y, both of one key? */
bool standing_beats(enum choose choose, const struct candidate *x, const struct candidate *y);
struct best {
	struct candidate c; /* seq 0: none stands; id and source copied to the arena */
	int64_t known_ms;   /* when the better ones, which do not stand, last changed */
};
/* The one of a key that stands now, the event of seq `without` left aside. */
int standing_best(struct store *s, const struct measure *m, uint32_t ident, int64_t without,
	struct arena *a, struct best *b, struct cx_err *e);

#endif
