#include "conf/conf.h"

#include <stdlib.h>
#include <string.h>

#include "conf/load.h"

int conf_load(struct conf *c, const char *file, struct cx_errs *errs)
{
	struct conf_load l;
	int before = errs->n;
	conf_load_begin(&l, c, file, errs);
	for (int i = 0; i < l.npairs; i++) {
		struct conf_free *p = &l.pairs[i];
		if (!conf_is_free_section(p->section))
			continue;
		c->free = xrealloc(c->free, (size_t)(c->nfree + 1) * sizeof *c->free);
		c->free[c->nfree++] = *p;
		*p = (struct conf_free){0};
	}
	conf_load_end(&l);
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
	free(c->free);
	free(c->access);
	free(c->file);
	*c = (struct conf){0};
}

const struct conf_free *conf_section(const struct conf *c, const char *section, int n)
{
	for (int i = 0; i < c->nfree; i++)
		if (strcmp(c->free[i].section, section) == 0 && n-- == 0)
			return &c->free[i];
	return NULL;
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
