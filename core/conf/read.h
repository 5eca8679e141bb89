/* read.h — the lines of an ini file, through inih, without its silences. Inside conf/ only.
 * inih cuts what does not fit its buffers, goes on after a broken line, joins indented lines to the
 * key above, skips what follows a ']' and never shows an empty section: each is a mistake here,
 * with its line. Lines are UTF-8; ';' after white space begins a comment.
 * Errors: appended to errs as "file:line: …"; a file that cannot be read is one of them. */
#ifndef CX_CONF_READ_H
#define CX_CONF_READ_H

#include "base/buf.h"
#include "base/err.h"

enum { CONF_LINE_MAX = 1024, CONF_SECTION_MAX = 48, CONF_FILE_MAX = 1 << 20 };

struct conf_reading { /* key NULL: a section begins */
	void (*on)(struct conf_reading *r, const char *section, const char *key, const char *value);
	const char *file, *from; /* from: where its bytes are, NULL: in it; file: its name */
	struct buf text;         /* as it was read: the caller's */
	int line;
	struct cx_errs *errs;
	void *ctx;
};

void conf_read(struct conf_reading *r);
bool conf_slurp(const char *path, struct buf *b, size_t most); /* false: errno */
void conf_mistake(struct conf_reading *r, int code, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
