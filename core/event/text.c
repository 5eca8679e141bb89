#include "event/event.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/tz.h"
#include "event/read.h"
#include "json/decimal.h"

enum { NUMBER_MAX = 40, SCALE_MAX = 18, DAY_MS = 86400000 };

/* i units of 10^-scale: "-0.05". */
static int decimal_text(char out[NUMBER_MAX], int64_t i, int scale)
{
	uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i, one = 1;
	scale = scale < 0 ? 0 : scale > SCALE_MAX ? SCALE_MAX : scale;
	for (int k = 0; k < scale; k++)
		one *= 10;
	int n = snprintf(
		out, NUMBER_MAX, "%s%llu", i < 0 ? "-" : "", (unsigned long long)(u / one));
	if (scale)
		n += snprintf(out + n, (size_t)(NUMBER_MAX - n), ".%0*llu", scale,
			(unsigned long long)(u % one));
	return n;
}

struct str value_text(struct value v, enum field_kind kind, int scale, struct arena *a)
{
	char out[NUMBER_MAX + TZ_TEXT];
	int n = 0;
	switch (v.kind) {
	case VALUE_NULL: return (struct str){0};
	case VALUE_TEXT: return v.s;
	case VALUE_BOOL: return v.i ? STR("true") : STR("false");
	case VALUE_MONEY:
		n = decimal_text(out, v.i, currency_scale(v.currency));
		n += snprintf(out + n, sizeof out - (size_t)n, " %.3s", v.currency);
		break;
	case VALUE_INT:
		if (kind == FIELD_TIME) {
			tz_format(v.i, out);
			n = (int)strlen(out);
		} else {
			n = decimal_text(out, v.i, kind == FIELD_DECIMAL ? scale : 0);
		}
		break;
	}
	return arena_str(a, out, (size_t)n);
}

void value_json(struct buf *b, struct value v, const struct field *f)
{
	char out[NUMBER_MAX + TZ_TEXT];
	switch (v.kind) {
	case VALUE_NULL: jw_null(b); break;
	case VALUE_BOOL: jw_bool(b, v.i != 0); break;
	case VALUE_TEXT: jw_strn(b, v.s.p, v.s.n); break;
	case VALUE_MONEY:
		jw_obj(b);
		jw_kint(b, "amount", v.i);
		jw_kstr(b, "currency", v.currency);
		jw_obj_end(b);
		break;
	case VALUE_INT:
		if (f->kind == FIELD_TIME) {
			tz_format(v.i, out);
			jw_str(b, out);
		} else if (f->kind == FIELD_DECIMAL) {
			jw_raw(b, out, (size_t)decimal_text(out, v.i, f->scale));
		} else {
			jw_int(b, v.i);
		}
		break;
	}
}

void value_kept(struct buf *b, struct value v, const struct field *f)
{
	int year, month, day;
	if (v.kind != VALUE_INT || f->kind != FIELD_TIME) {
		value_json(b, v, f);
		return;
	}
	int64_t ms = (v.i % DAY_MS + DAY_MS) % DAY_MS;
	civil_from_day((int32_t)((v.i - ms) / DAY_MS), &year, &month, &day);
	char out[TZ_TEXT];
	snprintf(out, sizeof out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month, day,
		(int)(ms / 3600000), (int)(ms / 60000 % 60), (int)(ms / 1000 % 60),
		(int)(ms % 1000));
	jw_str(b, out);
}

static struct str trimmed(struct str s)
{
	while (s.n && strchr(" \t\r\n", s.p[0]) && s.p[0]) {
		s.p++;
		s.n--;
	}
	while (s.n && strchr(" \t\r\n", s.p[s.n - 1]) && s.p[s.n - 1])
		s.n--;
	return s;
}

static bool units_from_text(struct str text, int scale, int64_t *units)
{
	struct json_decimal d;
	return json_decimal(text, &d) &&
	       json_decimal_units(&d, scale, EVENT_INT_MAX, units) == DECIMAL_FITS;
}

bool money_from_text(struct str text, const char *currency, int64_t *minor)
{
	return units_from_text(trimmed(text), currency_scale(currency), minor);
}

static bool is_currency(const char *p)
{
	return p[0] >= 'A' && p[0] <= 'Z' && p[1] >= 'A' && p[1] <= 'Z' && p[2] >= 'A' &&
	       p[2] <= 'Z';
}

/* "12.34" in the field's currency, or "12.34 BRL". */
static bool money_value(const struct field *f, const char *company, struct str t, struct value *v)
{
	snprintf(v->currency, sizeof v->currency, "%s", read_currency(f, company));
	if (t.n > 4 && t.p[t.n - 4] == ' ' && is_currency(t.p + t.n - 3)) {
		if (f->currency[0] && memcmp(f->currency, t.p + t.n - 3, 3) != 0)
			return false;
		memcpy(v->currency, t.p + t.n - 3, 3);
		t.n -= 4;
	}
	return money_from_text(t, v->currency, &v->i);
}

static bool is_one_of(struct str t, const char *a, const char *b)
{
	return (t.n == strlen(a) && memcmp(t.p, a, t.n) == 0) ||
	       (t.n == strlen(b) && memcmp(t.p, b, t.n) == 0);
}

static bool text_value(const struct field *f, struct str text, struct value *v, struct arena *a)
{
	if (text.n > EVENT_TEXT_MAX || !utf8_ok(text.p, text.n))
		return false;
	v->s = arena_str(a, text.p ? text.p : "", text.n);
	if (f->kind == FIELD_TEXT)
		return true;
	for (int i = 0; i < f->nchoices; i++)
		if (strcmp(f->choices[i], v->s.p) == 0)
			return true;
	return false;
}

bool value_from_text(const struct field *f, const char *company_currency, struct str text,
	struct value *v, struct arena *a)
{
	struct str t = trimmed(text);
	bool ok = false, months;
	*v = (struct value){.kind = VALUE_INT};
	switch (f->kind) {
	case FIELD_INTEGER:
		ok = t.n && !memchr(t.p, '.', t.n) && !memchr(t.p, 'e', t.n) &&
		     !memchr(t.p, 'E', t.n) && units_from_text(t, 0, &v->i);
		break;
	case FIELD_DECIMAL: ok = units_from_text(t, f->scale, &v->i); break;
	case FIELD_BOOLEAN:
		v->kind = VALUE_BOOL;
		v->i = is_one_of(t, "true", "1");
		ok = v->i || is_one_of(t, "false", "0");
		break;
	case FIELD_TEXT:
	case FIELD_CHOICE:
		v->kind = VALUE_TEXT;
		ok = text_value(f, text, v, a);
		break;
	case FIELD_TIME: ok = t.n && tz_parse_any(t.p, t.n, &v->i); break;
	case FIELD_DURATION:
		ok = units_from_text(t, 0, &v->i) || (t.n && read_duration(t, &v->i, &months));
		break;
	case FIELD_MONEY:
		v->kind = VALUE_MONEY;
		ok = money_value(f, company_currency, t, v);
		break;
	}
	if (!ok)
		*v = (struct value){0};
	return ok;
}
