#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/tz.h"
#include "base/nearest.h"
#include "kpi/window.h"

enum { POOL_MAX = 1000000 };

static int wrong_time(const char *name, const char *value, struct cx_err *e)
{
	return cx_fail(e, CX_E_BAD_QUERY, name,
		CX_T("\"%.60s\" não é um instante: use 2018-01-31, 2018-01-31T12:00 ou RFC 3339",
			"\"%.60s\" is not a time: use 2018-01-31, 2018-01-31T12:00 or RFC 3339"),
		value);
}

static int parse_time(const struct kpi_param *p, bool *has, int64_t *ms, struct cx_err *e)
{
	if (!tz_parse_any(p->value, strlen(p->value), ms) || *ms < TZ_MS_MIN || *ms > TZ_MS_MAX)
		return wrong_time(p->name, p->value, e);
	*has = true;
	return CX_OK;
}

static int parse_last(struct kpi_query *q, const char *value, int64_t now_ms, struct cx_err *e)
{
	struct duration d;
	if (!duration_parse(value, strlen(value), &d) || d.ms || d.days + d.months <= 0)
		return cx_fail(e, CX_E_BAD_QUERY, "last",
			CX_T("\"%.60s\" não é um período: use d, w, mo ou y, como 6mo",
				"\"%.60s\" is not a period: use d, w, mo or y, like 6mo"),
			value);
	int32_t today = tz_day(now_ms), from = civil_add_months(today, -d.months) - d.days;
	if (from < civil_day(1, 1, 1))
		return wrong_time("last", value, e);
	q->has_from = q->has_to = true;
	q->last_months = d.months;
	q->last_days = d.days;
	q->from_ms = tz_day_start(from);
	q->to_ms = tz_day_start(today);
	return CX_OK;
}

/* Which of the names, counted from 1; 0: none. */
static int one_of(const char *const *names, int n, const char *value)
{
	for (int i = 0; i < n; i++)
		if (strcmp(names[i], value) == 0)
			return i + 1;
	return 0;
}

static int parse_every(struct kpi_query *q, const char *value, struct cx_err *e)
{
	static const char *const names[] = {"day", "week", "month", "quarter", "year"};
	int i = one_of(names, 5, value);
	if (i) {
		q->every = (enum every)(EVERY_NONE + i);
		return CX_OK;
	}
	return cx_fail(e, CX_E_BAD_QUERY, "every",
		CX_T("\"%.60s\": use day, week, month, quarter ou year",
			"\"%.60s\": use day, week, month, quarter or year"),
		value);
}

static int parse_dim(const struct kpi *k, const char *param, const char *name, size_t n, int *dim,
	struct cx_err *e)
{
	for (int i = 0; i < k->nby; i++) {
		if (strlen(k->by[i]) == n && memcmp(k->by[i], name, n) == 0) {
			*dim = i;
			return CX_OK;
		}
	}
	struct buf known = {0};
	for (int i = 0; i < k->nby; i++)
		buf_printf(&known, "%s%s", i ? ", " : "", k->by[i]);
	cx_fail(e, CX_E_BAD_QUERY, param,
		CX_T("o KPI %s não tem a dimensão \"%.*s\"; tem: %s",
			"KPI %s has no dimension \"%.*s\"; it has: %s"),
		k->id, n > 60 ? 60 : (int)n, name, known.len ? buf_cstr(&known) : "—");
	buf_free(&known);
	return CX_E_BAD_QUERY;
}

static int parse_by(struct kpi_query *q, const struct kpi *k, const char *value, struct cx_err *e)
{
	for (const char *p = value;; p++) {
		size_t n = strcspn(p, ",");
		int dim;
		int rc = parse_dim(k, "by", p, n, &dim, e);
		if (rc < 0)
			return rc;
		for (int i = 0; i < q->nby; i++)
			if (q->by[i] == dim)
				return cx_fail(e, CX_E_BAD_QUERY, "by",
					CX_T("a dimensão %s está duas vezes",
						"dimension %s is there twice"),
					k->by[dim]);
		q->by[q->nby++] = dim;
		p += n;
		if (!*p)
			return CX_OK;
	}
}

/* A field by which some measure is kept; NULL: an attribute, or not declared. */
static const struct field *field_of(const struct measure *m, int dim)
{
	struct field_ref ref = m->dims[dim];
	return m->type && ref.attr == ATTR_FIELD ? &m->type->fields[ref.field] : NULL;
}

