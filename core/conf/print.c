#include <string.h>

#include "conf/load.h"

static const struct {
	const char *section, *pt, *en;
} titles[] = {
	{"company", "A empresa", "The company"},
	{"server", "Onde o servidor atende", "Where the server answers"},
	{"store", "Onde os dados ficam", "Where data is kept"},
	{"plugins", "A metodologia da empresa", "The company's methodology"},
	{"scripts", "Roteiros de análise dos gestores", "The managers' review scripts"},
	{"limits", "O que um pedido pode ter", "What a request may have"},
	{"events", "Fatos que chegam", "Facts that come in"},
	{"engine", "Processos que respondem", "The processes that answer"},
	{"kpi", "Indicadores", "Indicators"},
	{"lua", "Orçamento de cada plugin", "Every plugin's budget"},
	{"calendar", "Dias úteis e horários", "Business days and hours"},
	{"log", "Registro em stderr", "The log on stderr"},
};

static void print_range(struct buf *b, const struct conf_row *r)
{
	char lo[32], hi[32];
	enum conf_type type = conf_row_is_text(r) ? CONF_INT : r->type;
	if (r->type == CONF_BOOL || strchr(r->unit, '|')) {
		buf_printf(b, " · %s", r->type == CONF_BOOL ? "yes | no" : r->unit);
		return;
	}
	conf_number_text(type, r->min, lo);
	conf_number_text(type, r->max, hi);
	if (strcmp(lo, hi) == 0)
		buf_printf(b, " · %s", lo);
	else
		buf_printf(b, " · %s … %s", lo, hi);
	if (conf_row_is_text(r))
		buf_puts(b, " bytes");
	if (r->unit[0])
		buf_printf(b, " · %s", r->unit);
}

static void print_key(struct buf *b, const struct conf_row *r, const char *value)
{
	buf_printf(b, "; %s\n; %s\n; padrão/default: %s", r->pt, r->en,
		r->def[0] ? r->def : "(vazio/empty)");
	print_range(b, r);
	if (r->taken == CONF_TAKEN_RELOAD)
		buf_puts(b, " · reload");
	const char *text = value ? value : r->def;
	buf_printf(b, "\n%s%s =%s%s\n\n", value ? "" : ";", r->key, text[0] ? " " : "", text);
}

static void print_section(struct buf *b, const char *section)
{
	const char *pt = "", *en = "";
	for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
		if (strcmp(titles[i].section, section) == 0) {
			pt = titles[i].pt;
			en = titles[i].en;
		}
	buf_printf(b, "; ---- %s · %s\n[%s]\n\n", pt, en, section);
}

static const char head[] =
	"; cxd.ini: todas as chaves, com padrão, limites e unidade. Uma linha que começa com ; é\n"
	"; comentário: tire o ; para mudar um valor. Caminhos relativos partem da pasta deste "
	"arquivo.\n"
	"; Every key with its default, range and unit. A line that begins with ; is a comment: "
	"take\n"
	"; the ; off to change a value. Relative paths begin at this file's folder.\n"
	"; Feito por / made by: cxd conf --print\n"
	"\n"
	"; Números/numbers: 10000 · tamanhos/sizes: 4096, 64KiB, 16MiB · tempos/times: 500ms, "
	"10s,\n"
	"; 5min, 2h, 1d · yes | no (true, false, on, off)\n"
	"; reload: o valor mudado vale com cxd plugin reload (as opções dos plugins também); os "
	"outros,\n"
	"; ao reiniciar o servidor / a changed value is taken by cxd plugin reload (so are the "
	"plugins'\n"
	"; options); others when the server is started again.\n"
	"; Um ; depois de espaço começa um comentário / a ; after a space begins a comment.\n"
	"\n";
static const char access_help[] =
	"; ---- Quem pode chamar pelo socket local · Who may call on the local socket\n"
	"; uid.N ou/or gid.N = frontline | manager | integrator | admin [UNIDADE/UNIT]\n"
	"; Quem roda o servidor é admin / whoever runs the server is admin. Tokens: cxd token "
	"--help\n"
	"[access]\n"
	"\n"
	";uid.1001 = frontline b07\n"
	";gid.50 = manager\n";
static const char calendar_help[] =
	"\n"
	"; ---- Horário de uma unidade · The hours of one unit\n"
	"; dias e turnos; Hol é qualquer feriado, senão fechado / days and shifts; Hol is any "
	"holiday, else closed\n"
	";[calendar:b07]\n"
	";hours = Mon-Fri 09:00-12:00 13:00-18:00, Sat 09:00-13:00, Hol 10:00-14:00\n"
	"; [calendar] file:\n"
	";   unit,date,name,from,until    from, until: primeiro e último dia em que vale / first "
	"and last day it holds\n"
	";   ,2026-12-24,Véspera          unit vazia: todas / empty: all\n"
	";   b07,07-09,Nove de Julho,1997-03-05,    todo ano / every year\n"
	";   b07,easter+60,Corpus Christi           dias depois da Páscoa / days after Easter\n";
static const char plugin_help[] =
	"\n"
	"; ---- Opções de um plugin · A plugin's options\n"
	"; [plugin:NOME/NAME] chaves do próprio plugin / the plugin's own keys\n"
	";[plugin:acme]\n"
	";promoter = 9\n";

static void print_given(struct buf *b, const struct conf_load *l, bool access)
{
	const char *section = "access";
	for (int i = 0; i < l->npairs; i++) {
		const struct conf_free *p = &l->pairs[i];
		bool free_one = conf_is_free_section(p->section);
		if (access ? strcmp(p->section, "access") != 0 : !free_one)
			continue;
		if (strcmp(section, p->section) != 0)
			buf_printf(b, "\n[%s]\n", p->section);
		section = p->section;
		buf_printf(b, "%s = %s\n", p->key, p->value);
	}
}

int conf_print(const char *file, struct buf *out, struct cx_errs *errs)
{
	struct conf c = {0};
	struct conf_load l = {0};
	int before = errs->n;
	if (file)
		conf_load_begin(&l, &c, file, NULL, errs);
	if (errs->n == before) {
		buf_puts(out, head);
		for (int i = 0; i < CONF_ROWS; i++) {
			const struct conf_row *r = &conf_rows[i];
			if (i == 0 || strcmp(r->section, r[-1].section) != 0)
				print_section(out, r->section);
			print_key(out, r, l.given[i] ? l.pairs[l.given[i] - 1].value : NULL);
		}
		buf_puts(out, access_help);
		print_given(out, &l, true);
		buf_puts(out, calendar_help);
		buf_puts(out, plugin_help);
		print_given(out, &l, false);
	}
	conf_load_end(&l);
	if (file)
		conf_free(&c);
	return errs->n == before ? CX_OK : CX_E_INVALID_FIELD;
}
