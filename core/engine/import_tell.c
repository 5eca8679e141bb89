#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/tz.h"
#include "engine/import_run.h"

enum { BAR = 24, TTY_US = 100000, LINE_US = 5000000, SHOWN = 5 };

/* 30123 as people of the reader's language group it: 30.123 or 30,123 */
static const char *grouped(char out[32], int64_t v)
{
	char digits[24];
	int n = snprintf(digits, sizeof digits, "%" PRId64, v), at = 0;
	for (int i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0 && digits[i - 1] != '-')
			out[at++] = CX_T('.', ',');
		out[at++] = digits[i];
	}
	out[at] = 0;
	return out;
}

static int64_t per_second(int64_t n, int64_t us)
{
	return us > 0 ? (int64_t)((double)n * 1e6 / (double)us) : n;
}

static void show(struct import_run *r)
{
	char done[32], total[32], rate[32], bar[BAR * 4 + 1] = "";
	int64_t us = clock_mono_us() - r->phase_us;
	grouped(done, r->done);
	grouped(total, r->total);
	grouped(rate, per_second(r->done, us));
	int full = r->total ? (int)(r->done * BAR / r->total) : 0;
	for (int i = 0; i < BAR && r->total; i++)
		strcat(bar, i < full ? "█" : "░");
	if (r->tty)
		fputs("\r\033[K", stderr);
	if (r->total)
		fprintf(stderr, "%s: %s %s%s%s/%s (%s/s)", r->name, r->phase, r->tty ? bar : "",
			r->tty ? " " : "", done, total, rate);
	else
		fprintf(stderr, "%s: %s %s (%s/s)", r->name, r->phase, done, rate);
	fputs(r->tty ? "" : "\n", stderr);
	fflush(stderr);
}

static void wipe(const struct import_run *r)
{
	if (r->tty)
		fputs("\r\033[K", stderr);
}

void tell_phase(struct import_run *r, const char *what, int64_t total)
{
	r->phase = what;
	r->done = 0;
	r->total = total;
	r->phase_us = r->shown_us = clock_mono_us();
}

void tell_progress(struct import_run *r, int64_t done)
{
	r->done = done;
	if (done % 64) /* the clock is not looked at for every row */
		return;
	int64_t now = clock_mono_us();
	if (now - r->shown_us < (r->tty ? TTY_US : LINE_US))
		return;
	r->shown_us = now;
	show(r);
}

static void open_file(struct import_run *r)
{
	char dir[1100];
	snprintf(dir, sizeof dir, "%s/imports", r->conf->server_data);
	if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
		fprintf(stderr, "cxd import: %s: %s\n", dir, strerror(errno));
		return;
	}
	mode_t old = umask(0077);
	r->refused_file = fopen(r->refused_path, "w");
	umask(old);
	if (!r->refused_file)
		fprintf(stderr, "cxd import: %s: %s\n", r->refused_path, strerror(errno));
}

static void refusal_json(
	const struct import_run *r, const struct refusal *f, bool line, struct buf *b)
{
	jw_obj(b);
	if (f->file)
		jw_kstr(b, "file", f->file);
	else if (f->of.part >= 0 && !r->im.def->generate)
		jw_kint(b, "part", f->of.part + 1);
	if (f->of.part >= 0)
		jw_kint(b, line ? "line" : "row", f->of.row);
	if (f->id && *f->id)
		jw_kstr(b, "id", f->id);
	jw_kstr(b, "code", f->code);
	if (f->field && *f->field)
		jw_kstr(b, "field", f->field);
	jw_kstr(b, "detail", f->detail);
	if (f->errors.n) {
		jw_key(b, "errors");
		buf_add(b, f->errors.p, f->errors.n);
	}
	jw_obj_end(b);
}

/* "corrects: " before what does not begin with it anyway. */
static const char *before_detail(const struct refusal *f, char out[96])
{
	size_t n = f->field ? strlen(f->field) : 0;
	bool said = n && strncmp(f->detail, f->field, n) == 0 && f->detail[n] == ':';
	snprintf(out, 96, "%s%s", n && !said ? f->field : "", n && !said ? ": " : "");
	return out;
}

