#include "engine/ingest.h"

#include <stdio.h>
#include <string.h>

#include "base/tz.h"
#include "engine/journeys.h"
#include "engine/late.h"
#include "engine/quarantine.h"
#include "kpi/count.h"
#include "kpi/group.h"

enum { MAX_NODES = 65536 };

static int where(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e)
{
	struct ingest *in = ctx;
	int rc = engine_where_told(in->eng, m, ev, &in->measure_fail, e);
	in->measure_failed |= rc < 0;
	return rc;
}

void ingest_init(struct ingest *in, struct engine *eng)
{
	*in = (struct ingest){.eng = eng};
	in->cells = cells_new(eng->store, eng->conf->kpi_groups, where, in);
}

void ingest_free(struct ingest *in)
{
	cells_free(in->cells);
	arena_free(&in->arena);
	json_doc_free(&in->doc);
	buf_free(&in->warnings);
}

int ingest_open(struct ingest *in, struct cx_err *e)
{
	int64_t last;
	int rc = store_last_seq(in->eng->store, &last, e);
	if (rc >= 0)
		in->next_seq = last + 1;
	in->due.turned = in->eng->turned - 1;
	in->due.import_us = clock_mono_us();
	in->due.least_ms = INT64_MIN;
	return rc;
}

void ingest_job_begin(struct ingest *in, const struct job_head *head, bool past, int64_t began)
{
	in->head = head;
	in->past = past;
	in->update = in->late = false;
	in->began = began;
	in->random = head->seed;
	in->store_failed = false;
	in->depth = in->marks = 0;
	in->loop = false;
	cx_lang = head->caller.lang;
	if (in->eng->blame)
		in->eng->blame->job = head->job;
}

struct ingest_mark ingest_mark(const struct ingest *in)
{
	return (struct ingest_mark){in->next_seq, in->counts};
}

void ingest_rewind(struct ingest *in, struct ingest_mark m)
{
	in->next_seq = m.next_seq;
	in->counts = m.counts;
	in->due.turned = in->eng->turned - 1; /* what had fired is there again */
	cells_forget(in->cells);
}

int ingest_lost(struct ingest *in, const struct cx_err *e)
{
	in->store_failed = true;
	in->errs.n = 1;
	in->errs.v[0] = *e;
	return e->code;
}

bool ingest_left_out(const struct ingest *in, const char *plugin)
{
	const struct job_head *h = in->head;
	return h->flags & JOB_NO_PLUGIN && (h->off_item == in->item || h->off_item == UINT32_MAX) &&
	       (strcmp(h->off, plugin) == 0 || strcmp(h->off, "*") == 0);
}

struct event_origin ingest_origin(const struct ingest *in, const struct ingest_source *src)
{
	return (struct event_origin){
		.now_ms = in->head->now_ms,
		.caller = &in->head->caller,
		.ulid = in->head->ulid,
		.item = in->item,
		.structured = src->structured,
		.import = in->past,
		.max_bytes = (uint32_t)in->eng->conf->limits_event,
	};
}

/* What to say of a (source, id) that is there already; 0 if it is not. */
static int known(struct ingest *in, struct event *ev, enum outcome *out)
{
	struct event old = {0};
	struct cx_err e;
	if (!ev->id.p || !ev->source.p)
		return 0;
	int found = store_event_find(in->eng->store, ev->source, ev->id, &old, &in->arena, &e);
	if (found < 0)
		return ingest_lost(in, &e);
	if (!found)
		return 0;
	in->errs.n = 0;
	if (memcmp(old.digest, ev->digest, EVENT_DIGEST) != 0)
		return cx_errs_add(&in->errs, CX_E_ID_CONFLICT, "id",
			CX_T("já existe o evento %.*s de %.*s com outro conteúdo (seq %lld)",
				"event %.*s of %.*s is already there with other content (seq "
				"%lld)"),
			(int)ev->id.n, ev->id.p, (int)ev->source.n, ev->source.p,
			(long long)old.seq);
	ev->seq = old.seq;
	ev->time = old.time;
	ev->recorded_ms = old.recorded_ms;
	ev->clockahead = old.clockahead;
	ev->job = old.job;
	bool ours = old.job == in->head->key && old.seq < in->began;
	*out = ours ? INGEST_STORED : INGEST_KNOWN;
	if (!ours)
		in->counts.duplicates++;
	int rc = ev == in->path[0] ? ingest_warn_again(in, ev) : CX_OK; /* not what it emits */
	return rc < 0 ? rc : 1;
}

struct failure { /* of a derive; told when the event has its seq */
	struct failure *next;
	char handler[96];
	struct lua_fail fail;
};
struct failures {
	struct ingest *in;
	struct failure *first, **last;
};

