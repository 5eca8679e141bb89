#include "cli/cli.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/progress.h"
#include "cli/request.h"
#include "base/nearest.h"

int cli_fail(const char *fmt, ...)
{
	va_list ap;
	progress_end();
	va_start(ap, fmt);
	fputs("cxd: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return EXIT_REFUSED;
}

int cli_usage_fail(const struct cli *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("cxd: ", stderr);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n%s: cxd %s%s--help\n", CX_T("veja", "see"),
		c->command ? c->command->name : "", c->command ? " " : "");
	return EXIT_USAGE;
}

int cli_unknown_command(const char *name)
{
	struct nearest near = {.word = name};
	for (const struct cli_command *cmd = cli_commands; cmd->name; cmd++)
		nearest_try(&near, cmd->name);
	return cli_usage_fail(&(struct cli){0},
		CX_T("comando desconhecido: %s%s", "unknown command: %s%s"), name,
		nearest_hint(&near, "", ""));
}

const char *cli_option(const struct cli *c, const char *name, int i)
{
	for (int k = 0; k < c->ngiven; k++)
		if (strcmp(c->given[k].option->name, name) == 0 && i-- == 0)
			return c->given[k].value;
	return NULL;
}

static const struct cli_option *options(const struct cli *c)
{
	static const struct cli_option none[] = {{0}};
	return c->command ? c->command->options : none;
}

static int unknown_option(const struct cli *c, const char *name)
{
	struct nearest near = {.word = name};
	for (const struct cli_option *o = options(c); o->name; o++)
		nearest_try(&near, o->name);
	for (const struct cli_option *o = cli_everywhere; o->name; o++)
		nearest_try(&near, o->name);
	return cli_usage_fail(c, CX_T("opção desconhecida: --%s%s", "unknown option: --%s%s"), name,
		nearest_hint(&near, "--", ""));
}

static const struct cli_option *find_option(const struct cli_option *o, const char *name)
{
	while (o->name && strcmp(o->name, name) != 0)
		o++;
	return o->name ? o : NULL;
}

enum { WANT_HELP = 1, WANT_VERSION = 2 };

/* argv[*i] is "--name[=value]"; EXIT_DONE or EXIT_USAGE. */
static int take_option(struct cli *c, int argc, char **argv, int *i, int *wants)
{
	static const struct cli_option version = {"version", NULL, "", ""};
	char name[64];
	const char *text = argv[*i] + 2, *value = strchr(text, '=');
	snprintf(name, sizeof name, "%.*s", (int)strcspn(text, "="), text);
	const struct cli_option *own = find_option(options(c), name), *o = own;
	if (!o)
		o = find_option(cli_everywhere, name);
	if (!o && !c->command && strcmp(name, version.name) == 0)
		o = &version;
	if (!o)
		return unknown_option(c, name);
	if (value && !o->value)
		return cli_usage_fail(c, CX_T("--%s não leva valor", "--%s takes no value"), name);
	if (o->value && !value && *i + 1 >= argc)
		return cli_usage_fail(c, CX_T("falta o valor de --%s", "--%s needs a value"), name);
	value = !o->value ? "" : value ? value + 1 : argv[++*i];
	if (own && c->ngiven == CLI_GIVEN_MAX)
		return cli_usage_fail(c, CX_T("opções demais", "too many options"));
	if (own) {
		c->given[c->ngiven].option = own;
		c->given[c->ngiven++].value = value;
	} else if (o->value) {
		c->conf_path = value;
	} else if (strcmp(name, "json") == 0) {
		c->json = true;
	} else {
		*wants |= o == &version ? WANT_VERSION : WANT_HELP;
	}
	return EXIT_DONE;
}

static int take_arguments(struct cli *c, int argc, char **argv, int *wants)
{
	bool only_args = false;
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];
		int rc = EXIT_DONE;
		if (!only_args && strcmp(a, "--") == 0) {
			only_args = true;
		} else if (!only_args && strcmp(a, "-h") == 0) {
			*wants |= WANT_HELP;
		} else if (!only_args && strncmp(a, "--", 2) == 0) {
			rc = take_option(c, argc, argv, &i, wants);
		} else if (!only_args && a[0] == '-' && a[1]) {
			rc = unknown_option(c, a + 1);
		} else if (!c->command) {
			c->command = cli_command(a);
			rc = c->command ? EXIT_DONE : cli_unknown_command(a);
		} else if (c->nargs < CLI_GIVEN_MAX) {
			c->args[c->nargs++] = a;
		} else {
			rc = cli_usage_fail(c, CX_T("argumentos demais", "too many arguments"));
		}
		if (rc != EXIT_DONE)
			return rc;
	}
	return EXIT_DONE;
}

