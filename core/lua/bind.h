/* bind.h — what lua/plugin.h keeps to itself: a plugin's run-time state, and the pieces it is made
 * of: call.c (calls), define.c (declarations), resolve.c (names between plugins), event_bind.c
 * (`e`), tx_bind.c and record_bind.c (`tx`), formula_bind.c and hist_bind.c (`m`), cx_bind.c
 * (functions behind cx).
 * Flow:   every run of plugin code is one isolate_call() of a body (call.c) that pushes the
 *         function and what it may see. A slot per nesting level says which event, tx and
 *         measures are alive; a value that outlives its call finds its slot moved on and says so.
 * Owns:   a plugin its run; Lua values only by reference numbers that are valid for one isolate. */
#ifndef CX_LUA_BIND_H
#define CX_LUA_BIND_H

#include <lauxlib.h>

#include "base/nearest.h"
#include "lua/plugin.h"
#include "lua/value.h"

enum { RUN_SLOTS = 40, RUN_DERIVES = 256 };

enum derive_state { DERIVE_TO_DO, DERIVE_UNDER_WAY, DERIVE_DONE, DERIVE_FAILED };
enum use { USE_REACT, USE_DERIVE, USE_MEASURE };
struct slot {
	struct event *ev;
	uint64_t event_gen; /* of the `e` made for this event */
	uint64_t call_gen;  /* of this call's tx and m */
	bool live;
	int ref; /* registry: the `e` of event_gen, LUA_NOREF none */
	/* what makes it the same event when the next function is called */
	struct event *same;
	const char *id;
	int64_t seq, time_ms;
	uint8_t digest[EVENT_DIGEST];
	/* of the call */
	enum use use;
	const struct measure *m;             /* USE_MEASURE */
	int personal;                        /* field a measure wanted to read, -1 none */
	const struct plugin_derive *derives; /* USE_DERIVE: those of the type */
	int nderives;
	uint8_t derived[RUN_DERIVES]; /* enum derive_state */
	struct tx *tx;
	const struct journey_call *journey; /* journey_bind.c */
	const struct kpi *kpi;              /* formula, interval */
};

struct plugin_run {
	struct plugin *p;
	struct plugin_set *set;
	char *file; /* of cx.plugin */
	int line;
	const struct sops_known *sops; /* while it is loaded */
	bool stays;                    /* while a set is renewed: it is as it was */
	bool identified;               /* plugin_identify() has run */
	struct buf declared; /* what plugin.lua declared, as JSON (finish() of declare.lua) */
	const char **labels; /* of the functions' handles, from 1 */
	int nlabels;
	int handles_ref; /* registry: table of functions */
	char *config;    /* values in force as text: part of what reads them (identity.h) */
	struct isolate_file *files;
	struct arena kept; /* texts of defaults and labels */
	struct slot slots[RUN_SLOTS];
	int depth;
	uint64_t gen;
	size_t lives_on;      /* memory of the isolate after its last full collection */
	struct arena scratch; /* of one tx call */
	struct buf json;
};

/* Items of a list in a JSON text; list 0: there is none. */
#define JSON_EACH(d, list, i)                                                                      \
	for (uint32_t i = (list) + 1; (list) && i < (d)->nodes[list].next; i = (d)->nodes[i].next)

/* call.c: every run of plugin code is call_begin(), what it may see put into the slot, call_run()
 * of a body that pushes the function and its arguments. */
struct call_about {
	const char *label; /* for blame and messages */
	const char *file;  /* where a mistake without a place in plugin code is told, as of */
	int line;          /* `return cx.day(x)`, which leaves no frame behind */
	int budget_ms;
};
/* The slot of a new call (number *at), NULL with *f where the plugin cannot be called. ev NULL: of
 * no event. A spoiled isolate is loaded anew first. */
struct slot *call_begin(
	struct plugin *p, struct event *ev, enum use use, int *at, struct lua_fail *f);
/* Makes the call, of body with ctx as a light userdata, and ends its slot. */
int call_run(struct plugin *p, lua_CFunction body, void *ctx, const struct call_about *about,
	struct lua_fail *f);
int call_ready(struct plugin *p, struct lua_fail *f); /* its isolate is there */
int call_load(
	struct plugin *p, bool again, struct lua_fail *f); /* define_load(), and its garbage */

