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
	/* of verifysets.c */
	uint64_t secret[2]; /* so that nobody can make other sightings with an equal sum */
	int64_t at_ms;      /* where the measure at hand places the event */
	struct pmap seen, spans;
	struct verify_span *united[2]; /* the one being united, if there is: by times, by days */
	int32_t united_day;
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
/* "one.a_count: 3 stored, 4 from the events" */
void verify_say(
	struct buf *b, const struct measure *m, const char *what, int64_t stored, int64_t counted);

/* What is made of sets for reading alone. Before all; of each that a measure sees; of each blob of
 * v->set, by day (NULL: damaged), and after the last of them; once all were. */
int verify_sets_open(struct verify *v);
void verify_saw(
	struct verify *v, const struct measure *m, int32_t day, struct str group, uint32_t id);
int verify_unite(struct verify *v, int32_t day, const struct kset *blob);
int verify_united(struct verify *v);
int verify_sets_close(struct verify *v);
void verify_sets_free(struct verify *v);

/* Before the events; after each was counted, or not; and once all were. */
int verify_known_open(struct verify *v);
int verify_known(struct verify *v, const struct measure *m, struct event *ev, bool stands);
int verify_known_close(struct verify *v);
void verify_known_free(struct verify *v);

#endif
