/* evidence.h — files of evidence: adopted by the writer, described by readers, checked by verify.
 * Flow:   the front has written a body to a file of the drop folder, and to disk; the writer moves
 *         that to its place, makes the folders durable, and writes its row; then the batch commits.
 *         So a row always has its file. A file without a row comes from a batch that was not
 *         committed: evidence_undo() puts it back, and after a death the job's replay adopts it
 *         where it is; what nobody asks for again is removed at the next start (evidence_sweep).
 * Callers: batch.c, writer.c, reader.c, verify.c.
 * Errors: what a file's disk says is that job's answer (503); the store's lose the batch. */
#ifndef CX_ENGINE_EVIDENCE_H
#define CX_ENGINE_EVIDENCE_H

#include "engine/ingest.h"

int evidence_write(struct ingest *in, const struct frame *f, struct buf *headers, struct buf *reply,
	int *status);
void evidence_undo(struct engine *eng, const struct frame *f); /* after a rollback */
enum { EVIDENCE_FOLDERS = 256 };
/* Files of the i-th folder that have no row; outside a batch. False: there is no such folder. */
bool evidence_sweep(struct engine *eng, int i);

/* The bytes of the file that are wanted, "FIRST LENGTH MEDIA-TYPE", which the front sends. */
int answer_evidence(struct engine *eng, const struct frame *f, struct buf *headers, struct buf *b,
	int *status, struct cx_err *e);
/* The part of bytes that the header asks for (RFC 9110, 14): 206 and *first, *n; 416; or 200 where
 * it is to be ignored: not understood, or several parts. */
int evidence_range(const char *header, int64_t bytes, int64_t *first, int64_t *n);

/* Every row against its file; how many rows. */
int evidence_verify(struct engine *eng, void (*differs)(void *ctx, const char *what), void *ctx,
	int64_t *checked, struct cx_err *e);

#endif
