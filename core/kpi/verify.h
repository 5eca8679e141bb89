/* verify.h — the figures counted again from the log and compared with what is kept; kpi_verify() is
 * in query.h.
 * Callers: engine/verify, tests. In a snapshot; a cube's cells are held in memory.
 * Errors: what the store says; a difference is no error. */
#ifndef CX_KPI_VERIFY_H
#define CX_KPI_VERIFY_H

#include "kpi/query.h"

typedef void (*verify_differs_f)(void *ctx, const struct cube *c, const char *what);

/* The candidates of m's choice against the events that have its key; m->choice is found if need be.
 * Returns the number of differences or <0. */
int kpi_verify_choice(struct store *s, const struct measure *m, const char *company_currency,
	verify_differs_f differs, void *ctx, struct cx_err *e);
/* The same of the events placed by m's `at` (store_place_slot). */
int kpi_verify_places(struct store *s, const struct measure *m, const char *company_currency,
	verify_differs_f differs, void *ctx, struct cx_err *e);

/* Rows that readers would take for a cube's sets, of a cube that is not. */
int kpi_verify_strays(struct store *s, verify_differs_f differs, void *ctx, struct cx_err *e);

#endif
