/* Records: what cx.record may say, rows with their versions, filters, views and indexes. */
#include "plugin_fixture.h"

#include "engine/records.h"
#include "store/driver.h"

static struct store *s;
static struct cx_err e;

static void opened(void)
{
	if (store_open(&s, "sqlite:", fx.dir, STORE_WRITE, &e) < 0 || store_begin(s, &e) < 0)
		fail_msg("%s", e.msg);
}

static void closed(void)
{
	store_rollback(s);
	store_close(s);
}

#define OK(call)                                                                                   \
	do {                                                                                       \
		if ((call) != CX_OK)                                                               \
			fail_msg("%s: %s", #call, e.msg);                                          \
	} while (0)

static void test_mistakes(void **state)
{
	(void)state;
	write_file("bad", "plugin.lua",
		"cx.plugin { name = 'bad', version = '1.0.0', api = 1 }\n"
		"cx.record 'Coupon' { key = 'code', fields = { code = cx.text {} } }\n"
		"cx.record 'a' { fields = { code = cx.text {} } }\n"
		"cx.record 'b' { key = 'cod', fields = { code = cx.text {} } }\n"
		"cx.record 'c' { key = 'at', fields = { at = cx.time {} } }\n"
		"cx.record 'd' { key = 'code', fields = { code = cx.text { personal = true } } }\n"
		"cx.record 'f' { key = 'code', unit = 'n', subject = 'm', index = { 'cod' },\n"
		"  fields = { code = cx.text {}, n = cx.integer {}, m = cx.money {} } }\n"
		"cx.record 'g' { key = 'code', read = 'manager', write = 'frontline',\n"
		"  fields = { code = cx.text {}, version = cx.text {} } }\n"
		"cx.record 'h' { key = 'code', read = 'boss', index = { x = 'code' },\n"
		"  fields = { code = cx.text { default = 'x' } } }\n"
		"cx.record 'a' { key = 'code', fields = { code = cx.text {} } }\n");
	load();
	has_error("bad", 2,
		"record \"Coupon\": the kind must be lower-kebab as \"coupon\", at most "
		"60 letters");
	has_error("bad", 3,
		"record \"a\": key is missing: the field that names a record, key = "
		"\"code\"");
	has_error("bad", 4, "record \"b\": key: no field \"cod\", did you mean \"code\"?");
	has_error(
		"bad", 5, "record \"c\": key: \"at\" is time; it must be text, choice or integer");
	has_error("bad", 6,
		"record \"d\": key: \"code\" is personal, and everyone who reads the "
		"record sees it");
	has_error("bad", 7, "record \"f\": unit: \"n\" is integer; it must be text or choice");
	has_error("bad", 7,
		"record \"f\": subject: \"m\" is money; it must be text, choice or "
		"integer");
	has_error("bad", 7, "record \"f\": index: no field \"cod\", did you mean \"code\"?");
	has_error("bad", 9, "record \"g\": who may write it sees it: write may not be below read");
	has_error("bad", 9,
		"record \"g\": field \"version\": the name is taken: version, created, "
		"changed, limit and after are not free");
	has_error("bad", 11,
		"record \"h\": read must be \"frontline\", \"manager\", \"integrator\" "
		"or \"admin\"");
	has_error("bad", 11, "record \"h\": index must be a list as { \"used\" }");
	has_error("bad", 11,
		"record \"h\": key: \"code\" has a default, which names one record "
		"only");
	has_error("bad", 13, "record \"a\": declared twice (first at plugins/bad/plugin.lua:3)");
}

static void test_kinds_are_unique(void **state)
{
	(void)state;
	write_file("one", "plugin.lua",
		"cx.plugin { name = 'one', version = '1.0.0', api = 1 }\n"
		"cx.record 'coupon' { key = 'code', fields = { code = cx.text {} } }\n");
	write_file("two", "plugin.lua",
		"cx.plugin { name = 'two', version = '1.0.0', api = 1 }\n"
		"cx.record 'coupon' { key = 'code', fields = { code = cx.text {} } }\n");
	load();
	has_error("two", 2,
		"record \"coupon\": plugin \"one\" declares it already "
		"(plugins/one/plugin.lua:2)");
	struct plugin *owner;
	assert_non_null(plugin_set_record(&fx.set, STR("coupon"), &owner));
	assert_string_equal(owner->name, "one");
	assert_null(plugin_set_record(&fx.set, STR("coupo"), NULL));
}

static const struct plugin_record *coupon(const char *index)
{
	char text[500];
	snprintf(text, sizeof text,
		"cx.plugin { name = 'shop', version = '1.0.0', api = 1 }\n"
		"cx.record 'coupon' { key = 'code', unit = 'store', index = { %s },\n"
		"  fields = { code = cx.text {}, store = cx.text {}, n = cx.integer { default = 3 "
		"} } }",
		index);
	write_file("shop", "plugin.lua", text);
	load();
	const struct plugin_record *k = plugin_set_record(&fx.set, STR("coupon"), NULL);
	assert_non_null(k);
	assert_int_equal(k->key, event_type_field(k->type, "code", 4));
	assert_int_equal(k->subject, -1);
	assert_int_equal(k->read, LEVEL_MANAGER);
	return k;
}

static struct str lit(const char *p)
{
	return (struct str){p, (uint32_t)strlen(p)};
}

static void put(const char *key, int64_t version, const char *data, bool deleted)
{
	const struct record_row r = {.key = lit(key),
		.data = lit(data),
		.version = version,
		.created_ms = 1,
		.changed_ms = version,
		.deleted = deleted,
		.by = STR("me"),
		.seq = version == 2 ? 77 : 0};
	OK(store_record_put(s, "coupon", &r, &e));
}

static int note(void *ctx, const struct record_row *r)
{
	struct buf *b = ctx;
	buf_add(b, r->key.p, r->key.n);
	buf_printf(b, "%lld%s%s", (long long)r->version, r->deleted ? "x" : "", r->seq ? "!" : "");
	buf_puts(b, " ");
	return 0;
}

static void found(const struct event_type *t, const char *field, const char *json,
	const char *after, const char *want)
{
	struct buf b = {0};
	int at = field ? event_type_field(t, field, strlen(field)) : -1;
	struct record_filter f = {
		at >= 0 ? &t->fields[at] : NULL, json ? lit(json) : (struct str){0}};
	struct str from = after ? lit(after) : (struct str){0};
	OK(store_records(s, "coupon", &f, field != NULL, from, note, &b, &e));
	assert_string_equal(buf_cstr(&b), want);
	buf_free(&b);
}

static void test_rows_and_versions(void **state)
{
	(void)state;
	struct record_row r;
	struct buf b = {0};
	const struct event_type *t = coupon("'n'")->type;
	opened();
	assert_int_equal(store_record_get(s, "coupon", STR("a"), &r, &fx.arena, &e), 0);
	put("a", 1, "{\"code\":\"a\",\"n\":3}", false);
	put("b", 1, "{\"code\":\"b\",\"store\":\"b07\"}", false);
	put("c", 1, "{\"code\":\"c\",\"n\":4}", false);
	put("a", 2, "{\"code\":\"a\",\"n\":4}", false);
	put("c", 2, "{\"code\":\"c\",\"n\":4}", true);
	found(t, NULL, NULL, NULL, "a2 b1 ");
	found(t, NULL, NULL, "a", "b1 ");
	found(t, "n", "4", NULL, "a2 ");
	found(t, "n", "3", NULL, "b1 "); /* its default */
	found(t, "store", NULL, NULL, "a2 ");
	found(t, "store", "\"b07\"", NULL, "b1 ");
	assert_int_equal(store_record_get(s, "coupon", STR("c"), &r, &fx.arena, &e), 1);
	assert_true(r.deleted && r.version == 2);
	OK(store_record_versions(s, "coupon", STR("c"), 0, note, &b, &e));
	OK(store_record_versions(s, "coupon", STR("c"), 1, note, &b, &e));
	assert_string_equal(buf_cstr(&b), "c1 c2x! c2x! ");
	buf_free(&b);
	closed();
}

/* Names of the views and indexes that there are. */
static void views(const char *want)
{
	struct drv *d;
	struct drv_stmt *st;
	struct buf b = {0};
	char path[100];
	OK(store_commit(s, &e));
	snprintf(path, sizeof path, "%s/cxd.db", fx.dir);
	OK(drv_open(&d, path, fx.dir, DRV_READ, &e));
	OK(drv_prepare(d,
		"SELECT name FROM sqlite_master WHERE substr(name, 1, 4) = 'rec_' ORDER BY name",
		"names", true, &st, &e));
	OK(drv_start(st, NULL, 0, &e));
	while (drv_step(st, &e) == 1)
		buf_printf(&b, "%s ", drv_str(st, 0).p);
	drv_end(st);
	drv_close(d);
	assert_string_equal(buf_cstr(&b), want);
	buf_free(&b);
	OK(store_begin(s, &e));
}

static void test_views_follow_the_declaration(void **state)
{
	(void)state;
	const struct plugin_record *k = coupon("'n', 'store'");
	opened();
	for (int i = 0; i < 2; i++) {
		OK(store_record_view(s, k->type, k->index, k->nindex, &e));
		views("rec_coupon rec_coupon.(key) rec_coupon.n rec_coupon.store ");
	}
	OK(store_record_view(s, k->type, k->index, 1, &e));
	views("rec_coupon rec_coupon.(key) rec_coupon.n ");
	OK(store_record_views_keep(s, (const struct event_type *const[]){k->type}, 1, &e));
	views("rec_coupon rec_coupon.(key) rec_coupon.n ");
	OK(store_record_views_keep(s, NULL, 0, &e));
	views("");
	closed();
}

static void test_etags(void **state)
{
	(void)state;
	assert_true(etag_among("\"12\"", 12, true));
	assert_true(etag_among("\"1\" , \"12\"", 12, true));
	assert_true(etag_among("*", 12, true));
	assert_true(etag_among("W/\"12\"", 12, false));
	assert_false(etag_among("W/\"12\"", 12, true));
	static const char *const wrong[] = {
		"", "12", "\"1\"", "\"123\"", "\"12", "\"12\"x", ",,", "\"1"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(etag_among(wrong[i], 12, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_mistakes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kinds_are_unique, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rows_and_versions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_views_follow_the_declaration, setup, teardown),
		cmocka_unit_test(test_etags),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
