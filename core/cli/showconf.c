#include <unistd.h>

#include "cli/cli.h"

/* The documented file, with the values that are set in the present one; without one, the defaults.
 */
int cmd_conf(struct cli *c)
{
	struct buf text = {0};
	struct cx_errs errs = {0};
	if (!cli_option(c, "print", 0))
		return cli_usage_fail(
			c, CX_T("assim: cxd conf --print", "like this: cxd conf --print"));
	bool there = access(c->conf_path, F_OK) == 0;
	int rc = conf_print(there ? c->conf_path : NULL, &text, &errs) < 0 ? EXIT_REFUSED
									   : EXIT_DONE;
	for (int i = 0; i < errs.n && i < CX_ERRS_MAX; i++)
		fprintf(stderr, "%s\n", errs.v[i].msg);
	if (rc == EXIT_DONE)
		fwrite(text.p, 1, text.len, stdout);
	buf_free(&text);
	return rc;
}
