/* kpi_print.h — a KPI's reply for people: one line of the total, one of what it was before, a table
 * of series and groups. Every number is a text of the reply (kpi/number.h wrote it).
 * Callers: kpi.c. */
#ifndef CX_CLI_KPI_PRINT_H
#define CX_CLI_KPI_PRINT_H

#include "cli/print.h"

void kpi_overview_columns(struct table *t);
/* list: the KPI's row of GET /v1/kpis; o: its reply */
void kpi_overview_row(struct table *t, const json_t *list, const json_t *o);
void kpi_detail(const char *id, const json_t *o);

/* kpi_explain.c: the answers of /explain and /control */
void kpi_explained(const char *id, const json_t *o);
void kpi_charted(const json_t *o);

#endif
