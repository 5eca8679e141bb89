/* [calendar]: the holidays of its file, and the hours of each unit. The file is CSV as people keep
 * it: with or without its header, commas or semicolons, a value with one of them in quotes. */
#include "base/calendar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "conf/load.h"

enum { UNIT, DATE, NAME, FROM, UNTIL, COLUMNS };
static const char *const columns[COLUMNS] = {"unit", "date", "name", "from", "until"};

struct csv {
	struct conf *c;
	struct cx_errs *errs;
	int line;
	char comma;
};

static void mistake(const struct csv *f, const char *what)
{
	cx_errs_add(f->errs, CX_E_INVALID_FIELD, "file", "%s:%d: %s", f->c->calendar_file, f->line,
		what);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The value at *p, which moves behind it: without blanks around, or without quotes (in place).
 * false: a quote without its end. */
static bool value_at(const struct csv *f, char **p, char *end, struct str *v)
{
	char *s = *p, *to;
	while (s < end && is_blank(*s))
		s++;
	if (s == end || *s != '"') {
		char *stop = memchr(s, f->comma, (size_t)(end - s));
		*p = to = stop ? stop : end;
		while (to > s && is_blank(to[-1]))
			to--;
		*v = (struct str){s, (uint32_t)(to - s)};
		return true;
	}
	bool closed = false;
	v->p = to = ++s;
	for (; s < end; s++) {
		closed = *s == '"' && (++s == end || *s != '"'); /* of two, the second stands */
		if (closed)
			break;
		*to++ = *s;
	}
	v->n = (uint32_t)(to - v->p);
	while (s < end && is_blank(*s))
		s++;
	*p = s;
	return closed && (s == end || *s == f->comma);
}

/* The values of a line; -1: it cannot be read. */
static int split(const struct csv *f, char *p, char *end, struct str v[COLUMNS])
{
	int n = 0;
	for (;; p++) {
		if (n == COLUMNS || !value_at(f, &p, end, &v[n]))
			return -1;
		n++;
		if (p == end)
			return n;
	}
}

static bool is_header(const struct str v[COLUMNS], int n)
{
	for (int i = 0; i < n; i++)
		if (strlen(columns[i]) != v[i].n || memcmp(columns[i], v[i].p, v[i].n) != 0)
			return false;
	return true;
}

static void take_line(struct csv *f, char *p, size_t len)
{
	struct str v[COLUMNS] = {{0}};
	char why[300];
	if (!utf8_ok(p, len)) {
		mistake(f, CX_T("a linha não é texto UTF-8", "the line is not UTF-8 text"));
		return;
	}
	int n = split(f, p, p + len, v);
	if (n == 1 && !v[0].n)
		return;
	if (n < NAME + 1 || !v[DATE].n || !v[NAME].n)
		mistake(f,
			CX_T("a linha deve ser unit,date,name[,from,until]; unit vazia: todas as "
			     "unidades",
				"the line must be unit,date,name[,from,until]; unit empty: all "
				"units"));
	else if (!(f->line == 1 && is_header(v, n)) &&
		 !calendar_add(f->c->calendar, v[UNIT], v[DATE], v[NAME], v[FROM], v[UNTIL], why,
			 sizeof why))
		mistake(f, why);
}

void conf_holidays(struct conf *c, const char *file, struct cx_errs *errs)
{
	struct buf text = {0};
	int line = conf_line(c, "calendar", "file");
	c->holidays = NULL;
	if (c->calendar_file[0] && !conf_slurp(c->calendar_file, &text, CONF_FILE_MAX))
		cx_errs_add(errs, CX_E_INVALID_FIELD, "file",
			CX_T("%s:%d: [calendar] file: não consigo ler %s: %s",
				"%s:%d: [calendar] file: cannot read %s: %s"),
			file, line, c->calendar_file, strerror(errno));
	else if (memchr(buf_cstr(&text), 0, text.len))
		cx_errs_add(errs, CX_E_INVALID_FIELD, "file",
			CX_T("%s:%d: [calendar] file: %s não é texto",
				"%s:%d: [calendar] file: %s is no text"),
			file, line, c->calendar_file);
	else
		c->holidays = xstrndup(text.p, text.len);
	buf_free(&text);
	if (!c->holidays)
		c->holidays = xstrdup("");
	buf_add(&c->text, "", 1);
	buf_puts(&c->text, c->holidays);
}

static void add_holidays(struct conf *c, struct cx_errs *errs)
{
	struct csv f = {.c = c, .errs = errs, .comma = ','};
	char *text = xstrdup(c->holidays), *p = text, *end = p + strlen(p);
	if (strncmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	if (p[strcspn(p, ",;\n")] == ';')
		f.comma = ';';
	while (p < end) {
		char *nl = memchr(p, '\n', (size_t)(end - p));
		f.line++;
		take_line(&f, p, (size_t)((nl ? nl : end) - p));
		p = nl ? nl + 1 : end;
	}
	free(text);
}

static void unit_hours(
	struct conf *c, const struct conf_free *k, const char *file, struct cx_errs *errs)
{
	const char *unit = k->section + strlen("calendar:");
	char why[300];
	if (strcmp(k->key, "hours") != 0)
		cx_errs_add(errs, CX_E_UNKNOWN_FIELD, k->key,
			CX_T("%s:%d: chave desconhecida em [%s]: %s; há hours",
				"%s:%d: unknown key in [%s]: %s; there is hours"),
			file, k->line, k->section, k->key);
	else if (!calendar_set_hours(c->calendar, (struct str){unit, (uint32_t)strlen(unit)},
			 k->value, why, sizeof why))
		cx_errs_add(errs, CX_E_INVALID_FIELD, k->key, "%s:%d: [%s] %s = %s: %s", file,
			k->line, k->section, k->key, k->value, why);
}

void conf_calendar(struct conf *c, const char *file, struct cx_errs *errs)
{
	char why[300];
	c->calendar = calendar_new(strcmp(c->calendar_holidays, "br") == 0);
	if (c->calendar_hours[0]) /* else it was refused where it stands */
		calendar_set_hours(c->calendar, STR(""), c->calendar_hours, why, sizeof why);
	for (int i = 0; i < c->nfree; i++)
		if (strncmp(c->free[i].section, "calendar:", 9) == 0)
			unit_hours(c, &c->free[i], file, errs);
	add_holidays(c, errs);
}
