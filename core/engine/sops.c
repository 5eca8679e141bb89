/* Runs of checklists: begun and ended, by hand, by a journey, by plugins. */
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "engine/journeys.h"
#include "engine/sop_due.h"
#include "engine/sop_run.h"

enum { NODES = 65536 };
static const struct str imported = {"/import", 7};

/* ---- beginning ---- */

static struct str or (struct str v, struct str other)
{
	return v.p ? v : other;
}

/* A name that nobody else gives, and the same job gives again. */
static struct str make_name(
	struct ingest *in, const struct sop_start *s, int64_t last, struct arena *a)
{
	uint8_t md[SHA256_DIGEST_LENGTH];
	char hex[65];
	struct buf b = {0};
	buf_printf(&b, "%.*s\n%.*s\n%.*s\n%.*s\n%d\n", (int)s->sop.n, s->sop.p, (int)s->journey.n,
		or (s->journey, STR("")).p, (int)s->key.n, or (s->key, STR("")).p, (int)s->stage.n,
		or (s->stage, STR("")).p, s->pass);
	if (!s->pass)
		buf_printf(&b, "%lld", (long long)last);
	buf_add(&b, in->head->ulid, s->pass ? 0 : sizeof in->head->ulid);
	SHA256((const uint8_t *)b.p, b.len, md);
	buf_free(&b);
	hex_text(md, sizeof md, hex);
	return arena_str(a, hex, 32);
}

static int unknown(struct str sop, struct cx_err *e)
{
	return cx_fail(e, CX_E_NOT_FOUND, "sop",
		CX_T("nenhum plugin declara o POP \"%.*s\"", "no plugin declares the SOP \"%.*s\""),
		(int)sop.n, sop.p);
}

int sop_run_begin(struct ingest *in, struct event *cause, const struct sop_start *s,
	struct sop_run *r, struct arena *a, struct cx_err *e)
{
	struct engine *eng = in->eng;
	struct plugin *p;
	const struct plugin_sop *sop = plugin_set_sop(&eng->set, s->sop, &p);
	int64_t last;
	if (!sop)
		return unknown(s->sop, e);
	int rc = sop_in_force(eng, p, sop, &r->v, a, e);
	if (rc >= 0)
		rc = store_sop_run_last(eng->store, &last, e);
	if (rc < 0)
		return rc;
	r->row = (struct sop_run_row){.run = s->run.p ? s->run : make_name(in, s, last, a),
		.version = r->v.id,
		.sop = s->sop,
		.state = STR("open"),
		.begun_ms = s->time_ms,
		.unit = s->unit,
		.actor = s->actor,
		.subject = s->subject,
		.journey = s->journey,
		.key = s->key,
		.stage = s->stage,
		.pass = s->pass,
		.required = s->required,
		.context = or (s->context, STR("{}")),
		.by = or (s->by, STR("journey")),
		.digest = or (s->digest, STR(""))};
	rc = store_sop_run_add(eng->store, &r->row, e);
	if (rc >= 0)
		rc = sop_run_load(eng, r, a, e);
	if (rc < 0)
		return rc;
	sop_run_judge(in, r, a);
	rc = store_sop_run_set(eng->store, &r->row, e);
	return rc < 0 ? rc : sop_run_tell(in, cause, r, a, e);
}

/* Nobody will answer what imported history passed: it holds nothing up, and is no event. */
static int set_aside(struct ingest *in, struct sop_run *r, struct arena *a, struct cx_err *e)
{
	r->row.state = STR("abandoned");
	r->row.reason = STR("imported");
	r->row.ended_ms = r->row.begun_ms;
	sop_run_judge(in, r, a);
	return store_sop_run_set(in->eng->store, &r->row, e);
}

int sops_open(struct ingest *in, struct event *cause, const struct sop_start *s, struct cx_err *e)
{
	struct sop_run r = {0};
	struct arena a = {0};
	int rc = store_sop_run_of_stage(
		in->eng->store, s->journey, s->key, s->stage, s->pass, s->sop, &r.row, &a, e);
	struct sop_start start = *s;
	if (in->past)
		start.by = imported;
	bool begun = rc == 0;
	if (begun)
		rc = sop_run_begin(in, cause, &start, &r, &a, e);
	if (begun && rc >= 0 && in->past)
		rc = set_aside(in, &r, &a, e);
	arena_free(&a);
	return rc < 0 ? rc : CX_OK;
}

