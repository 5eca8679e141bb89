/* journey_query.h — what is asked of a journey's instances: window, groups, filters, version; with
 * the journey's definitions, of every version that there has been.
 * Flow:   journey_query_read() from the URL, or journey_query_set() from pairs of texts, then
 *         store_ways() with journey_query_ways(), and journey_query_takes() of each instance.
 * Callers: answer_funnel.c, frictions.c, conformance.c.
 * Owns:   journey_query_free() releases all of it.
 * Errors: CX_E_NOT_FOUND, CX_E_BAD_QUERY with field. Units: *_ms UTC. */
#ifndef CX_ENGINE_JOURNEY_QUERY_H
#define CX_ENGINE_JOURNEY_QUERY_H

#include "engine/engine.h"
#include "json/scan.h"
#include "lua/journey.h"
#include "store/journeys_read.h"

enum { JQ_DIMS = KPI_DIMS, JQ_WHERE = 16, JQ_VALUE = 260, JQ_LIMIT = 100, JQ_LIMIT_MAX = 1000 };

struct journey_stage {
	struct str id, title; /* title: JSON; p NULL: none */
	struct duration window;
	bool has_window;
};
struct journey_def { /* of one version */
	int64_t id;  /* of its row */
	int number;
	struct json_doc doc;
	struct journey_stage *stages;
	int nstages;
};
struct journey_query {
	struct engine *eng;
	const struct plugin_journey *journey;
	struct arena a;
	struct journey_def *defs;
	int ndefs;
	const struct journey_def *def; /* the one asked for, or in force */
	int64_t now_ms, from_ms, to_ms;
	bool has_from, has_to;
	int64_t version;          /* asked for: the row's id; 0 any */
	char unit[JQ_VALUE];      /* that the caller is bound to; "" none */
	struct str dims[JQ_DIMS]; /* that the journey has */
	int ndims;
	int by[JQ_DIMS], nby; /* indexes into dims */
	struct {
		int dim;
		char text[JQ_VALUE]; /* "" null */
	} where[JQ_WHERE];
	int nwhere;
	/* Those that only some routes have. */
	char kind[JQ_VALUE], stage[JQ_VALUE], every[JQ_VALUE];
	int limit;
	int64_t after_ms, after; /* "MS-ID" of the page before */
	/* Of the instance at hand. */
	struct json_doc values;
	struct arena row;
};
int journey_query_open(struct journey_query *q, struct engine *eng, const char *id, int64_t now_ms,
	const char *unit, struct cx_err *e);
int journey_query_set(
	struct journey_query *q, const char *name, const char *value, struct cx_err *e);
int journey_query_done(struct journey_query *q, struct cx_err *e); /* all of them are set */
int journey_query_read(
	struct journey_query *q, struct engine *eng, const struct frame *f, struct cx_err *e);
void journey_query_free(struct journey_query *q);

struct way_filter journey_query_ways(const struct journey_query *q);
/* Does it pass the filters? 1 yes, 0 no. group: JSON array of its values of q->by, lives until the
 * next call. */
int journey_query_takes(
	struct journey_query *q, const struct way_head *h, struct str *group, struct cx_err *e);
const struct journey_def *journey_query_def(const struct journey_query *q, int64_t version);
const struct journey_stage *journey_def_stage(const struct journey_def *d, struct str id);
/* Is an instance that entered the stage then, and is there yet, too young to be judged? */
bool journey_query_immature(const struct journey_query *q, const struct way_head *h,
	struct str stage, int64_t entered_ms);

/* "title": in the caller's language; where there is none, the id. */
void journey_title_json(struct buf *b, struct str title, struct str id);
/* journey, title, from, to, period_text, version */
void journey_query_json(struct buf *b, struct journey_query *q);
/* "by" of a group, of which key is what journey_query_takes() gave. */
void journey_by_json(struct buf *b, const struct journey_query *q, struct str key);
/* NAME_ms and NAME_text; null where there is none. */
void journey_span_json(struct buf *b, const char *name, double ms, bool null);
/* NAME and NAME_text, in a format of number.h. */
void journey_number_json(struct buf *b, const char *name, double v, const char *format);
/* NAME: n of all, and NAME_text in %; null where there are none. */
void journey_share_json(struct buf *b, const char *name, int64_t n, int64_t of);

#endif
