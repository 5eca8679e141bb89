#include "kpi/times.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/varint.h"
#include "kpi/standing.h"
#include "kpi/tally.h"

enum { MAGIC = 0xB3, VERSION = 2, HEAD = 2, CRC = 4 };

struct making {
	struct cells *c;
	const struct measure *m;
	const char *currency;
	struct standing *now;
	struct arena event, scratch, text;
	struct pmap map; /* of struct group */
	struct buf groups, entries;
	int64_t ms, last_ms;
	bool unfit; /* some event was left out, which only a scan tells */
	struct cx_err *e;
};
struct group {
	struct str key;
	uint64_t number;
};

static uint32_t checksum(struct times_place at, const void *p, size_t n)
{
	int32_t place[] = {at.cube, at.set, at.day};
	return (uint32_t)crc32_z(crc32(0, (const uint8_t *)place, sizeof place), p, n);
}

static void put(struct buf *b, uint64_t v)
{
	buf_reserve(b, VARINT_MAX);
	b->len += varint_put((uint8_t *)b->p + b->len, v);
}

static bool same_group(const void *item, const void *key)
{
	return str_same(((const struct group *)item)->key, *(const struct str *)key);
}

static uint64_t number_of(struct making *k, struct str key)
{
	uint32_t h = hash_bytes(key.p, key.n, 0);
	struct group *g = pmap_find(&k->map, h, same_group, &key);
	if (!g) {
		g = arena_alloc(&k->text, sizeof *g);
		*g = (struct group){arena_str(&k->text, key.p, key.n), k->map.n};
		pmap_add(&k->map, h, g);
		put(&k->groups, key.n);
		buf_add(&k->groups, key.p, key.n);
	}
	return g->number;
}

static int sink_where(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e)
{
	struct making *k = ctx;
	return k->c->where(k->c->where_ctx, m, ev, e);
}

static int sink_see(void *ctx, const struct measure *m, int32_t day, struct str group, uint32_t id,
	struct cx_err *e)
{
	struct making *k = ctx;
	(void)m, (void)day, (void)e;
	put(&k->entries, (uint64_t)(k->ms - k->last_ms));
	put(&k->entries, number_of(k, group));
	put(&k->entries, id);
	k->last_ms = k->ms;
	return CX_OK;
}

static int sink_intern(void *ctx, struct str text, uint32_t *id, struct cx_err *e)
{
	struct making *k = ctx;
	bool added;
	int rc = dictionary_id(k->c->dictionary, text, false, id, &added, e);
	k->unfit |= rc == 0;
	return rc;
}

static int sink_exclude(void *ctx, const struct measure *m, int32_t day, const struct event *ev,
	const char *reason, struct cx_err *e)
{
	struct making *k = ctx;
	(void)m, (void)day, (void)ev, (void)reason, (void)e;
	k->unfit = true;
	return CX_OK;
}

static int make_event(void *ctx, struct event *ev)
{
	struct making *k = ctx;
	const struct tally_sink sink = {.ctx = k,
		.where = sink_where,
		.see = sink_see,
		.intern = sink_intern,
		.exclude = sink_exclude};
	bool missing;
	arena_reset(&k->event);
	ev->type = k->m->type;
	event_reload(ev, k->currency, &k->event, &missing);
	int rc = standing_event(k->now, k->m, ev, k->e);
	if (rc <= 0 || !tally_instant(k->m, ev, &k->ms))
		return rc < 0 ? rc : 0;
	arena_reset(&k->scratch);
	rc = tally_measure(k->m, ev, 1, &sink, &k->scratch, k->e);
	return rc < 0 ? rc : 0;
}

static void write_times(const struct making *k, int32_t day, struct buf *out)
{
	struct times_place at = {k->m->kpi->cube->id, k->m->set, day};
	size_t start = out->len;
	buf_add(out, (const char[]){(char)MAGIC, VERSION}, HEAD);
	put(out, zigzag(tz_day_start(day)));
	put(out, k->map.n);
	buf_add(out, k->groups.p, k->groups.len);
	buf_add(out, k->entries.p, k->entries.len);
	uint32_t crc = checksum(at, out->p + start, out->len - start);
	buf_add(out, &crc, CRC);
}