int sops_finished(struct ingest *in, struct str journey, struct str key, struct str stage, int pass,
	int64_t by_ms, struct cx_err *e)
{
	struct sop_run r = {0};
	struct arena a = {0};
	int rc = store_sop_run_of_stage(
		in->eng->store, journey, key, stage, pass, (struct str){0}, &r.row, &a, e);
	bool yes = rc == 1 && (sop_same(r.row.by, imported) ||
				      (sop_run_is(&r, "finished") && r.row.ended_ms <= by_ms));
	arena_free(&a);
	return rc < 0 ? rc : yes;
}

/* ---- ending ---- */

/* Is nothing that is required missing? */
static int complete(struct sop_run *r, struct cx_err *e)
{
	struct json_doc d = {0};
	struct arena a = {0};
	char names[300] = "";
	size_t n = 0;
	int rc = json_scan(&d, r->row.result.p, r->row.result.n, JSON_DEPTH, NODES, e);
	SOP_EACH(&d, rc >= 0 ? json_get(&d, 0, "missing") : 0, i)
	{
		struct str item = sop_member(&d, i, "item", &a);
		if (d.nodes[json_get(&d, i, "required")].type == JSON_TRUE && n < sizeof names)
			n += (size_t)snprintf(names + n, sizeof names - n, "%s%.*s", n ? ", " : "",
				(int)item.n, item.p);
	}
	json_doc_free(&d);
	arena_free(&a);
	if (rc >= 0 && n)
		return cx_fail(e, CX_E_RUN_INCOMPLETE, NULL,
			CX_T("falta responder ou comprovar: %s", "still to answer or prove: %s"),
			names);
	return rc < 0 ? rc : CX_OK;
}

/* What an embargo covers is told when that ends. */
static int keep_ended(struct ingest *in, struct event *cause, struct sop_run *r, struct arena *a,
	struct cx_err *e)
{
	r->row.due_ms = sop_run_embargo(r);
	int rc = store_sop_run_set(in->eng->store, &r->row, e);
	bool let_by = r->row.pass && r->row.required && sop_run_is(r, "finished") &&
		      r->row.ended_ms < in->head->now_ms; /* events may have come since */
	if (rc >= 0 && let_by && (rc = journeys_refold(in, r->row.journey, r->row.key)) < 0)
		*e = in->errs.v[0];
	if (rc < 0)
		return rc;
	if (!r->row.due_ms)
		return sop_run_tell(in, cause, r, a, e);
	timers_due(in, r->row.due_ms, false);
	return CX_OK;
}

int sop_next(struct ingest *in, bool past, struct due *d, struct cx_err *e)
{
	return past ? 0 : store_sop_run_due(in->eng->store, &d->ms, &d->id, e);
}

int sop_fire(struct ingest *in, const struct due *d, const struct firing *f)
{
	struct sop_run r = {0};
	struct arena a = {0};
	struct cx_err e;
	(void)f;
	int rc = store_sop_run_at(in->eng->store, d->id, &r.row, &a, &e);
	if (rc >= 0)
		rc = store_sop_run_told(in->eng->store, d->id, &e);
	if (rc >= 0 && r.row.id)
		rc = sop_run_load(in->eng, &r, &a, &e);
	if (rc >= 0 && r.row.id)
		rc = sop_run_tell(in, NULL, &r, &a, &e);
	arena_free(&a);
	if (rc < 0 && !in->store_failed)
		ingest_lost(in, &e);
	return rc < 0 ? rc : CX_OK;
}

int sop_struck(struct store *s, int64_t id, struct cx_err *e)
{
	(void)s; /* the reaction that did it is in quarantine the second time */
	(void)id;
	(void)e;
	return CX_OK;
}

int sop_run_end(struct ingest *in, struct event *cause, struct sop_run *r, struct str reason,
	int64_t time_ms, struct arena *a, struct cx_err *e)
{
	struct str state = reason.p ? STR("abandoned") : STR("finished");
	if (sop_same(r->row.state, state))
		return CX_OK;
	if (!sop_run_is(r, "open"))
		return sop_run_over(r, e);
	struct sop_run_row was = r->row;
	r->row.state = state;
	r->row.reason = reason;
	r->row.ended_ms = time_ms > r->row.begun_ms ? time_ms : r->row.begun_ms;
	int rc = sop_run_judge(in, r, a);
	if (rc == 0 && !reason.p) {
		struct str why = r->row.result;
		r->row = was;
		return cx_fail(e, CX_E_PLUGIN_FAILED, NULL,
			CX_T("a execução não pode ser avaliada agora: %.*s",
				"the run cannot be judged now: %.*s"),
			(int)(why.n < 250 ? why.n : 250), why.p);
	}
	rc = reason.p ? CX_OK : complete(r, e);
	if (rc < 0) {
		r->row = was;
		return rc;
	}
	return keep_ended(in, cause, r, a, e);
}
