/* Fuzz target: bytes → who was seen when on a day as on disk (kpi/times.c), with a head and a
 * checksum that are right; a first byte that is odd leaves both to the bytes. What is sound is
 * given out by time, within its day, and all of it in two halves as much as at once; what is not
 * gives nothing that lies outside of it. */
#include <stdlib.h>
#include <zlib.h>

#include "base/tz.h"
#include "base/varint.h"
#include "kpi/times.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct times_place at = {3, 1, 20515};

struct told {
	int64_t from_ms, to_ms, last_ms;
	uint64_t n, sum;
};

static int tell(void *ctx, int64_t ms, struct str group, uint32_t id)
{
	struct told *t = ctx;
	if (ms < t->from_ms || ms >= t->to_ms || ms < t->last_ms)
		abort();
	t->last_ms = ms;
	t->n++;
	t->sum = t->sum * 31 + id;
	for (uint32_t i = 0; i < group.n; i++)
		t->sum = t->sum * 31 + (uint8_t)group.p[i];
	return 0;
}

static void make(const uint8_t *data, size_t size, struct buf *b)
{
	int32_t place[] = {at.cube, at.set, at.day};
	uint32_t crc = (uint32_t)crc32(0, (const Bytef *)place, sizeof place);
	if (data[0] & 1) {
		buf_add(b, data + 1, size - 1);
		return;
	}
	buf_add(b, (const char[]){(char)0xB3, 2}, 2);
	buf_reserve(b, VARINT_MAX);
	b->len += varint_put((uint8_t *)b->p + b->len, zigzag(tz_day_start(at.day)));
	buf_add(b, data + 1, size - 1);
	crc = (uint32_t)crc32(crc, (const Bytef *)b->p, (uInt)b->len);
	buf_add(b, &crc, sizeof crc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int64_t from = tz_day_start(at.day), to = tz_day_start(at.day + 1), half = from + 43200000;
	struct told all = {from, to, from, 0, 0}, halves = all;
	struct buf b = {0};
	if (!size)
		return 0;
	make(data, size, &b);
	bool sound = times_sound(b.p, b.len, at);
	times_read(b.p, b.len, at, INT64_MIN, INT64_MAX, tell, &all);
	halves.to_ms = half;
	times_read(b.p, b.len, at, from, half, tell, &halves);
	halves.from_ms = half, halves.to_ms = to;
	times_read(b.p, b.len, at, half, to, tell, &halves);
	if (sound && (all.n != halves.n || all.sum != halves.sum))
		abort();
	buf_free(&b);
	return 0;
}
