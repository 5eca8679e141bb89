#include "store/scratch.h"

#include <csv.h>
#include <errno.h>
#include <iconv.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "store/driver.h"

#define CORRECTS "\"corrects\":"

struct scratch {
	sqlite3 *db;
	sqlite3_stmt *add;
	bool corrects; /* some event is a correction */
	bool named;    /* their ids are in a table */
};

static int failed(struct scratch *s, const char *what, struct cx_err *e)
{
	bool full = (sqlite3_errcode(s->db) & 0xff) == SQLITE_FULL;
	return cx_fail(e, full ? CX_E_DISK_FULL : CX_E_BAD_REQUEST, NULL, "%s: %s", what,
		sqlite3_errmsg(s->db));
}

int scratch_open(struct scratch **out, const char *dir, struct cx_err *e)
{
	char path[4096];
	struct scratch *s = xcalloc(1, sizeof *s);
	*out = NULL;
	drv_temp_folder(dir);
	snprintf(path, sizeof path, "%s/import-XXXXXX", dir);
	int fd = mkstemp(path);
	if (fd < 0) {
		free(s);
		return cx_fail(e, CX_E_STORE_FAILED, NULL, "%s: %s", path, strerror(errno));
	}
	close(fd);
	/* One transaction that is never committed, without a journal: nothing of it is to last. */
	int rc = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db,
			"PRAGMA journal_mode = off; PRAGMA synchronous = off;"
			"PRAGMA locking_mode = exclusive; PRAGMA cache_size = -32000; BEGIN "
			"EXCLUSIVE;"
			"CREATE TABLE \"cx event\" (time_ms INTEGER, part INTEGER, row INTEGER,"
			" place INTEGER, step INTEGER DEFAULT 0, json TEXT);",
			NULL, NULL, NULL);
	unlink(path);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v3(s->db,
			"INSERT INTO \"cx event\" (time_ms, part, row, place, json)"
			" VALUES (?, ?, ?, ?, ?)",
			-1, SQLITE_PREPARE_PERSISTENT, &s->add, NULL);
	if (rc != SQLITE_OK) {
		rc = failed(s, path, e);
		scratch_close(s);
		return rc;
	}
	sqlite3_limit(
		s->db, SQLITE_LIMIT_ATTACHED, 0); /* a plugin's SQL sees the scratch file only */
	*out = s;
	return CX_OK;
}

void scratch_close(struct scratch *s)
{
	if (!s)
		return;
	sqlite3_finalize(s->add);
	sqlite3_close(s->db);
	free(s);
}

/* ---- CSV files ---- */

struct load {
	struct scratch *s;
	struct csv_parser csv;
	const char *table, *file;
	struct buf row;            /* the fields of the row so far, one after the other */
	size_t *ends;              /* where each ends */
	int n, cap, cols;          /* cols: of the header, 0 = not read yet */
	int64_t line, first, rows; /* line being read, and the first of this row */
	int64_t last;              /* rowid given last */
	bool open;                 /* in the middle of a row */
	const char *bad;           /* what is wrong with the row so far */
	sqlite3_stmt *insert;
	const struct scratch_bad *refusals;
	struct cx_err *e;
	int rc;
};

static int wrong(struct load *l, int64_t line, const char *msg)
{
	l->rc = cx_fail(l->e, CX_E_BAD_REQUEST, NULL, "%s:%" PRId64 ": %s", l->file, line, msg);
	return l->rc;
}

/* The row that began in l->first is left out; without a header there is no going on. */
static int refuse(struct load *l, const char *why)
{
	char msg[320];
	if (l->line > l->first)
		snprintf(msg, sizeof msg,
			CX_T("%s (linhas %lld a %lld)", "%s (lines %lld to %lld)"), why,
			(long long)l->first, (long long)l->line);
	else
		snprintf(msg, sizeof msg, "%s", why);
	if (!l->cols)
		return wrong(l, l->first, msg);
	int rc = l->refusals->refused(l->refusals->ctx, l->first, msg);
	if (rc < 0)
		l->rc = rc;
	return l->rc;
}

