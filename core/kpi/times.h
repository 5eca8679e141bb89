/* times.h — when a set saw whom on a day that is over, and in which group: what the edge of a
 * window reads instead of all the events of that day.
 * Flow:   the idle writer makes them of the events, times_make() → store_times_put(); edges.c reads
 *         them back while no blob of the day has changed.
 * Callers: kpi/ only. On disk: groups, then time, group and id of each, and a CRC-32, which is also
 * over where it belongs. */
#ifndef CX_KPI_TIMES_H
#define CX_KPI_TIMES_H

#include "kpi/cells_own.h"
#include "kpi/def.h"

struct times_place {
	int cube, set;
	int32_t day;
};

/* Of a distinct measure, as known now. Nothing in out: this day cannot be told so. */
int times_make(struct cells *c, const struct measure *m, int32_t day, const char *company_currency,
	struct buf *out, struct cx_err *e);
/* Are these the bytes that were made for this place? */
bool times_sound(const void *p, size_t n, struct times_place at);
/* Of sound ones: gives those in [from, to) to f, by time. 1, or what f gave back below 0. */
typedef int (*times_f)(void *ctx, int64_t ms, struct str group, uint32_t id);
int times_read(const void *p, size_t n, struct times_place at, int64_t from_ms, int64_t to_ms,
	times_f f, void *ctx);

#endif
