/* download.h — an answer that is read from a file: GET /v1/evidence/{sha256}.
 * Flow:   download_open() with the request; a reader answers which bytes of the file are wanted,
 *         and how they are described (download_begin). Once the request is first in line,
 *         download_go(), at every turn of its connection, writes what a thread of libuv's pool has
 *         read, a piece at a time, as the client takes it.
 * Callers: request.c, conn.c.
 * Owns:   its file and one piece of it. It belongs to its request; freed, it ends after its thread.
 * Errors: a file that is not there is answered 503; one that ends too early closes the connection,
 *         for the head with the length is out. */
#ifndef CX_HTTP_DOWNLOAD_H
#define CX_HTTP_DOWNLOAD_H

#include "http/conn.h"

/* name: evidence_name_ok(). */
struct download *download_open(struct request *r, const char *name);
/* what: "FIRST LENGTH MEDIA-TYPE"; headers as in base/job.h. */
void download_begin(struct download *d, int status, const char *headers, size_t nheaders,
	const char *what, size_t n);
void download_go(struct download *d);
void download_free(struct download *d);

#endif
