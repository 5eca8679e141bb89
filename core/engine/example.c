#include "engine/example.h"

#include <stdio.h>
#include <string.h>

static struct value sample(const struct field *f, const char *company_currency, int64_t now_ms)
{
	struct value v = {.kind = VALUE_INT, .i = f->has_min ? f->min : f->has_max ? f->max : 1};
	switch (f->kind) {
	case FIELD_BOOLEAN: v = (struct value){.kind = VALUE_BOOL, .i = 1}; break;
	case FIELD_TEXT: v = (struct value){.kind = VALUE_TEXT, .s = STR("abc")}; break;
	case FIELD_CHOICE:
		v = (struct value){
			.kind = VALUE_TEXT, .s = {f->choices[0], (uint32_t)strlen(f->choices[0])}};
		break;
	case FIELD_TIME: v.i = now_ms / 1000 * 1000; break;
	case FIELD_MONEY:
		v.kind = VALUE_MONEY;
		memcpy(v.currency, f->currency[0] ? f->currency : company_currency, 3);
		break;
	case FIELD_INTEGER:
		if (f->has_max && f->max >= v.i)
			v.i = f->max - (f->max > v.i); /* a score of 9 reads better than a 0 */
		break;
	default: break;
	}
	return v;
}

static const struct event_type *most_read(const struct engine *eng)
{
	const struct type_plan *best = NULL;
	for (int i = 0; i < eng->set.nplans; i++)
		if (!best || eng->set.plans[i].nmeasures > best->nmeasures)
			best = &eng->set.plans[i];
	return best ? best->type : NULL;
}

void example_event(const struct engine *eng, int64_t now_ms, char *out, size_t cap)
{
	const struct event_type *t = most_read(eng);
	struct buf b = {0};
	out[0] = 0;
	if (!t)
		return;
	jw_obj(&b);
	jw_kstr(&b, "type", t->name);
	jw_kstr(&b, "subject", "c-1");
	jw_key(&b, "data");
	jw_obj(&b);
	for (int i = 0; i < t->nfields - t->nderived; i++) {
		if (!t->fields[i].required)
			continue;
		jw_key(&b, t->fields[i].name);
		value_json(&b, sample(&t->fields[i], eng->conf->company_currency, now_ms),
			&t->fields[i]);
	}
	jw_obj_end(&b);
	jw_obj_end(&b);
	if (b.len < cap)
		snprintf(out, cap, "%s", buf_cstr(&b));
	buf_free(&b);
}
