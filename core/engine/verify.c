#include "engine/verify.h"

#include <stdio.h>
#include <string.h>

#include "engine/reader.h"

struct verify {
	bool json;
	struct buf b;
	int n;
};

static void differs(void *ctx, const struct cube *c, const char *what)
{
	struct verify *v = ctx;
	v->n++;
	if (!v->json) {
		printf("%s%s%s%s%s%s\n", c ? c->plugin : "", c && c->dims[0] ? " [" : "",
			c ? c->dims : "", c && c->dims[0] ? "]" : "", c ? ": " : "", what);
		return;
	}
	jw_obj(&v->b);
	jw_kstr(&v->b, "plugin", c ? c->plugin : NULL);
	jw_kstr(&v->b, "by", c ? c->dims : NULL);
	jw_kstr(&v->b, "what", what);
	jw_obj_end(&v->b);
}

static int compare(struct engine *eng, struct verify *v, int64_t *cubes, struct cx_err *e)
{
	struct kpi_host host;
	int rc = CX_OK;
	engine_kpi_host(eng, &host);
	for (int i = 0; i < eng->set.n && rc >= 0; i++) {
		struct plugin *p = eng->set.v[i];
		for (int k = 0; k < p->ncubes && rc >= 0 && p->state == PLUGIN_RUNNING;
			k++, ++*cubes)
			rc = kpi_verify(eng->store, p->cubes[k], &host, differs, v, e);
	}
	return rc;
}

int verify_main(struct engine *eng, int argc, char **argv)
{
	struct verify v = {.json = argc > 0 && strcmp(argv[0], "--json") == 0};
	struct cx_err e;
	int64_t last = 0, cubes = 0;
	int rc = reader_open(eng, &e);
	jw_obj(&v.b);
	jw_key(&v.b, "differences");
	jw_arr(&v.b);
	if (rc >= 0)
		rc = store_begin(eng->store, &e);
	if (rc >= 0 && store_check(eng->store, &e) < 0)
		differs(&v, NULL, e.msg);
	if (rc >= 0)
		rc = compare(eng, &v, &cubes, &e);
	if (rc >= 0)
		rc = store_last_seq(eng->store, &last, &e);
	jw_arr_end(&v.b);
	jw_key(&v.b, "checked");
	jw_obj(&v.b);
	jw_kint(&v.b, "events", last);
	jw_kint(&v.b, "cubes", cubes);
	jw_obj_end(&v.b);
	jw_obj_end(&v.b);
	if (rc < 0)
		fprintf(stderr, "cxd verify: %s\n", e.msg);
	else if (v.json)
		printf("%s\n", buf_cstr(&v.b));
	else
		printf(CX_T("conferidos %lld eventos, %lld cubos; diferenças: %d\n",
			       "checked %lld events, %lld cubes; differences: %d\n"),
			(long long)last, (long long)cubes, v.n);
	buf_free(&v.b);
	return rc < 0 || v.n > 0;
}
