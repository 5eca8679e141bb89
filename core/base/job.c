#include "base/job.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define X(sym, method, path, level, who, body, query, summary)                                     \
	{method, path, LEVEL_##level, WHO_##who, body, query, summary},
const struct route_row routes[ROUTE_COUNT] = {
#include "base/routes.def"
};
#undef X

static const char *const level_names[] = {"none", "frontline", "manager", "integrator", "admin"};

const char *level_name(enum level l)
{
	return level_names[l];
}

int level_parse(const char *s, enum level *l)
{
	for (int i = LEVEL_FRONTLINE; i <= LEVEL_ADMIN; i++)
		if (strcmp(s, level_names[i]) == 0) {
			*l = (enum level)i;
			return 0;
		}
	return -1;
}

void caller_text(const struct caller *c, char *out, size_t cap)
{
	if (c->person[0])
		snprintf(out, cap, "%s", c->person);
	else if (c->token[0])
		snprintf(out, cap, "/token/%s", c->token);
	else
		snprintf(out, cap, "/uid/%u", c->uid);
}

const char *meta_get(const char *meta, uint32_t meta_len, const char *name)
{
	for (uint32_t i = 0; i < meta_len;) {
		const char *k = meta + i, *v = k + strlen(k) + 1;
		if (strcmp(k, name) == 0)
			return v;
		i = (uint32_t)(v + strlen(v) + 1 - meta);
	}
	return NULL;
}

/* A name or value of a query into out, NUL-terminated; false: malformed, not UTF-8, or too long. */
static bool decode(const char *s, size_t n, char *out, uint32_t cap)
{
	int len = percent_decode(s, n, true, out, cap - 1);
	if (len < 0 || !utf8_ok(out, (size_t)len))
		return false;
	out[len] = 0;
	return true;
}

const char *query_name(const char *q, int i, char *out, uint32_t cap)
{
	for (; q && *q; q += strcspn(q, "&"), q += *q == '&') {
		size_t n = strcspn(q, "&=");
		if (n == 0 && q[n] != '=')
			continue;
		if (i-- != 0)
			continue;
		if (!decode(q, n, out, cap))
			strcpy(out, "?");
		return out;
	}
	return NULL;
}

const char *query_get(const char *q, const char *name, int i, char *out, uint32_t cap, int *bad)
{
	char key[64];
	for (; q && *q; q += strcspn(q, "&"), q += *q == '&') {
		size_t n = strcspn(q, "&="), all = strcspn(q, "&");
		if (!decode(q, n, key, sizeof key) || strcmp(key, name) != 0 || i-- != 0)
			continue;
		const char *v = q[n] == '=' ? q + n + 1 : q + n;
		if (decode(v, (size_t)(q + all - v), out, cap))
			return out;
		*bad = 1;
		return NULL;
	}
	return NULL;
}
