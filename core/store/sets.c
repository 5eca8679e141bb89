/* Sets. Rows by (cube, set, day, group, id) would dirty a page of their own nearly each: they were
 * seven of ten pages written. So a batch appends all it saw as one row of set_log, and when the
 * log holds many, its rows up to there are sorted and folded place by place into set_blob, a few
 * places with every batch. How far that has come is kept with it ("set_fold": the last row that
 * is being folded, and the last place done), so that nobody counts an entry twice. */
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/log.h"
#include "base/varint.h"
#include "store/impl.h"

enum { RESERVE = 6 * VARINT_MAX, CRC = 4 };
static const char fold_key[] = "set_fold";

struct place {
	int cube, set;
	int32_t day;
	struct str group;
};
struct fold {              /* a round of folding */
	int64_t upto;      /* the last row that takes part; 0: no round */
	struct place done; /* cube 0: none yet */
};
struct sets {
	struct fold f;
	bool moved;         /* f is not what is kept */
	bool unsafe;        /* the open batch has part in it */
	struct set_seen *v; /* what takes part, by place */
	size_t n, cap, at;
	struct arena text;
	size_t pending; /* entries in the log, about */
};

static int compare_text(struct str g, struct str h)
{
	int c = memcmp(g.p, h.p, g.n < h.n ? g.n : h.n);
	return c ? c : (g.n > h.n) - (g.n < h.n);
}

static int compare_place(const struct place *a, const struct place *b)
{
	if (a->cube != b->cube)
		return a->cube < b->cube ? -1 : 1;
	if (a->set != b->set)
		return a->set < b->set ? -1 : 1;
	if (a->day != b->day)
		return a->day < b->day ? -1 : 1;
	return compare_text(a->group, b->group);
}

static struct place place_of(const struct set_seen *v)
{
	return (struct place){v->cube, v->set, v->day, v->group};
}

/* ---- a row of the log: cells, each cube, day, group, bytes, and so many bytes of set, id, n; then
 * a CRC-32 ---- */

static void put(struct buf *b, uint64_t v)
{
	b->len += varint_put((uint8_t *)b->p + b->len, v);
}

static bool same_cell(const struct set_seen *a, const struct set_seen *b)
{
	return a->cube == b->cube && a->day == b->day && a->group.n == b->group.n &&
	       memcmp(a->group.p, b->group.p, a->group.n) == 0;
}

static void pack(const struct set_seen *v, size_t n, struct buf *out, struct buf *entries)
{
	for (size_t i = 0, next; i < n; i = next) {
		buf_clear(entries);
		for (next = i; next < n && same_cell(&v[i], &v[next]); next++) {
			buf_reserve(entries, RESERVE);
			put(entries, (uint64_t)v[next].set);
			put(entries, v[next].id);
			put(entries, v[next].n);
		}
		buf_reserve(out, RESERVE + v[i].group.n);
		put(out, (uint64_t)v[i].cube);
		put(out, zigzag(v[i].day));
		put(out, v[i].group.n);
		buf_add(out, v[i].group.p, v[i].group.n);
		buf_reserve(out, RESERVE);
		put(out, entries->len);
		buf_add(out, entries->p, entries->len);
	}
}

static uint32_t checksum(const void *p, size_t n)
{
	return (uint32_t)crc32_z(0, p, n);
}

int store_sets_add(struct store *s, const struct set_seen *v, size_t n, struct cx_err *e)
{
	struct buf out = {0}, entries = {0};
	if (!n)
		return CX_OK;
	pack(v, n, &out, &entries);
	uint32_t crc = checksum(out.p, out.len);
	buf_add(&out, &crc, CRC);
	int rc = st_run(s, ST_SET_LOG_ADD,
		ARGS(ARG_INT("entries", (int64_t)n), ARG_BLOB("value", out.p, out.len)), e);
	buf_free(&out);
	buf_free(&entries);
	if (s->sets)
		s->sets->pending += n;
	return rc;
}

struct unpacking {
	int cube, set; /* -1: all */
	int32_t first, last;
	const struct fold *f;
	struct arena *text;
	struct set_seen **v;
	size_t *n, *cap;
	struct broken *broken; /* NULL: a broken row is an error */
};
struct broken { /* rows of the log */
	int64_t *v;
	size_t n;
};

