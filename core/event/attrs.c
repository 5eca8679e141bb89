#include "event/attrs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/tz.h"
#include "base/nearest.h"
#include "event/read.h"

static const struct str names[A_COUNT] = {{"actor", 5}, {"corrects", 8}, {"data", 4},
	{"data_base64", 11}, {"datacontenttype", 15}, {"dataschema", 10}, {"id", 2},
	{"recordedtime", 12}, {"sequence", 8}, {"source", 6}, {"specversion", 11}, {"subject", 7},
	{"time", 4}, {"type", 4}, {"unit", 4}};

int attrs_find(const char *name, size_t n)
{
	for (int i = 0; i < A_COUNT; i++)
		if (names[i].n == n && memcmp(names[i].p, name, n) == 0)
			return i;
	return -1;
}

const char *attrs_name(enum attr_id id)
{
	return names[id].p;
}

void attrs_unknown(struct str name, struct cx_errs *errs)
{
	char shown[SHOWN_MAX];
	struct nearest near = {.word = words_show(shown, name)};
	for (int i = 0; i < A_COUNT; i++)
		nearest_try(&near, names[i].p);
	cx_errs_add(errs, CX_E_UNKNOWN_FIELD, shown,
		CX_T("o evento não tem o atributo \"%s\"%s", "an event has no attribute \"%s\"%s"),
		shown,
		near.best ? nearest_hint(&near, "\"", "\"")
			  : CX_T("; os campos do negócio ficam em \"data\"",
				    "; business fields go in \"data\""));
}

void attrs_wrong(struct attrs *in, enum attr_id id, struct cx_errs *errs, const char *fmt, ...)
{
	char msg[300];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	in->wrong[id] = true;
	cx_errs_add(errs, CX_E_INVALID_FIELD, names[id].p, "%s: %s", names[id].p, msg);
}

static void missing(struct attrs *in, enum attr_id id, struct cx_errs *errs)
{
	in->wrong[id] = true;
	cx_errs_add(errs, CX_E_MISSING_FIELD, names[id].p,
		CX_T("falta o atributo \"%s\"", "the attribute \"%s\" is missing"), names[id].p);
}

static bool usable(const struct attrs *in, enum attr_id id)
{
	return in->sent[id] && !in->wrong[id];
}

static struct str take_name(struct attrs *in, enum attr_id id, struct cx_errs *errs)
{
	if (!usable(in, id))
		return (struct str){0};
	if (in->v[id].n == 0)
		attrs_wrong(in, id, errs, "%s", CX_T("não pode ser vazio", "may not be empty"));
	else if (in->v[id].n > EVENT_NAME_MAX)
		attrs_wrong(in, id, errs,
			CX_T("tem %u bytes; o limite é %d", "is %u bytes long; the limit is %d"),
			in->v[id].n, EVENT_NAME_MAX);
	return in->v[id];
}

static void take_time(struct event *ev, struct attrs *in, const struct event_origin *o,
	struct arena *a, struct cx_errs *errs)
{
	char text[TZ_TEXT], shown[SHOWN_MAX];
	if (!in->sent[A_TIME]) {
		tz_format(o->now_ms, text);
		ev->time = arena_str(a, text, strlen(text));
		ev->time_ms = o->now_ms;
		return;
	}
	if (in->wrong[A_TIME])
		return;
	struct str t = in->v[A_TIME];
	ev->time = t;
	if (t.n > EVENT_NAME_MAX || !tz_parse_rfc3339(t.p, t.n, &ev->time_ms))
		attrs_wrong(in, A_TIME, errs,
			CX_T("\"%s\" não é data e hora com fuso, como 2026-11-20T12:00:00-03:00",
				"\"%s\" is no date and time with an offset like "
				"2026-11-20T12:00:00-03:00"),
			words_show(shown, t));
	ev->clockahead = ev->time_ms > o->now_ms + EVENT_AHEAD_MS;
}

static void take_recordedtime(
	struct event *ev, struct attrs *in, const struct event_origin *o, struct cx_errs *errs)
{
	ev->recorded_ms = o->now_ms;
	if (!usable(in, A_RECORDEDTIME))
		return;
	if (!o->import) {
		attrs_wrong(in, A_RECORDEDTIME, errs, "%s",
			CX_T("é o servidor que registra; só uma importação pode informar",
				"is set by the server; only an import may give one"));
		return;
	}
	struct str t = in->v[A_RECORDEDTIME];
	int64_t ms;
	if (t.n > EVENT_NAME_MAX || !tz_parse_rfc3339(t.p, t.n, &ms))
		attrs_wrong(in, A_RECORDEDTIME, errs, "%s",
			CX_T("não é data e hora com fuso", "is no date and time with an offset"));
	else if (ms > o->now_ms)
		attrs_wrong(in, A_RECORDEDTIME, errs, "%s",
			CX_T("está no futuro", "lies in the future"));
	else
		ev->recorded_ms = ms;
}

static void take_sequence(struct event *ev, struct attrs *in, struct cx_errs *errs)
{
	ev->sequence = take_name(in, A_SEQUENCE, errs);
	if (!usable(in, A_SEQUENCE))
		return;
	for (uint32_t i = 0; i < ev->sequence.n; i++)
		if (ev->sequence.p[i] < '0' || ev->sequence.p[i] > '9') {
			attrs_wrong(in, A_SEQUENCE, errs, "%s",
				CX_T("deve ter só dígitos", "must be digits only"));
			return;
		}
}

