/* What the command line can do. --help, usage errors and "did you mean" are made from this table.
 */
#include <string.h>

#include "cli/cli.h"

static const struct cli_option none[] = {{0}};

static const struct cli_option serve_options[] = {
	{"quiet", NULL, "não anuncia onde atende", "does not announce where it answers"},
	{"safe", NULL, "não roda código de plugins; os eventos esperam por eles",
		"runs no plugin code; events wait for them"},
	{0}};

static const struct cli_option run_options[] = {
	{"as-of", "D", "como se hoje fosse D (AAAA-MM-DD)", "as if today were D (YYYY-MM-DD)"},
	{"out", "FILE", "grava o relatório em FILE", "writes the report to FILE"}, {0}};

static const struct cli_option import_options[] = {
	{"if-empty", NULL, "só se ainda não houver eventos", "only when there are no events yet"},
	{"live", NULL, "os eventos agem sobre o presente", "the events act on the present"},
	{"update", NULL, "linhas mudadas viram correções", "changed rows become corrections"}, {0}};

static const struct cli_option kpi_options[] = {
	{"from", "T", "desde (data ou instante, inclusive)", "since (date or instant, inclusive)"},
	{"to", "T", "até (exclusive)", "until (exclusive)"},
	{"last", "DURATION", "até hoje, desde: 6mo, 30d, 2w, 1y",
		"up to today, since: 6mo, 30d, 2w, 1y"},
	{"every", "PERIOD", "série por day, week, month, quarter ou year",
		"a series by day, week, month, quarter or year"},
	{"by", "DIMS", "grupos, por exemplo unit,channel", "groups, for example unit,channel"},
	{"where", "DIM:VALUE", "só estes (pode repetir)", "only these (may be repeated)"},
	{"compare", "WITH", "com o período anterior (previous) ou um ano antes (year)",
		"with the period before (previous) or a year before (year)"},
	{"as-known", "T", "como se sabia no instante T", "as it was known at T"},
	{"pool", "N", "junta num só os grupos com menos de N respostas",
		"makes one of the groups of fewer than N answers"},
	{"explain", NULL, "a fórmula, as medidas e os eventos por trás",
		"the formula, the measures and the events behind it"},
	{"after", "CURSOR", "a página seguinte de --explain", "the next page of --explain"},
	{"limit", "N", "eventos por página de --explain (padrão 100)",
		"events a page of --explain (default 100)"},
	{"control", NULL, "carta de controle (XmR) da série; sem --every, por semana",
		"control chart (XmR) of the series; by week without --every"},
	{"rules", "LIST", "regras de Nelson de --control (padrão 1,2,3)",
		"Nelson rules of --control (default 1,2,3)"},
	{"baseline", "N", "limites de --control pelos primeiros N pontos",
		"limits of --control from the first N points"},
	{0}};

static const struct cli_option journey_options[] = {
	{"from", "T", "as que começaram desde (data ou instante, inclusive)",
		"those that began since (date or instant, inclusive)"},
	{"to", "T", "até (exclusive)", "until (exclusive)"},
	{"by", "DIMS", "grupos, por exemplo unit", "groups, for example unit"},
	{"where", "DIM:VALUE", "só estas (pode repetir)", "only these (may be repeated)"},
	{"every", "PERIOD", "conformance por day, week, month, quarter ou year",
		"conformance by day, week, month, quarter or year"},
	{"version", "N", "só as desta versão", "only those of this version"},
	{"stage", "ID", "instances só nesta etapa", "instances in this stage only"},
	{"after", "CURSOR", "a página seguinte de instances", "the next page of instances"},
	{"limit", "N", "no máximo tantas linhas", "so many rows at most"}, {0}};

static const struct cli_option call_options[] = {
	{"type", "T", "Content-Type do corpo (padrão: application/json)",
		"Content-Type of the body (default: application/json)"},
	{0}};

