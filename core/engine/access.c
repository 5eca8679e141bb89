#include "engine/access.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/log.h"
#include "base/problem.h"
#include "base/tz.h"

enum { SECRET = 32, TOKEN_TEXT = 4 + 44 };

static void token_text(char out[TOKEN_TEXT])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t secret[SECRET + 1] = {0};
	random_bytes(secret, SECRET);
	memcpy(out, "cxd_", 4);
	for (int i = 0; i < 43; i++) {
		int bit = i * 6, v = secret[bit / 8] << 8 | secret[bit / 8 + 1];
		out[4 + i] = digits[v >> (10 - bit % 8) & 63];
	}
	out[47] = 0;
}

static bool name_ok(struct str s)
{
	for (uint32_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			  (c >= 'A' && c <= 'Z') || strchr("._-", c);
		if (!c || !ok)
			return false;
	}
	return s.n > 0 && s.n < NAME_MAX_BYTES;
}

/* One text field of the request into a fixed name; absent is empty. */
static int name_field(struct ingest *in, const char *key, char out[NAME_MAX_BYTES], bool required,
	struct cx_err *e)
{
	uint32_t at = json_get(&in->doc, 0, key);
	out[0] = 0;
	if (!at || in->doc.nodes[at].type == JSON_NULL) {
		if (!required)
			return CX_OK;
		return cx_fail(
			e, CX_E_MISSING_FIELD, key, CX_T("falta \"%s\"", "\"%s\" is missing"), key);
	}
	struct str s = in->doc.nodes[at].type == JSON_STRING ? json_text(&in->doc, at, &in->arena)
							     : (struct str){0};
	if (!name_ok(s))
		return cx_fail(e, CX_E_INVALID_FIELD, key,
			CX_T("\"%s\" tem até 63 letras sem acento, dígitos, . _ -",
				"\"%s\" takes up to 63 ASCII letters, digits, . _ -"),
			key);
	memcpy(out, s.p, s.n);
	out[s.n] = 0;
	return CX_OK;
}

/* A slip such as "units" must not make a token that sees everything. */
static int known_fields(struct ingest *in, struct cx_err *e)
{
	static const char *const names[] = {"name", "level", "unit", "person", "expires"};
	const struct json_node *v = in->doc.nodes;
	for (uint32_t i = 1, k = 0; k < v[0].count; k++, i = v[i + 1].next) {
		struct str key = json_text(&in->doc, i, &in->arena);
		bool known = false;
		for (int n = 0; n < 5; n++)
			known |= strlen(names[n]) == key.n && memcmp(names[n], key.p, key.n) == 0;
		char text[NAME_MAX_BYTES];
		snprintf(text, sizeof text, "%.*s", (int)key.n, key.p);
		if (!known)
			return cx_fail(e, CX_E_UNKNOWN_FIELD, text,
				CX_T("uma credencial tem name, level, unit, person e expires",
					"a token has name, level, unit, person and expires"));
	}
	return CX_OK;
}

static int read_request(
	struct ingest *in, const struct frame *f, struct token_row *t, struct cx_err *e)
{
	char word[NAME_MAX_BYTES];
	enum level level;
	int rc = json_scan(&in->doc, f->body, f->body ? f->head.body_len : 0, 4, 64, e);
	if (rc < 0)
		return rc;
	if (in->doc.nodes[0].type != JSON_OBJECT)
		return cx_fail(e, CX_E_BAD_REQUEST, NULL,
			CX_T("mande um objeto JSON", "send a JSON object"));
	if ((rc = known_fields(in, e)) < 0 || (rc = name_field(in, "name", t->name, true, e)) < 0 ||
		(rc = name_field(in, "level", word, true, e)) < 0 ||
		(rc = name_field(in, "unit", t->unit, false, e)) < 0 ||
		(rc = name_field(in, "person", t->person, false, e)) < 0)
		return rc;
	if (level_parse(word, &level) < 0)
		return cx_fail(e, CX_E_INVALID_FIELD, "level",
			CX_T("nível \"%s\" não existe: frontline, manager, integrator ou admin",
				"there is no level \"%s\": frontline, manager, integrator or "
				"admin"),
			word);
	t->level = (uint8_t)level;
	if ((rc = name_field(in, "expires", word, false, e)) < 0)
		return rc;
	struct duration d;
	bool given = word[0] != 0;
	if (given && (!duration_parse(word, strlen(word), &d) || d.ms + d.days + d.months == 0))
		return cx_fail(e, CX_E_INVALID_FIELD, "expires",
			CX_T("\"expires\" é uma duração maior que zero, como 90d",
				"\"expires\" is a duration above zero, such as 90d"));
	t->expires_ms = given ? duration_add(in->head->now_ms, d, 1) : 0;
	return CX_OK;
}

