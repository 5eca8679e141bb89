#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hours.h"
#include "base/tz.h"
#include "base/nearest.h"
#include "conf/table.h"

struct scale {
	const char *name;
	int64_t factor;
};
static const struct scale sizes[] = {
	{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}, {NULL, 0}};
static const struct scale times[] = {
	{"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};

void conf_number_text(enum conf_type type, int64_t v, char out[32])
{
	const struct scale *s = type == CONF_BYTES ? sizes : times;
	if (type == CONF_INT || v == 0) {
		snprintf(out, 32, "%lld", (long long)v);
		return;
	}
	while (v % s->factor != 0)
		s++;
	snprintf(out, 32, "%lld%s", (long long)(v / s->factor), s->name);
}

static bool out_of_range(const struct conf_row *r, char *why, size_t cap)
{
	char lo[32], hi[32];
	conf_number_text(r->type, r->min, lo);
	conf_number_text(r->type, r->max, hi);
	snprintf(why, cap, CX_T("fora do intervalo: de %s a %s", "out of range: from %s to %s"), lo,
		hi);
	return false;
}

static bool set_number(
	int64_t *v, const struct conf_row *r, const char *text, char *why, size_t cap)
{
	char *end;
	errno = 0;
	long long n = strtoll(text, &end, 10);
	bool digits = end != text && isdigit((unsigned char)text[text[0] == '-']);
	while (*end == ' ' || *end == '\t')
		end++;
	const struct scale *s = r->type == CONF_BYTES ? sizes : times;
	int64_t factor = r->type == CONF_INT && !*end ? 1 : 0;
	if (r->type == CONF_TIME && digits && n == 0 && !*end)
		factor = 1; /* zero needs no unit */
	for (; r->type != CONF_INT && !factor && s->name; s++)
		if (strcasecmp(end, s->name) == 0)
			factor = s->factor;
	if (!digits || !factor) {
		snprintf(why, cap, "%s",
			r->type == CONF_INT ? CX_T("não é um número inteiro", "is not an integer")
			: r->type == CONF_TIME
				? CX_T("não é um tempo: escreva 500ms, 10s, 5min ou 2h",
					  "is not a time: write 500ms, 10s, 5min or 2h")
				: CX_T("não é um tamanho: escreva 4096, 64KiB ou 16MiB",
					  "is not a size: write 4096, 64KiB or 16MiB"));
		return false;
	}
	int64_t all;
	if (errno == ERANGE || __builtin_mul_overflow((int64_t)n, factor, &all) || all < r->min ||
		all > r->max)
		return out_of_range(r, why, cap);
	*v = all;
	return true;
}

static bool set_bool(bool *v, const char *text, char *why, size_t cap)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};
	for (int i = 0; i < 6; i++)
		if (strcasecmp(text, words[i]) == 0) {
			*v = i % 2;
			return true;
		}
	snprintf(why, cap, CX_T("não é yes nem no", "is neither yes nor no"));
	return false;
}

/* unit is "a | b | c". */
static bool check_choice(const struct conf_row *r, const char *text, char *why, size_t cap)
{
	char all[128], *save = NULL;
	struct nearest near = {.word = text};
	snprintf(all, sizeof all, "%s", r->unit);
	for (char *w = strtok_r(all, " |", &save); w; w = strtok_r(NULL, " |", &save)) {
		if (strcmp(w, text) == 0)
			return true;
		nearest_try(&near, w);
	}
	snprintf(why, cap, CX_T("deve ser %s%s", "must be %s%s"), r->unit,
		nearest_hint(&near, "\"", "\""));
	return false;
}

static bool loopback(const char *host, size_t n)
{
	static const char *const names[] = {"localhost", "[::1]", "127.0.0.1"};
	for (int i = 0; i < 3; i++)
		if (strlen(names[i]) == n && strncmp(names[i], host, n) == 0)
			return true;
	return false;
}

static bool check_tcp(const char *text, char *why, size_t cap)
{
	if (strcmp(text, "off") == 0)
		return true;
	const char *colon = strrchr(text, ':');
	char *end = NULL;
	long port = colon && isdigit((unsigned char)colon[1]) ? strtol(colon + 1, &end, 10) : -1;
	if (port >= 0 && port <= 65535 && !*end && loopback(text, (size_t)(colon - text)))
		return true;
	snprintf(why, cap,
		CX_T("deve ser off ou um endereço de loopback com porta, como 127.0.0.1:7878",
			"must be off or a loopback address with a port, such as 127.0.0.1:7878"));
	return false;
}