static bool numbers(const uint8_t **p, const uint8_t *end, uint64_t *v, int n)
{
	for (int i = 0; i < n; i++) {
		size_t used = varint_get(*p, end, &v[i]);
		if (!used)
			return false;
		*p += used;
	}
	return true;
}

static void keep(struct unpacking *u, const struct set_seen *seen)
{
	if (*u->n == *u->cap) {
		*u->cap = *u->cap ? *u->cap * 2 : 1024;
		*u->v = xrealloc(*u->v, *u->cap * sizeof **u->v);
	}
	(*u->v)[(*u->n)++] = *seen;
}

static bool whole(const uint8_t *p, size_t n)
{
	uint32_t crc;
	if (n < CRC)
		return false;
	memcpy(&crc, p + n - CRC, CRC);
	return crc == checksum(p, n - CRC);
}

static bool unpack(struct unpacking *u, int64_t row, const uint8_t *p, size_t n)
{
	const uint8_t *end = p + n - CRC;
	uint64_t v[3];
	if (!whole(p, n))
		return false;
	while (p < end) {
		struct set_seen seen = {0};
		if (!numbers(&p, end, v, 3) || v[2] > (uint64_t)(end - p))
			return false;
		seen.cube = (int)v[0];
		seen.day = (int32_t)unzigzag(v[1]);
		seen.group = (struct str){(const char *)p, (uint32_t)v[2]};
		p += v[2];
		if (!numbers(&p, end, v, 1) || v[0] > (uint64_t)(end - p))
			return false;
		const uint8_t *stop = p + v[0];
		bool wanted = (u->cube < 0 || seen.cube == u->cube) && seen.day >= u->first &&
			      seen.day <= u->last;
		if (wanted)
			seen.group = arena_str(u->text, seen.group.p, seen.group.n);
		while (wanted && p < stop) {
			if (!numbers(&p, stop, v, 3))
				return false;
			seen.set = (int)v[0];
			seen.id = (uint32_t)v[1];
			seen.n = (uint32_t)v[2];
			struct place at = place_of(&seen);
			bool folded = u->f->done.cube && row <= u->f->upto &&
				      compare_place(&at, &u->f->done) <= 0;
			if (!folded && (u->set < 0 || seen.set == u->set))
				keep(u, &seen);
		}
		p = stop;
	}
	return true;
}

static int broken_row(struct unpacking *u, int64_t row, struct cx_err *e)
{
	struct broken *b = u->broken;
	if (!b)
		return cx_fail(e, CX_E_STORE_FAILED, NULL,
			CX_T("a linha %lld de set_log está danificada",
				"row %lld of set_log is damaged"),
			(long long)row);
	b->v = xrealloc(b->v, (b->n + 1) * sizeof *b->v);
	b->v[b->n++] = row;
	return CX_OK;
}

/* All rows of the log up to one, through a sieve. */
static int read_log(struct store *s, int64_t upto, struct unpacking *u, struct cx_err *e)
{
	struct drv_stmt *st;
	size_t n;
	int rc = st_start(s, ST_SET_LOG, ARGS(ARG_INT("upto", upto)), &st, e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, e)) == 1) {
		const uint8_t *p = drv_blob(st, 1, &n);
		size_t kept = *u->n;
		if (unpack(u, drv_int(st, 0), p, n))
			continue;
		*u->n = kept;
		rc = broken_row(u, drv_int(st, 0), e);
		if (rc < 0)
			break;
	}
	drv_end(st);
	return rc;
}

/* What a broken row held nobody knows: it is dropped, and all days are counted again from the
 * events, by which they are answered until then. No event is refused for it. */
static int give_up(struct store *s, struct broken *b, struct cx_err *e)
{
	int rc = CX_OK;
	for (size_t i = 0; i < b->n && rc == CX_OK; i++) {
		log_error(CX_T("a linha %lld de set_log está danificada; todos os números são "
			       "contados de novo dos eventos",
				  "row %lld of set_log is damaged; all figures are counted again "
				  "from the events"),
			(long long)b->v[i]);
		rc = st_run(s, ST_SET_LOG_LOSE, ARGS(ARG_INT("seq", b->v[i])), e);
	}
	if (b->n && rc == CX_OK)
		rc = st_run(s, ST_DAYS_SPOIL, NULL, 0, e);
	s->sets->unsafe |= b->n > 0;
	free(b->v);
	*b = (struct broken){0};
	return rc;
}

