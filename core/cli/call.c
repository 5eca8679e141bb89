#include <curl/curl.h>
#include <string.h>

#include "cli/print.h"

static CURL *curl;

static size_t on_body(char *p, size_t size, size_t n, void *to)
{
	buf_add(to, p, size * n);
	return size * n;
}

int call_http(const char *socket, const struct request *r, struct reply *reply)
{
	char type[256], why[CURL_ERROR_SIZE] = "";
	struct buf url = {0};
	long status = 0;
	if (!curl)
		curl = curl_easy_init();
	if (!curl)
		return cli_fail("libcurl");
	curl_easy_reset(curl);
	buf_printf(&url, "http://localhost%s%s", r->path[0] == '/' ? "" : "/", r->path);
	snprintf(type, sizeof type, "Content-Type: %s", r->type ? r->type : "application/json");
	struct curl_slist *heads = curl_slist_append(NULL, "Expect:");
	heads = curl_slist_append(heads, CX_T("Accept-Language: pt-BR", "Accept-Language: en"));
	if (r->body)
		heads = curl_slist_append(heads, type);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(curl, CURLOPT_URL, buf_cstr(&url));
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply->body);
	if (r->body) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, r->body);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->size);
	} else if (strcmp(r->method, "POST") == 0) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
	} else if (strcmp(r->method, "HEAD") == 0) {
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, r->method);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, heads);
	CURLcode rc = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(heads);
	buf_free(&url);
	reply->status = (int)status;
	if (rc != CURLE_OK)
		return cli_fail(CX_T("o servidor em %s não respondeu: %s",
					"the server on %s did not answer: %s"),
			socket, why[0] ? why : curl_easy_strerror(rc));
	return EXIT_DONE;
}

void call_close(void)
{
	if (curl)
		curl_easy_cleanup(curl);
	curl = NULL;
}

/* "@file", "-" or the text itself. */
static int read_body(const char *arg, struct buf *b)
{
	bool in = strcmp(arg, "-") == 0;
	if (!in && arg[0] != '@') {
		buf_puts(b, arg);
		return EXIT_DONE;
	}
	FILE *f = in ? stdin : fopen(arg + 1, "rb");
	if (!f)
		return cli_fail(CX_T("não consigo ler %s", "cannot read %s"), arg + 1);
	size_t n;
	do {
		buf_reserve(b, 65536);
		n = fread(b->p + b->len, 1, 65536, f);
		b->len += n;
	} while (n > 0);
	bool bad = ferror(f);
	if (!in)
		fclose(f);
	return bad ? cli_fail(CX_T("não consigo ler %s", "cannot read %s"), arg) : EXIT_DONE;
}

int cmd_call(struct cli *c)
{
	struct buf body = {0};
	struct reply reply = {0};
	const char *method = c->args[0], *path = c->args[1];
	if (path[0] != '/' || strpbrk(path, " \t\r\n") ||
		strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(method))
		return cli_usage_fail(c,
			CX_T("assim: cxd call GET /v1/kpis", "like this: cxd call GET /v1/kpis"));
	int rc = c->nargs > 2 ? read_body(c->args[2], &body) : EXIT_DONE;
	if (rc == EXIT_DONE)
		rc = cli_request(c,
			&(struct request){.method = method,
				.path = path,
				.type = cli_option(c, "type", 0),
				.body = c->nargs > 2 ? buf_cstr(&body) : NULL,
				.size = body.len},
			&reply);
	if (rc == EXIT_DONE) {
		fwrite(buf_cstr(&reply.body), 1, reply.body.len, stdout);
		if (reply.body.len > 0 && reply.body.p[reply.body.len - 1] != '\n')
			putchar('\n');
		rc = reply.status >= 400 ? EXIT_REFUSED : EXIT_DONE;
	}
	buf_free(&body);
	reply_free(&reply);
	return rc;
}
