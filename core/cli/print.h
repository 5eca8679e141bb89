/* print.h — tables and refusals for people.
 * Widths are those of a terminal, not bytes; control characters are shown as "?". Owns: a table
 * owns its cells until table_print() or table_free(). */
#ifndef CX_CLI_PRINT_H
#define CX_CLI_PRINT_H

#include <jansson.h>

#include "cli/request.h"

enum { TABLE_COLUMNS = 40, TABLE_SPARE = 3 };
struct table { /* a cell added past the last column begins the next row */
	int columns;
	bool right[TABLE_COLUMNS];
	int spare[TABLE_COLUMNS]; /* 1 … TABLE_SPARE, the first to go: can be left out */
	bool headed;
	char **cells;
	int n;
};

void table_column(struct table *t, const char *title, bool right); /* all of them first */
void table_spare(struct table *t, int rank); /* the last column, where the terminal is narrow */
void table_cell(struct table *t, const char *text); /* NULL: empty */
void table_cellf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Without columns that have nothing but a title. Frees the table. */
void table_print(struct table *t, FILE *to);
void table_free(struct table *t);

/* EXIT_DONE, or for an answer ≥ 400 EXIT_REFUSED after saying on stderr what it says. */
int reply_refused(const struct reply *reply);
/* The reply as JSON; NULL after saying that it is none. */
json_t *reply_json(const struct reply *reply);
const char *json_text_of(const json_t *object, const char *key); /* NULL: absent or no text */

#endif
