#include "engine/openapi.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/version.h"

#define FILES(X) X(routes, "engine/openapi/routes.json") X(shapes, "engine/openapi/shapes.json")
#define X(name, file)                                                                              \
	__asm__(".pushsection .rodata\n"                                                           \
		".global cxd_openapi_" #name "\n"                                                  \
		"cxd_openapi_" #name ": .incbin \"" file "\"\n"                                    \
		".byte 0\n"                                                                        \
		".popsection");                                                                    \
	extern const char cxd_openapi_##name[];
FILES(X)
#undef X

enum { NODES = 65536, STATUSES = 24 };
#define SCHEMAS      "#/components/schemas/"
#define ADD(b, text) jw_raw(b, text, sizeof(text) - 1)

struct files {
	struct json_doc routes, shapes;
};

static const struct files *files(struct cx_err *e)
{
	static struct files f;
	static bool read;
	if (!read && (json_scan(&f.routes, cxd_openapi_routes, strlen(cxd_openapi_routes),
			      JSON_DEPTH, NODES, e) < 0 ||
			     json_scan(&f.shapes, cxd_openapi_shapes, strlen(cxd_openapi_shapes),
				     JSON_DEPTH, NODES, e) < 0))
		return NULL;
	read = true;
	return &f;
}

static void key(struct buf *b, struct str name)
{
	buf_puts(b, b->p[b->len - 1] == '{' ? "" : ",");
	buf_add(b, name.p, name.n);
	buf_puts(b, ":");
}

void openapi_members(struct buf *b, const struct json_doc *d, uint32_t node)
{
	uint32_t at = node + 1;
	for (uint32_t i = 0; i < d->nodes[node].count; i++, at = d->nodes[at + 1].next) {
		key(b, json_raw(d, at));
		json_compact(d, at + 1, b);
	}
}

static void copy(struct buf *b, const struct json_doc *d, uint32_t at, const char *name)
{
	if (!at)
		return;
	jw_key(b, name);
	json_compact(d, at, b);
}

static void ref(struct buf *b, const char *where, struct str name) /* name: in quotes */
{
	jw_obj(b);
	jw_key(b, "$ref");
	buf_printf(b, "\"%s%.*s}", where, (int)name.n - 1, name.p + 1);
}

/* ---- one operation */

struct row {
	const struct route_row *r;
	const struct json_doc *d;
	uint32_t shape; /* 0: it has none */
};

static uint32_t shape_get(const struct row *w, const char *name)
{
	return w->shape ? json_get(w->d, w->shape, name) : 0;
}

static struct row row_of(const struct files *f, const struct route_row *r)
{
	struct buf name = {0};
	buf_printf(&name, "%s %s", r->method, r->path);
	struct row w = {r, &f->routes, json_get(&f->routes, 0, buf_cstr(&name))};
	buf_free(&name);
	return w;
}

static void parameters(struct buf *b, const struct row *w)
{
	uint32_t list = shape_get(w, "parameters");
	jw_key(b, "parameters");
	jw_arr(b);
	for (const char *p = w->r->path; (p = strchr(p, '{')) != NULL;) {
		size_t n = strcspn(++p, "}");
		jw_obj(b);
		jw_key(b, "name");
		jw_strn(b, p, n);
		jw_kstr(b, "in", "path");
		jw_kbool(b, "required", true);
		jw_key(b, "schema");
		ADD(b, "{\"type\":\"string\"}");
		jw_obj_end(b);
	}
	for (uint32_t i = 0; list && i < w->d->nodes[list].count; i++)
		ref(b, "#/components/parameters/", json_raw(w->d, list + 1 + i));
	jw_arr_end(b);
}

static void body(struct buf *b, const struct row *w)
{
	uint32_t content = shape_get(w, "body");
	if (!content)
		return;
	jw_key(b, "requestBody");
	jw_obj(b);
	jw_kbool(b, "required", !shape_get(w, "body_optional"));
	copy(b, w->d, content, "content");
	jw_obj_end(b);
}

/* [SCHEMA | [SCHEMA, …] | {media type: …}, description] */
static void answer(struct buf *b, const struct json_doc *d, uint32_t at)
{
	uint32_t what = at + 1, said = d->nodes[what].next;
	jw_obj(b);
	copy(b, d, said, "description");
	if (d->nodes[what].type == JSON_OBJECT) {
		copy(b, d, what, "content");
		jw_obj_end(b);
		return;
	}
	jw_key(b, "content");
	jw_obj(b);
	jw_key(b, "application/json");
	jw_obj(b);
	jw_key(b, "schema");
	if (d->nodes[what].type == JSON_STRING) {
		ref(b, SCHEMAS, json_raw(d, what));
	} else {
		jw_obj(b);
		jw_key(b, "oneOf");
		jw_arr(b);
		for (uint32_t i = 0; i < d->nodes[what].count; i++)
			ref(b, SCHEMAS, json_raw(d, what + 1 + i));
		jw_arr_end(b);
		jw_obj_end(b);
	}
	jw_obj_end(b);
	jw_obj_end(b);
	jw_obj_end(b);
}

static int ascending(const void *x, const void *y)
{
	return *(const int *)x - *(const int *)y;
}

