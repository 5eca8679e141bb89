#include "engine/verify.h"

#include <stdio.h>
#include <string.h>

#include "engine/evidence.h"
#include "engine/feeds.h"
#include "engine/journeys.h"
#include "engine/reader.h"
#include "kpi/verify.h"

struct verify {
	bool json;
	struct buf b;
	int n;
	int64_t journeys;               /* instances checked */
	int64_t cubes, choices, spoilt; /* checked, and days that are still to be counted again */
	int64_t evidence;               /* files */
	int64_t counting;               /* cubes that are being counted */
	int64_t waiting;                /* cubes of plugins that are off or behind */
};

static void differs(void *ctx, const struct cube *c, const char *what)
{
	struct verify *v = ctx;
	v->n++;
	if (!v->json) {
		printf("%s\n", what);
		return;
	}
	jw_obj(&v->b);
	jw_kstr(&v->b, "plugin", c ? c->plugin : NULL);
	jw_kstr(&v->b, "by", c ? c->dims : NULL);
	jw_kstr(&v->b, "what", what);
	jw_obj_end(&v->b);
}

static void thing_differs(void *ctx, const char *what)
{
	differs(ctx, NULL, what);
}

static int one_spoilt(void *ctx, int32_t day)
{
	struct verify *v = ctx;
	(void)day;
	v->spoilt++;
	return 0;
}

static bool same_choice(const struct measure *x, const struct measure *y)
{
	return x->choose != CHOOSE_ALL && x->choice == y->choice;
}

static bool same_place(const struct measure *x, const struct measure *y)
{
	return x->at >= 0 && x->at_slot == y->at_slot;
}

/* What one that is off or behind has not dealt with is in no figure of its own yet. */
static bool waits(const struct plugin *p)
{
	return p->state == PLUGIN_OFF || p->state == PLUGIN_BEHIND;
}

/* Is m the first measure of those that running plugins have alike? */
static bool is_first(const struct plugin_set *set, const struct measure *m,
	bool (*alike)(const struct measure *x, const struct measure *y))
{
	for (int i = 0; i < set->n; i++)
		for (int k = 0; k < set->v[i]->ncubes && !waits(set->v[i]); k++)
			for (int j = 0; j < set->v[i]->cubes[k]->nmeasures; j++) {
				const struct measure *x = set->v[i]->cubes[k]->measures[j];
				if (alike(x, m))
					return x == m;
			}
	return false;
}

/* What leads to events, once for all the measures that follow it. */
static int compare_ways(struct engine *eng, const struct plugin_set *set, struct verify *v,
	const struct measure *m, struct cx_err *e)
{
	const char *currency = eng->conf->company_currency;
	int rc = CX_OK;
	if (is_first(set, m, same_choice)) {
		v->choices++;
		rc = kpi_verify_choice(eng->store, m, currency, differs, v, e);
	}
	if (rc >= 0 && m->at_slot > 0 && is_first(set, m, same_place))
		rc = kpi_verify_places(eng->store, m, currency, differs, v, e);
	return rc;
}

static int compare_cube(struct engine *eng, const struct plugin_set *set, struct verify *v,
	const struct kpi_host *host, const struct cube *c, struct cx_err *e)
{
	if (c->id < 0 || c->upto != STORE_LIVE) { /* it does not answer */
		v->counting += c->nmeasures > 0;
		return CX_OK;
	}
	int rc = kpi_verify(eng->store, c, host, differs, v, e);
	v->cubes++;
	if (rc >= 0)
		rc = store_spoilt_days(eng->store, c->id, INT32_MIN, INT32_MAX, one_spoilt, v, e);
	for (int i = 0; i < c->nmeasures && rc >= 0; i++)
		rc = compare_ways(eng, set, v, c->measures[i], e);
	return rc;
}