static int never_has(const struct field *f, const char *value, struct cx_err *e)
{
	struct buf list = {0};
	for (int i = 0; i < f->nchoices; i++)
		buf_printf(&list, "%s%s", i ? ", " : "", f->choices[i]);
	if (f->kind == FIELD_BOOLEAN)
		buf_puts(&list, "true, false");
	if (list.len)
		cx_fail(e, CX_E_BAD_QUERY, "where",
			CX_T("%s nunca é \"%.60s\"; pode ser: %.400s",
				"%s is never \"%.60s\"; it may be: %.400s"),
			f->name, value, buf_cstr(&list));
	else
		cx_fail(e, CX_E_BAD_QUERY, "where",
			CX_T("%s nunca é \"%.60s\": é do tipo %s",
				"%s is never \"%.60s\": its kind is %s"),
			f->name, value, field_kind_name(f->kind));
	buf_free(&list);
	return CX_E_BAD_QUERY;
}

/* What no field of the dimension can be is a slip of the pen; what one can be is written as groups
 * write it: 1.5 of a decimal with scale 2 is 1.50. */
static int settle_value(const struct kpi *k, int dim, char *text, size_t cap, struct cx_err *e)
{
	const struct field *wrong = NULL;
	struct arena a = {0};
	bool fits = strcmp(text, "…") == 0; /* what [kpi] groups had no room for */
	for (int i = 0; i < k->nmeasures && !fits; i++) {
		const struct field *f = field_of(&k->measures[i], dim);
		struct value v;
		struct str given = {text, (uint32_t)strlen(text)};
		if (!f || f->kind == FIELD_TEXT || f->kind == FIELD_MONEY) {
			fits = true;
		} else if (!value_from_text(f, CURRENCY_NONE, given, &v, &a)) {
			wrong = f;
		} else {
			struct str shown = value_text(v, f->kind, f->scale, &a);
			fits = true;
			if (shown.n < cap)
				snprintf(text, cap, "%.*s", (int)shown.n, shown.p);
		}
	}
	int rc = fits || !wrong ? CX_OK : never_has(wrong, text, e);
	arena_free(&a);
	return rc;
}

static int parse_where(
	struct kpi_query *q, const struct kpi *k, const char *value, struct cx_err *e)
{
	const char *colon = strchr(value, ':');
	if (!colon)
		return cx_fail(e, CX_E_BAD_QUERY, "where",
			CX_T("\"%.60s\": escreva dimensão:valor",
				"\"%.60s\": write dimension:value"),
			value);
	if (q->nwhere == (int)(sizeof q->where / sizeof *q->where))
		return cx_fail(e, CX_E_BAD_QUERY, "where",
			CX_T("mais de 16 filtros", "more than 16 filters"));
	int rc = parse_dim(k, "where", value, (size_t)(colon - value), &q->where[q->nwhere].dim, e);
	if (rc < 0)
		return rc;
	size_t n = strlen(colon + 1);
	if (n >= sizeof q->where->text)
		return cx_fail(
			e, CX_E_BAD_QUERY, "where", CX_T("valor longo demais", "value too long"));
	memcpy(q->where[q->nwhere].text, colon + 1, n + 1);
	q->where[q->nwhere].null = n == 0;
	rc = n == 0 ? CX_OK
		    : settle_value(k, q->where[q->nwhere].dim, q->where[q->nwhere].text,
			      sizeof q->where->text, e);
	q->nwhere++;
	return rc;
}

static int parse_compare(struct kpi_query *q, const char *value, struct cx_err *e)
{
	static const char *const names[] = {"previous", "year"};
	int i = one_of(names, 2, value);
	if (i) {
		q->compare = (enum compare)(COMPARE_NONE + i);
		return CX_OK;
	}
	return cx_fail(e, CX_E_BAD_QUERY, "compare",
		CX_T("\"%.60s\": use previous ou year", "\"%.60s\": use previous or year"), value);
}

static int parse_pool(struct kpi_query *q, const char *value, struct cx_err *e)
{
	int64_t n = 0;
	size_t len = strlen(value), digits = strspn(value, "0123456789");
	for (size_t i = 0; i < digits && i < 8; i++)
		n = n * 10 + (value[i] - '0');
	if (!len || digits != len || len > 7 || n < 1 || n > POOL_MAX)
		return cx_fail(e, CX_E_BAD_QUERY, "pool",
			CX_T("\"%.60s\": use um número inteiro de 1 a %d",
				"\"%.60s\": use a whole number from 1 to %d"),
			value, POOL_MAX);
	q->pool = n;
	return CX_OK;
}

enum { P_FROM, P_TO, P_LAST, P_EVERY, P_BY, P_WHERE, P_COMPARE, P_KNOWN, P_POOL, P_COUNT };
static const char *const param_names[P_COUNT] = {
	"from", "to", "last", "every", "by", "where", "compare", "as_known", "pool"};

