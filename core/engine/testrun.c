#include "engine/testrun.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/problem.h"
#include "base/tz.h"
#include "engine/files.h"
#include "engine/journeys.h"
#include "engine/post.h"
#include "engine/records.h"
#include "engine/sops.h"
#include "engine/timers.h"
#include "lua/testing.h"

struct testrun {
	struct engine *eng;
	char folder[PATH_MAX], name[128]; /* the plugin under test */
	char dir[64];                     /* of the throw-away store */
	struct buf enable;                /* its name and those it depends on */
	struct ingest in;
	bool open;
	uint64_t jobs;
	int passed, failed;
};

static void close_store(struct testrun *t)
{
	if (t->open)
		ingest_free(&t->in);
	t->open = false;
	plugin_set_free(&t->eng->set);
	t->eng->set = (struct plugin_set){0};
	store_close(t->eng->store);
	t->eng->store = NULL;
	if (t->dir[0])
		folder_remove(t->dir);
	t->dir[0] = 0;
}

/* [plugin:NAME] of the test: the defaults, and what config{} overrides. */
static int use_config(struct testrun *t, const char *json, struct cx_err *e)
{
	struct conf *c = t->eng->conf;
	struct json_doc d = {0};
	struct arena a = {0};
	for (int i = 0; i < c->nfree; i++)
		if (strncmp(c->free[i].section, "plugin:", 7) == 0)
			strcpy(c->free[i].section, "-"); /* the conf's values are not the tests' */
	int rc = json_scan(&d, json, strlen(json), JSON_DEPTH, 4096, e);
	uint32_t at = 1;
	for (uint32_t i = 0; rc >= 0 && i < d.nodes[0].count; i++) {
		struct str key = json_text(&d, at, &a);
		struct str raw = json_raw(&d, at + 1);
		if (d.nodes[at + 1].type == JSON_STRING)
			raw = json_text(&d, at + 1, &a);
		c->free = xrealloc(c->free, (size_t)(c->nfree + 1) * sizeof *c->free);
		struct buf section = {0};
		buf_printf(&section, "plugin:%s", t->name);
		c->free[c->nfree++] = (struct conf_free){.section = buf_cstr(&section),
			.key = xstrndup(key.p, key.n),
			.value = xstrndup(raw.p, raw.n)};
		at = d.nodes[at + 1].next;
	}
	json_doc_free(&d);
	arena_free(&a);
	return rc;
}

/* Loads the plugin alone, then with what it depends on, until nothing is missing. */
static int load(struct testrun *t, struct cx_err *e)
{
	struct conf *c = t->eng->conf;
	for (int tries = 0; tries < 20; tries++) {
		bool more = false;
		free(c->plugins_enable);
		c->plugins_enable = xstrdup(buf_cstr(&t->enable));
		plugin_set_free(&t->eng->set);
		t->eng->set = (struct plugin_set){0};
		int rc = engine_load_plugins(t->eng, GENERATION_DISK, e);
		if (rc < 0)
			return rc;
		for (int i = 0; i < t->eng->set.n; i++)
			for (int k = 0; k < t->eng->set.v[i]->ndepends; k++)
				if (!conf_plugin_enabled(c, t->eng->set.v[i]->depends[k])) {
					buf_printf(
						&t->enable, ", %s", t->eng->set.v[i]->depends[k]);
					more = true;
				}
		if (!more)
			break;
	}
	struct plugin *p = plugin_set_find(&t->eng->set, t->name);
	if (!p)
		return cx_fail(e, CX_E_NOT_FOUND, NULL,
			CX_T("%s não tem plugin.lua", "%s has no plugin.lua"), t->folder);
	if (p->state != PLUGIN_RUNNING)
		return cx_fail(e, CX_E_PLUGIN_FAILED, NULL, "%s:%d: %s", p->errors[0].file,
			p->errors[0].line, p->errors[0].message);
	return CX_OK;
}

static int declare(struct testrun *t, int64_t now_ms, struct cx_err *e)
{
	int rc = store_begin(t->eng->store, e);
	if (rc >= 0)
		rc = timers_declare(&t->in, now_ms, e);
	return rc < 0 ? rc : store_commit(t->eng->store, e);
}

