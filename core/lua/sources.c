#include <dirent.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/varint.h"
#include "lua/bind.h"

enum { FILE_MAX = 1 << 20, FILES_MAX = 500, FOLDERS_DEEP = 4 };

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct source_file *)a)->path, ((const struct source_file *)b)->path);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(
		((const struct plugin_sources *)a)->name, ((const struct plugin_sources *)b)->name);
}

static int unreadable(const char *path, struct cx_err *e)
{
	return cx_fail(e, CX_E_INTERNAL, NULL, CX_T("não consigo ler %s: %s", "cannot read %s: %s"),
		path, strerror(errno));
}

static int read_file(struct plugin_sources *s, const char *full, const char *path, struct cx_err *e)
{
	if (s->nfiles >= FILES_MAX)
		return cx_fail(e, CX_E_INTERNAL, NULL,
			CX_T("o plugin %s tem mais de %d arquivos",
				"plugin %s has more than %d files"),
			s->name, FILES_MAX);
	FILE *in = fopen(full, "rb");
	if (!in)
		return unreadable(full, e);
	char *text = xmalloc(FILE_MAX + 1);
	size_t n = fread(text, 1, FILE_MAX + 1, in);
	bool bad = ferror(in) != 0;
	fclose(in);
	if (bad || n > FILE_MAX) {
		free(text);
		return bad ? unreadable(full, e)
			   : cx_fail(e, CX_E_INTERNAL, NULL,
				     CX_T("%s tem mais de %d bytes", "%s has more than %d bytes"),
				     full, FILE_MAX);
	}
	s->files = xrealloc(s->files, (size_t)(s->nfiles + 1) * sizeof *s->files);
	text[n] = 0;
	s->files[s->nfiles++] = (struct source_file){xstrdup(path), xrealloc(text, n + 1), n};
	return CX_OK;
}

static int read_folder(
	struct plugin_sources *s, const char *full, const char *inside, int depth, struct cx_err *e)
{
	DIR *dir = opendir(full);
	if (!dir)
		return unreadable(full, e);
	int rc = CX_OK;
	for (struct dirent *d; rc >= 0 && (d = readdir(dir));) {
		char path[1400], below[400];
		struct stat st;
		size_t n = strlen(d->d_name);
		if (d->d_name[0] == '.')
			continue;
		if (snprintf(path, sizeof path, "%s/%s", full, d->d_name) >= (int)sizeof path ||
			snprintf(below, sizeof below, "%s%s", inside, d->d_name) >=
				(int)sizeof below - 1)
			continue;
		if (stat(path, &st) != 0)
			continue;
		if (S_ISREG(st.st_mode) && n > 4 && strcmp(d->d_name + n - 4, ".lua") == 0) {
			rc = read_file(s, path, below, e);
		} else if (S_ISDIR(st.st_mode) && depth < FOLDERS_DEEP &&
			   (depth > 0 || (strcmp(d->d_name, "tests") != 0 &&
						 strcmp(d->d_name, "web") != 0))) {
			strcat(below, "/");
			rc = read_folder(s, path, below, depth + 1, e);
		}
	}
	closedir(dir);
	return rc;
}

void sha256_text(const void *data, size_t n, char hex[65])
{
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	if (!EVP_Digest(data, n, md, &size, EVP_sha256(), NULL))
		abort();
	hex_text(md, size, hex);
}

void plugin_sources_hash(struct plugin_sources *s)
{
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	if (s->nfiles)
		qsort(s->files, (size_t)s->nfiles, sizeof *s->files, by_path);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (!ctx || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL))
		abort();
	for (int i = 0; i < s->nfiles; i++) {
		const struct source_file *f = &s->files[i];
		char len[32]; /* lengths, so that no text can pass for another's path */
		int k = snprintf(len, sizeof len, "%zu", f->len);
		EVP_DigestUpdate(ctx, f->path, strlen(f->path) + 1);
		EVP_DigestUpdate(ctx, len, (size_t)k + 1);
		EVP_DigestUpdate(ctx, f->text, f->len);
	}
	EVP_DigestFinal_ex(ctx, md, &n);
	EVP_MD_CTX_free(ctx);
	hex_text(md, n, s->hash);
}

/* A name written in `enable` must be there: a typo would switch a plugin off without a word. */
static int check_enabled(
	const struct conf *c, const struct plugin_sources *v, int n, struct cx_err *e)
{
	char list[4001];
	snprintf(list, sizeof list, "%s", c->plugins_enable);
	char *rest = NULL;
	for (char *w = strtok_r(list, " ,\t", &rest); w; w = strtok_r(NULL, " ,\t", &rest)) {
		bool found = strcmp(w, "*") == 0;
		for (int i = 0; i < n && !found; i++)
			found = strcmp(v[i].name, w) == 0;
		if (!found)
			return cx_fail(e, CX_E_NOT_FOUND, "plugins_enable",
				CX_T("[plugins] enable diz \"%s\", mas não há %s/%s/plugin.lua",
					"[plugins] enable says \"%s\", but there is no "
					"%s/%s/plugin.lua"),
				w, c->plugins_path, w);
	}
	return CX_OK;
}

