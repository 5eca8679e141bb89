#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/tz.h"

static const char *role = "cxd";
static enum log_level least = LOG_INFO;
static bool json;

void log_setup(const char *r, enum log_level l, const char *format)
{
	role = r;
	least = l;
	json = strcmp(format, "json") == 0 || (strcmp(format, "auto") == 0 && !isatty(2));
}

void log_at(enum log_level level, const char *fmt, ...)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	if (level > least)
		return;
	char msg[4096], when[TZ_TEXT];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	tz_format(clock_now_ms(), when);
	struct buf b = {0};
	if (json) {
		jw_obj(&b);
		jw_kstr(&b, "time", when);
		jw_kstr(&b, "level", names[level]);
		jw_kstr(&b, "role", role);
		jw_kint(&b, "pid", getpid());
		jw_kstr(&b, "msg", msg);
		jw_obj_end(&b);
		buf_puts(&b, "\n");
	} else {
		buf_printf(&b, "%.19s %-5s %s[%d] %s\n", when, names[level], role, getpid(), msg);
	}
	ssize_t done =
		write(STDERR_FILENO, b.p, b.len); /* one write: lines of processes don't mix */
	(void)done;
	buf_free(&b);
}

enum { KEYS = 64, LINES_A_SECOND = 100, SECOND_US = 1000000 };

struct allowance {
	char key[256];
	int64_t since_us;
	int lines;
	uint64_t dropped;
};
/* By plugin, and by what is said again and again; the last ones are shared by all too late. */
static struct allowance plugins[KEYS], places[KEYS];

static void tell_dropped(struct allowance *a)
{
	bool place = a >= places && a < places + KEYS;
	if (a->dropped && place)
		log_warn("%s: %" PRIu64 " more times", a->key, a->dropped);
	else if (a->dropped)
		log_warn("plugin %s: %" PRIu64 " log lines dropped, over %d a second", a->key,
			a->dropped, LINES_A_SECOND);
	a->dropped = 0;
}

static struct allowance *allowance_of(struct allowance *v, const char *key)
{
	int i = 0;
	while (i < KEYS - 1 && v[i].key[0] && strcmp(v[i].key, key) != 0)
		i++;
	if (!v[i].key[0])
		snprintf(v[i].key, sizeof v[i].key, "%s", key);
	return &v[i];
}

/* May one more be said, where at most so many are in a second? If not it is counted. */
static bool allowed(struct allowance *a, int most)
{
	int64_t now = clock_mono_us();
	if (!a->lines || now - a->since_us >= SECOND_US) {
		tell_dropped(a);
		a->since_us = now;
		a->lines = 0;
	}
	if (a->lines < most)
		return ++a->lines;
	a->dropped++;
	return false;
}

void log_plugin(enum log_level level, const char *plugin, const char *text)
{
	if (level <= least && allowed(allowance_of(plugins, plugin), LINES_A_SECOND))
		log_at(level, "plugin %s: %s", plugin, text);
}

void log_plugin_place(enum log_level level, const char *plugin, const char *place, const char *text)
{
	char key[sizeof places->key];
	snprintf(key, sizeof key, "plugin %s: %s", plugin, place);
	if (level <= least && allowed(allowance_of(places, key), 1))
		log_at(level, "%s (%s)", key, text);
}

void log_plugin_dropped(bool all)
{
	int64_t now = clock_mono_us();
	for (int i = 0; i < KEYS; i++) {
		if (all || now - plugins[i].since_us >= SECOND_US)
			tell_dropped(&plugins[i]);
		if (all || now - places[i].since_us >= SECOND_US)
			tell_dropped(&places[i]);
	}
}
