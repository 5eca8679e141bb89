#include "base/problem.h"

static void head(struct buf *b, const struct cx_err *e)
{
	jw_obj(b);
	jw_key(b, "type");
	buf_printf(b, "\"urn:cxd:problem:%s\"", cx_err_name(e->code));
	jw_kstr(b, "title", cx_err_title(e->code));
	jw_kint(b, "status", cx_err_status(e->code));
	jw_kstr(b, "detail", e->msg);
	jw_kstr(b, "code", cx_err_name(e->code));
	if (e->field[0])
		jw_kstr(b, "field", e->field);
}

int problem_write(struct buf *b, const struct cx_err *e)
{
	head(b, e);
	jw_obj_end(b);
	return cx_err_status(e->code);
}

void problem_errors(struct buf *b, const struct cx_errs *l)
{
	int shown = l->n < CX_ERRS_MAX ? l->n : CX_ERRS_MAX;
	jw_arr(b);
	for (int i = 0; i < shown; i++) {
		jw_obj(b);
		jw_kstr(b, "field", l->v[i].field);
		jw_kstr(b, "code", cx_err_name(l->v[i].code));
		jw_kstr(b, "detail", l->v[i].msg);
		jw_obj_end(b);
	}
	jw_arr_end(b);
}

int problem_write_list(struct buf *b, const struct cx_errs *l)
{
	head(b, &l->v[0]);
	jw_key(b, "errors");
	problem_errors(b, l);
	if (l->n > CX_ERRS_MAX)
		jw_kint(b, "errors_more", l->n - CX_ERRS_MAX);
	jw_obj_end(b);
	return cx_err_status(l->v[0].code);
}
