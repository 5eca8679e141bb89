/* Fuzz target: bytes → the levels of a set as on disk (kpi/set.c, portable.c), with a head and a
 * checksum that are right. What is accepted need be no set that was ever written (levels that do
 * not nest, ids out of order), but whatever it is can be counted, merged, combined and written. */
#include <stdlib.h>
#include <zlib.h>

#include "kpi/set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct kset *read_set(const uint8_t *data, size_t size)
{
	static const uint8_t head[] = {0xB1, 1};
	struct buf b = {0};
	buf_add(&b, head, sizeof head);
	buf_add(&b, data, size);
	uint32_t crc = (uint32_t)crc32(0, (const Bytef *)b.p, (uInt)b.len);
	buf_add(&b, &crc, sizeof crc);
	struct kset *s = kset_read(b.p, b.len);
	buf_free(&b);
	return s;
}

static void write_set(const struct kset *s)
{
	struct buf out = {0};
	kset_write(s, &out);
	if (!out.len)
		abort();
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kset *s = read_set(data, size);
	if (!s)
		return 0;
	int levels = data[0];
	for (int i = 1; i <= levels; i++)
		kset_count(s, i);
	struct kset *sum = kset_new(levels), *days = kset_new(2);
	for (int i = 0; i < 2; i++) {
		kset_merge(sum, s);
		kset_merge_day(days, i, s);
	}
	struct kset *one = kset_level(s, levels), *both = kset_combine(one, sum, KSET_MINUS);
	write_set(s);
	write_set(sum);
	write_set(days);
	write_set(both);
	kset_see(s, 7, 1);
	write_set(s);
	kset_free(both);
	kset_free(one);
	kset_free(days);
	kset_free(sum);
	kset_free(s);
	return 0;
}
