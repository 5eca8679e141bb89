/* problem.h — RFC 9457 problem+json, the shape of every answer ≥ 400. */
#ifndef CX_BASE_PROBLEM_H
#define CX_BASE_PROBLEM_H

#include "base/buf.h"
#include "base/err.h"

/* {type,title,status,detail,code,field?}; returns the HTTP status. */
int problem_write(struct buf *b, const struct cx_err *e);
/* The same with errors:[{field,code,detail}] for several mistakes; l->n ≥ 1. */
int problem_write_list(struct buf *b, const struct cx_errs *l);
/* That list alone, and so [{field,code,detail}] of a refused item of a batch. */
void problem_errors(struct buf *b, const struct cx_errs *l);

#endif