static int by_place(const void *x, const void *y)
{
	const struct set_seen *a = x, *b = y;
	struct place p = place_of(a), q = place_of(b);
	int c = compare_place(&p, &q);
	return c ? c : (a->id > b->id) - (a->id < b->id);
}

/* Sorted, an id once for each place. */
static size_t tidy(struct set_seen *v, size_t n)
{
	size_t kept = 0;
	if (n)
		qsort(v, n, sizeof *v, by_place);
	for (size_t i = 0; i < n; i++) {
		if (kept && by_place(&v[kept - 1], &v[i]) == 0)
			v[kept - 1].n += v[i].n;
		else
			v[kept++] = v[i];
	}
	return kept;
}

/* ---- how far folding has come: upto, cube, set, day, group ---- */

static int fold_read(struct store *s, struct fold *f, struct arena *a, struct cx_err *e)
{
	struct buf b = {0};
	uint64_t v[4];
	int rc = store_meta_get(s, fold_key, &b, e);
	*f = (struct fold){0};
	const uint8_t *p = (const uint8_t *)b.p, *end = p + b.len;
	if (rc == 1 && b.len && numbers(&p, end, v, 4)) {
		f->upto = (int64_t)v[0];
		f->done = (struct place){(int)v[1], (int)v[2], (int32_t)unzigzag(v[3]),
			arena_str(a, (const char *)p, (size_t)(end - p))};
	}
	buf_free(&b);
	return rc < 0 ? rc : CX_OK;
}

static int fold_write(struct store *s, const struct fold *f, struct cx_err *e)
{
	struct buf b = {0};
	buf_reserve(&b, RESERVE);
	if (f->upto) {
		put(&b, (uint64_t)f->upto);
		put(&b, (uint64_t)f->done.cube);
		put(&b, (uint64_t)f->done.set);
		put(&b, zigzag(f->done.day));
		buf_add(&b, f->done.group.p, f->done.group.n);
	}
	int rc = store_meta_set(s, fold_key, b.p, b.len, e);
	buf_free(&b);
	return rc;
}

/* ---- reading ---- */

struct reading {
	struct set_seen *v;
	size_t n, cap, at;
	struct arena text;
};

struct asking { /* what store_sets() was asked */
	struct store *s;
	int cube, set;
	store_set_f f;
	void *ctx;
	struct cx_err *e;
};

/* The folded ones, in order, each after the entries of the log that come before it. */
static int merge(struct drv_stmt *blobs, struct reading *r, int32_t last, const struct asking *q)
{
	int rc = 0, b = drv_step(blobs, q->e);
	while (rc == 0 && b >= 0) {
		const struct set_seen *v =
			r->at < r->n && r->v[r->at].day <= last ? &r->v[r->at] : NULL;
		bool blob = b == 1;
		if (!blob && !v)
			break;
		if (blob && v) {
			int32_t day = (int32_t)drv_int(blobs, 0);
			blob = day != v->day ? day < v->day
					     : compare_text(drv_str(blobs, 1), v->group) <= 0;
		}
		if (blob) {
			size_t n;
			const void *p = drv_blob(blobs, 2, &n);
			rc = q->f(
				q->ctx, (int32_t)drv_int(blobs, 0), drv_str(blobs, 1), p, n, 0, 0);
			b = rc == 0 ? drv_step(blobs, q->e) : b;
		} else {
			r->at++;
			rc = q->f(q->ctx, v->day, v->group, NULL, 0, v->id, v->n);
		}
	}
	return b < 0 ? b : rc < 0 ? rc : CX_OK;
}

