#include "event/type.h"

#include <stdlib.h>
#include <string.h>

void event_type_free(struct event_type *t)
{
	if (!t)
		return;
	for (int i = 0; i < t->nfields; i++) {
		struct field *f = &t->fields[i];
		for (int k = 0; k < f->nchoices; k++)
			free(f->choices[k]);
		free(f->choices);
		free(f->name);
		free(f->title);
	}
	free(t->fields);
	free(t->name);
	free(t->plugin);
	free(t->title);
	free(t->file);
	free(t);
}

int event_type_field(const struct event_type *t, const char *name, size_t n)
{
	int declared = t->nfields - t->nderived;
	for (int lo = 0, hi = declared; lo < hi;) {
		int mid = lo + (hi - lo) / 2;
		const char *have = t->fields[mid].name;
		int c = strncmp(have, name, n);
		if (c == 0 && have[n])
			c = 1;
		if (c == 0)
			return mid;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (int i = declared; i < t->nfields; i++)
		if (strncmp(t->fields[i].name, name, n) == 0 && !t->fields[i].name[n])
			return i;
	return -1;
}

const char *field_kind_name(enum field_kind k)
{
	static const char *const names[] = {
		"integer", "decimal", "boolean", "text", "choice", "time", "duration", "money"};
	return names[k];
}

/* ISO 4217, list one: the minor units that are not two digits. */
int currency_scale(const char *currency)
{
	static const char none[] =
		"BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF "
		"XPF",
			  three[] = "BHD IQD JOD KWD LYD OMR TND", four[] = "CLF UYW";
	if (strlen(currency) != 3)
		return 2;
	if (strstr(none, currency))
		return 0;
	if (strstr(three, currency))
		return 3;
	return strstr(four, currency) ? 4 : 2;
}

static const struct {
	const char *name;
	enum attr attr; /* ATTR_NONE: an attribute that no measure reads */
} attributes[] = {{"id", ATTR_ID}, {"source", ATTR_SOURCE}, {"type", ATTR_TYPE},
	{"time", ATTR_TIME}, {"subject", ATTR_SUBJECT}, {"unit", ATTR_UNIT}, {"actor", ATTR_ACTOR},
	{"sequence", ATTR_NONE}, {"corrects", ATTR_NONE}, {"recordedtime", ATTR_NONE},
	{"seq", ATTR_NONE}};
enum { ATTRIBUTES = sizeof attributes / sizeof *attributes };

bool event_is_attribute(const char *name)
{
	for (int i = 0; i < ATTRIBUTES; i++)
		if (strcmp(attributes[i].name, name) == 0)
			return true;
	return false;
}

bool field_ref_resolve(const struct event_type *t, const char *name, struct field_ref *ref)
{
	for (int i = 0; i < ATTRIBUTES; i++)
		if (attributes[i].attr != ATTR_NONE && strcmp(attributes[i].name, name) == 0) {
			*ref = (struct field_ref){attributes[i].attr, -1};
			return true;
		}
	int at = t ? event_type_field(t, name, strlen(name)) : -1;
	*ref = (struct field_ref){at < 0 ? ATTR_NONE : ATTR_FIELD, at};
	return at >= 0;
}
