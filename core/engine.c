#include "engine.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/check.h"
#include "engine/import.h"
#include "engine/old.h"
#include "engine/quarantine.h"
#include "engine/reader.h"
#include "engine/scriptrun.h"
#include "engine/setconf.h"
#include "engine/testrun.h"
#include "engine/verify.h"
#include "engine/writer.h"
#include "ipc/spawn.h"
#include "kpi/dictionary.h"

static enum log_level level_of(const char *name)
{
	return *name == 'e'   ? LOG_ERROR
	       : *name == 'w' ? LOG_WARN
	       : *name == 'd' ? LOG_DEBUG
			      : LOG_INFO;
}

/* As ipc/lane.c writes it: AT,ITEM,LOADING,OF_JOB,DUE_KIND,DUE,PLUGIN,HANDLER */
static void read_strike(const char *text, struct strike *s)
{
	long long at = 0, due = 0;
	unsigned item = 0, loading = 0, of_job = 0, kind = 0;
	int n = 0;
	sscanf(text, "%lld,%u,%u,%u,%u,%lld,%n", &at, &item, &loading, &of_job, &kind, &due, &n);
	const char *plugin = text + n;
	size_t end = strcspn(plugin, ",");
	s->at_ms = at;
	s->item = item;
	s->loading = (uint8_t)loading;
	s->of_job = (uint8_t)of_job;
	s->due_kind = kind;
	s->due = due;
	snprintf(s->plugin, sizeof s->plugin, "%.*s", (int)end, plugin);
	snprintf(s->handler, sizeof s->handler, "%s", plugin[end] ? plugin + end + 1 : "");
}

static void read_flags(struct engine *eng, int argc, char **argv, bool *restart)
{
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--restart") == 0)
			*restart = true;
		else if (strcmp(argv[i], "--safe") == 0)
			eng->safe = true;
		else if (strcmp(argv[i], "--quiet") == 0)
			eng->alone = true;
		else if (strncmp(argv[i], "--struck=", 9) == 0 && eng->nstruck < ENGINE_STRUCK_MAX)
			read_strike(argv[i] + 9, &eng->struck[eng->nstruck++]);
	}
}

static int run_role(struct engine *eng, const char *role, int argc, char **argv)
{
	bool restart = false;
	if (strcmp(role, "write") == 0 || strcmp(role, "read") == 0) {
		read_flags(eng, argc, argv, &restart);
		return *role == 'w' ? writer_main(eng, restart) : reader_main(eng);
	}
	if (strcmp(role, "check") == 0)
		return check_main(eng, argc, argv);
	if (strcmp(role, "test") == 0)
		return testrun_main(eng, argc, argv);
	if (strcmp(role, "script") == 0)
		return scriptrun_main(eng, argc, argv);
	if (strcmp(role, "verify") == 0)
		return verify_main(eng, argc, argv);
	if (strcmp(role, "import") == 0)
		return import_main(eng, argc, argv);
	cx_die("no engine role \"%s\"", role);
}

int engine_main(int argc, char **argv)
{
	struct conf conf;
	struct cx_errs errs = {0};
	struct engine eng = {.conf = &conf, .started = &conf, .fd = SPAWN_FD_SOCKET};
	if (argc < 2)
		cx_die("--engine needs a role and a conf file");
	prctl(PR_SET_NAME, argv[0]);
	eng.blame = blame_attach(SPAWN_FD_BLAME);
	blame_phase(eng.blame, BLAME_START);
	bool told = fcntl(SPAWN_FD_CONF, F_GETFD) >= 0;
	if (conf_load_from(&conf, argv[1], told ? SPAWN_CONF : NULL, &errs) < 0)
		cx_die("%s", errs.v[0].msg);
	enum log_level least = level_of(conf.log_level);
	for (int i = 2; i < argc; i++)
		if (strcmp(argv[i], "--quiet") == 0)
			least = LOG_WARN;
	log_setup(strcmp(argv[0], "write") == 0  ? "writer"
		  : strcmp(argv[0], "read") == 0 ? "reader"
						 : argv[0],
		least, conf.log_format);
	cx_lang = cx_lang_wanted(conf.company_locale);
	isolate_clock_start();
	int rc = run_role(&eng, argv[0], argc - 2, argv + 2);
	quarantine_free(&eng);
	old_free(&eng);
	engine_forget_before(&eng);
	plugin_set_free(&eng.set);
	setconf_free(&eng, eng.conf);
	dictionary_free(eng.dictionary);
	store_close(eng.store);
	conf_free(&conf);
	return rc;
}
