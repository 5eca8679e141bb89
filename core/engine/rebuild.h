/* rebuild.h — figures of a plugin whose identity changed (its files, config, zone or currency):
 * dropped and counted again from the log, before it serves.
 * Flow:   writer, at start, after engine_keep_plugins(). In transactions of a few thousand events;
 * a kill in between starts it anew, since the identity is written last. Progress goes to the front
 * as FRAME_PROGRESS. Derived fields that old events lack are computed and kept. Errors: CX_OK or
 * the store's. */
#ifndef CX_ENGINE_REBUILD_H
#define CX_ENGINE_REBUILD_H

#include "engine/ingest.h"

int rebuild_changed(struct ingest *in, struct cx_err *e);

#endif
