#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/tz.h"
#include "json/scan.h"
#include "kpi/answer.h"
#include "kpi/number.h"

struct money { /* how the KPI's values are written */
	const char *format, *currency;
	int scale;
};

static void write_time(struct buf *b, const char *key, bool has, int64_t ms)
{
	char t[TZ_TEXT];
	if (has)
		tz_format(ms, t);
	jw_kstr(b, key, has ? t : NULL);
}

static void write_title(struct buf *b, const struct kpi *k)
{
	struct json_doc d = {0};
	struct arena a = {0};
	struct str text = {k->id, (uint32_t)strlen(k->id)};
	if (k->title && json_scan(&d, k->title, strlen(k->title), JSON_DEPTH, 256, NULL) == CX_OK) {
		uint32_t at = 0;
		if (d.nodes[0].type == JSON_OBJECT && d.nodes[0].count) {
			at = json_get(&d, 0, cx_lang == CX_PT ? "pt-BR" : "en");
			at = at ? at : 2; /* the first there is */
		}
		if (d.nodes[at].type == JSON_STRING)
			text = json_text(&d, at, &a);
	}
	jw_key(b, "title");
	jw_strn(b, text.p, text.n);
	json_doc_free(&d);
	arena_free(&a);
}

static void write_measures(struct buf *b, const struct kpi *k, const struct kpi_measured *v)
{
	jw_key(b, "measures");
	jw_obj(b);
	for (int i = 0; i < k->nmeasures; i++)
		jw_kint(b, k->measures[i].name, v[i].i);
	jw_obj_end(b);
}

static int write_interval(struct answer *a, struct buf *b, struct kpi_view *v)
{
	struct kpi_interval i = {0};
	if (!a->k->interval || !a->host->interval)
		return CX_OK;
	int rc = a->host->interval(a->host->ctx, a->k, v, &i, a->e);
	if (rc < 0 || i.none)
		return rc;
	jw_kdouble(b, "low", i.low);
	jw_kdouble(b, "high", i.high);
	if (i.method[0])
		jw_kstr(b, "method", i.method);
	return CX_OK;
}

/* The members that every figure has: value, interval, note, text, measures. */
static int write_figure(struct answer *a, struct buf *b, struct answer_group *g, int bucket,
	const struct money *money, bool partial)
{
	const struct kpi *k = a->k;
	struct kpi_view *view = view_open(a, g, bucket);
	char text[NUMBER_TEXT];
	double value = 0;
	bool null = false;
	int rc = a->host->formula(a->host->ctx, k, view, &value, &null, a->e);
	null = null || !isfinite(value);
	value += 0.0; /* no -0 */
	if (rc >= 0) {
		jw_key(b, "value");
		if (null)
			jw_null(b);
		else
			jw_double(b, value);
		if (!null)
			rc = write_interval(a, b, view);
	}
	number_text(text, value, null, money->format, -1, money->scale, money->currency);
	jw_kstr(b, "note", null ? "no_data" : partial ? "partial" : NULL);
	jw_kstr(b, "text", text);
	write_measures(b, k, kpi_view_measured(view));
	view_close(view);
	return rc < 0 ? rc : CX_OK;
}

/* Were events left out on these days? Edge days: what the scan met. */
static int left_out(struct answer *a, int32_t first, int32_t last, bool *yes)
{
	int64_t n = 0;
	first = first > a->w.first ? first : a->w.first;
	last = last < a->w.last ? last : a->w.last;
	int rc = first > last ? CX_OK : store_excluded(a->s, a->k->id, first, last, &n, a->e);
	*yes = n > 0;
	return rc;
}

/* First and last bucket to show: where the window is open, from what was counted. */
static void shown(const struct answer *a, int *lo, int *hi)
{
	*lo = 0;
	*hi = a->nbuckets;
	if (a->q->has_from && a->q->has_to)
		return;
	if (!a->seen) {
		*hi = 0;
		return;
	}
	if (!a->q->has_from)
		*lo = window_bucket(a->buckets, a->nbuckets, a->seen_first);
	if (!a->q->has_to)
		*hi = window_bucket(a->buckets, a->nbuckets, a->seen_last) + 1;
	if (*lo < 0)
		*lo = 0;
}

