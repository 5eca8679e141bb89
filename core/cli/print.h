/* print.h — tables and refusals for people.
 * Widths count characters, not bytes. Owns: a table owns its cells until table_print() or
 * table_free(). */
#ifndef CX_CLI_PRINT_H
#define CX_CLI_PRINT_H

#include <jansson.h>

#include "cli/request.h"

enum { TABLE_COLUMNS = 32 };
struct table { /* a cell added past the last column begins the next row */
	int columns;
	bool right[TABLE_COLUMNS];
	char **cells;
	int n;
};

void table_column(struct table *t, const char *title, bool right); /* all of them first */
void table_cell(struct table *t, const char *text);                /* NULL: empty */
void table_cellf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void table_print(struct table *t, FILE *to); /* and frees it */
void table_free(struct table *t);

/* EXIT_DONE, or for an answer ≥ 400 EXIT_REFUSED after saying on stderr what it says. */
int reply_refused(const struct reply *reply);
/* The reply as JSON; NULL after saying that it is none. */
json_t *reply_json(const struct reply *reply);
const char *json_text_of(const json_t *object, const char *key); /* NULL: absent or no text */

#endif
