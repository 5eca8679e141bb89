#include <string.h>

#include "base/version.h"
#include "cli/cli.h"

const struct cli_option cli_everywhere[] = {
	{"conf", "FILE", "configuração (senão $CXD_CONF, senão conf/cxd.ini)",
		"configuration (else $CXD_CONF, else conf/cxd.ini)"},
	{"json", NULL, "dados em JSON", "data as JSON"}, {"help", NULL, "esta ajuda", "this help"},
	{0}};

static void options(FILE *to, const struct cli_option *o)
{
	for (; o->name; o++) {
		char left[64];
		snprintf(left, sizeof left, "--%s%s%s", o->name, o->value ? " " : "",
			o->value ? o->value : "");
		fprintf(to, "  %-20s  %s\n", left, CX_T(o->pt, o->en));
	}
}

void cli_help(FILE *to)
{
	fprintf(to, "%s\n\n",
		CX_T("uso: cxd [--conf FILE] COMANDO [ARGUMENTOS]",
			"usage: cxd [--conf FILE] COMMAND [ARGUMENTS]"));
	for (const struct cli_command *cmd = cli_commands; cmd->name; cmd++)
		if (cmd->run != cmd_conf && cmd->run != cmd_help)
			fprintf(to, "  %-8s  %s\n", cmd->name, CX_T(cmd->pt, cmd->en));
	fprintf(to, "\n%s\n", CX_T("Opções de todos:", "Options of all:"));
	options(to, cli_everywhere);
	options(to, (const struct cli_option[]){{"version", NULL, "a versão", "the version"}, {0}});
	fprintf(to, "\n%s\n",
		CX_T("cxd COMANDO --help diz mais.", "cxd COMMAND --help says more."));
}

void cli_help_command(FILE *to, const struct cli_command *cmd)
{
	fprintf(to, "%s: cxd %s%s%s%s\n\n%s\n", CX_T("uso", "usage"), cmd->name,
		cmd->args[0] ? " " : "", cmd->args,
		cmd->options->name ? CX_T(" [OPÇÕES]", " [OPTIONS]") : "", CX_T(cmd->pt, cmd->en));
	if (cmd->more_pt)
		fprintf(to, "%s\n", CX_T(cmd->more_pt, cmd->more_en));
	fprintf(to, "\n");
	options(to, cmd->options);
	options(to, cli_everywhere);
}

int cmd_help(struct cli *c)
{
	const struct cli_command *cmd = c->nargs ? cli_command(c->args[0]) : NULL;
	if (c->nargs && !cmd)
		return cli_unknown_command(c->args[0]);
	if (cmd)
		cli_help_command(stdout, cmd);
	else
		cli_help(stdout);
	return EXIT_DONE;
}

int cmd_version(struct cli *c)
{
	if (c->json)
		printf("{\"version\":\"" CX_VERSION "\"}\n");
	else
		printf("cxd " CX_VERSION "\n");
	return EXIT_DONE;
}
