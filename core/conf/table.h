/* table.h — conf.def as rows, and the text of a value ↔ the value. Inside conf/ only.
 * Errors: a sentence without place ("…, from 10ms to 10min") in *why; the reader adds file:line. */
#ifndef CX_CONF_TABLE_H
#define CX_CONF_TABLE_H

#include <stddef.h>

#include "conf/conf.h"

enum conf_type { CONF_TEXT, CONF_PATH, CONF_INT, CONF_BYTES, CONF_TIME, CONF_BOOL };

enum conf_taken { CONF_TAKEN_START, CONF_TAKEN_RELOAD, CONF_TAKEN_COMMAND };

struct conf_row {
	const char *section, *key;
	enum conf_taken taken;
	enum conf_type type;
	const char *def;
	int64_t min, max;
	const char *unit, *pt, *en;
	size_t at; /* of the field in struct conf */
};

#define X(section, key, ...) CONF_ROW_##section##_##key,
enum conf_row_index {
#include "conf/conf.def"
	CONF_ROWS
};
#undef X
extern const struct conf_row conf_rows[CONF_ROWS];

static inline bool conf_row_is_text(const struct conf_row *r)
{
	return r->type == CONF_TEXT || r->type == CONF_PATH;
}

int conf_row_find(const char *section, const char *key); /* or -1 */
bool conf_is_section(const char *section);               /* of the table */
/* "plugin:acme", "mail"…: keys are somebody else's to check. */
bool conf_is_free_section(const char *section);
extern const char *const conf_free_sections[]; /* as documented, NULL-terminated */

/* Puts text into its field of c (relative paths from folder); false with why. */
bool conf_set(struct conf *c, const struct conf_row *r, const char *text, const char *folder,
	char *why, size_t cap);
/* A number as people write it in the file: "16MiB", "10s", "32". */
void conf_number_text(enum conf_type type, int64_t v, char out[32]);

#endif
