#include "engine/evidence.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/problem.h"
#include "store/evidence.h"

struct places {
	char drop[EVIDENCE_PATH_MAX], kept[EVIDENCE_PATH_MAX];
};

static const char *header(const struct frame *f, const char *name)
{
	return meta_get(f->meta, f->head.meta_len, name);
}

/* False: the job names no file. */
static bool find(const struct engine *eng, const struct frame *f, struct places *p)
{
	const char *name = header(f, "sha256"), *drop = header(f, "drop");
	if (!name || !evidence_name_ok(name) || !drop || drop[strspn(drop, "0123456789")])
		return false;
	evidence_path(p->kept, eng->conf->server_data, name);
	evidence_drop_path(p->drop, eng->conf->server_data, drop);
	return true;
}

static bool is_there(const char *path, int64_t bytes)
{
	struct stat st;
	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == bytes;
}

static int failed(struct cx_err *e, const char *path)
{
	if (errno == ENOSPC || errno == EDQUOT)
		return cx_fail(e, CX_E_DISK_FULL, NULL, "%s",
			CX_T("o disco está cheio; o arquivo não foi guardado",
				"the disk is full; the file was not kept"));
	return cx_fail(e, CX_E_STORE_FAILED, NULL,
		CX_T("o arquivo não foi guardado: %s: %s", "the file was not kept: %s: %s"), path,
		strerror(errno));
}

static int folder_made(const char *path, struct cx_err *e)
{
	return mkdir(path, 0700) == 0 || errno == EEXIST ? CX_OK : failed(e, path);
}

/* What was made or moved in it is on disk. */
static int folder_kept(const char *path, struct cx_err *e)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd >= 0 && fsync(fd) == 0 ? CX_OK : failed(e, path);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Moves the file to its place, or finds it there, left by an earlier run of the job that died. */
static int adopt(const struct engine *eng, const struct places *p, const struct evidence_row *r,
	struct cx_err *e)
{
	const char *data = eng->conf->server_data;
	char all[EVIDENCE_PATH_MAX], folder[EVIDENCE_PATH_MAX];
	snprintf(all, sizeof all, "%s/evidence", data);
	evidence_folder(folder, data, r->name);
	bool waits = is_there(p->drop, r->bytes);
	if (!waits && !is_there(p->kept, r->bytes))
		return cx_fail(e, CX_E_STORE_FAILED, NULL, "%s",
			CX_T("o arquivo se perdeu antes de ser guardado; mande de novo",
				"the file was lost before it was kept; send it again"));
	int rc = folder_made(all, e);
	if (rc == CX_OK)
		rc = folder_made(folder, e);
	if (rc == CX_OK && waits && rename(p->drop, p->kept) != 0)
		return failed(e, p->kept);
	if (rc == CX_OK)
		rc = folder_kept(folder, e);
	if (rc == CX_OK)
		rc = folder_kept(all, e);
	if (rc == CX_OK)
		rc = folder_kept(data, e);
	if (rc != CX_OK)
		rename(p->kept, p->drop);
	return rc;
}

static void describe(struct buf *headers, struct buf *reply, const struct evidence_row *r)
{
	buf_add(headers, "Location", sizeof "Location");
	buf_printf(headers, "/v1/evidence/%s", r->name);
	buf_add(headers, "", 1);
	jw_obj(reply);
	jw_kstr(reply, "sha256", r->name);
	jw_kint(reply, "bytes", r->bytes);
	jw_kstr(reply, "media", r->media);
	jw_obj_end(reply);
}

/* The HTTP status, or why not. *lost: the store failed. */
static int keep(struct engine *eng, const struct frame *f, struct evidence_row *r, bool *lost,
	struct cx_err *e)
{
	struct places p;
	struct evidence_row new = {.bytes = 0};
	char actor[NAME_MAX_BYTES + 16];
	const char *media = header(f, "content-type"), *bytes = header(f, "bytes");
	if (!find(eng, f, &p) || !bytes)
		return cx_fail(e, CX_E_BAD_REQUEST, NULL, "%s",
			CX_T("falta o arquivo", "there is no file"));
	if (!media || !*media)
		media = "application/octet-stream";
	snprintf(new.name, sizeof new.name, "%s", header(f, "sha256"));
	snprintf(new.media, sizeof new.media, "%s", media);
	new.bytes = strtoll(bytes, NULL, 10);
	int rc = store_evidence_get(eng->store, new.name, r, e), known = rc;
	*lost = rc < 0;
	if (rc == 1 && is_there(p.kept, r->bytes))
		return 200;
	if (rc >= 0 && (rc = adopt(eng, &p, &new, e)) == CX_OK && !known) {
		caller_text(&f->head.caller, actor, sizeof actor);
		*r = new;
		rc = store_evidence_put(eng->store, r, f->head.now_ms, actor, e);
		*lost = rc < 0;
	}
	return rc < 0 ? rc : known ? 200 : 201;
}

int evidence_write(struct ingest *in, const struct frame *f, struct buf *headers, struct buf *reply,
	int *status)
{
	struct evidence_row r;
	struct cx_err e;
	bool lost = false;
	cx_lang = (enum cx_lang)f->head.caller.lang;
	int rc = keep(in->eng, f, &r, &lost, &e);
	if (lost)
		return ingest_lost(in, &e);
	if (rc < 0) {
		*status = problem_write(reply, &e);
		return CX_OK;
	}
	describe(headers, reply, &r);
	*status = rc;
	return CX_OK;
}

void evidence_undo(struct engine *eng, const struct frame *f)
{
	struct places p;
	struct evidence_row r;
	struct stat st;
	struct cx_err e;
	if (f->head.route != ROUTE_EVIDENCE_PUT || !find(eng, f, &p) || lstat(p.drop, &st) == 0 ||
		store_evidence_get(eng->store, header(f, "sha256"), &r, &e) != 0)
		return;
	rename(p.kept, p.drop);
}

bool evidence_sweep(struct engine *eng, int i)
{
	char folder[EVIDENCE_PATH_MAX], name[3];
	struct evidence_row r;
	struct cx_err e;
	struct dirent *f;
	snprintf(name, sizeof name, "%02x", (unsigned)i & 255);
	evidence_folder(folder, eng->conf->server_data, name);
	DIR *d = opendir(folder);
	if (!d)
		return false;
	while ((f = readdir(d)) != NULL)
		if (evidence_name_ok(f->d_name) &&
			store_evidence_get(eng->store, f->d_name, &r, &e) == 0) {
			log_info("evidence %s was never acknowledged: removed", f->d_name);
			unlinkat(dirfd(d), f->d_name, 0);
		}
	closedir(d);
	return true;
}
