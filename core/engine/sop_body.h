/* sop_body.h — what is said of a run, over HTTP or by plugins: one JSON object, read the same way.
 * Callers: sops_write.c, sops_ask.c. Owns: the nodes, until json_doc_free(); texts live in a.
 * Errors: mistakes by the field's name, in e. */
#ifndef CX_ENGINE_SOP_BODY_H
#define CX_ENGINE_SOP_BODY_H

#include "engine/sop_run.h"

struct sop_body {
	struct json_doc d; /* an object; nothing where none was sent */
	int64_t now_ms;
	const char *unit, *person; /* the writer is bound to; "" free */
	struct arena *a;
	struct cx_err *e;
};
/* names: those it may have, with blanks around each. Empty text: none. */
int sop_body_read(struct sop_body *b, const char *p, size_t n, int depth, const char *names);
#define SOP_BODY_START   " run unit actor subject journey key stage context required time "
#define SOP_BODY_ANSWER  " answer evidence time actor device sequence "
#define SOP_BODY_FINISH  " time "
#define SOP_BODY_ABANDON " time reason "
/* All but sop, by and pass. */
int sop_body_start(struct sop_body *b, struct sop_start *s);
/* All but the item. */
int sop_body_answer(struct sop_body *b, struct sop_given *g);
int sop_body_end(struct sop_body *b, bool finish, struct str *reason, int64_t *ms);

#endif
