/* job.h — what the front and an engine process say to each other about one request.
 * Flow:   http/ fills a struct job_head and a body; ipc/ carries both as they are (the two ends are
 *         the same binary); engine/ answers with a FRAME_RESULT of the same job number.
 * Everything a handler could take from the outside — time, randomness, ids, who called — is fixed
 * here by the front, so that a replay after a death is the same job again. */
#ifndef CX_BASE_JOB_H
#define CX_BASE_JOB_H

#include <stdint.h>

#include "base/ids.h"

#define X(sym, ...) ROUTE_##sym,
enum route {
#include "base/routes.def"
	ROUTE_COUNT
};
#undef X

/* Jobs of the front's own, which no request leads to. */
enum { ROUTE_STRIKE = ROUTE_COUNT + 1 /* body: struct strike */ };

enum level { LEVEL_NONE, LEVEL_FRONTLINE, LEVEL_MANAGER, LEVEL_INTEGRATOR, LEVEL_ADMIN };
enum who { WHO_FRONT, WHO_WRITER, WHO_READER };
/* 0; 64 KiB; [limits] event; body or batch; evidence, into a file */
enum body_limit { BODY_NONE, BODY_SMALL, BODY_EVENT, BODY_EVENTS, BODY_EVIDENCE };

enum { NAME_MAX_BYTES = 64 }; /* names of units, people, tokens in a caller; with NUL */

struct caller {
	uint8_t level; /* enum level */
	uint8_t lang;  /* enum cx_lang */
	uint8_t pad[2];
	uint32_t uid;                /* UINT32_MAX: not known (TCP) */
	char token[NAME_MAX_BYTES];  /* name of the token, "" = by uid */
	char unit[NAME_MAX_BYTES];   /* bound to this unit, "" = free */
	char person[NAME_MAX_BYTES]; /* acts as this person, "" = nobody */
};

enum frame_kind { /* front → engine */
	FRAME_JOB = 1,
	FRAME_STOP, /* finish what came before, checkpoint, exit 0 */
	/* engine → front */
	FRAME_READY,  /* body: struct ready; the engine takes jobs from here on */
	FRAME_RESULT, /* body: the answer, JSON; status: HTTP; meta: headers of the answer by their
		       * name ("ETag", "Location") */
	FRAME_BATCH,  /* body: struct batch_done, after the results it covers */
	FRAME_TOKENS, /* body: struct token_row[]: the whole table, at start and before the answer
		       * of each call that changes it */
	FRAME_PROGRESS, /* body: struct progress: long work before READY (migration, rebuild) */
	FRAME_PLUGINS,  /* body: struct plugins_told, then two JSON lists, each with its NUL: names
			 * of  plugins that failed, and of those that are quarantined */
};

enum job_flag {
	JOB_REPLAY = 1, /* sent before to an engine that died */
	JOB_NO_PLUGIN =
		2, /* plugin code of head.off killed the engine: leave it out, keep the fact */
};

/* Precedes every frame on the wire; meta (NUL-separated "name\0value\0…") and body follow. */
struct job_head {
	uint32_t meta_len, body_len;
	uint16_t kind;   /* enum frame_kind */
	uint16_t route;  /* enum route */
	uint16_t status; /* HTTP status of a result */
	uint16_t flags;  /* enum job_flag */
	uint64_t job;    /* number, from 1 in each front */
	uint64_t key;    /* 63 random bits: the job's identity, also across fronts */
	int64_t now_ms;  /* when the front had the whole request */
	uint64_t seed;   /* for tx:random */
	uint8_t ulid[ULID_BYTES];
	struct caller caller;
	uint32_t off_item;        /* with JOB_NO_PLUGIN: the event of the batch, UINT32_MAX = all */
	char off[NAME_MAX_BYTES]; /* with JOB_NO_PLUGIN: the plugin to leave out, "*" = all */
};
/* Meta names: "query" (raw, without ?), "content-type", "if-match", "if-none-match",
 * path parameters by their name in routes.def ("id", "name"), for binary CloudEvents every "ce-…"
 * header, lower case, once; of evidence "drop" (number of the file) and "bytes", or "range" and
 * "if-range". */

struct ready {
	int64_t last_seq;
	uint32_t plugins_running, plugins_failed;
	uint32_t events;   /* 1 if the store has any event */
	char example[480]; /* an event the plugins would accept, JSON; "" = none */
};

struct batch_done { /* how the writer is doing; counters since its start */
	int64_t last_seq;
	uint64_t batches, jobs, events, duplicates, rejected, reactions_failed;
	uint64_t timers_fired, timers_late;
	int64_t timers_waiting; /* now */
	uint64_t commit_us;     /* of this batch */
};

struct plugins_told { /* how many are in which state */
	uint32_t running, failed, quarantined, disabled, rebuilding;
};

struct strike { /* plugin code ended an engine process */
	int64_t at_ms;
	uint32_t item;   /* blame.h: without a job, of the event it was catching up with */
	uint8_t loading; /* the process was not ready yet */
	uint8_t of_job, pad[2];
	uint32_t due_kind; /* something fired by itself: of engine/timers.h, from 1; 0: nothing did
			    */
	uint32_t pad2;
	int64_t due; /* and its id */
	char plugin[NAME_MAX_BYTES], handler[96];
};

struct progress {
	char what[32]; /* "rebuild", "migrate" */
	uint64_t done, total;
};

struct token_row {
	char name[NAME_MAX_BYTES], unit[NAME_MAX_BYTES], person[NAME_MAX_BYTES];
	uint8_t sha256[32]; /* of the whole token text */
	int64_t expires_ms; /* 0 = never */
	uint8_t level, pad[7];
};

struct route_row {
	const char *method, *path;
	enum level level;
	enum who who;
	enum body_limit body;
	const char *query; /* names of parameters, with a blank between; "*": any other too */
	const char *summary;
};
extern const struct route_row routes[ROUTE_COUNT];

/* Value of a meta entry or NULL. meta as received. */
const char *meta_get(const char *meta, uint32_t meta_len, const char *name);
/* Percent-decoded value of the i-th occurrence of name in the job's raw query; NULL if absent.
 * The result lives in out (cap bytes); a value too long or badly encoded sets *bad. */
const char *query_get(
	const char *query, const char *name, int i, char *out, uint32_t cap, int *bad);
/* The i-th parameter's name, percent-decoded into out ("?" if it is malformed); NULL past the end.
 */
const char *query_name(const char *query, int i, char *out, uint32_t cap);

const char *level_name(enum level l); /* "frontline" */
/* The person, "/token/NAME" or "/uid/N". */
void caller_text(const struct caller *c, char *out, size_t cap);
int level_parse(const char *s, enum level *l); /* 0, or -1 for an unknown word */

#endif
