/* def.h — declared KPIs and the cubes they are kept in (kpi.md).
 * Flow:   lua/ makes struct kpi from declarations; kpi_cubes_build() groups all measures of a
 *         plugin's KPIs with the same dimensions into cubes; tally.h feeds, query.h reads them.
 * Owns:   whoever made a kpi frees it; a cube points at measures of its KPIs. */
#ifndef CX_KPI_DEF_H
#define CX_KPI_DEF_H

#include "event/event.h"

enum { KPI_DIMS = 8, KPI_TIMES = 16 };
enum measure_kind { MEASURE_COUNT, MEASURE_SUM, MEASURE_HISTOGRAM, MEASURE_DISTINCT };
/* Of the events with the same key only one counts: see kpi/standing.h. */
enum choose { CHOOSE_ALL, CHOOSE_LATEST, CHOOSE_FIRST };

struct kpi;
struct measure {
	char *name;
	enum measure_kind kind;
	char *type_name;
	const struct event_type *type; /* resolved from type_name */
	char *field_name;              /* NULL: none */
	struct field_ref field;
	char *at_name;              /* NULL: placed by `time` */
	int at;                     /* index in type->fields or -1 */
	int at_slot;                /* store_place_slot, or -1 */
	int times;                  /* distinct: the set seen at least so often; else 1 */
	bool days;                  /* distinct: on different days */
	int64_t bucket;             /* histogram: width of a bucket, in the field's unit; 1 = each
				     * value by itself */
	enum choose choose;         /* latest, first */
	char *key_name, *rank_name; /* of these options: { KEY, by = RANK }; NULL with ALL */
	struct field_ref key, rank; /* rank: an integer, decimal, duration or time, or ATTR_TIME */
	int choice;                 /* store_choice_rule of (type, key, rank, choose); -1 none */
	int64_t choice_upto;        /* its candidates are those of the events up to this seq */
	int where;                  /* handle of the Lua function, 0 = none */
	struct field_ref dims[KPI_DIMS]; /* as kpi->by */
	const struct kpi *kpi;
	int slot;    /* count: its integer in the cube's cells; sum: its sum, and in slot + 1 the
		      * number of events in it (a sum of 0 is not no event); else -1 */
	int hist;    /* histogram: its number among the cells' histograms, else -1 */
	int set;     /* distinct: its number among the cube's sets, else -1 */
	bool shared; /* an equal measure of the cube feeds its slot, histogram or set */
};

struct plugin;
struct kpi {
	struct plugin *from; /* lua/plugin.h: whose functions are called */
	char *id, *plugin, *file;
	int line;
	char *title, *format, *better, *tier, *owner; /* title: JSON text; NULL where not given */
	bool has_target;
	double target;
	char *by[KPI_DIMS];
	int nby;
	struct measure *measures; /* in name order */
	int nmeasures;
	int64_t min_n;    /* below it: few_answers; 0 = [kpi] min_n */
	int64_t suppress; /* below it: suppressed (k-anonymity); 0 = never */
	int formula;      /* handle of the Lua function */
	int interval;     /* the same, 0 = none */
	char hash[65];    /* identity of the definition */
	struct cube *cube;
	char currency[4]; /* format money: of its sums; "" = the company's */
};

struct cube {
	int id;              /* store_cube; -1: it has none, so that nothing was ever counted */
	char identity[65];   /* of all that its cells depend on: lua/identity.h; "": of a plugin
			      * whose code must not run, so that nobody can tell */
	int64_t upto;        /* the events up to this seq are in it; STORE_LIVE: all */
	char *plugin, *dims; /* dims: names joined by ',' */
	int ndims;
	struct measure **measures;
	int nmeasures, nslots, nhists, nsets;
};

/* Is its set told apart by days? Once is once, on whatever day. */
static inline bool measure_by_days(const struct measure *m)
{
	return m->days && m->times > 1;
}

void kpi_free(struct kpi *k);
int kpi_dim(const struct kpi *k, const char *name); /* index in by, or -1 */

/* Cubes of all the KPIs of one plugin, slots and sets numbered in (id, measure) order so that they
 * are the same in every process. ids are asked from the store by kpi_cubes_bind(); those that the
 * writer has to make there begin with this upto. */
void kpi_cubes_build(struct kpi **kpis, int nkpis, struct cube ***cubes, int *ncubes);
struct store;
int kpi_cubes_bind(
	struct store *s, struct cube **cubes, int ncubes, int64_t upto, struct cx_err *e);
void kpi_cubes_free(struct cube **cubes, int ncubes);

/* Group key of an event under a measure's dimensions: a JSON array of the values, e.g.
 * ["b07",null,true]; kept in cells as is. */
struct str kpi_group(const struct measure *m, int ndims, const struct event *ev, struct arena *a);

#endif
