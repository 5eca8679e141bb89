/* dictionary.h — the company-wide dictionary: a value's text → its 32-bit id, no text kept.
 * Flow:   text → SHA-256(secret || text), first 128 bits → id. The secret is made by the writer on
 *         first use and kept in the store ("dictionary_key").
 * Callers: kpi/; the reader, which keeps one for its queries.
 * Owns:   a bounded cache hash → id, so that a returning customer costs no SQL. What was added is
 *         taken out again by dictionary_unadd(), one by one, newest first.
 * Errors: what the store says. */
#ifndef CX_KPI_DICTIONARY_H
#define CX_KPI_DICTIONARY_H

#include "store/store.h"

struct dictionary;
struct dictionary *dictionary_new(struct store *s);
void dictionary_free(struct dictionary *d);
/* 1 there is an id, 0 none (only without add). *added: it is new. */
int dictionary_id(struct dictionary *d, struct str text, bool add, uint32_t *id, bool *added,
	struct cx_err *e);
void dictionary_unadd(struct dictionary *d);  /* the newest added id was rolled back */
void dictionary_settle(struct dictionary *d); /* what was added stays */
void dictionary_forget(struct dictionary *d); /* a batch died: trust nothing */

#endif
