/* verify_own.h — inside of verify: a cube as its events say it should be (verify.c), when its days
 * learned of them (verifyknown.c), and what the store says of it (verifystore.c).
 * Callers: those. */
#ifndef CX_KPI_VERIFY_OWN_H
#define CX_KPI_VERIFY_OWN_H

#include "kpi/cellvalue.h"
#include "kpi/dictionary.h"
#include "kpi/group.h"
#include "kpi/standing.h"
#include "kpi/verify.h"

struct vcell { /* a cell as the log says it should be */
	struct cell_at at;
	bool met;           /* found in the store */
	struct vcell *rest; /* the store has no such row: it is counted there */
	struct cell_value value;
	struct kset **sets;
};
struct vexcluded {
	const struct measure *m;
	int32_t day;
	int64_t seq;
	bool met;
};
struct verify {
	struct store *s;
	const struct cube *c;
	const struct kpi_host *host;
	void (*differs)(void *ctx, const struct cube *c, const char *what);
	void *ctx;
	struct cx_err *e;
	struct dictionary *dictionary;
	struct standing *now;
	struct arena arena, event, scratch;
	struct pmap map, excluded;
	int32_t *spoilt; /* days that are counted again anyway, ascending */
	size_t nspoilt;
	const struct event_type *type; /* whose events are walked */
	int ndiffer;
	struct vcell *none;       /* nothing at all */
	struct cell_value stored; /* the cell at hand */
	/* while sets are compared: the stored one being put together */
	int set;
	struct vcell *open;
	struct kset *sees;
	int32_t day;
	struct buf group;
	bool crashes; /* some events are left out because a plugin crashed on them */
	/* of verifyknown.c */
	bool counted;   /* the event at hand has gone into a cell */
	bool corrected; /* there are corrections */
	struct verify_choice *choices;
	int nchoices;
	struct pmap days;
};

/* One difference; frees b. */
void verify_tell(struct verify *v, struct buf *b);
bool verify_is_spoilt(const struct verify *v, int32_t day);
struct vcell *verify_cell(const struct verify *v, struct cell_at at); /* NULL: none yet */
struct vexcluded *verify_excluded(const struct verify *v, const struct vexcluded *key);
static inline uint32_t verify_hash(struct cell_at at)
{
	return hash_bytes(at.group.p, at.group.n, (uint32_t)at.day);
}
static inline uint32_t verify_hash_excluded(const struct vexcluded *x)
{
	return hash_bytes(&x->seq, sizeof x->seq, (uintptr_t)x->m);
}
int verify_compare(struct verify *v);

/* Before the events; after each was counted, or not; and once all were. */
int verify_known_open(struct verify *v);
int verify_known(struct verify *v, const struct measure *m, struct event *ev, bool stands);
int verify_known_close(struct verify *v);
void verify_known_free(struct verify *v);

#endif