static void name_quoted(struct buf *b, const char *p, size_t n)
{
	buf_puts(b, "\"");
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '"')
			buf_puts(b, "\"");
		buf_add(b, p + i, 1);
	}
	buf_puts(b, "\"");
}

static void make_table(struct load *l)
{
	struct buf make = {0}, into = {0};
	size_t at = 0;
	buf_puts(&make, "CREATE TABLE ");
	name_quoted(&make, l->table, strlen(l->table));
	buf_puts(&into, "INSERT INTO ");
	name_quoted(&into, l->table, strlen(l->table));
	buf_puts(&make, " (");
	buf_puts(&into, " (_rowid_");
	for (int i = 0; i < l->n && l->rc == CX_OK; i++) {
		size_t n = l->ends[i] - at;
		if (n == 0)
			wrong(l, l->first,
				CX_T("uma coluna do cabeçalho não tem nome",
					"a column of the header has no name"));
		buf_puts(&make, i ? ", " : "");
		buf_puts(&into, ", ");
		name_quoted(&make, l->row.p + at, n);
		name_quoted(&into, l->row.p + at, n);
		buf_puts(&make, " TEXT");
		at = l->ends[i];
	}
	buf_puts(&make, ")");
	buf_puts(&into, ") VALUES (?");
	for (int i = 0; i < l->n; i++)
		buf_puts(&into, ", ?");
	buf_puts(&into, ")");
	sqlite3 *db = l->s->db;
	if (l->rc == CX_OK &&
		(sqlite3_exec(db, buf_cstr(&make), NULL, NULL, NULL) != SQLITE_OK ||
			sqlite3_prepare_v2(db, buf_cstr(&into), -1, &l->insert, NULL) != SQLITE_OK))
		wrong(l, l->first, sqlite3_errmsg(db));
	l->cols = l->n;
	buf_free(&make);
	buf_free(&into);
}

static void add_row(struct load *l)
{
	size_t at = 0;
	char msg[160];
	if (l->n != l->cols) {
		snprintf(msg, sizeof msg,
			CX_T("a linha tem %d %s, o cabeçalho tem %d",
				"the row has %d %s, the header has %d"),
			l->n, CX_N(l->n, CX_T("campo", "field"), CX_T("campos", "fields")),
			l->cols);
		refuse(l, msg);
		return;
	}
	l->last = l->first > l->last ? l->first
				     : l->last + 1; /* rows may share a line: old Mac files */
	sqlite3_bind_int64(l->insert, 1, l->last);
	for (int i = 0; i < l->n; i++) {
		if (l->ends[i] == at)
			sqlite3_bind_null(l->insert, i + 2);
		else
			sqlite3_bind_text(l->insert, i + 2, l->row.p + at, (int)(l->ends[i] - at),
				SQLITE_STATIC);
		at = l->ends[i];
	}
	sqlite3_step(l->insert);
	if (sqlite3_reset(l->insert) != SQLITE_OK)
		l->rc = failed(l->s, l->file, l->e);
	l->rows++;
}

static void on_field(void *p, size_t n, void *ctx)
{
	struct load *l = ctx;
	l->open = true;
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 32;
		l->ends = xrealloc(l->ends, sizeof *l->ends * (size_t)l->cap);
	}
	if (n)
		buf_add(&l->row, p, n);
	l->ends[l->n++] = l->row.len;
}

static void row_over(struct load *l)
{
	l->n = 0;
	buf_clear(&l->row);
	l->open = false;
	l->bad = NULL;
}

static void on_row(int c, void *ctx)
{
	struct load *l = ctx;
	(void)c;
	buf_reserve(&l->row, 0);
	if (l->rc == CX_OK && l->bad)
		refuse(l, l->bad);
	else if (l->rc == CX_OK && !l->cols)
		make_table(l);
	else if (l->rc == CX_OK)
		add_row(l);
	row_over(l);
}

