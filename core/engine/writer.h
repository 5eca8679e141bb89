/* writer.h — the one process that writes.
 * Flow:   open the store (migrations), load the plugins, push the tokens, READY; then batches until
 *         STOP or the end of the stream. In between: figures that are to be counted (projector.h),
 *         checkpoints, and one quiet day's sets folded at a time.
 * Errors: the exit code; a writer that cannot open says why on stderr and exits 1. */
#ifndef CX_ENGINE_WRITER_H
#define CX_ENGINE_WRITER_H

#include "engine/engine.h"

int writer_main(struct engine *eng, bool restart);

#endif
