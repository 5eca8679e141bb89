/* upload.h — a body that goes to a file instead of into memory: PUT /v1/evidence/{sha256}.
 * Flow:   upload_open() at the head; upload_take() with what arrived, upload_end() when that was
 *         all: what is there is written and hashed by a thread of libuv's pool while the connection
 *         is not read (upload_busy), so that a disk or a client can be slow without anybody else
 *         noticing; the last turn is fsync. Then the request is taken, and its job tells the writer
 *         which file of the drop folder to adopt. upload_free() removes what is left there.
 * Callers: conn.c, request.c; listen.c for uploads_open().
 * Owns:   its file until the writer has moved it, and at most a read's worth of bytes, twice.
 *         It belongs to its connection, then to its request; freed, it ends after its thread does.
 * Errors: upload_failed(): CX_E_DISK_FULL, CX_E_STORE_FAILED; upload_check(): CX_E_WRONG_HASH. */
#ifndef CX_HTTP_UPLOAD_H
#define CX_HTTP_UPLOAD_H

#include "http/conn.h"

/* Before anything is listened on: the drop folder is there, and empty. */
int uploads_open(const struct conf *c, struct cx_err *e);

struct upload *upload_open(struct conn *c);
void upload_take(struct upload *u, struct buf *body); /* body is emptied */
bool upload_end(struct upload *u);                    /* true: all of it is on disk */
bool upload_busy(const struct upload *u);
size_t upload_held(const struct upload *u); /* bytes of memory */
bool upload_late(const struct upload *u, uint64_t now);
int upload_failed(const struct upload *u, struct cx_err *e);
/* Is it what its name says? */
int upload_check(const struct upload *u, const char *name, struct cx_err *e);
void upload_describe(const struct upload *u, struct buf *meta); /* for its job */
void upload_free(struct upload *u);

#endif
