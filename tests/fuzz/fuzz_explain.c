/* Fuzz target: bytes → the cursor of an explain page, over a store with a few events that two
 * measures place by different times. Whatever the cursor, the answer is a page or CX_E_BAD_QUERY,
 * and pages that follow their own cursor come to an end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/tz.h"
#include "json/scan.h"
#include "kpi/explain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EVENTS = 5 };
static const int64_t noon = 1520000000000LL, day_ms = 86400000;

static struct field fields[] = {{.name = "bought", .kind = FIELD_TIME}};
static struct event_type type = {.name = "t.x", .plugin = "p", .fields = fields, .nfields = 1};
static struct kpi *kpi;
static struct store *store;
static struct cx_err err;

static void check(bool ok)
{
	if (!ok) {
		fprintf(stderr, "%s\n", err.msg);
		abort();
	}
}

static void make_kpi(int slot)
{
	kpi = xcalloc(1, sizeof *kpi);
	kpi->id = xstrdup("k");
	kpi->plugin = xstrdup("p");
	kpi->nmeasures = 2;
	kpi->measures = xcalloc(2, sizeof *kpi->measures);
	for (int i = 0; i < 2; i++) {
		struct measure *m = &kpi->measures[i];
		*m = (struct measure){.name = xstrdup(i ? "b" : "a"),
			.kind = MEASURE_COUNT,
			.type_name = xstrdup("t.x"),
			.type = &type,
			.at_name = i ? xstrdup("bought") : NULL,
			.at = i ? 0 : -1,
			.at_slot = i ? slot : -1,
			.times = 1,
			.bucket = 1,
			.choice = -1};
	}
}

static void add_events(int slot)
{
	for (int i = 0; i < EVENTS; i++) {
		char id[8], data[64], t[TZ_TEXT];
		int64_t bought = noon - i % 2 * day_ms;
		snprintf(id, sizeof id, "e%d", i);
		tz_format(bought, t);
		snprintf(data, sizeof data, "{\"bought\":\"%s\"}", t);
		struct event ev = {.seq = i + 1,
			.time_ms = noon + i / 2 * day_ms,
			.recorded_ms = noon,
			.id = {id, 2},
			.source = STR("s"),
			.type_name = STR("t.x"),
			.time = {t, (uint32_t)strlen(t)},
			.data = {data, (uint32_t)strlen(data)}};
		check(store_event_add(store, &ev, &err) == 0);
		check(store_place_add(store, slot, bought, ev.seq, &err) == 0);
	}
}

static void make(void)
{
	static const char *const files[] = {"cxd.db", "cxd.db-wal", "cxd.db-shm"};
	static char dir[] = "/tmp/cxd-fuzz-XXXXXX";
	static struct cube **cubes; /* until the process ends, as all of this */
	char path[64];
	int slot, n;
	check(tz_setup("America/Sao_Paulo") && mkdtemp(dir));
	check(store_open(&store, "sqlite:", dir, STORE_WRITE, &err) == CX_OK);
	check(store_begin(store, &err) == CX_OK);
	check(store_place_slot(store, "t.x", "bought", &slot, &err) >= 0);
	make_kpi(slot);
	kpi_cubes_build(&kpi, 1, &cubes, &n);
	check(kpi_cubes_bind(store, cubes, n, &err) == CX_OK);
	add_events(slot);
	check(store_commit(store, &err) == CX_OK);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, files[i]);
		unlink(path);
	}
	rmdir(dir);
}

/* One page; 1: there is a next one, its cursor in after. */
static int page(char *after, size_t cap)
{
	const struct kpi_host host = {0};
	const struct kpi_meta meta = {"1.0.0", "BRL", 10};
	const struct explain_page how = {.after = after, .limit = 2};
	struct kpi_query q;
	struct buf out = {0};
	struct json_doc d = {0};
	struct arena a = {0};
	int more = 0;
	check(kpi_query_parse(&q, kpi, NULL, 0, noon, &err) == CX_OK);
	jw_obj(&out);
	int rc = kpi_explain(store, kpi, &q, &host, &meta, &how, &out, &err);
	jw_obj_end(&out);
	check(rc == CX_OK || rc == CX_E_BAD_QUERY);
	if (rc == CX_OK) {
		check(json_scan(&d, out.p, out.len, JSON_DEPTH, 100000, &err) == CX_OK);
		uint32_t next = json_get(&d, 0, "next");
		more = d.nodes[next].type == JSON_STRING;
		if (more)
			snprintf(after, cap, "%.*s", (int)json_text(&d, next, &a).n,
				json_text(&d, next, &a).p);
	}
	json_doc_free(&d);
	buf_free(&out);
	arena_free(&a);
	return more;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char after[256];
	int64_t v[2];
	if (!store)
		make();
	if (size >= sizeof after)
		return 0;
	if (size == 1 + sizeof v) { /* a cursor's numbers */
		memcpy(v, data + 1, sizeof v);
		snprintf(after, sizeof after, "%d.%lld.%lld", data[0] - 1, (long long)v[0],
			(long long)v[1]);
	} else {
		memcpy(after, data, size);
		after[size] = 0;
	}
	check(store_begin(store, &err) == CX_OK);
	for (int pages = 0; page(after, sizeof after); pages++)
		check(pages <= 2 * EVENTS);
	store_rollback(store);
	return 0;
}
