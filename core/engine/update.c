/* A row of an import that has changed since it was imported: with update it is stored as a
 * correction, "<id>~<n>". The content of what is there is compared by its digest: the row's, as if
 * it had been sent under that event's id. So the same file again adds nothing. */
#include <stdlib.h>
#include <string.h>

#include "engine/ingest.h"
#include "kpi/group.h"

enum { MAX_NODES = 65536 };

struct update {
	struct ingest *in;
	const struct ingest_source *src;
	struct event row;            /* as it was sent */
	struct event old, own, last; /* stored under its id; its newest "<id>~<n>"; the newest */
	struct cx_err *e;
	int64_t newest;
};

/* The row under another id, and as a correction. It becomes known now, whatever it says: what was
 * answered as known before stays as it was. */
static int as(struct update *u, struct str id, struct str corrects, struct event *ev)
{
	struct ingest *in = u->in;
	struct event_origin o = ingest_origin(in, u->src);
	struct buf b = {0};
	struct cx_err e;
	int depth = (int)in->eng->conf->limits_depth;
	int rc = json_scan(&in->doc, u->src->body, u->src->body_len, depth, MAX_NODES, &e);
	jw_obj(&b);
	jw_key(&b, "id");
	jw_strn(&b, id.p, id.n);
	if (corrects.p) {
		jw_key(&b, "corrects");
		jw_strn(&b, corrects.p, corrects.n);
	}
	uint32_t key = 1, n = rc >= 0 ? in->doc.nodes[0].count : 0;
	for (uint32_t i = 0; i < n; i++, key = in->doc.nodes[key + 1].next) {
		static const char *const ours[] = {"id", "corrects", "recordedtime"};
		struct str name = json_text(&in->doc, key, &in->arena);
		struct str value = json_raw(&in->doc, key + 1);
		bool mine = false;
		for (size_t k = 0; k < sizeof ours / sizeof *ours; k++)
			mine |= name.n == strlen(ours[k]) && !memcmp(name.p, ours[k], name.n);
		if (mine)
			continue;
		jw_key(&b, arena_str(&in->arena, name.p, name.n).p);
		jw_raw(&b, value.p, value.n);
	}
	jw_obj_end(&b);
	struct str body = arena_str(&in->arena, b.p, b.len);
	buf_free(&b);
	if (rc >= 0)
		rc = json_scan(&in->doc, body.p, body.n, depth, MAX_NODES, &e);
	if (rc < 0) {
		in->errs.n = 1;
		in->errs.v[0] = e;
		return rc;
	}
	o.max_bytes = 0; /* was looked at */
	return event_envelope(ev, &in->doc, 0, &o, &in->arena, &in->errs);
}

/* Does the row say what v, an event of its family, says? 1 yes: *ev is v sent again; 0 no. */
static int says(struct update *u, const struct event *v, struct event *ev)
{
	if (!v->seq)
		return 0;
	*ev = u->row;
	int rc = v->seq == u->old.seq ? CX_OK : as(u, v->id, v->corrects, ev);
	return rc < 0 ? rc : memcmp(ev->digest, v->digest, EVENT_DIGEST) == 0;
}

/* "<id>~<digits>" */
static bool is_own(const struct update *u, const struct event *v)
{
	struct str id = u->row.id;
	if (v->id.n < id.n + 2 || memcmp(v->id.p, id.p, id.n) != 0 || v->id.p[id.n] != '~')
		return false;
	for (uint32_t i = id.n + 1; i < v->id.n; i++)
		if (v->id.p[i] < '0' || v->id.p[i] > '9')
			return false;
	return true;
}

static int look(void *ctx, int64_t seq, int64_t recorded_ms)
{
	struct update *u = ctx;
	struct event v = {0};
	(void)recorded_ms;
	int rc = store_event_get(u->in->eng->store, seq, &v, &u->in->arena, u->e);
	if (rc < 0)
		return rc;
	if (is_own(u, &v))
		u->own = v;
	if (seq == u->newest)
		u->last = v;
	return 0;
}

/* The first "<id>~<n>" from n on that nobody has. */
static int free_id(struct update *u, int64_t n, struct str *id)
{
	struct ingest *in = u->in;
	struct event taken = {0};
	int found = 1;
	for (; found == 1; n++) {
		struct buf b = {0};
		buf_add(&b, u->row.id.p, u->row.id.n);
		buf_printf(&b, "~%lld", (long long)n);
		*id = arena_str(&in->arena, b.p, b.len);
		buf_free(&b);
		found = store_event_find(
			in->eng->store, u->row.source, *id, &taken, &in->arena, u->e);
	}
	return found;
}

/* Looks the row's event up, with its family: 1 it is there and of the row's type, 0 not. */
static int find(struct update *u, struct family *f)
{
	struct store *s = u->in->eng->store;
	int rc = store_event_find(s, u->row.source, u->row.id, &u->old, &u->in->arena, u->e);
	if (rc <= 0 || !str_same(u->old.type_name, u->row.type_name))
		return rc < 0 ? rc : 0;
	int64_t root = u->old.root ? u->old.root : u->old.seq;
	rc = store_family(s, root, INT64_MAX, f, u->e);
	u->newest = f->newest;
	if (rc >= 0 && f->newest == root)
		rc = look(u, root, 0);
	if (rc >= 0 && f->corrections)
		rc = store_members(s, root, look, u, u->e);
	return rc < 0 ? rc : 1;
}

int ingest_update(struct ingest *in, const struct ingest_source *src, struct event *ev)
{
	struct cx_err e;
	struct update u = {.in = in, .src = src, .row = *ev, .e = &e};
	struct family f;
	struct str id;
	if (src->binary || ev->id_made)
		return CX_OK;
	int rc = find(&u, &f);
	if (rc < 0)
		return ingest_lost(in, &e);
	if (rc == 0)
		return CX_OK;
	/* What the row said last, or what stands by whomever else. */
	rc = says(&u, u.own.seq ? &u.own : &u.old, ev);
	if (rc == 0)
		rc = says(&u, &u.last, ev);
	if (rc != 0) {
		in->corrected = rc > 0 && is_own(&u, ev);
		return rc < 0 ? rc : CX_OK;
	}
	if (free_id(&u, f.corrections + 1, &id) < 0)
		return ingest_lost(in, &e);
	in->corrected = true;
	return as(&u, id, u.row.id, ev);
}
