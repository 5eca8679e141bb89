/* plugin.h — a plugin: its sources, its isolate, and what it declared.
 * Flow:   plugin_load() runs plugin.lua in a fresh isolate; runtime/declare.lua checks the
 *         declarations and hands them over as JSON, which becomes struct event_type, kpi…;
 *         plugin_set_load() does it for all in dependency order and resolves names between them.
 *         Then plugin_* calls run its functions.
 * Owns:   a set owns its plugins, a plugin its definitions and isolate (made anew when spoiled).
 * Errors: a plugin's mistakes are all listed in plugin->errors and it is left out
 *         (PLUGIN_FAILED), with those that depend on it; the others run. */
#ifndef CX_LUA_PLUGIN_H
#define CX_LUA_PLUGIN_H

#include "base/tz.h"
#include "conf/conf.h"
#include "kpi/query.h"
#include "lua/isolate.h"

struct plugin_error {
	char *file; /* "plugins/acme/plugin.lua" */
	int line;
	char *message; /* "kpi \"nps\": formula must be a function" */
};

enum plugin_state {
	PLUGIN_RUNNING,
	PLUGIN_FAILED, /* it has mistakes, and nothing of it is known */
	PLUGIN_OFF,    /* what it declared is known, its code must not run: engine/quarantine.h */
	PLUGIN_BEHIND, /* its code runs again, for the events it has not dealt with */
};

struct plugin_on { /* cx.on */
	char *type_name;
	int handler; /* handle of the function */
	char *file;
	int line;
};
struct plugin_derive {
	const struct event_type *type;
	int field; /* index in type->fields */
	int handler;
};
struct import_table {
	char *name, *file, *encoding; /* encoding NULL: UTF-8 */
	char delimiter;
};
struct plugin_import { /* cx.import; run by lua/import.h */
	char *id;
	struct import_table *tables; /* in name order */
	int ntables;
	char **sql; /* one per part, with the handle of its map */
	int *maps;
	int nparts;
	int generate;  /* handle of the generator that stands instead, 0 = none */
	int64_t total; /* how often it emits, 0 = not said */
};

struct plugin_record {           /* cx.record: a noun of the company's own, kept as it stands now */
	struct event_type *type; /* name: the kind; its fields */
	int key;                 /* the field that names a record; */
	int subject, unit;       /* the person it is about, and its unit; -1 none */
	int *index, nindex;      /* fields that are looked for */
	enum level read, write;  /* least levels */
};

struct plugin_timer { /* cx.timer */
	char *name;
	int run;                /* handle of the function */
	char *every;            /* NULL: it only fires where tx:after asks for it */
	struct duration period; /* what that says */
	char *file;
	int line;
};

struct plugin_sop { /* cx.sop */
	char *id, *file;
	int line;
	int64_t version;
	char *content;              /* JSON: what was declared, without the functions */
	char *shown;                /* of a quiz: the same without what is right; else NULL */
	char hash[65];              /* of that and the functions; "" while the code is not there */
	char *run_type, *item_type; /* events that it emits; NULL: none */
	int *fns, nfns;             /* handles of the conditions */
	int judge;                  /* handle of what says what its answers come to */
};
/* Versions that are or were in force, which no plugin may contradict. */
struct sop_known {
	char *sop, hash[65], source[65];
	int64_t version;
};
struct sops_known {
	struct sop_known *v;
	int n;
};

struct plugin {
	char *name, *version, *title; /* title: JSON text or NULL */
	char hash[65];                /* of all its sources */
	enum plugin_state state;
	int64_t pending; /* OFF, BEHIND: seq of the first event it has not dealt with */
	struct plugin_error *errors;
	int nerrors;
	struct source_file *files;
	int nfiles;
	char **depends;
	int ndepends;
	struct isolate *iso;
	struct event_type **types;
	int ntypes;
	struct kpi **kpis;
	int nkpis;
	struct cube **cubes;
	int ncubes;
	struct plugin_on *ons;
	int nons;
	struct plugin_derive *derives;
	int nderives;
	struct plugin_import *imports;
	int nimports;
	struct plugin_record *records;
	int nrecords;
	struct plugin_timer *timers;
	int ntimers;
	struct plugin_sop *sops;
	int nsops;
	struct plugin_journey *journeys; /* lua/journey.h */
	int njourneys;
	struct plugin_journey **past_journeys; /* definitions that instances of it still need */
	int npast_journeys;
	struct isolate_limits limits;
	struct plugin_run *run; /* private to lua/: bind.h */
};