static int no_space(unsigned char c)
{
	(void)c;
	return 0; /* blanks around a field belong to it */
}

static const char *quoting(void)
{
	return CX_T("aspas fora do lugar: um campo com aspas é \"…\", com as de dentro em dobro",
		"misplaced quote: a field with quotes is \"…\", those inside doubled");
}

static void csv_begin(struct load *l, char delimiter)
{
	csv_init(&l->csv, CSV_STRICT | CSV_STRICT_FINI);
	csv_set_delim(&l->csv, (unsigned char)delimiter);
	csv_set_space_func(&l->csv, no_space);
}

/* Stands for what could not be converted: no UTF-8 text has it. */
enum { NO_TEXT = 0xff };

/* One line, with its end: only so is it known on which line a row begins. */
static int one_line(struct load *l, const char *p, size_t n)
{
	l->line++;
	if (!l->open)
		l->first = l->line;
	if (!l->open && (*p == '\n' || (*p == '\r' && n == 2)))
		return CX_OK;
	if (!l->bad && memchr(p, 0, n))
		l->bad = CX_T("byte zero no texto", "zero byte in the text");
	if (!l->bad && memchr(p, NO_TEXT, n))
		l->bad = CX_T("texto que não está na codificação declarada",
			"text that is not in the declared encoding");
	l->open = true;
	if (csv_parse(&l->csv, p, n, on_field, on_row, l) != n && l->rc == CX_OK) {
		char delimiter = (char)csv_get_delim(&l->csv);
		refuse(l, l->bad ? l->bad : quoting());
		row_over(l);
		csv_free(&l->csv);
		csv_begin(l, delimiter);
	}
	return l->rc;
}

static int whole_lines(struct load *l, struct buf *text)
{
	size_t at = 0;
	char *end;
	while (l->rc == CX_OK && (end = memchr(text->p + at, '\n', text->len - at))) {
		size_t n = (size_t)(end - (text->p + at)) + 1;
		one_line(l, text->p + at, n);
		at += n;
	}
	buf_drop(text, at);
	return l->rc;
}

/* Appends in as UTF-8 to text; what is cut in the middle of a character stays in in. unit: bytes
 * to go on by after one that is no text. */
static void convert(iconv_t cd, size_t unit, struct buf *in, struct buf *text)
{
	char *from = in->p;
	size_t left = in->len;
	while (left) {
		buf_reserve(text, left * 2 + 16);
		char *to = text->p + text->len;
		size_t room = text->cap - text->len - 1, had = room;
		size_t rc = iconv(cd, &from, &left, &to, &room);
		text->len += had - room;
		if (rc != (size_t)-1 || errno == EINVAL)
			break;
		if (errno != EILSEQ)
			continue;
		buf_add(text, &(char){(char)NO_TEXT}, 1);
		size_t skip = left < unit ? left : unit;
		from += skip;
		left -= skip;
	}
	buf_drop(in, in->len - left);
}

static int read_all(struct load *l, gzFile gz, iconv_t cd, size_t unit)
{
	enum { PIECE = 128 * 1024 };
	struct buf in = {0}, text = {0};
	bool began = false;
	int n = 0, zerr = 0;
	while (l->rc == CX_OK) {
		buf_reserve(&in, PIECE);
		n = gzread(gz, in.p + in.len, PIECE);
		if (n <= 0)
			break;
		in.len += (size_t)n;
		convert(cd, unit, &in, &text);
		if (!began && text.len >= 3 && !memcmp(text.p, "\xef\xbb\xbf", 3))
			buf_drop(&text, 3);
		began = began || text.len > 0;
		if (text.len)
			whole_lines(l, &text);
	}
	const char *why = gzerror(gz, &zerr);
	if (l->rc == CX_OK && (n < 0 || (zerr != Z_OK && zerr != Z_STREAM_END)))
		wrong(l, l->line + 1, zerr == Z_ERRNO ? strerror(errno) : why);
	if (in.len) /* it ends in the middle of a character */
		buf_add(&text, &(char){(char)NO_TEXT}, 1);
	if (l->rc == CX_OK && text.len)
		one_line(l, text.p, text.len);
	if (l->rc == CX_OK && csv_fini(&l->csv, on_field, on_row, l) != 0 && l->rc == CX_OK)
		refuse(l, CX_T("as aspas que abrem aqui não fecham",
				  "the quotes that open here are never closed"));
	if (l->rc == CX_OK && !l->cols)
		wrong(l, 1, CX_T("o arquivo não tem cabeçalho", "the file has no header"));
	buf_free(&in);
	buf_free(&text);
	return l->rc;
}