int plugin_sources_read(const struct conf *c, struct plugin_sources **v, int *n, struct cx_err *e)
{
	*v = NULL;
	*n = 0;
	DIR *dir = opendir(c->plugins_path);
	if (!dir)
		return cx_fail(e, CX_E_NOT_FOUND, "plugins_path",
			CX_T("[plugins] path: não consigo ler a pasta %s: %s",
				"[plugins] path: cannot read the folder %s: %s"),
			c->plugins_path, strerror(errno));
	int rc = CX_OK;
	for (struct dirent *d; rc >= 0 && (d = readdir(dir));) {
		char full[1100], main_file[1200];
		if (d->d_name[0] == '.' || strlen(d->d_name) >= 64 ||
			!conf_plugin_enabled(c, d->d_name) ||
			snprintf(full, sizeof full, "%s/%s", c->plugins_path, d->d_name) >=
				(int)sizeof full)
			continue;
		snprintf(main_file, sizeof main_file, "%s/plugin.lua", full);
		struct stat st;
		if (stat(main_file, &st) != 0 || !S_ISREG(st.st_mode))
			continue;
		*v = xrealloc(*v, (size_t)(*n + 1) * sizeof **v);
		struct plugin_sources *s = &(*v)[(*n)++];
		*s = (struct plugin_sources){.name = xstrdup(d->d_name)};
		rc = read_folder(s, full, "", 0, e);
		plugin_sources_hash(s);
	}
	closedir(dir);
	if (*n)
		qsort(*v, (size_t)*n, sizeof **v, by_name);
	if (rc >= 0)
		rc = check_enabled(c, *v, *n, e);
	if (rc < 0) {
		plugin_sources_free(*v, *n);
		*v = NULL;
		*n = 0;
	}
	return rc;
}

void plugin_sources_free(struct plugin_sources *v, int n)
{
	for (int i = 0; i < n; i++) {
		for (int k = 0; k < v[i].nfiles; k++) {
			free(v[i].files[k].path);
			free(v[i].files[k].text);
		}
		free(v[i].files);
		free(v[i].declared);
		free(v[i].name);
	}
	free(v);
}

/* ---- as bytes: numbers, and texts behind their length ---- */

static void put_number(struct buf *b, uint64_t v)
{
	uint8_t bytes[VARINT_MAX];
	buf_add(b, bytes, varint_put(bytes, v));
}

static void put_text(struct buf *b, const char *p, size_t n)
{
	put_number(b, n);
	buf_add(b, p, n);
}

void plugin_sources_pack(const struct plugin_sources *v, int n, struct buf *out)
{
	put_number(out, (uint64_t)n);
	for (int i = 0; i < n; i++) {
		put_text(out, v[i].name, strlen(v[i].name));
		put_number(out, (uint64_t)v[i].nfiles);
		for (int k = 0; k < v[i].nfiles; k++) {
			const struct source_file *f = &v[i].files[k];
			put_text(out, f->path, strlen(f->path));
			put_text(out, f->text, f->len);
		}
	}
}

static bool get_number(const char **p, const char *end, uint64_t most, uint64_t *v)
{
	size_t n = varint_get((const uint8_t *)*p, (const uint8_t *)end, v);
	*p += n;
	return n > 0 && *v <= most;
}

static char *get_text(const char **p, const char *end, size_t *n)
{
	uint64_t len;
	if (!get_number(p, end, (uint64_t)(end - *p), &len) || len > (uint64_t)(end - *p))
		return NULL;
	char *text = xstrndup(*p, len);
	*p += len;
	*n = len;
	return text;
}

static bool unpack_one(const char **p, const char *end, struct plugin_sources *s)
{
	uint64_t files;
	size_t n;
	s->name = get_text(p, end, &n);
	if (!s->name || !get_number(p, end, FILES_MAX, &files))
		return false;
	s->files = xcalloc(files + 1, sizeof *s->files);
	for (uint64_t k = 0; k < files; k++) {
		struct source_file *f = &s->files[k];
		f->path = get_text(p, end, &n);
		s->nfiles++;
		f->text = f->path ? get_text(p, end, &f->len) : NULL;
		if (!f->text)
			return false;
	}
	plugin_sources_hash(s);
	return true;
}

bool plugin_sources_unpack(const char **p, const char *end, struct plugin_sources **v, int *n)
{
	uint64_t count;
	*v = NULL;
	*n = 0;
	if (!get_number(p, end, (uint64_t)(end - *p), &count))
		return false;
	*v = xcalloc(count + 1, sizeof **v);
	while (*n < (int)count) {
		if (unpack_one(p, end, &(*v)[(*n)++]))
			continue;
		plugin_sources_free(*v, *n);
		*v = NULL;
		*n = 0;
		return false;
	}
	return true;
}
