/* Journeys: what runtime/declare_journey.lua handed over, and their identity. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "lua/bind.h"
#include "lua/declared.h"
#include "lua/identity.h"
#include "lua/journey.h"

static char **texts(const struct json_doc *d, uint32_t list, const char *member, int *n)
{
	struct arena a = {0};
	char **out = xcalloc(list ? d->nodes[list].count + 1 : 1, sizeof *out);
	JSON_EACH(d, list, i)
	{
		uint32_t at = member ? json_get(d, i, member) : i;
		struct str s = at ? json_text(d, at, &a) : (struct str){0};
		bool known = !s.p;
		for (int k = 0; k < *n && !known; k++)
			known = strlen(out[k]) == s.n && memcmp(out[k], s.p, s.n) == 0;
		if (!known)
			out[(*n)++] = xstrndup(s.p, s.n);
	}
	arena_free(&a);
	return out;
}

static void take_names(struct plugin_journey *j, const struct json_doc *d, uint32_t definition)
{
	j->types = texts(d, json_get(d, definition, "types"), NULL, &j->ntypes);
	j->starts = texts(d, json_get(d, definition, "start"), "type", &j->nstarts);
	j->within = texts(d, json_get(d, definition, "within"), NULL, &j->nwithin);
}

static void take(const struct json_doc *d, uint32_t at, struct plugin *p)
{
	struct plugin_journey *j = &p->journeys[p->njourneys++];
	uint32_t functions, definition = json_get(d, at, "definition");
	int64_t handle = 0;
	*j = (struct plugin_journey){.id = declared_text(d, at, "id"),
		.title = declared_json(d, at, "title"),
		.file = declared_text(d, at, "file"),
		.line = (int)declared_int(d, at, "line"),
		.key = declared_text(d, definition, "key"),
		.inside = declared_bool(d, at, "inside"),
		.definition = declared_json(d, at, "definition"),
		.acts = json_get(d, definition, "on_late") != 0,
		.functions = declared_list(d, at, "functions", sizeof(int), &functions)};
	JSON_EACH(d, functions, i)
	if (json_int64(d, i, &handle))
		j->functions[j->nfunctions++] = (int)handle;
	take_names(j, d, definition);
}

struct plugin_journey *plugin_journey_past(struct plugin *p, struct str definition)
{
	struct json_doc doc = {0}, *d = &doc;
	for (int i = 0; i < p->npast_journeys; i++)
		if (strlen(p->past_journeys[i]->definition) == definition.n &&
			memcmp(p->past_journeys[i]->definition, definition.p, definition.n) == 0)
			return p->past_journeys[i];
	struct plugin_journey *j = xcalloc(1, sizeof *j);
	if (json_scan(d, definition.p, definition.n, JSON_DEPTH, UINT32_MAX, NULL) >= 0) {
		*j = (struct plugin_journey){.id = declared_text(d, 0, "id"),
			.key = declared_text(d, 0, "key"),
			.past = true};
		take_names(j, d, 0);
	}
	j->definition = xstrndup(definition.p, definition.n);
	j->file = xstrdup(p->run->file ? p->run->file : "");
	json_doc_free(d);
	p->past_journeys = xrealloc(p->past_journeys,
		sizeof(struct plugin_journey *) * (size_t)(p->npast_journeys + 1));
	p->past_journeys[p->npast_journeys++] = j;
	return j;
}

void journeys_take(const struct json_doc *d, struct plugin *p)
{
	uint32_t list;
	p->journeys = declared_list(d, 0, "journeys", sizeof *p->journeys, &list);
	JSON_EACH(d, list, i) take(d, i, p);
}

static void free_texts(char **v, int n)
{
	for (int i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

static void drop(struct plugin_journey *j)
{
	free(j->id);
	free(j->title);
	free(j->key);
	free(j->file);
	free(j->definition);
	free(j->functions);
	free_texts(j->types, j->ntypes);
	free_texts(j->starts, j->nstarts);
	free_texts(j->within, j->nwithin);
}

static void drop_past(struct plugin *p)
{
	for (int i = 0; i < p->npast_journeys; i++) {
		drop(p->past_journeys[i]);
		free(p->past_journeys[i]);
	}
	free(p->past_journeys);
	p->past_journeys = NULL;
	p->npast_journeys = 0;
}

void journeys_drop(struct plugin *p)
{
	for (int i = 0; i < p->njourneys; i++)
		drop(&p->journeys[i]);
	free(p->journeys);
	p->journeys = NULL;
	p->njourneys = 0;
	drop_past(p);
}

/* One after the other: an inner journey's identity is part of the outer one's. */
static void add_identity(struct plugin *p, const struct plugin_journey *j, EVP_MD_CTX *md)
{
	struct arena a = {0};
	EVP_DigestUpdate(md, j->definition, strlen(j->definition) + 1);
	for (int i = 0; i < j->nfunctions; i++) {
		struct function_id id;
		function_identity(p, j->functions[i], &id, &a);
		EVP_DigestUpdate(md, id.hash, sizeof id.hash);
		free(id.texts);
		arena_reset(&a);
	}
	arena_free(&a);
}

void journeys_identify(struct plugin *p)
{
	for (int i = 0; i < p->njourneys; i++) {
		struct plugin_journey *j = &p->journeys[i];
		EVP_MD_CTX *md = EVP_MD_CTX_new();
		uint8_t out[EVP_MAX_MD_SIZE];
		unsigned n = 0;
		if (!md || !EVP_DigestInit_ex(md, EVP_sha256(), NULL))
			abort();
		add_identity(p, j, md);
		for (int k = 0; k < j->nwithin; k++) {
			struct str id = {j->within[k], (uint32_t)strlen(j->within[k])};
			add_identity(p, plugin_journey_find(p, id), md);
		}
		EVP_DigestFinal_ex(md, out, &n);
		EVP_MD_CTX_free(md);
		hex_text(out, n, j->identity);
	}
}

const struct plugin_journey *plugin_journey_find(const struct plugin *p, struct str id)
{
	for (int i = 0; i < p->njourneys; i++)
		if (strlen(p->journeys[i].id) == id.n && memcmp(p->journeys[i].id, id.p, id.n) == 0)
			return &p->journeys[i];
	return NULL;
}

bool plugin_journey_starts(const struct plugin_journey *j, const char *type)
{
	for (int i = 0; i < j->nstarts; i++)
		if (strcmp(j->starts[i], type) == 0)
			return true;
	return false;
}
