/* import.h — cx.import: a plugin's importer, from its rows (or its generator) to API JSON.
 * Flow:   import_open() finds the declaration; per part the engine runs the
 *         SQL and hands every row to import_map(); or import_generate() runs the generator. Each
 *         event that comes out is converted into strict API JSON (times RFC 3339, money in minor
 *         units), so that the writer has one decoder, and given to the sink.
 * Callers: engine/import.c only.
 * Owns:   struct import; what the sink gets dies with the call.
 * Errors: a row whose function fails, or an event that cannot be read, is refused through the sink
 *         and the import goes on; -1 only where it cannot go on (*f says why, or the sink did).
 * Units:  ms UTC. Budgets: [lua] load for the map of one row, [lua] script for a generator between
 *         two emits; there is none for the whole. A row over its budget is refused. */
#ifndef CX_LUA_IMPORT_H
#define CX_LUA_IMPORT_H

#include "json/scan.h"
#include "lua/plugin.h"
#include "store/scratch.h"

struct import_sink {
	void *ctx;
	/* <0: stop */
	int (*event)(void *ctx, int64_t time_ms, int place, const char *json, size_t n);
	/* id NULL: not known */
	int (*refused)(void *ctx, int place, const char *id, const struct cx_errs *why);
};

struct import {
	struct plugin *p;
	const struct plugin_import *def;
	bool live; /* set by the caller: known from now on, recordedtime is left out */
	/* inside */
	const struct plugin_set *set;
	const struct import_sink *sink;
	const struct scratch_row *row;
	int part, place;
	bool stopped;
	struct arena a;
	struct buf json;
	struct json_doc doc;
};

/* CX_E_NOT_FOUND naming the importers there are; CX_E_PLUGIN_FAILED where it cannot be read. */
int import_open(const struct plugin_set *set, const char *id, struct import *im, struct cx_err *e);
void import_close(struct import *im);

enum { IMPORT_STOPPED = 1 }; /* map was stopped for its budget: the row is refused */
int import_map(struct import *im, int part, const struct scratch_row *row,
	const struct import_sink *sink, struct lua_fail *f);
int import_generate(struct import *im, const struct import_sink *sink, struct lua_fail *f);

#endif