static int parse_one(struct kpi_query *q, const struct kpi *k, const struct kpi_param *p, int which,
	int64_t now_ms, struct cx_err *e)
{
	bool has;
	switch (which) {
	case P_FROM: return parse_time(p, &q->has_from, &q->from_ms, e);
	case P_TO: return parse_time(p, &q->has_to, &q->to_ms, e);
	case P_LAST: return parse_last(q, p->value, now_ms, e);
	case P_EVERY: return parse_every(q, p->value, e);
	case P_BY: return parse_by(q, k, p->value, e);
	case P_WHERE: return parse_where(q, k, p->value, e);
	case P_COMPARE: return parse_compare(q, p->value, e);
	case P_KNOWN: return parse_time(p, &has, &q->known_ms, e);
	default: return parse_pool(q, p->value, e);
	}
}

static int not_utf8(const char *name, struct cx_err *e)
{
	bool known = utf8_ok(name, strlen(name));
	return cx_fail(e, CX_E_BAD_QUERY, known ? name : NULL,
		CX_T("o texto não é UTF-8", "the text is not UTF-8"));
}

/* What one parameter asks of the others. */
static int goes_together(const struct kpi_query *q, const struct kpi *k, struct cx_err *e)
{
	struct kpi_query before;
	if (q->compare && (!q->has_from || !q->has_to))
		return cx_fail(e, CX_E_BAD_QUERY, "compare",
			CX_T("compare pede from e to, ou last",
				"compare needs from and to, or last"));
	if (q->compare && !kpi_query_before(q, &before))
		return cx_fail(e, CX_E_BAD_QUERY, "compare",
			CX_T("o período anterior começaria antes do ano 1",
				"the window before would begin before the year 1"));
	if (q->pool && !q->nby)
		return cx_fail(e, CX_E_BAD_QUERY, "pool",
			CX_T("pool pede by: são grupos que se juntam",
				"pool needs by: it is groups that are pooled"));
	if (q->pool && !k->interval)
		return cx_fail(e, CX_E_BAD_QUERY, "pool",
			CX_T("o KPI %s não diz em quantas respostas se apoia: declare interval, "
			     "com n",
				"KPI %s does not say how many answers it rests on: declare "
				"interval, with n"),
			k->id);
	return CX_OK;
}

bool kpi_param_known(const char *name)
{
	for (int i = 0; i < P_COUNT; i++)
		if (strcmp(name, param_names[i]) == 0)
			return true;
	return false;
}

int kpi_param_unknown(const char *name, const char *const own[2], struct cx_err *e)
{
	struct nearest n = {.word = name};
	struct buf all = {0}, hint = {0};
	for (int i = 0; i < P_COUNT + 2; i++) {
		const char *known = i < P_COUNT ? param_names[i] : own ? own[i - P_COUNT] : NULL;
		if (!known)
			continue;
		nearest_try(&n, known);
		buf_printf(&all, "%s%s", all.len ? ", " : "", known);
	}
	if (n.best)
		buf_printf(&hint, CX_T(" (seria %s?)", " (did you mean %s?)"), n.best);
	cx_fail(e, CX_E_BAD_QUERY, name,
		CX_T("\"%.40s\" não existe%s; há %s", "there is no \"%.40s\"%s; there are %s"),
		name, hint.len ? buf_cstr(&hint) : "", buf_cstr(&all));
	buf_free(&all);
	buf_free(&hint);
	return CX_E_BAD_QUERY;
}

int kpi_query_parse(struct kpi_query *q, const struct kpi *k, const struct kpi_param *params,
	int nparams, int64_t now_ms, struct cx_err *e)
{
	int given[P_COUNT] = {0};
	memset(q, 0, sizeof *q);
	q->known_ms = INT64_MAX;
	q->now_ms = now_ms;
	for (int i = 0; i < nparams; i++) {
		int which = 0;
		if (!utf8_ok(params[i].name, strlen(params[i].name)) ||
			!utf8_ok(params[i].value, strlen(params[i].value)))
			return not_utf8(params[i].name, e);
		while (which < P_COUNT && strcmp(params[i].name, param_names[which]) != 0)
			which++;
		if (which == P_COUNT)
			return kpi_param_unknown(params[i].name, NULL, e);
		if (given[which]++ && which != P_BY && which != P_WHERE)
			return cx_fail(e, CX_E_BAD_QUERY, params[i].name,
				CX_T("está duas vezes", "is there twice"));
		if (given[P_LAST] && (given[P_FROM] || given[P_TO]))
			return cx_fail(e, CX_E_BAD_QUERY, "last",
				CX_T("last não combina com from e to",
					"last does not go with from and to"));
		int rc = parse_one(q, k, &params[i], which, now_ms, e);
		if (rc < 0)
			return rc;
	}
	if (q->has_from && q->has_to && q->from_ms >= q->to_ms)
		return cx_fail(e, CX_E_BAD_QUERY, given[P_LAST] ? "last" : "to",
			CX_T("período vazio: to deve vir depois de from",
				"empty window: to must come after from"));
	return goes_together(q, k, e);
}
