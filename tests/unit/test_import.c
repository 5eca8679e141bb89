#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/tz.h"
#include "engine/import.h"
#include "engine/quarantine.h"
#include "ipc/frame.h"
#include "ipc/spawn.h"
#include "lua/import.h"

static char dir[64];
static struct conf conf;

static const char plugin[] =
	"cx.plugin { name = 'shop', version = '1.0.0', api = 1 }\n"
	"cx.event 'order.made' { fields = { paid = cx.money {}, bought = cx.time {}, n = "
	"cx.integer {},\n"
	"  w = cx.decimal { scale = 2 }, ok = cx.boolean {}, note = cx.text {}, took = cx.duration "
	"{} } }\n"
	"local function event(row) return { type = 'order.made', id = row.id, time = row.at,\n"
	"  data = { paid = row.paid, bought = row.at, n = row.n, w = row.w, ok = row.ok,\n"
	"    note = row.note, took = row.took, typo = row.typo } } end\n"
	"cx.import 'shop' { tables = { t = { file = 't.csv', delimiter = ';' } }, events = {\n"
	"  { sql = 'select rowid, * from t', map = function(row)\n"
	"    if row.note == 'none' then return nil end\n"
	"    if row.note == 'two' then\n"
	"      local b = event(row); b.id = b.id .. '-b'; b.source = 'till'\n"
	"      return { event(row), b }\n"
	"    end\n"
	"    return event(row) end },\n"
	"  { sql = 'select count(*) as n from t', map = function(row)\n"
	"    return { type = 'other.thing', id = 7, time = 1000, data = { deep = { 1, 2.5, 'x' } } "
	"} end },\n"
	"} }\n"
	"cx.import 'made' { generate = function(emit)\n"
	"  for i = 1, 2500 do emit { type = 'order.made', id = 'g' .. i, time = '2026-01-01 "
	"10:00',\n"
	"    recordedtime = '2026-01-02', data = { n = i } } end\n"
	"  emit { type = 'order.made', time = '2026-01-01' }\n"
	"end }\n"
	"cx.import 'slow' { tables = { t = { file = 'slow.csv' } }, events = {\n"
	"  { sql = 'select rowid, * from t', map = function(row)\n"
	"    while row.id == 'x' do end\n"
	"    return { type = 'order.made', id = row.id, time = '2026-01-01' } end } } }\n"
	"cx.import 'pauses' { total = 3, generate = function(emit)\n"
	"  for i = 1, 3 do\n"
	"    local n = 0\n"
	"    for k = 1, 8000000 do n = n + k end\n"
	"    emit { type = 'order.made', id = 'p' .. i, time = '2026-01-01' }\n"
	"  end end }\n"
	"cx.import 'endless' { generate = function() while true do end end }\n";

