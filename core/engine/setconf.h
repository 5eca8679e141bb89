/* setconf.h — the part of conf that belongs to the plugins in force: it is kept in the store with
 * them, so that every process has the same, whatever conf/cxd.ini says meanwhile.
 * Flow:   a writer that starts has it from the file (eng->started) and keeps it; a reload brings
 *         another; everyone else reads it back. That of the plugins before is kept beside it.
 * Owns:   eng->conf and eng->before_conf, unless they are eng->started. Errors: of the store. */
#ifndef CX_ENGINE_SETCONF_H
#define CX_ENGINE_SETCONF_H

#include "engine/engine.h"

/* As the store has it; *out NULL: it has none that this version understands. */
int setconf_read(struct engine *eng, bool before, struct conf **out, struct cx_err *e);
int setconf_keep(struct engine *eng, struct cx_err *e); /* eng->conf, in a batch */
/* From the bytes of conf_part(); NULL: not understood. */
struct conf *setconf_parse(const struct engine *eng, const char *part, size_t n);
/* c becomes eng->conf (NULL: eng->started does); the one before is the caller's. */
struct conf *setconf_swap(struct engine *eng, struct conf *c);
void setconf_free(struct engine *eng, struct conf *c);

#endif