static const struct cli_option token_options[] = {
	{"level", "L", "frontline, manager, integrator ou admin",
		"frontline, manager, integrator or admin"},
	{"unit", "U", "só desta unidade", "this unit's only"},
	{"person", "P", "age como esta pessoa", "acts as this person"},
	{"expires", "DURATION", "vale por, por exemplo, 90d", "is good for, say, 90d"}, {0}};

static const struct cli_option retry_options[] = {
	{"all", NULL, "tudo que falhou", "everything that failed"},
	{"list", NULL, "mostra o que falhou", "shows what failed"},
	{"plugin", "NAME", "só deste plugin", "of this plugin only"}, {0}};

static const struct cli_option trace_options[] = {
	{"source", "S", "a fonte, quando várias têm o mesmo id",
		"the source, where several have the same id"},
	{0}};

static const struct cli_option conf_options[] = {
	{"print", NULL, "o arquivo inteiro, comentado", "the whole file, with comments"}, {0}};

const struct cli_command cli_commands[] = {
	{"serve", "", 0, 0, CONF_NEEDED, cmd_serve, serve_options, "atende até Ctrl-C",
		"serves until Ctrl-C", NULL, NULL},
	{"check", "", 0, 0, CONF_NEEDED, cmd_check, none,
		"confere configuração, plugins e roteiros; todo erro com arquivo:linha",
		"checks configuration, plugins and scripts; every error with file:line", NULL,
		NULL},
	{"test", "PATH...", 1, CLI_GIVEN_MAX, CONF_NEEDED, cmd_test, none,
		"roda os testes de plugins", "runs plugins' own tests", "cxd test plugins/acme",
		"cxd test plugins/acme"},
	{"run", "NAME", 1, 1, CONF_NEEDED, cmd_run, run_options,
		"roda um roteiro de análise de scripts/", "runs a review script of scripts/",
		"cxd run monthly-nps --as-of 2018-08-31 --json",
		"cxd run monthly-nps --as-of 2018-08-31 --json"},
	{"import", "NAME [DIR]", 1, 2, CONF_NEEDED, cmd_import, import_options,
		"traz histórico para dentro; repetir não acrescenta nada",
		"brings history in; doing it twice adds nothing",
		"cxd --conf conf/olist.ini import olist PASTA",
		"cxd --conf conf/olist.ini import olist FOLDER"},
	{"kpi", "[ID]", 0, 1, CONF_NEEDED, cmd_kpi, kpi_options,
		"indicadores: todos numa tabela, ou um com série e grupos",
		"KPIs: all in a table, or one with series and groups",
		"Sem ID nem janela: os últimos 12 meses. Com ID e sem janela: tudo.\n"
		"Uma data é seu primeiro instante; --to não entra na conta.\n"
		"cxd kpi nps --last 6mo --every month --by unit\n"
		"cxd kpi nps --from 2018-01-01 --to 2018-07-01 --compare previous --by unit "
		"--pool 30\n"
		"cxd kpi nps --last 1mo --where unit:b07 --explain",
		"Without ID and window: the last 12 months. With ID and without window: "
		"everything.\n"
		"A date is its first instant; --to is left out.\n"
		"cxd kpi nps --last 6mo --every month --by unit\n"
		"cxd kpi nps --from 2018-01-01 --to 2018-07-01 --compare previous --by unit "
		"--pool 30\n"
		"cxd kpi nps --last 1mo --where unit:b07 --explain"},
	{"journey", "[ID [funnel | frictions | conformance | instances]]", 0, 2, CONF_NEEDED,
		cmd_journey, journey_options,
		"jornadas: funil, atritos, aderência ao ideal, instâncias abertas",
		"journeys: funnel, frictions, nearness to the ideal, open instances",
		"Sem ID: as jornadas que há. Com ID: o funil.\n"
		"cxd journey visit --from 2026-01-01 --by unit\n"
		"cxd journey visit frictions --where unit:b07\n"
		"cxd journey visit conformance --every week",
		"Without ID: the journeys there are. With ID: the funnel.\n"
		"cxd journey visit --from 2026-01-01 --by unit\n"
		"cxd journey visit frictions --where unit:b07\n"
		"cxd journey visit conformance --every week"},
	{"call", "METHOD PATH [JSON|@FILE|-]", 2, 3, CONF_NEEDED, cmd_call, call_options,
		"chama a API, como curl", "calls the API, like curl",
		"cxd call POST /v1/events @evento.json\ncxd call GET '/v1/events?limit=5'\n"
		"Saída 1 quando a resposta é 400 ou mais.",
		"cxd call POST /v1/events @event.json\ncxd call GET '/v1/events?limit=5'\n"
		"Exits 1 when the answer is 400 or more."},
	{"token", "add NAME | list | revoke NAME", 1, 2, CONF_NEEDED, cmd_token, token_options,
		"credenciais da API", "the API's tokens",
		"cxd token add caixa-3 --level frontline --unit b07 --expires 90d\n"
		"O token aparece uma vez só, em stdout.",
		"cxd token add till-3 --level frontline --unit b07 --expires 90d\n"
		"The token is shown once, on stdout."},
	{"trace", "ID", 1, 1, CONF_NEEDED, cmd_trace, trace_options,
		"tudo o que aconteceu a um evento", "everything that happened to an event",
		"ID é o id do evento, seu seq, failed/N de uma reação que falhou, ou "
		"TIPO/CHAVE de um registro.\n"
		"cxd trace 4711\ncxd trace pedido-7 --source /loja/b07",
		"ID is the event's id, its seq, failed/N of a failed reaction, or KIND/KEY of "
		"a record.\n"
		"cxd trace 4711\ncxd trace order-7 --source /shop/b07"},
	{"plugin", "list | reload | enable NAME | disable NAME", 1, 2, CONF_NEEDED, cmd_plugin,
		none, "plugins: seu estado, recarregar, ligar e desligar",
		"plugins: their state, reload, on and off",
		"cxd plugin list\ncxd plugin reload\ncxd plugin enable acme\n"
		"Um plugin ligado de novo põe em dia, em ordem, os eventos que perdeu.",
		"cxd plugin list\ncxd plugin reload\ncxd plugin enable acme\n"
		"A plugin turned on again deals, in order, with the events it missed."},
	{"retry", "[ID]", 0, 1, CONF_NEEDED, cmd_retry, retry_options,
		"roda de novo uma reação que falhou", "runs a failed reaction again",
		"cxd retry --list\ncxd retry 7\ncxd retry --all --plugin acme\n"
		"Depois de corrigir o plugin; o que der certo sai da lista.",
		"cxd retry --list\ncxd retry 7\ncxd retry --all --plugin acme\n"
		"Once the plugin is mended; what succeeds leaves the list."},
	{"verify", "", 0, 0, CONF_NEEDED, cmd_verify, none,
		"recalcula os números a partir dos eventos e compara",
		"recomputes the figures from the events and compares", NULL, NULL},
	{"conf", "", 0, 0, CONF_NOT_NEEDED, cmd_conf, conf_options,
		"a configuração, com todas as chaves", "the configuration, with every key", NULL,
		NULL},
	{"version", "", 0, 0, CONF_NOT_NEEDED, cmd_version, none, "a versão", "the version", NULL,
		NULL},
	{"help", "[COMMAND]", 0, 1, CONF_NOT_NEEDED, cmd_help, none, "ajuda sobre um comando",
		"help on a command", NULL, NULL},
	{0}};

const struct cli_command *cli_command(const char *name)
{
	for (const struct cli_command *cmd = cli_commands; cmd->name; cmd++)
		if (strcmp(cmd->name, name) == 0)
			return cmd;
	return NULL;
}
