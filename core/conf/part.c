/* A file that has changed: the part of it that a reload takes, and what waits for a start. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/load.h"

static bool is_plugins(const char *section)
{
	return strncmp(section, "plugin:", 7) == 0 || strncmp(section, "calendar:", 9) == 0;
}

static bool reloads(const struct conf_row *r)
{
	return r->taken == CONF_TAKEN_RELOAD;
}

static void *field(const struct conf *c, const struct conf_row *r)
{
	return (char *)c + r->at;
}

/* As it could be written in the file. */
static void value_text(const struct conf *c, const struct conf_row *r, struct buf *b)
{
	char number[32];
	if (conf_row_is_text(r)) {
		buf_puts(b, *(char **)field(c, r));
	} else if (r->type == CONF_BOOL) {
		buf_puts(b, *(bool *)field(c, r) ? "yes" : "no");
	} else {
		conf_number_text(r->type, *(int64_t *)field(c, r), number);
		buf_puts(b, number);
	}
}

static bool same_value(const struct conf *a, const struct conf *b, const struct conf_row *r)
{
	struct buf x = {0}, y = {0};
	value_text(a, r, &x);
	value_text(b, r, &y);
	bool same = strcmp(buf_cstr(&x), buf_cstr(&y)) == 0;
	buf_free(&x);
	buf_free(&y);
	return same;
}

/* ---- the part: line, section, key, value, each with its NUL; without a key: a section begins,
 * and of [calendar] it is the text of its file ---- */

static void put(struct buf *b, int line, const char *section, const char *key)
{
	char text[16];
	snprintf(text, sizeof text, "%d", line);
	buf_add(b, text, strlen(text) + 1);
	buf_add(b, section, strlen(section) + 1);
	buf_add(b, key, strlen(key) + 1);
}

void conf_part(const struct conf *c, struct buf *out)
{
	for (int i = 0; i < CONF_ROWS; i++) {
		const struct conf_row *r = &conf_rows[i];
		if (!reloads(r) || !c->lines || !c->lines[i])
			continue;
		put(out, c->lines[i], r->section, r->key);
		value_text(c, r, out);
		buf_add(out, "", 1);
	}
	for (int i = 0; i < c->nsections; i++)
		if (is_plugins(c->sections[i].section)) {
			put(out, c->sections[i].line, c->sections[i].section, "");
			buf_add(out, "", 1);
		}
	for (int i = 0; i < c->nfree; i++) {
		const struct conf_free *f = &c->free[i];
		if (!is_plugins(f->section))
			continue;
		put(out, f->line, f->section, f->key);
		buf_add(out, f->value, strlen(f->value) + 1);
	}
	if (c->holidays && *c->holidays) {
		put(out, 0, "calendar", "");
		buf_add(out, c->holidays, strlen(c->holidays) + 1);
	}
}

static void add_place(struct conf *c, const char *section, int line)
{
	c->sections = xrealloc(c->sections, (size_t)(c->nsections + 1) * sizeof *c->sections);
	c->sections[c->nsections++] = (struct conf_place){xstrdup(section), line};
}

static void add_free(
	struct conf *c, const char *section, const char *key, const char *value, int line)
{
	c->free = xrealloc(c->free, (size_t)(c->nfree + 1) * sizeof *c->free);
	c->free[c->nfree++] =
		(struct conf_free){xstrdup(section), xstrdup(key), xstrdup(value), line};
}

static void copy_row(struct conf *c, const struct conf *from, int i)
{
	const struct conf_row *r = &conf_rows[i];
	if (conf_row_is_text(r))
		*(char **)field(c, r) = xstrdup(*(char **)field(from, r));
	else if (r->type == CONF_BOOL)
		*(bool *)field(c, r) = *(bool *)field(from, r);
	else
		*(int64_t *)field(c, r) = *(int64_t *)field(from, r);
	c->lines[i] = from->lines ? from->lines[i] : 0;
}

/* What the running one has, and defaults where a reload may say something else. */
static void begin(struct conf *c, const struct conf *from)
{
	char why[300];
	*c = (struct conf){.file = xstrdup(from->file ? from->file : "cxd.ini")};
	c->lines = xcalloc(CONF_ROWS, sizeof *c->lines);
	for (int i = 0; i < CONF_ROWS; i++)
		if (reloads(&conf_rows[i]))
			conf_set(c, &conf_rows[i], conf_rows[i].def, "", why, sizeof why);
		else
			copy_row(c, from, i);
	for (int i = 0; i < from->nsections; i++)
		if (!is_plugins(from->sections[i].section))
			add_place(c, from->sections[i].section, from->sections[i].line);
	for (int i = 0; i < from->nfree; i++) {
		const struct conf_free *f = &from->free[i];
		if (!is_plugins(f->section))
			add_free(c, f->section, f->key, f->value, f->line);
	}
	c->holidays = xstrdup("");
	c->access = xcalloc((size_t)from->naccess + 1, sizeof *c->access);
	c->naccess = from->naccess;
	if (from->naccess)
		memcpy(c->access, from->access, (size_t)from->naccess * sizeof *c->access);
}

