#include "cli/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/tz.h"

static struct {
	char what[32];
	int64_t since_us, shown_us;
	bool on_screen;
} line;

static const char *in_words(const char *what)
{
	if (strcmp(what, "rebuild") == 0)
		return CX_T("recalculando os números", "rebuilding the figures");
	if (strcmp(what, "migrate") == 0)
		return CX_T("atualizando o armazenamento", "migrating the store");
	return what;
}

void progress_show(const char *what, uint64_t done, uint64_t total)
{
	enum { CELLS = 30 };
	char bar[CELLS + 1];
	int64_t now = clock_mono_us();
	if (strncmp(line.what, what, sizeof line.what - 1) != 0 || !line.since_us) {
		snprintf(line.what, sizeof line.what, "%s", what);
		line.since_us = now;
	}
	if (now - line.since_us < 1000000 || now - line.shown_us < 100000 || !isatty(STDERR_FILENO))
		return;
	double part = total ? (double)done / (double)total : 0;
	int full = part >= 1 ? CELLS : (int)(part * CELLS);
	memset(bar, '.', CELLS);
	memset(bar, '#', (size_t)full);
	bar[CELLS] = 0;
	fprintf(stderr, "\r\033[K%s [%s] %3d %%", in_words(line.what), bar, (int)(part * 100));
	line.shown_us = now;
	line.on_screen = true;
}

void progress_end(void)
{
	if (line.on_screen)
		fputs("\r\033[K", stderr);
	line.on_screen = false;
	line.since_us = 0;
}
