#include "ipc/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"

static void on_event(uv_fs_event_t *h, const char *file, int events, int status);

static void on_closed(uv_handle_t *h)
{
	free(h);
}

static void forget_folders(struct watch *w)
{
	for (int i = 0; i < w->n; i++)
		uv_close((uv_handle_t *)w->v[i], on_closed);
	free(w->v);
	w->v = NULL;
	w->n = 0;
}

static uv_fs_event_t *add_folder(struct watch *w, const char *path)
{
	uv_fs_event_t *h = xcalloc(1, sizeof *h);
	uv_fs_event_init(w->loop, h);
	h->data = w;
	int rc = uv_fs_event_start(h, on_event, path, 0);
	if (rc != 0) {
		log_warn("cannot watch %s: %s", path, uv_strerror(rc));
		uv_close((uv_handle_t *)h, on_closed);
		return NULL;
	}
	w->v = xrealloc(w->v, (size_t)(w->n + 1) * sizeof(uv_fs_event_t *));
	return w->v[w->n++] = h;
}

/* The folder of conf, that of plugins, and those in it. */
static void look(struct watch *w)
{
	uv_fs_t req;
	uv_dirent_t entry;
	const char *slash = strrchr(w->conf, '/');
	char *folder = slash ? xstrndup(w->conf, (size_t)(slash - w->conf) + 1) : xstrdup(".");
	forget_folders(w);
	w->of_conf = add_folder(w, folder);
	free(folder);
	add_folder(w, w->path);
	if (uv_fs_scandir(w->loop, &req, w->path, 0, NULL) >= 0)
		while (uv_fs_scandir_next(&req, &entry) == 0) {
			char path[4096];
			int n = snprintf(path, sizeof path, "%s/%s", w->path, entry.name);
			if (entry.type != UV_DIRENT_FILE && entry.name[0] != '.' &&
				n < (int)sizeof path)
				add_folder(w, path);
		}
	uv_fs_req_cleanup(&req);
}

static void on_quiet(uv_timer_t *t)
{
	struct watch *w = t->data;
	look(w);
	w->changed(w->ctx);
}

/* The folder of conf has other files too. */
static bool matters(const struct watch *w, const uv_fs_event_t *h, const char *file)
{
	const char *name = strrchr(w->conf, '/');
	return h != w->of_conf || !file || strcmp(file, name ? name + 1 : w->conf) == 0;
}

static void on_event(uv_fs_event_t *h, const char *file, int events, int status)
{
	struct watch *w = h->data;
	(void)events, (void)status;
	if (matters(w, h, file))
		uv_timer_start(&w->quiet, on_quiet, WATCH_QUIET_MS, 0);
}

void watch_start(struct watch *w)
{
	uv_timer_init(w->loop, &w->quiet);
	w->quiet.data = w;
	look(w);
}

void watch_stop(struct watch *w)
{
	if (!w->changed)
		return;
	forget_folders(w);
	uv_close((uv_handle_t *)&w->quiet, NULL);
	w->changed = NULL;
}
