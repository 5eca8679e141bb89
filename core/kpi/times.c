#include "kpi/times.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/varint.h"
#include "kpi/standing.h"
#include "kpi/tally.h"

enum { MAGIC = 0xB3, VERSION = 1, HEAD = 2, CRC = 4 };

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

static void write_times(const struct making *k, int64_t from_ms, struct buf *out)
{
	size_t start = out->len;
	buf_add(out, (const char[]){(char)MAGIC, VERSION}, HEAD);
	put(out, zigzag(from_ms));
	put(out, k->map.n);
	buf_add(out, k->groups.p, k->groups.len);
	buf_add(out, k->entries.p, k->entries.len);
	uint32_t crc = (uint32_t)crc32_z(0, (const uint8_t *)out->p + start, out->len - start);
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
		write_times(&k, from, out);
	standing_free(k.now);
	pmap_free(&k.map);
	arena_free(&k.event);
	arena_free(&k.scratch);
	arena_free(&k.text);
	buf_free(&k.groups);
	buf_free(&k.entries);
	return rc < 0 ? rc : CX_OK;
}

static bool get(const uint8_t **p, const uint8_t *end, uint64_t *v)
{
	size_t used = varint_get(*p, end, v);
	*p += used;
	return used > 0;
}

/* The groups by number; *p comes to lie behind them. NULL: not sound. */
static struct str *read_groups(const uint8_t **p, const uint8_t *end, uint64_t *n)
{
	uint64_t len;
	if (!get(p, end, n) || *n > (uint64_t)(end - *p))
		return NULL;
	struct str *v = xcalloc((size_t)*n + 1, sizeof *v);
	for (uint64_t i = 0; i < *n; i++) {
		if (!get(p, end, &len) || len > (uint64_t)(end - *p)) {
			free(v);
			return NULL;
		}
		v[i] = (struct str){(const char *)*p, (uint32_t)len};
		*p += len;
	}
	return v;
}

int times_read(const void *data, size_t n, int64_t from_ms, int64_t to_ms,
	int (*f)(void *ctx, struct str group, uint32_t id), void *ctx)
{
	const uint8_t *p = data, *end;
	uint64_t v[3], ngroups;
	uint32_t crc;
	int rc = 1;
	if (n < HEAD + CRC || p[0] != MAGIC || p[1] != VERSION)
		return 0;
	end = p + n - CRC;
	memcpy(&crc, end, CRC);
	if (crc != (uint32_t)crc32_z(0, p, n - CRC))
		return 0;
	p += HEAD;
	if (!get(&p, end, v))
		return 0;
	int64_t ms = unzigzag(v[0]);
	struct str *group = read_groups(&p, end, &ngroups);
	if (!group)
		return 0;
	while (p < end && rc == 1) {
		if (!get(&p, end, &v[0]) || !get(&p, end, &v[1]) || !get(&p, end, &v[2]) ||
			v[1] >= ngroups)
			break; /* of no use after a sum that is right */
		ms += (int64_t)v[0];
		if (ms >= to_ms)
			break;
		int did = ms < from_ms ? 0 : f(ctx, group[v[1]], (uint32_t)v[2]);
		rc = did < 0 ? did : 1;
	}
	free(group);
	return rc;
}