/* What happens to one event type, worked out once. */
struct type_plan {
	const struct event_type *type;
	struct plugin *owner;
	struct {
		struct plugin *plugin;
		const struct measure *m;
	} * measures;
	int nmeasures;
	struct {
		struct plugin *plugin;
		const struct plugin_on *on;
	} * ons;
	int nons;
	struct plan_journey {
		struct plugin *plugin;
		const struct plugin_journey *journey;
		struct field_ref key;
		bool starts;
	} * journeys;
	int njourneys;
	int *at_slots; /* distinct store_place_slot of its measures, with the field each reads; the
			* engine fills them in (-1 until then) */
	int *at_fields;
	int nat;
	int64_t derived_upto; /* the engine's, too: of the events up to this seq all have all
			       * derived fields */
};

struct meanwhile { /* what cannot wait until a whole set is loaded, or freed: milliseconds */
	void (*turn)(void *ctx);
	void *ctx;
};

struct plugin_set {
	struct plugin **v;
	int n;
	struct type_plan *plans;
	int nplans;
	const struct conf *conf;
	struct blame *blame;
	struct arena texts;        /* of derived fields: live until the next event from outside */
	int depth;                 /* calls of plugin code under way, one inside another */
	const struct meanwhile *m; /* while it is loaded or left; else NULL */
};

/* Sources on disk: every enabled folder of [plugins] path with a plugin.lua. Reads only. */
struct plugin_sources {
	char *name, hash[65];
	struct source_file *files;
	int nfiles;
	char *declared; /* off: what these sources declare (plugin_declared() of an earlier load) */
	bool off;       /* not to run: known by `declared`, or where that is NULL left out */
	const struct sops_known *sops; /* for the time of the load; NULL: none */
};
int plugin_sources_read(const struct conf *c, struct plugin_sources **v, int *n, struct cx_err *e);
void plugin_sources_free(struct plugin_sources *v, int n);
void plugin_sources_hash(struct plugin_sources *s);
/* As bytes for another process, appended; read back from [*p, end): false, that is not what is
 * there. */
void plugin_sources_pack(const struct plugin_sources *v, int n, struct buf *out);
bool plugin_sources_unpack(const char **p, const char *end, struct plugin_sources **v, int *n);

/* Takes the sources over. off: names of plugins not to run (reason shown), may be NULL. */
int plugin_set_load(struct plugin_set *set, const struct conf *c, struct plugin_sources *v, int n,
	const char *const *off, int noff, struct blame *blame);
/* The same beside another set: plugins whose sources and conf are those of `old`, and so all they
 * depend on, are taken over as they are, and are in both until one of them is left or taken.
 * m, which may be NULL, has its turn before, between and after their parts: the old set may run. */
int plugin_set_renew(struct plugin_set *set, const struct plugin_set *old, const struct conf *c,
	struct plugin_sources *v, int n, const struct meanwhile *m, struct blame *blame);
/* One plugin alone, for its functions and what it declares: what it depends on is not there, and no
 * name is resolved. -1: it does not load, f says why; the set is freed all the same. */
int plugin_set_alone(struct plugin_set *set, const struct conf *c, struct plugin_sources *s,
	struct blame *blame, struct lua_fail *f);
void plugin_set_take(struct plugin_set *set, struct plugin_set *from); /* set becomes from */
void plugin_set_leave(
	struct plugin_set *set, const struct plugin_set *old); /* only what is old's stays */
void plugin_set_free(struct plugin_set *set);
/* What the plugin declares, as JSON text for struct plugin_sources. */
struct str plugin_declared(const struct plugin *p);
/* Loads the code of a plugin that was off; -1: it cannot be, f says why. */
int plugin_wake(struct plugin *p, struct lua_fail *f);
void plugin_sleep(struct plugin *p); /* frees its isolate; no call of it may be under way */
struct plugin *plugin_set_find(const struct plugin_set *set, const char *name);
const struct type_plan *plugin_set_type(const struct plugin_set *set, struct str type);
const struct kpi *plugin_set_kpi(
	const struct plugin_set *set, const char *id, struct plugin **owner);

/* The kind of record, and whose it is (owner may be NULL); NULL: no plugin that runs declares it.
 */
const struct plugin_record *plugin_set_record(
	const struct plugin_set *set, struct str kind, struct plugin **owner);

const struct plugin_sop *plugin_sop_find(const struct plugin *p, struct str id);
const struct plugin_sop *plugin_set_sop(
	const struct plugin_set *set, struct str id, struct plugin **owner); /* NULL: none */
/* A run and its answers → what they come to (runtime/sop.lua), both JSON. */
int plugin_judge(struct plugin *p, const struct plugin_sop *sop, struct str run, struct buf *result,
	struct lua_fail *f);

/* Pushes the Lua value behind a handle on the plugin's state (a spoiled isolate is loaded anew). */
int plugin_push(struct plugin *p, int handle, struct lua_fail *f);

