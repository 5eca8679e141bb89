/* A writer that dies after COMMIT and before its answers are out: what is sent again is answered as
 * it was the first time and changes nothing, however the jobs fall into batches and however often
 * it dies. This binary is the engine too: spawn_engine() starts it with a role. */
#include <signal.h>
#include <sys/wait.h>

#include "plugin_fixture.h"

#include "base/route.h"
#include "engine.h"
#include "ipc/frame.h"
#include "ipc/spawn.h"

static struct engine_proc writer;
static struct buf input;
static char conf_file[200], answer[2000];

static const char *const PLUGIN =
	"cx.plugin { name = \"shop\", version = \"1.0.0\", api = 1 }\n"
	"cx.record \"box\" { key = \"id\", read = \"admin\", fields = { id = cx.integer {\n"
	"  required = true }, n = cx.integer {} } }\n";

static int next(void)
{
	struct frame f;
	size_t size;
	for (;;) {
		int rc = frame_parse(&input, 0, &f, &size);
		assert_true(rc >= 0);
		if (rc == 0) {
			assert_true(frame_fill(writer.fd, &input, 20000) > 0);
			continue;
		}
		int status = f.head.kind == FRAME_RESULT ? f.head.status : 0;
		bool ready = f.head.kind == FRAME_READY;
		snprintf(answer, sizeof answer, "%.*s", (int)f.head.body_len, f.body);
		buf_drop(&input, size);
		if (status || ready)
			return status;
	}
}

static void start(const char *option)
{
	struct cx_err e;
	const char *args[] = {option, NULL};
	assert_int_equal(
		spawn_engine(&writer, "write", &(struct spawn_conf){conf_file, -1}, args, -1, &e),
		CX_OK);
	buf_clear(&input);
	assert_int_equal(next(), 0);
}

static void end(void)
{
	kill(writer.pid, SIGKILL);
	waitpid(writer.pid, NULL, 0);
	spawn_close(&writer);
}

/* A write of box 1; key is the job's identity. Gives the status. */
static int ask(enum route route, uint64_t key, bool again, const char *match, const char *body)
{
	struct buf out = {0}, meta = {0};
	buf_printf(&meta, "kind%cbox%ckey%c1%c%s%c%s%c", 0, 0, 0, 0,
		route == ROUTE_RECORD_PUT ? "if-none-match" : "if-match", 0, match, 0);
	buf_printf(&meta, "content-type%capplication/json%c", 0, 0);
	struct job_head h = {.kind = FRAME_JOB,
		.route = route,
		.flags = again ? JOB_REPLAY : 0,
		.job = key,
		.key = key,
		.now_ms = 1767236400000,
		.caller.level = LEVEL_ADMIN,
		.meta_len = (uint32_t)meta.len,
		.body_len = (uint32_t)strlen(body)};
	frame_add(&out, &h, meta.p, body);
	assert_int_equal(frame_flush(writer.fd, &out), 0);
	buf_free(&out);
	buf_free(&meta);
	return next();
}

static void again_and_again(void **state)
{
	char first[sizeof answer];
	(void)state;
	snprintf(conf_file, sizeof conf_file, "%s/once.ini", fx.dir);
	FILE *out = fopen(conf_file, "w");
	fprintf(out, "[server]\ndata = %s/data\n[plugins]\npath = %s\nenable = shop\n", fx.dir,
		fx.dir);
	fprintf(out, "[log]\nlevel = error\n");
	fclose(out);
	write_file("shop", "plugin.lua", PLUGIN);
	start(NULL);
	assert_int_equal(ask(ROUTE_RECORD_PUT, 10, false, "*", "{\"n\":1}"), 201);
	assert_int_equal(ask(ROUTE_RECORD_PATCH, 11, false, "\"1\"", "{\"n\":2}"), 200);
	memcpy(first, answer, sizeof first);
	for (int death = 0; death < 3; death++) {
		end();
		start("--restart");
		/* A batch of its own before, whose job never came to be run: it is sent again too.
		 */
		assert_int_equal(
			ask(ROUTE_RECORD_PATCH, 20 + (uint64_t)death, true, "\"7\"", "{}"), 412);
		assert_int_equal(ask(ROUTE_RECORD_PATCH, 11, true, "\"1\"", "{\"n\":2}"), 200);
		assert_string_equal(answer, first);
	}
	/* What is new says that everything that was sent again has come: nothing is kept for it. */
	assert_int_equal(ask(ROUTE_RECORD_DELETE, 30, false, "\"2\"", ""), 204);
	assert_int_equal(ask(ROUTE_RECORD_PATCH, 11, true, "\"1\"", "{\"n\":2}"), 404);
	end();
	buf_free(&input);
}

int main(int argc, char **argv)
{
	if (argc > 3 && strcmp(argv[1], "--engine") == 0)
		return engine_main(argc - 2, argv + 2);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(again_and_again, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
