#include "base/tz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DAY_S = 86400, CACHE = 1024 };

static struct { /* direct-mapped: both ends of recently used days */
	int32_t day;
	bool used;
	int64_t start, end;
} cache[CACHE];

int64_t clock_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_mono_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static bool is_zone_file(const char *path)
{
	char magic[4] = "";
	FILE *f = fopen(path, "rb");
	if (!f)
		return false;
	bool ok = fread(magic, 1, 4, f) == 4 && memcmp(magic, "TZif", 4) == 0;
	fclose(f);
	return ok;
}

bool tz_setup(const char *iana)
{
	char path[300];
	if (strstr(iana, "..") || iana[0] == '/' || !iana[0])
		return false;
	snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", iana);
	if (!is_zone_file(path) && strcmp(iana, "UTC") != 0)
		return false;
	setenv("TZ", iana, 1);
	tzset();
	memset(cache, 0, sizeof cache);
	return true;
}

/* Howard Hinnant, "chrono-compatible low-level date algorithms": days_from_civil and back. */
int32_t civil_day(int y, int m, int d)
{
	y -= m <= 2;
	int era = (y >= 0 ? y : y - 399) / 400;
	int yoe = y - era * 400;
	int doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + doe - 719468;
}

void civil_from_day(int32_t z, int *y, int *m, int *d)
{
	z += 719468;
	int era = (z >= 0 ? z : z - 146096) / 146097;
	int doe = z - era * 146097;
	int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int mp = (5 * doy + 2) / 153;
	*d = doy - (153 * mp + 2) / 5 + 1;
	*m = mp < 10 ? mp + 3 : mp - 9;
	*y = yoe + era * 400 + (*m <= 2);
}

