/* pool.h — ?pool=N: groups of fewer than N answers counted as one, exactly: the window is read
 * again with their keys mapped to that of the pooled group ("…" in every dimension).
 * Flow:   pool_keep() each group that stays by itself → answer_open() with answer.pooling: every
 *         other group is pooled, also those that only a moved window has.
 * Owns:   who made it; zeroed it is empty and pools everything. */
#ifndef CX_KPI_POOL_H
#define CX_KPI_POOL_H

#include "kpi/group.h"

struct pooling {
	struct arena arena;
	struct pmap kept, members; /* struct str: keys as of answer_group */
	struct str rest, *list;    /* the pooled group's key; members in the order they were met */
	int n, cap;
};
void pool_init(struct pooling *p, int ndims);
void pool_keep(struct pooling *p, struct str key);
void pool_add(struct pooling *p, struct str key); /* a member */
struct str pool_key(struct pooling *p, struct str key);
void pool_free(struct pooling *p);

#endif
