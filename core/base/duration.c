#include "base/duration.h"

#include <string.h>

#include "base/tz.h"

static const struct {
	const char *unit;
	struct duration one;
	int64_t most;
} units[] = {
	{"ms", {.ms = 1}, 9007199254740},
	{"s", {.ms = 1000}, TZ_MS_MAX / 1000},
	{"min", {.ms = 60000}, TZ_MS_MAX / 60000},
	{"h", {.ms = 3600000}, TZ_MS_MAX / 3600000},
	{"d", {.days = 1}, 100000},
	{"w", {.days = 7}, 100000},
	{"mo", {.months = 1}, 100000},
	{"y", {.months = 12}, 100000},
	{"bd", {.days = 1, .business = true}, 10000},
	{"bh", {.ms = 3600000, .business = true}, 10000},
	{"bmin", {.ms = 60000, .business = true}, 600000},
};

bool deadline_parse(const char *s, size_t n, struct duration *d)
{
	size_t i = 0;
	int64_t v = 0;
	for (; i < n && i < 16 && s[i] >= '0' && s[i] <= '9'; i++)
		v = v * 10 + (s[i] - '0');
	for (size_t u = 0; i > 0 && u < sizeof units / sizeof *units; u++) {
		const struct duration *one = &units[u].one;
		if (strlen(units[u].unit) != n - i || memcmp(units[u].unit, s + i, n - i) != 0)
			continue;
		if (v > units[u].most || (one->business && v == 0))
			return false;
		*d = (struct duration){
			v * one->ms, (int)(v * one->days), (int)(v * one->months), one->business};
		return true;
	}
	return false;
}

bool duration_parse(const char *s, size_t n, struct duration *d)
{
	return deadline_parse(s, n, d) && !d->business;
}

int64_t duration_add(int64_t ms, struct duration d, int sign)
{
	if (d.days || d.months) {
		int64_t wall = tz_wall(ms);
		int32_t day = tz_wall_day(wall);
		int64_t clock = wall - (int64_t)day * TZ_DAY_MS;
		day = civil_add_months(day, sign * d.months) + sign * d.days;
		ms = tz_instant((int64_t)day * TZ_DAY_MS + clock);
	}
	return ms + sign * d.ms;
}
