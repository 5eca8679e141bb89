/* progress.h — one line on a terminal's stderr for what takes longer than a second.
 * Callers: cli; nothing is shown where stderr is no terminal. */
#ifndef CX_CLI_PROGRESS_H
#define CX_CLI_PROGRESS_H

#include <stdint.h>

void progress_show(const char *what, uint64_t done, uint64_t total);
void progress_end(void); /* takes the line away */

#endif
