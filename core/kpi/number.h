/* number.h — the one place where a figure becomes text for people (number rules of the dashboard):
 * rounded once, half away from zero; minus is U+2212; no-break space before units; pt-BR 1.234,56,
 * en 1,234.56; days 12/11/2026 and 12 Nov 2026.
 * Callers: replies, reports, charts. Language: cx_lang. Pure but for it and the zone. */
#ifndef CX_KPI_NUMBER_H
#define CX_KPI_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NUMBER_TEXT = 64, PERIOD_TEXT = 96 };
/* format: "points", "%", "money", "number" (default), "integer", "duration"; money takes minor
 * units with their scale and currency. decimals -1: the format's own. null: "—". */
void number_text(char out[NUMBER_TEXT], double value, bool null, const char *format, int decimals,
	int scale, const char *currency);
/* From a million on short, with two decimals: 18,42 mi R$ and R$18.42M. */
void number_compact(char out[NUMBER_TEXT], double value, bool null, const char *format, int scale,
	const char *currency);
/* With its sign: of % and points in points (+13,5 pts; below 2 +1,2 pt), of money in % of what it
 * was (where that is not positive, as money), of the others in their unit. */
void number_change_text(char out[NUMBER_TEXT], double now, double before, const char *format,
	int scale, const char *currency);
void number_count_text(char out[NUMBER_TEXT], double n);                   /* n=1.208 */
void number_p_text(char out[NUMBER_TEXT], double p);                       /* p=0,086, p<0,001 */
void number_rank_text(char out[NUMBER_TEXT], int64_t best, int64_t worst); /* 3º a 7º */

/* numbertime.c */
void number_day_text(char out[NUMBER_TEXT], int32_t day); /* 12/11/2026 */
void number_time_text(char out[NUMBER_TEXT], int64_t ms); /* 12/11/2026 09:42 */
/* from … to (exclusive) with inclusive ends: 21/05/2026 a 20/11/2026, with times where an end is no
 * day's; one day alone; desde, até where it is open; "" where it is at both ends. */
void number_period_text(
	char out[PERIOD_TEXT], bool has_from, int64_t from_ms, bool has_to, int64_t to_ms);

#endif
