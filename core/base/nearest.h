/* nearest.h — "did you mean": the known word closest to what was typed.
 * Pure; NULL when nothing is close enough to be worth suggesting. */
#ifndef CX_BASE_NEAREST_H
#define CX_BASE_NEAREST_H

/* Edits (insert, delete, replace, swap of neighbours) from a to b. */
int nearest_distance(const char *a, const char *b);

struct nearest { /* feed candidates one by one; best stays NULL unless one is close */
	const char *word, *best;
	int distance;
};
void nearest_try(struct nearest *n, const char *candidate);
/* For the end of a message: "; did you mean BEST?" with what goes around it, or "" without one.
 * The text stays until the next call. */
const char *nearest_hint(const struct nearest *n, const char *before, const char *after);

#endif
