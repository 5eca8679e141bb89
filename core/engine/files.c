#include "engine/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int file_read(const char *path, struct buf *out, struct cx_err *e)
{
	char part[65536];
	size_t n;
	FILE *f = fopen(path, "re");
	if (!f)
		return cx_fail(e, CX_E_NOT_FOUND, NULL,
			CX_T("não consigo ler %s: %s", "cannot read %s: %s"), path,
			strerror(errno));
	while ((n = fread(part, 1, sizeof part, f)) > 0)
		buf_add(out, part, n);
	int failed = ferror(f);
	fclose(f);
	if (failed)
		return cx_fail(e, CX_E_NOT_FOUND, NULL,
			CX_T("não consigo ler %s", "cannot read %s"), path);
	return CX_OK;
}

int file_write(const char *path, const struct buf *text, struct cx_err *e)
{
	FILE *f = fopen(path, "we");
	bool ok = f && fwrite(text->p, 1, text->len, f) == text->len;
	if (f && fclose(f) != 0)
		ok = false;
	if (!ok)
		return cx_fail(e, CX_E_STORE_FAILED, NULL,
			CX_T("não consigo escrever %s: %s", "cannot write %s: %s"), path,
			strerror(errno));
	return CX_OK;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int files_list(const char *dir, const char *suffix, char ***paths)
{
	int n = 0;
	struct dirent *d;
	DIR *open_dir = opendir(dir);
	*paths = NULL;
	while (open_dir && (d = readdir(open_dir))) {
		size_t len = strlen(d->d_name), end = strlen(suffix);
		if (len <= end || d->d_name[0] == '.' || strcmp(d->d_name + len - end, suffix) != 0)
			continue;
		struct buf path = {0};
		buf_printf(&path, "%s/%s", dir, d->d_name);
		*paths = xrealloc(*paths, (size_t)(n + 1) * sizeof **paths);
		(*paths)[n++] = xstrdup(buf_cstr(&path));
		buf_free(&path);
	}
	if (open_dir)
		closedir(open_dir);
	if (n)
		qsort(*paths, (size_t)n, sizeof **paths, by_name);
	return n;
}

void files_free(char **paths, int n)
{
	for (int i = 0; i < n; i++)
		free(paths[i]);
	free(paths);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

void folder_remove(const char *dir)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
