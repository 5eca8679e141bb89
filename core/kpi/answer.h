/* answer.h — a query at work: accumulators for the whole window, its buckets, groups and both,
 * filled day by day from cells (query.c) and the events of scanned days (edges.c), then evaluated.
 * Only the smallest pieces are fed; answer_close() makes the others from them. Sets "on different
 * days" are the exception: what groups share a day must be united first, so that their total is fed
 * beside the groups; buckets share no day. The days of a figure may come in any order, but each of
 * them at one time.
 * A formula that moves the window (view.c) reads answers of their own (lens.c), kept with this one.
 * Callers: kpi/ only. */
#ifndef CX_KPI_ANSWER_H
#define CX_KPI_ANSWER_H

#include "kpi/dictionary.h"
#include "kpi/group.h"
#include "kpi/query.h"
#include "kpi/window.h"

struct figure { /* one measure, merged so far */
	int64_t i;
	struct kset *set;  /* distinct; NULL = empty */
	struct hist *hist; /* histogram; NULL = empty */
};

struct kpi_view { /* tests of lua/ make one of measured alone */
	const struct kpi_measured *measured;
	struct answer *a; /* the query's own, also for a moved window */
	struct answer_group *group;
	int bucket;
	struct kpi_view *from; /* the view it was moved from, and how; NULL: not moved */
	struct move move;
	struct lens *lens;     /* moved: NULL = nothing there */
	struct figure *own;    /* figures made for this view */
	struct kpi_view *next; /* of those moved from the first, which closes them */
};
struct lens { /* to the answer over a moved window, or to a bucket of one over several */
	struct span span;
	int asked; /* the bucket of the query that was moved here, -1 the whole window */
	struct answer *a;
	int bucket;
	struct running *run; /* running.c, in place of a: all time before a bucket */
	bool shared;         /* its groups are the query's too */
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
	struct pooling *pooling; /* pool.h: groups counted as one; NULL: none */
	int cube;                /* of the store; -1: nothing was ever counted */
	struct arena arena;      /* lives as long as the answer */
	struct window w;
	int *lead; /* by measure: which has its set, as its own or with more levels */
	struct bucket *buckets;
	int nbuckets, bucket; /* bucket: where the last day was */
	struct figure *total, *series;
	struct pmap memo, map;  /* key of a cell → struct memo; of the reply → answer_group */
	struct memo *memo_last; /* the one before this cell */
	struct answer_group **groups;
	int ngroups, cap_groups;
	struct str where[16][2]; /* a filter's text as bare and as quoted JSON */
	bool seen;               /* something was counted, also outside the filters: from … to */
	int32_t seen_first, seen_last;
	bool sees_rest; /* filters are held against the events, also of those counted in "…" */
	struct window rest;        /* whole days that cells answer but for these */
	bool partial, *partial_in; /* an event of a scanned piece was excluded; by buckets */
	struct scanning *scanning; /* edges.c: what scans share, also those of moved windows */
	struct moved **moved; /* lens.c: answers over moved windows; lenses: the ways to them */
	int nmoved, cap_moved;
	struct pmap lenses;
	struct running *running;
	int failed; /* <0: a moved window could not be read, whatever the formula made of that */
};

/* The accumulators that a day and group of cells feeds; NULL both if the filters leave it out. */
struct targets {
	struct figure *all, *group; /* group: NULL if no groups are asked for */
};
int answer_targets(struct answer *a, int32_t day, struct str group, struct targets *t);
int answer_add(struct answer *a, const struct targets *t, const struct measure *m, int64_t delta);
/* histogram: one scanned event; a cell */
int answer_put(struct answer *a, const struct targets *t, const struct measure *m, int64_t value);
int answer_spread(
	struct answer *a, const struct targets *t, const struct measure *m, const struct hist *h);
void answer_leads(struct answer *a); /* makes a->lead */
void answer_see(struct answer *a, const struct targets *t, const struct measure *m, int32_t day,
	uint32_t id, uint32_t n);
/* span: of several days, by days if m is. */
void answer_merge(struct answer *a, const struct targets *t, const struct measure *m, int32_t day,
	const struct kset *set, bool span);
int answer_close(struct answer *a); /* all days are in */
/* Adds the figures of the window from the beginning of time up to where a's begins, at the start of
 * a day; before anything is read. */
int answer_carry(struct answer *a, const struct answer *from);
int answer_take(
	struct answer *a, struct figure *into, const struct figure *from); /* into += from */
void figures_free(struct figure *v, size_t n);
int answer_bucket(struct answer *a, int32_t day);    /* -1: none */
void answer_left_out(struct answer *a, int32_t day); /* an event of a scanned piece */

/* The group of a key of the asked dimensions; if it is new, with figures of nothing. */
int answer_group_of(struct answer *a, struct str key, struct answer_group **out);
int answer_too_many(struct answer *a); /* the error where these times the buckets are too many */
struct answer_group *answer_group_find(const struct answer *a, struct str key); /* NULL: none */

/* From a's s, k, q, host, meta, e and pooling: reads the window, so that all figures are there. */
int answer_open(struct answer *a);
/* The two halves of it: the window and its buckets (unless a->buckets are given), and what is in
 * them. */
int answer_begin(struct answer *a);
int answer_read(struct answer *a);
void answer_free(struct answer *a);
/* Was an event left out of a bucket (-1: the window), or of a window that formulas moved it to? */
int answer_partial(struct answer *a, int bucket, bool *yes);
/* view.c: one figure as a formula sees it. g NULL: all; bucket -1: the whole window. A formula that
 * moves the window may find groups that only the other window has: they are appended to a->groups,
 * with figures of nothing. */
const struct figure *answer_figures(
	const struct answer *a, const struct answer_group *g, int bucket);
struct kpi_view *view_open(struct answer *a, struct answer_group *g, int bucket);
void view_close(struct kpi_view *v);

/* lens.c: where the window or bucket of a view lies. */
struct span lens_span(const struct kpi_view *v, int bucket);
/* The answer over the window that a view was moved to; *out NULL: an empty one. Once a formula
 * looks at it, its groups are the query's. */
int lens_find(const struct kpi_view *v, struct lens **out);
void lens_share(struct answer *a, struct lens *l);
int lenses_partial(struct answer *a, int asked, bool *yes);
void lenses_free(struct answer *a);
/* An answer over [from, to), or from the beginning of time, of the query's measures, groups and
 * filters; by buckets if they are given (and then it owns them). */
int lens_read(struct answer *a, const struct span *span, struct bucket *buckets, int nbuckets,
	struct answer **out);

/* running.c: all time before each bucket of a series, kept as what each adds to the one before. 1
 * *out, 0 the view is no such series. */
int running_open(const struct kpi_view *v, struct running **out);
/* Until the next call; *own: made for the caller. */
int running_figures(struct running *r, const struct answer_group *g, int bucket,
	const struct figure **f, struct figure **own);
void running_share(struct running *r);
int running_partial(struct running *r, int bucket, bool *yes);
void running_free(struct answer *a);

/* edges.c: the pieces of a->w that no cell answers. */
int answer_scan(struct answer *a);
int answer_scan_rest(struct answer *a); /* of the days of a->rest what cells count in "…" */
void scanning_free(struct scanning *g);
/* Widens d to all days of some scanned ones that have events. */
int answer_reach(struct answer *a, const struct days *scanned, struct days *d);
int answer_json(struct answer *a, struct buf *json);

#endif
