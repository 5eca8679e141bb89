/* Events: envelope, digest, fields, and values as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/tz.h"
#include "event/event.h"

#define META(text) text, sizeof text /* with the last NUL */
#define NOW        1795183200000LL   /* 2026-11-20T11:00:00-03:00 */

static struct json_doc doc;
static struct arena arena;
static struct cx_errs errs;
static struct event ev;
static struct caller caller;
static struct event_origin origin;
static const uint8_t ulid[ULID_BYTES] = {1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static int setup(void **state)
{
	(void)state;
	tz_setup("America/Sao_Paulo");
	cx_lang = CX_EN;
	arena_reset(&arena);
	caller = (struct caller){.uid = 1001};
	origin = (struct event_origin){
		.now_ms = NOW, .caller = &caller, .ulid = ulid, .max_bytes = 65536};
	return 0;
}

static int tidy(void **state)
{
	(void)state;
	json_doc_free(&doc);
	arena_free(&arena);
	return 0;
}

static int envelope(const char *text)
{
	struct cx_err e;
	errs.n = 0;
	if (json_scan(&doc, text, strlen(text), 32, 10000, &e) != CX_OK)
		fail_msg("no JSON: %s (%s)", text, e.msg);
	return event_envelope(&ev, &doc, 0, &origin, &arena, &errs);
}

static void is(struct str have, const char *want)
{
	if (!want) {
		assert_null(have.p);
		return;
	}
	assert_non_null(have.p);
	if (have.n != strlen(want) || memcmp(have.p, want, have.n) != 0)
		fail_msg("\"%.*s\" is not \"%s\"", (int)have.n, have.p, want);
}

static void refused(const char *text, int code, const char *field)
{
	int rc = envelope(text);
	if (rc != code || strcmp(errs.v[0].field, field) != 0)
		fail_msg("%s: %s %s (%s), not %s %s", text, cx_err_name(rc), errs.v[0].field,
			errs.n ? errs.v[0].msg : "", cx_err_name(code), field);
}

static void attributes(void **state)
{
	(void)state;
	assert_int_equal(
		envelope("{\"specversion\":\"1.0\",\"id\":\"e1\",\"source\":\"/l/b07\","
			 "\"type\":\"nps.answered\",\"time\":\"2026-11-20T10:00:00-03:00\","
			 "\"subject\":\"c\\u00e9\","
			 "\"unit\":\"b07\",\"actor\":\"ana\",\"sequence\":\"007\",\"dataschema\":"
			 "\"urn:x\","
			 "\"datacontenttype\":\"application/json\",\"data\":{ \"score\" : 9.50 }}"),
		CX_OK);
	is(ev.id, "e1");
	is(ev.source, "/l/b07");
	is(ev.type_name, "nps.answered");
	is(ev.subject, "c\xc3\xa9");
	is(ev.unit, "b07");
	is(ev.actor, "ana");
	is(ev.sequence, "007");
	is(ev.corrects, NULL);
	is(ev.time, "2026-11-20T10:00:00-03:00");
	is(ev.data, "{\"score\":9.50}");
	assert_int_equal(ev.time_ms, NOW - 3600000);
	assert_int_equal(ev.recorded_ms, NOW);
	assert_false(ev.clockahead);
	assert_false(ev.id_made);
}

static void filled_in(void **state)
{
	(void)state;
	assert_int_equal(envelope("{\"type\":\"a\",\"unit\":null,\"data\":null}"), CX_OK);
	assert_int_equal(ev.id.n, 26);
	assert_true(ev.id_made);
	is(ev.source, "/uid/1001");
	is(ev.time, "2026-11-20T11:00:00-03:00");
	is(ev.unit, NULL);
	is(ev.data, NULL);
	struct str first = ev.id;
	origin.item = 1; /* carries over the two full bytes */
	envelope("{\"type\":\"a\"}");
	assert_memory_not_equal(first.p, ev.id.p, 26);
	assert_true(memcmp(first.p, ev.id.p, 26) < 0);
	struct str second = ev.id;
	envelope("{\"type\":\"a\"}");
	assert_memory_equal(second.p, ev.id.p, 26);
	snprintf(caller.token, sizeof caller.token, "till-3");
	envelope("{\"type\":\"a\"}");
	is(ev.source, "/token/till-3");
}

static void refusals(void **state)
{
	(void)state;
	refused("[]", CX_E_NOT_AN_EVENT, "");
	refused("\"x\"", CX_E_NOT_AN_EVENT, "");
	refused("{}", CX_E_MISSING_FIELD, "type");
	refused("{\"type\":null}", CX_E_MISSING_FIELD, "type");
	refused("{\"type\":\"\"}", CX_E_INVALID_FIELD, "type");
	refused("{\"type\":5}", CX_E_INVALID_FIELD, "type");
	refused("{\"type\":\"a\",\"id\":\"\"}", CX_E_INVALID_FIELD, "id");
	refused("{\"type\":\"a\",\"id\":\"a\\u0000\"}", CX_E_INVALID_FIELD, "id");
	refused("{\"type\":\"a\",\"subjet\":\"x\"}", CX_E_UNKNOWN_FIELD, "subjet");
	assert_non_null(strstr(errs.v[0].msg, "did you mean \"subject\""));
	refused("{\"type\":\"a\",\"score\":1}", CX_E_UNKNOWN_FIELD, "score");
	refused("{\"type\":\"a\",\"seq\":1}", CX_E_UNKNOWN_FIELD, "seq");
	refused("{\"type\":\"a\",\"specversion\":\"0.3\"}", CX_E_INVALID_FIELD, "specversion");
	refused("{\"type\":\"a\",\"corrects\":7}", CX_E_INVALID_FIELD, "corrects");
	refused("{\"type\":\"a\",\"data_base64\":\"x\"}", CX_E_INVALID_FIELD, "data_base64");
	refused("{\"type\":\"a\",\"recordedtime\":\"2026-01-01T00:00:00Z\"}", CX_E_INVALID_FIELD,
		"recordedtime");
	refused("{\"type\":\"a\",\"time\":\"2026-11-20 10:00\"}", CX_E_INVALID_FIELD, "time");
	refused("{\"type\":\"a\",\"time\":1}", CX_E_INVALID_FIELD, "time");
	refused("{\"type\":\"a\",\"sequence\":\"x1\"}", CX_E_INVALID_FIELD, "sequence");
	refused("{\"type\":\"a\",\"sequence\":-1}", CX_E_INVALID_FIELD, "sequence");
	refused("{\"type\":\"a\",\"sequence\":1.0}", CX_E_INVALID_FIELD, "sequence");
	refused("{\"type\":\"a\",\"data\":[]}", CX_E_INVALID_FIELD, "data");
	refused("{\"type\":\"a\",\"data\":\"x\"}", CX_E_INVALID_FIELD, "data");
	refused("{\"type\":\"a\",\"data\":{\"x\":1,\"y\":[{\"z\":\"\\u0000\"}]}}",
		CX_E_INVALID_FIELD, "data.y");
	refused("{\"type\":\"a\",\"data\":{\"\\u0000\":1}}", CX_E_INVALID_FIELD, "data");
	assert_int_equal(envelope("{\"type\":\"a\",\"id\":5,\"time\":\"x\",\"foo\":1,\"data\":1}"),
		CX_E_INVALID_FIELD);
	assert_int_equal(errs.n, 4);
	char big[400] = "{\"type\":\"a\",\"subject\":\"", *end = big + strlen(big);
	memset(end, 'x', 257);
	strcpy(end + 257, "\"}");
	refused(big, CX_E_INVALID_FIELD, "subject");
	strcpy(end + 256, "\"}");
	assert_int_equal(envelope(big), CX_OK);
	origin.max_bytes = 20;
	refused(big, CX_E_EVENT_TOO_LARGE, "");
	origin.max_bytes = 65536;
	origin.structured = true;
	refused("{\"type\":\"a\",\"specversion\":\"1.0\"}", CX_E_MISSING_FIELD, "id");
	refused("{\"type\":\"a\",\"id\":\"1\"}", CX_E_MISSING_FIELD, "specversion");
}

static void clocks(void **state)
{
	(void)state;
	assert_int_equal(
		envelope("{\"type\":\"a\",\"time\":\"2026-11-20T11:05:00-03:00\"}"), CX_OK);
	assert_false(ev.clockahead);
	assert_int_equal(
		envelope("{\"type\":\"a\",\"time\":\"2026-11-20T11:05:00.001-03:00\"}"), CX_OK);
	assert_true(ev.clockahead);
	origin.import = true;
	assert_int_equal(
		envelope("{\"type\":\"a\",\"recordedtime\":\"2026-01-01T00:00:00Z\"}"), CX_OK);
	assert_int_equal(ev.recorded_ms, 1767225600000);
	refused("{\"type\":\"a\",\"recordedtime\":\"2027-01-01T00:00:00Z\"}", CX_E_INVALID_FIELD,
		"recordedtime");
}

static void bound_callers(void **state)
{
	(void)state;
	strcpy(caller.unit, "b07");
	strcpy(caller.person, "ana");
	assert_int_equal(envelope("{\"type\":\"a\"}"), CX_OK);
	is(ev.unit, "b07");
	is(ev.actor, "ana");
	assert_int_equal(envelope("{\"type\":\"a\",\"unit\":\"b07\",\"actor\":\"ana\"}"), CX_OK);
	refused("{\"type\":\"a\",\"unit\":\"b08\"}", CX_E_WRONG_UNIT, "unit");
	refused("{\"type\":\"a\",\"actor\":\"bob\"}", CX_E_WRONG_ACTOR, "actor");
}

static void digest_of(const char *text, uint8_t out[EVENT_DIGEST])
{
	if (envelope(text) != CX_OK)
		fail_msg("%s: %s", text, errs.v[0].msg);
	memcpy(out, ev.digest, EVENT_DIGEST);
}

static void digests(void **state)
{
	(void)state;
	uint8_t a[EVENT_DIGEST], b[EVENT_DIGEST];
	const char *base = "{\"id\":\"1\",\"type\":\"t\",\"data\":{\"a\":1,\"b\":\"x\"}}";
	static const char *const same[] = {
		"{ \"type\":\"t\", \"data\":{\"b\":\"\\u0078\",\"a\":1.0}, \"id\":\"1\", "
		"\"unit\":null }",
		"{\"specversion\":\"1.0\",\"datacontenttype\":\"application/json\",\"id\":\"1\","
		"\"type\":\"t\",\"data\":{\"a\":10e-1,\"b\":\"x\"}}"};
	static const char *const other[] = {
		"{\"id\":\"1\",\"type\":\"t\",\"data\":{\"a\":1,\"b\":\"y\"}}",
		"{\"id\":\"1\",\"type\":\"t\",\"data\":{\"a\":\"1\",\"b\":\"x\"}}",
		"{\"id\":\"1\",\"type\":\"t\"}",
		"{\"id\":\"2\",\"type\":\"t\",\"data\":{\"a\":1,\"b\":\"x\"}}",
		"{\"id\":\"1\",\"type\":\"t\",\"data\":{\"a\":1,\"b\":\"x\",\"c\":null}}",
		"{\"id\":\"1\",\"type\":\"t\",\"subject\":\"s\",\"data\":{\"a\":1,\"b\":\"x\"}}",
		"{\"id\":\"1\",\"type\":\"t\",\"time\":\"2026-11-20T11:00:00-03:00\","
		"\"data\":{\"a\":1,\"b\":\"x\"}}"};
	digest_of(base, a);
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		digest_of(same[i], b);
		assert_memory_equal(a, b, EVENT_DIGEST);
	}
	for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
		digest_of(other[i], b);
		assert_memory_not_equal(a, b, EVENT_DIGEST);
	}
	/* what was filled in does not count */
	digest_of("{\"type\":\"t\"}", a);
	origin.now_ms += 5000;
	origin.item = 7;
	strcpy(caller.unit, "b07");
	digest_of("{\"type\":\"t\"}", b);
	assert_memory_equal(a, b, EVENT_DIGEST);
	digest_of("{\"type\":\"t\",\"subject\":\"a\\\"b\\n\\u007f\\u00e9\"}", a);
	digest_of("{\"type\":\"t\",\"subject\":\"a\\u0022b\\u000a\x7f\xc3\xa9\"}", b);
	assert_memory_equal(a, b, EVENT_DIGEST);
}

