#include "event/read.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/text.h"
#include "base/tz.h"
#include "json/decimal.h"

const char *read_path(char out[PATH_MAX_BYTES], struct str name)
{
	memcpy(out, "data.", 5);
	return words_show(out + 5, name);
}

bool read_wrong(const struct reader *r, const char *fmt, ...)
{
	char path[PATH_MAX_BYTES], msg[340];
	va_list ap;
	if (!r->errs)
		return false;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	const char *shown = read_path(path, (struct str){r->f->name, (uint32_t)strlen(r->f->name)});
	cx_errs_add(r->errs, CX_E_INVALID_FIELD, path, "%s: %s", shown, msg);
	return false;
}

/* "; veio 8.5": what was sent, unless it is personal. */
static const char *got(const struct reader *r, uint32_t node, char out[SHOWN_MAX + 16])
{
	char shown[SHOWN_MAX];
	out[0] = 0;
	if (!r->f->personal)
		snprintf(out, SHOWN_MAX + 16, CX_T("; veio %s", "; got %s"),
			words_show(shown, json_raw(r->d, node)));
	return out;
}

#define WRONG(r, node, pt, en)                                                                     \
	read_wrong(r, "%s%s", CX_T(pt, en), got(r, node, (char[SHOWN_MAX + 16]){0}))

static uint8_t type_of(const struct reader *r, uint32_t node)
{
	return r->d->nodes[node].type;
}

static bool is_number(const struct reader *r, uint32_t node)
{
	return type_of(r, node) == JSON_INTEGER || type_of(r, node) == JSON_NUMBER;
}

/* -0 has neither fraction nor exponent: it is the integer 0. */
static bool whole(const struct reader *r, uint32_t node, int64_t *i)
{
	struct str raw = json_raw(r->d, node);
	*i = 0;
	if (type_of(r, node) == JSON_NUMBER)
		return raw.n == 2 && memcmp(raw.p, "-0", 2) == 0;
	return json_int64(r->d, node, i) && *i <= EVENT_INT_MAX && *i >= -EVENT_INT_MAX;
}

/* A bound of the field as people write it; like: of the same kind, for its currency. */
static struct str bound_text(const struct reader *r, struct value like, int64_t bound)
{
	bool text = like.kind == VALUE_TEXT;
	struct value v = {.kind = text ? VALUE_INT : like.kind, .i = bound};
	memcpy(v.currency, like.currency, sizeof v.currency);
	return value_text(v, text ? FIELD_INTEGER : r->f->kind, r->f->scale, r->a);
}

/* What does not fit is told with all that would; a kind has bounds of its own. */
static bool out_of_bounds(const struct reader *r, struct value like, bool one_end)
{
	const struct field *f = r->f;
	bool text = like.kind == VALUE_TEXT;
	const char *unit = text                        ? CX_T(" caracteres", " characters")
			   : f->kind == FIELD_DURATION ? " ms"
						       : "";
	struct str low = bound_text(r, like, f->has_min ? f->min : -EVENT_INT_MAX);
	struct str high = bound_text(r, like, f->has_max ? f->max : EVENT_INT_MAX);
	if (one_end && !f->has_max)
		return read_wrong(r, CX_T("o mínimo é %.*s%s", "the minimum is %.*s%s"), (int)low.n,
			low.p, unit);
	if (one_end && !f->has_min)
		return read_wrong(r, CX_T("o máximo é %.*s%s", "the maximum is %.*s%s"),
			(int)high.n, high.p, unit);
	return read_wrong(r,
		CX_T("deve ficar entre %.*s e %.*s%s", "must be between %.*s and %.*s%s"),
		(int)low.n, low.p, (int)high.n, high.p, unit);
}

static bool read_integer(struct reader *r, uint32_t node, struct value *v)
{
	if (whole(r, node, &v->i))
		return true;
	if (type_of(r, node) == JSON_INTEGER)
		return out_of_bounds(r, (struct value){.kind = VALUE_INT}, false);
	return WRONG(r, node, "deve ser um número inteiro, sem fração nem expoente",
		"must be a whole number without fraction or exponent");
}

