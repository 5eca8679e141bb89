/* compare.h — ?compare=previous|year: the same KPI over the window before, and whether what
 * changed is proven.
 * Callers: reply.c. */
#ifndef CX_KPI_COMPARE_H
#define CX_KPI_COMPARE_H

#include "kpi/evaluate.h"

struct comparison {
	struct kpi_query q;
	struct answer a;
	struct evaluation v;
};
/* v is evaluated and not finished yet: adds groups that only the window before has, finishes it and
 * fills its compared. comparison_free() also after an error. */
int compare_windows(struct evaluation *v, struct comparison *c);
void comparison_free(struct comparison *c);

#endif
