#include "engine/feeds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tz.h"
#include "base/varint.h"
#include "engine/answers.h"
#include "kpi/group.h"

enum { SLICE = 5000, LIMIT = 100, LIMIT_MAX = 1000, GAPS_SHOWN = 100, GAPS_MAX = 100000 };

static const uint64_t sequence_max = INT64_MAX / 4; /* a greater one is none */

struct gap {
	int64_t first, last;
};
struct feed {
	struct str source;
	int64_t count, last, last_ms;
	struct gap *gaps; /* ascending */
	size_t ngaps, cap;
};
struct feeds {
	struct engine *eng;
	struct pmap map;
	struct feed **v;
	int n, cap;
	struct arena arena;
	bool fresh; /* from the log alone, not from the table */
	struct cx_err *e;
};

/* ---- the gaps of one source */

static void gap_insert(struct feed *f, size_t at, struct gap g)
{
	if (f->ngaps == GAPS_MAX) { /* numbers that mean nothing: the oldest go */
		memmove(f->gaps, f->gaps + 1, (f->ngaps - 1) * sizeof *f->gaps);
		f->ngaps--;
		at -= at > 0;
	}
	if (f->ngaps == f->cap) {
		f->cap = f->cap ? f->cap * 2 : 8;
		f->gaps = xrealloc(f->gaps, f->cap * sizeof *f->gaps);
	}
	memmove(f->gaps + at + 1, f->gaps + at, (f->ngaps - at) * sizeof *f->gaps);
	f->gaps[at] = g;
	f->ngaps++;
}

static void gap_fill(struct feed *f, int64_t n)
{
	size_t lo = 0, hi = f->ngaps; /* the first gap that ends at n or later */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (f->gaps[mid].last < n)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == f->ngaps || f->gaps[lo].first > n)
		return; /* it was there */
	struct gap *g = &f->gaps[lo], rest = {n + 1, g->last};
	if (g->first == g->last) {
		memmove(g, g + 1, (f->ngaps - lo - 1) * sizeof *g);
		f->ngaps--;
	} else if (g->first == n) {
		g->first++;
	} else {
		g->last = n - 1;
		if (rest.first <= rest.last)
			gap_insert(f, lo + 1, rest);
	}
}

static void feed_see(struct feed *f, int64_t n)
{
	if (n < f->last) {
		gap_fill(f, n);
		return;
	}
	if (f->last >= 0 && n > f->last + 1)
		gap_insert(f, f->ngaps, (struct gap){f->last + 1, n - 1});
	f->last = n;
}

static void gaps_write(const struct feed *f, struct buf *out)
{
	int64_t at = 0;
	buf_clear(out);
	for (size_t i = 0; i < f->ngaps; i++) {
		buf_reserve(out, 20);
		uint8_t *p = (uint8_t *)out->p + out->len;
		size_t n = varint_put(p, (uint64_t)(f->gaps[i].first - at));
		n += varint_put(p + n, (uint64_t)(f->gaps[i].last - f->gaps[i].first));
		out->len += n;
		at = f->gaps[i].last;
	}
}

static void gaps_read(struct feed *f, const uint8_t *p, const uint8_t *end)
{
	int64_t at = 0;
	while (p < end) {
		uint64_t skip, more;
		size_t a = varint_get(p, end, &skip), b = a ? varint_get(p + a, end, &more) : 0;
		if (!b)
			return;
		if (skip > sequence_max || more > sequence_max || at > (int64_t)sequence_max)
			return; /* damaged */
		struct gap g = {at + (int64_t)skip, at + (int64_t)skip + (int64_t)more};
		gap_insert(f, f->ngaps, g);
		at = g.last;
		p += a + b;
	}
}

/* ---- the sources met */

static bool same(const void *item, const void *key)
{
	return str_same(((const struct feed *)item)->source, *(const struct str *)key);
}

static int load(void *ctx, const struct feed_row *r)
{
	struct feed *f = ctx;
	f->count = r->count;
	f->last = r->last;
	f->last_ms = r->last_ms;
	gaps_read(f, r->gaps, (const uint8_t *)r->gaps + r->ngaps);
	return 1;
}

/* The source's feed, from the table the first time; NULL: the store failed. */
static struct feed *find(struct feeds *fs, struct str source)
{
	uint32_t h = hash_bytes(source.p, source.n, 0);
	struct feed *f = pmap_find(&fs->map, h, same, &source);
	if (f)
		return f;
	f = xcalloc(1, sizeof *f);
	f->source = arena_str(&fs->arena, source.p, source.n);
	f->last = -1;
	f->last_ms = INT64_MIN;
	if (fs->n == fs->cap) {
		fs->cap = fs->cap ? fs->cap * 2 : 64;
		fs->v = xrealloc(fs->v, (size_t)fs->cap * sizeof(struct feed *));
	}
	fs->v[fs->n++] = f;
	pmap_add(&fs->map, h, f);
	if (fs->fresh)
		return f;
	return store_feed_get(fs->eng->store, f->source, load, f, fs->e) < 0 ? NULL : f;
}

