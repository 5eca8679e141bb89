/* sop_run.h — one run of a checklist, for the files that make up sops.h: its version's definition,
 * its answers, what they come to.
 * Flow:   sop_run_load() or sop_run_begin() → sop_run_answer(), sop_run_end(): each checks, keeps,
 *         has it judged, and tells the event that the plugin wants (sop_events.c).
 * Owns:   everything lives in the arena given. Errors: as sops.h. */
#ifndef CX_ENGINE_SOP_RUN_H
#define CX_ENGINE_SOP_RUN_H

#include "engine/sops.h"
#include "store/sops.h"

enum sop_kind {
	SOP_YES_NO,
	SOP_CHOICE,
	SOP_NUMBER,
	SOP_TEXT,
	SOP_PHOTO,
	SOP_FILE,
	SOP_SIGNATURE,
	SOP_TIME,
	SOP_COUNT,
	SOP_KINDS
};
struct sop_item {
	struct str item, section; /* p NULL: in none */
	enum sop_kind kind;
	bool na; /* "na" is an answer */
	struct str *choices;
	int nchoices;
	struct sop_answer_row given; /* item.p NULL: no answer ever came */
};
struct sop_run {
	struct sop_run_row row;
	struct sop_version_row v;
	struct sop_item *items;
	int n;
	struct str title; /* JSON; p NULL: none */
	int64_t embargo_ms;
	bool superseded;      /* the answer that came is older than the one there is */
	struct buf *warnings; /* JSON objects, comma separated, of what failed now; may be NULL */
};

/* The version in force of a checklist; kept if it is not yet. */
int sop_in_force(struct engine *eng, const struct plugin *p, const struct plugin_sop *s,
	struct sop_version_row *v, struct arena *a, struct cx_err *e);
/* With row filled in: version, items, answers. */
int sop_run_load(struct engine *eng, struct sop_run *r, struct arena *a, struct cx_err *e);
/* 1 found, 0 not. */
int sop_run_find(
	struct engine *eng, struct str run, struct sop_run *r, struct arena *a, struct cx_err *e);
int sop_run_begin(struct ingest *in, struct event *cause, const struct sop_start *s,
	struct sop_run *r, struct arena *a, struct cx_err *e);

struct sop_given { /* an answer as it was sent */
	struct str item;
	struct str answer;    /* JSON; p NULL: none, or taken back */
	struct str *evidence; /* "sha256:…" */
	int nevidence;
	struct str actor, device;
	int64_t sequence, time_ms, now_ms;
	bool timed;  /* it said when; else time_ms is now */
	bool unseen; /* files are not looked for */
};
/* r->superseded tells whether the answer stands. */
int sop_run_answer(struct ingest *in, struct sop_run *r, const struct sop_given *g, struct arena *a,
	struct cx_err *e);
/* reason.p NULL: finished. */
int sop_run_end(struct ingest *in, struct event *cause, struct sop_run *r, struct str reason,
	int64_t time_ms, struct arena *a, struct cx_err *e);
/* Events of the run's beginning or end, and of its items; what fails is a warning. */
int sop_run_tell(struct ingest *in, struct event *cause, struct sop_run *r, struct arena *a,
	struct cx_err *e);

int sop_run_over(const struct sop_run *r, struct cx_err *e); /* 409: it has ended */
bool sop_run_is(const struct sop_run *r, const char *state);
/* The run as everybody sees it; hidden: score and answers are under embargo. */
void sop_run_json(struct buf *b, const struct sop_run *r, bool hidden);
/* Until when, 0: it has none. */
int64_t sop_run_embargo(const struct sop_run *r);

/* sop_run.c: what the others need of it */
bool sop_same(struct str a, struct str b); /* also: both are none */
/* The text under key; p NULL: none. */
struct str sop_member(const struct json_doc *d, uint32_t at, const char *key, struct arena *a);
struct sop_item *sop_item_of(const struct sop_run *r, struct str item); /* NULL: it has none */
bool sop_is_given(const struct sop_item *item);
/* What the answers come to, in row.result; where that cannot be told, it says so: 0, else 1. */
int sop_run_judge(struct ingest *in, struct sop_run *r, struct arena *a);
#define SOP_EACH(d, list, i)                                                                       \
	for (uint32_t i = (list) + 1; (list) && i < (d)->nodes[list].next; i = (d)->nodes[i].next)

#endif