static int compare(
	struct engine *eng, const struct plugin_set *set, struct verify *v, struct cx_err *e)
{
	struct kpi_host host;
	int rc = CX_OK;
	engine_kpi_host(eng, &host);
	for (int i = 0; i < set->n && rc >= 0; i++) {
		const struct plugin *p = set->v[i];
		if (waits(p))
			v->waiting += p->ncubes;
		for (int k = 0; k < p->ncubes && rc >= 0 && !waits(p); k++)
			rc = compare_cube(eng, set, v, &host, p->cubes[k], e);
	}
	return rc;
}

static void say(const struct verify *v, int64_t last)
{
	printf(CX_T("conferidos %lld eventos, %lld cubos, %lld escolhas; diferenças: %d\n",
		       "checked %lld events, %lld cubes, %lld choices; differences: %d\n"),
		(long long)last, (long long)v->cubes, (long long)v->choices, v->n);
	if (v->journeys)
		printf(CX_T("instâncias de jornadas refeitas a partir dos eventos: %lld\n",
			       "instances of journeys worked out again from the events: %lld\n"),
			(long long)v->journeys);
	if (v->evidence)
		printf(CX_T("arquivos de evidência conferidos: %lld\n",
			       "files of evidence checked: %lld\n"),
			(long long)v->evidence);
	if (v->counting)
		printf(CX_T("cubos que ainda estão sendo contados, não conferidos: %lld\n",
			       "cubes that are still being counted, not checked: %lld\n"),
			(long long)v->counting);
	if (v->waiting)
		printf(CX_T("cubos de plugins que esperam (cxd plugin list), não conferidos: "
			    "%lld\n",
			       "cubes of plugins that wait (cxd plugin list), not checked: %lld\n"),
			(long long)v->waiting);
	if (v->spoilt)
		printf(CX_T("dias de cubos a contar de novo, respondidos dos eventos até lá: "
			    "%lld\n",
			       "days of cubes to be counted again, answered from the events until "
			       "then: %lld\n"),
			(long long)v->spoilt);
}

int verify_main(struct engine *eng, int argc, char **argv)
{
	struct verify v = {.json = argc > 0 && strcmp(argv[0], "--json") == 0};
	struct cx_err e;
	int64_t last = 0;
	int rc = reader_open(eng, &e);
	jw_obj(&v.b);
	jw_key(&v.b, "differences");
	jw_arr(&v.b);
	if (rc >= 0)
		rc = store_begin(eng->store, &e);
	if (rc >= 0 && store_check(eng->store, &e) < 0)
		differs(&v, NULL, e.msg);
	if (rc >= 0)
		rc = compare(eng, &eng->set, &v, &e);
	if (rc >= 0)
		rc = compare(eng, &eng->before, &v, &e);
	if (rc >= 0)
		rc = kpi_verify_strays(eng->store, differs, &v, &e);
	if (rc >= 0)
		rc = feeds_verify(eng, thing_differs, &v, &e);
	if (rc >= 0)
		rc = journeys_verify(eng, thing_differs, &v, &v.journeys, &e);
	if (rc >= 0)
		rc = evidence_verify(eng, thing_differs, &v, &v.evidence, &e);
	if (rc >= 0)
		rc = store_last_seq(eng->store, &last, &e);
	jw_arr_end(&v.b);
	jw_key(&v.b, "checked");
	jw_obj(&v.b);
	jw_kint(&v.b, "events", last);
	jw_kint(&v.b, "cubes", v.cubes);
	jw_kint(&v.b, "choices", v.choices);
	jw_kint(&v.b, "journeys", v.journeys);
	jw_kint(&v.b, "evidence", v.evidence);
	jw_kint(&v.b, "to_be_counted_again", v.spoilt);
	jw_kint(&v.b, "being_counted", v.counting);
	jw_kint(&v.b, "waiting", v.waiting);
	jw_obj_end(&v.b);
	jw_obj_end(&v.b);
	if (rc < 0)
		fprintf(stderr, "cxd verify: %s\n", e.msg);
	else if (v.json)
		printf("%s\n", buf_cstr(&v.b));
	else
		say(&v, last);
	buf_free(&v.b);
	return rc < 0 || v.n > 0;
}
