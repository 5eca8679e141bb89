/* store/journeys_read.h — the ways of many instances, one after the other: what funnels, frictions
 * and conformance are made of.
 * Flow:   store_ways() goes through the instances by when they began, each with its moves by pos.
 * Owns:   nothing stays: a head lives until its end(), a step until the next one.
 * Errors: as store.h. Units: *_ms UTC. */
#ifndef CX_STORE_JOURNEYS_READ_H
#define CX_STORE_JOURNEYS_READ_H

#include "store/journeys.h"

struct way_head {
	int64_t id, version, begun_ms, ended_ms; /* version: the row's id; ended 0: it is open */
	int n;
	bool lost;
	struct str key, stage, outcome, unit, subject, by; /* p NULL: none */
};
struct way_step {
	int pos, pass;
	int64_t time_ms;
	struct str type, source, target, deviation;
};
struct ways {
	int (*begin)(void *ctx, const struct way_head *h); /* 0, 1 not this one, <0 */
	int (*step)(void *ctx, const struct way_step *s);  /* 0 or <0 */
	int (*end)(void *ctx, const struct way_head *h);   /* 0, 1 enough, <0 */
};
struct way_filter {
	const char *journey, *unit; /* unit "": any */
	int64_t from_ms, to_ms;     /* of when they began, half open */
	int64_t version;            /* the row's id, 0 any */
	int64_t after_ms, after;    /* the one read last: when it began, its id */
};
int store_ways(struct store *s, const struct way_filter *q, const struct ways *w, void *ctx,
	struct cx_err *e);

/* The same instances without their moves: fit is what the fold's state says of how near the ideal
 * it came (JSON); those of which it says nothing are left out. */
int store_fits(struct store *s, const struct way_filter *q,
	int (*f)(void *ctx, const struct way_head *h, struct str fit), void *ctx, struct cx_err *e);

/* What reactions noted of an instance, and stands. */
int store_frictions_of(
	struct store *s, int64_t instance, store_friction_f f, void *ctx, struct cx_err *e);
int store_frictions_any(struct store *s, const char *journey, struct cx_err *e); /* 1 yes, 0 no */

#endif
