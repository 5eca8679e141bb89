/* choices.h — which rules of latest/first have all their candidates.
 * While plugins that use a rule run, the writer adds a candidate for every event. A rule that is
 * new, that nobody used for a while, or whose type is declared otherwise now has to be made up for
 * from the log. The store remembers ("choices") the rules that were in use, each with the identity
 * of the plugin that declares the type.
 * Flow:   choices_open() at a writer's start → the rebuild gathers what is choices_missing() →
 *         choices_keep().
 * Callers: engine/rebuild. Errors: what the store says. */
#ifndef CX_ENGINE_CHOICES_H
#define CX_ENGINE_CHOICES_H

#include "engine/engine.h"

struct choices;
/* Empties the rules whose candidates are not to be trusted; in a batch of its own. */
int choices_open(struct engine *eng, struct choices **out, struct cx_err *e);
/* Are candidates of m's choice to be gathered? m NULL: of any? */
bool choices_missing(const struct choices *c, const struct measure *m);
int choices_keep(struct choices *c, struct cx_err *e); /* all is gathered now */
void choices_free(struct choices *c);

#endif
