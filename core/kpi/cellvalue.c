#include "kpi/cellvalue.h"

#include <string.h>

#include "base/buf.h"
#include "base/tz.h"
#include "base/varint.h"
#include "kpi/group.h"

enum { VERSION = 2, CRC = 4 };

static size_t cell_bits(int nslots)
{
	return ((size_t)nslots + 7) / 8;
}

/* A query reads thousands of cells: CRC-32 of zlib was a quarter of its time. */
static uint32_t checksum(const uint8_t *p, size_t n, struct cell_at at)
{
	uint64_t place = (uint64_t)(uint32_t)at.cube << 32 | (uint32_t)at.day;
	return hash_bytes(p, n, hash_bytes(at.group.p, at.group.n, place));
}

void cell_write(struct buf *out, struct cell_at at, const struct cell_value *value)
{
	size_t start = out->len, bits = cell_bits(value->nslots);
	const int64_t *v = value->v;
	buf_reserve(out, 4 + bits + (size_t)value->nslots * VARINT_MAX);
	uint8_t *o = (uint8_t *)out->p + start;
	*o++ = VERSION;
	o += varint_put(o, (uint64_t)value->nslots);
	uint8_t *set = o;
	memset(set, 0, bits);
	o += bits;
	for (int i = 0; i < value->nslots; i++) {
		if (!v[i])
			continue;
		set[i / 8] |= (uint8_t)(1 << i % 8);
		o += varint_put(o, zigzag(v[i]));
	}
	out->len = (size_t)(o - (uint8_t *)out->p);
	for (int i = 0; i < value->nhists; i++)
		hist_write(&value->h[i], out);
	uint32_t c = checksum((uint8_t *)out->p + start, out->len - start, at);
	buf_add(out, &c, CRC);
}

static bool read_integers(struct cell_value *v, const uint8_t **p, const uint8_t *end)
{
	uint64_t x;
	size_t used = varint_get(*p, end, &x), bits = cell_bits(v->nslots);
	*p += used;
	if (!used || x != (uint64_t)v->nslots || (size_t)(end - *p) < bits)
		return false;
	const uint8_t *set = *p;
	*p += bits;
	for (int i = 0; i < v->nslots; i++) {
		v->v[i] = 0;
		if (!(set[i / 8] >> i % 8 & 1))
			continue;
		used = varint_get(*p, end, &x);
		if (!used)
			return false;
		*p += used;
		v->v[i] = unzigzag(x);
	}
	return true;
}

bool cell_read(const void *data, size_t n, struct cell_at at, struct cell_value *v)
{
	const uint8_t *p = data, *end;
	uint32_t c;
	if (n < 2 + CRC || p[0] != VERSION)
		return false;
	end = p + n - CRC;
	memcpy(&c, end, CRC);
	if (c != checksum(p, n - CRC, at))
		return false;
	p++;
	if (!read_integers(v, &p, end))
		return false;
	if (v->nhists && !v->h)
		return true;
	for (int i = 0; i < v->nhists; i++) {
		size_t used = hist_read(&v->h[i], p, end);
		if (!used)
			return false;
		p += used;
	}
	return p == end;
}

bool cell_empty(const struct cell_value *v)
{
	for (int i = 0; i < v->nslots; i++)
		if (v->v[i])
			return false;
	for (int i = 0; i < v->nhists; i++)
		if (v->h[i].n)
			return false;
	return true;
}

int cell_damaged(const struct cube *c, struct cell_at at, struct cx_err *e)
{
	char day[16];
	tz_day_text(at.day, day);
	return cx_fail(e, CX_E_STORE_FAILED, NULL,
		CX_T("célula danificada: cubo %s (%s), dia %s, grupo %.*s",
			"damaged cell: cube %s (%s), day %s, group %.*s"),
		c ? c->plugin : "?", c ? c->dims : "", day,
		at.group.n > 200 ? 200 : (int)at.group.n, at.group.p);
}
