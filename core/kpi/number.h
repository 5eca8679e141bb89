/* number.h — the one place where a figure becomes text for people (number rules of the dashboard):
 * rounded once, half away from zero; minus is U+2212; no-break space before units; pt-BR 1.234,56,
 * en 1,234.56. */
#ifndef CX_KPI_NUMBER_H
#define CX_KPI_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

enum { NUMBER_TEXT = 64 };
/* format: "points", "%", "money", "number" (default), "integer", "duration"; money takes minor
 * units with their scale and currency. decimals -1: the format's own. null: "—". */
void number_text(char out[NUMBER_TEXT], double value, bool null, const char *format, int decimals,
	int scale, const char *currency);

#endif
