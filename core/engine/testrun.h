/* testrun.h — `cxd test PATH…`: a plugin's tests/…_test.lua against a real engine on a throw-away
 * store, with a fake clock. PATH is a plugin's folder, its tests folder or one test file.
 * Closing line `N passed, N failed`; exit 0 when none failed and at least one ran. */
#ifndef CX_ENGINE_TESTRUN_H
#define CX_ENGINE_TESTRUN_H

#include "engine/engine.h"

int testrun_main(struct engine *eng, int argc, char **argv);

#endif