static void binary(void **state)
{
	(void)state;
	static const char meta[] = "query\0x=1\0ce-specversion\0"
				   "1.0\0ce-id\0e%2F1\0ce-type\0t\0"
				   "ce-subject\0Euro%20%E2%82%AC\0ce-sequence\0"
				   "5\0content-type\0application/json";
	uint8_t a[EVENT_DIGEST];
	errs.n = 0;
	digest_of("{\"id\":\"e/1\",\"type\":\"t\",\"subject\":\"Euro \\u20ac\",\"sequence\":5,"
		  "\"data\":{\"a\":1}}",
		a);
	json_scan(&doc, " {\"a\":1.0} ", 11, 32, 100, NULL);
	assert_int_equal(
		event_envelope_binary(&ev, meta, sizeof meta, &doc, &origin, &arena, &errs), CX_OK);
	is(ev.id, "e/1");
	is(ev.subject, "Euro \xe2\x82\xac");
	is(ev.data, "{\"a\":1.0}");
	assert_memory_equal(a, ev.digest, EVENT_DIGEST);
	assert_int_equal(
		event_envelope_binary(&ev, meta, sizeof meta, NULL, &origin, &arena, &errs), CX_OK);
	is(ev.data, NULL);
	static const struct {
		const char *meta;
		size_t n;
		int code;
		const char *field;
	} bad[] = {{META("ce-specversion\0"
			 "0.3\0ce-id\0"
			 "1\0ce-type\0t"),
			   CX_E_INVALID_FIELD, "specversion"},
		{META("ce-specversion\0"
		      "1.0\0ce-type\0t"),
			CX_E_MISSING_FIELD, "id"},
		{META("ce-specversion\0"
		      "1.0\0ce-id\0"
		      "1"),
			CX_E_MISSING_FIELD, "type"},
		{META("ce-specversion\0"
		      "1.0\0ce-id\0"
		      "%\0ce-type\0t"),
			CX_E_INVALID_FIELD, "id"},
		{META("ce-specversion\0"
		      "1.0\0ce-id\0"
		      "\xff\0ce-type\0t"),
			CX_E_INVALID_FIELD, "id"},
		{META("ce-specversion\0"
		      "1.0\0ce-id\0"
		      "%00\0ce-type\0t"),
			CX_E_INVALID_FIELD, "id"},
		{META("ce-specversion\0"
		      "1.0\0ce-id\0"
		      "1\0ce-type\0t\0ce-data\0x"),
			CX_E_UNKNOWN_FIELD, "data"},
		{META("ce-specversion\0"
		      "1.0\0ce-id\0"
		      "\"a\\\"b\"\0ce-type\0t"),
			CX_OK, ""}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *exact = malloc(bad[i].n); /* so that reading past the end is seen */
		memcpy(exact, bad[i].meta, bad[i].n);
		errs.n = 0;
		int rc = event_envelope_binary(
			&ev, exact, (uint32_t)bad[i].n, NULL, &origin, &arena, &errs);
		if (rc != bad[i].code)
			fail_msg("row %zu: %s", i, cx_err_name(rc));
		if (rc != CX_OK)
			assert_string_equal(errs.v[0].field, bad[i].field);
		else
			is(ev.id, "a\"b");
		free(exact);
	}
	json_scan(&doc, "[1]", 3, 32, 100, NULL);
	errs.n = 0;
	assert_int_equal(
		event_envelope_binary(&ev, meta, sizeof meta, &doc, &origin, &arena, &errs),
		CX_E_INVALID_FIELD);
}

