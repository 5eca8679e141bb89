/* lattice.h — all figures of a window under every subset of a KPI's dimensions, and which of them
 * are hidden so that none of few answers can be told from the others.
 * Flow:   lattice_add() each figure, sums before their parts → lattice_settle() → lattice_find().
 * A line is a figure and the parts it is the sum of along one dimension (or along the series). In
 * every line with something hidden at least two are, and the hidden parts rest on at least as many
 * answers as the KPI asks for: the smallest others are hidden until that holds, and until each
 * figure of few answers stands in a square of hidden ones. As this does not
 * depend on what is asked, one question cannot be held against another over the same window. Not
 * guarded against: windows that differ by a little, and sums over three dimensions at once.
 * Owns:   zeroed it is empty. Pure. */
#ifndef CX_KPI_LATTICE_H
#define CX_KPI_LATTICE_H

#include "kpi/group.h"

struct lattice_cell {
	struct str el[KPI_DIMS]; /* raw JSON in one form (lattice_element), no text: all */
	int bucket;              /* -1: the whole window */
	double n;                /* answers it rests on */
	bool hidden;
	int at; /* among the cells */
};
struct lattice {
	struct arena arena;
	struct pmap map;
	struct lattice_cell **cells;
	int n, cap, ndims, *parts, *next; /* of lines: lattice.c */
	double least;
};
struct str lattice_element(struct str el, struct arena *a); /* 5 is "5", as a filter says it */
void lattice_add(struct lattice *l, const struct lattice_cell *cell);
void lattice_settle(struct lattice *l); /* hides; all cells are in */
/* The cell at such el and bucket, or NULL. */
struct lattice_cell *lattice_find(const struct lattice *l, const struct str *el, int bucket);
void lattice_free(struct lattice *l);

#endif
