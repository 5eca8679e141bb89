#include "engine/derived.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lines "UPTO TYPE NAME,NAME,", UPTO −1: all. */
static const char meta_key[] = "derived";

static void names(const struct event_type *t, struct buf *b)
{
	for (int i = t->nfields - t->nderived; i < t->nfields; i++)
		buf_printf(b, "%s,", t->fields[i].name);
}

static bool all_in(const struct event_type *t, const char *list)
{
	for (int i = t->nfields - t->nderived; i < t->nfields; i++) {
		const char *name = t->fields[i].name, *s = list;
		size_t n = strlen(name);
		while (*s && !(strncmp(s, name, n) == 0 && s[n] == ','))
			s += strcspn(s, ",") + 1;
		if (!*s)
			return false;
	}
	return true;
}

static void take_line(struct engine *eng, char *line)
{
	char *rest, *type, *list;
	long long upto = strtoll(line, &rest, 10);
	if (*rest++ != ' ' || !(list = strchr(type = rest, ' ')))
		return;
	struct str name = {type, (uint32_t)(list - type)};
	struct type_plan *plan = (struct type_plan *)plugin_set_type(&eng->set, name);
	if (plan && all_in(plan->type, list + 1))
		plan->derived_upto = upto < 0 ? STORE_LIVE : upto;
}

int derived_bind(struct engine *eng, bool empty_log, struct cx_err *e)
{
	struct buf text = {0};
	char *rest = NULL;
	int rc = store_meta_get(eng->store, meta_key, &text, e);
	for (int i = 0; i < eng->set.nplans; i++) {
		struct type_plan *plan = &eng->set.plans[i];
		plan->derived_upto = empty_log || !plan->type->nderived ? STORE_LIVE : 0;
	}
	if (rc == 1)
		for (char *line = strtok_r(buf_cstr(&text), "\n", &rest); line;
			line = strtok_r(NULL, "\n", &rest))
			take_line(eng, line);
	buf_free(&text);
	return rc < 0 ? rc : derived_keep(eng, 0, e);
}

static int64_t moved(const struct type_plan *plan, int64_t least)
{
	bool moves = plan->owner->state == PLUGIN_RUNNING && plan->derived_upto < least;
	return moves ? least : plan->derived_upto;
}

void derived_moved(struct engine *eng, int64_t least)
{
	for (int i = 0; i < eng->set.nplans; i++)
		eng->set.plans[i].derived_upto = moved(&eng->set.plans[i], least);
}

int derived_keep(struct engine *eng, int64_t least, struct cx_err *e)
{
	struct buf text = {0};
	for (int i = 0; i < eng->set.nplans; i++) {
		const struct type_plan *plan = &eng->set.plans[i];
		int64_t upto = moved(plan, least);
		if (!plan->type->nderived)
			continue;
		buf_printf(&text, "%lld %s ", upto == STORE_LIVE ? -1LL : (long long)upto,
			plan->type->name);
		names(plan->type, &text);
		buf_puts(&text, "\n");
	}
	int rc = store_meta_set(eng->store, meta_key, text.p ? text.p : "", text.len, e);
	buf_free(&text);
	return rc;
}
