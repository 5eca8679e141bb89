#include "cli/print.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int width(const char *s)
{
	int n = 0;
	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

void table_cell(struct table *t, const char *text)
{
	if ((t->n & (t->n - 1)) == 0)
		t->cells = xrealloc(t->cells, (t->n ? 2 * (size_t)t->n : 1) * sizeof *t->cells);
	t->cells[t->n++] = xstrdup(text ? text : "");
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
	t->right[t->columns++] = right;
	table_cell(t, title);
}

void table_free(struct table *t)
{
	for (int i = 0; i < t->n; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct table){0};
}

void table_print(struct table *t, FILE *to)
{
	int widest[TABLE_COLUMNS] = {0};
	while (t->n % t->columns != 0)
		table_cell(t, "");
	for (int i = 0; i < t->n; i++) {
		int w = width(t->cells[i]), *most = &widest[i % t->columns];
		*most = w > *most ? w : *most;
	}
	for (int row = 0; row < t->n; row += t->columns) {
		int last = t->columns - 1;
		while (last > 0 && !t->cells[row + last][0])
			last--;
		for (int col = 0; col <= last; col++) {
			int pad = widest[col] - width(t->cells[row + col]);
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