static char *choices[] = {"app", "loja"};
static struct field fields[] = {{.name = "bought", .kind = FIELD_TIME},
	{.name = "channel", .kind = FIELD_CHOICE, .choices = choices, .nchoices = 2},
	{.name = "comment", .kind = FIELD_TEXT, .personal = true, .has_max = true, .max = 5},
	{.name = "level", .kind = FIELD_INTEGER, .fallback = {.kind = VALUE_INT, .i = 3}},
	{.name = "ok", .kind = FIELD_BOOLEAN},
	{.name = "paid", .kind = FIELD_MONEY, .currency = "BRL", .scale = 2},
	{.name = "price", .kind = FIELD_MONEY, .scale = 2},
	{.name = "score",
		.kind = FIELD_INTEGER,
		.required = true,
		.has_min = true,
		.has_max = true,
		.max = 10},
	{.name = "temp", .kind = FIELD_DECIMAL, .scale = 2, .has_min = true, .min = -1050},
	{.name = "wait", .kind = FIELD_DURATION},
	{.name = "lead", .kind = FIELD_DURATION, .derived = true},
	{.name = "hint", .kind = FIELD_TEXT, .derived = true, .personal = true}};
static struct event_type type = {
	.name = "visit.rated", .fields = fields, .nfields = 12, .nderived = 2};

