#include "engine/setconf.h"

#include <stdlib.h>

struct conf *setconf_parse(const struct engine *eng, const char *part, size_t n)
{
	struct conf *c = xcalloc(1, sizeof *c);
	if (conf_renew(c, eng->started, part, n))
		return c;
	free(c);
	return NULL;
}

int setconf_read(struct engine *eng, bool before, struct conf **out, struct cx_err *e)
{
	struct buf part = {0};
	int rc = store_meta_get(eng->store, before ? "conf_before" : "conf", &part, e);
	*out = rc == 1 ? setconf_parse(eng, part.p, part.len) : NULL;
	buf_free(&part);
	return rc < 0 ? rc : CX_OK;
}

int setconf_keep(struct engine *eng, struct cx_err *e)
{
	struct buf part = {0};
	conf_part(eng->conf, &part);
	int rc = store_meta_set(eng->store, "conf", buf_cstr(&part), part.len, e);
	buf_free(&part);
	return rc;
}

struct conf *setconf_swap(struct engine *eng, struct conf *c)
{
	struct conf *old = eng->conf;
	eng->conf = c ? c : eng->started;
	return old;
}

void setconf_free(struct engine *eng, struct conf *c)
{
	if (!c || c == eng->started)
		return;
	conf_free(c);
	free(c);
}
