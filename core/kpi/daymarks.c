/* Days that learned something after their end, or are to be counted again: kept in memory until the
 * batch is written, so that there is one row per day and batch. What a failed reaction marked stays
 * marked: that costs a scan, or a day counted once too often, and is right. */
#include <stdlib.h>

#include "base/tz.h"
#include "kpi/cells_own.h"

static bool same(const void *item, const void *key)
{
	const struct day_mark *a = item, *b = key;
	return a->day == b->day && a->cube == b->cube;
}

static struct day_mark *mark(struct cells *c, int cube, int32_t day)
{
	const struct day_mark key = {.cube = cube, .day = day, .known_ms = INT64_MIN};
	if (c->last_mark && same(c->last_mark, &key))
		return c->last_mark;
	uint32_t h = hash_bytes(&day, sizeof day, (uint64_t)cube);
	struct day_mark *m = pmap_find(&c->marks, h, same, &key);
	if (!m) {
		m = xmalloc(sizeof *m);
		*m = key;
		pmap_add(&c->marks, h, m);
	}
	return c->last_mark = m;
}

void cells_learned(struct cells *c, int cube, int32_t day, int64_t known_ms)
{
	if (day != c->end_day) {
		c->end_day = day;
		c->end_ms = tz_day_start(day + 1);
	}
	if (known_ms < c->end_ms)
		return;
	struct day_mark *m = mark(c, cube, day);
	if (m->known_ms < known_ms)
		m->known_ms = known_ms;
}

int cells_known(struct cells *c, const struct measure *m, const struct event *ev, int64_t known_ms,
	struct cx_err *e)
{
	int64_t ms;
	(void)e;
	if (tally_instant(m, ev, &ms))
		cells_learned(c, m->kpi->cube->id, tz_day(ms), known_ms);
	return CX_OK;
}

int cells_spoil(struct cells *c, const struct cube *cube, int32_t day, struct cx_err *e)
{
	(void)e;
	mark(c, cube->id, day)->spoilt = true;
	return CX_OK;
}

int cells_write_marks(struct cells *c, struct cx_err *e)
{
	int rc = CX_OK;
	for (size_t i = 0; i < c->marks.cap && rc >= 0; i++) {
		const struct day_mark *m = c->marks.v[i];
		if (m && m->known_ms > INT64_MIN)
			rc = store_known_put(c->s, m->cube, m->day, m->known_ms, e);
		if (m && m->spoilt && rc >= 0)
			rc = store_spoil(c->s, m->cube, m->day, e);
	}
	if (rc >= 0)
		cells_forget_marks(c);
	return rc;
}

void cells_forget_marks(struct cells *c)
{
	for (size_t i = 0; i < c->marks.cap; i++)
		free(c->marks.v[i]);
	pmap_free(&c->marks);
	c->last_mark = NULL;
}
