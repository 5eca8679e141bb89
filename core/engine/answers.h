/* answers.h — what a reader answers: events, KPIs, plugins. One function per route of
 * routes.def; each appends its JSON to b inside the caller's snapshot. */
#ifndef CX_ENGINE_ANSWERS_H
#define CX_ENGINE_ANSWERS_H

#include "engine/engine.h"

int answer_events(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);
int answer_sources(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);
int answer_stream(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);
int answer_kpis(struct engine *eng, struct buf *b, struct cx_err *e);
int answer_kpi(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);
int answer_explain(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);
int answer_control(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);
int answer_failed(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);
int answer_timers(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);
int answer_trace(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);
int answer_journeys(struct engine *eng, struct buf *b, struct cx_err *e);
int answer_journey_instances(
	struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);
int answer_journey_instance(
	struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);
int answer_cases(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e);
int answer_imports(struct engine *eng, struct buf *b, struct cx_err *e);
int answer_plugins(struct engine *eng, struct buf *b, struct cx_err *e);

#endif
