/* words.h — names and values inside error messages: cut at a character, and "did you mean".
 * Callers: event/ only. */
#ifndef CX_EVENT_WORDS_H
#define CX_EVENT_WORDS_H

#include <stdbool.h>

#include "base/arena.h"

enum { SHOWN_MAX = 64 };

/* At most SHOWN_MAX - 1 bytes of s, whole characters, with "…" where something was cut. */
const char *words_show(char out[SHOWN_MAX], struct str s);
/* The candidate that is a slip of the pen away from name, or NULL. */
const char *words_near(
	struct str name, const char *(*candidate)(const void *ctx, int i), const void *ctx);

#endif
