/* err.h — errors: one code, one place, one sentence for the person who reads it.
 * Flow:   whoever finds a mistake calls cx_fail(); its negative code travels up as the return
 *         value; whoever answers turns it into problem+json (problem.h) or a line on stderr.
 * Callers: everyone. Every process is single-threaded; cx_lang is set per job.
 * Owns:   nothing; struct cx_err belongs to the caller and may be NULL.
 * Errors: CX_OK (0) or a negative CX_E_* of err.def. */
#ifndef CX_BASE_ERR_H
#define CX_BASE_ERR_H

#include <stdbool.h>

#define X(sym, ...) CX_ERR_ORD_##sym,
enum cx_err_ord {
	CX_ERR_ORD_NONE,
#include "base/err.def"
	CX_ERR_COUNT
};
#undef X
#define X(sym, ...) CX_E_##sym = -CX_ERR_ORD_##sym,
enum cx_err_code {
	CX_OK = 0,
#include "base/err.def"
};
#undef X

enum cx_lang { CX_PT, CX_EN };
extern enum cx_lang cx_lang; /* language of the answer being made */
/* Of a person at a terminal: LC_ALL, LC_MESSAGES, LANG if it is one of ours, else the company's. */
enum cx_lang cx_lang_wanted(const char *locale);

/* The sentence in the reader's language; both must take the same arguments. */
#define CX_T(pt, en) (cx_lang == CX_PT ? (pt) : (en))

/* Of n things: the word for one, the word for several. */
#define CX_N(n, one, more) ((n) == 1 ? (one) : (more))

struct cx_err {
	int code;       /* CX_E_*, 0 = none */
	char field[96]; /* path of the wrong field ("time", "data.score"), "" = none */
	char msg[416];  /* what happened, where, what to do */
};

enum { CX_ERRS_MAX = 16 };
struct cx_errs { /* all mistakes of one input, first found first; over CX_ERRS_MAX only counted */
	int n;
	struct cx_err v[CX_ERRS_MAX];
};

/* Fills *e (when given) and returns code. field may be NULL. A message too long is cut. */
int cx_fail(struct cx_err *e, int code, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The same, appended to a list. */
int cx_errs_add(struct cx_errs *l, int code, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

const char *cx_err_name(int code);  /* "bad_json" */
int cx_err_status(int code);        /* HTTP status */
const char *cx_err_title(int code); /* in cx_lang */

/* For what cannot go on at start: prints "cxd: …" on stderr and exits 1. Only main, front, engine,
 * cli. */
void cx_die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
