#include "engine/import.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/problem.h"
#include "base/tz.h"
#include "engine/import_run.h"
#include "engine/quarantine.h"
#include "ipc/spawn.h"

enum { OVER_BUDGET_MAX = 20 }; /* rows whose map may be stopped before the import is given up */

static int usage(const char *msg)
{
	fprintf(stderr, "cxd import: %s\n", msg);
	return 2;
}

static int read_args(struct import_run *r, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--live") == 0)
			r->live = true;
		else if (strcmp(argv[i], "--json") == 0)
			r->json = true;
		else if (strcmp(argv[i], "--update") == 0)
			r->update = true;
		else if (argv[i][0] == '-')
			return usage(CX_T("opção desconhecida", "unknown option"));
		else if (!r->name)
			r->name = argv[i];
		else if (!r->dir)
			r->dir = argv[i];
		else
			return usage(CX_T("cxd import NOME [PASTA] [--live] [--update]",
				"cxd import NAME [DIR] [--live] [--update]"));
	}
	if (!r->name)
		return usage(CX_T("falta o nome da importação", "the importer's name is missing"));
	return 0;
}

/* ---- plugins */

/* From disk, but nothing of those that are off runs here either. */
static int load_plugins(struct import_run *r, struct engine *eng)
{
	const struct plugin_set *set = &eng->set;
	int rc = store_open(
		&eng->store, r->conf->store_url, r->conf->server_data, STORE_READ, &r->e);
	if (rc >= 0)
		rc = store_begin(eng->store, &r->e);
	if (rc < 0)
		return rc;
	rc = engine_load_plugins(eng, GENERATION_DISK, &r->e);
	store_rollback(eng->store);
	if (rc < 0)
		return rc;
	rc = import_open(set, r->name, &r->im, &r->e);
	r->im.live = r->live;
	if (rc >= 0 && r->im.p->state == PLUGIN_OFF)
		rc = quarantine_refuse(eng, r->im.p, &r->e);
	for (int i = 0; i < set->n && rc < 0; i++) /* perhaps it is in one that failed */
		for (int k = 0; k < set->v[i]->nerrors; k++)
			fprintf(stderr, "%s:%d: %s\n", set->v[i]->errors[k].file,
				set->v[i]->errors[k].line, set->v[i]->errors[k].message);
	return rc;
}

/* ---- events out of the plugin */

static int refused(void *ctx, int place, const char *id, const struct cx_errs *why)
{
	struct import_run *r = ctx;
	struct buf all = {0};
	(void)place;
	if (r->im.def->generate)
		r->at.row = ++r->mapped;
	if (why->n > 1)
		problem_errors(&all, why);
	tell_refused(r, &(struct refusal){.of = r->at,
				.id = id,
				.code = cx_err_name(why->v[0].code),
				.field = why->v[0].field,
				.detail = why->v[0].msg,
				.errors = {all.p, (uint32_t)all.len}});
	buf_free(&all);
	return CX_OK;
}

static int to_scratch(void *ctx, int64_t time_ms, int place, const char *json, size_t n)
{
	struct import_run *r = ctx;
	r->mapped++;
	return scratch_event_add(r->scratch, time_ms, r->at.part, r->at.row, place, json, n, &r->e);
}

static int to_batch(void *ctx, int64_t time_ms, int place, const char *json, size_t n)
{
	struct import_run *r = ctx;
	(void)time_ms, (void)place;
	r->at.row = ++r->mapped;
	tell_progress(r, r->mapped);
	return import_send_event(r, r->at, json, n);
}

static int failed(struct import_run *r, const struct lua_fail *f)
{
	if (r->e.code) /* the sink stopped it */
		return r->e.code;
	if (f->file[0])
		return cx_fail(
			&r->e, CX_E_PLUGIN_FAILED, NULL, "%s:%d: %s", f->file, f->line, f->msg);
	return cx_fail(&r->e, CX_E_PLUGIN_FAILED, NULL, "%s", f->msg);
}

static int generate(struct import_run *r)
{
	const struct import_sink sink = {r, to_batch, refused};
	struct lua_fail f = {0};
	tell_phase(r, CX_T("gerando", "generating"), r->im.def->total);
	if (import_generate(&r->im, &sink, &f) < 0)
		return failed(r, &f);
	return import_send_rest(r);
}

/* ---- tables and events */

struct table_load {
	struct import_run *run;
	const struct import_table *table;
};

static int bad_record(void *ctx, int64_t line, const char *why)
{
	const struct table_load *l = ctx;
	tell_refused(l->run, &(struct refusal){.of = {0, line},
				     .file = l->table->file,
				     .code = cx_err_name(CX_E_BAD_REQUEST),
				     .detail = why});
	return CX_OK;
}

static int load_table(struct import_run *r, const struct import_table *t)
{
	char path[4096];
	struct table_load ctx = {r, t};
	const struct scratch_bad bad = {bad_record, &ctx};
	int64_t rows;
	if (t->file[0] == '/' || strstr(t->file, ".."))
		return cx_fail(&r->e, CX_E_BAD_REQUEST, NULL,
			CX_T("tabela %s: %s não fica na pasta dada",
				"table %s: %s is not inside the folder given"),
			t->name, t->file);
	snprintf(path, sizeof path, "%s/%s", r->dir, t->file);
	int rc = scratch_load(
		r->scratch, t->name, path, t->delimiter, t->encoding, &bad, &rows, &r->e);
	tell_progress(r, r->done + (rc == CX_OK ? rows : 0));
	return rc;
}

