/* openapi.h — GET /v1/openapi.json: this daemon as OpenAPI 3.1
 * (https://spec.openapis.org/oas/v3.1). Flow:   openapi.c writes one operation per row of
 * routes.def, with its shape from openapi/routes.json, then openapi/shapes.json as the components;
 * openapi_types.c adds the events that the plugins in force declare. The same plugins give the same
 * bytes. Rules:  a row without a shape is there all the same, with nothing but its errors;
 *         tests/api/test_openapi.py fails on it, and on replies that the shapes do not describe.
 * Callers: reader. Owns: the two parsed files, for the life of the process. */
#ifndef CX_ENGINE_OPENAPI_H
#define CX_ENGINE_OPENAPI_H

#include "engine/engine.h"

int answer_openapi(struct engine *eng, struct buf *b, struct cx_err *e);

/* Into the open object of schemas: Event, and event.TYPE and data.TYPE for each type in force.
 * envelope: the node in d whose members are the attributes that every event may have. */
void openapi_types(
	struct buf *b, const struct engine *eng, const struct json_doc *d, uint32_t envelope);
/* The members of the object at node, into the open object of b. */
void openapi_members(struct buf *b, const struct json_doc *d, uint32_t node);

#endif