static bool check_mode(const char *text, char *why, size_t cap)
{
	if (strspn(text, "01234567") == strlen(text) && strtol(text, NULL, 8) <= 0777)
		return true;
	snprintf(why, cap,
		CX_T("não são permissões em octal, como 0660", "is no octal mode such as 0660"));
	return false;
}

static bool check_group(const char *text, char *why, size_t cap)
{
	if (!*text || getgrnam(text))
		return true;
	snprintf(why, cap, CX_T("não existe esse grupo", "there is no such group"));
	return false;
}

static bool is_choice(const struct conf_row *r)
{
	int row = (int)(r - conf_rows);
	return row == CONF_ROW_company_locale || row == CONF_ROW_calendar_holidays ||
	       row == CONF_ROW_events_unknown || row == CONF_ROW_log_level ||
	       row == CONF_ROW_log_format;
}

/* What the type alone cannot say. */
static bool check_meaning(const struct conf_row *r, const char *text, char *why, size_t cap)
{
	if (is_choice(r))
		return check_choice(r, text, why, cap);
	switch ((int)(r - conf_rows)) {
	case CONF_ROW_server_tcp: return check_tcp(text, why, cap);
	case CONF_ROW_server_socket_mode: return check_mode(text, why, cap);
	case CONF_ROW_server_socket_group: return check_group(text, why, cap);
	case CONF_ROW_company_timezone:
		if (tz_setup(text))
			return true;
		snprintf(why, cap,
			CX_T("fuso desconhecido em /usr/share/zoneinfo; exemplo: America/Sao_Paulo",
				"no such zone in /usr/share/zoneinfo; example: America/Sao_Paulo"));
		return false;
	case CONF_ROW_company_currency:
		if (strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3)
			return true;
		snprintf(why, cap,
			CX_T("não é um código ISO 4217, como BRL",
				"is no ISO 4217 code such as BRL"));
		return false;
	case CONF_ROW_calendar_hours: return hours_parse(&(struct week){0}, text, why, cap);
	case CONF_ROW_store_url:
		if (strncmp(text, "sqlite:", 7) == 0)
			return true;
		snprintf(why, cap,
			CX_T("só sqlite: existe nesta versão",
				"only sqlite: is available in this version"));
		return false;
	default: return true;
	}
}

/* The folder is a real path, so leading ./ and ../ can be taken off by text. */
static char *absolute(const char *text, const char *folder)
{
	if (text[0] == '/')
		return xstrdup(text);
	size_t n = strlen(folder);
	for (;;) {
		if (strncmp(text, "./", 2) == 0) {
			text += 2;
		} else if (strncmp(text, "../", 3) == 0 && n > 0) {
			text += 3;
			while (n > 0 && folder[--n] != '/')
				;
		} else {
			break;
		}
	}
	struct buf b = {0};
	buf_printf(&b, "%.*s/%s", (int)n, n == 1 && folder[0] == '/' ? "" : folder, text);
	return buf_cstr(&b);
}

bool conf_set(struct conf *c, const struct conf_row *r, const char *text, const char *folder,
	char *why, size_t cap)
{
	void *field = (char *)c + r->at;
	if (r->type == CONF_BOOL)
		return set_bool(field, text, why, cap);
	if (!conf_row_is_text(r))
		return set_number(field, r, text, why, cap);
	char *value = r->type == CONF_PATH && text[0] ? absolute(text, folder) : xstrdup(text);
	int64_t n = (int64_t)strlen(value);
	bool fits = is_choice(r) || (n >= r->min && n <= r->max);
	if (!fits && n == 0)
		snprintf(why, cap, CX_T("não pode ficar vazio", "must not be empty"));
	else if (!fits && r->min == r->max)
		snprintf(why, cap,
			CX_T("deve ter exatamente %lld bytes; tem %lld",
				"must have exactly %lld bytes; it has %lld"),
			(long long)r->min, (long long)n);
	else if (!fits)
		snprintf(why, cap,
			CX_T("deve ter de %lld a %lld bytes; tem %lld",
				"must have %lld to %lld bytes; it has %lld"),
			(long long)r->min, (long long)r->max, (long long)n);
	if (!fits || !check_meaning(r, value, why, cap)) {
		free(value);
		return false;
	}
	free(*(char **)field);
	*(char **)field = value;
	return true;
}
