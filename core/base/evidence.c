#include "base/evidence.h"

#include <stdio.h>
#include <string.h>

bool evidence_name_ok(const char *name)
{
	return strspn(name, "0123456789abcdef") == EVIDENCE_NAME && name[EVIDENCE_NAME] == 0;
}

void evidence_folder(char *out, const char *data, const char *name)
{
	snprintf(out, EVIDENCE_PATH_MAX, "%s/evidence/%.2s", data, name);
}

void evidence_path(char *out, const char *data, const char *name)
{
	snprintf(out, EVIDENCE_PATH_MAX, "%s/evidence/%.2s/%s", data, name, name);
}

void evidence_drop_path(char *out, const char *data, const char *number)
{
	snprintf(out, EVIDENCE_PATH_MAX, "%s/drop/%s", data, number);
}

/* A token of RFC 9110, 5.6.2 (in lower case, as Content-Type comes). */
static size_t token(const char *s)
{
	return strspn(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz");
}

bool evidence_media_ok(const char *media)
{
	size_t type = token(media), n = strlen(media);
	if (!type || media[type] != '/' || n >= EVIDENCE_MEDIA_MAX)
		return false;
	size_t sub = token(media + type + 1), end = type + 1 + sub;
	for (size_t i = end; i < n; i++)
		if (media[i] < ' ' || media[i] > '~')
			return false;
	return sub && (media[end] == 0 || media[end] == ';');
}