/* Mistakes of the configuration in the form of `cxd check --json`. */
static void mistakes_json(const struct cli *c, const struct cx_errs *errs)
{
	struct buf b = {0};
	jw_obj(&b);
	jw_key(&b, "errors");
	jw_arr(&b);
	for (int i = 0; i < errs->n && i < CX_ERRS_MAX; i++) {
		const char *msg = errs->v[i].msg, *says;
		int line;
		const char *end = conf_mistake_at(msg, &line, &says);
		jw_obj(&b);
		jw_key(&b, "file");
		jw_strn(&b, end ? msg : c->conf_path,
			end ? (size_t)(end - msg) : strlen(c->conf_path));
		jw_kint(&b, "line", line);
		jw_kstr(&b, "message", says);
		jw_obj_end(&b);
	}
	jw_arr_end(&b);
	jw_obj_end(&b);
	printf("%s\n", buf_cstr(&b));
	buf_free(&b);
}

static int load_conf(struct cli *c)
{
	struct cx_errs errs = {0};
	int rc = conf_load(&c->conf, c->conf_path, &errs);
	if (rc == CX_OK) {
		cx_lang = cx_lang_wanted(c->conf.company_locale);
		return EXIT_DONE;
	}
	if (c->json && c->command->run == cmd_check)
		mistakes_json(c, &errs);
	for (int i = 0; i < errs.n && i < CX_ERRS_MAX; i++)
		fprintf(stderr, "%s\n", errs.v[i].msg);
	if (errs.n > CX_ERRS_MAX)
		fprintf(stderr, CX_T("… e mais %d\n", "… and %d more\n"), errs.n - CX_ERRS_MAX);
	if (rc == CX_E_NOT_FOUND)
		cli_fail(CX_T("diga onde está a configuração com --conf FILE ou CXD_CONF",
			"say where the configuration is with --conf FILE or CXD_CONF"));
	return EXIT_REFUSED;
}

static void interrupted(int sig)
{
	ssize_t done = isatty(STDERR_FILENO) ? write(STDERR_FILENO, "\n", 1) : 0;
	(void)sig;
	(void)done;
	_exit(EXIT_INTERRUPTED); /* engine processes end with their parent */
}

static int run(struct cli *c)
{
	const struct cli_command *cmd = c->command;
	if (c->nargs < cmd->least || c->nargs > cmd->most)
		return cli_usage_fail(c,
			c->nargs < cmd->least ? CX_T("faltam argumentos: cxd %s %s",
							"missing arguments: cxd %s %s")
					      : CX_T("argumentos demais: cxd %s %s",
							"too many arguments: cxd %s %s"),
			cmd->name, cmd->args);
	int rc = cmd->conf == CONF_NEEDED ? load_conf(c) : EXIT_DONE;
	if (rc == EXIT_DONE) {
		if (cmd->run != cmd_serve)
			signal(SIGINT, interrupted);
		rc = cmd->run(c);
		reach_close(c);
		if ((fflush(stdout) != 0 || ferror(stdout)) && rc == EXIT_DONE)
			rc = cli_fail(
				CX_T("não consigo escrever a saída", "cannot write the output"));
	}
	conf_free(&c->conf);
	return rc;
}

int cli_main(int argc, char **argv)
{
	struct cli c = {.conf_path = getenv("CXD_CONF")};
	int wants = 0;
	if (!c.conf_path || !*c.conf_path)
		c.conf_path = "conf/cxd.ini";
	cx_lang = cx_lang_wanted("pt-BR");
	int rc = take_arguments(&c, argc, argv, &wants);
	if (rc != EXIT_DONE)
		return rc;
	if (wants & WANT_VERSION)
		return cmd_version(&c);
	if (wants & WANT_HELP) {
		if (c.command)
			cli_help_command(stdout, c.command);
		else
			cli_help(stdout);
		return EXIT_DONE;
	}
	if (!c.command) {
		cli_help(stderr);
		return EXIT_USAGE;
	}
	return run(&c);
}
