#include "base/log.h"

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
