#include "ipc/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
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

void progress_show(const struct frame *f, bool log)
{
	enum { CELLS = 30 };
	char bar[CELLS + 1];
	struct progress p = {0}; /* the body is not aligned */
	int64_t now = clock_mono_us();
	memcpy(&p, f->body, f->head.body_len < sizeof p ? f->head.body_len : sizeof p);
	p.what[sizeof p.what - 1] = 0;
	if (strncmp(line.what, p.what, sizeof line.what - 1) != 0 || !line.since_us) {
		snprintf(line.what, sizeof line.what, "%s", p.what);
		line.since_us = now;
	}
	bool terminal = isatty(STDERR_FILENO);
	if (now - line.since_us < 1000000 || now - line.shown_us < (terminal ? 100000 : 1000000))
		return;
	line.shown_us = now;
	if (!terminal && log)
		log_info("%s: %llu of %llu", p.what, (unsigned long long)p.done,
			(unsigned long long)p.total);
	if (!terminal)
		return;
	double part = p.total ? (double)p.done / (double)p.total : 0;
	int full = part >= 1 ? CELLS : (int)(part * CELLS);
	memset(bar, '.', CELLS);
	memset(bar, '#', (size_t)full);
	bar[CELLS] = 0;
	fprintf(stderr, "\r\033[K%s [%s] %3d %%", in_words(p.what), bar, (int)(part * 100));
	line.on_screen = true;
}

void progress_end(void)
{
	if (line.on_screen)
		fputs("\r\033[K", stderr);
	line.on_screen = false;
	line.since_us = 0;
}