static bool read_decimal(struct reader *r, uint32_t node, struct value *v)
{
	struct json_decimal d;
	struct str text = type_of(r, node) == JSON_STRING ? json_text(r->d, node, r->a)
							  : json_raw(r->d, node);
	if ((!is_number(r, node) && type_of(r, node) != JSON_STRING) || !json_decimal(text, &d))
		return WRONG(r, node, "deve ser um número decimal, como 12.5 ou \"12.5\"",
			"must be a decimal number like 12.5 or \"12.5\"");
	switch (json_decimal_units(&d, r->f->scale, EVENT_INT_MAX, &v->i)) {
	case DECIMAL_TOO_FINE:
		return read_wrong(r,
			CX_T("tem mais de %d casas decimais", "has more than %d decimal places"),
			r->f->scale);
	case DECIMAL_TOO_BIG: return read_wrong(r, "%s", CX_T("é grande demais", "is too large"));
	default: return true;
	}
}

static bool read_text(struct reader *r, uint32_t node, struct value *v)
{
	if (type_of(r, node) != JSON_STRING)
		return WRONG(r, node, "deve ser um texto", "must be a string");
	v->s = json_text(r->d, node, r->a);
	if (v->s.n > EVENT_TEXT_MAX)
		return read_wrong(r,
			CX_T("tem %u bytes; o limite é %d", "is %u bytes long; the limit is %d"),
			v->s.n, EVENT_TEXT_MAX);
	if (memchr(v->s.p, 0, v->s.n))
		return read_wrong(r, "%s", CX_T("texto com U+0000", "text with U+0000"));
	return true;
}

static bool wrong_choice(const struct reader *r)
{
	char list[200];
	size_t n = 0;
	for (int i = 0; i < r->f->nchoices; i++) {
		size_t len = strlen(r->f->choices[i]);
		if (n + len + 10 > sizeof list) {
			snprintf(list + n, sizeof list - n, "…");
			break;
		}
		n += (size_t)snprintf(
			list + n, sizeof list - n, "%s\"%s\"", i ? ", " : "", r->f->choices[i]);
	}
	return read_wrong(r, CX_T("deve ser um destes: %s", "must be one of: %s"), list);
}

static bool read_choice(struct reader *r, uint32_t node, struct value *v)
{
	if (type_of(r, node) == JSON_STRING) {
		v->s = json_text(r->d, node, r->a);
		if (!r->errs) /* stored when it was one of them */
			return true;
		for (int i = 0; i < r->f->nchoices; i++)
			if (strlen(r->f->choices[i]) == v->s.n &&
				memcmp(r->f->choices[i], v->s.p, v->s.n) == 0)
				return true;
	}
	return wrong_choice(r);
}

static bool read_time(struct reader *r, uint32_t node, struct value *v)
{
	if (type_of(r, node) == JSON_STRING) {
		struct str t = json_text(r->d, node, r->a);
		if (tz_parse_rfc3339(t.p, t.n, &v->i))
			return true;
	}
	return WRONG(r, node, "deve ser data e hora com fuso, como 2026-11-20T12:00:00-03:00",
		"must be a date and time with an offset like 2026-11-20T12:00:00-03:00");
}

/* A stored length of time is a number of ms, so a day is 24 hours here and a week 168; a month has
 * no fixed length and is refused. */
bool read_duration(struct str text, int64_t *ms, bool *months)
{
	struct duration d;
	*months = false;
	if (!duration_parse(text.p, text.n, &d))
		return false;
	*months = text.n > 1 && (text.p[text.n - 1] == 'y' || text.p[text.n - 1] == 'o');
	*ms = d.ms + d.days * 86400000LL;
	return !*months;
}

static bool read_duration_node(struct reader *r, uint32_t node, struct value *v)
{
	bool months = false;
	if (is_number(r, node) && whole(r, node, &v->i))
		return true;
	if (type_of(r, node) == JSON_STRING &&
		read_duration(json_text(r->d, node, r->a), &v->i, &months))
		return true;
	if (months)
		return read_wrong(r, "%s",
			CX_T("meses e anos não têm duração fixa; use d, w, h, min, s ou ms",
				"months and years have no fixed length; use d, w, h, min, s or "
				"ms"));
	return WRONG(r, node,
		"deve ser uma duração: milissegundos inteiros ou um texto como \"3d\"",
		"must be a duration: whole milliseconds or a text like \"3d\"");
}

const char *read_currency(const struct field *f, const char *company_currency)
{
	return f->currency[0] ? f->currency : company_currency;
}

