/* funnel.h — the ways of a journey's instances, counted: who came into each stage, who left it for
 * where, and how long that took.
 * Flow:   funnel_run() reads each instance once and keeps counts, and of each leg (from a stage to
 *         where it was left for) how long it took; funnel_json() works the rest out of them.
 * Means:  an instance counts once in a stage, and leaves it by its last leaving; it is open where
 * it stands. immature: open, and younger there than the stage's window. What a migration moved is
 * no conversion, and no leg that took time. Owns:   funnel_free() releases it; eight bytes for each
 * leg lived, and nothing else of an instance. Errors: as store.h. */
#ifndef CX_ENGINE_FUNNEL_H
#define CX_ENGINE_FUNNEL_H

#include "engine/journey_query.h"
#include "kpi/group.h"
#include "kpi/spread.h"

enum leg_end { LEG_STAGE, LEG_DONE, LEG_LOST };
struct leg {
	int to; /* funnel->names */
	enum leg_end end;
	int64_t left; /* instances that left for there last */
	struct spread times;
};
struct stage_sum {
	int64_t instances, passes, open, immature;
	struct leg *legs;
	int nlegs;
};
struct outcome_sum {
	int name;
	bool lost;
	struct spread times; /* one for each instance */
};
struct funnel_group {
	struct str key; /* JSON array of its values */
	int64_t instances, open;
	struct stage_sum *stages; /* by name */
	int nstages;
	struct outcome_sum *outcomes;
	int noutcomes;
};
struct funnel {
	struct journey_query *q;
	struct arena a;
	struct str *names; /* stages and outcomes, as they come */
	int nnames;
	struct funnel_group **groups;
	int ngroups;
	struct pmap by_key; /* of them */
	struct cx_err *e;
	/* The instance at hand. */
	struct way_head head;
	struct funnel_group *group;
	int stage, stages_seen; /* stage -1: it has not entered any, or has ended */
	int64_t entered_ms;
	struct {
		int stage, leg; /* leg -1: it is there */
	} * seen;
	int cap_seen;
};
int funnel_run(struct funnel *f, struct journey_query *q, struct cx_err *e);
void funnel_json(struct funnel *f, struct buf *b);
void funnel_free(struct funnel *f);

int answer_funnel(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);

#endif
