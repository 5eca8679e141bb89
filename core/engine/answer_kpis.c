#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "engine/answers.h"
#include "engine/quarantine.h"

/* The texts of a title table or a plain title, in the caller's language. */
static void title(struct buf *b, const struct kpi *k)
{
	jw_key(b, "title");
	if (k->title)
		jw_raw(b, k->title, strlen(k->title));
	else
		jw_str(b, k->id);
}

static void kpi_row(struct buf *b, const struct kpi *k, const char *state)
{
	jw_obj(b);
	jw_kstr(b, "id", k->id);
	title(b, k);
	jw_kstr(b, "format", k->format);
	jw_kstr(b, "better", k->better);
	if (k->has_target)
		jw_kdouble(b, "target", k->target);
	jw_kstr(b, "tier", k->tier);
	jw_kstr(b, "owner", k->owner);
	jw_kstr(b, "plugin", k->plugin);
	jw_kstr(b, "plugin_state", state);
	jw_key(b, "by");
	jw_arr(b);
	for (int i = 0; i < k->nby; i++)
		jw_str(b, k->by[i]);
	jw_arr_end(b);
	jw_key(b, "measures");
	jw_arr(b);
	for (int i = 0; i < k->nmeasures; i++)
		jw_str(b, k->measures[i].name);
	jw_arr_end(b);
	jw_key(b, "events");
	jw_arr(b);
	for (int i = 0; i < k->nmeasures; i++) {
		bool seen = false;
		for (int j = 0; j < i; j++)
			seen |= strcmp(k->measures[i].type_name, k->measures[j].type_name) == 0;
		if (!seen)
			jw_str(b, k->measures[i].type_name);
	}
	jw_arr_end(b);
	jw_obj_end(b);
}

int answer_kpis(struct engine *eng, struct buf *b, struct cx_err *e)
{
	(void)e;
	jw_obj(b);
	jw_key(b, "kpis");
	jw_arr(b);
	for (int i = 0; i < eng->set.n; i++) {
		const struct plugin *p = eng->set.v[i];
		for (int k = 0; k < p->nkpis && p->state != PLUGIN_FAILED; k++)
			kpi_row(b, p->kpis[k], quarantine_state(eng, p));
	}
	jw_arr_end(b);
	jw_knull(b, "next");
	jw_obj_end(b);
	return CX_OK;
}

/* state, and how far its figures are */
static int write_state(struct engine *eng, const struct plugin *p, struct buf *b, struct cx_err *e)
{
	struct kpi_counting c;
	int rc = engine_progress(eng, p, NULL, &c, e);
	jw_kstr(b, "state", c.yes ? "rebuilding" : quarantine_state(eng, p));
	quarantine_json(eng, p, b);
	if (!c.yes)
		return rc;
	jw_key(b, "rebuilding");
	jw_obj(b);
	jw_kint(b, "done", c.done);
	jw_kint(b, "total", c.total);
	jw_obj_end(b);
	return rc;
}

int answer_plugins(struct engine *eng, struct buf *b, struct cx_err *e)
{
	int64_t generation;
	int rc = engine_generation(eng, &generation, e);
	jw_obj(b);
	jw_key(b, "plugins");
	jw_arr(b);
	for (int i = 0; i < eng->set.n && rc >= 0; i++) {
		const struct plugin *p = eng->set.v[i];
		jw_obj(b);
		jw_kstr(b, "name", p->name);
		jw_kstr(b, "version", p->version);
		jw_kstr(b, "hash", p->hash);
		rc = write_state(eng, p, b, e);
		jw_key(b, "errors");
		jw_arr(b);
		for (int k = 0; k < p->nerrors; k++) {
			jw_obj(b);
			jw_kstr(b, "file", p->errors[k].file);
			jw_kint(b, "line", p->errors[k].line);
			jw_kstr(b, "message", p->errors[k].message);
			jw_obj_end(b);
		}
		jw_arr_end(b);
		jw_key(b, "budgets");
		jw_obj(b);
		jw_kint(b, "load_ms", p->limits.load_ms);
		jw_kint(b, "handler_ms", p->limits.handler_ms);
		jw_kint(b, "formula_ms", p->limits.formula_ms);
		jw_kint(b, "memory_limit", (int64_t)p->limits.memory);
		jw_kint(b, "memory_used", p->iso ? (int64_t)isolate_memory(p->iso) : 0);
		jw_obj_end(b);
		jw_obj_end(b);
	}
	jw_arr_end(b);
	jw_kint(b, "generation", generation);
	jw_obj_end(b);
	return rc < 0 ? rc : CX_OK;
}

int answer_imports(struct engine *eng, struct buf *b, struct cx_err *e)
{
	struct buf state = {0};
	int rc = CX_OK;
	jw_obj(b);
	jw_key(b, "imports");
	jw_arr(b);
	for (int i = 0; i < eng->set.n; i++)
		for (int k = 0; k < eng->set.v[i]->nimports && rc >= 0; k++) {
			char key[80];
			snprintf(key, sizeof key, "import:%s", eng->set.v[i]->imports[k].id);
			buf_clear(&state);
			rc = store_meta_get(eng->store, key, &state, e);
			jw_obj(b);
			jw_kstr(b, "name", eng->set.v[i]->imports[k].id);
			jw_kstr(b, "plugin", eng->set.v[i]->name);
			jw_kstr(b, "state", rc == 1 ? buf_cstr(&state) : NULL);
			jw_obj_end(b);
		}
	jw_arr_end(b);
	jw_knull(b, "next");
	jw_obj_end(b);
	buf_free(&state);
	return rc < 0 ? rc : CX_OK;
}
