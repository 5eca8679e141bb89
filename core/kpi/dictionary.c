#include "kpi/dictionary.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum { HASH = 16, KEY = 32, WAYS = 4, SETS_MIN = 1024, SETS_MAX = 1 << 18, LAST_MAX = 256 };
static const char key_name[] = "dictionary_key";

struct entry { /* used when hash is not all zero */
	uint8_t hash[HASH];
	uint32_t id;
};

struct dictionary {
	struct store *s;
	EVP_MD *md;
	EVP_MD_CTX *ctx;
	uint8_t key[KEY];
	bool has_key, key_made;
	struct entry *cache; /* WAYS per set; a full set loses its oldest */
	size_t sets, n;
	uint8_t (*added)[HASH];
	size_t nadded, cap_added;
	char last[LAST_MAX]; /* measures of one event mostly ask for the same text */
	uint32_t last_n, last_id;
	bool has_last;
};

struct dictionary *dictionary_new(struct store *s)
{
	struct dictionary *d = xcalloc(1, sizeof *d);
	d->s = s;
	d->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	d->ctx = EVP_MD_CTX_new();
	return d;
}

void dictionary_free(struct dictionary *d)
{
	if (!d)
		return;
	EVP_MD_free(d->md);
	EVP_MD_CTX_free(d->ctx);
	free(d->cache);
	free(d->added);
	free(d);
}

/* 1 the secret is there, 0 there is none yet (reader). */
static int need_key(struct dictionary *d, bool make, struct cx_err *e)
{
	if (d->has_key)
		return 1;
	struct buf key = {0};
	int rc = store_meta_get(d->s, key_name, &key, e);
	if (rc == 1 && key.len != KEY)
		rc = cx_fail(e, CX_E_STORE_FAILED, NULL,
			CX_T("o segredo do dicionário está danificado",
				"the dictionary's secret is damaged"));
	if (rc == 0 && make) {
		buf_clear(&key);
		buf_reserve(&key, KEY);
		random_bytes(key.p, KEY);
		rc = store_meta_set(d->s, key_name, key.p, KEY, e);
		d->key_made = rc == CX_OK;
		rc = rc == CX_OK ? 1 : rc;
	}
	if (rc == 1)
		memcpy(d->key, key.p, KEY);
	d->has_key = rc == 1;
	buf_free(&key);
	return rc;
}

static bool hash_text(struct dictionary *d, struct str text, uint8_t hash[HASH])
{
	uint8_t full[EVP_MAX_MD_SIZE];
	if (!EVP_DigestInit_ex2(d->ctx, d->md, NULL) || !EVP_DigestUpdate(d->ctx, d->key, KEY) ||
		!EVP_DigestUpdate(d->ctx, text.p, text.n) ||
		!EVP_DigestFinal_ex(d->ctx, full, NULL))
		return false;
	memcpy(hash, full, HASH);
	return true;
}

static struct entry *set_of(const struct dictionary *d, const uint8_t hash[HASH])
{
	uint64_t h;
	memcpy(&h, hash, sizeof h);
	return d->cache + (h & (d->sets - 1)) * WAYS;
}

static struct entry *cached(const struct dictionary *d, const uint8_t hash[HASH])
{
	struct entry *set = d->cache ? set_of(d, hash) : NULL;
	for (int i = 0; set && i < WAYS; i++)
		if (memcmp(set[i].hash, hash, HASH) == 0)
			return &set[i];
	return NULL;
}

static void keep(struct dictionary *d, const uint8_t hash[HASH], uint32_t id)
{
	if (!d->cache || (d->n > d->sets * 2 && d->sets < SETS_MAX)) {
		struct dictionary old = *d;
		d->sets = old.cache ? old.sets * 2 : SETS_MIN;
		d->cache = xcalloc(d->sets * WAYS, sizeof *d->cache);
		d->n = 0;
		for (size_t i = old.cache ? old.sets * WAYS : 0; i-- > 0;)
			if (old.cache[i].id)
				keep(d, old.cache[i].hash, old.cache[i].id);
		free(old.cache);
	}
	struct entry *set = set_of(d, hash);
	d->n += !set[WAYS - 1].id;
	memmove(set + 1, set, (WAYS - 1) * sizeof *set);
	memcpy(set->hash, hash, HASH);
	set->id = id;
}

static int look_up(struct dictionary *d, const uint8_t hash[HASH], bool add, uint32_t *id,
	bool *added, struct cx_err *e)
{
	struct entry *known = cached(d, hash);
	if (known) {
		*id = known->id;
		return 1;
	}
	int rc = store_ident_find(d->s, hash, id, e);
	if (rc == 0 && add) {
		rc = store_ident_add(d->s, hash, id, e);
		if (rc < 0)
			return rc;
		if (d->nadded == d->cap_added) {
			d->cap_added = d->cap_added ? d->cap_added * 2 : 256;
			d->added = xrealloc(d->added, d->cap_added * sizeof *d->added);
		}
		memcpy(d->added[d->nadded++], hash, HASH);
		*added = true;
		rc = 1;
	}
	if (rc == 1)
		keep(d, hash, *id);
	return rc;
}

int dictionary_id(struct dictionary *d, struct str text, bool add, uint32_t *id, bool *added,
	struct cx_err *e)
{
	uint8_t hash[HASH];
	*added = false;
	if (d->has_last && d->last_n == text.n && memcmp(d->last, text.p, text.n) == 0) {
		*id = d->last_id;
		return 1;
	}
	int rc = need_key(d, add, e);
	if (rc <= 0)
		return rc;
	if (!hash_text(d, text, hash))
		return cx_fail(e, CX_E_INTERNAL, NULL, "SHA-256");
	rc = look_up(d, hash, add, id, added, e);
	if (rc == 1 && text.n <= LAST_MAX && text.n) {
		memcpy(d->last, text.p, text.n);
		d->last_n = text.n;
		d->last_id = *id;
		d->has_last = true;
	}
	return rc;
}

void dictionary_unadd(struct dictionary *d)
{
	if (!d->nadded)
		return;
	struct entry *gone = cached(d, d->added[--d->nadded]);
	if (gone) {
		memset(gone, 0, sizeof *gone);
		d->n--;
	}
	d->has_last = false;
	if (d->key_made) /* perhaps rolled back with it: ask the store again */
		d->has_key = false;
}

void dictionary_settle(struct dictionary *d)
{
	d->nadded = 0;
	d->key_made = false;
}

void dictionary_forget(struct dictionary *d)
{
	free(d->cache);
	d->cache = NULL;
	d->n = d->nadded = 0;
	d->has_last = d->has_key = d->key_made = false;
}
