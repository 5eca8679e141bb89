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

/* ---- squares: a figure of few answers, another hidden one in each of its lines, and the one at
 * the opposite corner. Whatever its value, the four can be shifted against each other with every
 * sum the same; without one, adding and taking away whole lines can tell it although no single line
 * does */

enum { LINE_LOOKED_AT = 64 };

static int line_of(const struct lattice *l, const struct lattice_cell *c, int axis)
{
	struct lattice_cell up = *c;
	int axes = l->ndims + 1;
	if (axis < l->ndims)
		up.el[axis] = (struct str){0};
	else
		up.bucket = -1;
	const struct lattice_cell *sum = lattice_find(l, up.el, up.bucket);
	return sum && l->parts[sum->at * axes + axis] ? sum->at * axes + axis : -1;
}

/* The others of a line, hidden ones only or all; their number. */
static int others(const struct lattice *l, const struct lattice_cell *c, int line, bool all,
	struct lattice_cell *out[LINE_LOOKED_AT])
{
	int axes = l->ndims + 1, n = 0;
	struct lattice_cell *sum = l->cells[line / axes];
	if (sum != c && sum->hidden)
		out[n++] = sum;
	for (int i = l->parts[line] - 1; i >= 0 && n < LINE_LOOKED_AT;
		i = l->next[i * axes + line % axes] - 1)
		if (l->cells[i] != c && (all || l->cells[i]->hidden))
			out[n++] = l->cells[i];
	return n;
}

static struct lattice_cell *corner(
	const struct lattice *l, const struct lattice_cell *a, int x, const struct lattice_cell *b)
{
	struct lattice_cell at = *b; /* with the place of a along x */
	if (x < l->ndims)
		at.el[x] = a->el[x];
	else
		at.bucket = a->bucket;
	return lattice_find(l, at.el, at.bucket);
}

/* Is there a square of hidden ones? Else the one that hides least, of all: hide. */
static bool square(const struct lattice *l, const struct lattice_cell *c, int x, int y, bool all,
	struct lattice_cell *hide[3])
{
	struct lattice_cell *a[LINE_LOOKED_AT], *b[LINE_LOOKED_AT];
	int line_x = line_of(l, c, x), line_y = line_of(l, c, y);
	double least = 0;
	hide[0] = NULL;
	if (line_x < 0 || line_y < 0)
		return true;
	int na = others(l, c, line_x, all, a), nb = others(l, c, line_y, all, b);
	for (int i = 0; i < na; i++) {
		for (int j = 0; j < nb; j++) {
			struct lattice_cell *d = corner(l, a[i], x, b[j]);
			if (!d)
				continue;
			double n = (a[i]->hidden ? 0 : a[i]->n + 1) +
				   (b[j]->hidden ? 0 : b[j]->n + 1) + (d->hidden ? 0 : d->n + 1);
			if (n == 0)
				return true;
			if (!hide[0] || n < least) {
				hide[0] = a[i];
				hide[1] = b[j];
				hide[2] = d;
				least = n;
			}
		}
	}
	return false;
}

static bool square_up(struct lattice *l, bool series_too)
{
	struct lattice_cell *hide[3];
	bool changed = false;
	int axes = l->ndims + series_too;
	for (int i = 0; i < l->n; i++) {
		const struct lattice_cell *c = l->cells[i];
		if (c->n <= 0 || c->n >= l->least || (c->bucket >= 0 && !series_too))
			continue;
		for (int x = 0; x < axes; x++) {
			for (int y = x + 1; y < axes; y++) {
				if (square(l, c, x, y, false, hide))
					continue;
				if (!hide[0] && square(l, c, x, y, true, hide))
					continue;
				for (int k = 0; k < 3 && hide[0]; k++)
					hide[k]->hidden = true;
				changed = changed || hide[0];
			}
		}
	}
	return changed;
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
	while (settle(l, false) || square_up(l, false)) /* first what is so with any `every` */
		;
	while (settle(l, true) || square_up(l, true))
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
