/* Why a measure left an event out, for whoever asks about one of them. */
#include "store/impl.h"

int store_reason(struct store *s, int cube, const char *kpi, const char *measure, int64_t seq,
	struct buf *out, struct cx_err *e)
{
	return st_bytes(s, ST_REASON,
		ARGS(ARG_INT("cube", cube), ARG_TEXT("kpi", kpi), ARG_TEXT("measure", measure),
			ARG_INT("seq", seq)),
		out, e);
}
