#include "ipc/blame.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct blame *map(int fd)
{
	void *p = mmap(NULL, sizeof(struct blame), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

struct blame *blame_make(int *fd)
{
	*fd = memfd_create("cxd-blame", MFD_CLOEXEC);
	if (*fd < 0)
		return NULL;
	if (ftruncate(*fd, sizeof(struct blame)) != 0) {
		close(*fd);
		return NULL;
	}
	struct blame *b = map(*fd);
	if (!b)
		close(*fd);
	return b;
}

struct blame *blame_attach(int fd)
{
	return map(fd);
}

void blame_free(struct blame *b)
{
	if (b)
		munmap(b, sizeof *b);
}

static void begin(struct blame *b, enum blame_phase phase)
{
	/* Relaxed: the reader only needs to see it within a watchdog tick, and this is a hot path.
	 */
	uint64_t turn = atomic_load_explicit(&b->turn, memory_order_relaxed);
	atomic_store_explicit(&b->turn, turn + 1, memory_order_relaxed);
	atomic_store_explicit(&b->phase, phase, memory_order_relaxed);
}

void blame_phase(struct blame *b, enum blame_phase phase)
{
	if (b)
		begin(b, phase);
}

/* Around every call: snprintf would take longer than all else. */
static void put(char *out, size_t cap, const char *text)
{
	size_t n = strnlen(text, cap - 1);
	memcpy(out, text, n);
	out[n] = 0;
}

enum blame_phase blame_lua(
	struct blame *b, const char *plugin, const char *handler, uint32_t budget_ms)
{
	if (!b)
		return BLAME_IDLE;
	enum blame_phase before = b->phase;
	put(b->plugin, sizeof b->plugin, plugin);
	put(b->handler, sizeof b->handler, handler);
	atomic_store_explicit(&b->budget_ms, budget_ms, memory_order_relaxed);
	begin(b, BLAME_LUA);
	return before;
}

const char *blame_phase_name(uint32_t phase)
{
	static const char *const names[] = {
		"idle", "start", "migrate", "rebuild", "batch", "lua", "commit", "checkpoint"};
	return phase < sizeof names / sizeof *names ? names[phase] : "?";
}
