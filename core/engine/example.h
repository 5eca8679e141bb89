/* example.h — an event that this company's plugins would accept, for the line a person is shown. */
#ifndef CX_ENGINE_EXAMPLE_H
#define CX_ENGINE_EXAMPLE_H

#include "engine/engine.h"

/* {"type":…,"subject":"c-1","data":{…}} of the type most KPIs read, with its required fields; ""
 * when no plugin runs or it does not fit in cap. */
void example_event(const struct engine *eng, int64_t now_ms, char *out, size_t cap);

#endif
