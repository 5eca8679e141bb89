#include "engine/sop_body.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/tz.h"

enum { NODES = 4096, EVIDENCE_MAX = 50 };

static uint32_t given(const struct sop_body *b, const char *key)
{
	uint32_t at = b->d.n ? json_get(&b->d, 0, key) : 0;
	return at && b->d.nodes[at].type != JSON_NULL ? at : 0;
}

/* names: those that are read, separated by blanks. */
static int known_members(struct sop_body *b, const char *names)
{
	const struct json_node *v = b->d.nodes;
	for (uint32_t i = 1, k = 0; b->d.n && k < v[0].count; k++, i = v[i + 1].next) {
		char name[60], shown[SHOWN_MAX];
		struct str key = json_text(&b->d, i, b->a);
		snprintf(name, sizeof name, " %s ", words_show(shown, key));
		if (!strstr(names, name))
			return cx_fail(b->e, CX_E_UNKNOWN_FIELD, words_show(shown, key),
				CX_T("campo desconhecido; há%s", "unknown field; there are%s"),
				names);
	}
	return CX_OK;
}

int sop_body_read(struct sop_body *b, const char *p, size_t n, int depth, const char *names)
{
	if (!n)
		return CX_OK;
	int rc = json_scan(&b->d, p, n, depth, NODES, b->e);
	if (rc >= 0 && b->d.nodes[0].type != JSON_OBJECT)
		rc = cx_fail(b->e, CX_E_BAD_REQUEST, NULL,
			CX_T("mande um objeto JSON", "send a JSON object"));
	for (uint32_t i = 0; rc >= 0 && i < b->d.n; i++)
		if (b->d.nodes[i].type == JSON_STRING && b->d.nodes[i].escaped == JSON_ESCAPED_NUL)
			rc = cx_fail(b->e, CX_E_INVALID_FIELD, NULL,
				CX_T("texto com U+0000", "text with U+0000"));
	return rc < 0 ? rc : known_members(b, names);
}

static struct str kept_text(struct sop_body *b, uint32_t at)
{
	struct str s = json_text(&b->d, at, b->a);
	return arena_str(b->a, s.p, s.n);
}

/* A text of 1 to max bytes under key; p NULL where there is none. */
static int text(struct sop_body *b, const char *key, uint32_t max, struct str *v)
{
	uint32_t at = given(b, key);
	*v = (struct str){0};
	if (!at)
		return CX_OK;
	if (b->d.nodes[at].type == JSON_STRING)
		*v = kept_text(b, at);
	if (v->n && v->n <= max)
		return CX_OK;
	return cx_fail(b->e, CX_E_INVALID_FIELD, key,
		CX_T("%s: um texto de 1 a %u bytes", "%s: a text of 1 to %u bytes"), key, max);
}

/* The instant under key, else now. */
static int instant(struct sop_body *b, const char *key, int64_t *ms)
{
	uint32_t at = given(b, key);
	*ms = b->now_ms;
	if (!at)
		return CX_OK;
	struct str s =
		b->d.nodes[at].type == JSON_STRING ? json_text(&b->d, at, b->a) : (struct str){0};
	if (s.p && tz_parse_rfc3339(s.p, s.n, ms))
		return CX_OK;
	return cx_fail(b->e, CX_E_INVALID_FIELD, key,
		CX_T("%s: um instante como 2026-11-20T12:00:00-03:00",
			"%s: an instant as 2026-11-20T12:00:00-03:00"),
		key);
}

/* What the caller's token says is filled in, and may not be another: bound, for a unit; a person.
 */
static int bound(struct sop_body *b, const char *is, int code, const char *field, struct str *v)
{
	if (!*is)
		return CX_OK;
	struct str own = {is, (uint32_t)strlen(is)};
	if (!v->p || sop_same(*v, own)) {
		*v = own;
		return CX_OK;
	}
	return cx_fail(b->e, code, field,
		CX_T("%s: esta credencial só escreve por %s", "%s: this token writes for %s only"),
		field, is);
}

static int who(struct sop_body *b, struct str *actor)
{
	int rc = text(b, "actor", EVENT_NAME_MAX, actor);
	return rc < 0 ? rc : bound(b, b->person, CX_E_WRONG_ACTOR, "actor", actor);
}

