#include "conf/read.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

struct source { /* the stream inih reads from */
	struct conf_reading *r;
	const char *p, *end;
	bool expects; /* the line handed out should come back as key and value */
};

void conf_mistake(struct conf_reading *r, int code, const char *field, const char *fmt, ...)
{
	char msg[400];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	cx_errs_add(r->errs, code, field, "%s:%d: %s", r->file, r->line, msg);
}

/* A line that begins with '[': what inih would let pass is said here. */
static bool check_section(struct conf_reading *r, const char *p, size_t n)
{
	char name[CONF_LINE_MAX + 1];
	const char *close = memchr(p, ']', n);
	size_t len = close ? (size_t)(close - p - 1) : 0;
	const char *rest = close ? close + 1 : p;
	while (close && rest < p + n && strchr(" \t\r", *rest))
		rest++;
	if (!close || (rest < p + n && *rest != ';' && *rest != '#')) {
		conf_mistake(r, CX_E_INVALID_FIELD, NULL,
			CX_T("a seção deve ser [nome], sozinha na linha",
				"a section must be [name], alone on its line"));
		return false;
	}
	if (len > CONF_SECTION_MAX) {
		conf_mistake(r, CX_E_INVALID_FIELD, NULL,
			CX_T("nome de seção longo demais: %zu bytes, no máximo %d",
				"section name too long: %zu bytes, at most %d"),
			len, CONF_SECTION_MAX);
		return false;
	}
	memcpy(name, p + 1, len);
	name[len] = 0;
	r->on(r, name, NULL, NULL);
	return true;
}

/* The line [p, p+n) as inih shall see it; false: it is refused. */
static bool check_line(struct source *s, const char *p, size_t n, int room)
{
	struct conf_reading *r = s->r;
	if (n > CONF_LINE_MAX || (int)n + 3 > room) {
		conf_mistake(r, CX_E_INVALID_FIELD, NULL,
			CX_T("linha longa demais: %zu bytes, no máximo %d",
				"line too long: %zu bytes, at most %d"),
			n, CONF_LINE_MAX);
		return false;
	}
	if (!utf8_ok(p, n)) {
		conf_mistake(r, CX_E_INVALID_FIELD, NULL,
			CX_T("a linha não é texto UTF-8", "the line is not UTF-8 text"));
		return false;
	}
	if (n == 0 || *p == ';' || *p == '#')
		return true;
	if (*p == '[')
		return check_section(r, p, n);
	s->expects = true;
	return true;
}

static void missed(struct source *s)
{
	if (s->expects)
		conf_mistake(s->r, CX_E_INVALID_FIELD, NULL,
			CX_T("não é \"chave = valor\", nem [seção], nem comentário",
				"is neither \"key = value\" nor [section] nor a comment"));
	s->expects = false;
}

static char *next_line(char *to, int room, void *stream)
{
	struct source *s = stream;
	missed(s);
	if (s->p >= s->end)
		return NULL;
	s->r->line++;
	const char *nl = memchr(s->p, '\n', (size_t)(s->end - s->p));
	const char *p = s->p, *end = nl ? nl : s->end;
	s->p = nl ? nl + 1 : s->end;
	if (s->r->line == 1 && end - p >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	while (p < end && strchr(" \t\r\f\v", *p) && *p) /* an indented line is a line of its own */
		p++;
	size_t n = (size_t)(end - p);
	if (!check_line(s, p, n, room)) { /* keys below a broken [section] are no one's */
		p = n > 0 && *p == '[' ? "[?]" : "";
		n = strlen(p);
	}
	memcpy(to, p, n);
	memcpy(to + n, "\n", 2);
	return to;
}

static int on_pair(void *user, const char *section, const char *key, const char *value)
{
	struct source *s = user;
	s->expects = false;
	s->r->on(s->r, section, key, value);
	return 1;
}

bool conf_slurp(const char *path, struct buf *b, size_t most)
{
	FILE *f = fopen(path, "r");
	if (!f)
		return false;
	size_t n;
	do {
		buf_reserve(b, 65536);
		n = fread(b->p + b->len, 1, 65536, f);
		b->len += n;
	} while (n > 0 && b->len < most);
	bool ok = !ferror(f);
	int why = errno;
	fclose(f);
	errno = ok && n > 0 ? EFBIG : why;
	return ok && n == 0;
}

void conf_read(struct conf_reading *r)
{
	struct buf *text = &r->text;
	r->line = 0;
	size_t most = r->from ? 2 * CONF_FILE_MAX + 2 : CONF_FILE_MAX;
	if (!conf_slurp(r->from ? r->from : r->file, text, most)) {
		cx_errs_add(r->errs, CX_E_NOT_FOUND, NULL,
			CX_T("não consigo ler a configuração %s: %s",
				"cannot read the configuration %s: %s"),
			r->file, strerror(errno));
		return;
	}
	ini_use_stack = false;
	ini_allow_realloc = false;
	ini_initial_alloc = ini_max_line = CONF_LINE_MAX + 16;
	/* what another process read may go on with other files of the conf: conf_load_from() */
	const char *nul = r->from && text->len ? memchr(text->p, 0, text->len) : NULL;
	struct source s = {.r = r, .p = text->p, .end = nul ? nul : text->p + text->len};
	if (text->len > 0 && ini_parse_stream(next_line, &s, on_pair, &s) == -2)
		cx_errs_add(r->errs, CX_E_INTERNAL, NULL, "%s: inih: out of memory", r->file);
	missed(&s);
}
