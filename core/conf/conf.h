/* conf.h — conf/cxd.ini.
 * Flow:   conf_load() → struct conf; conf.def is the one table of keys (section, key, type,
 * default, range, unit, help in both languages), from which the struct, the loader, the checks and
 *         the documented conf/cxd.ini are made. The daemon reads it at its start and hands what it
 *         read on to its engines. A part of it belongs to the plugins in force (values of their
 *         own, which are on, budgets…) and changes with them: conf_part() → the store →
 * conf_renew(). Owns:   the caller; conf_free(). Errors: every mistake as "file:line: …" in a list;
 * unknown sections and keys, a key given twice, values out of range and over-long lines are
 * mistakes. After one, c can only be freed. The zone of [company] is set for the process
 * (tz_setup). */
#ifndef CX_CONF_CONF_H
#define CX_CONF_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/calendar.h"
#include "base/err.h"
#include "base/job.h"

/* Field types: TEXT and PATH are char * (never NULL; a PATH is absolute, relative ones are taken
 * from the conf file's folder), INT, BYTES and TIME (ms) are int64_t, BOOL is bool. */
#define CONF_C_TEXT  char *
#define CONF_C_PATH  char *
#define CONF_C_INT   int64_t
#define CONF_C_BYTES int64_t
#define CONF_C_TIME  int64_t
#define CONF_C_BOOL  bool

struct conf_free { /* sections whose keys the table cannot know: plugin:NAME, webhook:NAME… */
	char *section, *key, *value;
	int line;
};

struct conf_place { /* where one of those sections begins */
	char *section;
	int line;
};

struct conf_access {
	bool gid;
	uint32_t id;
	enum level level;
	char unit[NAME_MAX_BYTES];
	int line;
};

struct conf {
	char *file;      /* absolute */
	struct buf text; /* as it was read; behind its NUL the holidays */
#define X(section, key, taken, type, ...) CONF_C_##type section##_##key;
#include "conf/conf.def"
#undef X
	int *lines;             /* of the table's keys, 0 = not given: conf_line() */
	struct conf_free *free; /* of those sections */
	int nfree;
	struct conf_place *sections;
	int nsections;
	struct conf_access *access;
	int naccess;
	char *holidays;            /* the text of [calendar] file */
	struct calendar *calendar; /* of [calendar], that text, and each [calendar:UNIT] */
};

int conf_load(struct conf *c, const char *file, struct cx_errs *errs);
/* The same of what another process read from FILE: its text is in `from`. */
int conf_load_from(struct conf *c, const char *file, const char *from, struct cx_errs *errs);
void conf_free(struct conf *c);
/* The documented file: every key of the table as a comment with its default, range, unit and help;
 * values that FILE gives are kept (file NULL: none). conf/cxd.ini is what this makes of itself. */
int conf_print(const char *file, struct buf *out, struct cx_errs *errs);
/* "FILE:LINE: …" of a mistake apart: where the file's name ends, NULL: it names no place. */
const char *conf_mistake_at(const char *msg, int *line, const char **says);
/* The n-th key of [section], NULL past the end. */
const struct conf_free *conf_section(const struct conf *c, const char *section, int n);
/* The line in which a key of the table is given, or [section] begins (key NULL); 0 = nowhere. */
int conf_line(const struct conf *c, const char *section, const char *key);

/* What is no mistake of the file and yet to be known: sections of later versions, a
 * [plugin:NAME] without plugin, a folder of [plugins] path without plugin.lua (line 0). */
enum conf_note_kind { CONF_LATER, CONF_NO_PLUGIN, CONF_NO_LUA };
typedef void conf_note(void *ctx, enum conf_note_kind kind, int line, const char *msg);
void conf_notes(const struct conf *c, conf_note *tell, void *ctx);

/* ---- a file that has changed ---- */

/* The part that a reload takes, with its lines, as bytes that conf_renew() understands. */
void conf_part(const struct conf *c, struct buf *out);
/* c becomes a conf with that part, and else what `running` has; false: not understood, c is empty.
 * Touches neither files nor the process's zone. */
bool conf_renew(struct conf *c, const struct conf *running, const char *part, size_t n);
/* What a plugin sees of conf: the same in both? */
bool conf_same_for(const struct conf *a, const struct conf *b, const char *plugin);
/* What differs and is taken at the next start only, key by key. */
void conf_waits(const struct conf *running, const struct conf *now,
	void (*tell)(void *ctx, int line, const char *msg), void *ctx);

/* Is plugin name switched on by [plugins] enable ("*" or a list)? */
bool conf_plugin_enabled(const struct conf *c, const char *name);

#endif
