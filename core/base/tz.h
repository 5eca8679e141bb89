/* tz.h — instants, the company's days, and how times are read and written.
 * An instant is int64 ms since 1970-01-01T00:00:00Z. A day is an int32 count of calendar days since
 * 1970-01-01 in the company's zone (tz_setup). Every process has one thread and one zone, so the
 * zone is simply TZ of the process.
 * Days partition time: day d begins at the first instant whose local date is d or later, so each
 * instant belongs to exactly one day, also where a clock change crosses midnight.
 * Pure but for the zone; no errors but "does not parse" (false). */
#ifndef CX_BASE_TZ_H
#define CX_BASE_TZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TZ_TEXT = 40 }; /* room for "2026-11-20T12:00:00.123-03:00" */
#define TZ_DAY_MS 86400000LL
#define TZ_MS_MIN (-62135596800000LL) /* 0001-01-01 */
#define TZ_MS_MAX (253402300799999LL) /* 9999-12-31 */

int64_t clock_now_ms(void);  /* wall clock */
int64_t clock_mono_us(void); /* monotonic, for intervals */

bool tz_setup(const char *iana); /* false: no such zone in /usr/share/zoneinfo */

int32_t tz_day(int64_t ms);
int64_t tz_day_start(int32_t day);           /* first instant of the day */
void tz_day_text(int32_t day, char out[16]); /* "2026-11-20" */
bool tz_parse_day(const char *s, size_t n, int32_t *day);

int32_t civil_day(int y, int m, int d);
void civil_from_day(int32_t day, int *y, int *m, int *d);
int32_t civil_add_months(int32_t day, int months); /* clamped at month end */

/* The wall clock at an instant, as ms since 1970 as if it were UTC, and back: in a DST gap the
 * clock is moved forward by the gap; in an overlap it is the first of the two. */
int64_t tz_wall(int64_t ms);
int32_t tz_wall_day(int64_t wall);
int64_t tz_instant(int64_t wall);

/* RFC 3339 with offset (seconds may be 60; T or space; fractions cut to ms). */
bool tz_parse_rfc3339(const char *s, size_t n, int64_t *ms);
/* "2026-11-20" (its first instant), "2026-11-20 12:00[:00[.123]]" or T: the company's wall clock.
 */
bool tz_parse_wall(const char *s, size_t n, int64_t *ms);
/* Either of the two: a time with offset, else wall clock (queries, imports). */
bool tz_parse_any(const char *s, size_t n, int64_t *ms);

void tz_format(int64_t ms, char out[TZ_TEXT]); /* RFC 3339 in the company's zone, ms only if any */

#endif
