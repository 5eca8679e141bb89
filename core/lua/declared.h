/* declared.h — members of what a plugin declared: the JSON that finish() of runtime/declare.lua
 * handed over. It has been checked there, so nothing here fails. Callers: define.c and define_*.c.
 * Owns: texts and lists are the caller's. */
#ifndef CX_LUA_DECLARED_H
#define CX_LUA_DECLARED_H

#include "json/scan.h"

char *declared_text(const struct json_doc *d, uint32_t at, const char *key); /* NULL: absent */
/* As JSON: a title is a text, or { lang = text }. NULL: absent. */
char *declared_json(const struct json_doc *d, uint32_t at, const char *key);
int64_t declared_int(const struct json_doc *d, uint32_t at, const char *key); /* 0: absent */
bool declared_bool(const struct json_doc *d, uint32_t at, const char *key);
/* Room for the items of the list under key, one more than there are. */
void *declared_list(
	const struct json_doc *d, uint32_t at, const char *key, size_t size, uint32_t *list);

#endif
