/* answer.h — a query at work: accumulators for the whole window, its buckets, groups and both,
 * filled day by day from cells (query.c) and edge days' events (edges.c), then written (reply.c).
 * Only the smallest pieces are fed; answer_close() makes the others from them. Sets "on different
 * days" are the exception: what groups share a day must be united first, so that their total is fed
 * beside the groups; buckets share no day.
 * Callers: kpi/ only. */
#ifndef CX_KPI_ANSWER_H
#define CX_KPI_ANSWER_H

#include "kpi/dictionary.h"
#include "kpi/group.h"
#include "kpi/query.h"
#include "kpi/window.h"

struct figure { /* one measure, merged so far */
	int64_t i;
	struct kset *set; /* distinct; NULL = empty */
	struct kset *day; /* `days`: the ids of day dayno, not yet merged into set */
	int32_t dayno;
};

struct kpi_view { /* tests of lua/ make one of measured alone */
	const struct kpi_measured *measured;
	struct answer *a;
};
struct answer_group {
	struct str key;          /* of the asked dimensions */
	struct str el[KPI_DIMS]; /* its elements, raw JSON */
	struct figure *total, *series;
};

struct answer {
	struct store *s;
	const struct kpi *k;
	const struct kpi_query *q;
	const struct kpi_host *host;
	const struct kpi_meta *meta;
	struct cx_err *e;
	struct arena arena; /* lives as long as the answer */
	struct window w;
	struct bucket *buckets;
	int nbuckets, bucket; /* bucket: where the last day was */
	struct figure *total, *series;
	struct pmap memo, map; /* key of a cell → struct memo; of the reply → answer_group */
	struct answer_group **groups;
	int ngroups, cap_groups;
	struct str where[16][2]; /* a filter's text as bare and as quoted JSON */
	bool seen;               /* something was counted, also outside the filters: from … to */
	int32_t seen_first, seen_last;
	bool partial; /* an event of an edge day was excluded */
};

/* The accumulators that a day and group of cells feeds; NULL both if the filters leave it out. */
struct targets {
	struct figure *all, *group; /* group: NULL if no groups are asked for */
};
int answer_targets(struct answer *a, int32_t day, struct str group, struct targets *t);
int answer_add(struct answer *a, const struct targets *t, const struct measure *m, int64_t delta);
void answer_see(
	const struct targets *t, const struct measure *m, int32_t day, uint32_t id, uint32_t n);
void answer_merge(
	const struct targets *t, const struct measure *m, int32_t day, const struct kset *set);
int answer_close(struct answer *a); /* all days are in */

/* From a's s, k, q, host, meta and e: reads the window, so that all figures are there. */
int answer_open(struct answer *a);
void answer_free(struct answer *a);
/* view.c: one figure as a formula sees it. g NULL: all; bucket -1: the whole window. A formula that
 * moves the window may find groups that only the other window has: they are appended to a->groups,
 * with figures of nothing. */
struct kpi_view *view_open(struct answer *a, struct answer_group *g, int bucket);
void view_close(struct kpi_view *v);

int edge_scan(struct answer *a, const struct edge *edge);
int answer_json(struct answer *a, struct buf *json);

#endif
