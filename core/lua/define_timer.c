#include <stdlib.h>
#include <string.h>

#include "lua/bind.h"
#include "lua/declared.h"

void timers_take(const struct json_doc *d, struct plugin *p)
{
	uint32_t timers;
	p->timers = declared_list(d, 0, "timers", sizeof *p->timers, &timers);
	JSON_EACH(d, timers, i)
	{
		struct plugin_timer *t = &p->timers[p->ntimers++];
		*t = (struct plugin_timer){.name = declared_text(d, i, "name"),
			.run = (int)declared_int(d, i, "run"),
			.every = declared_text(d, i, "every"),
			.file = declared_text(d, i, "file"),
			.line = (int)declared_int(d, i, "line")};
		if (t->every)
			duration_parse(t->every, strlen(t->every), &t->period);
	}
}

void timers_drop(struct plugin *p)
{
	for (int i = 0; i < p->ntimers; i++) {
		free(p->timers[i].name);
		free(p->timers[i].every);
		free(p->timers[i].file);
	}
	free(p->timers);
	p->timers = NULL;
	p->ntimers = 0;
}

const struct plugin_timer *plugin_timer_find(const struct plugin *p, const char *name)
{
	for (int i = 0; i < p->ntimers; i++)
		if (strcmp(p->timers[i].name, name) == 0)
			return &p->timers[i];
	return NULL;
}