static int map_row(void *ctx, const struct scratch_row *row)
{
	struct import_run *r = ctx;
	const struct import_sink sink = {r, to_scratch, refused};
	struct lua_fail f = {0};
	if (r->ncols < 0) {
		r->ncols = row->ncols;
		for (int i = 0; i < row->ncols; i++)
			if (strcmp(row->names[i], "rowid") == 0)
				r->rowid_col = i;
		r->lines[r->at.part] = r->rowid_col >= 0;
	}
	if (r->rowid_col >= 0 && row->values[r->rowid_col].p)
		r->at.row = strtoll(row->values[r->rowid_col].p, NULL, 10);
	else
		r->at.row++;
	tell_progress(r, r->done + 1);
	int rc = import_map(&r->im, r->at.part, row, &sink, &f);
	if (rc == IMPORT_STOPPED && ++r->over_budget == OVER_BUDGET_MAX)
		return cx_fail(&r->e, CX_E_PLUGIN_FAILED, NULL,
			CX_T("import \"%s\": map passou do orçamento em %d registros; o último: %s",
				"import \"%s\": map went over its budget in %d rows; the last: %s"),
			r->name, OVER_BUDGET_MAX, f.msg);
	return rc < 0 ? failed(r, &f) : CX_OK;
}

static int send_one(void *ctx, int part, int64_t row, const char *json, size_t n)
{
	struct import_run *r = ctx;
	tell_progress(r, r->done + 1);
	return import_send_event(r, (struct origin){part, row}, json, n);
}

/* "linha 12", "registro 12", and of which query where the other is of another */
static void place_text(const struct import_run *r, struct scratch_place p,
	const struct scratch_place *other, struct buf *b)
{
	const char *word = r->lines[p.part] ? CX_T("linha", "line") : CX_T("registro", "row");
	buf_printf(b, "%s %lld", word, (long long)p.row);
	if (p.part != other->part)
		buf_printf(b, CX_T(" de events[%d]", " of events[%d]"), p.part + 1);
}

/* Two rows of one run that say different things of one event. */
static int conflict(void *ctx, struct scratch_place of, struct scratch_place first, const char *id)
{
	struct import_run *r = ctx;
	struct buf one = {0}, two = {0}, why = {0};
	place_text(r, first, &of, &one);
	place_text(r, of, &first, &two);
	buf_printf(&why,
		CX_T("%s e %s dão conteúdos diferentes ao mesmo id; vale o da primeira",
			"%s and %s give different content to the same id; that of the first "
			"stands"),
		buf_cstr(&one), buf_cstr(&two));
	tell_refused(r, &(struct refusal){.of = {of.part, of.row},
				.id = id,
				.code = cx_err_name(CX_E_ID_CONFLICT),
				.field = "id",
				.detail = buf_cstr(&why)});
	buf_free(&one);
	buf_free(&two);
	buf_free(&why);
	return CX_OK;
}

static int from_tables(struct import_run *r)
{
	int64_t total;
	if (!r->dir || !*r->dir)
		return cx_fail(&r->e, CX_E_BAD_REQUEST, NULL,
			CX_T("falta a pasta dos arquivos: "
			     "cxd import %s PASTA",
				"the folder of the files is missing: cxd import %s DIR"),
			r->name);
	int rc = scratch_open(&r->scratch, r->conf->server_data, &r->e);
	tell_phase(r, CX_T("lendo", "reading"), 0);
	for (int i = 0; i < r->im.def->ntables && rc == CX_OK; i++)
		rc = load_table(r, &r->im.def->tables[i]);
	tell_phase(r, CX_T("mapeando", "mapping"), 0);
	r->lines = xcalloc((size_t)r->im.def->nparts, sizeof *r->lines);
	for (int i = 0; i < r->im.def->nparts && rc == CX_OK; i++) {
		r->at = (struct origin){i, 0};
		r->ncols = r->rowid_col = -1;
		rc = scratch_rows(r->scratch, r->im.def->sql[i], map_row, r, &r->e);
		if (rc < 0 && r->e.code == CX_E_BAD_REQUEST) {
			struct cx_err why = r->e;
			cx_fail(&r->e, why.code, NULL, "import \"%s\": events[%d]: %s", r->name,
				i + 1, why.msg);
		}
	}
	if (rc != CX_OK)
		return rc;
	tell_phase(r, CX_T("enviando", "sending"), r->mapped);
	rc = scratch_conflicts(r->scratch, conflict, r, &r->e);
	if (rc == CX_OK)
		rc = scratch_events(r->scratch, send_one, r, &total, &r->e);
	return rc == CX_OK ? import_send_rest(r) : rc;
}

int import_main(struct engine *eng, int argc, char **argv)
{
	struct conf *c = eng->conf;
	struct import_run *r = xcalloc(1, sizeof *r);
	r->conf = c;
	r->fd = SPAWN_FD_SOCKET;
	r->tty = isatty(STDERR_FILENO);
	r->began_us = clock_mono_us();
	r->limit = c->limits_batch_items < IMPORT_BATCH ? c->limits_batch_items : IMPORT_BATCH;
	int code = read_args(r, argc, argv);
	if (code == 0) {
		snprintf(r->refused_path, sizeof r->refused_path, "%s/imports/%s-refused.ndjson",
			c->server_data, r->name);
		int rc = load_plugins(r, eng);
		if (rc == CX_OK)
			rc = r->im.def->generate ? generate(r) : from_tables(r);
		code = tell_end(r, rc);
	}
	import_close(&r->im);
	scratch_close(r->scratch);
	import_send_free(r);
	free(r->lines);
	free(r);
	return code;
}