/* The name iconv knows; *unit: bytes of the shortest character. */
static const char *encoding_name(const char *given, size_t *unit)
{
	static const struct {
		const char *prefix, *name;
		size_t unit;
	} special[] = {{"latin-1", "ISO-8859-1", 1}, {"latin_1", "ISO-8859-1", 1},
		{"utf-16", NULL, 2}, {"ucs-2", NULL, 2}, {"utf-32", NULL, 4}, {"ucs-4", NULL, 4}};
	*unit = 1;
	for (size_t i = 0; i < sizeof special / sizeof *special && given; i++) {
		size_t n = strlen(special[i].prefix);
		if (strncasecmp(given, special[i].prefix, n) != 0)
			continue;
		*unit = special[i].unit;
		if (special[i].name && !given[n])
			return special[i].name;
	}
	return given ? given : "UTF-8";
}

int scratch_load(struct scratch *s, const char *table, const char *file, char delimiter,
	const char *encoding, const struct scratch_bad *bad, int64_t *rows, struct cx_err *e)
{
	struct load l = {.s = s, .table = table, .file = file, .refusals = bad, .e = e};
	size_t unit;
	*rows = 0;
	iconv_t cd = iconv_open("UTF-8", encoding_name(encoding, &unit));
	if (cd == (iconv_t)-1)
		return cx_fail(e, CX_E_BAD_REQUEST, "encoding",
			CX_T("%s: codificação desconhecida: %s; exemplos: utf-8, latin-1, "
			     "windows-1252",
				"%s: unknown encoding: %s; examples: utf-8, latin-1, windows-1252"),
			file, encoding);
	gzFile gz = gzopen(file, "rb"); /* reads files that are not packed as they are */
	if (!gz) {
		iconv_close(cd);
		return cx_fail(e, CX_E_BAD_REQUEST, NULL, "%s: %s", file, strerror(errno));
	}
	gzbuffer(gz, 128 * 1024);
	csv_begin(&l, delimiter);
	int rc = read_all(&l, gz, cd, unit);
	*rows = l.rows;
	csv_free(&l.csv);
	gzclose(gz);
	iconv_close(cd);
	sqlite3_finalize(l.insert);
	buf_free(&l.row);
	free(l.ends);
	return rc;
}

/* ---- queries ---- */

static int each_row(struct scratch *s, sqlite3_stmt *st, const char *what,
	int (*f)(void *ctx, const struct scratch_row *), void *ctx, struct cx_err *e)
{
	int n = sqlite3_column_count(st), rc = 0, step;
	const char **names = xcalloc((size_t)n, sizeof *names);
	struct str *values = xcalloc((size_t)n, sizeof *values);
	for (int i = 0; i < n; i++)
		names[i] = xstrdup(sqlite3_column_name(st, i));
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		for (int i = 0; i < n; i++) {
			values[i].p = (const char *)sqlite3_column_text(st, i);
			values[i].n = (uint32_t)sqlite3_column_bytes(st, i);
		}
		rc = f(ctx, &(struct scratch_row){n, names, values});
		if (rc != 0)
			break;
	}
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		rc = failed(s, what, e);
	for (int i = 0; i < n; i++)
		free((char *)names[i]);
	free(names);
	free(values);
	return rc;
}

