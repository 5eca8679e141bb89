/* watch.h — tells that conf or files of the plugin folders have changed ([plugins] watch = yes).
 * Flow:   watch_start() → inotify on the folders of conf, of plugins and of each of them →
 * changed() once nothing has happened for WATCH_QUIET_MS: an editor or a checkout writes many
 * files; the folders are looked at again, since there may be new ones. Callers: front.c. Not the
 * folders below a plugin's (tests, web): they are no code of it. Owns:   its handles until
 * watch_stop(); the loop runs once more. */
#ifndef CX_IPC_WATCH_H
#define CX_IPC_WATCH_H

#include <uv.h>

enum { WATCH_QUIET_MS = 300 };

struct watch {
	uv_loop_t *loop;
	const char *path, *conf; /* the folder of plugins; the file */
	void (*changed)(void *ctx);
	void *ctx;
	uv_timer_t quiet;
	uv_fs_event_t **v, *of_conf;
	int n;
};

void watch_start(struct watch *w);
void watch_stop(struct watch *w);

#endif