static int read_fields(const char *data)
{
	errs.n = 0;
	ev.type = &type;
	ev.data = (struct str){data, data ? (uint32_t)strlen(data) : 0};
	return event_fields(&ev, "BRL", &arena, &errs);
}

static struct value field(const char *name)
{
	struct field_ref ref;
	assert_true(field_ref_resolve(&type, name, &ref));
	return event_get(&ev, ref);
}

static void good_fields(void **state)
{
	(void)state;
	assert_int_equal(
		read_fields(
			"{\"score\":9,\"channel\":\"loja\",\"comment\":\"\xc3\xa9\\u00e9x\","
			"\"ok\":true,\"paid\":{\"amount\":1999,\"currency\":\"BRL\"},\"price\":5,"
			"\"temp\":\"-10.5\","
			"\"wait\":\"3d\",\"bought\":\"2026-11-20T10:00:00Z\",\"nothing\":null}"),
		CX_OK);
	assert_int_equal(field("score").i, 9);
	is(field("channel").s, "loja");
	is(field("comment").s, "\xc3\xa9\xc3\xa9x");
	assert_int_equal(field("ok").kind, VALUE_BOOL);
	assert_int_equal(field("paid").i, 1999);
	assert_string_equal(field("paid").currency, "BRL");
	assert_string_equal(field("price").currency, "BRL");
	assert_int_equal(field("temp").i, -1050);
	assert_int_equal(field("wait").i, 3 * 86400000);
	assert_int_equal(field("bought").i, 1795168800000);
	assert_int_equal(field("level").i, 3);
	assert_int_equal(field("lead").kind, VALUE_NULL);
	assert_int_equal(read_fields("{\"score\":-0,\"price\":{\"amount\":-7,\"currency\":\"USD\"},"
				     "\"temp\":9.10e1,\"wait\":-5,\"channel\":null}"),
		CX_OK);
	assert_int_equal(field("score").i, 0);
	assert_int_equal(field("temp").i, 9100);
	assert_string_equal(field("price").currency, "USD");
	assert_int_equal(field("wait").i, -5);
	assert_int_equal(field("channel").kind, VALUE_NULL);
	assert_int_equal(read_fields(NULL), CX_E_MISSING_FIELD);
}

