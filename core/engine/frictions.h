/* frictions.h — what costs a journey's customers time: overdue stages, rework, slow passes,
 * abandonment, and what reactions noted (tx:friction), each with how often, how long and for whom.
 * Flow:   one reading of the instances for how long passes take (the p95 of each stage), a second
 *         one for the frictions; then the answers to the journey's nps type, split by who met them.
 * Means:  wait: from when the stage was due until it was left. rework: all of a pass but the first.
 *         slow: beyond the p95 of the stage's passes, where FRICTION_FEW are over. abandonment: a
 *         lost outcome, from the beginning to the end. What is open counts up to now.
 * Owns:   frictions_free() releases it; 16 bytes a customer, and 8 a pass that is over.
 * Errors: as store.h. */
#ifndef CX_ENGINE_FRICTIONS_H
#define CX_ENGINE_FRICTIONS_H

#include "engine/journey_query.h"
#include "kpi/spread.h"

enum { FRICTION_FEW = 20 };

struct friction_sum {
	struct str kind, stage;
	bool noted; /* some of it by a reaction */
	int64_t passes, severity, lost_ms, customers;
	int64_t promoters, detractors, answers; /* of those customers */
};
struct friction_stage {
	struct str id;
	struct spread times; /* of passes that are over */
	double p95;          /* below 0: too few */
};
struct customer {
	uint64_t hash; /* of the subject; 0: this place is free */
	uint32_t met;  /* the first of its links, 0 none */
};
struct customers {
	struct customer *v;
	size_t n, cap;
	struct {
		uint32_t friction, next;
	} * links; /* from 1 */
	uint32_t nlinks, cap_links;
};
struct friction_met { /* one friction of the instance at hand */
	struct str kind, stage;
	int64_t time_ms, lost_ms; /* lost -1: not known */
	int severity;
	bool noted;
};
struct frictions {
	struct journey_query *q;
	struct arena a;
	struct friction_stage *stages;
	int nstages;
	struct friction_sum *v;
	int n;
	int64_t instances;
	struct customers customers;
	int64_t promoters, detractors, answers; /* of all customers of these instances */
	bool noted;                             /* does the journey have any that was noted? */
	struct cx_err *e;
	/* What is done with each friction. */
	int (*met)(struct frictions *f, const struct friction_met *at);
	/* The instance at hand, and its pass. */
	struct way_head head;
	struct str stage; /* p NULL: in none */
	int pass;
	int64_t entered_ms, late_ms; /* late 0: it is not */
	/* For one kind and stage: what it comes to in this instance. */
	struct buf *list;
	int64_t passes, lost_ms, first_ms, last_ms, last;
	int listed;
	bool more;
};

int answer_frictions(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);
/* The instances behind one kind and stage, paged. */
int answer_friction_instances(
	struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);

/* friction_nps.c: the customers of the instances, and what they answered. */
void customers_met(struct frictions *f, struct str subject, int friction); /* -1: none yet */
int frictions_answers(struct frictions *f);
int frictions_nps_json(struct frictions *f, const struct friction_sum *s, struct buf *b);

#endif