static int read_days(const struct asking *q, struct reading *r, int32_t first, int32_t last)
{
	struct drv_stmt *blobs;
	if (first > last)
		return CX_OK;
	int rc = st_start(q->s, ST_SET_BLOBS,
		ARGS(ARG_INT("cube", q->cube), ARG_INT("setno", q->set), ARG_INT("first", first),
			ARG_INT("last", last)),
		&blobs, q->e);
	if (rc != CX_OK)
		return rc;
	rc = merge(blobs, r, last, q);
	drv_end(blobs);
	return rc;
}

/* Does an entry of the log lie in these days? Those before them may be done already. */
static bool waits(const struct reading *r, int32_t first, int32_t last)
{
	for (size_t i = r->at; i < r->n && r->v[i].day <= last; i++)
		if (r->v[i].day >= first)
			return true;
	return false;
}

/* Reads the spans that will do, and the days before each; *from: the first day that is left. */
static int read_spans(const struct asking *q, const struct set_spans *spans, struct reading *r,
	int32_t *from, int32_t last)
{
	struct drv_stmt *st;
	int rc = st_start(q->s, ST_SET_SPANS,
		ARGS(ARG_INT("cube", q->cube), ARG_INT("setno", q->set),
			ARG_INT("days", spans->days), ARG_INT("first", span_of(*from)),
			ARG_INT("last", span_of(last))),
		&st, q->e);
	if (rc != CX_OK)
		return rc;
	while ((rc = drv_step(st, q->e)) == 1) {
		size_t n;
		int32_t begins = (int32_t)drv_int(st, 0) * SET_SPAN, ends = begins + SET_SPAN - 1;
		if (begins < *from || ends > last || waits(r, begins, ends) ||
			!spans->wanted(q->ctx, begins, ends))
			continue;
		rc = read_days(q, r, *from, begins - 1);
		if (rc < 0)
			break;
		*from = begins;
		const void *p = drv_blob(st, 1, &n);
		rc = q->f(q->ctx, begins, (struct str){0}, p, n, 0, 0);
		if (rc < 0)
			break;
		if (rc == 0)
			*from = ends + 1;
	}
	drv_end(st);
	return rc;
}

int store_sets(struct store *s, int cube, int set, int32_t first, int32_t last,
	const struct set_spans *spans, store_set_f f, void *ctx, struct cx_err *e)
{
	const struct asking q = {s, cube, set, f, ctx, e};
	struct reading r = {0};
	struct fold done;
	struct unpacking u = {cube, set, first, last, &done, &r.text, &r.v, &r.n, &r.cap, NULL};
	int rc = fold_read(s, &done, &r.text, e);
	if (rc == CX_OK)
		rc = read_log(s, INT64_MAX, &u, e);
	if (rc == CX_OK)
		r.n = tidy(r.v, r.n);
	if (rc == CX_OK && spans)
		rc = read_spans(&q, spans, &r, &first, last);
	if (rc == CX_OK)
		rc = read_days(&q, &r, first, last);
	free(r.v);
	arena_free(&r.text);
	return rc;
}

int store_sets_wait(struct store *s, int cube, int set, int32_t day, struct cx_err *e)
{
	struct reading r = {0};
	struct fold done;
	struct unpacking u = {cube, set, day, day, &done, &r.text, &r.v, &r.n, &r.cap, NULL};
	int rc = fold_read(s, &done, &r.text, e);
	if (rc == CX_OK)
		rc = read_log(s, INT64_MAX, &u, e);
	free(r.v);
	arena_free(&r.text);
	return rc < 0 ? rc : r.n > 0;
}

/* ---- folding ---- */

void store_sets_free(struct store *s)
{
	if (!s->sets)
		return;
	free(s->sets->v);
	arena_free(&s->sets->text);
	free(s->sets);
	s->sets = NULL;
}

void store_sets_done(struct store *s)
{
	if (s->sets)
		s->sets->unsafe = false;
}

void store_sets_undone(struct store *s, bool everything)
{
	if (s->sets && (everything || s->sets->unsafe))
		store_sets_free(s); /* read again at the next use */
}