/* The statuses that a route refuses with: those of its shape, and those of its kind. */
static int refusals(const struct row *w, int out[STATUSES])
{
	int n = 0;
	const struct route_row *r = w->r;
	uint32_t own = shape_get(w, "refused");
	for (uint32_t i = 0; own && i < w->d->nodes[own].count && n < STATUSES - 8; i++) {
		int64_t status = 0;
		json_int64(w->d, own + 1 + i, &status);
		out[n++] = (int)status;
	}
	out[n++] = 400;
	out[n++] = 421;
	if (r->level > LEVEL_NONE) {
		out[n++] = 401;
		out[n++] = 403;
	}
	if (r->body != BODY_NONE) {
		out[n++] = 408;
		out[n++] = 413;
	}
	if (r->who != WHO_FRONT) {
		out[n++] = 429;
		out[n++] = 503;
	}
	qsort(out, (size_t)n, sizeof *out, ascending);
	int kept = 1;
	for (int i = 1; i < n; i++)
		if (out[i] != out[kept - 1])
			out[kept++] = out[i];
	return kept;
}

static void responses(struct buf *b, const struct row *w)
{
	int status[STATUSES], n = refusals(w, status);
	uint32_t answers = shape_get(w, "answers"), at = answers + 1;
	jw_key(b, "responses");
	jw_obj(b);
	for (uint32_t i = 0; answers && i < w->d->nodes[answers].count; i++) {
		key(b, json_raw(w->d, at));
		answer(b, w->d, at + 1);
		at = w->d->nodes[at + 1].next;
	}
	for (int i = 0; i < n; i++) {
		const char *name = status[i] == 401                       ? "Unauthenticated"
				   : status[i] == 429 || status[i] == 503 ? "Later"
									  : "Problem";
		buf_printf(b, "%s\"%d\":{\"$ref\":\"#/components/responses/%s\"}",
			b->p[b->len - 1] == '{' ? "" : ",", status[i], name);
	}
	jw_key(b, "default");
	ADD(b, "{\"$ref\":\"#/components/responses/Problem\"}");
	jw_obj_end(b);
}

static void operation(struct buf *b, const struct row *w)
{
	char method[16];
	size_t n = 0;
	for (const char *p = w->r->method; *p && n < sizeof method - 1; p++)
		method[n++] = (char)tolower(*p);
	method[n] = 0;
	jw_key(b, method);
	jw_obj(b);
	copy(b, w->d, shape_get(w, "id"), "operationId");
	if (shape_get(w, "tag")) {
		jw_key(b, "tags");
		jw_arr(b);
		struct str tag = json_raw(w->d, shape_get(w, "tag"));
		jw_raw(b, tag.p, tag.n);
		jw_arr_end(b);
	}
	jw_kstr(b, "summary", w->r->summary);
	copy(b, w->d, shape_get(w, "description"), "description");
	jw_kstr(b, "x-level", w->r->level == LEVEL_NONE ? "none" : level_name(w->r->level));
	if (w->r->level == LEVEL_NONE) {
		jw_key(b, "security");
		jw_arr(b);
		jw_arr_end(b);
	}
	parameters(b, w);
	body(b, w);
	responses(b, w);
	jw_obj_end(b);
}

static bool first_of_path(int i)
{
	for (int k = 0; k < i; k++)
		if (strcmp(routes[k].path, routes[i].path) == 0)
			return false;
	return true;
}

static void paths(struct buf *b, const struct files *f)
{
	jw_key(b, "paths");
	jw_obj(b);
	for (int i = 0; i < ROUTE_COUNT; i++) {
		if (!first_of_path(i))
			continue;
		jw_key(b, routes[i].path);
		jw_obj(b);
		for (int k = i; k < ROUTE_COUNT; k++)
			if (strcmp(routes[k].path, routes[i].path) == 0) {
				struct row w = row_of(f, &routes[k]);
				operation(b, &w);
			}
		jw_obj_end(b);
	}
	jw_obj_end(b);
}

/* ---- the document */

static void head(struct buf *b, const struct files *f)
{
	jw_kstr(b, "openapi", "3.1.0");
	copy(b, &f->shapes, json_get(&f->shapes, 0, "info"), "info");
	b->len--; /* its closing brace */
	jw_kstr(b, "version", CX_VERSION);
	jw_obj_end(b);
	jw_key(b, "servers"); /* wherever this document came from */
	ADD(b, "[{\"url\":\"/\"}]");
	jw_key(b, "security"); /* a token, or none where the socket says who calls */
	ADD(b, "[{\"token\":[]},{}]");
	copy(b, &f->shapes, json_get(&f->shapes, 0, "tags"), "tags");
}

static void error_codes(struct buf *b)
{
#define X(sym, name, ...) name,
	static const char *const names[] = {
#include "base/err.def"
	};
#undef X
	jw_key(b, "ErrorCode");
	jw_obj(b);
	jw_kstr(b, "type", "string");
	jw_key(b, "enum");
	jw_arr(b);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		jw_str(b, names[i]);
	jw_arr_end(b);
	jw_obj_end(b);
}

static void components(struct buf *b, const struct files *f, const struct engine *eng)
{
	static const char *const parts[] = {"securitySchemes", "responses", "parameters"};
	const struct json_doc *d = &f->shapes;
	jw_key(b, "components");
	jw_obj(b);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		copy(b, d, json_get(d, 0, parts[i]), parts[i]);
	jw_key(b, "schemas");
	jw_obj(b);
	openapi_members(b, d, json_get(d, 0, "schemas"));
	error_codes(b);
	openapi_types(b, eng, d, json_get(d, 0, "envelope"));
	jw_obj_end(b);
	jw_obj_end(b);
}

int answer_openapi(struct engine *eng, struct buf *b, struct cx_err *e)
{
	const struct files *f = files(e);
	if (!f)
		return e->code;
	jw_obj(b);
	head(b, f);
	paths(b, f);
	components(b, f, eng);
	jw_obj_end(b);
	return CX_OK;
}
