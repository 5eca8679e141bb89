/* Which (source, id) are there. Ids are as good as random, so a unique index of their texts dirtied
 * a page for nearly every event. Here a hash of both leads to the events to compare with: of the
 * newest events in memory, of all before them in event_key, where they are moved in the order of
 * their hashes when they are many, a few with every batch. "event_key_upto" is the last event that
 * was moved; the memory is filled from the log behind it. A move cut short is begun again. What is
 * rolled back is forgotten at once: its seqs go to other events. */
#include <stdlib.h>
#include <string.h>

#include "store/impl.h"

enum { MOVE_MIN = 16384, MOVE_MAX = 131072, STEP = 64 };
static const char upto_key[] = "event_key_upto";

struct entry {
	uint64_t hash;
	int64_t seq;
};

struct known {
	int64_t upto;    /* behind it the memory was filled */
	struct entry *v; /* ascending seqs */
	uint32_t n, cap;
	uint32_t *slots;    /* open addressing: index into v plus 1 */
	uint32_t nslots;    /* a power of two */
	uint32_t added;     /* since the last commit */
	struct entry *move; /* being moved, by hash; NULL = none */
	uint32_t nmove, moved;
	bool ended; /* a move, in the open batch */
};

static uint64_t mix(uint64_t h, struct str text)
{
	const uint64_t k = 0x9E3779B97F4A7C15u;
	const char *p = text.p;
	uint32_t n = text.n;
	for (h ^= n; n;) {
		uint64_t w = 0;
		uint32_t take = n < 8 ? n : 8;
		memcpy(&w, p, take);
		h = (h ^ w) * k;
		h ^= h >> 29;
		p += take;
		n -= take;
	}
	h *= 0xD6E8FEB86659FD93u;
	return h ^ h >> 32;
}

static uint64_t hash_of(struct str source, struct str id)
{
	return mix(mix(0, source), id);
}

static void index_entry(struct known *k, uint32_t i)
{
	uint32_t at = (uint32_t)k->v[i].hash;
	while (k->slots[at & (k->nslots - 1)])
		at++;
	k->slots[at & (k->nslots - 1)] = i + 1;
}

static void index_all(struct known *k)
{
	while (k->nslots < k->n * 2 + 64)
		k->nslots = k->nslots ? k->nslots * 2 : 1024;
	free(k->slots);
	k->slots = xcalloc(k->nslots, sizeof *k->slots);
	for (uint32_t i = 0; i < k->n; i++)
		index_entry(k, i);
}

/* Takes out the newest: nothing was put behind it, so its slot can be emptied. */
static void forget_newest(struct known *k)
{
	uint32_t at = (uint32_t)k->v[k->n - 1].hash;
	while (k->slots[at & (k->nslots - 1)] != k->n)
		at++;
	k->slots[at & (k->nslots - 1)] = 0;
	k->n--;
}

static void remember(struct known *k, uint64_t hash, int64_t seq)
{
	if (k->n == k->cap) {
		k->cap = k->cap ? k->cap * 2 : 1024;
		k->v = xrealloc(k->v, sizeof *k->v * k->cap);
	}
	k->v[k->n++] = (struct entry){hash, seq};
	if (k->n * 2 > k->nslots)
		index_all(k);
	else
		index_entry(k, k->n - 1);
}

void store_known_free(struct store *s)
{
	if (!s->known)
		return;
	free(s->known->v);
	free(s->known->slots);
	free(s->known->move);
	free(s->known);
	s->known = NULL;
}

void store_known_undone(struct store *s, bool everything)
{
	struct known *k = s->known;
	int64_t last;
	if (!k)
		return;
	if ((everything && (k->move || k->ended)) || store_last_seq(s, &last, NULL) < 0) {
		store_known_free(s); /* read again at the next use */
		return;
	}
	while (k->n && k->v[k->n - 1].seq > last)
		forget_newest(k);
}

void store_known_done(struct store *s)
{
	if (s->known) {
		s->known->added = 0;
		s->known->ended = false;
	}
}

static int moved_upto(struct store *s, int64_t *upto, struct cx_err *e)
{
	struct buf kept = {0};
	int rc = store_meta_get(s, upto_key, &kept, e);
	*upto = 0;
	if (rc == 1 && kept.len == sizeof *upto)
		memcpy(upto, kept.p, sizeof *upto);
	buf_free(&kept);
	return rc < 0 ? rc : CX_OK;
}

