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

enum { PLUGINS = 64, LINES_A_SECOND = 100, SECOND_US = 1000000 };

static struct allowance {
	char plugin[64];
	int64_t since_us;
	int lines;
	uint64_t dropped;
} allowances[PLUGINS]; /* the last one is shared by all that come too late */

static void tell_dropped(struct allowance *a)
{
	if (a->dropped)
		log_warn("plugin %s: %" PRIu64 " log lines dropped, over %d a second", a->plugin,
			a->dropped, LINES_A_SECOND);
	a->dropped = 0;
}

static struct allowance *allowance_of(const char *plugin)
{
	int i = 0;
	while (i < PLUGINS - 1 && allowances[i].plugin[0] &&
		strcmp(allowances[i].plugin, plugin) != 0)
		i++;
	if (!allowances[i].plugin[0])
		snprintf(allowances[i].plugin, sizeof allowances[i].plugin, "%s", plugin);
	return &allowances[i];
}

void log_plugin(enum log_level level, const char *plugin, const char *text)
{
	struct allowance *a = allowance_of(plugin);
	int64_t now = clock_mono_us();
	if (level > least)
		return;
	if (!a->lines || now - a->since_us >= SECOND_US) {
		tell_dropped(a);
		a->since_us = now;
		a->lines = 0;
	}
	if (a->lines < LINES_A_SECOND) {
		a->lines++;
		log_at(level, "plugin %s: %s", plugin, text);
	} else {
		a->dropped++;
	}
}

void log_plugin_dropped(bool all)
{
	int64_t now = clock_mono_us();
	for (int i = 0; i < PLUGINS; i++)
		if (all || now - allowances[i].since_us >= SECOND_US)
			tell_dropped(&allowances[i]);
}
