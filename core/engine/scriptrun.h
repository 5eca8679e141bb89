/* scriptrun.h — `cxd run NAME`: one run of a review script on a snapshot of the store.
 * args: NAME (scripts/NAME.lua, or a path) [--as-of DATE] [--json] [--out FILE].
 * The report is kept as DATA/reports/NAME-DATE.json and .txt (or only as FILE) and printed to
 * stdout. Exit 0; 1 when it or a part of it failed; 2 wrong usage. */
#ifndef CX_ENGINE_SCRIPTRUN_H
#define CX_ENGINE_SCRIPTRUN_H

#include "engine/engine.h"

int scriptrun_main(struct engine *eng, int argc, char **argv);

#endif
