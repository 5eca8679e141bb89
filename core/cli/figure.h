/* figure.h — the parts of a KPI's reply (kpi.md) as texts for people: value, note, period, title,
 * measures. Dates as people of the language write them, ends inclusive. */
#ifndef CX_CLI_FIGURE_H
#define CX_CLI_FIGURE_H

#include "cli/print.h"

enum { PERIOD_TEXT = 96 };
const char *figure_note(const json_t *o); /* NULL: none */
const char *figure_title(const json_t *o, const char *otherwise);
void figure_cell(struct table *t, const json_t *o);         /* the value as the reply writes it */
void figure_dim_cell(struct table *t, const json_t *v);     /* a dimension's or measure's value */
void figure_period(const json_t *o, char out[PERIOD_TEXT]); /* "" where there is no window */
void figure_measures(const json_t *o, struct buf *b);       /* "promoters=594 answers=960" */

#endif