static int take(void *ctx, int64_t seq, struct str source, struct str sequence, int64_t time_ms)
{
	struct feeds *fs = ctx;
	struct feed *f = find(fs, source);
	char *end, text[24];
	(void)seq;
	if (!f)
		return fs->e->code;
	f->count++;
	f->last_ms = time_ms > f->last_ms ? time_ms : f->last_ms;
	if (!sequence.p || sequence.n >= sizeof text)
		return 0;
	memcpy(text, sequence.p, sequence.n);
	text[sequence.n] = 0;
	errno = 0;
	int64_t n = strtoll(text, &end, 10);
	if (!*end && end > text && !errno && n >= 0 && n <= (int64_t)sequence_max)
		feed_see(f, n);
	return 0;
}

static void feeds_free(struct feeds *fs)
{
	for (int i = 0; i < fs->n; i++) {
		free(fs->v[i]->gaps);
		free(fs->v[i]);
	}
	free(fs->v);
	pmap_free(&fs->map);
	arena_free(&fs->arena);
}

/* ---- the table */

static int watermark(struct engine *eng, int64_t *seq, struct cx_err *e)
{
	struct buf value = {0};
	int rc = store_meta_get(eng->store, "feeds", &value, e);
	*seq = rc == 1 ? strtoll(buf_cstr(&value), NULL, 10) : 0;
	buf_free(&value);
	return rc < 0 ? rc : CX_OK;
}

static int keep(struct feeds *fs, int64_t upto)
{
	struct buf gaps = {0};
	char seq[24];
	int rc = CX_OK;
	for (int i = 0; i < fs->n && rc >= 0; i++) {
		const struct feed *f = fs->v[i];
		gaps_write(f, &gaps);
		rc = store_feed_put(fs->eng->store,
			&(struct feed_row){f->source, f->count, f->last, f->last_ms,
				gaps.len ? gaps.p : "", gaps.len},
			fs->e);
	}
	buf_free(&gaps);
	int n = snprintf(seq, sizeof seq, "%lld", (long long)upto);
	return rc < 0 ? rc : store_meta_set(fs->eng->store, "feeds", seq, (size_t)n, fs->e);
}

int feeds_fold(struct engine *eng, int64_t *upto, struct cx_err *e)
{
	struct feeds fs = {.eng = eng, .e = e};
	int64_t from, last;
	int rc = watermark(eng, &from, e);
	if (rc >= 0)
		rc = store_last_seq(eng->store, &last, e);
	if (rc >= 0)
		*upto = from + SLICE < last ? from + SLICE : last;
	if (rc < 0 || last <= from)
		return rc;
	rc = store_sequences(eng->store, from, *upto, take, &fs, e);
	if (rc >= 0)
		rc = keep(&fs, *upto);
	feeds_free(&fs);
	return rc < 0 ? rc : 1;
}

/* ---- verify */

struct check {
	struct feeds fs;
	void (*differs)(void *ctx, const char *what);
	void *ctx;
	struct buf gaps;
};

static void tell(struct check *k, struct str source, int64_t stored, int64_t counted)
{
	struct buf b = {0};
	buf_printf(&b,
		CX_T("fonte %.*s: %lld eventos no armazenamento, %lld pelos eventos",
			"source %.*s: %lld events stored, %lld from the events"),
		(int)source.n, source.p, (long long)stored, (long long)counted);
	if (stored == counted)
		buf_puts(&b, CX_T("; a última sequência, a hora ou as lacunas diferem",
				     "; its last sequence, its time or its gaps differ"));
	k->differs(k->ctx, buf_cstr(&b));
	buf_free(&b);
}

static int check_row(void *ctx, const struct feed_row *r)
{
	struct check *k = ctx;
	struct feed *f =
		pmap_find(&k->fs.map, hash_bytes(r->source.p, r->source.n, 0), same, &r->source);
	if (!f) {
		tell(k, r->source, r->count, 0);
		return 0;
	}
	gaps_write(f, &k->gaps);
	bool as_is =
		k->gaps.len == r->ngaps && (!r->ngaps || memcmp(k->gaps.p, r->gaps, r->ngaps) == 0);
	if (!as_is || f->count != r->count || f->last != r->last || f->last_ms != r->last_ms)
		tell(k, r->source, r->count, f->count);
	f->count = 0; /* met */
	return 0;
}

