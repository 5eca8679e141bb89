#include "engine/choices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char meta_key[] = "choices";

struct rule {
	int rule;
	const char *identity; /* of the plugin with the type */
	bool complete;
};

struct choices {
	struct store *s;
	struct rule *v;
	int n;
	bool any_missing;
};

static struct rule *find(const struct choices *c, int rule)
{
	for (int i = 0; i < c->n; i++)
		if (c->v[i].rule == rule)
			return &c->v[i];
	return NULL;
}

static void gather(struct engine *eng, struct choices *c)
{
	for (int i = 0; i < eng->set.nplans; i++) {
		const struct type_plan *plan = &eng->set.plans[i];
		for (int k = 0; k < plan->nmeasures; k++) {
			const struct measure *m = plan->measures[k].m;
			if (m->choose == CHOOSE_ALL || find(c, m->choice))
				continue;
			c->v = xrealloc(c->v, sizeof *c->v * (size_t)(c->n + 1));
			c->v[c->n++] = (struct rule){m->choice, plan->owner->identity, false};
		}
	}
}

/* Lines "RULE IDENTITY" of before; what is not as it was then is emptied. */
static int compare(struct choices *c, char *lines, struct cx_err *e)
{
	int rc = CX_OK, rule;
	char identity[65], *rest = NULL;
	for (char *line = strtok_r(lines, "\n", &rest); line && rc >= 0;
		line = strtok_r(NULL, "\n", &rest)) {
		if (sscanf(line, "%d %64s", &rule, identity) != 2)
			continue;
		struct rule *r = find(c, rule);
		if (r && strcmp(r->identity, identity) == 0)
			r->complete = true;
		else
			rc = store_candidates_drop(c->s, rule, e);
	}
	for (int i = 0; i < c->n && rc >= 0; i++) {
		if (c->v[i].complete)
			continue;
		c->any_missing = true;
		rc = store_candidates_drop(c->s, c->v[i].rule, e);
	}
	return rc;
}

static int remember(const struct choices *c, bool all, struct cx_err *e)
{
	struct buf lines = {0};
	for (int i = 0; i < c->n; i++)
		if (all || c->v[i].complete)
			buf_printf(&lines, "%d %s\n", c->v[i].rule, c->v[i].identity);
	int rc = store_meta_set(c->s, meta_key, lines.p ? lines.p : "", lines.len, e);
	buf_free(&lines);
	return rc;
}

int choices_open(struct engine *eng, struct choices **out, struct cx_err *e)
{
	struct choices *c = xcalloc(1, sizeof *c);
	struct buf was = {0};
	c->s = eng->store;
	*out = c;
	gather(eng, c);
	int rc = store_begin(c->s, e);
	if (rc >= 0)
		rc = store_meta_get(c->s, meta_key, &was, e);
	if (rc >= 0)
		rc = compare(c, buf_cstr(&was), e);
	if (rc >= 0)
		rc = remember(c, false, e);
	buf_free(&was);
	return rc < 0 ? rc : store_commit(c->s, e);
}

bool choices_missing(const struct choices *c, const struct measure *m)
{
	if (!m)
		return c->any_missing;
	const struct rule *r = m->choose == CHOOSE_ALL ? NULL : find(c, m->choice);
	return r && !r->complete;
}

int choices_keep(struct choices *c, struct cx_err *e)
{
	return remember(c, true, e);
}

void choices_free(struct choices *c)
{
	if (!c)
		return;
	free(c->v);
	free(c);
}
