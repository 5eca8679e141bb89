/* load.h — one load of a conf file: what was given, where. Inside conf/ only.
 * Owns: pairs and folder, until conf_load_end(); c is the caller's. */
#ifndef CX_CONF_LOAD_H
#define CX_CONF_LOAD_H

#include "conf/conf.h"
#include "conf/read.h"
#include "conf/table.h"

struct conf_load {
	struct conf *c;
	char *folder;            /* of the file: relative paths begin here */
	struct conf_free *pairs; /* everything given, as written, in order */
	int npairs;
	int given[CONF_ROWS]; /* index + 1 in pairs, 0 = not given */
};

void conf_load_begin(struct conf_load *l, struct conf *c, const char *file, const char *from,
	struct cx_errs *errs);
void conf_load_end(struct conf_load *l);

/* calendar.c. c->holidays from [calendar] file, and behind c->text; that it cannot be read is a
 * mistake of the conf's file. */
void conf_holidays(struct conf *c, const char *file, struct cx_errs *errs);
/* c->calendar from all that was loaded; mistakes of [calendar:UNIT] are in file, those of holidays
 * in their own. */
void conf_calendar(struct conf *c, const char *file, struct cx_errs *errs);

#endif
