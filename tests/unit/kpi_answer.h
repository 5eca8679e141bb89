/* kpi_answer.h — reading the reply of a KPI query, and the calendar pieces of its series. */
#ifndef CX_TEST_KPI_ANSWER_H
#define CX_TEST_KPI_ANSWER_H

#include <time.h>

#include "json/scan.h"

static struct json_doc doc; /* the last answer; its nodes are found by number */
static struct buf answer;

static inline uint32_t get(uint32_t node, const char *key)
{
	return json_get(&doc, node, key);
}

static inline bool is_text(uint32_t node, const char *want)
{
	struct arena a = {0};
	if (!node || doc.nodes[node].type != JSON_STRING)
		return false;
	struct str s = json_text(&doc, node, &a);
	bool same = s.n == strlen(want) && memcmp(s.p, want, s.n) == 0;
	arena_free(&a);
	return same;
}

/* Which calendar piece an instant lies in. */
static inline void piece(const char *every, int64_t ms, char out[16])
{
	time_t t = (time_t)((ms - (ms % 1000 + 1000) % 1000) / 1000);
	struct tm tm;
	localtime_r(&t, &tm);
	if (strcmp(every, "quarter") == 0)
		snprintf(out, 16, "%d-%d", tm.tm_year % 1000, tm.tm_mon / 3);
	else
		strftime(out, 16,
			strcmp(every, "day") == 0     ? "%F"
			: strcmp(every, "week") == 0  ? "%G-%V"
			: strcmp(every, "month") == 0 ? "%Y-%m"
						      : "%Y",
			&tm);
}

#endif
