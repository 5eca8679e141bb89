#include "kpi/lattice.h"

#include <stdlib.h>

#include "base/buf.h"

struct place {
	const struct str *el;
	int bucket, ndims;
};

static bool same(const void *item, const void *key)
{
	const struct lattice_cell *c = item;
	const struct place *p = key;
	bool yes = c->bucket == p->bucket;
	for (int i = 0; i < p->ndims && yes; i++)
		yes = str_same(c->el[i], p->el[i]);
	return yes;
}

static uint32_t hash(const struct place *p)
{
	uint32_t h = (uint32_t)p->bucket;
	for (int i = 0; i < p->ndims; i++)
		h = hash_bytes(p->el[i].n ? p->el[i].p : "*", p->el[i].n ? p->el[i].n : 1, h);
	return h;
}

struct str lattice_element(struct str el, struct arena *a)
{
	if (el.n && el.p[0] != '"' && !str_same(el, STR("null")))
		return group_quote(el, a);
	return arena_str(a, el.p, el.n);
}

void lattice_add(struct lattice *l, const struct lattice_cell *cell)
{
	struct lattice_cell *own = arena_alloc(&l->arena, sizeof *own);
	struct place p = {own->el, cell->bucket, l->ndims};
	*own = *cell;
	own->at = l->n;
	own->hidden = own->n > 0 && own->n < l->least;
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->cells = xrealloc(l->cells, (size_t)l->cap * sizeof(struct lattice_cell *));
	}
	l->cells[l->n++] = own;
	pmap_add(&l->map, hash(&p), own);
}

struct lattice_cell *lattice_find(const struct lattice *l, const struct str *el, int bucket)
{
	struct place p = {el, bucket, l->ndims};
	return pmap_find(&l->map, hash(&p), same, &p);
}

/* ---- lines: axis 0 … ndims − 1 a dimension, ndims the series; the line of cell i along an axis is
 * i × axes + axis, its first part parts[line] − 1, the one after part j next[j × axes + axis] − 1
 */

static void link_lines(struct lattice *l)
{
	int axes = l->ndims + 1;
	l->parts = xcalloc((size_t)l->n * (size_t)axes + 1, sizeof *l->parts);
	l->next = xcalloc((size_t)l->n * (size_t)axes + 1, sizeof *l->next);
	for (int i = l->n - 1; i >= 0; i--) {
		for (int axis = 0; axis < axes; axis++) {
			struct lattice_cell up = *l->cells[i];
			if (axis < l->ndims ? !up.el[axis].n : up.bucket < 0)
				continue;
			if (axis < l->ndims)
				up.el[axis] = (struct str){0};
			else
				up.bucket = -1;
			struct lattice_cell *sum = lattice_find(l, up.el, up.bucket);
			if (!sum)
				continue;
			l->next[i * axes + axis] = l->parts[sum->at * axes + axis];
			l->parts[sum->at * axes + axis] = i + 1;
		}
	}
}

/* The next one to hide in a line: the smallest part that is shown, rather one with answers, else
 * the sum itself. NULL: nothing needs to be hidden. */
static struct lattice_cell *to_hide(const struct lattice *l, int line)
{
	int axes = l->ndims + 1, hidden = 0;
	struct lattice_cell *sum = l->cells[line / axes], *least = NULL, *nothing = NULL;
	double n = 0;
	for (int i = l->parts[line] - 1; i >= 0; i = l->next[i * axes + line % axes] - 1) {
		struct lattice_cell *c = l->cells[i];
		if (c->hidden) {
			hidden++;
			n += c->n;
		} else if (c->n <= 0) {
			nothing = nothing ? nothing : c;
		} else if (!least || c->n < least->n) {
			least = c;
		}
	}
	if (hidden + sum->hidden == 0)
		return NULL;
	if (hidden + sum->hidden > 1 && (sum->hidden || n >= l->least))
		return NULL;
	return least ? least : nothing ? nothing : sum->hidden ? NULL : sum;
}

static bool settle(struct lattice *l, bool series_too)
{
	int axes = l->ndims + 1;
	bool changed = false;
	for (int line = 0; line < l->n * axes; line++) {
		struct lattice_cell *c;
		bool series = line % axes == l->ndims || l->cells[line / axes]->bucket >= 0;
		if (!l->parts[line] || (series && !series_too))
			continue;
		while ((c = to_hide(l, line))) {
			c->hidden = true;
			changed = true;
		}
	}
	return changed;
}

void lattice_settle(struct lattice *l)
{
	link_lines(l);
	while (settle(l, false)) /* first what is the same with any `every` */
		;
	while (settle(l, true))
		;
}

void lattice_free(struct lattice *l)
{
	free(l->cells);
	free(l->parts);
	free(l->next);
	pmap_free(&l->map);
	arena_free(&l->arena);
}
