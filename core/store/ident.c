/* The dictionary: keyed hash → number. Hashes are random, so one B-tree of them under a small cache
 * would cost a page read and a page written per new number (measured: four times the whole event).
 * New ones are therefore appended to ident_new, with a table of them in memory; when there are
 * many, the oldest are moved to ident in the order of their hashes, a few with every batch. A move
 * cut short is simply begun again. Numbers are never given twice: "ident_next" is above all given,
 * a stride at a time, so that a restart skips some. */
#include <stdlib.h>
#include <string.h>

#include "store/impl.h"

enum { MOVE_MIN = 16384, MOVE_MAX = 262144, STEP = 64, STRIDE = 1024 };
static const char next_key[] = "ident_next";

struct entry {
	uint8_t hash[16];
	uint32_t id;
};

struct idents {
	struct entry *v; /* what ident_new holds, by id */
	uint32_t n, cap;
	uint32_t *slots;             /* open addressing: index into v plus 1 */
	uint32_t nslots;             /* a power of two */
	uint32_t next, kept;         /* the next free number, and what meta says: not below it */
	uint32_t added;              /* in this batch */
	struct entry *move;          /* being moved, by hash; NULL = none */
	uint32_t nmove, moved, upto; /* upto: the greatest number among them */
};

static uint32_t *slot_of(const struct idents *t, const uint8_t hash[16])
{
	uint32_t i;
	memcpy(&i, hash, sizeof i);
	for (;; i++) {
		uint32_t *slot = &t->slots[i & (t->nslots - 1)];
		if (!*slot || !memcmp(t->v[*slot - 1].hash, hash, 16))
			return slot;
	}
}

static void index_all(struct idents *t)
{
	while (t->nslots < t->n * 2 + 64)
		t->nslots = t->nslots ? t->nslots * 2 : 1024;
	free(t->slots);
	t->slots = xcalloc(t->nslots, sizeof *t->slots);
	for (uint32_t i = 0; i < t->n; i++)
		*slot_of(t, t->v[i].hash) = i + 1;
}

static void remember(struct idents *t, const uint8_t hash[16], uint32_t id)
{
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 1024;
		t->v = xrealloc(t->v, sizeof *t->v * t->cap);
	}
	struct entry *e = &t->v[t->n++];
	memcpy(e->hash, hash, 16);
	e->id = id;
	if (t->n * 2 > t->nslots)
		index_all(t);
	else
		*slot_of(t, hash) = t->n;
}

void store_ident_free(struct store *s)
{
	struct idents *t = s->idents;
	if (!t)
		return;
	free(t->v);
	free(t->slots);
	free(t->move);
	free(t);
	s->idents = NULL;
}

/* Takes out the newest: nothing was put behind it, so its slot can be emptied. */
static void forget_newest(struct idents *t)
{
	*slot_of(t, t->v[t->n - 1].hash) = 0;
	t->next = t->v[--t->n].id;
}

/* What a savepoint added is forgotten by itself, and its numbers are free again. */
void store_ident_undone(struct store *s, bool everything)
{
	struct idents *t = s->idents;
	int64_t last = 0;
	if (!t || (!t->added && !(everything && t->move)))
		return;
	if (everything || st_int(s, ST_IDENT_LAST, NULL, 0, &last, NULL) < 0) {
		store_ident_free(s); /* read again at the next use */
		return;
	}
	while (t->n && t->v[t->n - 1].id > last)
		forget_newest(t);
}

static int load(struct store *s, struct cx_err *e)
{
	struct drv_stmt *st;
	struct buf next = {0};
	size_t n;
	int rc = store_meta_get(s, next_key, &next, e);
	struct idents *t = xcalloc(1, sizeof *t);
	s->idents = t;
	t->added = drv_in_batch(s->d); /* perhaps some of what is read belongs to it */
	t->next = 1;
	if (rc == 1 && next.len == sizeof t->next)
		memcpy(&t->next, next.p, sizeof t->next);
	t->kept = t->next;
	buf_free(&next);
	index_all(t);
	if (rc >= 0)
		rc = st_start(s, ST_IDENT_NEW, NULL, 0, &st, e);
	if (rc < 0) {
		store_ident_free(s);
		return rc;
	}
	while ((rc = drv_step(st, e)) == 1) {
		const uint8_t *hash = drv_blob(st, 1, &n);
		if (n == 16)
			remember(t, hash, (uint32_t)drv_int(st, 0));
	}
	drv_end(st);
	if (rc < 0)
		store_ident_free(s);
	else if (t->n && t->next <= t->v[t->n - 1].id) /* of the batch that is open */
		t->next = t->v[t->n - 1].id + 1;
	return rc;
}