/* The item-th id of a job: its ULID counted on, so that a replay makes the same ids. */
static struct str made_id(const struct event_origin *o, struct arena *a)
{
	uint8_t id[ULID_BYTES];
	char text[ULID_TEXT];
	uint32_t carry = o->item;
	memcpy(id, o->ulid, sizeof id);
	for (int i = ULID_BYTES - 1; i >= 6 && carry; i--) {
		uint64_t sum = (uint64_t)id[i] + carry;
		id[i] = (uint8_t)sum;
		carry = (uint32_t)(sum >> 8);
	}
	ulid_text(id, text);
	return arena_str(a, text, ULID_TEXT - 1);
}

static struct str made_source(const struct event_origin *o, struct arena *a)
{
	char text[NAME_MAX_BYTES + 16];
	const struct caller *c = o->caller;
	if (c && c->token[0])
		snprintf(text, sizeof text, "/token/%.*s", NAME_MAX_BYTES, c->token);
	else if (c && c->uid != UINT32_MAX)
		snprintf(text, sizeof text, "/uid/%u", c->uid);
	else
		snprintf(text, sizeof text, "/local");
	return arena_str(a, text, strlen(text));
}

/* What the caller is bound to is filled in; another one is refused. */
static void bind(struct attrs *in, enum attr_id id, const char *to, int code, struct str *v,
	struct arena *a, struct cx_errs *errs)
{
	size_t n = to ? strnlen(to, NAME_MAX_BYTES) : 0;
	if (!n || in->wrong[id])
		return;
	if (!in->sent[id])
		*v = arena_str(a, to, n);
	else if (v->n != n || memcmp(v->p, to, n) != 0)
		cx_errs_add(errs, code, names[id].p,
			CX_T("quem chama só pode enviar eventos com %s \"%.*s\"",
				"the caller may only send events whose %s is \"%.*s\""),
			names[id].p, (int)n, to);
}

static void take_data(struct event *ev, struct attrs *in, struct arena *a, struct cx_errs *errs)
{
	if (!usable(in, A_DATA))
		return;
	const struct json_doc *d = in->doc;
	if (d->nodes[in->data].type != JSON_OBJECT) {
		attrs_wrong(in, A_DATA, errs, "%s",
			CX_T("deve ser um objeto JSON ou null", "must be a JSON object or null"));
		return;
	}
	struct buf out = {arena_alloc(a, d->nodes[in->data].len + 1), 0, 0};
	out.cap =
		d->nodes[in->data].len + 1; /* compact is never longer: the buffer does not move */
	json_compact(d, in->data, &out);
	ev->data = (struct str){out.p, (uint32_t)out.len};
	uint32_t member = in->data + 1;
	for (uint32_t i = member; i < d->nodes[in->data].next; i++) {
		if (i == d->nodes[member + 1].next)
			member = i;
		if (d->nodes[i].escaped != JSON_ESCAPED_NUL)
			continue;
		char path[PATH_MAX_BYTES] = "data";
		if (d->nodes[member].escaped == 0)
			read_path(path, json_text(d, member, a));
		cx_errs_add(errs, CX_E_INVALID_FIELD, path,
			CX_T("%s: texto com U+0000", "%s: text with U+0000"), path);
	}
}

static void check_modes(struct attrs *in, struct cx_errs *errs)
{
	if (in->structured && !in->sent[A_SPECVERSION])
		missing(in, A_SPECVERSION, errs);
	if (usable(in, A_SPECVERSION) &&
		(in->v[A_SPECVERSION].n != 3 || memcmp(in->v[A_SPECVERSION].p, "1.0", 3) != 0))
		attrs_wrong(
			in, A_SPECVERSION, errs, "%s", CX_T("deve ser \"1.0\"", "must be \"1.0\""));
	if (in->structured && !in->sent[A_ID])
		missing(in, A_ID, errs);
	if (!in->sent[A_TYPE])
		missing(in, A_TYPE, errs);
	if (usable(in, A_DATA_BASE64))
		attrs_wrong(in, A_DATA_BASE64, errs, "%s",
			CX_T("só se aceita JSON, em \"data\"",
				"only JSON is accepted, in \"data\""));
}

int attrs_first_code(const struct cx_errs *errs, int before)
{
	if (errs->n == before)
		return CX_OK;
	return before < CX_ERRS_MAX ? errs->v[before].code : CX_E_INVALID_FIELD;
}

int attrs_take(struct event *ev, struct attrs *in, const struct event_origin *o, struct arena *a,
	struct cx_errs *errs, int before)
{
	check_modes(in, errs);
	ev->id = take_name(in, A_ID, errs);
	ev->source = take_name(in, A_SOURCE, errs);
	ev->type_name = take_name(in, A_TYPE, errs);
	ev->subject = take_name(in, A_SUBJECT, errs);
	ev->unit = take_name(in, A_UNIT, errs);
	ev->actor = take_name(in, A_ACTOR, errs);
	ev->corrects = take_name(in, A_CORRECTS, errs);
	take_sequence(ev, in, errs);
	take_time(ev, in, o, a, errs);
	take_recordedtime(ev, in, o, errs);
	take_data(ev, in, a, errs);
	if (o->caller) {
		bind(in, A_UNIT, o->caller->unit, CX_E_WRONG_UNIT, &ev->unit, a, errs);
		bind(in, A_ACTOR, o->caller->person, CX_E_WRONG_ACTOR, &ev->actor, a, errs);
	}
	int rc = attrs_first_code(errs, before);
	if (rc != CX_OK)
		return rc;
	attrs_digest(ev, in);
	if (!in->sent[A_ID]) {
		ev->id = made_id(o, a);
		ev->id_made = true;
	}
	if (!in->sent[A_SOURCE])
		ev->source = made_source(o, a);
	return CX_OK;
}