/* Calls; each is budgeted, -1 with f filled. A spoiled isolate is loaded anew first. */
/* Computes the derived fields of ev; failures are told one by one and leave the field null. Texts
 * it makes live until the first plugin_derive() of the next event that no plugin emitted. */
int plugin_derive(struct plugin *p, struct event *ev,
	void (*failed)(void *ctx, const char *handler, const struct lua_fail *f), void *ctx);
int plugin_where(
	struct plugin *p, const struct measure *m, struct event *ev, bool *yes, struct lua_fail *f);
int plugin_formula(struct plugin *p, const struct kpi *k, struct kpi_view *v, double *value,
	bool *null, struct lua_fail *f);
/* The KPI's interval; out->none: there is no interval, or none for these figures; low NaN: only n
 * is known, which is too small for one. */
int plugin_interval(struct plugin *p, const struct kpi *k, struct kpi_view *v,
	struct kpi_interval *out, struct lua_fail *f);
/* Is the difference between two windows proven? The test goes by what the interval rests on. */
int plugin_compare(struct plugin *p, const struct kpi *k, struct kpi_view *now,
	struct kpi_view *before, struct kpi_change *out, struct lua_fail *f);

struct record {
	struct value *fields; /* of kind->type */
	int64_t version, created_ms, changed_ms;
};
enum record_op { RECORD_GET, RECORD_PUT, RECORD_DELETE, RECORD_FIND };
struct record_ask { /* of a handler or test; the answer lives in the arena that goes with it */
	enum record_op op;
	const struct plugin_record *kind;
	struct str key;   /* GET, DELETE */
	struct str json;  /* PUT: its fields; FIND: what fields must be, null = without a value */
	int64_t version;  /* PUT, DELETE: the one that must be current, 0 = none; -1 = any */
	struct str after; /* FIND: a key, exclusive */
	int limit;
	struct record *found; /* the answer: GET 0 or 1, PUT 1, DELETE 1 if there was one */
	int n;
	struct str next; /* FIND: where to go on, p NULL = the end */
};

enum sop_op { SOP_GET, SOP_BEGIN, SOP_ANSWER, SOP_FINISH, SOP_ABANDON };
struct sop_ask { /* tx:sop of a handler or test */
	enum sop_op op;
	struct str sop, key; /* GET: the newest run with that key, or the one that is called so */
	struct str run;      /* ANSWER, FINISH, ABANDON */
	struct str item;     /* ANSWER */
	struct str more;     /* JSON object of what else was said: as the API takes it */
	struct str json;     /* the answer: the run; p NULL: GET found none */
};

struct timer_ask {                        /* tx:after */
	const struct plugin_timer *timer; /* of the plugin whose code asks */
	struct duration after;            /* the cause's time */
	struct str arg;                   /* JSON; p NULL: none */
};

struct friction_ask { /* tx:friction */
	struct str journey, key, stage, kind;
	int64_t lost_ms; /* -1: not said */
	int severity;    /* 1–5, -1: not said */
};

struct tx { /* what plugin code may do: the engine fills it */
	void *ctx;
	int64_t now_ms;
	int64_t late_ms; /* tx.late: of a timer, after it was due */
	bool past;
	uint64_t *random; /* state of tx:random, from the job's seed */
	/* type, subject and data (JSON object) of an event caused by ev; "" = inherit */
	int (*emit)(void *ctx, struct event *cause, struct str json, struct cx_err *e);
	void (*log)(void *ctx, const char *plugin, int level, const char *text);
	/* tx:kpi: query parameters → reply JSON */
	int (*kpi)(void *ctx, const char *id, const struct kpi_param *p, int n, struct buf *json,
		struct cx_err *e);
	int (*record)(void *ctx, struct record_ask *ask, struct arena *a, struct cx_err *e);
	int (*sop)(void *ctx, struct sop_ask *ask, struct arena *a, struct cx_err *e);
	int (*after)(void *ctx, const struct timer_ask *ask, struct cx_err *e);
	int (*friction)(void *ctx, const struct friction_ask *ask, struct cx_err *e);
	/* tx:journey: an instance as the API shows it: 1 found, 0 there is none */
	int (*journey)(
		void *ctx, struct str id, struct str key, struct buf *json, struct cx_err *e);
};
int plugin_react(struct plugin *p, const struct plugin_on *on, struct event *ev, struct tx *tx,
	struct lua_fail *f);
/* Runs a timer; cause: what its tx:emit inherits from; arg: JSON, NULL none. */
int plugin_fire(struct plugin *p, const struct plugin_timer *t, struct event *cause,
	const char *arg, struct tx *tx, struct lua_fail *f);
const struct plugin_timer *plugin_timer_find(const struct plugin *p, const char *name);

#endif
