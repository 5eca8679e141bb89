#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum cx_lang cx_lang = CX_PT;

enum cx_lang cx_lang_wanted(const char *locale)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
	const char *env = NULL;
	for (int i = 0; i < 3 && !(env && *env); i++)
		env = getenv(names[i]);
	if (env && (strncmp(env, "en", 2) == 0 || strncmp(env, "pt", 2) == 0))
		locale = env;
	return strncmp(locale, "en", 2) == 0 ? CX_EN : CX_PT;
}

#define X(sym, name, status, pt, en) {name, status, pt, en},
static const struct {
	const char *name;
	int status;
	const char *pt, *en;
} errors[CX_ERR_COUNT] = {
	{"ok", 200, "Certo", "Fine"},
#include "base/err.def"
};
#undef X

static void fill(struct cx_err *e, int code, const char *field, const char *fmt, va_list ap)
{
	e->code = code;
	snprintf(e->field, sizeof e->field, "%s", field ? field : "");
	int n = vsnprintf(e->msg, sizeof e->msg, fmt, ap);
	if (n < (int)sizeof e->msg)
		return;
	size_t end = sizeof e->msg - 1; /* cut, but not inside a character */
	while (end > 0 && ((unsigned char)e->msg[end - 1] & 0xc0) == 0x80)
		end--;
	if (end > 0 && (unsigned char)e->msg[end - 1] >= 0xc0)
		end--;
	e->msg[end] = 0;
}

int cx_fail(struct cx_err *e, int code, const char *field, const char *fmt, ...)
{
	if (e) {
		va_list ap;
		va_start(ap, fmt);
		fill(e, code, field, fmt, ap);
		va_end(ap);
	}
	return code;
}

int cx_errs_add(struct cx_errs *l, int code, const char *field, const char *fmt, ...)
{
	if (l->n < CX_ERRS_MAX) {
		va_list ap;
		va_start(ap, fmt);
		fill(&l->v[l->n], code, field, fmt, ap);
		va_end(ap);
	}
	l->n++;
	return code;
}

static int ordinal(int code)
{
	return code <= 0 && -code < CX_ERR_COUNT ? -code : CX_ERR_ORD_INTERNAL;
}

const char *cx_err_name(int code)
{
	return errors[ordinal(code)].name;
}

int cx_err_status(int code)
{
	return errors[ordinal(code)].status;
}

const char *cx_err_title(int code)
{
	return CX_T(errors[ordinal(code)].pt, errors[ordinal(code)].en);
}

void cx_die(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("cxd: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}
