/* log.h — one line to stderr per thing worth knowing: text on a terminal, JSON lines elsewhere.
 * Callers: everyone. Never event data, never tokens.
 * Levels: LOG_ERROR something is lost or down, LOG_WARN look at it, LOG_INFO life-cycle, LOG_DEBUG.
 */
#ifndef CX_BASE_LOG_H
#define CX_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* role is printed on every line ("front", "writer"…); format: "text", "json" or "auto". */
void log_setup(const char *role, enum log_level least, const char *format);
void log_at(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

/* A line that a plugin caused: at most 100 a second for each, what is over that is counted. */
void log_plugin(enum log_level level, const char *plugin, const char *text);
/* The same of what goes wrong at one place of it, perhaps for every event: "place (text)" at most
 * once a second, how often else is counted. */
void log_plugin_place(
	enum log_level level, const char *plugin, const char *place, const char *text);
/* Tells how many were dropped in seconds that are over, or in all of them. */
void log_plugin_dropped(bool all);

#endif