/* Where a query names a column that is not there: what there is. */
static int wrong_query(struct scratch *s, struct cx_err *e)
{
	sqlite3_stmt *st = NULL;
	int rc = failed(s, "sql", e);
	if (!strstr(e->msg, "no such column") ||
		sqlite3_prepare_v2(s->db,
			"SELECT group_concat(t.name || ': ' || (SELECT group_concat(name, ', ')"
			" FROM pragma_table_info(t.name)), '; ') FROM sqlite_master t"
			" WHERE t.type = 'table' AND t.name NOT LIKE 'cx %'",
			-1, &st, NULL) != SQLITE_OK)
		return rc;
	struct cx_err why = *e;
	if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_text(st, 0))
		cx_fail(e, rc, NULL, CX_T("%s; há %s", "%s; there is %s"), why.msg,
			sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	return rc;
}

int scratch_rows(struct scratch *s, const char *sql,
	int (*f)(void *ctx, const struct scratch_row *), void *ctx, struct cx_err *e)
{
	sqlite3_stmt *st;
	const char *rest;
	if (sqlite3_prepare_v2(s->db, sql, -1, &st, &rest) != SQLITE_OK)
		return wrong_query(s, e);
	int rc;
	rest += strspn(rest, " \t\r\n;");
	if (!st || *rest || !sqlite3_stmt_readonly(st) || sqlite3_column_count(st) == 0)
		rc = cx_fail(e, CX_E_BAD_REQUEST, "sql",
			CX_T("sql: precisa ser um só select", "sql: must be a single select"));
	else
		rc = each_row(s, st, "sql", f, ctx, e);
	sqlite3_finalize(st);
	return rc;
}

/* ---- mapped events ---- */

int scratch_event_add(struct scratch *s, int64_t time_ms, int part, int64_t row, int place,
	const char *json, size_t n, struct cx_err *e)
{
	sqlite3_bind_int64(s->add, 1, time_ms);
	sqlite3_bind_int(s->add, 2, part);
	sqlite3_bind_int64(s->add, 3, row);
	sqlite3_bind_int(s->add, 4, place);
	sqlite3_bind_text(s->add, 5, json, (int)n, SQLITE_STATIC);
	s->corrects |= memmem(json, n, CORRECTS, strlen(CORRECTS)) != NULL;
	sqlite3_step(s->add);
	return sqlite3_reset(s->add) == SQLITE_OK ? CX_OK : failed(s, "scratch", e);
}

static int name_events(struct scratch *s, struct cx_err *e)
{
	int rc = s->named ? SQLITE_OK
			  : sqlite3_exec(s->db,
				    "CREATE TABLE \"cx id\" AS SELECT rowid AS event,"
				    " json_extract(json, '$.id') AS id,"
				    " json_extract(json, '$.source') AS source,"
				    " CASE WHEN instr(json, '" CORRECTS "')"
				    " THEN json_extract(json, '$.corrects') END AS old"
				    " FROM \"cx event\";"
				    "CREATE INDEX \"cx by id\" ON \"cx id\" (id, source);",
				    NULL, NULL, NULL);
	s->named = true;
	return rc == SQLITE_OK ? CX_OK : failed(s, "scratch", e);
}

