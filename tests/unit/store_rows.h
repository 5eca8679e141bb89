/* store_rows.h — rows of the store as tests ask for them: cubes and rules that are complete. */
#ifndef CX_TEST_STORE_ROWS_H
#define CX_TEST_STORE_ROWS_H

#include <stdlib.h>

#include "store/store.h"

static inline int rule_of(struct store *db, const char *type, const char *key, const char *rank,
	bool latest, int *rule, struct cx_err *why)
{
	struct choice_rule r = {.type = type,
		.key = key,
		.rank = rank,
		.identity = "",
		.latest = latest,
		.upto = STORE_LIVE};
	int rc = store_choice_rule(db, &r, why);
	*rule = r.rule;
	return rc;
}

static inline int cube_of(
	struct store *db, const char *plugin, const char *dims, int *cube, struct cx_err *why)
{
	struct cube_row r = {.plugin = plugin, .dims = dims, .identity = "", .upto = STORE_LIVE};
	int rc = store_cube(db, &r, why);
	*cube = r.id;
	return rc;
}

static inline int note_gone(void *ctx, const struct cube_row *r)
{
	int *v = ctx;
	v[++*v] = r->id;
	return 0;
}

/* All cubes there are, with their rows. */
static inline int drop_cubes(struct store *db, struct cx_err *why)
{
	int v[100] = {0};
	int rc = store_cubes(db, note_gone, v, why);
	for (int i = 1; i <= *v && rc >= 0; i++)
		rc = store_cube_upto(db, v[i], STORE_GONE, why);
	while (rc >= 0 && (rc = store_sweep(db, 3, why)) == 1)
		;
	return rc;
}

static inline int drop_rule(struct store *db, int rule, struct cx_err *why)
{
	int rc = store_rule_upto(db, rule, STORE_GONE, why);
	while (rc >= 0 && (rc = store_sweep(db, 3, why)) == 1)
		;
	return rc;
}

#endif
