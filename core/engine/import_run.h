/* import_run.h — what the parts of the import role share: where it is, what it counted.
 * Flow:   import.c maps; import_send.c sends batches and reads their results; import_tell.c tells
 *         the person: progress, refusals, the closing line.
 * Errors: negative = the import cannot go on; run->e says why. */
#ifndef CX_ENGINE_IMPORT_RUN_H
#define CX_ENGINE_IMPORT_RUN_H

#include <stdio.h>

#include "conf/conf.h"
#include "ipc/frame.h"
#include "json/scan.h"
#include "lua/import.h"
#include "store/scratch.h"

enum { IMPORT_WINDOW = 2, IMPORT_BATCH = 1000, IMPORT_BATCH_BYTES = 4 << 20 };

struct origin { /* of an event: part from 0, line of the file or number of the row */
	int part;
	int64_t row;
};

struct sent {
	uint64_t job;
	int n;
	struct origin of[IMPORT_BATCH];
};

struct import_run {
	struct conf *conf;
	struct import im;
	struct scratch *scratch;
	const char *name, *dir;
	bool live, update, json, tty;
	struct cx_err e;
	/* rows */
	struct origin at;     /* of what is being mapped */
	int rowid_col, ncols; /* of the part; -1 none */
	int over_budget;      /* rows whose map was stopped */
	bool *lines;          /* per part: rows are lines of a file */
	int64_t limit;        /* events per batch */
	/* batches: the one being filled, and those without result yet */
	int fd;
	uint64_t jobs;
	struct buf body, out, in;
	size_t in_at;
	struct sent now, sent[IMPORT_WINDOW];
	int nsent;
	struct json_doc doc;
	struct arena a;
	/* counts */
	int64_t mapped, accepted, corrected, duplicates, refused, changed;
	int64_t began_us, shown_us;
	/* telling */
	const char *phase;
	int64_t done, total; /* total 0: not known */
	int64_t phase_us;
	char refused_path[1200];
	FILE *refused_file;
};

/* import_send.c */
int import_send_event(struct import_run *r, struct origin of, const char *json, size_t n);
int import_send_rest(struct import_run *r); /* and wait for every result */
void import_send_free(struct import_run *r);

/* import_tell.c */
void tell_phase(struct import_run *r, const char *what, int64_t total);
void tell_progress(struct import_run *r, int64_t done); /* shown now and then */
struct refusal {
	struct origin of;
	const char *file; /* of is a line of this table's file; NULL: a row or an event */
	const char *id, *code, *field, *detail;
	struct str errors; /* all mistakes as a JSON list, where there are several */
};
void tell_refused(struct import_run *r, const struct refusal *f);
int tell_end(struct import_run *r, int rc); /* the closing line; the exit code */

#endif
