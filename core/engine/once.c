#include "engine/once.h"

#include <string.h>

/* Kept as: how long the headers are (uint32_t), headers, body. */

int once_before(struct ingest *in, const struct frame *f, struct buf *headers, struct buf *reply,
	int *status)
{
	struct buf kept = {0};
	struct cx_err e;
	uint32_t n = 0;
	int rc = store_job_get(in->eng->store, f->head.key, status, &kept, &e);
	if (rc == 1 && kept.len >= sizeof n) {
		memcpy(&n, kept.p, sizeof n);
		buf_add(headers, kept.p + sizeof n, n);
		buf_add(reply, kept.p + sizeof n + n, kept.len - sizeof n - n);
	}
	buf_free(&kept);
	return rc < 0 ? ingest_lost(in, &e) : rc;
}

int once_keep(
	struct ingest *in, const struct frame *f, struct str headers, struct str reply, int status)
{
	struct buf b = {0};
	struct cx_err e;
	buf_add(&b, &headers.n, sizeof headers.n);
	buf_add(&b, headers.p, headers.n);
	buf_add(&b, reply.p, reply.n);
	int rc = store_job_put(in->eng->store, f->head.key, status, b.p, b.len, &e);
	buf_free(&b);
	return rc < 0 ? ingest_lost(in, &e) : CX_OK;
}
