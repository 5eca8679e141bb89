#include <stdio.h>
#include <string.h>

#include "lua/bind.h"

struct version {
	long v[3];
	int n; /* how many numbers were written */
};

/* Reads "1", "1.2" or "1.2.3"; a pre-release or build part counts for nothing. */
static const char *read_version(const char *s, struct version *out)
{
	*out = (struct version){0};
	while (out->n < 3) {
		if (*s < '0' || *s > '9')
			return NULL;
		long x = 0;
		for (; *s >= '0' && *s <= '9'; s++)
			x = x < 1000000 ? x * 10 + (*s - '0') : x;
		out->v[out->n++] = x;
		if (*s != '.')
			break;
		s++;
	}
	if (*s == '-' || *s == '+')
		s += strcspn(s, " ,");
	return s;
}

static int compare(const struct version *a, const struct version *b, int n)
{
	for (int i = 0; i < n; i++)
		if (a->v[i] != b->v[i])
			return a->v[i] < b->v[i] ? -1 : 1;
	return 0;
}

static bool holds(const struct version *v, const char *op, size_t op_n, const struct version *want)
{
	int c = compare(v, want, 3);
	if (op_n == 2)
		return op[0] == '>' ? c >= 0 : c <= 0;
	switch (op_n ? *op : '=') {
	case '>': return c > 0;
	case '<': return c < 0;
	case '~': return c >= 0 && compare(v, want, want->n > 2 ? 2 : 1) == 0;
	case '^': { /* the first number that is not 0 stays */
		int n = 1;
		while (n < 3 && want->v[n - 1] == 0 && want->n > n)
			n++;
		return c >= 0 && compare(v, want, n) == 0;
	}
	default: return compare(v, want, want->n) == 0;
	}
}

/* Walks the parts of a constraint; v NULL: only whether it can be read. */
static bool walk(const char *s, const struct version *v)
{
	bool all = true, any = false;
	for (;;) {
		s += strspn(s, " ,");
		if (!*s)
			return any && all;
		any = true;
		if (*s == '*') {
			s++;
			continue;
		}
		const char *op = s;
		size_t op_n = strspn(s, "<>=^~");
		if (op_n > 2 || (op_n == 2 && (s[1] != '=' || !strchr("<>", s[0]))))
			return false;
		s += op_n;
		s += strspn(s, " ");
		struct version want;
		s = read_version(s, &want);
		if (!s || (*s && *s != ' ' && *s != ','))
			return false;
		if (v && !holds(v, op, op_n, &want))
			all = false;
	}
}

bool version_constraint(const char *text)
{
	return walk(text, NULL);
}

bool version_satisfies(const char *version, const char *constraint)
{
	struct version v;
	return version && read_version(version, &v) && walk(constraint, &v);
}
