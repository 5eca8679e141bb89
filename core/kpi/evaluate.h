/* evaluate.h — a KPI's figures worked out before anything is written: what a figure says of itself
 * can depend on others (ranks, complements of suppressed ones, the window before).
 * Flow:   answer_open() → evaluate() → evaluation_finish() → the passes: suppress(), compare.h,
 *         rank_groups() → reply.c.
 * Callers: kpi/ only.
 * Owns:   the evaluation its arena; the answer belongs to the caller and must outlive it. */
#ifndef CX_KPI_EVALUATE_H
#define CX_KPI_EVALUATE_H

#include "kpi/answer.h"

struct shown { /* one figure */
	double value;
	bool null;
	bool partial;           /* events were left out */
	bool few;               /* fewer answers than the KPI asks for */
	bool hidden;            /* suppressed */
	bool mixed;             /* money of several currencies: there is no such figure */
	struct kpi_interval iv; /* none: without one */
	int64_t *measures;
};
struct compared { /* with the window before */
	struct shown was;
	bool has_change, has_p;
	double change, p;
	char test[24];
	const char *verdict; /* NULL: none can be given */
};
struct shown_group {
	struct answer_group *g;
	struct shown total, *series;
	struct compared *compared; /* NULL: not asked for */
	int64_t best, worst;       /* possible places; 0: not in the ranking */
};
struct evaluation {
	struct answer *a;
	struct arena arena;
	bool totals_only;            /* without the series */
	struct shown total, *series; /* as many as the answer has buckets */
	struct compared *compared;
	struct shown_group **groups; /* as those of the answer, then in their order */
	int ngroups, cap_groups;
	int64_t ranked; /* groups in the ranking */
};

/* All figures of v->a; again: those of groups that were added since. g NULL: all; bucket -1: the
 * window. */
int evaluate(struct evaluation *v);
/* All are there, no evaluate() after it: which of them lack events, and the groups by their keys.
 */
int evaluation_finish(struct evaluation *v);
struct shown *shown_at(struct evaluation *v, struct shown_group *g, int bucket);
void evaluation_free(struct evaluation *v);

/* On how many answers a figure rests, for suppressing: what its interval says, else the least
 * number of events behind one of its measures. */
double shown_n(const struct kpi *k, const struct shown *f);

/* suppress.c: where a KPI suppresses, hides figures of few answers and those that would tell them.
 */
int suppress(struct evaluation *v);
/* currency.c: in which currency the figures of a group (NULL: all) are; "": in several, which are
 * never added. Such figures are made null. */
void currency_of(const struct answer *a, const struct answer_group *g, char out[4]);
void hide_mixed_currencies(struct evaluation *v);
/* rank.c: the possible places of the groups whose intervals can be compared. */
void rank_groups(struct evaluation *v);

#endif
