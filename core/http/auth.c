#include "http/auth.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/msg.h"

enum { GROUPS_MAX = 256 };

void auth_init(struct auth *a, const struct conf *c)
{
	*a = (struct auth){.conf = c};
}

void auth_free(struct auth *a)
{
	free(a->tokens);
	a->tokens = NULL;
	a->ntokens = 0;
}

static int by_hash(const void *a, const void *b)
{
	const struct token_row *x = a, *y = b;
	return memcmp(x->sha256, y->sha256, sizeof x->sha256);
}

void auth_tokens(struct auth *a, const void *rows, uint32_t n)
{
	auth_free(a);
	a->tokens = xcalloc(n, sizeof *a->tokens);
	a->ntokens = n;
	if (n) {
		memcpy(a->tokens, rows, n * sizeof *a->tokens);
		qsort(a->tokens, n, sizeof *a->tokens, by_hash);
	}
	a->generation++;
}

static bool member(gid_t gid, const gid_t *groups, size_t n, uint32_t wanted)
{
	if (gid == wanted)
		return true;
	for (size_t i = 0; i < n; i++)
		if (groups[i] == wanted)
			return true;
	return false;
}

void auth_peer(const struct auth *a, int fd, struct caller *c)
{
	struct ucred who;
	gid_t groups[GROUPS_MAX];
	socklen_t n = sizeof who, size = sizeof groups;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0)
		size = 0;
	c->uid = who.uid;
	if (who.uid == getuid()) {
		c->level = LEVEL_ADMIN;
		return;
	}
	/* a row for the person beats rows for groups; of these the highest counts */
	for (int i = 0; i < a->conf->naccess; i++) {
		const struct conf_access *row = &a->conf->access[i];
		bool mine = row->gid ? member(who.gid, groups, size / sizeof *groups, row->id)
				     : row->id == who.uid;
		if (!mine || (row->gid && row->level <= c->level))
			continue;
		c->level = (uint8_t)row->level;
		snprintf(c->unit, sizeof c->unit, "%s", row->unit);
		if (!row->gid)
			return;
	}
}

static int no_token(struct cx_err *e, const char *pt, const char *en)
{
	return cx_fail(e, CX_E_UNAUTHENTICATED, NULL, "%s", CX_T(pt, en));
}

static int32_t find(const struct auth *a, const char *text, size_t n)
{
	struct token_row key = {0}, *row;
	SHA256((const unsigned char *)text, n, key.sha256);
	row = a->ntokens ? bsearch(&key, a->tokens, a->ntokens, sizeof key, by_hash) : NULL;
	return row ? (int32_t)(row - a->tokens) : -1;
}

int auth_token(const struct auth *a, const struct msg *m, int64_t now_ms, struct auth_seen *seen,
	struct caller *c, struct cx_err *e)
{
	size_t n;
	const char *text = msg_field(m, "authorization", &n);
	if (!text)
		return CX_OK;
	if (n < 8 || strncasecmp(text, "Bearer ", 7) != 0 ||
		head_find(&m->head, m->text.p, "authorization", 1))
		return no_token(e, "só Authorization: Bearer TOKEN é aceito",
			"only Authorization: Bearer TOKEN is accepted");
	if (!a->generation)
		return cx_fail(e, CX_E_ENGINE_RESTARTING, NULL, "%s",
			CX_T("ainda iniciando; os tokens não foram lidos",
				"still starting; the tokens are not read yet"));
	for (text += 7, n -= 7; n && *text == ' '; text++)
		n--;
	int32_t i;
	if (seen->generation == a->generation && n < sizeof seen->text && seen->text[n] == 0 &&
		memcmp(seen->text, text, n) == 0) {
		i = seen->row;
	} else {
		i = find(a, text, n);
		seen->generation = 0;
		if (n < sizeof seen->text) {
			memcpy(seen->text, text, n);
			seen->text[n] = 0;
			seen->row = i;
			seen->generation = a->generation;
		}
	}
	if (i < 0)
		return no_token(e, "token desconhecido ou revogado", "unknown or revoked token");
	const struct token_row *t = &a->tokens[i];
	if (t->expires_ms && t->expires_ms <= now_ms)
		return no_token(e, "o token expirou", "the token has expired");
	c->level = t->level;
	memcpy(c->token, t->name, sizeof c->token);
	memcpy(c->unit, t->unit, sizeof c->unit);
	memcpy(c->person, t->person, sizeof c->person);
	return CX_OK;
}

static bool same(const char *p, size_t n, const char *word)
{
	return strlen(word) == n && strncasecmp(p, word, n) == 0;
}

/* Is it in a list of names parted by commas or blanks? */
static bool listed(const char *list, const char *p, size_t n)
{
	for (const char *s = list; *s; s += strspn(s, ", \t")) {
		size_t len = strcspn(s, ", \t");
		if (len == n && len && strncasecmp(s, p, n) == 0)
			return true;
		s += len;
	}
	return false;
}

int auth_host(const struct auth *a, const struct msg *m, struct cx_err *e)
{
	size_t n, name;
	const char *host = msg_field(m, "host", &n);
	if (host) {
		for (name = n; name && host[name - 1] >= '0' && host[name - 1] <= '9'; name--)
			;
		bool port = name && host[name - 1] == ':';
		const char *digits = port ? host + name : "80";
		size_t ndigits = port ? n - name : 2;
		name = port ? name - 1 : n;
		if (same(digits, ndigits, a->tcp_port) &&
			(same(host, name, "localhost") || same(host, name, "127.0.0.1") ||
				same(host, name, "[::1]")))
			return CX_OK;
		if (listed(a->conf->server_hosts, host, n) ||
			listed(a->conf->server_hosts, host, name))
			return CX_OK;
	}
	return cx_fail(e, CX_E_MISDIRECTED, NULL,
		CX_T("este servidor não atende por esse Host; ponha o nome em [server] hosts",
			"this server does not answer to that Host; name it in [server] hosts"));
}

int auth_origin(const struct msg *m, struct cx_err *e)
{
	size_t n, nhost, nsite;
	const char *origin = msg_field(m, "origin", &n), *host = msg_field(m, "host", &nhost);
	const char *site = msg_field(m, "sec-fetch-site", &nsite);
	bool ok = !site || !same(site, nsite, "cross-site");
	if (ok && origin) {
		size_t scheme = n > 7 && strncasecmp(origin, "http://", 7) == 0    ? 7
				: n > 8 && strncasecmp(origin, "https://", 8) == 0 ? 8
										   : 0;
		ok = scheme && host && n - scheme == nhost &&
		     strncasecmp(origin + scheme, host, nhost) == 0 &&
		     !head_find(&m->head, m->text.p, "origin", 1);
	}
	return ok ? CX_OK
		  : cx_fail(e, CX_E_CROSS_ORIGIN, NULL, "%s",
			    CX_T("pedidos vindos de outro site não são aceitos",
				    "requests from another site are not accepted"));
}

bool auth_still(const struct auth *a, const struct caller *c, int64_t now_ms)
{
	if (!c->token[0] || !a->generation)
		return true;
	for (uint32_t i = 0; i < a->ntokens; i++) {
		const struct token_row *t = &a->tokens[i];
		if (strcmp(t->name, c->token) == 0)
			return t->level == c->level && strcmp(t->unit, c->unit) == 0 &&
			       (!t->expires_ms || t->expires_ms > now_ms);
	}
	return false;
}
