#include "conf/conf.h"

#include <stdlib.h>
#include <string.h>

#include "conf/load.h"

int conf_load(struct conf *c, const char *file, struct cx_errs *errs)
{
	return conf_load_from(c, file, NULL, errs);
}

int conf_load_from(struct conf *c, const char *file, const char *from, struct cx_errs *errs)
{
	struct conf_load l;
	int before = errs->n;
	conf_load_begin(&l, c, file, from, errs);
	for (int i = 0; i < l.npairs; i++) {
		struct conf_free *p = &l.pairs[i];
		if (!conf_is_free_section(p->section))
			continue;
		c->free = xrealloc(c->free, (size_t)(c->nfree + 1) * sizeof *c->free);
		c->free[c->nfree++] = *p;
		*p = (struct conf_free){0};
	}
	c->lines = xcalloc(CONF_ROWS, sizeof *c->lines);
	for (int i = 0; i < CONF_ROWS; i++)
		c->lines[i] = l.given[i] ? l.pairs[l.given[i] - 1].line : 0;
	conf_load_end(&l);
	const char *text = buf_cstr(&c->text);
	size_t n = strlen(text);
	if (from) /* what another process read from them both */
		c->holidays = xstrdup(n < c->text.len ? text + n + 1 : "");
	else
		conf_holidays(c, file, errs);
	conf_calendar(c, file, errs);
	return errs->n == before      ? CX_OK
	       : before < CX_ERRS_MAX ? errs->v[before].code
				      : CX_E_INVALID_FIELD;
}

void conf_free(struct conf *c)
{
	for (int i = 0; i < CONF_ROWS; i++)
		if (conf_row_is_text(&conf_rows[i]))
			free(*(char **)((char *)c + conf_rows[i].at));
	for (int i = 0; i < c->nfree; i++) {
		free(c->free[i].section);
		free(c->free[i].key);
		free(c->free[i].value);
	}
	for (int i = 0; i < c->nsections; i++)
		free(c->sections[i].section);
	free(c->sections);
	free(c->lines);
	free(c->free);
	calendar_free(c->calendar);
	free(c->holidays);
	free(c->access);
	free(c->file);
	buf_free(&c->text);
	*c = (struct conf){0};
}

const char *conf_mistake_at(const char *msg, int *line, const char **says)
{
	for (const char *p = strchr(msg, ':'); p; p = strchr(p + 1, ':')) {
		char *end;
		*line = (int)strtol(p + 1, &end, 10);
		*says = end + 2;
		if (*line > 0 && strncmp(end, ": ", 2) == 0)
			return p;
	}
	*line = 0;
	*says = msg;
	return NULL;
}

const struct conf_free *conf_section(const struct conf *c, const char *section, int n)
{
	for (int i = 0; i < c->nfree; i++)
		if (strcmp(c->free[i].section, section) == 0 && n-- == 0)
			return &c->free[i];
	return NULL;
}

int conf_line(const struct conf *c, const char *section, const char *key)
{
	int row = key ? conf_row_find(section, key) : -1;
	if (row >= 0)
		return c->lines ? c->lines[row] : 0;
	for (int i = 0; i < c->nsections && !key; i++)
		if (strcmp(c->sections[i].section, section) == 0)
			return c->sections[i].line;
	return 0;
}

bool conf_plugin_enabled(const struct conf *c, const char *name)
{
	const char *s = c->plugins_enable, *gap = ", \t";
	if (strcmp(s, "*") == 0)
		return true;
	for (s += strspn(s, gap); *s; s += strcspn(s, gap), s += strspn(s, gap))
		if (strcspn(s, gap) == strlen(name) && strncmp(s, name, strlen(name)) == 0)
			return true;
	return false;
}
