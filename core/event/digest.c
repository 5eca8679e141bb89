#include "event/attrs.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

static void sha256(const void *p, size_t n, uint8_t out[32])
{
	static EVP_MD *md; /* looked up once: the look-up costs more than the hash of an event */
	static EVP_MD_CTX *ctx;
	if (!ctx) {
		md = EVP_MD_fetch(NULL, "SHA256", NULL);
		ctx = EVP_MD_CTX_new();
	}
	if (!md || !ctx || EVP_DigestInit_ex2(ctx, md, NULL) != 1 ||
		EVP_DigestUpdate(ctx, p, n) != 1 || EVP_DigestFinal_ex(ctx, out, NULL) != 1)
		abort(); /* without SHA-256 there is no telling one event from another */
}

void attrs_digest(struct event *ev, const struct attrs *in)
{
	static struct buf b; /* kept from event to event */
	static const bool counts[A_COUNT] = {[A_ACTOR] = true,
		[A_CORRECTS] = true,
		[A_DATASCHEMA] = true,
		[A_ID] = true,
		[A_SEQUENCE] = true,
		[A_SOURCE] = true,
		[A_SUBJECT] = true,
		[A_TIME] = true,
		[A_TYPE] = true,
		[A_UNIT] = true,
		[A_DATA] = true};
	uint8_t hash[32];
	buf_clear(&b);
	for (int i = 0; i < A_COUNT; i++) {
		if (!counts[i] || !in->sent[i])
			continue;
		buf_puts(&b, attrs_name((enum attr_id)i));
		buf_add(&b, ":", 1);
		if (i == A_DATA)
			json_canonical(in->doc, in->data, &b);
		else
			json_canonical_text(in->v[i], &b);
		buf_add(&b, ",", 1);
	}
	sha256(b.p, b.len, hash);
	memcpy(ev->digest, hash, EVENT_DIGEST);
}
