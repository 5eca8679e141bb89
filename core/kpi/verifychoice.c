/* Two tables that lead to events, against what the events say: the candidates of a choice, and the
 * events placed by another time than theirs. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "kpi/dictionary.h"
#include "kpi/standing.h"
#include "kpi/verify.h"

struct row {
	int64_t rank, seq;
	uint32_t ident;
};
struct check {
	struct store *s;
	bool places; /* rank: the time that m places the event at */
	const struct measure *m;
	const char *currency;
	verify_differs_f differs;
	void *ctx;
	struct cx_err *e;
	struct dictionary *dictionary;
	struct arena arena;
	struct row *v; /* what the events say, in the order of the store's key */
	size_t n, cap, at;
	int ndiffer;
};

static void tell(struct check *k, int64_t seq, const char *what)
{
	const struct measure *m = k->m;
	struct buf b = {0};
	if (k->places)
		buf_printf(&b, "%s: %s at %s, ", m->kpi->plugin, m->type_name, m->at_name);
	else
		buf_printf(&b,
			CX_T("%s: %s de %s por %s (by %s), ", "%s: %s of %s by %s (by %s), "),
			m->kpi->plugin, m->choose == CHOOSE_LATEST ? "latest" : "first",
			m->type_name, m->key_name, m->rank_name ? m->rank_name : "time");
	buf_printf(&b, CX_T("evento %" PRId64 ": %s", "event %" PRId64 ": %s"), seq, what);
	k->differs(k->ctx, m->kpi->cube, buf_cstr(&b));
	k->ndiffer++;
	buf_free(&b);
}

static int by_key(const void *x, const void *y)
{
	const struct row *a = x, *b = y;
	if (a->ident != b->ident)
		return a->ident < b->ident ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return (a->seq > b->seq) - (a->seq < b->seq);
}

static void add(struct check *k, struct row row)
{
	if (k->n == k->cap) {
		k->cap = k->cap ? k->cap * 2 : 1024;
		k->v = xrealloc(k->v, k->cap * sizeof *k->v);
	}
	k->v[k->n++] = row;
}

static int candidate(struct check *k, const struct event *ev)
{
	struct row row = {.seq = ev->seq};
	struct str key;
	bool added;
	if (!standing_key(k->m, ev, &k->arena, &key, &row.rank))
		return 0;
	int rc = dictionary_id(k->dictionary, key, false, &row.ident, &added, k->e);
	if (rc == 0)
		tell(k, ev->seq,
			CX_T("a chave não está no dicionário", "its key is not in the dictionary"));
	else if (rc == 1)
		add(k, row);
	return rc < 0 ? rc : 0;
}

static int walk_event(void *ctx, struct event *ev)
{
	struct check *k = ctx;
	bool missing;
	arena_reset(&k->arena);
	ev->type = k->m->type;
	event_reload(ev, k->currency ? k->currency : CURRENCY_NONE, &k->arena, &missing);
	if (!k->places)
		return candidate(k, ev);
	struct value at = ev->fields[k->m->at];
	if (at.kind == VALUE_INT)
		add(k, (struct row){.rank = at.i, .seq = ev->seq});
	return 0;
}

static void missing_until(struct check *k, const struct row *stored)
{
	while (k->at < k->n && (!stored || by_key(&k->v[k->at], stored) < 0))
		tell(k, k->v[k->at++].seq,
			k->places ? CX_T("falta no lugar", "is missing in its place")
				  : CX_T("falta entre os candidatos",
					    "is missing among the candidates"));
}

static int check_row(void *ctx, uint32_t ident, int64_t rank, int64_t seq)
{
	struct check *k = ctx;
	const struct row stored = {rank, seq, ident};
	missing_until(k, &stored);
	if (k->at < k->n && by_key(&k->v[k->at], &stored) == 0)
		k->at++;
	else
		tell(k, seq,
			k->places ? CX_T("está a mais, ou em outro lugar",
					    "is one too many, or out of place")
				  : CX_T("está a mais, ou em outro lugar, entre os candidatos",
					    "is one too many, or out of place, among the "
					    "candidates"));
	return 0;
}

static int check_place(void *ctx, int64_t ms, int64_t seq)
{
	return check_row(ctx, 0, ms, seq);
}

static int walk_log(struct check *k)
{
	struct event_filter q = {.type = k->m->type_name, .from_ms = INT64_MIN, .to_ms = INT64_MAX};
	int64_t last = 0;
	for (bool done = false; !done; q.after = last) {
		int rc = store_events(k->s, &q, walk_event, k, &last, &done, k->e);
		if (rc < 0)
			return rc;
	}
	if (k->n)
		qsort(k->v, k->n, sizeof *k->v, by_key);
	return CX_OK;
}

static int check(struct check *k)
{
	k->dictionary = dictionary_new(k->s);
	int rc = walk_log(k);
	if (rc >= 0)
		rc = k->places ? store_places(k->s, k->m->at_slot, check_place, k, k->e)
			       : store_rule_candidates(k->s, k->m->choice, check_row, k, k->e);
	if (rc >= 0)
		missing_until(k, NULL);
	dictionary_free(k->dictionary);
	arena_free(&k->arena);
	free(k->v);
	return rc < 0 ? rc : k->ndiffer;
}

int kpi_verify_choice(struct store *s, const struct measure *m, const char *company_currency,
	verify_differs_f differs, void *ctx, struct cx_err *e)
{
	return check(&(struct check){.s = s,
		.m = m,
		.currency = company_currency,
		.differs = differs,
		.ctx = ctx,
		.e = e});
}

int kpi_verify_places(struct store *s, const struct measure *m, const char *company_currency,
	verify_differs_f differs, void *ctx, struct cx_err *e)
{
	return check(&(struct check){.s = s,
		.places = true,
		.m = m,
		.currency = company_currency,
		.differs = differs,
		.ctx = ctx,
		.e = e});
}