static void refusal_shown(struct import_run *r, const struct refusal *f, bool line)
{
	char field[96];
	wipe(r);
	if (f->file)
		fprintf(stderr, "%s: %s:%" PRId64 ": %s\n", r->name, f->file, f->of.row, f->detail);
	else
		fprintf(stderr, "%s: %s %" PRId64 "%s%s: %s%s\n", r->name,
			line ? CX_T("linha", "line") : CX_T("registro", "row"), f->of.row,
			f->id && *f->id ? ", id " : "", f->id ? f->id : "", before_detail(f, field),
			f->detail);
}

void tell_refused(struct import_run *r, const struct refusal *f)
{
	struct buf b = {0};
	bool line = f->file || (f->of.part >= 0 && r->lines && r->lines[f->of.part]);
	if (r->refused++ == 0)
		open_file(r);
	refusal_json(r, f, line, &b);
	if (r->refused_file)
		fprintf(r->refused_file, "%s\n", buf_cstr(&b));
	if (r->refused <= SHOWN)
		refusal_shown(r, f, line);
	buf_free(&b);
}

static void counts_json(struct import_run *r, int64_t us)
{
	struct buf b = {0};
	jw_obj(&b);
	jw_kstr(&b, "import", r->name);
	jw_kint(&b, "events", r->accepted + r->duplicates + r->refused);
	jw_kint(&b, "new", r->accepted - r->corrected);
	jw_kint(&b, "corrected", r->corrected);
	jw_kint(&b, "already_there", r->duplicates);
	jw_kint(&b, "refused", r->refused);
	jw_kint(&b, "changed", r->changed);
	jw_kint(&b, "took_ms", us / 1000);
	jw_obj_end(&b);
	puts(buf_cstr(&b));
	buf_free(&b);
}

static void counts(struct import_run *r, int64_t us)
{
	char all[32], in[32], there[32], refused[32], corrected[64] = "", rate[32];
	int64_t n = r->accepted + r->duplicates + r->refused;
	int64_t fresh = r->accepted - r->corrected;
	if (r->update)
		snprintf(corrected, sizeof corrected, "%s %s, ", grouped(in, r->corrected),
			CX_N(r->corrected, CX_T("corrigido", "corrected"),
				CX_T("corrigidos", "corrected")));
	printf("%s: %s %s, %s %s, %s%s %s, %s %s (%s/s)\n", r->name, grouped(all, n),
		CX_N(n, CX_T("evento", "event"), CX_T("eventos", "events")), grouped(in, fresh),
		CX_N(fresh, CX_T("novo", "new"), CX_T("novos", "new")), corrected,
		grouped(there, r->duplicates),
		CX_N(r->duplicates, CX_T("já estava", "already there"),
			CX_T("já estavam", "already there")),
		grouped(refused, r->refused),
		CX_N(r->refused, CX_T("recusado", "refused"), CX_T("recusados", "refused")),
		grouped(rate, per_second(n, us)));
	if (r->changed)
		printf(CX_T("%s: %s dos recusados já estavam, com outro conteúdo: as linhas "
			    "mudaram (--update as envia como correções)\n",
			       "%s: %s of the refused were there with other content: the rows have "
			       "changed (--update sends them as corrections)\n"),
			r->name, grouped(refused, r->changed));
	else if (!r->accepted && !r->refused && r->duplicates)
		printf(CX_T("%s: tudo já estava lá; nada mudou\n",
			       "%s: everything was there already; nothing has changed\n"),
			r->name);
}

int tell_end(struct import_run *r, int rc)
{
	int64_t us = clock_mono_us() - r->began_us;
	wipe(r);
	if (rc != CX_OK)
		fprintf(stderr, "cxd import: %s\n", r->e.msg);
	if (r->json)
		counts_json(r, us);
	else if (rc == CX_OK || r->accepted)
		counts(r, us);
	if (r->refused_file)
		fprintf(stderr, CX_T("%s: recusas em %s\n", "%s: refusals in %s\n"), r->name,
			r->refused_path);
	if (r->refused_file)
		fclose(r->refused_file);
	else if (rc == CX_OK)
		unlink(r->refused_path); /* of an earlier import: no longer true */
	fflush(stdout);
	return rc != CX_OK || r->refused ? 1 : 0;
}
