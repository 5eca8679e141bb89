/* set.h — sets of 32-bit ids with levels: S1 ⊇ S2 ⊇ … ⊇ Sk, "seen at least i times", exact.
 * Merge of two (kpi.md): Si = ∪j (Aj ∩ Bi−j) with A0 = B0 = everything: as B's levels are nested,
 * each id of each level of B is seen once more.
 * Underneath: roaring bitmaps; plain bits (dense.h) once a level of them takes at most eight bytes
 * an id; and what was just read from disk stays as it is: merging and counting need no more.
 * On disk: levels, each in the portable format, and a checksum. */
#ifndef CX_KPI_SET_H
#define CX_KPI_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct kset;
struct kset *kset_new(int levels);
struct kset *kset_copy(const struct kset *s);
void kset_free(struct kset *s);
void kset_see(struct kset *s, uint32_t id, uint32_t n);               /* n more times */
void kset_merge(struct kset *into, const struct kset *from);          /* different days, or times */
void kset_merge_same_day(struct kset *into, const struct kset *from); /* S1 ∪ S1, level 1 only */
uint64_t kset_count(const struct kset *s, int level);                 /* |S_level| */
/* "On different days": what comes from one day is seen once more, however often it comes. All of a
 * day comes before the next; every other function ends it. */
void kset_see_day(struct kset *s, int32_t day, uint32_t id);
void kset_merge_day(struct kset *into, int32_t day, const struct kset *from); /* its level 1 */
/* Plain sets (level of the first operand's top) for formulas: a new set of one level. */
enum kset_op { KSET_AND, KSET_OR, KSET_MINUS };
struct kset *kset_level(const struct kset *s, int level); /* S_level as a one-level set */
struct kset *kset_top(const struct kset *s);              /* S_levels */
struct kset *kset_combine(const struct kset *a, const struct kset *b, enum kset_op op);
void kset_write(const struct kset *s, struct buf *out);
struct kset *kset_read(const void *p, size_t n); /* NULL: damaged */
bool kset_equal(const struct kset *a, const struct kset *b, int levels);

#endif
