#include "engine/reader.h"

#include "base/log.h"
#include "base/problem.h"
#include "engine/access.h"
#include "engine/answers.h"
#include "engine/batch.h"
#include "engine/confine.h"
#include "engine/conformance.h"
#include "engine/evidence.h"
#include "engine/frictions.h"
#include "engine/funnel.h"
#include "engine/openapi.h"
#include "kpi/dictionary.h"
#include "engine/records.h"
#include "engine/reload.h"
#include "engine/sops.h"
#include "engine/setconf.h"

static int answer(struct engine *eng, const struct frame *f, struct buf *headers, struct buf *b,
	int *status, struct cx_err *e)
{
	switch (f->head.route) {
	case ROUTE_EVENTS_GET: return answer_events(eng, f, b, e);
	case ROUTE_SOURCES_GET: return answer_sources(eng, f, b, e);
	case ROUTE_STREAM_GET: return answer_stream(eng, f, b, e);
	case ROUTE_KPIS_GET: return answer_kpis(eng, b, e);
	case ROUTE_KPI_GET: return answer_kpi(eng, f, b, e);
	case ROUTE_KPI_EXPLAIN: return answer_explain(eng, f, b, e);
	case ROUTE_KPI_CONTROL: return answer_control(eng, f, b, e);
	case ROUTE_FAILED_GET: return answer_failed(eng, f, b, e);
	case ROUTE_TIMERS_GET: return answer_timers(eng, f, b, e);
	case ROUTE_TRACE_GET: return answer_trace(eng, f, b, e);
	case ROUTE_JOURNEYS_GET: return answer_journeys(eng, b, e);
	case ROUTE_JOURNEY_INSTANCES: return answer_journey_instances(eng, f, b, e);
	case ROUTE_JOURNEY_INSTANCE: return answer_journey_instance(eng, f, b, e);
	case ROUTE_CASES_GET: return answer_cases(eng, f, b, e);
	case ROUTE_IMPORTS_GET: return answer_imports(eng, b, e);
	case ROUTE_PLUGINS_GET: return answer_plugins(eng, b, e);
	case ROUTE_OPENAPI_GET: return answer_openapi(eng, b, e);
	case ROUTE_RECORD_KINDS: return answer_record_kinds(eng, f, b, e);
	case ROUTE_RECORDS_GET: return answer_records(eng, f, b, e);
	case ROUTE_RECORD_GET: return answer_record(eng, f, headers, b, status, e);
	case ROUTE_RECORD_VERSIONS: return answer_record_versions(eng, f, b, e);
	case ROUTE_EVIDENCE_GET: return answer_evidence(eng, f, headers, b, status, e);
	case ROUTE_SOPS_GET: return answer_sops(eng, f, b, e);
	case ROUTE_SOP_RUNS_GET: return answer_sop_runs(eng, f, b, e);
	case ROUTE_SOP_RUN_GET: return answer_sop_run(eng, f, b, e);
	case ROUTE_JOURNEY_FUNNEL: return answer_funnel(eng, f, b, e);
	case ROUTE_JOURNEY_CONFORMANCE: return answer_conformance(eng, f, b, e);
	case ROUTE_JOURNEY_FRICTIONS: return answer_frictions(eng, f, b, e);
	case ROUTE_JOURNEY_FRICTION: return answer_friction_instances(eng, f, b, e);
	case ROUTE_TOKENS_GET: return access_list(eng, b, e);
	default:
		return cx_fail(e, CX_E_NOT_FOUND, NULL,
			CX_T("este processo não responde isso",
				"this process does not answer that"));
	}
}

static void run(struct engine *eng, const struct frame *f, struct buf *out)
{
	struct buf headers = {0}, body = {0};
	struct cx_err e = {0};
	cx_lang = f->head.caller.lang;
	if (eng->blame)
		eng->blame->job = f->head.job;
	blame_phase(eng->blame, BLAME_BATCH);
	int status = 200, rc = store_begin(eng->store, &e);
	if (rc >= 0) {
		rc = reader_refresh(eng, &e);
		if (rc >= 0)
			rc = answer(eng, f, &headers, &body, &status, &e);
		store_rollback(eng->store);
	}
	if (rc < 0) {
		buf_clear(&headers);
		buf_clear(&body);
		status = problem_write(&body, &e);
	}
	batch_answer(out, &f->head, status, &headers, &body);
	buf_free(&headers);
	buf_free(&body);
	if (eng->blame)
		eng->blame->job = 0;
	blame_phase(eng->blame, BLAME_IDLE);
}

static int loop(struct engine *eng)
{
	struct buf in = {0}, out = {0};
	struct frame f;
	size_t size;
	int rc = 0;
	bool stop = false;
	while (!stop && rc >= 0) {
		size_t at = 0;
		if (frame_fill(eng->fd, &in, -1) < 0)
			break;
		while ((rc = frame_parse(&in, at, &f, &size)) == 1) {
			at += size;
			if (f.head.kind == FRAME_STOP)
				stop = true;
			else if (f.head.kind == FRAME_JOB)
				run(eng, &f, &out);
			if (out.len && frame_flush(eng->fd, &out) < 0)
				rc = -1;
		}
		buf_drop(&in, at);
	}
	buf_free(&in);
	buf_free(&out);
	return stop ? 0 : 1;
}

int reader_refresh(struct engine *eng, struct cx_err *e)
{
	struct plugin_sources *v;
	struct conf *c;
	struct reload_old old;
	int64_t now;
	int n, rc = engine_generation(eng, &now, e);
	if (rc < 0 || now == eng->generation)
		return rc;
	eng->generation = 0; /* until all is there */
	rc = setconf_read(eng, false, &c, e);
	if (rc < 0)
		return rc;
	rc = engine_sources(eng, &v, &n, e);
	if (rc < 0) {
		setconf_free(eng, c);
		return rc;
	}
	rc = reload_load(eng, c, v, n, NULL, &old, e);
	if (rc < 0)
		return rc;
	reload_done(eng, &old);
	return engine_bind(eng, e);
}

int reader_open(struct engine *eng, struct cx_err *e)
{
	int rc = store_open(
		&eng->store, eng->conf->store_url, eng->conf->server_data, STORE_READ, e);
	if (rc < 0)
		return rc;
	rc = store_begin(eng->store, e);
	if (rc >= 0)
		rc = engine_load_plugins(eng, GENERATION_STORE, e);
	if (rc >= 0)
		rc = engine_bind(eng, e);
	store_rollback(eng->store);
	eng->dictionary = dictionary_new(eng->store);
	return rc;
}

int reader_main(struct engine *eng)
{
	struct cx_err e;
	struct buf out = {0};
	struct ready r = {0};
	confine((const char *const[]){eng->conf->server_data, NULL}, (const char *const[]){NULL});
	if (reader_open(eng, &e) < 0) {
		log_error("%s", e.msg);
		return 1;
	}
	if (store_last_seq(eng->store, &r.last_seq, &e) >= 0)
		r.events = r.last_seq > 0;
	struct job_head h = {.kind = FRAME_READY, .body_len = sizeof r};
	frame_add(&out, &h, NULL, (const char *)&r);
	int rc = frame_flush(eng->fd, &out);
	buf_free(&out);
	blame_phase(eng->blame, BLAME_IDLE);
	return rc < 0 ? 1 : loop(eng);
}
