#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/tz.h"
#include "conf/conf.h"
#include "base/nearest.h"
#include "conf/table.h"

static char dir[] = "/tmp/cxd-conf-XXXXXX", file[64];

static int setup(void **state)
{
	(void)state;
	cx_lang = CX_EN;
	if (!mkdtemp(dir))
		return -1;
	snprintf(file, sizeof file, "%s/t.ini", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(dir);
}

static void save(const void *text, size_t n)
{
	FILE *f = fopen(file, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	fclose(f);
}

static struct conf good(const char *text)
{
	struct conf c;
	struct cx_errs errs = {0};
	save(text, strlen(text));
	int rc = conf_load(&c, file, &errs);
	if (errs.n)
		print_message("%s\n", errs.v[0].msg);
	assert_int_equal(rc, CX_OK);
	return c;
}

/* The file has exactly one mistake, in this line, and the message says this. */
static void bad_bytes(const void *text, size_t n, int line, const char *says)
{
	struct conf c;
	struct cx_errs errs = {0};
	char at[100];
	save(text, n);
	assert_true(conf_load(&c, file, &errs) < 0);
	if (errs.n != 1 || !strstr(errs.v[0].msg, says))
		for (int i = 0; i < errs.n; i++)
			print_message("%s\n", errs.v[i].msg);
	assert_int_equal(errs.n, 1);
	snprintf(at, sizeof at, "%s:%d: ", file, line);
	assert_ptr_equal(strstr(errs.v[0].msg, at), errs.v[0].msg);
	assert_non_null(strstr(errs.v[0].msg, says));
	conf_free(&c);
}

static void bad(const char *text, int line, const char *says)
{
	bad_bytes(text, strlen(text), line, says);
}

static void test_defaults(void **state)
{
	(void)state;
	char path[128];
	struct conf c = good("");
	assert_string_equal(c.company_locale, "pt-BR");
	assert_int_equal(c.limits_body, 1 << 20);
	assert_int_equal(c.server_drain, 10000);
	assert_int_equal(c.engine_readers, 1);
	snprintf(path, sizeof path, "/tmp/data");
	assert_string_equal(c.server_data, path);
	assert_string_equal(c.file, file);
	assert_true(conf_plugin_enabled(&c, "any"));
	conf_free(&c);
}

static void test_values(void **state)
{
	(void)state;
	struct conf c =
		good("[limits]\nbody = 64KiB\nbatch=4096\nevent = 1 mib\nidle = 2min\n"
		     "head_within=500ms\n[server]\ndrain = 0\ndata = ./x/../d\nsocket = /a/b\n"
		     "tcp = [::1]:80\n[plugins]\nenable = a, b-c  d\n[lua]\nscript: 1h\n");
	char path[128];
	assert_int_equal(c.limits_body, 65536);
	assert_int_equal(c.limits_batch, 4096);
	assert_int_equal(c.limits_event, 1048576);
	assert_int_equal(c.limits_idle, 120000);
	assert_int_equal(c.limits_head_within, 500);
	assert_int_equal(c.server_drain, 0);
	snprintf(path, sizeof path, "%s/x/../d", dir);
	assert_string_equal(c.server_data, path);
	assert_string_equal(c.server_socket, "/a/b");
	assert_string_equal(c.server_tcp, "[::1]:80");
	assert_int_equal(c.lua_script, 3600000);
	assert_true(conf_plugin_enabled(&c, "a") && conf_plugin_enabled(&c, "b-c") &&
		    conf_plugin_enabled(&c, "d"));
	assert_false(conf_plugin_enabled(&c, "b") || conf_plugin_enabled(&c, ""));
	conf_free(&c);
}

static void test_zone_is_set(void **state)
{
	(void)state;
	char text[TZ_TEXT];
	struct conf c = good("[company]\ntimezone = Asia/Tokyo\n");
	tz_format(0, text);
	assert_string_equal(text, "1970-01-01T09:00:00+09:00");
	conf_free(&c);
	c = good("");
	tz_format(0, text);
	assert_string_equal(text, "1969-12-31T21:00:00-03:00");
	conf_free(&c);
}

static void test_wrong_values(void **state)
{
	(void)state;
	bad("[limits]\nbody = 1\n", 2, "from 1KiB to 64MiB");
	bad("[limits]\nbody = 10 MB\n", 2, "not a size");
	bad("[limits]\nbody = 99999999999999999999\n", 2, "out of range");
	bad("[limits]\nqueue = 9223372036854775807GiB\n", 2, "out of range");
	bad("[server]\ndrain = 10\n", 2, "not a time");
	bad("[server]\ndrain = 11min\n", 2, "to 10min");
	bad("[engine]\nreaders = 1.0\n", 2, "not an integer");
	bad("[engine]\nreaders = 0\n", 2, "from 1 to 16");
	bad("[engine]\nreaders =\n", 2, "not an integer");
	bad("[log]\nlevel = wran\n", 2, "did you mean \"warn\"?");
	bad("[events]\nunknown = accept\n", 2, "refuse | store");
	bad("[company]\nlocale = pt\n", 2, "pt-BR | en");
	bad("[company]\ncurrency = R$1\n", 2, "ISO 4217");
	bad("[company]\nname =\n", 2, "must not be empty");
	bad("[company]\ntimezone = ../UTC\n", 2, "no such zone");
	bad("[store]\nurl = postgres://x\n", 2, "only sqlite:");
	bad("[server]\ntcp = 0.0.0.0:80\n", 2, "loopback");
	bad("[server]\ntcp = 127.0.0.1\n", 2, "loopback");
	bad("[server]\ntcp = 127.0.0.1:70000\n", 2, "loopback");
	bad("[server]\nsocket_mode = 888\n", 2, "octal");
}

static void test_unknown(void **state)
{
	(void)state;
	bad("[company]\n\nnmae = x\n", 3, "did you mean name?");
	bad("[company]\nsocket = x\n", 2, "one of [server]");
	bad("[company]\nqwertyuiop = x\n", 2, "unknown key");
	bad("[limit]\nbody = 1MiB\n", 1, "did you mean [limits]?");
	bad("[ server ]\nx = 1\n", 1, "unknown section");
	bad("[nothing]\n", 1, "unknown section");
	bad("[plugin:]\n", 1, "unknown section");
	bad("name = x\n", 1, "before the first [section]");
}

static void test_twice(void **state)
{
	(void)state;
	bad("[company]\nname = a\n[log]\n[company]\nname = b\n", 5, "in line 2");
	bad("[plugin:x]\na = 1\na = 1\n", 3, "in line 2");
	bad("[access]\nuid.1 = admin\nuid.1 = admin\n", 3, "in line 2");
}

static void test_inih_traps(void **state)
{
	(void)state;
	char line[2100];
	bad("[server\ndata = x\n", 1, "[name]");
	bad("[server ; ]x\n", 1, "[name]");
	bad("[server] data = x\n", 1, "[name]");
	bad("[log]\njust words\nlevel = warn\n", 2, "key = value");
	bad("[log]\nlevel = warn\nlast line", 3, "key = value");
	bad("[plugin:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\nx = 1\n", 1,
		"too long");
	bad_bytes("[company]\nname = a\0b\n", 21, 2, "UTF-8");
	bad("[company]\nname = Caf\xe9\n", 2, "UTF-8");
	snprintf(line, sizeof line, "[log]\n; %01500d\nlevel = warn\n", 0);
	bad(line, 2, "line too long: 1502 bytes");
	/* An indented line is a key of its own, a long value arrives whole, BOM and CR are no
	 * one's. */
	snprintf(line, sizeof line, "\xef\xbb\xbf[plugin:x]\r\n  a = %0900d\r\n\tb = 2 ; said\r\n",
		1);
	struct conf c = good(line);
	assert_int_equal(strlen(conf_section(&c, "plugin:x", 0)->value), 900);
	assert_string_equal(conf_section(&c, "plugin:x", 1)->value, "2");
	assert_null(conf_section(&c, "plugin:x", 2));
	conf_free(&c);
}

static void test_free_and_access(void **state)
{
	(void)state;
	struct conf c = good("[schedule:m]\ncron = 0 8 * * 1\n[calendar:b07]\nhours = "
			     "Mon 09:00-18:00\n[mail]\nurl = smtp://h:25\n"
			     "[access]\nuid.1001 = frontline b07\ngid.50 = manager\n");
	assert_string_equal(conf_section(&c, "schedule:m", 0)->value, "0 8 * * 1");
	assert_int_equal(conf_section(&c, "calendar:b07", 0)->line, 4);
	assert_string_equal(conf_section(&c, "mail", 0)->value, "smtp://h:25");
	assert_int_equal(c.naccess, 2);
	assert_true(
		!c.access[0].gid && c.access[0].id == 1001 && c.access[0].level == LEVEL_FRONTLINE);
	assert_string_equal(c.access[0].unit, "b07");
	assert_true(c.access[1].gid && c.access[1].level == LEVEL_MANAGER && !c.access[1].unit[0]);
	conf_free(&c);
	bad("[access]\nuid.x = admin\n", 2, "uid.NUMBER");
	bad("[access]\nuid.-1 = admin\n", 2, "uid.NUMBER");
	bad("[access]\nuid.4294967295 = admin\n", 2, "uid.NUMBER");
	bad("[access]\nuid.1 = frontlin b07\n", 2, "did you mean frontline?");
	bad("[access]\nuid.1 = none\n", 2, "unknown level");
	bad("[access]\nuid.1 = frontline b07 b08\n", 2, "at most one unit");
}

static void test_all_at_once(void **state)
{
	(void)state;
	struct conf c;
	struct cx_errs errs = {0};
	const char *text = "[log]\nlevel = x\nformat = y\n[limits]\nbody = z\ndepth = 99\n";
	save(text, strlen(text));
	assert_true(conf_load(&c, file, &errs) < 0);
	assert_int_equal(errs.n, 4);
	conf_free(&c);
	errs.n = 0;
	assert_int_equal(conf_load(&c, "/nonexistent/x.ini", &errs), CX_E_NOT_FOUND);
	assert_int_equal(errs.n, 1);
	conf_free(&c);
}

static void test_nearest(void **state)
{
	(void)state;
	assert_int_equal(nearest_distance("kitten", "sitting"), 3);
	assert_int_equal(nearest_distance("ab", "ba"), 1);
	assert_int_equal(nearest_distance("", "abc"), 3);
	struct nearest n = {.word = "srve"};
	nearest_try(&n, "check");
	assert_null(n.best);
	nearest_try(&n, "serve");
	assert_string_equal(n.best, "serve");
}

/* conf/cxd.ini is what conf_print makes of it: every key of the table is there, in step. */
static void test_documented_file(void **state)
{
	(void)state;
	struct buf made = {0}, kept = {0};
	struct cx_errs errs = {0};
	struct conf c;
	FILE *f = fopen("conf/cxd.ini", "r");
	if (!f)
		skip();
	buf_reserve(&kept, 65536);
	kept.len = fread(kept.p, 1, 65536, f);
	fclose(f);
	assert_int_equal(conf_print("conf/cxd.ini", &made, &errs), CX_OK);
	assert_string_equal(buf_cstr(&made), buf_cstr(&kept));
	for (int i = 0; i < CONF_ROWS; i++)
		assert_non_null(strstr(made.p, conf_rows[i].en));
	buf_clear(&made);
	assert_int_equal(conf_print(NULL, &made, &errs), CX_OK);
	save(made.p, made.len); /* and all of it as comments is a file of defaults */
	assert_int_equal(conf_load(&c, file, &errs), CX_OK);
	assert_string_equal(c.plugins_enable, "*");
	conf_free(&c);
	assert_int_equal(conf_load(&c, "conf/olist.ini", &errs), CX_OK);
	assert_true(conf_plugin_enabled(&c, "olist") && !conf_plugin_enabled(&c, "demo"));
	conf_free(&c);
	buf_free(&made);
	buf_free(&kept);
}

static void take_note(void *ctx, enum conf_note_kind kind, int line, const char *msg)
{
	buf_printf(ctx, "%d %d %s\n", (int)kind, line, msg);
}

static void test_later(void **state)
{
	struct buf told = {0}, printed = {0};
	struct cx_errs errs = {0};
	(void)state;
	struct conf c = good("[plugins]\npath = /nowhere\nwatch = on\n[lua]\nold_versions = 2\n"
			     "[schedule:x]\ncron = 0 9 * * MON\n[mail]\n[plugin:acme]\n"
			     "[calendar:b07]\n");
	conf_notes(&c, take_note, &told);
	assert_string_equal(buf_cstr(&told),
		"0 6 [schedule:x] is not available in this version: ignored\n"
		"0 8 [mail] is not available in this version: ignored\n");
	assert_true(c.plugins_watch);
	assert_int_equal(conf_line(&c, "plugins", "path"), 2);
	assert_int_equal(conf_line(&c, "plugins", "enable"), 0);
	assert_int_equal(conf_line(&c, "plugin:acme", NULL), 9);
	conf_free(&c);
	assert_int_equal(conf_print(file, &printed, &errs), CX_OK);
	assert_non_null(strstr(buf_cstr(&printed), "\nwatch = "));
	assert_non_null(strstr(printed.p, "\nold_versions = 2\n"));
	bad("[plugins]\nwatch = maybe\n", 2, "is neither yes nor no");
	bad("[lua]\nold_versions = x\n", 2, "is not an integer");
	bad("[lua]\nwatch = yes\n", 2, "watch is no key of [lua]; it is one of [plugins]");
	buf_free(&told);
	buf_free(&printed);
}

static void test_lengths_and_choices(void **state)
{
	(void)state;
	bad("[company]\ncurrency = REAL\n", 2, "must have exactly 3 bytes; it has 4");
	bad("[company]\nlocale = portuguese\n", 2, "must be pt-BR | en");
	bad("[log]\nformat = jsn\n", 2, "must be auto | text | json; did you mean \"json\"?");
	bad("[calendar]\nholidays = pt\n", 2, "must be br | none");
	bad("[calendar]\nhours = Mon-Fri 9-18\n", 2, "\"9-18\" does not fit here");
	bad("[calendar]\nfile = none.csv\n", 2, "none.csv: No such file");
	bad("[calendar:b07]\nhours = Mon\n", 2, "days and hours are missing");
	bad("[calendar:b07]\nhors = Mon 09:00-18:00\n", 2, "there is hours");
	bad("[log]\nlevel =\n", 2, "must be error | warn | info | debug");
}

static void take_wait(void *ctx, int line, const char *msg)
{
	buf_printf(ctx, "%d %s\n", line, msg);
}

static void test_the_part_of_a_reload(void **state)
{
	struct buf part = {0}, told = {0};
	struct conf c;
	(void)state;
	cx_lang = CX_EN;
	struct conf running =
		good("[server]\nsocket = /a/s\n[lua]\nload = 1s\n[plugin:acme]\nx = 1\n"
		     "[access]\nuid.7 = admin\nuid.8 = manager\n");
	struct conf now = good("[server]\ntcp = 127.0.0.1:80\nsocket = /a/s\n[kpi]\nmin_n = 20\n"
			       "[plugins]\nenable = acme, b\n[plugin:acme]\nx = 2; y\ny = é = 1\n"
			       "[plugin:b]\n[scripts]\npath = /s\n[access]\nuid.7 = manager\n");
	conf_part(&now, &part);
	assert_true(conf_renew(&c, &running, part.p, part.len));
	assert_int_equal(c.kpi_min_n, 20);
	assert_int_equal(c.lua_load, 500);
	assert_string_equal(c.plugins_enable, "acme, b");
	assert_string_equal(c.server_tcp, "off");
	assert_string_equal(c.server_socket, "/a/s");
	assert_string_equal(c.file, running.file);
	assert_int_equal(conf_line(&c, "kpi", "min_n"), 5);
	assert_int_equal(conf_line(&c, "plugin:b", NULL), 11);
	assert_string_equal(conf_section(&c, "plugin:acme", 0)->value, "2; y");
	assert_string_equal(conf_section(&c, "plugin:acme", 1)->value, "é = 1");
	assert_null(conf_section(&c, "plugin:acme", 2));
	assert_false(conf_same_for(&running, &c, "acme")); /* budgets are everybody's */
	assert_false(conf_same_for(&running, &c, "b"));
	assert_true(conf_same_for(&now, &c, "acme") && conf_same_for(&now, &c, "b"));
	conf_free(&c);
	for (size_t n = 1; n < part.len; n++) /* cut off anywhere it is whole or nothing */
		if (conf_renew(&c, &running, part.p, n))
			conf_free(&c);
	assert_false(conf_renew(&c, &running, "1\0server\0tcp\0off", 17));
	conf_waits(&running, &now, take_wait, &told);
	assert_string_equal(buf_cstr(&told),
		"2 [server] tcp = 127.0.0.1:80 is taken when the server is started again; until "
		"then: off\n"
		"15 [access] uid.7 is taken when the server is started again\n"
		"0 [access] uid.8 ends when the server is started again\n");
	buf_clear(&told);
	conf_waits(&now, &now, take_wait, &told);
	assert_int_equal(told.len, 0);
	conf_free(&running);
	conf_free(&now);
	buf_free(&part);
	buf_free(&told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_zone_is_set),
		cmocka_unit_test(test_wrong_values),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_inih_traps),
		cmocka_unit_test(test_free_and_access),
		cmocka_unit_test(test_all_at_once),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_documented_file),
		cmocka_unit_test(test_the_part_of_a_reload),
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_lengths_and_choices),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
