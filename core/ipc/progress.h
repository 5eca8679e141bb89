/* progress.h — one line on a terminal's stderr for what takes an engine longer than a second.
 * Callers: whoever started it: the front, the command line. Where stderr is no
 * terminal nothing is shown, or with log a line a second is logged. */
#ifndef CX_IPC_PROGRESS_H
#define CX_IPC_PROGRESS_H

#include "ipc/frame.h"

void progress_show(const struct frame *f, bool log); /* a FRAME_PROGRESS */
void progress_end(void);                             /* takes the line away */

#endif
