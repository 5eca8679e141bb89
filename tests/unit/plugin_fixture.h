/* plugin_fixture.h — plugins written to a scratch folder and loaded from there; for the tests of
 * lua/plugin.h. */
#ifndef CX_TEST_PLUGIN_FIXTURE_H
#define CX_TEST_PLUGIN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/tz.h"
#include "lua/plugin.h"

struct fixture {
	char dir[64];
	struct conf conf;
	struct plugin_set set;
	struct arena arena;
	bool loaded;
};
static struct fixture fx;

static inline void write_file(const char *plugin, const char *path, const char *text)
{
	char full[300];
	snprintf(full, sizeof full, "%s/%s", fx.dir, plugin);
	mkdir(full, 0700);
	for (const char *s = path; (s = strchr(s, '/')); s++) {
		snprintf(full, sizeof full, "%s/%s/%.*s", fx.dir, plugin, (int)(s - path), path);
		mkdir(full, 0700);
	}
	snprintf(full, sizeof full, "%s/%s/%s", fx.dir, plugin, path);
	FILE *out = fopen(full, "wb");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static inline int setup(void **state)
{
	(void)state;
	struct cx_errs errs = {0};
	char file[100];
	memset(&fx, 0, sizeof fx);
	cx_lang = CX_EN;
	snprintf(fx.dir, sizeof fx.dir, "/tmp/cxd-plugins-XXXXXX");
	assert_non_null(mkdtemp(fx.dir));
	snprintf(file, sizeof file, "%s/cxd.ini", fx.dir);
	FILE *out = fopen(file, "w");
	fprintf(out,
		"[company]\ntimezone = America/Sao_Paulo\n[plugins]\npath = %s\n"
		"[plugin:conf]\npromoter = 8\nlevel = high\nslow = 5d\nfee = 12.50\nextra = 1\n"
		"share = 150\n[plugin:good]\npromoter = 9\n",
		fx.dir);
	fclose(out);
	conf_load(&fx.conf, file, &errs);
	assert_int_equal(errs.n, 0);
	assert_true(tz_setup("America/Sao_Paulo"));
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	char cmd[100];
	if (fx.loaded)
		plugin_set_free(&fx.set);
	conf_free(&fx.conf);
	arena_free(&fx.arena);
	snprintf(cmd, sizeof cmd, "rm -rf '%s'", fx.dir);
	return system(cmd);
}

static inline void load_without(const char *off)
{
	struct plugin_sources *v;
	struct cx_err e = {0};
	int n;
	if (plugin_sources_read(&fx.conf, &v, &n, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(plugin_set_load(&fx.set, &fx.conf, v, n, &off, off != NULL, NULL), CX_OK);
	fx.loaded = true;
}

static inline void load(void)
{
	load_without(NULL);
}

static inline struct plugin *plugin(const char *name)
{
	struct plugin *p = plugin_set_find(&fx.set, name);
	assert_non_null(p);
	return p;
}

static inline void print_errors(const struct plugin *p)
{
	for (int i = 0; i < p->nerrors; i++)
		fprintf(stderr, "  %s:%d: %s\n", p->errors[i].file, p->errors[i].line,
			p->errors[i].message);
}

static inline struct plugin *running(const char *name)
{
	struct plugin *p = plugin(name);
	if (p->state != PLUGIN_RUNNING)
		print_errors(p);
	assert_int_equal(p->state, PLUGIN_RUNNING);
	return p;
}

/* The plugin failed and says exactly this at this line of its plugin.lua. */
static inline void has_error(const char *name, int line, const char *message)
{
	struct plugin *p = plugin(name);
	char file[100];
	snprintf(file, sizeof file, "plugins/%s/plugin.lua", name);
	assert_int_equal(p->state, PLUGIN_FAILED);
	for (int i = 0; i < p->nerrors; i++)
		if (p->errors[i].line == line && strcmp(p->errors[i].message, message) == 0 &&
			strcmp(p->errors[i].file, file) == 0)
			return;
	print_errors(p);
	fail_msg("not told: %s:%d: %s", file, line, message);
}

#define HEAD(name) "cx.plugin { name = \"" name "\", version = \"1.4.0\", api = 1 }\n"

#define RATED                                                                                      \
	"cx.event 'visit.rated' { fields = { score = cx.integer {}, channel = cx.text {},\n"       \
	"  comment = cx.text { personal = true } } }\n"

#endif
