#include "kpi/portable.h"

enum {
	COOKIE_PLAIN = 12346,
	COOKIE_RUNS = 12347,
	NO_OFFSETS = 4, /* fewer containers than this and some in runs: no offsets are written */
	ARRAY_MAX = 4096,
	CONTAINERS_MAX = 65536,
};

static bool take(struct portable *o, size_t n, const uint8_t **p)
{
	if (n > (size_t)(o->end - o->data))
		return false;
	*p = o->data;
	o->data += n;
	return true;
}

bool portable_open(struct portable *o, const void *bytes, size_t n)
{
	const uint8_t *p;
	*o = (struct portable){.data = bytes, .end = (const uint8_t *)bytes + n, .key = -1};
	o->bad = true;
	if (!take(o, 4, &p))
		return false;
	uint32_t cookie = portable_u32(p);
	bool offsets = true;
	if (cookie == COOKIE_PLAIN) {
		if (!take(o, 4, &p))
			return false;
		o->n = portable_u32(p);
	} else if ((cookie & 0xffff) == COOKIE_RUNS) {
		o->n = (cookie >> 16) + 1;
		offsets = o->n >= NO_OFFSETS;
		if (!take(o, (o->n + 7) / 8, &o->runs))
			return false;
	} else {
		return false;
	}
	if (o->n > CONTAINERS_MAX || !take(o, (size_t)o->n * 4, &o->heads) ||
		(offsets && !take(o, (size_t)o->n * 4, &p)))
		return false;
	o->bad = false;
	return true;
}

/* The number of ids in runs; 0: they are not in order, or go beyond the container. */
static uint32_t ids_of_runs(const struct container *c)
{
	uint32_t ids = 0, next = 0;
	for (uint32_t i = 0; i < c->n; i++) {
		uint32_t first = portable_u16(c->p + 4 * i), more = portable_u16(c->p + 4 * i + 2);
		if (first < next || first + more > 0xffff)
			return 0;
		next = first + more + 1;
		ids += more + 1;
	}
	return ids;
}

bool portable_next(struct portable *o, struct container *c)
{
	const uint8_t *p;
	if (o->bad || o->at == o->n)
		return false;
	const uint8_t *head = o->heads + (size_t)o->at * 4;
	bool runs = o->runs && (o->runs[o->at / 8] >> o->at % 8 & 1);
	c->key = portable_u16(head);
	c->ids = portable_u16(head + 2) + 1;
	o->at++;
	o->bad = (int32_t)c->key <= o->key;
	o->key = (int32_t)c->key;
	if (!o->bad && runs && take(o, 2, &p)) {
		c->kind = CONTAINER_RUNS;
		c->n = portable_u16(p);
		o->bad = !take(o, (size_t)c->n * 4, &c->p) || ids_of_runs(c) != c->ids;
	} else if (!o->bad && !runs && c->ids <= ARRAY_MAX) {
		c->kind = CONTAINER_ARRAY;
		c->n = c->ids;
		o->bad = !take(o, (size_t)c->n * 2, &c->p);
	} else {
		c->kind = CONTAINER_BITS;
		c->n = CONTAINER_WORDS;
		o->bad = o->bad || runs || !take(o, (size_t)c->n * 8, &c->p);
	}
	return !o->bad;
}

bool portable_done(const struct portable *o)
{
	return !o->bad && o->at == o->n && o->data == o->end;
}

uint64_t portable_ids(const struct portable *o)
{
	uint64_t n = o->n;
	for (size_t i = 0; i < o->n; i++)
		n += portable_u16(o->heads + 4 * i + 2);
	return n;
}
