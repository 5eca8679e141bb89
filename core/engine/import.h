/* import.h — the role behind `cxd import NAME [DIR]`: a plugin's importer, run to its end.
 * Flow:   plugins from disk → the cx.import → CSV files into a scratch file, rows through `map`
 *         (or the generator) → events in order of time → batches as FRAME_JOBs to whoever started
 *         us, who passes them on → counts, refusals, one closing line on stdout.
 * args:   NAME DIR ("" = none) [--live] [--update] [--json].
 * Errors: exit 0; 1 when something was refused or failed, or the importer's plugin is off; 2 wrong
 *         usage. Refused rows are lines of
 *         DATA/imports/NAME-refused.ndjson. */
#ifndef CX_ENGINE_IMPORT_H
#define CX_ENGINE_IMPORT_H

#include "engine/engine.h"

int import_main(struct engine *eng, int argc, char **argv);

#endif
