#include "lua/declared.h"

char *declared_text(const struct json_doc *d, uint32_t at, const char *key) /* NULL: absent */
{
	struct arena a = {0};
	uint32_t i = json_get(d, at, key);
	char *out = NULL;
	if (i && d->nodes[i].type == JSON_STRING) {
		struct str s = json_text(d, i, &a);
		out = xstrndup(s.p, s.n);
	}
	arena_free(&a);
	return out;
}

/* As JSON: a title is a text, or { lang = text }. */
char *declared_json(const struct json_doc *d, uint32_t at, const char *key)
{
	uint32_t i = json_get(d, at, key);
	struct str s = i ? json_raw(d, i) : (struct str){0};
	return i ? xstrndup(s.p, s.n) : NULL;
}

int64_t declared_int(const struct json_doc *d, uint32_t at, const char *key) /* 0: absent */
{
	int64_t v = 0;
	uint32_t i = json_get(d, at, key);
	return i && json_int64(d, i, &v) ? v : 0;
}

bool declared_bool(const struct json_doc *d, uint32_t at, const char *key)
{
	uint32_t i = json_get(d, at, key);
	return i && d->nodes[i].type == JSON_TRUE;
}

/* Room for the items of the list under key. */
void *declared_list(
	const struct json_doc *d, uint32_t at, const char *key, size_t size, uint32_t *list)
{
	*list = json_get(d, at, key);
	return xcalloc(*list ? d->nodes[*list].count + 1 : 1, size);
}
