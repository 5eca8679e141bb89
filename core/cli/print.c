#include "cli/print.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const struct span {
	uint32_t first, last;
} nothing[] = {{0x300, 0x36f}, {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}},
  twice[] = {{0x1100, 0x115f}, {0x2e80, 0xa4cf}, {0xac00, 0xd7a3}, {0xf900, 0xfaff},
	  {0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1faff},
	  {0x20000, 0x3fffd}};

static bool among(uint32_t c, const struct span *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (c >= v[i].first && c <= v[i].last)
			return true;
	return false;
}

/* The character at *s, which moves on. */
static uint32_t next_char(const char **s)
{
	const unsigned char *p = (const unsigned char *)*s;
	int more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : *p >= 0xc0 ? 1 : 0;
	uint32_t c = more == 3 ? *p & 7 : more == 2 ? *p & 15 : more == 1 ? *p & 31 : *p;
	for (p++; more > 0 && (*p & 0xc0) == 0x80; more--, p++)
		c = c << 6 | (*p & 63);
	*s = (const char *)p;
	return c;
}

/* In columns of a terminal. */
static int width(const char *s)
{
	int n = 0;
	while (*s) {
		uint32_t c = next_char(&s);
		n += among(c, nothing, sizeof nothing / sizeof *nothing) ? 0
		     : among(c, twice, sizeof twice / sizeof *twice)     ? 2
									 : 1;
	}
	return n;
}

/* Names from data may carry what a terminal would obey. */
static char *harmless(const char *text)
{
	char *own = xstrdup(text), *to = own;
	for (const char *p = text, *at = p; *p; at = p) {
		uint32_t c = next_char(&p);
		if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
			*to++ = '?';
		} else {
			memcpy(to, at, (size_t)(p - at));
			to += p - at;
		}
	}
	*to = 0;
	return own;
}

void table_cell(struct table *t, const char *text)
{
	if ((t->n & (t->n - 1)) == 0)
		t->cells = xrealloc(t->cells, (t->n ? 2 * (size_t)t->n : 1) * sizeof *t->cells);
	t->cells[t->n++] = harmless(text ? text : "");
}

void table_cellf(struct table *t, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	table_cell(t, text);
}

void table_column(struct table *t, const char *title, bool right)
{
	if (t->columns == TABLE_COLUMNS)
		return;
	t->headed = true;
	t->right[t->columns++] = right;
	table_cell(t, title);
}

void table_spare(struct table *t, int rank)
{
	t->spare[t->columns - 1] = rank;
}

void table_free(struct table *t)
{
	for (int i = 0; i < t->n; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct table){0};
}

/* Columns of the terminal that to is; without one, no end. */
static int terminal(FILE *to)
{
	struct winsize w;
	return isatty(fileno(to)) && ioctl(fileno(to), TIOCGWINSZ, &w) == 0 && w.ws_col > 0
		       ? w.ws_col
		       : INT_MAX;
}

/* Widths of the columns; 0 leaves one out: those without a cell, then, where the terminal is too
 * narrow, those that can be spared, from the right. */
static void fit(const struct table *t, int widest[TABLE_COLUMNS], int limit)
{
	bool filled[TABLE_COLUMNS] = {0};
	int total = 0;
	for (int i = 0; i < t->n; i++) {
		int w = width(t->cells[i]), col = i % t->columns;
		widest[col] = w > widest[col] ? w : widest[col];
		filled[col] = filled[col] || (t->cells[i][0] && (i >= t->columns || !t->headed));
	}
	for (int col = 0; col < t->columns; col++) {
		widest[col] = filled[col] ? widest[col] : 0;
		total += widest[col] ? widest[col] + 2 : 0;
	}
	for (int spare = TABLE_SPARE; spare > 0; spare--) {
		for (int col = t->columns; col-- > 0 && total - 2 > limit;) {
			if (t->spare[col] != spare || !widest[col])
				continue;
			total -= widest[col] + 2;
			widest[col] = 0;
		}
	}
}

void table_print(struct table *t, FILE *to)
{
	int widest[TABLE_COLUMNS] = {0};
	while (t->n % t->columns != 0)
		table_cell(t, "");
	fit(t, widest, terminal(to));
	for (int row = 0; row < t->n; row += t->columns) {
		int last = t->columns - 1;
		while (last > 0 && (!widest[last] || !t->cells[row + last][0]))
			last--;
		for (int col = 0; col <= last; col++) {
			int pad = widest[col] - width(t->cells[row + col]);
			if (!widest[col])
				continue;
			fprintf(to, "%*s%s", t->right[col] ? pad : 0, "", t->cells[row + col]);
			if (col < last)
				fprintf(to, "%*s", 2 + (t->right[col] ? 0 : pad), "");
		}
		fputc('\n', to);
	}
	table_free(t);
}

const char *json_text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

int reply_refused(const struct reply *reply)
{
	if (reply->status < 400)
		return EXIT_DONE;
	json_t *j = json_loadb(reply->body.p ? reply->body.p : "", reply->body.len, 0, NULL);
	const char *detail = json_text_of(j, "detail"), *field = json_text_of(j, "field");
	const char *code = json_text_of(j, "code");
	if (!detail)
		detail = json_text_of(j, "title");
	cli_fail("%s (%s%s%s)", detail ? detail : CX_T("recusado", "refused"), code ? code : "",
		field ? ", " : "", field ? field : "");
	json_t *errors = json_object_get(j, "errors");
	for (size_t i = 0; i < json_array_size(errors); i++) {
		const json_t *each = json_array_get(errors, i);
		const char *f = json_text_of(each, "field"), *d = json_text_of(each, "detail");
		fprintf(stderr, "  %s: %s\n", f ? f : "", d ? d : "");
	}
	json_decref(j);
	return EXIT_REFUSED;
}

json_t *reply_json(const struct reply *reply)
{
	json_error_t e;
	json_t *j = json_loadb(reply->body.p ? reply->body.p : "", reply->body.len, 0, &e);
	if (!j)
		cli_fail(CX_T("a resposta não é JSON: %s", "the answer is not JSON: %s"), e.text);
	return j;
}