/* The object under key as JSON, and whether the other is true. */
static int context_of(struct sop_body *b, struct sop_start *s)
{
	uint32_t context = given(b, "context"), required = given(b, "required");
	struct buf json = {0};
	if (context && b->d.nodes[context].type != JSON_OBJECT)
		return cx_fail(b->e, CX_E_INVALID_FIELD, "context",
			CX_T("context: um objeto JSON", "context: a JSON object"));
	if (required && b->d.nodes[required].type > JSON_TRUE)
		return cx_fail(b->e, CX_E_INVALID_FIELD, "required",
			CX_T("required: true ou false", "required: true or false"));
	s->required = required && b->d.nodes[required].type == JSON_TRUE;
	if (!context)
		return CX_OK;
	json_compact(&b->d, context, &json);
	s->context = arena_str(b->a, json.p, json.len);
	buf_free(&json);
	return CX_OK;
}

int sop_body_start(struct sop_body *b, struct sop_start *s)
{
	int rc;
	if ((rc = text(b, "run", 100, &s->run)) < 0 ||
		(rc = text(b, "unit", EVENT_NAME_MAX, &s->unit)) < 0 ||
		(rc = who(b, &s->actor)) < 0 ||
		(rc = text(b, "subject", EVENT_NAME_MAX, &s->subject)) < 0 ||
		(rc = text(b, "journey", EVENT_NAME_MAX, &s->journey)) < 0 ||
		(rc = text(b, "key", EVENT_NAME_MAX, &s->key)) < 0 ||
		(rc = text(b, "stage", EVENT_NAME_MAX, &s->stage)) < 0 ||
		(rc = instant(b, "time", &s->time_ms)) < 0 ||
		(rc = bound(b, b->unit, CX_E_WRONG_UNIT, "unit", &s->unit)) < 0)
		return rc;
	return context_of(b, s);
}

static int read_evidence(struct sop_body *b, struct sop_given *g)
{
	uint32_t list = given(b, "evidence");
	if (!list)
		return CX_OK;
	bool ok = b->d.nodes[list].type == JSON_ARRAY && b->d.nodes[list].count <= EVIDENCE_MAX;
	g->evidence = arena_alloc(b->a, (EVIDENCE_MAX + 1) * sizeof *g->evidence);
	SOP_EACH(&b->d, ok ? list : 0, i)
	{
		ok &= b->d.nodes[i].type == JSON_STRING;
		if (ok)
			g->evidence[g->nevidence++] = kept_text(b, i);
	}
	if (ok)
		return CX_OK;
	return cx_fail(b->e, CX_E_INVALID_FIELD, "evidence",
		CX_T("evidence: uma lista de até %d \"sha256:…\"",
			"evidence: a list of at most %d \"sha256:…\""),
		EVIDENCE_MAX);
}

/* An integer, or digits as an event's. */
static int read_sequence(struct sop_body *b, int64_t *v)
{
	uint32_t at = given(b, "sequence");
	*v = 0;
	if (!at)
		return CX_OK;
	if (json_int64(&b->d, at, v) && *v >= 0)
		return CX_OK;
	struct str s =
		b->d.nodes[at].type == JSON_STRING ? json_text(&b->d, at, b->a) : (struct str){0};
	*v = 0;
	bool ok = s.n > 0 && s.n <= 18;
	for (uint32_t i = 0; ok && i < s.n; i++) {
		ok = s.p[i] >= '0' && s.p[i] <= '9';
		*v = *v * 10 + (s.p[i] - '0');
	}
	if (ok)
		return CX_OK;
	return cx_fail(b->e, CX_E_INVALID_FIELD, "sequence",
		CX_T("sequence: um inteiro, 0 ou mais", "sequence: an integer, 0 or more"));
}

int sop_body_answer(struct sop_body *b, struct sop_given *g)
{
	int rc;
	if ((rc = instant(b, "time", &g->time_ms)) < 0 || (rc = who(b, &g->actor)) < 0 ||
		(rc = text(b, "device", EVENT_NAME_MAX, &g->device)) < 0 ||
		(rc = read_sequence(b, &g->sequence)) < 0 || (rc = read_evidence(b, g)) < 0)
		return rc;
	uint32_t at = given(b, "answer");
	if (at)
		g->answer = json_raw(&b->d, at);
	g->now_ms = b->now_ms;
	g->timed = given(b, "time") != 0;
	return CX_OK;
}

int sop_body_end(struct sop_body *b, bool finish, struct str *reason, int64_t *ms)
{
	int rc = instant(b, "time", ms);
	*reason = (struct str){0};
	if (*ms > b->now_ms)
		*ms = b->now_ms;
	if (rc < 0 || finish)
		return rc;
	rc = text(b, "reason", EVENT_TEXT_MAX, reason);
	if (rc >= 0 && !reason->p)
		rc = cx_fail(b->e, CX_E_MISSING_FIELD, "reason",
			CX_T("falta \"reason\": por que foi abandonada",
				"\"reason\" is missing: why it is abandoned"));
	return rc;
}
