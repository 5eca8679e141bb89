#include "kpi/chosen.h"

#include <stdlib.h>

#include "base/buf.h"

enum { PLACES = 1 << 16 };

struct place {
	uint64_t age; /* of the cache when it was put; another one: empty */
	int rule;
	uint32_t ident;
	int64_t rank, seq, recorded_ms;
};
struct chosen {
	uint64_t age;
	struct place *v; /* made with the first entry */
};

struct chosen *chosen_new(void)
{
	struct chosen *ch = xcalloc(1, sizeof *ch);
	ch->age = 1;
	return ch;
}

void chosen_free(struct chosen *ch)
{
	if (!ch)
		return;
	free(ch->v);
	free(ch);
}

/* Idents are given one after the other: as they are they spread best. */
static struct place *place_of(const struct chosen *ch, int rule, uint32_t ident)
{
	return &ch->v[(ident ^ (uint32_t)rule * 0x9E3779B1u) & (PLACES - 1)];
}

bool chosen_get(const struct chosen *ch, int rule, uint32_t ident, struct candidate *c)
{
	const struct place *p = ch->v ? place_of(ch, rule, ident) : NULL;
	if (!p || p->age != ch->age || p->rule != rule || p->ident != ident)
		return false;
	*c = (struct candidate){.rank = p->rank, .seq = p->seq, .recorded_ms = p->recorded_ms};
	return true;
}

void chosen_put(struct chosen *ch, int rule, uint32_t ident, const struct candidate *c)
{
	if (!ch->v)
		ch->v = xcalloc(PLACES, sizeof *ch->v);
	*place_of(ch, rule, ident) =
		(struct place){ch->age, rule, ident, c->rank, c->seq, c->recorded_ms};
}

void chosen_forget(struct chosen *ch)
{
	ch->age++;
}
