/* What is made of sets for reading alone: spans, and who was seen when. Triggers of the schema drop
 * them. */
#include "store/impl.h"

/* SET_SPAN is 1 << 4, as the triggers have it; days before 1970 are negative. */
int32_t span_of(int32_t day)
{
	return (day - (day & (SET_SPAN - 1))) / SET_SPAN;
}

int store_span_missing(struct store *s, int cube, int set, bool days, int32_t before,
	int32_t *first, struct cx_err *e)
{
	int64_t day = INT32_MIN, is;
	int rc;
	while ((rc = st_int(s, ST_SET_DAY_FROM,
			ARGS(ARG_INT("cube", cube), ARG_INT("setno", set), ARG_INT("day", day)),
			&day, e)) == 1) {
		int32_t span = span_of((int32_t)day);
		day = ((int64_t)span + 1) * SET_SPAN;
		if (day > before)
			return 0;
		rc = st_int(s, ST_SET_SPAN_IS,
			ARGS(ARG_INT("cube", cube), ARG_INT("setno", set), ARG_INT("days", days),
				ARG_INT("span", span)),
			&is, e);
		*first = span * SET_SPAN;
		if (rc != 1)
			return rc < 0 ? rc : 1;
	}
	return rc;
}

int store_span_put(struct store *s, int cube, int set, bool days, int32_t first, const void *blob,
	size_t n, struct cx_err *e)
{
	return st_run(s, ST_SET_SPAN_PUT,
		ARGS(ARG_INT("cube", cube), ARG_INT("setno", set), ARG_INT("days", days),
			ARG_INT("span", span_of(first)), ARG_BLOB("value", blob, n)),
		e);
}

int store_times_due(
	struct store *s, int cube, int set, int32_t before, int32_t *day, struct cx_err *e)
{
	int64_t found = 0;
	int rc = st_int(s, ST_SET_STALE,
		ARGS(ARG_INT("cube", cube), ARG_INT("setno", set), ARG_INT("before", before)),
		&found, e);
	*day = (int32_t)found;
	return rc;
}

int store_times_put(
	struct store *s, int cube, int set, int32_t day, const void *p, size_t n, struct cx_err *e)
{
	int rc = st_run(s, ST_SET_STALE_DROP,
		ARGS(ARG_INT("cube", cube), ARG_INT("setno", set), ARG_INT("day", day)), e);
	if (rc < 0)
		return rc;
	return st_run(s, ST_SET_TIMES_PUT,
		ARGS(ARG_INT("cube", cube), ARG_INT("setno", set), ARG_INT("day", day),
			ARG_BLOB("value", p, n)),
		e);
}

int store_times_get(
	struct store *s, int cube, int set, int32_t day, struct buf *out, struct cx_err *e)
{
	int rc = st_bytes(s, ST_SET_TIMES,
		ARGS(ARG_INT("cube", cube), ARG_INT("setno", set), ARG_INT("day", day)), out, e);
	if (rc != 1)
		return rc;
	rc = store_sets_wait(s, cube, set, day, e);
	return rc < 0 ? rc : !rc;
}