/* define.c */
void plugin_mistake(struct plugin *p, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Runs plugin.lua in a new isolate. again: only the functions, the definitions stand. */
int define_load(struct plugin *p, bool again, struct lua_fail *f);
void define_known(struct plugin *p, const char *declared);  /* the definitions without any code */
void declared_drop(struct plugin *p);                       /* frees what was declared */
void sha256_text(const void *data, size_t n, char hex[65]); /* sources.c */

/* define_timer.c */
void timers_take(const struct json_doc *d, struct plugin *p);
void timers_drop(struct plugin *p);
/* define_sop.c */
void sops_take(struct plugin *p, const struct json_doc *d);
void sops_drop(struct plugin *p);
void sops_identify(struct plugin *p);
/* The same; none may contradict a version that was in force. */
void sops_check(struct plugin *p);

/* define_journey.c */
void journeys_take(const struct json_doc *d, struct plugin *p);
void journeys_drop(struct plugin *p);
void journeys_identify(struct plugin *p);

/* plugin.c: set->m has its turn, where no call of plugin code is under way. */
void meanwhile(const struct plugin_set *set);

/* resolve.c: after every plugin is loaded: names between plugins (what is wrong fails its plugin),
 * and what happens to each event type. */
void resolve_set(struct plugin_set *set);
void plans_free(struct plugin_set *set);
/* Is this type name the plugin's own or of one it depends on? NULL: no; *owner: whose it is. */
const struct event_type *resolve_type(struct plugin *p, const char *name, struct plugin **owner);

/* cx_bind.c: pushes the table of host functions for runtime/declare.lua. */
void cx_push_host(lua_State *L, struct plugin_run *run);

struct plugin_run *run_of(lua_State *L); /* define.c */
enum { MEANT = 100 };
const char *meant(const struct nearest *n, char out[MEANT]); /* ", did you mean "x"?" or "" */

/* event_bind.c */
void event_bind_setup(lua_State *L);
void event_push(lua_State *L, struct plugin_run *run, int slot); /* the slot's `e` */
/* Lua value → a field's value as derives and tx:emit give it; false: *why says what is wrong. */
bool event_value(lua_State *L, int index, const struct field *f, const char *currency,
	struct arena *a, struct value *v, const char **why);
int event_derive_one(lua_State *L, struct plugin_run *run, int slot, int i);
/* Runs m's where over made-up events; false: it reads the personal field *field. f: a budget was
 * exceeded. */
bool event_probe(struct plugin *p, const struct measure *m, int *field, struct lua_fail *f);

/* tx_bind.c */
struct tx_ud { /* tx, and what it gives: good for one call of a reaction */
	struct plugin_run *run;
	int slot;
	uint64_t gen;
};
struct slot *tx_slot(lua_State *L, const struct tx_ud *u, const char *what); /* raises when over */
/* The value on top as JSON, in its field's kind, so that a Lua time or decimal comes out as the API
 * takes it in; f NULL: as it is. A mistake is raised as "WHATname must be …". */
void tx_field(lua_State *L, const char *what, const char *name, const struct field *f,
	const char *currency, struct arena *a, struct buf *b);

/* sop_bind.c: tx:sop */
int tx_sop(lua_State *L, const struct tx_ud *u); /* tx at 1, id at 2, key at 3 */

/* record_bind.c: tx:record */
void record_bind_setup(lua_State *L);
int tx_record(lua_State *L, const struct tx_ud *u); /* kind at 2 */

int tx_after(lua_State *L, const struct tx_ud *u);
int tx_friction(lua_State *L, const struct tx_ud *u); /* journey_tx.c */
int tx_journey(lua_State *L, const struct tx_ud *u);  /* timer_bind.c */

/* tx_bind.c, formula_bind.c, hist_bind.c */
void tx_bind_setup(lua_State *L);
void tx_push(lua_State *L, struct plugin_run *run, int slot);
void formula_bind_setup(lua_State *L);
void formula_push(lua_State *L, struct plugin_run *run, int slot, struct kpi_view *view);
bool call_alive(const struct plugin_run *run, int slot, uint64_t gen); /* is it still this call? */
void hist_bind_setup(lua_State *L);
void hist_push(lua_State *L, struct plugin_run *run, int slot, const struct hist *hist,
	const char *measure);
/* clock_bind.c: into the table at host. */
void clock_bind(lua_State *L, int host);

#endif