int feeds_verify(struct engine *eng, void (*differs)(void *ctx, const char *what), void *ctx,
	struct cx_err *e)
{
	struct check k = {
		.fs = {.eng = eng, .e = e, .fresh = true}, .differs = differs, .ctx = ctx};
	int64_t upto;
	int rc = watermark(eng, &upto, e);
	if (rc >= 0)
		rc = store_sequences(eng->store, 0, upto, take, &k.fs, e);
	if (rc >= 0)
		rc = store_feeds(eng->store, "", check_row, &k, e);
	for (int i = 0; i < k.fs.n && rc >= 0; i++)
		if (k.fs.v[i]->count)
			tell(&k, k.fs.v[i]->source, 0, k.fs.v[i]->count);
	buf_free(&k.gaps);
	feeds_free(&k.fs);
	return rc;
}

/* ---- GET /v1/sources */

struct page {
	struct feeds fs;
	struct buf *b;
	struct arena *names;
	struct str last;
	int n, limit;
	bool more;
};

static void write_feed(struct buf *b, const struct feed *f)
{
	char time[TZ_TEXT];
	size_t shown = f->ngaps < GAPS_SHOWN ? f->ngaps : GAPS_SHOWN;
	tz_format(f->last_ms, time);
	jw_obj(b);
	jw_key(b, "source");
	jw_strn(b, f->source.p, f->source.n);
	if (f->last >= 0)
		jw_kint(b, "last", f->last);
	else
		jw_knull(b, "last");
	jw_kint(b, "count", f->count);
	jw_kstr(b, "last_time", time);
	jw_key(b, "gaps");
	jw_arr(b);
	for (size_t i = f->ngaps - shown; i < f->ngaps; i++) { /* the newest */
		jw_arr(b);
		jw_int(b, f->gaps[i].first);
		jw_int(b, f->gaps[i].last);
		jw_arr_end(b);
	}
	jw_arr_end(b);
	jw_kint(b, "gaps_more", (int64_t)(f->ngaps - shown));
	jw_obj_end(b);
}

static int each(void *ctx, const struct feed_row *r)
{
	struct feeds *fs = ctx;
	return find(fs, r->source) ? 0 : fs->e->code;
}

static int by_source(const void *x, const void *y)
{
	return str_compare((*(struct feed *const *)x)->source, (*(struct feed *const *)y)->source);
}

static int read_params(const struct frame *f, char after[1024], int *limit, struct cx_err *e)
{
	const char *query = meta_get(f->meta, f->head.meta_len, "query");
	char name[32], value[1024], *end;
	int wrong = 0;
	*limit = LIMIT;
	after[0] = 0;
	for (int i = 0; query_name(query, i, name, sizeof name); i++) {
		const char *v = query_get(query, name, 0, value, sizeof value, &wrong);
		bool is_limit = strcmp(name, "limit") == 0;
		if (!v || wrong)
			return cx_fail(e, CX_E_BAD_QUERY, name,
				CX_T("valor longo demais ou mal codificado",
					"value too long or badly encoded"));
		if (!is_limit) {
			strcpy(after, v);
			continue;
		}
		long n = strtol(v, &end, 10);
		if (!*v || *end || n < 1 || n > LIMIT_MAX)
			return cx_fail(e, CX_E_BAD_QUERY, "limit",
				CX_T("limit é um número de 1 a %d",
					"limit is a number from 1 to %d"),
				LIMIT_MAX);
		*limit = (int)n;
	}
	return CX_OK;
}

int answer_sources(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e)
{
	struct feeds fs = {.eng = eng, .e = e};
	char after[1024];
	int limit, shown = 0;
	int64_t from, last;
	if (f->head.caller.unit[0])
		return cx_fail(e, CX_E_FORBIDDEN, NULL,
			CX_T("esta credencial só vê a unidade %s, e fontes não têm unidade",
				"this token sees unit %s only, and sources have no unit"),
			f->head.caller.unit);
	int rc = read_params(f, after, &limit, e);
	if (rc >= 0)
		rc = watermark(eng, &from, e);
	if (rc >= 0)
		rc = store_last_seq(eng->store, &last, e);
	if (rc >= 0) /* the table, */
		rc = store_feeds(eng->store, after, each, &fs, e);
	if (rc >= 0) /* and what came after it */
		rc = store_sequences(eng->store, from, last, take, &fs, e);
	jw_obj(b);
	jw_key(b, "sources");
	jw_arr(b);
	if (fs.n)
		qsort(fs.v, (size_t)fs.n, sizeof(struct feed *), by_source);
	struct str past = {after, (uint32_t)strlen(after)};
	int i = 0;
	for (; i < fs.n && shown < limit; i++) {
		if (str_compare(fs.v[i]->source, past) <= 0)
			continue;
		write_feed(b, fs.v[i]);
		shown++;
	}
	jw_arr_end(b);
	jw_key(b, "next");
	if (i < fs.n && shown)
		jw_strn(b, fs.v[i - 1]->source.p, fs.v[i - 1]->source.n);
	else
		jw_null(b);
	jw_obj_end(b);
	feeds_free(&fs);
	return rc < 0 ? rc : CX_OK;
}
