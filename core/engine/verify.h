/* verify.h — `cxd verify`: the store checked, and every figure, choice and exclusion found again
 * from the log and compared with what is kept, in one snapshot beside the daemon or without it.
 * Prints the differences, or with --json {"differences":[{plugin,by,what}],
 * "checked":{events,cubes,choices,evidence,to_be_counted_again,being_counted,waiting}}: the last
 * three are what cannot be compared yet; waiting are the cubes of plugins that are off or behind.
 * Exit 0: no difference; 1: differences, or it could not be done. */
#ifndef CX_ENGINE_VERIFY_H
#define CX_ENGINE_VERIFY_H

#include "engine/engine.h"

int verify_main(struct engine *eng, int argc, char **argv);

#endif