static bool currency_form(struct str s)
{
	for (uint32_t i = 0; i < s.n; i++)
		if (s.p[i] < 'A' || s.p[i] > 'Z')
			return false;
	return s.n == 3;
}

static bool read_money_object(struct reader *r, uint32_t node, struct value *v)
{
	uint32_t amount = json_get(r->d, node, "amount"), code = json_get(r->d, node, "currency");
	if (!amount || !code || r->d->nodes[node].count != 2 || !is_number(r, amount) ||
		type_of(r, code) != JSON_STRING)
		return WRONG(r, node,
			"deve ter exatamente \"amount\" (inteiro, em centavos) e \"currency\"",
			"must have exactly \"amount\" (whole, in minor units) and \"currency\"");
	if (!whole(r, amount, &v->i))
		return WRONG(r, amount, "amount deve ser um inteiro na menor unidade da moeda",
			"amount must be a whole number of minor units");
	char shown[SHOWN_MAX + 16];
	struct str c = json_text(r->d, code, r->a);
	if (!currency_form(c))
		return read_wrong(r,
			CX_T("currency deve ser um código como %s%s",
				"currency must be a code like %s%s"),
			read_currency(r->f, r->company_currency), got(r, code, shown));
	if (r->f->currency[0] && memcmp(r->f->currency, c.p, 3) != 0)
		return read_wrong(r,
			CX_T("a moeda deste campo é %s; veio %.3s",
				"the currency of this field is %s; got %.3s"),
			r->f->currency, c.p);
	memcpy(v->currency, c.p, 3);
	return true;
}

static bool read_money(struct reader *r, uint32_t node, struct value *v)
{
	char shown[SHOWN_MAX + 16];
	const char *currency = read_currency(r->f, r->company_currency);
	if (type_of(r, node) == JSON_OBJECT)
		return read_money_object(r, node, v);
	if (!is_number(r, node) || !whole(r, node, &v->i))
		return read_wrong(r,
			CX_T("deve ser {\"amount\":1999,\"currency\":\"%s\"} ou um inteiro na "
			     "menor unidade de %s%s",
				"must be {\"amount\":1999,\"currency\":\"%s\"} or a whole number "
				"of "
				"minor units of %s%s"),
			currency, currency, got(r, node, shown));
	snprintf(v->currency, sizeof v->currency, "%s", currency);
	return true;
}

static int64_t characters(struct str s)
{
	int64_t n = 0;
	for (uint32_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

/* min and max of a text count its characters. */
static bool in_bounds(struct reader *r, struct value *v)
{
	const struct field *f = r->f;
	if (!r->errs || (!f->has_min && !f->has_max)) /* what is stored was right in its day */
		return true;
	bool text = v->kind == VALUE_TEXT;
	int64_t have = text ? characters(v->s) : v->i;
	if ((!f->has_min || have >= f->min) && (!f->has_max || have <= f->max))
		return true;
	return out_of_bounds(r, *v, true);
}

bool read_value(struct reader *r, uint32_t node, struct value *v)
{
	static const enum value_kind kinds[] = {VALUE_INT, VALUE_INT, VALUE_BOOL, VALUE_TEXT,
		VALUE_TEXT, VALUE_INT, VALUE_INT, VALUE_MONEY};
	bool ok = false;
	uint8_t type = type_of(r, node);
	*v = (struct value){0};
	if (type == JSON_NULL)
		return true;
	switch (r->f->kind) {
	case FIELD_INTEGER: ok = read_integer(r, node, v); break;
	case FIELD_DECIMAL: ok = read_decimal(r, node, v); break;
	case FIELD_BOOLEAN:
		v->i = type == JSON_TRUE;
		ok = type == JSON_TRUE || type == JSON_FALSE ||
		     WRONG(r, node, "deve ser true ou false", "must be true or false");
		break;
	case FIELD_TEXT: ok = read_text(r, node, v); break;
	case FIELD_CHOICE: ok = read_choice(r, node, v); break;
	case FIELD_TIME: ok = read_time(r, node, v); break;
	case FIELD_DURATION: ok = read_duration_node(r, node, v); break;
	case FIELD_MONEY: ok = read_money(r, node, v); break;
	}
	if (ok) {
		v->kind = kinds[r->f->kind];
		ok = in_bounds(r, v);
	}
	if (!ok)
		*v = (struct value){0};
	return ok;
}
