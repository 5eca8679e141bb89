#include "conf/table.h"

#include <string.h>

#define X(section, key, taken, type, def, min, max, unit, pt, en)                                  \
	{#section, #key, CONF_TAKEN_##taken, CONF_##type, def, min, max, unit, pt, en,             \
		offsetof(struct conf, section##_##key)},
const struct conf_row conf_rows[CONF_ROWS] = {
#include "conf/conf.def"
};
#undef X

const char *const conf_free_sections[] = {"plugin:NAME", "schedule:NAME", "webhook:NAME",
	"calendar:NAME", "outbox", "mail", "backup", "retention", NULL};

int conf_row_find(const char *section, const char *key)
{
	for (int i = 0; i < CONF_ROWS; i++)
		if (strcmp(conf_rows[i].section, section) == 0 &&
			strcmp(conf_rows[i].key, key) == 0)
			return i;
	return -1;
}

bool conf_is_section(const char *section)
{
	for (int i = 0; i < CONF_ROWS; i++)
		if (strcmp(conf_rows[i].section, section) == 0)
			return true;
	return strcmp(section, "access") == 0;
}

bool conf_is_free_section(const char *section)
{
	size_t kind = strcspn(section, ":");
	for (const char *const *s = conf_free_sections; *s; s++) {
		if (strcspn(*s, ":") != kind || strncmp(*s, section, kind) != 0)
			continue;
		if ((*s)[kind] == section[kind] && (!section[kind] || section[kind + 1]))
			return true;
	}
	return false;
}
