/* conformance.h — lived journeys beside their ideal: fitness and deviations of all instances that
 * began in a window, per period and group, and the worst of them.
 * Flow:   one reading of the instances, by when they began, each with what runtime/ideal.lua made
 * of it at its last step. Owns:   nothing of an instance stays but what is counted, and the worst.
 * Errors: as store.h. */
#ifndef CX_ENGINE_CONFORMANCE_H
#define CX_ENGINE_CONFORMANCE_H

#include "engine/journey_query.h"
#include "kpi/group.h"

enum { FITNESS_BINS = 10 };

struct deviation_sum {
	struct str kind, stage;
	int64_t count, instances;
	int64_t seen; /* the instance counted last */
};
struct conformance_sum {
	int64_t instances, as_ideal, bins[FITNESS_BINS];
	double fitness; /* sum of them */
	struct deviation_sum *v;
	int n;
};
struct conformance_period {
	int32_t first; /* its first day */
	struct conformance_sum sum;
};
struct conformance_group {
	struct str key; /* JSON array of its values */
	struct conformance_sum sum;
	struct conformance_period *periods; /* ascending */
	int nperiods;
};
struct worst { /* an instance; texts of their own */
	double fitness;
	char *json; /* what the answer says of it */
};
struct conformance {
	struct journey_query *q;
	struct arena a;
	struct conformance_group all;
	struct conformance_group **groups;
	int ngroups;
	struct pmap by_key;
	struct worst *worst; /* the lowest first, at most q->limit */
	int nworst;
	struct cx_err *e;
	/* The instance at hand. */
	struct json_doc fit;
	struct arena row;
	double fitness;
};

int answer_conformance(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);
#endif