static void bad_fields(void **state)
{
	(void)state;
	static const struct {
		const char *data, *field;
		int code;
		const char *says;
	} rows[] = {{"{\"score\":8.0}", "data.score", CX_E_INVALID_FIELD, "got 8.0"},
		{"{\"score\":8.5}", "data.score", CX_E_INVALID_FIELD, "whole number"},
		{"{\"score\":1e1}", "data.score", CX_E_INVALID_FIELD, "whole"},
		{"{\"score\":\"9\"}", "data.score", CX_E_INVALID_FIELD, "whole"},
		{"{\"score\":11}", "data.score", CX_E_INVALID_FIELD, "between 0 and 10"},
		{"{\"score\":-1}", "data.score", CX_E_INVALID_FIELD, "between 0 and 10"},
		{"{\"score\":9007199254740992}", "data.score", CX_E_INVALID_FIELD, ""},
		{"{\"score\":99999999999999999999}", "data.score", CX_E_INVALID_FIELD, ""},
		{"{}", "data.score", CX_E_MISSING_FIELD, "score"},
		{"{\"score\":null}", "data.score", CX_E_MISSING_FIELD, "score"},
		{"{\"score\":1,\"scroe\":1}", "data.scroe", CX_E_UNKNOWN_FIELD,
			"did you mean \"score\""},
		{"{\"score\":1,\"xyzzy\":1}", "data.xyzzy", CX_E_UNKNOWN_FIELD, "no field"},
		{"{\"score\":1,\"lead\":1}", "data.lead", CX_E_UNKNOWN_FIELD, "computed"},
		{"{\"score\":1,\"channel\":\"fax\"}", "data.channel", CX_E_INVALID_FIELD,
			"\"app\", \"loja\""},
		{"{\"score\":1,\"channel\":1}", "data.channel", CX_E_INVALID_FIELD, "one of"},
		{"{\"score\":1,\"comment\":\"abcdef\"}", "data.comment", CX_E_INVALID_FIELD,
			"5 characters"},
		{"{\"score\":1,\"ok\":\"true\"}", "data.ok", CX_E_INVALID_FIELD, "true or false"},
		{"{\"score\":1,\"temp\":1.234}", "data.temp", CX_E_INVALID_FIELD, "2 decimal"},
		{"{\"score\":1,\"temp\":-10.51}", "data.temp", CX_E_INVALID_FIELD, "-10.50"},
		{"{\"score\":1,\"temp\":\"1,2\"}", "data.temp", CX_E_INVALID_FIELD,
			"decimal number"},
		{"{\"score\":1,\"temp\":true}", "data.temp", CX_E_INVALID_FIELD, "decimal number"},
		{"{\"score\":1,\"temp\":1e300}", "data.temp", CX_E_INVALID_FIELD, "too large"},
		{"{\"score\":1,\"wait\":\"1mo\"}", "data.wait", CX_E_INVALID_FIELD,
			"no fixed length"},
		{"{\"score\":1,\"wait\":\"3m\"}", "data.wait", CX_E_INVALID_FIELD, "duration"},
		{"{\"score\":1,\"wait\":1.5}", "data.wait", CX_E_INVALID_FIELD, "duration"},
		{"{\"score\":1,\"bought\":\"2026-11-20 10:00\"}", "data.bought", CX_E_INVALID_FIELD,
			"offset"},
		{"{\"score\":1,\"bought\":5}", "data.bought", CX_E_INVALID_FIELD, "offset"},
		{"{\"score\":1,\"paid\":19.99}", "data.paid", CX_E_INVALID_FIELD, "minor units"},
		{"{\"score\":1,\"paid\":{\"amount\":1,\"currency\":\"USD\"}}", "data.paid",
			CX_E_INVALID_FIELD, "BRL; got USD"},
		{"{\"score\":1,\"price\":{\"amount\":1,\"currency\":\"brl\"}}", "data.price",
			CX_E_INVALID_FIELD, "code"},
		{"{\"score\":1,\"paid\":{\"amount\":1.5,\"currency\":\"BRL\"}}", "data.paid",
			CX_E_INVALID_FIELD, "whole"},
		{"{\"score\":1,\"paid\":{\"amount\":1}}", "data.paid", CX_E_INVALID_FIELD,
			"exactly"},
		{"{\"score\":1,\"paid\":\"19.99\"}", "data.paid", CX_E_INVALID_FIELD,
			"minor units"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int rc = read_fields(rows[i].data);
		if (rc != rows[i].code || errs.n != 1 ||
			strcmp(errs.v[0].field, rows[i].field) != 0 ||
			!strstr(errs.v[0].msg, rows[i].says))
			fail_msg("%s: %s %d %s: %s", rows[i].data, cx_err_name(rc), errs.n,
				errs.v[0].field, errs.v[0].msg);
	}
	/* personal values are not repeated; all mistakes come at once */
	read_fields("{\"score\":1,\"comment\":77123}");
	assert_null(strstr(errs.v[0].msg, "77123"));
	read_fields("{\"score\":11,\"ok\":1,\"zz\":1,\"temp\":[]}");
	assert_int_equal(errs.n, 4);
	type.open = true;
	assert_int_equal(read_fields("{\"score\":1,\"xyzzy\":{\"a\":[]}}"), CX_OK);
	assert_int_equal(read_fields("{\"score\":1,\"lead\":1}"), CX_E_UNKNOWN_FIELD);
	type.open = false;
}

static void from_the_store(void **state)
{
	(void)state;
	bool missing;
	ev = (struct event){.type = &type,
		.data = STR("{\"score\":99,\"ok\":true,\"gone\":1}"),
		.derived = STR("{\"lead\":5,\"hint\":null}")};
	event_reload(&ev, "BRL", &arena, &missing);
	assert_false(missing);
	assert_int_equal(field("score").i, 99); /* right when it was stored */
	assert_int_equal(field("ok").i, 1);
	assert_int_equal(field("lead").i, 5);
	is(event_derived_json(&ev, &arena), "{\"lead\":5,\"hint\":null}");
	ev.derived = STR("{\"lead\":5}");
	event_reload(&ev, "BRL", &arena, &missing);
	assert_true(missing);
	ev.derived = (struct str){0};
	event_reload(&ev, "BRL", &arena, &missing);
	assert_true(missing);
}

static void texts(void **state)
{
	(void)state;
	static const struct {
		int field;
		const char *text, *json, *shown; /* json NULL: does not parse */
	} rows[] = {{7, " -3 ", "-3", "-3"}, {7, "8.0", NULL, NULL}, {7, "", NULL, NULL},
		{4, "true", "true", "true"}, {4, "0", "false", "false"}, {4, "yes", NULL, NULL},
		{8, "12.34", "12.34", "12.34"}, {8, "-0.05", "-0.05", "-0.05"},
		{8, "1", "1.00", "1.00"}, {8, "1.001", NULL, NULL}, {1, "app", "\"app\"", "app"},
		{1, "fax", NULL, NULL}, {2, "a\"b", "\"a\\\"b\"", "a\"b"}, {2, "\xff", NULL, NULL},
		{0, "2018-01-02 10:00", "\"2018-01-02T10:00:00-02:00\"",
			"2018-01-02T10:00:00-02:00"},
		{0, "2018-01-02T10:00:00Z", "\"2018-01-02T08:00:00-02:00\"",
			"2018-01-02T08:00:00-02:00"},
		{0, "02/01/2018", NULL, NULL}, {9, "90min", "5400000", "5400000"},
		{9, "17", "17", "17"}, {9, "1y", NULL, NULL},
		{5, "29.99", "{\"amount\":2999,\"currency\":\"BRL\"}", "29.99 BRL"},
		{5, "29.990", "{\"amount\":2999,\"currency\":\"BRL\"}", "29.99 BRL"},
		{5, "29.999", NULL, NULL}, {5, "5 USD", NULL, NULL},
		{6, "1500 JPY", "{\"amount\":1500,\"currency\":\"JPY\"}", "1500 JPY"},
		{6, "-0.29", "{\"amount\":-29,\"currency\":\"BRL\"}", "-0.29 BRL"}};
	struct buf b = {0};
	struct value v;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct field *f = &fields[rows[i].field];
		struct str text = {rows[i].text, (uint32_t)strlen(rows[i].text)};
		bool ok = value_from_text(f, "BRL", text, &v, &arena);
		if (ok != !!rows[i].json)
			fail_msg("%s", rows[i].text);
		if (!ok)
			continue;
		buf_clear(&b);
		value_json(&b, v, f);
		assert_string_equal(buf_cstr(&b), rows[i].json);
		is(value_text(v, f->kind, f->scale, &arena), rows[i].shown);
	}
	int64_t minor;
	assert_true(money_from_text(STR("1.234"), "KWD", &minor) && minor == 1234);
	assert_true(
		money_from_text(STR("90071992547409.91"), "BRL", &minor) && minor == EVENT_INT_MAX);
	assert_false(money_from_text(STR("90071992547409.92"), "BRL", &minor));
	assert_false(money_from_text(STR("1.5"), "JPY", &minor));
	is(value_text((struct value){.kind = VALUE_INT, .i = INT64_MIN}, FIELD_INTEGER, 0, &arena),
		"-9223372036854775808");
	is(value_text((struct value){0}, FIELD_TEXT, 0, &arena), NULL);
	buf_free(&b);
}