int times_make(struct cells *c, const struct measure *m, int32_t day, const char *company_currency,
	struct buf *out, struct cx_err *e)
{
	int64_t from = tz_day_start(day), left_out = 0;
	struct making k = {.c = c, .m = m, .currency = company_currency, .last_ms = from, .e = e};
	int slot, rc = store_excluded(c->s, m->kpi->cube->id, m->kpi->id, day, day, &left_out, e);
	bool none = false;
	k.unfit = left_out > 0;
	k.now = standing_new(c->s, INT64_MAX);
	if (rc >= 0 && !k.unfit)
		rc = tally_slot(c->s, m, &slot, &none, e);
	if (rc >= 0 && !k.unfit && !none)
		rc = store_events_placed(
			c->s, m->type_name, slot, from, tz_day_start(day + 1), make_event, &k, e);
	if (rc >= 0 && !k.unfit)
		write_times(&k, day, out);
	standing_free(k.now);
	pmap_free(&k.map);
	arena_free(&k.event);
	arena_free(&k.scratch);
	arena_free(&k.text);
	buf_free(&k.groups);
	buf_free(&k.entries);
	return rc < 0 ? rc : CX_OK;
}

/* ---- reading */

struct reading {
	const uint8_t *p, *end;
	int64_t ms, end_ms;
	struct str *group, *at; /* by number; of the entry read last */
	uint64_t ngroups;
	uint32_t id;
};

static bool get(struct reading *r, uint64_t *v)
{
	size_t used = varint_get(r->p, r->end, v);
	r->p += used;
	return used > 0;
}

static bool read_groups(struct reading *r)
{
	uint64_t n;
	if (!get(r, &r->ngroups) || r->ngroups > (uint64_t)(r->end - r->p))
		return false;
	r->group = xcalloc((size_t)r->ngroups + 1, sizeof *r->group);
	for (uint64_t i = 0; i < r->ngroups; i++) {
		if (!get(r, &n) || n > (uint64_t)(r->end - r->p))
			return false;
		r->group[i] = (struct str){(const char *)r->p, (uint32_t)n};
		r->p += n;
	}
	return true;
}

static bool open_times(struct reading *r, const void *data, size_t n, struct times_place at)
{
	const uint8_t *p = data;
	uint64_t from;
	if (n < HEAD + CRC || p[0] != MAGIC || p[1] != VERSION)
		return false;
	*r = (struct reading){.p = p + HEAD, .end = p + n - CRC};
	if (!get(r, &from))
		return false;
	r->ms = unzigzag(from);
	r->end_ms = tz_day_start(at.day + 1);
	return r->ms == tz_day_start(at.day) && read_groups(r);
}

/* 1 one more, 0 there is none, -1 the bytes are not sound. */
static int next_entry(struct reading *r)
{
	uint64_t later, group, id;
	if (r->p == r->end)
		return 0;
	if (!get(r, &later) || !get(r, &group) || !get(r, &id) || id > UINT32_MAX ||
		later >= (uint64_t)(r->end_ms - r->ms) || group >= r->ngroups)
		return -1;
	r->ms += (int64_t)later;
	r->at = &r->group[group];
	r->id = (uint32_t)id;
	return 1;
}

bool times_sound(const void *data, size_t n, struct times_place at)
{
	struct reading r = {0};
	uint32_t crc;
	if (n < CRC)
		return false;
	memcpy(&crc, (const uint8_t *)data + n - CRC, CRC);
	int rc = crc == checksum(at, data, n - CRC) && open_times(&r, data, n, at) ? 1 : -1;
	while (rc == 1)
		rc = next_entry(&r);
	free(r.group);
	return rc == 0;
}

int times_read(const void *data, size_t n, struct times_place at, int64_t from_ms, int64_t to_ms,
	times_f f, void *ctx)
{
	struct reading r = {0};
	int rc = 0;
	if (open_times(&r, data, n, at))
		while (rc >= 0 && next_entry(&r) == 1 && r.ms < to_ms)
			rc = r.ms < from_ms ? 0 : f(ctx, r.ms, *r.at, r.id);
	free(r.group);
	return rc < 0 ? rc : 1;
}