static int month_length(int y, int m)
{
	static const int len[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	return m == 2 && leap ? 29 : len[m - 1];
}

int32_t civil_add_months(int32_t day, int months)
{
	int y, m, d;
	civil_from_day(day, &y, &m, &d);
	int total = y * 12 + (m - 1) + months;
	y = total >= 0 ? total / 12 : -((-total + 11) / 12);
	m = total - y * 12 + 1;
	int len = month_length(y, m);
	return civil_day(y, m, d < len ? d : len);
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}

/* Seconds east of UTC at an instant (s). */
static int64_t offset_at(int64_t s)
{
	struct tm tm;
	time_t t = (time_t)s;
	if (!localtime_r(&t, &tm))
		return 0;
	return tm.tm_gmtoff;
}

static int32_t date_at(int64_t s)
{
	return (int32_t)floor_div(s + offset_at(s), DAY_S);
}

/* Smallest instant (s) whose local date is day or later. Offsets lie within -26 h … +26 h; where a
 * zone skips or repeats hours around midnight the date is not monotone, so the range in which it
 * may change is walked by offset changes: find candidates left to right. */
static int64_t day_start_s(int32_t day)
{
	int64_t base = (int64_t)day * DAY_S;
	int64_t before = offset_at(base - 26 * 3600), after = offset_at(base + 26 * 3600);
	if (before == after && date_at(base - before) == day && date_at(base - before - 1) < day)
		return base - before;
	int64_t lo = base - 26 * 3600;
	for (int64_t step = 900, t = lo; t <= base + 26 * 3600; t += step) {
		if (date_at(t) < day)
			continue;
		int64_t a = t - step, b = t; /* date_at(a) < day <= date_at(b) */
		while (b - a > 1) {
			int64_t mid = a + (b - a) / 2;
			if (date_at(mid) >= day)
				b = mid;
			else
				a = mid;
		}
		return b;
	}
	return base - after;
}

static unsigned slot_of(int32_t day)
{
	unsigned slot = (uint32_t)day % CACHE;
	if (!cache[slot].used || cache[slot].day != day) {
		cache[slot].day = day;
		cache[slot].start = day_start_s(day) * 1000;
		cache[slot].end = day_start_s(day + 1) * 1000;
		cache[slot].used = true;
	}
	return slot;
}

int64_t tz_day_start(int32_t day)
{
	return cache[slot_of(day)].start;
}

int32_t tz_day(int64_t ms)
{
	static int32_t last;
	int32_t day = last;
	for (int tries = 0; tries < 6; tries++) {
		unsigned s = slot_of(day);
		if (ms >= cache[s].start && ms < cache[s].end)
			return last = day;
		if (tries == 0)
			day = date_at(floor_div(ms, 1000));
		else
			day += ms < cache[s].start ? -1 : 1;
	}
	return last = day;
}

void tz_day_text(int32_t day, char out[16])
{
	int y, m, d;
	civil_from_day(day, &y, &m, &d);
	snprintf(out, 16, "%04d-%02d-%02d", y % 10000, m % 100, d % 100);
}

static bool digits(const char **p, const char *end, int n, int *v)
{
	*v = 0;
	if (end - *p < n)
		return false;
	for (int i = 0; i < n; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		*v = *v * 10 + (**p - '0');
	}
	return true;
}

static bool literal(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	(*p)++;
	return true;
}

static bool parse_date(const char **p, const char *end, int32_t *day)
{
	int y, m, d;
	if (!digits(p, end, 4, &y) || !literal(p, end, '-') || !digits(p, end, 2, &m) ||
		!literal(p, end, '-') || !digits(p, end, 2, &d))
		return false;
	if (y < 1 || m < 1 || m > 12 || d < 1 || d > month_length(y, m))
		return false;
	*day = civil_day(y, m, d);
	return true;
}

/* HH:MM[:SS[.fraction]] as ms of the day; a leap second counts as the next second's start. */
static bool parse_clock(const char **p, const char *end, bool need_seconds, int64_t *ms)
{
	int h, m, s = 0, frac = 0;
	if (!digits(p, end, 2, &h) || !literal(p, end, ':') || !digits(p, end, 2, &m))
		return false;
	if (literal(p, end, ':')) {
		if (!digits(p, end, 2, &s))
			return false;
		if (literal(p, end, '.')) {
			int n = 0;
			for (; *p < end && **p >= '0' && **p <= '9'; (*p)++, n++)
				if (n < 3)
					frac = frac * 10 + (**p - '0');
			if (n == 0)
				return false;
			for (; n < 3; n++)
				frac *= 10;
		}
	} else if (need_seconds) {
		return false;
	}
	if (h > 23 || m > 59 || s > 60)
		return false;
	*ms = ((int64_t)h * 3600 + m * 60 + s) * 1000 + frac;
	return true;
}

bool tz_parse_day(const char *s, size_t n, int32_t *day)
{
	const char *p = s, *end = s + n;
	return parse_date(&p, end, day) && p == end;
}

bool tz_parse_rfc3339(const char *s, size_t n, int64_t *out)
{
	const char *p = s, *end = s + n;
	int32_t day;
	int64_t clock;
	if (!parse_date(&p, end, &day) || p == end || (*p != 'T' && *p != 't' && *p != ' '))
		return false;
	p++;
	if (!parse_clock(&p, end, true, &clock) || p == end)
		return false;
	int64_t offset = 0;
	if (*p == 'Z' || *p == 'z') {
		p++;
	} else {
		int sign = *p == '-' ? -1 : 1, h, m;
		if (*p != '+' && *p != '-')
			return false;
		p++;
		if (!digits(&p, end, 2, &h) || !literal(&p, end, ':') || !digits(&p, end, 2, &m) ||
			h > 23 || m > 59)
			return false;
		offset = sign * (h * 3600 + m * 60) * 1000;
	}
	*out = (int64_t)day * TZ_DAY_MS + clock - offset;
	return p == end && *out >= TZ_MS_MIN && *out <= TZ_MS_MAX;
}

int64_t tz_wall(int64_t ms)
{
	return ms + offset_at(floor_div(ms, 1000)) * 1000;
}

int32_t tz_wall_day(int64_t wall)
{
	return (int32_t)floor_div(wall, TZ_DAY_MS);
}

/* Only the offsets in force a day before and after
 * can apply: the earlier one is the first pass of an overlap, and in a gap it moves forward. */
int64_t tz_instant(int64_t wall)
{
	int64_t s = floor_div(wall, 1000), before = offset_at(s - 26 * 3600);
	int64_t after = offset_at(s + 26 * 3600);
	if (offset_at(s - before) == before)
		return wall - before * 1000;
	if (offset_at(s - after) == after)
		return wall - after * 1000;
	return wall - before * 1000;
}

bool tz_parse_wall(const char *s, size_t n, int64_t *out)
{
	const char *p = s, *end = s + n;
	int32_t day;
	int64_t clock;
	if (!parse_date(&p, end, &day))
		return false;
	if (p == end) {
		*out = tz_day_start(day);
		return true;
	}
	if (*p != 'T' && *p != ' ')
		return false;
	p++;
	if (!parse_clock(&p, end, false, &clock) || p != end)
		return false;
	*out = tz_instant((int64_t)day * TZ_DAY_MS + clock);
	return true;
}

bool tz_parse_any(const char *s, size_t n, int64_t *ms)
{
	return tz_parse_rfc3339(s, n, ms) || tz_parse_wall(s, n, ms);
}

/* n digits and what follows them: snprintf was a twentieth of the work for an event. */
static char *put_digits(char *o, int v, int n, char end)
{
	for (int i = n; i-- > 0; v /= 10)
		o[i] = (char)('0' + v % 10);
	o[n] = end;
	return o + n + 1;
}

void tz_format(int64_t ms, char out[TZ_TEXT])
{
	int64_t s = floor_div(ms, 1000);
	int frac = (int)(ms - s * 1000), y, m, d;
	/* RFC 3339 has no seconds in offsets, which local mean times of long ago had: the text must
	 * still name the same instant, so the clock follows the offset shown. */
	int64_t off = offset_at(s) / 60 * 60, wall = s + off;
	if (wall < TZ_MS_MIN / 1000 || wall > TZ_MS_MAX / 1000) {
		off = 0; /* the zone's year would be 0 or 10000 */
		wall = s;
	}
	int32_t day = (int32_t)floor_div(wall, DAY_S);
	int clock = (int)(wall - (int64_t)day * DAY_S), sign = off < 0 ? '-' : '+';
	int minutes = (int)(off < 0 ? -off : off) / 60;
	civil_from_day(day, &y, &m, &d);
	char *o = put_digits(out, y, 4, '-');
	o = put_digits(o, m, 2, '-');
	o = put_digits(o, d, 2, 'T');
	o = put_digits(o, clock / 3600, 2, ':');
	o = put_digits(o, clock / 60 % 60, 2, ':');
	o = put_digits(o, clock % 60, 2, frac ? '.' : sign);
	if (frac)
		o = put_digits(o, frac, 3, sign);
	o = put_digits(o, minutes / 60, 2, ':');
	put_digits(o, minutes % 60, 2, 0);
}