int store_ident_find(struct store *s, const uint8_t hash[16], uint32_t *id, struct cx_err *e)
{
	int64_t found;
	int rc = CX_OK;
	if (s->mode == STORE_WRITE) {
		rc = s->idents ? CX_OK : load(s, e);
		uint32_t slot = rc == CX_OK ? *slot_of(s->idents, hash) : 0;
		if (slot) {
			*id = s->idents->v[slot - 1].id;
			return 1;
		}
	}
	if (rc == CX_OK)
		rc = st_int(s, ST_IDENT_FIND, ARGS(ARG_BLOB("hash", hash, 16)), &found, e);
	if (rc == 0 && s->mode == STORE_READ)
		rc = st_int(s, ST_IDENT_FIND_NEW, ARGS(ARG_BLOB("hash", hash, 16)), &found, e);
	if (rc == 1)
		*id = (uint32_t)found;
	return rc;
}

int store_ident_add(struct store *s, const uint8_t hash[16], uint32_t *id, struct cx_err *e)
{
	int rc = s->idents ? CX_OK : load(s, e);
	if (rc != CX_OK)
		return rc;
	struct idents *t = s->idents;
	if (t->next == UINT32_MAX)
		return cx_fail(e, CX_E_STORE_FAILED, NULL,
			CX_T("acabaram os números de pessoas e coisas",
				"there are no more numbers for people and things"));
	rc = st_run(s, ST_IDENT_ADD, ARGS(ARG_INT("id", t->next), ARG_BLOB("hash", hash, 16)), e);
	if (rc != CX_OK)
		return rc;
	remember(t, hash, t->next);
	t->added++;
	*id = t->next++;
	return CX_OK;
}

static int by_hash(const void *a, const void *b)
{
	return memcmp(((const struct entry *)a)->hash, ((const struct entry *)b)->hash, 16);
}

static void begin_move(struct idents *t)
{
	uint32_t many = t->next / 16;
	many = many < MOVE_MIN ? MOVE_MIN : many > MOVE_MAX ? MOVE_MAX : many;
	if (t->n < many)
		return;
	t->nmove = t->n;
	t->moved = 0;
	t->upto = t->v[t->n - 1].id;
	t->move = xmalloc(sizeof *t->move * t->nmove);
	memcpy(t->move, t->v, sizeof *t->move * t->nmove);
	qsort(t->move, t->nmove, sizeof *t->move, by_hash);
}

static int end_move(struct store *s, struct cx_err *e)
{
	struct idents *t = s->idents;
	int rc = st_run(s, ST_IDENT_MOVED, ARGS(ARG_INT("upto", t->upto)), e);
	if (rc != CX_OK)
		return rc;
	free(t->move);
	t->move = NULL;
	t->n -= t->nmove;
	memmove(t->v, t->v + t->nmove, sizeof *t->v * t->n);
	index_all(t);
	return CX_OK;
}

/* Moves more than came in, so that the end is reached. */
static int move_some(struct store *s, struct cx_err *e)
{
	struct idents *t = s->idents;
	int rc = CX_OK;
	if (!t->move)
		begin_move(t);
	if (!t->move)
		return CX_OK;
	for (uint32_t i = 0; i < STEP + 2 * t->added && t->moved < t->nmove && rc == CX_OK; i++) {
		const struct entry *m = &t->move[t->moved++];
		rc = st_run(s, ST_IDENT_MOVE,
			ARGS(ARG_BLOB("hash", m->hash, 16), ARG_INT("id", m->id)), e);
	}
	return rc == CX_OK && t->moved == t->nmove ? end_move(s, e) : rc;
}

int store_ident_keep(struct store *s, struct cx_err *e)
{
	struct idents *t = s->idents;
	if (!t)
		return CX_OK;
	int rc = t->added || t->move ? move_some(s, e) : CX_OK;
	if (rc != CX_OK || t->next <= t->kept)
		return rc;
	t->kept = t->next > UINT32_MAX - STRIDE ? UINT32_MAX : t->next + STRIDE;
	return store_meta_set(s, next_key, &t->kept, sizeof t->kept, e);
}

void store_ident_done(struct store *s)
{
	if (s->idents)
		s->idents->added = 0;
}