int scratch_conflicts(struct scratch *s,
	int (*f)(void *ctx, struct scratch_place of, struct scratch_place first, const char *id),
	void *ctx, struct cx_err *e)
{
	sqlite3_stmt *st;
	int rc = name_events(s, e), step;
	if (rc < 0)
		return rc;
	if (sqlite3_exec(s->db,
		    "CREATE TABLE \"cx out\" AS"
		    " SELECT e.rowid AS event, e.part AS part, e.row AS row, f.part AS part1,"
		    "  f.row AS row1, i.id AS id"
		    " FROM (SELECT min(event) AS first, id, source FROM \"cx id\""
		    "  GROUP BY id, source HAVING count(*) > 1) t"
		    " CROSS JOIN \"cx id\" i ON i.id = t.id AND i.source IS t.source"
		    "  AND i.event > t.first"
		    " CROSS JOIN \"cx event\" e ON e.rowid = i.event"
		    " CROSS JOIN \"cx event\" f ON f.rowid = t.first WHERE e.json <> f.json;"
		    "DELETE FROM \"cx event\" WHERE rowid IN (SELECT event FROM \"cx out\");"
		    "DELETE FROM \"cx id\" WHERE event IN (SELECT event FROM \"cx out\");",
		    NULL, NULL, NULL) != SQLITE_OK ||
		sqlite3_prepare_v2(s->db,
			"SELECT part, row, part1, row1, id FROM \"cx out\" ORDER BY event", -1, &st,
			NULL) != SQLITE_OK)
		return failed(s, "scratch", e);
	while (rc >= 0 && (step = sqlite3_step(st)) == SQLITE_ROW)
		rc = f(ctx,
			(struct scratch_place){
				sqlite3_column_int(st, 0), sqlite3_column_int64(st, 1)},
			(struct scratch_place){
				sqlite3_column_int(st, 2), sqlite3_column_int64(st, 3)},
			(const char *)sqlite3_column_text(st, 4));
	if (rc >= 0 && step != SQLITE_DONE)
		rc = failed(s, "scratch", e);
	sqlite3_finalize(st);
	return rc < 0 ? rc : CX_OK;
}

/* A correction may have a time before that of what it corrects, and is sent after it all the same:
 * with its time, one step later; so does a correction of a correction. Ids that correct each other
 * in a circle are left to whoever takes them in. */
static int after_corrected(struct scratch *s, struct cx_err *e)
{
	enum { ROUNDS = 1000 };
	if (name_events(s, e) < 0)
		return e->code;
	int rc = sqlite3_exec(s->db,
		"CREATE TABLE \"cx pair\" AS SELECT c.event AS event, o.event AS old"
		" FROM \"cx id\" c CROSS JOIN \"cx id\" o ON o.id = c.old"
		" AND o.source IS c.source WHERE c.old IS NOT NULL",
		NULL, NULL, NULL);
	for (int i = 0; i < ROUNDS && rc == SQLITE_OK; i++) {
		rc = sqlite3_exec(s->db,
			"UPDATE \"cx event\" AS e SET time_ms = max(e.time_ms, o.time_ms),"
			" step = max(e.step, o.step + 1) FROM \"cx pair\" p"
			" CROSS JOIN \"cx event\" o ON o.rowid = p.old WHERE e.rowid = p.event"
			" AND (e.time_ms < o.time_ms OR e.step <= o.step)",
			NULL, NULL, NULL);
		if (!sqlite3_changes(s->db))
			break;
	}
	return rc == SQLITE_OK ? CX_OK : failed(s, "scratch", e);
}

int scratch_events(struct scratch *s,
	int (*f)(void *ctx, int part, int64_t row, const char *json, size_t n), void *ctx,
	int64_t *total, struct cx_err *e)
{
	sqlite3_stmt *st;
	*total = 0;
	if (s->corrects && after_corrected(s, e) < 0)
		return e->code;
	if (sqlite3_prepare_v2(s->db, "SELECT count(*) FROM \"cx event\"", -1, &st, NULL) !=
		SQLITE_OK)
		return failed(s, "scratch", e);
	if (sqlite3_step(st) == SQLITE_ROW)
		*total = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	if (sqlite3_prepare_v2(s->db,
		    "SELECT part, row, json FROM \"cx event\""
		    " ORDER BY time_ms, step, part, row, place",
		    -1, &st, NULL) != SQLITE_OK)
		return failed(s, "scratch", e);
	int rc = 0, step;
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		const char *json = (const char *)sqlite3_column_text(st, 2);
		rc = f(ctx, sqlite3_column_int(st, 0), sqlite3_column_int64(st, 1), json,
			(size_t)sqlite3_column_bytes(st, 2));
		if (rc != 0)
			break;
	}
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		rc = failed(s, "scratch", e);
	sqlite3_finalize(st);
	return rc;
}