static int follow(struct store *s, int64_t after, struct cx_err *e)
{
	struct drv_stmt *st;
	int rc = st_start(s, ST_EVENT_KEYS, ARGS(ARG_INT("after", after)), &st, e);
	if (rc < 0)
		return rc;
	while ((rc = drv_step(st, e)) == 1)
		remember(s->known, hash_of(drv_str(st, 1), drv_str(st, 2)), drv_int(st, 0));
	drv_end(st);
	return rc;
}

/* The writer adds what it stores; a reader looks what came since, and begins again after a move. */
static int load(struct store *s, struct cx_err *e)
{
	struct known *k = s->known;
	int64_t upto;
	if (k && s->mode == STORE_WRITE)
		return CX_OK;
	int rc = moved_upto(s, &upto, e);
	if (rc < 0)
		return rc;
	if (k && k->upto == upto)
		return follow(s, k->n ? k->v[k->n - 1].seq : upto, e);
	store_known_free(s);
	s->known = xcalloc(1, sizeof *s->known);
	s->known->upto = upto;
	index_all(s->known);
	rc = follow(s, upto, e);
	if (rc < 0)
		store_known_free(s);
	return rc;
}

static int is_it(struct store *s, int64_t seq, struct str source, struct str id, struct cx_err *e)
{
	int64_t yes;
	return st_int(s, ST_EVENT_IS,
		ARGS(ARG_INT("seq", seq), ARG_STR("source", source), ARG_STR("id", id)), &yes, e);
}

static int find(struct store *s, uint64_t hash, struct str source, struct str id, int64_t *seq,
	struct cx_err *e)
{
	struct drv_stmt *st;
	struct known *k = s->known;
	for (uint32_t at = (uint32_t)hash, i; (i = k->slots[at & (k->nslots - 1)]); at++) {
		*seq = k->v[i - 1].seq;
		int rc = k->v[i - 1].hash == hash ? is_it(s, *seq, source, id, e) : 0;
		if (rc != 0)
			return rc;
	}
	int rc = st_start(s, ST_EVENT_KEY_FIND, ARGS(ARG_INT("hash", (int64_t)hash)), &st, e);
	if (rc < 0)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		*seq = drv_int(st, 0);
		rc = is_it(s, *seq, source, id, e);
		if (rc != 0)
			break;
	}
	drv_end(st);
	return rc;
}

int store_known_find(
	struct store *s, struct str source, struct str id, int64_t *seq, struct cx_err *e)
{
	int rc = load(s, e);
	return rc < 0 ? rc : find(s, hash_of(source, id), source, id, seq, e);
}

void store_known_add(struct store *s, struct str source, struct str id, int64_t seq)
{
	remember(s->known, hash_of(source, id), seq);
	s->known->added++;
}

static int by_hash(const void *a, const void *b)
{
	int64_t x = (int64_t)((const struct entry *)a)->hash;
	int64_t y = (int64_t)((const struct entry *)b)->hash;
	return (x > y) - (x < y);
}

static void begin_move(struct known *k)
{
	int64_t many = k->n ? k->v[k->n - 1].seq / 16 : 0;
	many = many < MOVE_MIN ? MOVE_MIN : many > MOVE_MAX ? MOVE_MAX : many;
	if (k->n < many)
		return;
	k->nmove = k->n;
	k->moved = 0;
	k->move = xmalloc(sizeof *k->move * k->nmove);
	memcpy(k->move, k->v, sizeof *k->move * k->nmove);
	qsort(k->move, k->nmove, sizeof *k->move, by_hash);
}

static int end_move(struct store *s, struct cx_err *e)
{
	struct known *k = s->known;
	int64_t upto = k->v[k->nmove - 1].seq;
	int rc = store_meta_set(s, upto_key, &upto, sizeof upto, e);
	free(k->move);
	k->move = NULL;
	k->ended = true;
	k->n -= k->nmove;
	memmove(k->v, k->v + k->nmove, sizeof *k->v * k->n);
	index_all(k);
	return rc;
}

/* Moves more than came in, so that the end is reached. */
int store_known_keep(struct store *s, struct cx_err *e)
{
	struct known *k = s->known;
	int rc = CX_OK;
	if (!k || (!k->added && !k->move))
		return CX_OK;
	if (!k->move)
		begin_move(k);
	if (!k->move)
		return CX_OK;
	for (uint32_t i = 0; i < STEP + 2 * k->added && k->moved < k->nmove && rc == CX_OK; i++) {
		const struct entry *m = &k->move[k->moved++];
		rc = st_run(s, ST_EVENT_KEY_ADD,
			ARGS(ARG_INT("hash", (int64_t)m->hash), ARG_INT("seq", m->seq)), e);
	}
	return rc == CX_OK && k->moved == k->nmove ? end_move(s, e) : rc;
}
