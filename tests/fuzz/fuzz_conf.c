/* Fuzz target: a conf file of any bytes. Either it is accepted, and then what cxd conf --print
 * makes of it is accepted too and makes the same of itself; or every mistake has a message in
 * UTF-8. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];
static int fd = -1;

static void save(const void *p, size_t n)
{
	if (fd < 0) {
		fd = memfd_create("conf", 0);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	}
	if (ftruncate(fd, 0) != 0 || pwrite(fd, p, n, 0) != (ssize_t)n)
		abort();
}

static void printed(void)
{
	struct buf once = {0}, twice = {0};
	struct cx_errs errs = {0};
	if (conf_print(path, &once, &errs) != CX_OK)
		abort();
	save(once.p, once.len);
	if (conf_print(path, &twice, &errs) != CX_OK || once.len != twice.len ||
		memcmp(once.p, twice.p, once.len) != 0)
		abort();
	buf_free(&once);
	buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf c;
	struct cx_errs errs = {0};
	save(data, size);
	int rc = conf_load(&c, path, &errs);
	if ((rc == CX_OK) != (errs.n == 0))
		abort();
	conf_free(&c);
	if (rc == CX_OK)
		printed();
	return 0;
}
