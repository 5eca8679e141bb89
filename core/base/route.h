/* route.h — which row of routes.def a request means.
 * Callers: http/request.c, cli/request.c. Pure.
 * Errors: CX_E_NOT_FOUND, CX_E_METHOD_NOT_ALLOWED (allow is filled), CX_E_BAD_REQUEST. */
#ifndef CX_BASE_ROUTE_H
#define CX_BASE_ROUTE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/job.h"

enum { ROUTE_ALLOW_MAX = 64, ROUTE_QUERY_MAX = 256 };

/* Splits a request target into path and raw query (query NULL: none); the absolute form's scheme
 * and authority are skipped. */
void route_split(const char *target, size_t n, const char **path, size_t *path_n,
	const char **query, size_t *query_n);

/* HEAD finds the GET route. Path parameters are appended to meta as "name\0value\0". */
int route_find(const char *method, const char *path, size_t n, enum route *route,
	char allow[ROUTE_ALLOW_MAX], struct buf *meta, struct cx_err *e);

/* A parameter in the raw query (NULL: none) that the route does not have: CX_E_BAD_QUERY. */
int route_query(enum route route, const char *query, struct cx_err *e);

#endif