static void derive_failed(void *ctx, const char *handler, const struct lua_fail *f)
{
	struct failures *l = ctx;
	struct failure *x = arena_alloc(&l->in->arena, sizeof *x);
	*x = (struct failure){.fail = *f};
	snprintf(x->handler, sizeof x->handler, "%s", handler);
	*l->last = x;
	l->last = &x->next;
}

/* Did the where-function that just ran raise? */
static int measure_failed(void *ctx, const struct measure *m, const struct event *ev)
{
	struct ingest *in = ctx;
	char handler[200];
	if (!in->measure_failed)
		return 0;
	in->measure_failed = false;
	snprintf(handler, sizeof handler, "kpi %s: measure %s", m->kpi->id, m->name);
	int rc = ingest_failed(in, ev, m->kpi->plugin, handler, 0, &in->measure_fail);
	return rc < 0 ? rc : 1;
}

int ingest_place(struct ingest *in, const struct type_plan *plan, const struct event *ev)
{
	struct cx_err e;
	for (int i = 0; i < plan->nat; i++) {
		struct value v = ev->fields[plan->at_fields[i]];
		if (v.kind == VALUE_INT &&
			store_place_add(in->eng->store, plan->at_slots[i], v.i, ev->seq, &e) < 0)
			return ingest_lost(in, &e);
	}
	return CX_OK;
}

struct lua_fail ingest_crashed(const char *plugin, const char *file, int line)
{
	struct lua_fail f = {.line = line};
	if (file)
		snprintf(f.file, sizeof f.file, "%s", file);
	else
		snprintf(f.file, sizeof f.file, "plugins/%s/plugin.lua", plugin);
	snprintf(f.msg, sizeof f.msg, "%s",
		CX_T("o plugin derrubou o motor neste evento", "the plugin crashed on this event"));
	return f;
}

int ingest_say_blind(struct ingest *in, const struct type_plan *plan, const struct event *ev)
{
	struct lua_fail f;
	const struct plugin *said = NULL;
	for (int i = 0; i < plan->nmeasures; i++) {
		const struct plugin *p = plan->measures[i].plugin;
		if (p == said || !ingest_left_out(in, p->name))
			continue;
		said = p;
		f = ingest_crashed(p->name, NULL, 1);
		int rc = ingest_failed(in, ev, p->name, "measures", 0, &f);
		if (rc < 0)
			return rc;
	}
	return CX_OK;
}

enum part ingest_part(const struct ingest *in, const struct plugin *p)
{
	if (ingest_left_out(in, p->name))
		return PART_CRASHED;
	if (p->state == PLUGIN_RUNNING)
		return PART_RUNS;
	return p->state == PLUGIN_BEHIND && in->eng->catching ? PART_LATE : PART_WAITS;
}

static bool is_late(void *ctx, const struct plugin *p)
{
	return ingest_part(ctx, p) == PART_LATE;
}

static int tally(struct ingest *in, const struct type_plan *plan, struct event *ev)
{
	struct cx_err e;
	int n = 0;
	struct counted *v = arena_alloc(&in->arena, sizeof *v * (size_t)(plan->nmeasures + 1));
	const struct count_host host = {in, in->eng->conf->company_currency, measure_failed};
	for (int i = 0; i < plan->nmeasures; i++) {
		enum part part = ingest_part(in, plan->measures[i].plugin);
		if (plan->measures[i].m->kpi->cube->id >= 0 &&
			(part == PART_RUNS || part == PART_CRASHED))
			v[n++] = (struct counted){plan->measures[i].m, part == PART_CRASHED};
	}
	in->measure_failed = false;
	int rc = count_event(in->cells, v, n, ev, &host, &e);
	if (rc < 0)
		return in->store_failed ? rc : ingest_lost(in, &e);
	if (in->late)
		rc = late_figures(in, plan, ev, is_late, in);
	if (rc < 0)
		return rc;
	return ingest_say_blind(in, plan, ev);
}

/* The figures that answer while those of the set in force are counted. */
static int tally_before(struct ingest *in, const struct event *ev)
{
	const struct plugin_set *set = &in->eng->before;
	const struct type_plan *plan = set->nplans ? plugin_set_type(set, ev->type_name) : NULL;
	struct event old = *ev;
	bool missing;
	if (!plan)
		return CX_OK;
	old.type = plan->type;
	event_reload(&old, in->eng->conf->company_currency, &in->arena, &missing);
	int rc = ingest_place(in, plan, &old);
	return rc < 0 ? rc : tally(in, plan, &old);
}

/* Of an unknown type only the family is kept. */
static int join_family(struct ingest *in, const struct event *ev)
{
	struct cx_err e;
	int rc = ev->root ? store_correction_add(in->eng->store, ev, &e) : CX_OK;
	return rc < 0 ? ingest_lost(in, &e) : CX_OK;
}

