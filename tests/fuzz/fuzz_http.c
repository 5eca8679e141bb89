/* Feeds bytes to the request reader in pieces whose sizes come from the input; whatever the pieces,
 * the same requests must come out, and nothing may be read twice or past the end.
 * Build: clang -fsanitize=fuzzer,address,undefined, or with -DFUZZ_MAIN to run files. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/msg.h"
#include "base/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct outcome {
	int messages, end; /* end: CX_E_* or FEED_MORE */
	uint64_t bodies, hash;
};

static void note(struct outcome *o, const struct msg *m)
{
	const char *path, *query;
	size_t path_n, query_n;
	struct buf meta = {0};
	char allow[ROUTE_ALLOW_MAX];
	enum route route;
	struct span t = m->head.target;
	route_split(m->text.p + t.at, t.n, &path, &path_n, &query, &query_n);
	(void)route_find(m->method, path, path_n, &route, allow, &meta, NULL);
	buf_free(&meta);
	o->messages++;
	o->bodies += m->body.len;
	for (size_t i = 0; i < m->body.len; i++)
		o->hash = o->hash * 31 + (unsigned char)m->body.p[i];
}

static struct outcome run(const char *p, size_t n, size_t piece)
{
	struct outcome o = {0};
	struct msg m;
	struct buf in = {0};
	msg_init(&m, 4096);
	for (size_t at = 0; at < n && o.end == 0; at += piece) {
		buf_add(&in, p + at, n - at < piece ? n - at : piece);
		for (;;) {
			size_t used;
			/* an exact copy, so that a sanitizer sees a read past the end */
			char *copy = xmalloc(in.len);
			memcpy(copy, in.p, in.len);
			int rc =
				in.len || m.have_head ? msg_feed(&m, copy, in.len, &used, NULL) : 0;
			free(copy);
			if (rc < 0) {
				o.end = rc;
				break;
			}
			if (rc == FEED_HEAD)
				m.body_max = 65536;
			if (in.len)
				buf_drop(&in, used);
			if (rc == FEED_WHOLE) {
				note(&o, &m);
				msg_reset(&m);
			} else if (rc == FEED_MORE) {
				break;
			}
		}
	}
	msg_free(&m);
	buf_free(&in);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n < 1)
		return 0;
	struct outcome whole = run((const char *)data + 1, n - 1, n);
	struct outcome parts = run((const char *)data + 1, n - 1, 1 + data[0] % 64);
	/* a fault may be seen before or after its piece is complete, the requests before it not */
	if (whole.messages != parts.messages || whole.bodies != parts.bodies ||
		whole.hash != parts.hash || (whole.end == 0) != (parts.end == 0))
		abort();
	return 0;
}

#ifdef FUZZ_MAIN
int main(int argc, char **argv)
{
	static uint8_t data[1 << 20];
	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		if (!f)
			return 1;
		data[0] = 0; /* pieces of one byte */
		size_t n = fread(data + 1, 1, sizeof data - 1, f);
		fclose(f);
		LLVMFuzzerTestOneInput(data, n + 1);
	}
	return 0;
}
#endif