static int reset(void *ctx, int64_t now_ms, const char *config_json, struct cx_err *e)
{
	struct testrun *t = ctx;
	const char *tmp = getenv("TMPDIR");
	close_store(t);
	snprintf(t->dir, sizeof t->dir, "%.40s/cxd-test-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(t->dir))
		return cx_fail(e, CX_E_STORE_FAILED, NULL, "mkdtemp %s", t->dir);
	int rc = use_config(t, config_json, e);
	if (rc >= 0)
		rc = store_open(&t->eng->store, "sqlite:", t->dir, STORE_WRITE, e);
	if (rc >= 0)
		rc = load(t, e);
	if (rc >= 0)
		rc = engine_keep_plugins(t->eng, e);
	if (rc < 0)
		return rc;
	ingest_init(&t->in, t->eng);
	t->open = true;
	rc = ingest_open(&t->in, e);
	return rc < 0 ? rc : declare(t, now_ms, e);
}

/* A time without offset becomes the instant of the company's wall clock. */
static void member(
	struct buf *b, const struct json_doc *d, uint32_t key, bool time, struct arena *a)
{
	struct str name = json_text(d, key, a), raw = json_raw(d, key + 1);
	char text[TZ_TEXT];
	int64_t ms;
	jw_strn(b, name.p, name.n);
	buf_puts(b, ":");
	if (time && d->nodes[key + 1].type == JSON_STRING) {
		struct str s = json_text(d, key + 1, a);
		if (!tz_parse_rfc3339(s.p, s.n, &ms) && tz_parse_wall(s.p, s.n, &ms)) {
			tz_format(ms, text);
			jw_str(b, text);
			return;
		}
	}
	jw_raw(b, raw.p, raw.n);
}

static bool is_time_field(const struct plugin_set *set, struct str type, struct str name)
{
	const struct type_plan *plan = plugin_set_type(set, type);
	int i = plan ? event_type_field(plan->type, name.p, name.n) : -1;
	return i >= 0 && plan->type->fields[i].kind == FIELD_TIME;
}

static void with_offsets(
	struct testrun *t, const struct json_doc *d, struct buf *b, struct arena *a)
{
	uint32_t type_at = json_get(d, 0, "type"), key = 1;
	struct str type = type_at && d->nodes[type_at].type == JSON_STRING
				  ? json_text(d, type_at, a)
				  : (struct str){"", 0};
	jw_obj(b);
	for (uint32_t i = 0; i < d->nodes[0].count; i++, key = d->nodes[key + 1].next) {
		struct str name = json_text(d, key, a);
		bool data = name.n == 4 && memcmp(name.p, "data", 4) == 0;
		if (!data || d->nodes[key + 1].type != JSON_OBJECT) {
			member(b, d, key, name.n == 4 && memcmp(name.p, "time", 4) == 0, a);
			continue;
		}
		jw_key(b, "data");
		jw_obj(b);
		uint32_t k = key + 2;
		for (uint32_t j = 0; j < d->nodes[key + 1].count; j++, k = d->nodes[k + 1].next)
			member(b, d, k, is_time_field(&t->eng->set, type, json_text(d, k, a)), a);
		jw_obj_end(b);
	}
	jw_obj_end(b);
}

/* Inside a batch; a writer that is idle would do so, too. */
static int fire(
	struct testrun *t, int64_t now_ms, int64_t until_ms, struct buf *warnings, struct cx_err *e)
{
	struct timers_run r = {.until_ms = until_ms,
		.now_ms = now_ms,
		.present = true,
		.past = true,
		.on_time = true,
		.warnings = warnings};
	int rc = timers_run(&t->in, &r, e);
	if (rc >= 0)
		rc = cells_flush(t->in.cells, e);
	return rc < 0 ? rc : store_commit(t->eng->store, e);
}

static int pass(void *ctx, int64_t now_ms, int64_t until_ms, struct buf *reply, struct cx_err *e)
{
	struct testrun *t = ctx;
	struct buf warnings = {0};
	int rc = store_begin(t->eng->store, e);
	if (rc >= 0)
		rc = fire(t, now_ms, until_ms, &warnings, e);
	jw_obj(reply);
	if (warnings.len) {
		jw_key(reply, "warnings");
		jw_arr(reply);
		buf_add(reply, warnings.p, warnings.len);
		jw_arr_end(reply);
	}
	jw_obj_end(reply);
	buf_free(&warnings);
	return rc;
}

static int post(struct testrun *t, int64_t now_ms, const struct buf *body, struct buf *reply,
	int *status, struct cx_err *e)
{
	static const char meta[] = "content-type\0application/json";
	struct frame f = {.meta = meta,
		.body = body->p,
		.head = {.meta_len = sizeof meta,
			.body_len = (uint32_t)body->len,
			.kind = FRAME_JOB,
			.route = ROUTE_EVENTS_POST,
			.job = ++t->jobs,
			.key = t->jobs,
			.now_ms = now_ms,
			.seed = t->jobs,
			.caller = {.level = LEVEL_ADMIN, .lang = (uint8_t)cx_lang, .uid = 0}}};
	ulid_make(now_ms, f.head.ulid);
	int rc = store_begin(t->eng->store, e);
	if (rc < 0)
		return rc;
	rc = post_single(&t->in, &f, reply, status);
	if (rc < 0)
		*e = t->in.errs.v[0];
	return rc < 0 ? rc : fire(t, now_ms, now_ms, NULL, e);
}

static int send_event(void *ctx, int64_t now_ms, const char *json, size_t n, struct buf *reply,
	int *status, struct cx_err *e)
{
	struct testrun *t = ctx;
	struct json_doc d = {0};
	struct arena a = {0};
	struct buf body = {0};
	int rc = json_scan(&d, json, n, JSON_DEPTH, 65536, e);
	if (rc >= 0) {
		if (d.nodes[0].type == JSON_OBJECT)
			with_offsets(t, &d, &body, &a);
		else
			buf_add(&body, json, n);
		rc = post(t, now_ms, &body, reply, status, e);
	}
	json_doc_free(&d);
	arena_free(&a);
	buf_free(&body);
	return rc;
}

static int kpi(void *ctx, int64_t now_ms, const char *id, const struct kpi_param *p, int n,
	struct buf *json, struct cx_err *e)
{
	struct testrun *t = ctx;
	int rc = store_begin(t->eng->store, e);
	if (rc >= 0) {
		rc = engine_kpi(t->eng, id, p, n, now_ms, json, e);
		store_rollback(t->eng->store);
	}
	return rc;
}

static int journey(void *ctx, struct str id, struct str key, struct buf *json, struct cx_err *e)
{
	struct testrun *t = ctx;
	struct arena a = {0};
	struct journey_row row;
	int rc = store_begin(t->eng->store, e);
	if (rc < 0)
		return rc;
	rc = journeys_find(t->eng->store, arena_str(&a, id.p, id.n).p, key, &row, &a, e);
	if (rc == 1 && journey_instance_json(t->eng->store, &row, &a, json, e) < 0)
		rc = e->code;
	store_rollback(t->eng->store);
	arena_free(&a);
	return rc;
}

static int frictions(void *ctx, struct str id, struct buf *json, struct cx_err *e)
{
	struct testrun *t = ctx;
	struct arena a = {0};
	int rc = store_begin(t->eng->store, e);
	if (rc < 0)
		return rc;
	rc = frictions_json(t->eng->store, arena_str(&a, id.p, id.n).p, json, e);
	store_rollback(t->eng->store);
	arena_free(&a);
	return rc < 0 ? rc : 1;
}

static const struct plugin_record *record_kind(void *ctx, struct str name)
{
	struct testrun *t = ctx;
	return plugin_set_record(&t->eng->set, name, NULL);
}

static int record(
	void *ctx, int64_t now_ms, struct record_ask *ask, struct arena *a, struct cx_err *e)
{
	struct testrun *t = ctx;
	const struct record_who who = {"test", 0, now_ms};
	int rc = store_begin(t->eng->store, e);
	if (rc < 0)
		return rc;
	rc = records_ask(t->eng, ask, &who, a, e);
	if (rc >= 0)
		rc = store_commit(t->eng->store, e);
	if (rc < 0)
		store_rollback(t->eng->store);
	return rc;
}

static int sop(void *ctx, int64_t now_ms, struct sop_ask *ask, struct arena *a, struct cx_err *e)
{
	struct testrun *t = ctx;
	struct event none;
	const struct job_head head = {.kind = FRAME_JOB,
		.key = ++t->jobs,
		.seed = t->jobs,
		.now_ms = now_ms,
		.caller = {.level = LEVEL_ADMIN, .lang = (uint8_t)cx_lang}};
	int rc = store_begin(t->eng->store, e);
	if (rc < 0)
		return rc;
	struct ingest_mark before = ingest_mark(&t->in);
	ingest_job_begin(&t->in, &head, false, t->in.next_seq);
	ingest_item_begin(&t->in, 0, &none);
	rc = sops_ask(&t->in, NULL, "test", true, ask, a, e);
	if (rc >= 0)
		rc = cells_flush(t->in.cells, e);
	if (rc >= 0)
		rc = store_commit(t->eng->store, e);
	if (rc < 0) {
		store_rollback(t->eng->store);
		ingest_rewind(&t->in, before);
	}
	return rc;
}

static void run_file(struct testrun *t, const char *path)
{
	struct conf *c = t->eng->conf;
	struct testing_host host = {.ctx = t,
		.reset = reset,
		.pass = pass,
		.send = send_event,
		.kpi = kpi,
		.journey = journey,
		.frictions = frictions,
		.kind = record_kind,
		.record = record,
		.sop = sop};
	struct testing_options o = {.blame = t->eng->blame,
		.currency = c->company_currency,
		.calendar = c->calendar,
		.limits = {(size_t)c->lua_memory, (int)c->lua_load, (int)c->lua_handler,
			(int)c->lua_formula, (int)c->lua_script}};
	struct buf text = {0}, shown = {0};
	struct cx_err e;
	buf_printf(&shown, "plugins/%s/tests/%s", t->name, strrchr(path, '/') + 1);
	if (file_read(path, &text, &e) < 0) {
		printf("FAIL %s: %s\n", path, e.msg);
		t->failed++;
	} else {
		testing_run_file(
			buf_cstr(&shown), text.p, text.len, &host, &o, &t->passed, &t->failed);
	}
	buf_free(&text);
	buf_free(&shown);
}

/* The plugin's folder from whatever was named. */
static bool find_plugin(struct testrun *t, const char *path, bool *one_file)
{
	struct stat st;
	if (!realpath(path, t->folder) || stat(t->folder, &st) != 0)
		return false;
	*one_file = S_ISREG(st.st_mode);
	for (int up = 0; up < 3; up++) {
		struct buf probe = {0};
		buf_printf(&probe, "%s/plugin.lua", t->folder);
		bool here = access(buf_cstr(&probe), R_OK) == 0;
		buf_free(&probe);
		char *slash = strrchr(t->folder, '/');
		if (here) {
			snprintf(t->name, sizeof t->name, "%s", slash + 1);
			return true;
		}
		if (slash == t->folder)
			return false;
		*slash = 0;
	}
	return false;
}

static void run_path(struct testrun *t, const char *path)
{
	struct conf *c = t->eng->conf;
	struct buf dir = {0};
	bool one_file = false;
	char **files = NULL;
	if (!find_plugin(t, path, &one_file)) {
		printf(CX_T("FAIL %s: não é a pasta de um plugin\n",
			       "FAIL %s: not a plugin's folder\n"),
			path);
		t->failed++;
		return;
	}
	buf_clear(&t->enable);
	buf_puts(&t->enable, t->name);
	free(c->plugins_path);
	c->plugins_path = xstrndup(t->folder, (size_t)(strrchr(t->folder, '/') - t->folder));
	if (one_file) {
		char file[PATH_MAX];
		if (realpath(path, file))
			run_file(t, file);
	} else {
		buf_printf(&dir, "%s/tests", t->folder);
		int n = files_list(buf_cstr(&dir), "_test.lua", &files);
		for (int i = 0; i < n; i++)
			run_file(t, files[i]);
		if (!n) {
			printf(CX_T("FAIL %s: não há tests/*_test.lua\n",
				       "FAIL %s: no tests/*_test.lua\n"),
				path);
			t->failed++;
		}
		files_free(files, n);
	}
	buf_free(&dir);
}

int testrun_main(struct engine *eng, int argc, char **argv)
{
	struct testrun t = {.eng = eng};
	for (int i = 0; i < argc; i++)
		run_path(&t, argv[i]);
	close_store(&t);
	buf_free(&t.enable);
	printf("%d passed, %d failed\n", t.passed, t.failed);
	return t.failed || !t.passed;
}