/* How much there is; nothing of it is kept, but broken rows are found. */
static int count(struct store *s, struct cx_err *e)
{
	int64_t n = 0;
	int rc = st_int(s, ST_SET_LOG_COUNT, NULL, 0, &n, e);
	if (rc < 0)
		return rc;
	struct sets *t = s->sets = xcalloc(1, sizeof *s->sets);
	struct broken broken = {0};
	struct unpacking u = {-1, -1, 1, 0, &t->f, &t->text, &t->v, &t->n, &t->cap, &broken};
	t->pending = (size_t)n;
	t->unsafe = true;
	rc = fold_read(s, &t->f, &t->text, e);
	if (rc == CX_OK)
		rc = read_log(s, INT64_MAX, &u, e);
	if (rc == CX_OK)
		rc = give_up(s, &broken, e);
	free(broken.v);
	if (rc < 0)
		store_sets_free(s);
	return rc;
}

/* All of the round is in the blobs. */
static int end(struct store *s, struct cx_err *e)
{
	int rc = st_run(s, ST_SET_LOG_DROP, ARGS(ARG_INT("upto", s->sets->f.upto)), e);
	s->sets->f = (struct fold){0};
	return rc;
}

/* Takes up the round that is under way, or begins one with all there is. */
static int begin(struct store *s, struct cx_err *e)
{
	struct sets *t = s->sets;
	int64_t last = t->f.upto;
	int rc = last ? 1 : st_int(s, ST_SET_LOG_LAST, NULL, 0, &last, e);
	if (rc <= 0)
		return rc;
	struct broken broken = {0};
	struct unpacking u = {
		-1, -1, INT32_MIN, INT32_MAX, &t->f, &t->text, &t->v, &t->n, &t->cap, &broken};
	t->f.upto = last;
	rc = read_log(s, last, &u, e);
	if (rc == CX_OK)
		rc = give_up(s, &broken, e);
	free(broken.v);
	if (rc != CX_OK)
		return rc;
	t->n = tidy(t->v, t->n);
	if (t->n)
		return CX_OK;
	t->unsafe = true; /* nothing was left to fold */
	t->pending = 0;
	rc = end(s, e);
	return rc == CX_OK ? fold_write(s, &t->f, e) : rc;
}

int store_set_due(struct store *s, size_t many, struct set_due *due, struct cx_err *e)
{
	int rc = s->sets ? CX_OK : count(s, e);
	struct sets *t = s->sets;
	if (rc < 0 || (!t->v && !t->f.upto && t->pending < many))
		return rc;
	if (!t->v)
		rc = begin(s, e);
	if (rc < 0 || t->at == t->n)
		return rc;
	const struct set_seen *v = &t->v[t->at];
	struct place at = place_of(v);
	*due = (struct set_due){v->cube, v->set, v->day, v->group, v, 0};
	for (; t->at + due->n < t->n; due->n++) {
		struct place next = place_of(&v[due->n]);
		if (compare_place(&at, &next) != 0)
			break;
	}
	return 1;
}

int store_set_blob(struct store *s, const struct set_due *d, struct buf *out, struct cx_err *e)
{
	return st_bytes(s, ST_SET_BLOB,
		ARGS(ARG_INT("cube", d->cube), ARG_INT("setno", d->set), ARG_INT("day", d->day),
			ARG_STR("grp", d->group)),
		out, e);
}

int store_set_fold(
	struct store *s, const struct set_due *d, const void *blob, size_t n, struct cx_err *e)
{
	struct sets *t = s->sets;
	int rc = st_run(s, ST_SET_FOLD,
		ARGS(ARG_INT("cube", d->cube), ARG_INT("setno", d->set), ARG_INT("day", d->day),
			ARG_STR("grp", d->group), ARG_BLOB("value", blob, n)),
		e);
	t->f.done = (struct place){d->cube, d->set, d->day, d->group};
	t->at += d->n;
	t->moved = t->unsafe = true;
	return rc;
}

int store_sets_settle(struct store *s, struct cx_err *e)
{
	struct sets *t = s->sets;
	int rc = CX_OK;
	if (!t || !t->moved)
		return CX_OK;
	if (t->at == t->n)
		rc = end(s, e);
	if (rc == CX_OK)
		rc = fold_write(s, &t->f, e);
	if (rc == CX_OK && !t->f.upto)
		store_sets_free(s);
	else
		t->moved = false;
	return rc;
}