static void put(const char *name, const char *text)
{
	char path[200];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void make_folder(const char *name)
{
	char path[200];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static int make(void **state)
{
	struct store *store;
	struct cx_errs errs = {0};
	char ini[100];
	(void)state;
	cx_lang = CX_EN;
	strcpy(dir, "/tmp/cxd-import-XXXXXX");
	assert_non_null(mkdtemp(dir));
	make_folder("plugins");
	make_folder("plugins/shop");
	make_folder("data");
	put("plugins/shop/plugin.lua", plugin);
	put("t.csv", "id;at;paid;n;w;ok;note;took;typo\n"
		     "a;2026-03-02 10:00;19.99;3;1.5;true;\"x;\ny\";3d;\n"
		     "b;2026-03-01;;;;;two;;\n"
		     "c;2026-03-03;;;;;none;;\n"
		     "d;2026-03-03;12.345;;;;;;\n"
		     "e;yesterday;;;;;;;\n"
		     ";2026-03-03;;;;;;;\n"
		     "f;2026-03-03T00:00:00Z;;;;;;;z\n"
		     "g;noon;x;y;;maybe;;;z\n");
	put("cxd.ini", "[company]\nlocale = en\n[server]\ndata = data\n[plugins]\npath = plugins\n"
		       "[lua]\nscript = 300ms\nload = 100ms\n");
	snprintf(ini, sizeof ini, "%s/cxd.ini", dir);
	if (conf_load(&conf, ini, &errs) < 0)
		fail_msg("%s", errs.v[0].msg);
	if (store_open(&store, conf.store_url, conf.server_data, STORE_WRITE, &errs.v[0]) < 0)
		fail_msg("%s", errs.v[0].msg);
	store_close(store);
	return 0;
}

static int clear(void **state)
{
	char cmd[100];
	(void)state;
	conf_free(&conf);
	snprintf(cmd, sizeof cmd, "rm -r %s", dir);
	return system(cmd);
}

/* The other end: answers what it is sent, keeps the bodies in DIR/sent, refuses id g7 and d. */
static void writer(int fd)
{
	struct buf in = {0}, out = {0};
	struct frame f;
	size_t size, at = 0;
	char path[100];
	snprintf(path, sizeof path, "%s/sent", dir);
	FILE *sent = fopen(path, "w");
	for (;;) {
		if (frame_parse(&in, at, &f, &size) != 1) {
			if (frame_fill(fd, &in, -1) < 0)
				break;
			continue;
		}
		at += size;
		int n = 0;
		const char *bad = memmem(f.body, f.head.body_len, "\"id\":\"g7\"", 9);
		struct buf reply = {0};
		for (uint32_t i = 0; i < f.head.body_len; i++)
			n += f.body[i] == '\n';
		const char *name = meta_get(f.meta, f.head.meta_len, "name");
		fprintf(sent, "# %s %d\n", name ? name : "?", n);
		fwrite(f.body, 1, f.head.body_len, sent);
		buf_printf(&reply, "{\"accepted\":%d,\"duplicates\":0,\"rejected\":[%s]}",
			n - (bad != NULL),
			bad ? "{\"index\":6,\"id\":\"g7\",\"code\":\"id_conflict\",\"field\":\"\","
			      "\"detail\":\"other content\",\"errors\":[{\"field\":\"a\"}]}"
			    : "");
		struct job_head h = {.kind = FRAME_RESULT,
			.job = f.head.job,
			.status = 200,
			.body_len = (uint32_t)reply.len};
		frame_add(&out, &h, NULL, reply.p);
		frame_flush(fd, &out);
		buf_free(&reply);
	}
	fclose(sent);
	buf_free(&in);
	buf_free(&out);
	conf_free(&conf);
	_exit(0);
}

static char *text_of(const char *name)
{
	static char text[400000];
	char path[200];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "r");
	if (!f)
		return NULL;
	text[fread(text, 1, sizeof text - 1, f)] = 0;
	fclose(f);
	return text;
}

static int import(const char *name, const char *from)
{
	char *argv[] = {(char *)name, (char *)from, NULL}, path[200];
	int pair[2], status;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		close(pair[0]);
		writer(pair[1]);
	}
	pid_t role = fork();
	if (role == 0) {
		close(pair[1]);
		dup2(pair[0], SPAWN_FD_SOCKET);
		snprintf(path, sizeof path, "%s/out", dir);
		assert_non_null(freopen(path, "w", stdout));
		snprintf(path, sizeof path, "%s/err", dir);
		assert_non_null(freopen(path, "w", stderr));
		isolate_clock_start(); /* a timer is not inherited */
		struct engine eng = {.conf = &conf, .started = &conf, .fd = SPAWN_FD_SOCKET};
		int rc = import_main(&eng, from ? 2 : 1, argv);
		quarantine_free(&eng);
		plugin_set_free(&eng.set);
		store_close(eng.store);
		fflush(NULL);
		exit(rc);
	}
	close(pair[0]);
	close(pair[1]);
	waitpid(role, &status, 0);
	waitpid(child, NULL, 0);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void has(const char *file, const char *part)
{
	const char *text = text_of(file);
	assert_non_null(text);
	if (!strstr(text, part))
		fail_msg("no %s in %s:\n%s", part, file, text);
}

static void rows_become_events(void **state)
{
	(void)state;
	assert_int_equal(import("shop", dir), 1);
	/* by time, wall clock with the company's offset, money in minor units */
	has("sent", "# shop 5\n{\"data\":{\"deep\":[1,2.5,\"x\"]},\"id\":\"7\","
		    "\"time\":\"1969-12-31T21:00:01-03:00\",\"type\":\"other.thing\","
		    "\"source\":\"import/shop\"}\n");
	has("sent", "{\"data\":{\"bought\":\"2026-03-01T00:00:00-03:00\",\"note\":\"two\"},\"id\":"
		    "\"b\","
		    "\"time\":\"2026-03-01T00:00:00-03:00\",\"type\":\"order.made\","
		    "\"source\":\"import/shop\"}\n"
		    "{\"data\":{\"bought\":\"2026-03-01T00:00:00-03:00\",\"note\":\"two\"},\"id\":"
		    "\"b-b\","
		    "\"source\":\"till\",\"time\":");
	has("sent",
		"{\"data\":{\"bought\":\"2026-03-02T10:00:00-03:00\",\"n\":3,\"note\":\"x;\\ny\","
		"\"ok\":true,\"paid\":{\"amount\":1999,\"currency\":\"BRL\"},\"took\":259200000,"
		"\"w\":1.50},\"id\":\"a\"");
	has("sent", "\"typo\":\"z\"");
	/* what cannot be read is told with its line */
	has("data/imports/shop-refused.ndjson",
		"{\"part\":1,\"line\":6,\"id\":\"d\","
		"\"code\":\"invalid_field\",\"field\":\"data.paid\"");
	has("data/imports/shop-refused.ndjson",
		"\"line\":7,\"id\":\"e\",\"code\":\"invalid_field\","
		"\"field\":\"data.bought\",\"detail\":\"\\\"yesterday\\\" is not a valid time\"");
	has("data/imports/shop-refused.ndjson",
		"\"line\":8,\"code\":\"missing_field\",\"field\":\"id\"");
	has("out", "shop: 9 events, 5 new, 0 already there, 4 refused (");
	/* all that is wrong with it, what only the writer would find too */
	has("data/imports/shop-refused.ndjson",
		"\"line\":10,\"id\":\"g\",\"code\":\"invalid_field\",\"field\":\"data.bought\",");
	has("data/imports/shop-refused.ndjson",
		"\"errors\":[{\"field\":\"data.bought\",\"code\":\"invalid_field\",\"detail\":"
		"\"\\\"noon\\\" is not a valid time\"},{\"field\":\"data.n\",");
	has("data/imports/shop-refused.ndjson",
		"{\"field\":\"data.ok\",\"code\":\"invalid_field\",\"detail\":\"\\\"maybe\\\"");
	has("data/imports/shop-refused.ndjson", "{\"field\":\"data.paid\",\"code\":");
	has("data/imports/shop-refused.ndjson", "{\"field\":\"time\",\"code\":\"invalid_field\",");
	has("data/imports/shop-refused.ndjson",
		"{\"field\":\"data.typo\",\"code\":\"unknown_field\",");
}

static void a_generator_streams(void **state)
{
	(void)state;
	assert_int_equal(import("made", NULL), 1);
	has("sent", "# made 1000\n{\"data\":{\"n\":1},\"id\":\"g1\","
		    "\"recordedtime\":\"2026-01-02T00:00:00-03:00\"");
	has("sent", "# made 500\n");
	has("out", "made: 2,501 events, 2,499 new, 0 already there, 2 refused (");
	has("out", "1 of the refused were there with other content");
	has("data/imports/made-refused.ndjson",
		"{\"row\":7,\"id\":\"g7\",\"code\":\"id_conflict\",\"detail\":\"other content\","
		"\"errors\":[{\"field\":\"a\"}]}");
	has("data/imports/made-refused.ndjson", "{\"row\":2501,\"code\":\"missing_field\"");
}

static void mistakes_end_it(void **state)
{
	(void)state;
	assert_int_equal(import("endless", NULL), 1);
	has("err", "time budget of 300 ms exceeded");
	assert_int_equal(import("none", NULL), 1);
	has("err", "there is: endless, made, pauses, shop, slow");
	assert_int_equal(import("shop", NULL), 1);
	has("err", "cxd import shop DIR");
	assert_int_equal(import("shop", "/nowhere"), 1);
	has("err", "/nowhere/t.csv: No such file");
	assert_int_equal(import("shop", "--upgrade"), 2);
	put("t.csv", "");
	assert_int_equal(import("shop", dir), 1);
	has("err", "t.csv:1: the file has no header");
	assert_null(strstr(text_of("out"), "shop:"));
	put("t.csv", "id;at\na;b;c\nd;2026-01-01\ne;\"2026-01-01\nf;2026-01-01\n");
	assert_int_equal(import("shop", dir), 1);
	has("err", "shop: t.csv:2: the row has 3 fields, the header has 2\n");
	has("out", "shop: 4 events, 2 new, 0 already there, 2 refused (");
	has("sent", "\"id\":\"d\"");
	has("data/imports/shop-refused.ndjson", "{\"file\":\"t.csv\",\"line\":2,\"code\":\"bad_"
						"request\",\"detail\":\"the row has 3 ");
	has("data/imports/shop-refused.ndjson", "{\"file\":\"t.csv\",\"line\":4,\"code\":\"bad_"
						"request\",\"detail\":\"the quotes that "
						"open here are never closed (lines 4 to 5)\"}");
	put("t.csv", "id;at\na;2026-01-01\n");
	assert_int_equal(import("shop", dir), 0);
	has("out", "shop: 2 events, 2 new");
	assert_null(text_of("data/imports/shop-refused.ndjson"));
}

static void a_row_has_its_own_budget(void **state)
{
	char text[400] = "id\na\nx\nb\n";
	(void)state;
	put("slow.csv", text);
	assert_int_equal(import("slow", dir), 1);
	has("out", "slow: 3 events, 2 new, 0 already there, 1 refused (");
	has("data/imports/slow-refused.ndjson", "{\"part\":1,\"line\":3,\"code\":\"plugin_failed\","
						"\"detail\":\"plugins/shop/plugin.lua:");
	has("data/imports/slow-refused.ndjson", "time budget of 100 ms exceeded");
	for (int i = 0; i < 30; i++)
		strcat(text, "x\n");
	put("slow.csv", text);
	assert_int_equal(import("slow", dir), 1);
	has("err", "map went over its budget in 20 rows");
	assert_string_equal(text_of("sent"), "");
}

static void a_generator_has_its_budget_between_events(void **state)
{
	(void)state;
	assert_int_equal(import("pauses", NULL), 0); /* together over 300 ms or not */
	has("out", "pauses: 3 events, 3 new");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make, clear)
	const struct CMUnitTest tests[] = {T(rows_become_events), T(a_generator_streams),
		T(mistakes_end_it), T(a_row_has_its_own_budget),
		T(a_generator_has_its_budget_between_events)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