static int insert(struct ingest *in, struct event *ev, enum outcome *out)
{
	struct cx_err e;
	ev->seq = in->next_seq;
	ev->job = in->head->key;
	int rc = store_event_add(in->eng->store, ev, &e);
	if (rc < 0)
		return ingest_lost(in, &e);
	if (rc == 1)
		return known(in, ev, out);
	in->next_seq++;
	in->counts.events++;
	*out = INGEST_STORED;
	return CX_OK;
}

/* Whoever is bound to a unit corrects nothing of another. */
static bool may_correct(const struct ingest *in, const struct event *old)
{
	const char *unit = in->head->caller.unit;
	return in->depth > 0 || !*unit ||
	       (old->unit.n == strlen(unit) && old->unit.p &&
		       memcmp(old->unit.p, unit, old->unit.n) == 0);
}

/* What is sent now corrects all there is, also where the clock was set back in between. */
static int after_its_family(struct ingest *in, struct event *ev)
{
	struct family f;
	struct cx_err e;
	if (ev->recorded_ms != in->head->now_ms) /* an import said when */
		return CX_OK;
	if (store_family(in->eng->store, ev->root, INT64_MAX, &f, &e) < 0)
		return ingest_lost(in, &e);
	if (ev->recorded_ms < f.newest_ms)
		ev->recorded_ms = f.newest_ms;
	return CX_OK;
}

/* The event that ev's whole family stands for. */
static int find_root(struct ingest *in, struct event *ev)
{
	struct event old = {0};
	struct cx_err e;
	if (!ev->corrects.p)
		return CX_OK;
	int found =
		store_event_find(in->eng->store, ev->source, ev->corrects, &old, &in->arena, &e);
	if (found < 0)
		return ingest_lost(in, &e);
	if (!found || !may_correct(in, &old))
		return cx_errs_add(&in->errs, CX_E_INVALID_FIELD, "corrects",
			CX_T("corrects: não existe o evento %.*s de %.*s",
				"corrects: there is no event %.*s of %.*s"),
			(int)ev->corrects.n, ev->corrects.p, (int)ev->source.n, ev->source.p);
	if (!str_same(old.type_name, ev->type_name))
		return cx_errs_add(&in->errs, CX_E_INVALID_FIELD, "corrects",
			CX_T("corrects: o evento %.*s é do tipo %.*s; a correção deve ser do mesmo",
				"corrects: event %.*s is of the type %.*s; so must be its "
				"correction"),
			(int)ev->corrects.n, ev->corrects.p, (int)old.type_name.n, old.type_name.p);
	ev->root = old.root ? old.root : old.seq;
	return after_its_family(in, ev);
}

/* For plugins that are off or behind: what they need to know once they deal with it, and what they
 * have dealt with now. */
static int note_waiting(struct ingest *in, const struct type_plan *plan, const struct event *ev)
{
	struct cx_err e;
	struct store *s = in->eng->store;
	int rc = CX_OK;
	for (int i = 0; i < in->eng->set.n && rc >= 0; i++) {
		const struct plugin *p = in->eng->set.v[i];
		enum part part = ingest_part(in, p);
		if (p->state == PLUGIN_RUNNING || !plan_has(plan, p))
			continue;
		if (part != PART_WAITS)
			rc = store_note_add(s, ev->seq, p->name, "done", &e);
		else if (in->past)
			rc = store_note_add(s, ev->seq, "", "past", &e);
	}
	return rc < 0 ? ingest_lost(in, &e) : CX_OK;
}

int ingest_store(struct ingest *in, struct event *ev, enum outcome *out)
{
	int rc = find_root(in, ev);
	if (rc < 0)
		return rc;
	const struct type_plan *plan =
		ev->type ? plugin_set_type(&in->eng->set, ev->type_name) : NULL;
	struct failures derived = {.in = in, .last = &derived.first};
	if (plan && ev->type->nderived) {
		enum part part = ingest_part(in, plan->owner);
		if (part == PART_CRASHED) {
			struct lua_fail f = ingest_crashed(plan->owner->name, NULL, 1);
			derive_failed(&derived, "derive", &f);
		} else if (part != PART_WAITS) {
			plugin_derive(plan->owner, ev, derive_failed, &derived);
		}
		if (part != PART_WAITS)
			ev->derived = event_derived_json(ev, &in->arena);
	}
	rc = insert(in, ev, out);
	if (rc != CX_OK)
		return rc < 0 ? rc : CX_OK;
	if (!plan) {
		rc = join_family(in, ev);
		return rc < 0 ? rc : tally_before(in, ev);
	}
	for (const struct failure *x = derived.first; x; x = x->next)
		if (ingest_failed(in, ev, plan->owner->name, x->handler, 0, &x->fail) < 0)
			return in->errs.v[0].code;
	rc = in->eng->some_out ? note_waiting(in, plan, ev) : CX_OK;
	if (rc >= 0)
		rc = ingest_place(in, plan, ev);
	if (rc >= 0)
		rc = tally(in, plan, ev);
	if (rc >= 0)
		rc = tally_before(in, ev);
	if (rc >= 0 && plan->njourneys)
		rc = journeys_event(in, plan, ev, NULL, NULL);
	if (rc >= 0 && plan->nons)
		rc = ingest_react(in, plan, ev);
	return rc < 0 ? rc : CX_OK;
}