static void shown(void **state)
{
	(void)state;
	struct buf b = {0};
	ev = (struct event){.seq = 7,
		.recorded_ms = NOW,
		.id = STR("1"),
		.source = STR("/s"),
		.type_name = STR("visit.rated"),
		.time = STR("2026-11-20T10:00:00Z"),
		.clockahead = true,
		.subject = STR("a\"b"),
		.data = STR("{\"comment\":\"hi\",\"score\":1,\"x\":[1]}"),
		.derived = STR("{\"lead\":5,\"hint\":\"h\"}"),
		.type = &type};
	const char *head =
		"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"visit.rated\","
		"\"time\":\"2026-11-20T10:00:00Z\",\"subject\":\"a\\\"b\","
		"\"datacontenttype\":\"application/json\",\"seq\":7,"
		"\"recordedtime\":\"2026-11-20T11:00:00-03:00\",\"clockahead\":true";
	event_json(&b, &ev, true);
	assert_memory_equal(buf_cstr(&b), head, strlen(head));
	assert_string_equal(b.p + strlen(head),
		",\"data\":{\"comment\":\"hi\",\"score\":1,\"x\":[1]},"
		"\"derived\":{\"lead\":5,\"hint\":\"h\"}}");
	buf_clear(&b);
	event_json(&b, &ev, false);
	assert_string_equal(buf_cstr(&b) + strlen(head),
		",\"data\":{\"score\":1,\"x\":[1]},\"derived\":{\"lead\":5}}");
	buf_clear(&b);
	ev.type = NULL;
	event_json(&b, &ev, false);
	assert_string_equal(buf_cstr(&b) + strlen(head), "}");
	buf_free(&b);
}