static int write_series(struct answer *a, struct buf *b, struct answer_group *g,
	const struct money *money, const bool *partial)
{
	int lo, hi;
	if (a->q->every == EVERY_NONE)
		return CX_OK;
	shown(a, &lo, &hi);
	jw_key(b, "series");
	jw_arr(b);
	for (int i = lo; i < hi; i++) {
		jw_obj(b);
		write_time(b, "from", true, a->buckets[i].from_ms);
		write_time(b, "to", true, a->buckets[i].to_ms);
		int rc = write_figure(a, b, g, i, money, partial[i]);
		if (rc < 0)
			return rc;
		jw_obj_end(b);
	}
	jw_arr_end(b);
	return CX_OK;
}

static int by_key(const void *x, const void *y)
{
	const struct answer_group *a = *(struct answer_group *const *)x;
	const struct answer_group *b = *(struct answer_group *const *)y;
	int n = 0;
	while (n < KPI_DIMS && a->el[n].p)
		n++;
	return group_compare(a->el, b->el, n);
}

static int write_groups(
	struct answer *a, struct buf *b, const struct money *money, bool any, const bool *partial)
{
	if (!a->q->nby)
		return CX_OK;
	if (a->ngroups)
		qsort(a->groups, (size_t)a->ngroups, sizeof(struct answer_group *), by_key);
	jw_key(b, "groups");
	jw_arr(b);
	for (int i = 0; i < a->ngroups; i++) {
		struct answer_group *g = a->groups[i];
		jw_obj(b);
		jw_key(b, "by");
		jw_obj(b);
		for (int j = 0; j < a->q->nby; j++) {
			jw_key(b, a->k->by[a->q->by[j]]);
			jw_raw(b, g->el[j].p, g->el[j].n);
		}
		jw_obj_end(b);
		int rc = write_figure(a, b, g, -1, money, any);
		if (rc >= 0)
			rc = write_series(a, b, g, money, partial);
		if (rc < 0)
			return rc;
		jw_obj_end(b);
	}
	jw_arr_end(b);
	return CX_OK;
}

/* Which of the window and its buckets lack events. By group nobody knows: an event may be left out
 * before it has one, so a note stands at all of them. */
static int find_partial(struct answer *a, bool *any, bool *buckets)
{
	int rc = left_out(a, a->w.first, a->w.last, any);
	for (int i = 0; i < a->nbuckets && *any && rc >= 0; i++) {
		int32_t last = i + 1 < a->nbuckets ? a->buckets[i + 1].first - 1 : INT32_MAX;
		rc = left_out(a, a->buckets[i].first, last, &buckets[i]);
	}
	for (int i = 0; i < 2 && a->partial && a->nbuckets; i++) { /* the edges are its ends */
		if (i ? a->w.after : a->w.before)
			buckets[i ? a->nbuckets - 1 : 0] = true;
	}
	*any = *any || a->partial;
	return rc;
}

static int write_all(struct answer *a, struct buf *b, bool *partial)
{
	const struct kpi *k = a->k;
	const char *currency = k->currency[0] ? k->currency : a->meta->company_currency;
	struct money money = {k->format ? k->format : "number", currency, currency_scale(currency)};
	bool any;
	int rc = find_partial(a, &any, partial);
	if (rc < 0)
		return rc;
	jw_obj(b);
	jw_kstr(b, "id", k->id);
	write_title(b, k);
	write_time(b, "from", a->q->has_from, a->q->from_ms);
	write_time(b, "to", a->q->has_to, a->q->to_ms);
	jw_kstr(b, "format", money.format);
	if (strcmp(money.format, "money") == 0) {
		jw_kint(b, "scale", money.scale);
		jw_kstr(b, "currency", currency);
	}
	rc = write_figure(a, b, NULL, -1, &money, any);
	if (rc < 0)
		return rc;
	jw_key(b, "definition");
	jw_obj(b);
	jw_kstr(b, "plugin", k->plugin);
	jw_kstr(b, "version", a->meta->plugin_version);
	jw_kstr(b, "hash", k->hash);
	jw_obj_end(b);
	rc = write_series(a, b, NULL, &money, partial);
	if (rc >= 0)
		rc = write_groups(a, b, &money, any, partial);
	jw_obj_end(b);
	return rc;
}

int answer_json(struct answer *a, struct buf *json)
{
	bool *partial = xcalloc((size_t)a->nbuckets + 1, sizeof *partial);
	int rc = write_all(a, json, partial);
	free(partial);
	return rc;
}
