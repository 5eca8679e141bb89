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
	const struct measure *m;
	const char *currency;
	void (*differs)(void *ctx, const struct cube *c, const char *what);
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
	buf_printf(&b,
		CX_T("%s: %s de %s por %s (by %s), evento %" PRId64 ": %s",
			"%s: %s of %s by %s (by %s), event %" PRId64 ": %s"),
		m->kpi->plugin, m->choose == CHOOSE_LATEST ? "latest" : "first", m->type_name,
		m->key_name, m->rank_name ? m->rank_name : "time", seq, what);
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

static int walk_event(void *ctx, struct event *ev)
{
	struct check *k = ctx;
	struct row row = {.seq = ev->seq};
	struct str key;
	bool missing, added;
	arena_reset(&k->arena);
	ev->type = k->m->type;
	event_reload(ev, k->currency ? k->currency : "XXX", &k->arena, &missing);
	if (!standing_key(k->m, ev, &k->arena, &key, &row.rank))
		return 0;
	int rc = dictionary_id(k->dictionary, key, false, &row.ident, &added, k->e);
	if (rc < 0)
		return rc;
	if (rc == 0) {
		tell(k, ev->seq,
			CX_T("a chave não está no dicionário", "its key is not in the dictionary"));
		return 0;
	}
	if (k->n == k->cap) {
		k->cap = k->cap ? k->cap * 2 : 1024;
		k->v = xrealloc(k->v, k->cap * sizeof *k->v);
	}
	k->v[k->n++] = row;
	return 0;
}

static void missing_until(struct check *k, const struct row *stored)
{
	while (k->at < k->n && (!stored || by_key(&k->v[k->at], stored) < 0))
		tell(k, k->v[k->at++].seq,
			CX_T("falta entre os candidatos", "is missing among the candidates"));
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
			CX_T("está a mais, ou em outro lugar, entre os candidatos",
				"is one too many, or out of place, among the candidates"));
	return 0;
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

int kpi_verify_choice(struct store *s, const struct measure *m, const char *company_currency,
	void (*differs)(void *ctx, const struct cube *c, const char *what), void *ctx,
	struct cx_err *e)
{
	struct check k = {.s = s,
		.m = m,
		.currency = company_currency,
		.differs = differs,
		.ctx = ctx,
		.e = e};
	k.dictionary = dictionary_new(s);
	int rc = walk_log(&k);
	if (rc >= 0)
		rc = store_rule_candidates(s, m->choice, check_row, &k, e);
	if (rc >= 0)
		missing_until(&k, NULL);
	dictionary_free(k.dictionary);
	arena_free(&k.arena);
	free(k.v);
	return rc < 0 ? rc : k.ndiffer;
}