static int find_type(struct ingest *in, struct event *ev)
{
	const struct type_plan *plan = plugin_set_type(&in->eng->set, ev->type_name);
	if (plan) {
		ev->type = plan->type;
		int rc = event_fields(ev, in->eng->conf->company_currency, &in->arena, &in->errs);
		return rc < 0 ? rc : journeys_need_key(in, ev);
	}
	if (strcmp(in->eng->conf->events_unknown, "store") == 0)
		return CX_OK;
	return cx_errs_add(&in->errs, CX_E_UNKNOWN_TYPE, "type",
		CX_T("nenhum plugin declara o tipo \"%.*s\"",
			"no plugin declares the type \"%.*s\""),
		(int)ev->type_name.n, ev->type_name.p);
}

static int read_event(struct ingest *in, const struct ingest_source *src, struct event *ev)
{
	const struct conf *c = in->eng->conf;
	struct event_origin o = ingest_origin(in, src);
	struct cx_err e;
	bool empty = src->binary && src->body_len == 0;
	if (!empty && json_scan(&in->doc, src->body, src->body_len, (int)c->limits_depth, MAX_NODES,
			      &e) < 0) {
		in->errs.n = 1;
		in->errs.v[0] = e;
		return e.code;
	}
	int rc = src->binary ? event_envelope_binary(ev, src->meta, src->meta_len,
				       empty ? NULL : &in->doc, &o, &in->arena, &in->errs)
			     : event_envelope(ev, &in->doc, 0, &o, &in->arena, &in->errs);
	if (!ev->recorded_ms)
		ev->recorded_ms = in->head->now_ms;
	return rc;
}

void ingest_item_begin(struct ingest *in, uint32_t item, struct event *ev)
{
	arena_reset(&in->arena);
	buf_clear(&in->warnings);
	in->errs.n = 0;
	in->item = item;
	in->depth = 0;
	in->path[0] = ev;
	in->emitted[0] = 0;
	if (in->eng->blame)
		in->eng->blame->item = item;
	*ev = (struct event){0};
	in->corrected = false;
}

int ingest_item(struct ingest *in, const struct ingest_source *src, uint32_t item, struct event *ev,
	enum outcome *out)
{
	ingest_item_begin(in, item, ev);
	int rc = read_event(in, src, ev);
	if (rc >= 0 && in->update)
		rc = ingest_update(in, src, ev);
	if (rc >= 0) {
		rc = find_type(in, ev);
		if (rc < 0) { /* a retry of what is stored is answered before today's schema */
			struct cx_errs refusal = in->errs;
			int there = known(in, ev, out);
			if (there == 1)
				return CX_OK;
			if (there == 0)
				in->errs = refusal;
			rc = there < 0 ? there : rc;
		} else {
			rc = ingest_store(in, ev, out);
		}
	}
	if (rc < 0)
		in->counts.rejected++;
	return rc;
}

int ingest_time(struct ingest *in, const struct ingest_source *src, uint32_t item, int64_t *time_ms)
{
	struct event ev;
	ingest_item_begin(in, item, &ev);
	bool read = read_event(in, src, &ev) >= 0;
	*time_ms = ev.time_ms;
	return read;
}

void ingest_receipt(struct ingest *in, const struct event *ev, struct buf *b)
{
	char text[TZ_TEXT];
	jw_obj(b);
	jw_key(b, "id");
	jw_strn(b, ev->id.p, ev->id.n);
	jw_key(b, "source");
	jw_strn(b, ev->source.p, ev->source.n);
	jw_kint(b, "seq", ev->seq);
	jw_key(b, "time");
	jw_strn(b, ev->time.p, ev->time.n);
	tz_format(ev->recorded_ms, text);
	jw_kstr(b, "recordedtime", text);
	if (ev->clockahead)
		jw_kbool(b, "clockahead", true);
	if (ev->id_made)
		jw_kbool(b, "retry_safe", false);
	quarantine_pending(in->eng, ev->type_name, ev->seq, b);
	if (in->warnings.len) {
		jw_key(b, "warnings");
		jw_arr(b);
		buf_add(b, in->warnings.p, in->warnings.len);
		jw_arr_end(b);
	}
	jw_obj_end(b);
}