static void types(void **state)
{
	(void)state;
	struct field_ref ref;
	assert_int_equal(event_type_field(&type, "scores", 5), 7);
	assert_int_equal(event_type_field(&type, "scor", 4), -1);
	assert_int_equal(event_type_field(&type, "", 0), -1);
	assert_int_equal(event_type_field(&type, "hint", 4), 11);
	assert_true(field_ref_resolve(NULL, "unit", &ref) && ref.attr == ATTR_UNIT);
	assert_false(field_ref_resolve(NULL, "score", &ref));
	assert_false(field_ref_resolve(&type, "sequence", &ref));
	assert_true(event_is_attribute("subject"));
	assert_false(event_is_attribute("score"));
	assert_int_equal(currency_scale("BRL"), 2);
	assert_int_equal(currency_scale("JPY"), 0);
	assert_int_equal(currency_scale("KWD"), 3);
	assert_int_equal(currency_scale(""), 2);
	assert_string_equal(field_kind_name(FIELD_MONEY), "money");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup(attributes, setup),
		cmocka_unit_test_setup(filled_in, setup), cmocka_unit_test_setup(refusals, setup),
		cmocka_unit_test_setup(clocks, setup), cmocka_unit_test_setup(bound_callers, setup),
		cmocka_unit_test_setup(digests, setup), cmocka_unit_test_setup(binary, setup),
		cmocka_unit_test_setup(good_fields, setup),
		cmocka_unit_test_setup(bad_fields, setup),
		cmocka_unit_test_setup(from_the_store, setup), cmocka_unit_test_setup(texts, setup),
		cmocka_unit_test_setup(shown, setup), cmocka_unit_test_setup(types, setup)};
	return cmocka_run_group_tests(tests, NULL, tidy);
}