static bool take(struct conf *c, int line, const char *section, const char *key, const char *value)
{
	char why[300];
	int i = conf_row_find(section, key);
	if (is_plugins(section)) {
		if (*key)
			add_free(c, section, key, value, line);
		else
			add_place(c, section, line);
		return true;
	}
	if (strcmp(section, "calendar") == 0 && !*key) {
		free(c->holidays);
		c->holidays = xstrdup(value);
		return true;
	}
	if (i < 0 || !reloads(&conf_rows[i]))
		return false;
	c->lines[i] = line;
	return conf_set(c, &conf_rows[i], value, "", why, sizeof why);
}

/* The next text of the part, NULL: it ends before. */
static const char *next(const char **p, const char *end)
{
	const char *s = *p, *nul = s < end ? memchr(s, 0, (size_t)(end - s)) : NULL;
	*p = nul ? nul + 1 : end;
	return nul ? s : NULL;
}

bool conf_renew(struct conf *c, const struct conf *running, const char *part, size_t n)
{
	const char *end = part + n;
	begin(c, running);
	while (part < end) {
		const char *line = next(&part, end), *section = next(&part, end);
		const char *key = next(&part, end), *value = next(&part, end);
		if (value && take(c, atoi(line), section, key, value))
			continue;
		conf_free(c);
		return false;
	}
	struct cx_errs errs = {0};
	conf_calendar(c, c->file, &errs);
	if (errs.n)
		conf_free(c);
	return !errs.n;
}

bool conf_same_for(const struct conf *a, const struct conf *b, const char *plugin)
{
	char section[80];
	const struct conf_free *x, *y;
	int n = 0;
	if (strcmp(calendar_text(a->calendar), calendar_text(b->calendar)) != 0)
		return false;
	snprintf(section, sizeof section, "plugin:%s", plugin);
	for (int i = 0; i < CONF_ROWS; i++)
		if (strcmp(conf_rows[i].section, "lua") == 0 && !same_value(a, b, &conf_rows[i]))
			return false;
	do {
		x = conf_section(a, section, n);
		y = conf_section(b, section, n);
		if (!x != !y ||
			(x && (strcmp(x->key, y->key) != 0 || strcmp(x->value, y->value) != 0)))
			return false;
		n++;
	} while (x);
	return true;
}

/* ---- what waits ---- */

struct waits {
	void (*tell)(void *ctx, int line, const char *msg);
	void *ctx;
};

static void wait_row(
	const struct waits *w, const struct conf *running, const struct conf *now, int i)
{
	const struct conf_row *r = &conf_rows[i];
	struct buf was = {0}, is = {0};
	char msg[700];
	value_text(running, r, &was);
	value_text(now, r, &is);
	snprintf(msg, sizeof msg,
		CX_T("[%s] %s = %.250s só vale quando o servidor for reiniciado; até lá: %.250s",
			"[%s] %s = %.250s is taken when the server is started again; until then: "
			"%.250s"),
		r->section, r->key, buf_cstr(&is), buf_cstr(&was));
	w->tell(w->ctx, now->lines[i], msg);
	buf_free(&was);
	buf_free(&is);
}

static const struct conf_access *access_of(const struct conf *c, const struct conf_access *like)
{
	for (int i = 0; i < c->naccess; i++)
		if (c->access[i].gid == like->gid && c->access[i].id == like->id)
			return &c->access[i];
	return NULL;
}

static void wait_access(const struct waits *w, const struct conf_access *a, int line, bool gone)
{
	char msg[300];
	snprintf(msg, sizeof msg,
		gone ? CX_T("[access] %s.%u deixa de valer quando o servidor for reiniciado",
			       "[access] %s.%u ends when the server is started again")
		     : CX_T("[access] %s.%u só vale quando o servidor for reiniciado",
			       "[access] %s.%u is taken when the server is started again"),
		a->gid ? "gid" : "uid", a->id);
	w->tell(w->ctx, line, msg);
}

void conf_waits(const struct conf *running, const struct conf *now,
	void (*tell)(void *ctx, int line, const char *msg), void *ctx)
{
	const struct waits w = {tell, ctx};
	for (int i = 0; i < CONF_ROWS; i++)
		if (conf_rows[i].taken == CONF_TAKEN_START &&
			!same_value(running, now, &conf_rows[i]))
			wait_row(&w, running, now, i);
	for (int i = 0; i < now->naccess; i++) {
		const struct conf_access *a = &now->access[i], *was = access_of(running, a);
		if (!was || was->level != a->level || strcmp(was->unit, a->unit) != 0)
			wait_access(&w, a, a->line, false);
	}
	for (int i = 0; i < running->naccess; i++)
		if (!access_of(now, &running->access[i]))
			wait_access(&w, &running->access[i], 0, true);
}
