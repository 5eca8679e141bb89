#include "cli/print.h"

/* 0: what is kept equals what the events say; 1: differences, listed. */
int cmd_verify(struct cli *c)
{
	struct reply reply = {0};
	int rc = cli_get(c, "/v1/verify", NULL, &reply);
	json_t *j = rc == EXIT_DONE ? reply_json(&reply) : NULL;
	json_t *differences = json_object_get(j, "differences"), *checked;
	if (j && c->json) {
		printf("%s\n", buf_cstr(&reply.body));
	} else if (j) {
		for (size_t i = 0; i < json_array_size(differences); i++) {
			const json_t *each = json_array_get(differences, i);
			const char *plugin = json_text_of(each, "plugin"),
				   *by = json_text_of(each, "by");
			const char *what = json_text_of(each, "what");
			printf("%s%s%s%s%s%s\n", plugin ? plugin : "", by && *by ? " [" : "",
				by ? by : "", by && *by ? "]" : "", plugin ? ": " : "",
				what ? what : "?");
		}
		checked = json_object_get(j, "checked");
		printf("%s", CX_T("conferido:", "checked:"));
		for (void *n = json_object_iter(checked); n; n = json_object_iter_next(checked, n))
			printf(" %s=%lld", json_object_iter_key(n),
				(long long)json_integer_value(json_object_iter_value(n)));
		printf(CX_T("; diferenças: %zu\n", "; differences: %zu\n"),
			json_array_size(differences));
	}
	rc = j && json_array_size(differences) == 0 ? EXIT_DONE : EXIT_REFUSED;
	json_decref(j);
	reply_free(&reply);
	return rc;
}
