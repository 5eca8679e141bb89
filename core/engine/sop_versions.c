/* Versions of checklists: those that are kept, and the one that a run is on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sop_run.h"

static int note(void *ctx, const struct sop_version_row *r)
{
	struct sops_known *k = ctx;
	k->v = xrealloc(k->v, (size_t)(k->n + 1) * sizeof *k->v);
	struct sop_known *v = &k->v[k->n++];
	*v = (struct sop_known){.sop = xstrndup(r->sop.p, r->sop.n), .version = r->version};
	snprintf(v->hash, sizeof v->hash, "%.*s", (int)r->hash.n, r->hash.p);
	snprintf(v->source, sizeof v->source, "%.*s", (int)r->source.n, r->source.p);
	return 0;
}

int sops_known(struct store *s, struct plugin_sources *v, int n, struct sops_known *known,
	struct cx_err *e)
{
	int rc = s ? store_sop_versions(s, note, known, e) : CX_OK;
	for (int i = 0; i < n && rc >= 0; i++)
		v[i].sops = known;
	if (rc < 0)
		sops_known_free(known);
	return rc;
}

void sops_known_free(struct sops_known *known)
{
	for (int i = 0; i < known->n; i++)
		free(known->v[i].sop);
	free(known->v);
	*known = (struct sops_known){0};
}

static struct str text(const char *s)
{
	return (struct str){s, (uint32_t)strlen(s)};
}

int sop_in_force(struct engine *eng, const struct plugin *p, const struct plugin_sop *s,
	struct sop_version_row *v, struct arena *a, struct cx_err *e)
{
	int rc = store_sop_version_find(eng->store, text(s->id), s->version, v, a, e);
	if (rc != 0)
		return rc < 0 ? rc : CX_OK;
	if (!s->hash[0])
		return cx_fail(e, CX_E_PLUGIN_QUARANTINED, NULL,
			CX_T("o plugin %s está fora de serviço, e esta versão do POP nunca esteve "
			     "em vigor",
				"plugin %s is out of service, and this version of the SOP has "
				"never "
				"been in force"),
			p->name);
	*v = (struct sop_version_row){.sop = text(s->id),
		.version = s->version,
		.hash = text(s->hash),
		.plugin = text(p->name),
		.source = text(p->hash),
		.definition = text(s->content)};
	return store_sop_version_add(eng->store, v, e);
}

int sops_keep(struct engine *eng, struct cx_err *e)
{
	struct arena a = {0};
	struct sop_version_row v;
	int rc = CX_OK;
	for (int i = 0; i < eng->set.n && rc >= 0; i++) {
		const struct plugin *p = eng->set.v[i];
		for (int k = 0; k < p->nsops && rc >= 0; k++)
			if (p->sops[k].hash[0])
				rc = sop_in_force(eng, p, &p->sops[k], &v, &a, e);
	}
	arena_free(&a);
	return rc;
}
