#include "cli/figure.h"

#include <string.h>

#include "base/tz.h"

static const struct {
	const char *note, *pt, *en;
} notes[] = {
	{"no_data", "sem dados", "no data"},
	{"few_answers", "poucas respostas", "few answers"},
	{"partial", "parcial", "partial"},
	{"rebuilding", "em recálculo", "rebuilding"},
	{"suppressed", "suprimido", "suppressed"},
};

const char *figure_note(const json_t *o)
{
	const char *note = json_text_of(o, "note");
	for (size_t i = 0; note && i < sizeof notes / sizeof *notes; i++)
		if (strcmp(note, notes[i].note) == 0)
			return CX_T(notes[i].pt, notes[i].en);
	return note;
}

/* A title is a text or one per language. */
const char *figure_title(const json_t *o, const char *otherwise)
{
	const json_t *t = json_object_get(o, "title");
	const char *s = json_string_value(t);
	if (!s)
		s = json_text_of(t, CX_T("pt-BR", "en"));
	if (!s && cx_lang == CX_PT)
		s = json_text_of(t, "pt");
	if (!s && json_is_object(t))
		s = json_string_value(json_object_iter_value(json_object_iter((json_t *)t)));
	return s ? s : otherwise;
}

void figure_cell(struct table *t, const json_t *o)
{
	const char *text = json_text_of(o, "text");
	const json_t *v = json_object_get(o, "value");
	if (text || !json_is_number(v))
		table_cell(t, text ? text : "—");
	else
		table_cellf(t, "%.15g", json_number_value(v));
}

void figure_dim_cell(struct table *t, const json_t *v)
{
	if (json_is_string(v))
		table_cell(t, json_string_value(v));
	else if (json_is_integer(v))
		table_cellf(t, "%lld", (long long)json_integer_value(v));
	else if (json_is_number(v))
		table_cellf(t, "%.15g", json_number_value(v));
	else
		table_cell(t, json_is_true(v)    ? CX_T("sim", "yes")
			      : json_is_false(v) ? CX_T("não", "no")
						 : "—");
}

static void date_text(int32_t day, char out[32])
{
	static const char *const months[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	int y, m, d;
	civil_from_day(day, &y, &m, &d);
	if (cx_lang == CX_PT)
		snprintf(out, 32, "%02d/%02d/%04d", d, m, y);
	else
		snprintf(out, 32, "%d %s %04d", d, months[m - 1], y);
}

/* The instants from and to (exclusive) as people say them; "" where there is no window. */
/* A window that is open at one end. */
static void open_period(const char *from, const char *to, char out[96])
{
	const char *text = from ? from : to;
	int64_t at;
	char day[32];
	out[0] = 0;
	if (!text || !tz_parse_rfc3339(text, strlen(text), &at))
		return;
	int32_t d = tz_day(from ? at : at - 1);
	if (tz_day_start(from ? d : d + 1) == at)
		date_text(d, day);
	else
		snprintf(day, sizeof day, "%.16s", text);
	snprintf(out, 96, from ? CX_T("desde %s", "since %s") : CX_T("até %s", "up to %s"), day);
}

void figure_period(const json_t *o, char out[96])
{
	const char *from = json_text_of(o, "from"), *to = json_text_of(o, "to");
	int64_t a, b;
	char first[32], last[32];
	if (!from || !to || !tz_parse_rfc3339(from, strlen(from), &a) ||
		!tz_parse_rfc3339(to, strlen(to), &b)) {
		open_period(from, to, out);
		return;
	}
	int32_t d1 = tz_day(a), d2 = tz_day(b - 1);
	if (tz_day_start(d1) != a || tz_day_start(d2 + 1) != b) {
		snprintf(out, 96, "%.16s … %.16s", from, to);
		return;
	}
	date_text(d1, first);
	date_text(d2, last);
	if (d1 == d2)
		snprintf(out, 96, "%s", first);
	else
		snprintf(out, 96, CX_T("%s a %s", "%s – %s"), first, last);
}

void figure_measures(const json_t *o, struct buf *b)
{
	json_t *all = json_object_get(o, "measures");
	buf_clear(b);
	for (void *m = json_object_iter(all); m; m = json_object_iter_next(all, m))
		if (json_is_integer(json_object_iter_value(m)))
			buf_printf(b, "%s%s=%lld", b->len ? " " : "", json_object_iter_key(m),
				(long long)json_integer_value(json_object_iter_value(m)));
}
