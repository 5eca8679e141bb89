/* cli.h — the command line: a table of commands, one thin file per command.
 * Flow:   main() → cli_main(): the row of commands.c, its options, the conf file → the command →
 *         request.h when it needs data: the running daemon, else a private engine.
 * Callers: main.c. One process, one thread; engine processes are children.
 * Owns:   struct cli is cli_main()'s.
 * Errors: exit codes: 0 done, 1 refused or failed (said on stderr), 2 wrong usage. Data goes to
 *         stdout, everything else to stderr. */
#ifndef CX_CLI_CLI_H
#define CX_CLI_CLI_H

#include <stdio.h>

#include "conf/conf.h"

enum { EXIT_DONE, EXIT_REFUSED, EXIT_USAGE, EXIT_INTERRUPTED = 130 };
enum { CLI_GIVEN_MAX = 48 };

struct cli_option {
	const char *name, *value; /* value NULL: a switch */
	const char *pt, *en;
};

struct cli;
struct cli_command {
	const char *name, *args; /* args as in usage: "NAME [DIR]" */
	int least, most;         /* how many of them */
	enum { CONF_NOT_NEEDED, CONF_NEEDED } conf;
	int (*run)(struct cli *c); /* the exit code */
	const struct cli_option *options;
	const char *pt, *en;           /* one line */
	const char *more_pt, *more_en; /* examples and what else is good to know, or NULL */
};
extern const struct cli_command cli_commands[];          /* ends with a row without name */
const struct cli_command *cli_command(const char *name); /* or NULL */

struct cli {
	const struct cli_command *command;
	const char *conf_path; /* as given or found */
	struct conf conf;      /* loaded where the command needs it */
	bool json;
	const char *args[CLI_GIVEN_MAX]; /* the command's own, without options */
	int nargs;
	struct {
		const struct cli_option *option;
		const char *value;
	} given[CLI_GIVEN_MAX];
	int ngiven;
	struct reach *reach; /* request.h; made when first needed */
};

int cli_main(int argc, char **argv);

/* The i-th value given for an option ("" for a switch), NULL past the last. */
const char *cli_option(const struct cli *c, const char *name, int i);
/* "cxd: …" on stderr; returns the exit code. */
int cli_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int cli_usage_fail(const struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

int cli_unknown_command(const char *name);

/* help.c */
extern const struct cli_option cli_everywhere[]; /* of every command: --conf, --json, --help */
void cli_help(FILE *to);
void cli_help_command(FILE *to, const struct cli_command *cmd);

int cmd_serve(struct cli *c);
int cmd_check(struct cli *c);
int cmd_test(struct cli *c);
int cmd_run(struct cli *c);
int cmd_import(struct cli *c);
int cmd_kpi(struct cli *c);
int cmd_journey(struct cli *c);
int cmd_call(struct cli *c);
int cmd_token(struct cli *c);
int cmd_trace(struct cli *c);
int cmd_plugin(struct cli *c);
int cmd_retry(struct cli *c);
int cmd_verify(struct cli *c);
int cmd_conf(struct cli *c);
int cmd_version(struct cli *c);
int cmd_help(struct cli *c);

#endif