static int add(struct ingest *in, const struct frame *f, bool again, struct buf *reply,
	bool *changed, struct cx_err *e)
{
	struct token_row t = {0};
	char text[TOKEN_TEXT], when[TZ_TEXT];
	int rc = read_request(in, f, &t, e);
	if (rc < 0)
		return rc;
	if (again && (rc = store_token_remove(in->eng->store, t.name, e)) < 0)
		return rc;
	token_text(text);
	SHA256((const unsigned char *)text, strlen(text), t.sha256);
	rc = store_token_put(in->eng->store, &t, in->head->now_ms, e);
	if (rc < 0)
		return rc;
	*changed = true;
	jw_obj(reply);
	jw_kstr(reply, "name", t.name);
	jw_kstr(reply, "level", level_name(t.level));
	jw_kstr(reply, "token", text);
	if (t.expires_ms) {
		tz_format(t.expires_ms, when);
		jw_kstr(reply, "expires", when);
	}
	jw_obj_end(reply);
	return 201;
}

static int revoke(
	struct ingest *in, const char *name, struct buf *reply, bool *changed, struct cx_err *e)
{
	int rc = store_token_remove(in->eng->store, name ? name : "", e);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return cx_fail(e, CX_E_NOT_FOUND, "name",
			CX_T("não existe a credencial \"%s\"", "there is no token \"%s\""), name);
	*changed = true;
	jw_obj(reply);
	jw_kstr(reply, "revoked", name);
	jw_obj_end(reply);
	return 200;
}

int access_write(
	struct ingest *in, const struct frame *f, struct buf *reply, int *status, bool *changed)
{
	struct cx_err e;
	struct buf kept = {0};
	ingest_job_begin(in, &f->head, false, in->next_seq);
	arena_reset(&in->arena);
	int rc = store_job_get(in->eng->store, f->head.key, status, &kept, &e);
	bool again = rc == 1 && f->head.route == ROUTE_TOKENS_POST && *status == 201;
	if (rc == 1 && !again)
		buf_add(reply, kept.p, kept.len);
	buf_free(&kept);
	if (rc == 1 && !again)
		return CX_OK;
	size_t at = reply->len;
	if (rc >= 0 && f->head.route == ROUTE_TOKENS_POST)
		rc = add(in, f, again, reply, changed, &e);
	else if (rc == 0)
		rc = revoke(in, meta_get(f->meta, f->head.meta_len, "name"), reply, changed, &e);
	if (rc == CX_E_STORE_FAILED || rc == CX_E_DISK_FULL)
		return ingest_lost(in, &e);
	*status = rc < 0 ? problem_write(reply, &e) : rc;
	bool secret = *status == 201; /* never on disk: a replay makes a new one */
	rc = again ? CX_OK
		   : store_job_put(in->eng->store, f->head.key, *status, reply->p + at,
			     secret ? 0 : reply->len - at, &e);
	return rc < 0 ? ingest_lost(in, &e) : CX_OK;
}

static int push_row(void *ctx, const struct token_row *t, int64_t made_ms)
{
	(void)made_ms;
	buf_add(ctx, t, sizeof *t);
	return 0;
}

void access_push(struct engine *eng, struct buf *out)
{
	struct buf rows = {0};
	struct cx_err e;
	if (store_tokens(eng->store, push_row, &rows, &e) < 0)
		log_error("cannot read the tokens: %s", e.msg);
	struct job_head h = {.kind = FRAME_TOKENS, .body_len = (uint32_t)rows.len};
	frame_add(out, &h, NULL, rows.p);
	buf_free(&rows);
}

static int list_row(void *ctx, const struct token_row *t, int64_t made_ms)
{
	struct buf *b = ctx;
	char when[TZ_TEXT];
	jw_obj(b);
	jw_kstr(b, "name", t->name);
	jw_kstr(b, "level", level_name(t->level));
	jw_kstr(b, "unit", t->unit[0] ? t->unit : NULL);
	jw_kstr(b, "person", t->person[0] ? t->person : NULL);
	tz_format(made_ms, when);
	jw_kstr(b, "made", when);
	if (t->expires_ms)
		tz_format(t->expires_ms, when);
	jw_kstr(b, "expires", t->expires_ms ? when : NULL);
	jw_obj_end(b);
	return 0;
}

int access_list(struct engine *eng, struct buf *b, struct cx_err *e)
{
	jw_obj(b);
	jw_key(b, "tokens");
	jw_arr(b);
	int rc = store_tokens(eng->store, list_row, b, e);
	jw_arr_end(b);
	jw_knull(b, "next");
	jw_obj_end(b);
	return rc;
}
