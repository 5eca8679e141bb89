/* store_fixture.h — a store in a folder of its own for each test, and plain events to put in. */
#ifndef CX_TEST_STORE_FIXTURE_H
#define CX_TEST_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/tz.h"
#include "store/driver.h"
#include "store/store.h"

static char dir[64];
static struct store *s;
static struct cx_err e;

#define OK(call)                                                                                   \
	do {                                                                                       \
		if ((call) != CX_OK)                                                               \
			fail_msg("%s: %s", #call, e.msg);                                          \
	} while (0)

static int make(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/cxd-store-XXXXXX");
	assert_non_null(mkdtemp(dir));
	cx_lang = CX_EN;
	OK(store_open(&s, "sqlite:", dir, STORE_WRITE, &e));
	return 0;
}

static int clear(void **state)
{
	char cmd[100];
	(void)state;
	store_close(s);
	s = NULL;
	snprintf(cmd, sizeof cmd, "rm -r %s", dir);
	return system(cmd);
}

/* The first column of the first row, read by another connection; the driver's code if it fails. */
static inline int first_column(const char *sql, char *out, size_t cap)
{
	struct drv *d;
	struct drv_stmt *st;
	char path[100];
	snprintf(path, sizeof path, "%s/cxd.db", dir);
	OK(drv_open(&d, path, dir, DRV_READ, &e));
	int rc = drv_prepare(d, sql, "test", true, &st, &e);
	if (rc == CX_OK) {
		OK(drv_start(st, NULL, 0, &e));
		assert_int_equal(drv_step(st, &e), 1);
		snprintf(out, cap, "%s", drv_str(st, 0).p ? drv_str(st, 0).p : "NULL");
		drv_end(st);
	}
	drv_close(d);
	return rc;
}

static inline struct str text(const char *p)
{
	return (struct str){p, (uint32_t)strlen(p)};
}

static inline struct event event(int64_t seq, const char *id)
{
	return (struct event){.seq = seq,
		.id = text(id),
		.source = STR("till"),
		.type_name = seq % 2 ? STR("nps.answered") : STR("order.made"),
		.time = STR("2026-03-02T10:00:00-03:00"),
		.time_ms = 1000 * seq,
		.recorded_ms = 7,
		.unit = STR("b07"),
		.data = STR("{\"score\":9,\"paid\":{\"amount\":5,\"currency\":\"USD\"}}"),
		.digest = "0123456789abcde",
		.job = 42};
}

static inline void add(int from, int to)
{
	char id[20];
	for (int i = from; i <= to; i++) {
		snprintf(id, sizeof id, "e%d", i);
		struct event ev = event(i, id);
		OK(store_event_add(s, &ev, &e));
	}
}

#endif
