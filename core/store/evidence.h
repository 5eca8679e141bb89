/* evidence.h — the rows of files of evidence; the bytes are in the data folder (base/evidence.h).
 * Callers: engine/. Errors: as in store.h. */
#ifndef CX_STORE_EVIDENCE_H
#define CX_STORE_EVIDENCE_H

#include "base/evidence.h"
#include "store/store.h"

struct evidence_row {
	char name[EVIDENCE_NAME + 1];
	int64_t bytes;
	char media[EVIDENCE_MEDIA_MAX];
};

/* 1 found, 0 not. */
int store_evidence_get(struct store *s, const char *name, struct evidence_row *r, struct cx_err *e);
int store_evidence_put(struct store *s, const struct evidence_row *r, int64_t now_ms,
	const char *actor, struct cx_err *e);
/* All, in the order of their names. */
typedef int (*store_evidence_f)(void *ctx, const struct evidence_row *r); /* 0 go on, <0 error */
int store_evidence(struct store *s, store_evidence_f f, void *ctx, struct cx_err *e);

#endif
